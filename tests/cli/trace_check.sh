#!/bin/sh
# dirtywalk trace check: sound files, damaged files, several at once.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 50000
expect 0 trace convert t.csv t.dwt -q
expect 0 trace convert t.csv t.csv.gz -q
expect 0 trace check t.csv t.dwt t.csv.gz
[ "$(grep -c ': ok: 50000 records, 1 devices, 4999900ns$' out)" = 3 ] || fail "not three times ok"
expect 0 trace check -q t.csv
[ ! -s out ] || fail "not quiet"
expect 0 trace check --from csv t.csv

# One bad file of several: the others are still looked at.
{ cat t.csv; echo "5,32,write,0,1"; } >backwards.csv
expect 3 trace check backwards.csv t.dwt missing.csv t.csv
[ "$(grep -c ': ok: ' out)" = 2 ] || fail "the good ones were not checked"
says "backwards.csv: record 50001: error: time goes backwards"
says "missing.csv: error"

# Every part of a native file counts: blocks, summary, index, end.
size=$(wc -c <t.dwt)
for at in 40 $((size / 2)) $((size - 300)) $((size - 60)) $((size - 20)); do
    cp t.dwt flipped.dwt
    byte=$(od -An -tu1 -j "$at" -N 1 t.dwt | tr -d ' ')
    printf "%b" "\\0$(printf '%o' $((byte ^ 16)))" | dd of=flipped.dwt bs=1 seek="$at" conv=notrunc 2>/dev/null
    if cmp -s t.dwt flipped.dwt; then fail "byte $at was not changed"; fi
    expect 3 trace check flipped.dwt
    says "flipped.dwt: "
done
for length in 0 1 1000 $((size - 1)); do
    head -c "$length" t.dwt >short.dwt
    expect 3 trace check short.dwt
done
echo "time_ns,device,op,iova,bytes,colour" >colours.csv
echo "0,1,write,0,1,red" >>colours.csv
expect 0 trace check colours.csv
says 'colours.csv: warning: ignored columns: "colour"'
expect 2 trace check
