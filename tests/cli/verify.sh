#!/bin/sh
# report --verify: every finished cell computed again from what its folder says; what differs or belongs to nothing is told.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 5000
trace u.csv 3000 7
trace bad.csv 100
echo "99,32,write,0,64" >>bad.csv # back in time: its cells fail
experiment one.yaml "harvest: {interval: 100us}" "sweep:" "  iommu.model: [amd-v1, smmu-s1]" "  iotlb.entries: [8, 64]"
sed 's/{path: t.csv}/{path: t.csv}, {path: u.csv}, {path: bad.csv}/' one.yaml >three.yaml
sed -i 's/name: one/name: three/' three.yaml

# Right results, seen from elsewhere too; the record of a failed cell is not a finished row's numbers.
expect 0 run one.yaml
expect 3 run three.yaml
cp -r results/one kept
expect 0 report results/one --verify
prints "4 of 4 finished cells computed again give the same numbers"
(cd / && "$DIRTYWALK" report "$OLDPWD/results/one" --verify) >out 2>err || fail "not from elsewhere"
for file in results intervals plan; do same "kept/$file.csv" "results/one/$file.csv"; done
code=0
"$DIRTYWALK" report results/three --verify >out 2>err || code=$?
[ "$code" = 0 ] || fail "a trace that fails as it did: exit code $code"
prints "cells computed again give the same numbers"

cell=$(column cell results/one/results.csv | sed -n 2p)
folder=results/one/cells/$cell
again() {
    rm -rf results/one
    cp -r kept results/one
}

# A counter in a record, and in the table alone.
sed -i 's/"harvests": *[0-9]*/"harvests": 123456/' "$folder/result.json"
grep -q 123456 "$folder/result.json" || fail "nothing was edited"
expect 1 report results/one --verify
says "differs   $cell"
says "harvests is 123456, computed again"
prints "3 of 4 finished cells computed again give the same numbers, 1 gives others"
again
sed -i '2s/[1-9]/7/2' results/one/results.csv
cmp -s kept/results.csv results/one/results.csv && sed -i '2s/[1-9]/8/2' results/one/results.csv
expect 1 report results/one --verify
says "results.csv was not what the cells say, from line 2 on"
prints "4 of 4"
same kept/results.csv results/one/results.csv

# A row of a cell's harvests, and a line too few, which makes the cell unfinished.
again
sed -i '3y/0123456789/1234567890/' "$folder/intervals.csv"
expect 1 report results/one --verify
says "intervals.csv is another from line 3 on"
again
sed -i '$d' "$folder/intervals.csv"
expect 1 report results/one --verify
says "1 of the plan's 4 rows are not there yet or cannot be read"
prints "3 of 3 finished cells"

# A folder of nobody, and one that describes another cell.
again
cp -r "$folder" results/one/cells/0123456789ab
expect 1 report results/one --verify
says "0123456789ab belongs to no row of plan.csv"
prints "1 folder in cells/ belongs to no row"
again
sed -i 's/entries: 8$/entries: 16/; s/entries: 64$/entries: 16/' "$folder/cell.yaml"
expect 3 report results/one --verify
says "unable    $cell"
says "describes cell"
prints "1 cannot be computed"
again
echo "nonsense: [" >"$folder/cell.yaml"
expect 3 report results/one --verify
says "unable    $cell"
rm "$folder/cell.yaml"
expect 3 report results/one --verify

# A trace that is another, and none.
again
mv t.csv t.kept
trace t.csv 5000 3
expect 3 report results/one --verify
says "t.csv: error: is another trace"
prints "0 of 4 finished cells computed again give the same numbers, 4 cannot be computed"
rm t.csv
expect 3 report results/one --verify
says "t.csv"
says "and 3 more cells for the same reason"
[ "$(grep -c ^unable err)" = 1 ] || fail "one trace that is gone is said more than once"
mv t.kept t.csv

# Cells that --update left behind do not count; a folder that may not be written is verified as it is.
again
sed 's/\[8, 64\]/[8, 32]/' one.yaml >two.yaml
expect 0 run two.yaml -o results/one --update
expect 0 report results/one --verify
prints "2 cells of another plan left alone"
if [ "$(id -u)" != 0 ]; then
    chmod a-w results/one
    expect 0 report results/one --verify
    says "cannot be written"
    prints "4 of 4 finished cells"
    chmod u+w results/one
fi

# Where nothing is finished, nothing is right.
again
rm -r results/one/cells results/one/results.csv
expect 1 report results/one --verify
prints "no cell is finished"

# No plan to hold the cells to.
again
rm results/one/plan.csv
code=0
"$DIRTYWALK" report results/one --verify >out 2>err || code=$?
[ "$code" -ne 0 ] || fail "verified without a plan"
says "plan.csv"
