#!/bin/sh
# Progress goes to stderr in the form asked for; stdout has the table alone.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 3000
experiment one.yaml "sweep: {iotlb.entries: [64, 256]}"
expect 0 run one.yaml -o json --progress json
for event in start pass_start cell_done end; do says "\"event\":\"$event\""; done
expect 0 run one.yaml -o never --progress never
[ ! -s err ] || fail "--progress never says something"
expect 0 run one.yaml -o plain --progress plain
expect 0 run one.yaml -o auto --progress auto
if grep -q "$(printf '\r')" err; then fail "a bar where there is no terminal"; fi
