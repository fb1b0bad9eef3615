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

# What is left is measured in records x cells: right after a resume it is that of the cells that are left.
sed -i 's/\[64, 256\]/[64, 256, 1024]/' one.yaml
expect 0 run one.yaml -o json --update --progress json
says '"resumed":2'
[ "$(grep -c cell_done err)" = 1 ] || fail "not one cell"

# Cells that share their tables say so beside their time.
expect 0 run one.yaml -o together -j1
[ "$(column cells_sharing together/timing.csv | sort -u)" = 3 ] || fail "three cells do not share"
expect 0 run one.yaml -o alone -s iotlb.entries=64
[ "$(column cells_sharing alone/timing.csv)" = 1 ] || fail "one cell shares"
