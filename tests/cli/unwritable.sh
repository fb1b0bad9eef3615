#!/bin/sh
# Results that cannot be written: exit code 4, one message with the remedy, nothing half written.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 20000
experiment one.yaml "harvest: {interval: 1us}"

echo "a file" >taken
expect 4 run one.yaml -o taken
says "--output"
[ "$(cat taken)" = "a file" ] || fail "the file was changed"
expect 4 run one.yaml -o taken/deeper
says "--output"
expect 4 run one.yaml -o /proc/dirtywalk/results
says "--output"

# A disk that takes no more: files may not pass this many blocks of 512 bytes.
limited() {
    code=0
    (trap '' XFSZ; ulimit -f "$1"; exec "$DIRTYWALK" run one.yaml -o "$2") >out 2>err || code=$?
    [ "$code" = 4 ] || fail "exit code $code with files limited to $1 blocks"
    [ "$(grep -c 'error: ' err)" = 1 ] || fail "not exactly one message"
    says "cannot write it"
    clean "$2"
    has_not "$2/results.csv"
}
limited 1 tiny
# Enough for the descriptions, too little for the intervals of a cell.
limited 80 small
has small/plan.csv
[ -z "$(ls small/cells)" ] || fail "a cell was half written"
# With room again the run goes on in the same folder.
expect 0 run one.yaml -o small
has small/results.csv
