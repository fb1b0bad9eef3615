#!/bin/sh
# A trace that cannot be read or is corrupt: exit code 3, the record's number, the cells are recorded as
# failed and the other traces go on.
# shellcheck source=/dev/null
. "$LIB"
trace good.csv 1000

# corrupt NAME TEXT: NAME.csv (or .csv.gz) gives exit code 3 and TEXT; good.csv still gives its row.
corrupt() {
    experiment "$1.yaml"
    sed -i "s|^traces:.*|traces: [{path: $1.csv*}, {path: good.csv}]|" "$1.yaml"
    expect 3 run "$1.yaml"
    says "$2"
    [ "$(column status "results/$1/results.csv" | tr '\n' ' ')" = "failed ok " ] ||
        fail "wrong status in results.csv"
    grep -F -q -e "$2" "results/$1/failed.csv" || fail "failed.csv does not say: $2"
    [ "$(column records "results/$1/results.csv" | tr '\n' ' ')" = " 1000 " ] || fail "wrong metrics"
    clean "results/$1"
}

{ cat good.csv; echo "5,32,write,4096,64"; } >backwards.csv
corrupt backwards "record 1001: error: time goes backwards"
{ cat good.csv; echo "900000,32,write,0xfffffffffffff000,8192"; } >overflow.csv
corrupt overflow "record 1001: error"
{ cat good.csv; echo "900000,32,scribble,4096,64"; } >op.csv
corrupt op "scribble"
{ cat good.csv; echo "900000,32,write,4096,0"; } >empty_access.csv
corrupt empty_access "record 1001: error"
{ cat good.csv; echo "900000,99999,write,4096,64"; } >device.csv
corrupt device "99999"
{ cat good.csv; echo "900000,32,write,4k,64"; } >number.csv
corrupt number "4k"
trace long.csv 20000
gzip -c long.csv | head -c 20000 >truncated.csv.gz
corrupt truncated "truncated"
echo "time_ns,device,op,iova" >columns.csv
corrupt columns "bytes"

# Repaired, the trace is another one, and so is the plan: its cell runs, the other is not run again.
cp good.csv backwards.csv
expect 2 run backwards.yaml
says "let the folder follow this plan with --update"
expect 0 run --update backwards.yaml
prints "1 resumed"
[ "$(column status results/backwards/results.csv | tr '\n' ' ')" = "ok ok " ] || fail "still failed"

# Nothing runs when a trace cannot be identified.
mkdir folder.csv
experiment unreadable.yaml
sed -i 's|^traces:.*|traces: [{path: folder.csv}]|' unreadable.yaml
code=0
"$DIRTYWALK" run unreadable.yaml >out 2>err || code=$?
[ "$code" = 3 ] || [ "$code" = 2 ] || fail "exit code $code for a folder as trace"
says "folder.csv"
nothing_ran results/unreadable
experiment hash.yaml
sed -i "s|^traces:.*|traces: [{path: good.csv, sha256: $(printf '%064d' 0)}]|" hash.yaml
expect 3 run hash.yaml
says "SHA-256"
nothing_ran results/hash
sed -i "s|sha256: [0-9]*|sha256: $(sha256sum good.csv | cut -d' ' -f1)|" hash.yaml
expect 0 run hash.yaml

# What is wrong with the call is no fault of the trace.
trace a.csv 1000
for command in "info a.csv" "check a.csv" "convert a.csv b.csv" "cut a.csv b.csv" "merge a.csv a.csv b.csv"; do
    # shellcheck disable=SC2086 # words
    expect 2 trace $command --from foo
    says 'unknown trace format "foo"'
done
cp a.csv nosuffix
expect 2 trace check nosuffix
says "or name one of csv, ftrace, native, qemu (--from, in an experiment"
expect 2 trace merge - - both.csv
says "standard input can be one input only"
expect 2 trace cut a.csv b.csv --op read,,write
says "nothing before or behind a comma"
# The recording that trace-cmd makes is no text.
printf '\027\010Dtracing7\nmore' >trace.dat
expect 3 trace check trace.dat --from ftrace
says "is a binary trace.dat; give its text: trace-cmd report FILE |"
# Other compressions and UTF-16 are named with the command that makes them readable, which then works.
cp "$(dirname "$LIB")/../data/reports/01-qemu-10.0-reference.qemu.log" reference.qemu.log
expect 0 trace convert reference.qemu.log reference.csv
xz -k reference.qemu.log
for command in "info reference.qemu.log.xz" "check reference.qemu.log.xz" "convert reference.qemu.log.xz x.csv --sort"; do
    # shellcheck disable=SC2086 # words
    expect 3 trace $command
    says "reference.qemu.log.xz: error: is compressed with xz"
    says "xz -dc reference.qemu.log.xz | dirtywalk trace convert - OUT.dwt --from qemu"
done
xz -dc reference.qemu.log.xz | "$DIRTYWALK" trace convert - piped.csv --from qemu --quiet || fail "not from a pipe"
same reference.csv piped.csv
code=0
# shellcheck disable=SC2002 # a pipe is wanted, not a file
cat reference.qemu.log.xz | "$DIRTYWALK" trace convert - piped.csv --from qemu 2>err || code=$?
[ $code = 3 ] || fail "exit code $code for xz in a pipe"
says 'standard input: error: is compressed with xz, which is not read here; put "xz -dc" in front of the pipe'
# An access of more than 4 GiB is damage: the rest of a run does not wait for it.
printf 'time_ns,device,op,iova,bytes\n0,4,write,0x0,9223372036854775808\n' >huge.csv
for command in info check "convert huge.dwt"; do
    # shellcheck disable=SC2086 # words
    expect 3 trace ${command%% *} huge.csv ${command#"${command%% *}"}
    says "huge.csv: record 1: error: write of 9223372036854775808 bytes; an access has at most 4 GiB"
done
experiment huge.yaml
sed -i 's|^traces:.*|traces: [{path: huge.csv}]|; s|^mapping:.*|mapping: {source: static, regions: [{iova: 0, size: 1GiB}]}|' huge.yaml
expect 3 check huge.yaml
says "huge.csv: record 1: error: write of 9223372036854775808 bytes"
expect 3 run huge.yaml
[ "$(grep -c "record 1: error" err)" = 1 ] || fail "not one message"
# A header without records is a warning.
echo "time_ns,device,op,iova,bytes" >empty.csv
expect 0 trace convert empty.csv empty.dwt
says "empty.csv: warning: the file has a header and no records"
