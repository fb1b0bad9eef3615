#!/bin/sh
# Everything that a results folder holds, and who may write in one.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 5000
experiment one.yaml "sweep:" "  iommu.model: [amd-v1, smmu-s1]" "  harvest.interval: [100us, 200us]"
expect 0 run one.yaml
prints "/ written"
prints "results/one/results.csv"
[ "$(tail -n 1 out | cut -d" " -f1)" = report ] || fail "the path of the report does not come last"
prints "results/one/report.html"
for file in experiment.yaml plan.csv results.csv intervals.csv timing.csv failed.csv datapackage.json \
    provenance.json report.html; do
    has "results/one/$file"
done
clean results/one
same one.yaml results/one/experiment.yaml
head -n 1 results/one/results.csv |
    grep -q '^cell,label,trace,trace_sha256,status,.*iommu_model.*,records,writes,.*,walk_ns,.*,fault_ns,split_ns$' ||
    fail "wrong header of results.csv"
[ "$(wc -l <results/one/results.csv)" = 5 ] || fail "not four rows"
[ "$(wc -l <results/one/plan.csv)" = 5 ] || fail "not four rows in the plan"
[ "$(wc -l <results/one/failed.csv)" = 1 ] || fail "failed.csv has rows"
[ "$(column trace results/one/results.csv | sort -u)" = t.csv ] || fail "wrong trace column"
[ "$(column trace_sha256 results/one/results.csv | sort -u)" = "$(sha256sum t.csv | cut -d' ' -f1)" ] ||
    fail "wrong SHA-256"
[ "$(column cell results/one/plan.csv)" = "$(column cell results/one/results.csv)" ] ||
    fail "not in plan order"
for cell in $(column cell results/one/results.csv); do
    for file in cell.yaml result.json intervals.csv; do has "results/one/cells/$cell/$file"; done
done
[ "$(find results/one/cells -mindepth 1 -maxdepth 1 | wc -l)" = 4 ] || fail "not four cells"

# A resolved cell is an experiment that gives the same cell.
cell=$(column cell results/one/results.csv | sed -n 3p)
cp "results/one/cells/$cell/cell.yaml" resolved.yaml
expect 0 check one.yaml --resolved "$cell"
same out "results/one/cells/$cell/cell.yaml"

# The plan as CSV.
expect 0 check one.yaml --cells
same out results/one/plan.csv

# A second run has nothing to do and changes nothing.
cp -r results/one before
expect 0 run one.yaml
prints "4 resumed"
for file in experiment.yaml plan.csv results.csv intervals.csv timing.csv failed.csv datapackage.json; do
    same "before/$file" "results/one/$file"
done
expect 0 run one.yaml --fresh
prints "0 resumed"
same before/results.csv results/one/results.csv
expect 0 check one.yaml
prints "4 of them already done"

# A cell that was torn runs again.
echo '{' >"results/one/cells/$cell/result.json"
expect 0 run one.yaml
prints "3 resumed"
same before/results.csv results/one/results.csv
same before/intervals.csv results/one/intervals.csv
echo "torn" >>"results/one/cells/$cell/intervals.csv"
expect 0 run one.yaml
prints "3 resumed"
same before/intervals.csv results/one/intervals.csv

# Another plan is refused, whatever its name: an edited copy, --set, a resolved cell. Nothing is changed.
cp -r results/one before_update
cp one.yaml kept.yaml
sed -i 's/\[100us, 200us\]/[200us, 300us]/' one.yaml
expect 2 run one.yaml
says 'holds the results of another plan, "one" with 4 rows; this one has 4, 2 of them in both'
says "-o DIR"
says "--update"
expect 2 run kept.yaml -o results/one -s iotlb.entries=128
says "0 of them in both"
expect 2 run resolved.yaml -o results/one
says "this one has 1, 1 of them in both"
diff -r before_update results/one || fail "a refused run changed the folder"
expect 0 check one.yaml
prints "will refuse the folder"

# With --update the folder follows: what both plans have is kept, and what no longer belongs is said.
expect 0 run one.yaml --update
prints "2 resumed"
says "2 cells that no longer belong"
[ "$(wc -l <results/one/results.csv)" = 5 ] || fail "results.csv does not follow the new plan"
[ "$(find results/one/cells -mindepth 1 -maxdepth 1 | wc -l)" = 6 ] || fail "cells were removed"
expect 0 run kept.yaml -o results/one --update
prints "4 resumed"
same before_update/results.csv results/one/results.csv
expect 0 run one.yaml --update

# A plan that cannot be read belongs to nobody; without one there are no cells yet.
cp results/one/plan.csv plan.csv
printf 'cell,label\n"torn' >results/one/plan.csv
expect 2 run one.yaml
says "plan.csv"
says "--update"
cp plan.csv results/one/plan.csv

# Cells of another model version are another plan.
cp -r results/one other_version
sed -i 's/"dirtywalk_model_version": "[^"]*"/"dirtywalk_model_version": "0"/' other_version/datapackage.json
sed -i '2s/^[0-9a-f]*,/000000000000,/' other_version/plan.csv
expect 2 run one.yaml -o other_version
says "holds results of model version 0"

# --keep chooses what runs; results.csv holds every finished row of the plan. A plain word matches anywhere.
expect 0 run one.yaml -k smmu --fresh
prints "2 cells"
[ "$(wc -l <results/one/results.csv)" = 5 ] || fail "--keep took rows away"
expect 2 run one.yaml -k nowhere
says "matches no label"

# Without intervals there is none of an earlier form.
expect 0 run one.yaml -s outputs.intervals=false
has_not results/one/intervals.csv

# Folders of others are refused with the remedy, and left alone.
experiment two.yaml
cp -r results/one before_two
expect 2 run two.yaml -o results/one
says 'holds the results of another plan, "one"'
says "-o DIR"
diff -r before_two results/one || fail "the folder of another experiment was changed"
mkdir foreign
echo "mine" >foreign/notes.txt
expect 2 run two.yaml -o foreign
says "holds no results"
[ "$(ls foreign)" = notes.txt ] || fail "a foreign folder was changed"
mkdir empty
expect 0 run two.yaml -o empty
has empty/results.csv

# Trace paths are relative to the experiment, wherever the program is started.
mkdir -p sub/deeper
cp two.yaml t.csv sub/
expect 0 run sub/two.yaml -o from_above
(cd sub/deeper && "$DIRTYWALK" run ../two.yaml -o ../../from_below >/dev/null 2>&1) || fail "run from below"
same from_above/results.csv from_below/results.csv
same from_above/results.csv empty/results.csv

# Two runs in one folder: the second is told so. A lock whose process is gone is none.
expect_busy() {
    expect 2 run two.yaml -o empty "$@"
    says "another run is at work there"
}
flock empty/.lock sh -c 'echo locked >there; while [ ! -e go ]; do sleep 0.05; done' &
holder=$!
while [ ! -e there ]; do sleep 0.05; done
expect_busy
expect_busy -S 0/2
touch go
wait "$holder"
rm there go
flock -s empty/.lock sh -c 'echo locked >there; while [ ! -e go ]; do sleep 0.05; done' &
holder=$!
while [ ! -e there ]; do sleep 0.05; done
expect_busy
expect 0 run two.yaml -o empty -S 0/2
touch go
wait "$holder"
expect 0 run two.yaml -o empty
