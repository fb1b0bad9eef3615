#!/bin/sh
# dirtywalk show: any table of finished results, from their folder alone; the same table as a run prints.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 4000
experiment big.yaml "sweep:" "  iommu.model: [amd-v1, intel-ss, smmu-s1, riscv-g]" \
    "  mapping.page_sizes: [[4KiB], [2MiB]]" "  iotlb.entries: [16, 64, 256, 1024]" \
    "  iotlb.replacement: [lru, fifo]" "  harvest.interval: [20us, 50us, 100us, 200us]"
expect 0 run big.yaml
mv out of_run
# At most 100 columns, at most 30 lines of 256 cells, the rest in ranges; what is the same everywhere is said once.
awk 'length > 100' of_run | grep . && fail "the table is wider than 100 columns"
grep -q "^ranges    over the 256 rows of these" of_run || fail "no ranges over 256 rows"
grep -q "^all rows  missed pages 0, lost pages 0" of_run || fail "columns that are all alike are not said once"
grep -q "^best  .*reported / written 1.00 x: " of_run || fail "no best row"
grep -q "^worst .*reported / written " of_run || fail "no worst row"
grep -q "^alike     iommu.model: amd-v1 = " of_run || fail "models that report the same are not said to"
sed '/^$/,$d' of_run >table
[ "$(wc -l <table)" -lt 60 ] || fail "the table has more than 60 lines"
# The run's table is show's, and needs neither the experiment nor the trace.
mkdir away && mv big.yaml t.csv away/
expect 0 show results/big
same out table

# Chosen keys and columns; keys as in YAML or in the CSV. More columns than fit go into a second block.
expect 0 show results/big --by mapping.page_sizes,harvest_interval_ns --columns false_leaf,flush_ns
[ "$(grep -c '^[24][KM]iB  *[0-9]*us ' out)" = 8 ] || fail "not eight lines"
expect 0 show results/big -b trace,mapping.page_sizes -c records,writes,reads,requests,iotlb_hits,iotlb_misses,walks,leaves,leaves_mapped,table_bytes
[ "$(grep -c '^t  *4KiB' out)" = 2 ] || fail "not two blocks"
awk 'length > 100' out | grep . && fail "chosen columns are wider than 100"
prints "12..24KiB"

# Exact numbers as CSV: those of results.csv.
expect 0 show results/big --by iommu.model,mapping.page_sizes,iotlb.entries,iotlb.replacement,harvest.interval \
    --columns reported_pages,flush_ns,amplification --csv
[ "$(head -n 1 out)" = iommu_model,mapping_page_sizes,iotlb_entries,iotlb_replacement,harvest_interval_ns,rows,failed,reported_pages,flush_ns,amplification ] ||
    fail "wrong header"
for name in reported_pages flush_ns amplification; do
    [ "$(column $name out)" = "$(column $name results/big/results.csv)" ] || fail "$name is not that of results.csv"
done
expect 0 show results/big --by harvest.interval --columns flush_ns --csv
[ "$(head -n 1 out)" = harvest_interval_ns,rows,failed,flush_ns_min,flush_ns_max ] || fail "wrong header of ranges"
[ "$(sed -n 2p out | cut -d, -f1,2)" = 20000,64 ] || fail "wrong line of ranges"
expect 0 show results/big -k smmu --by iommu.model --csv
[ "$(wc -l <out)" = 2 ] || fail "--keep does not keep smmu alone"

# Keys that change nothing are said and make no lines; nor do keys that a design does not look at.
cd away || exit
experiment small.yaml "sweep:" "  iommu: [{model: amd-v1, pde: freed}, {model: amd-v1, pde: always}, {model: smmu-s1}]" \
    "  iommu.dbm: [static, dynamic]"
expect 0 run small.yaml -o ../small
cd .. || exit
grep -q "^alike     iommu.pde" away/out || fail "iommu.pde is not said to change nothing: $(cat away/out)"
[ "$(grep -c '^amd-v1' away/out)" = 1 ] || fail "keys that change nothing, or are not looked at, make lines"

# Health of the results, from the folder alone.
expect 0 show results/big --health
prints "nothing found"
cd away || exit
experiment ill.yaml "tracking: {start: 100us}"
expect 0 run ill.yaml -o ../ill
cd .. || exit
expect 0 show ill --health
prints "of the writes"
prints "lower tracking.start"
expect 0 show ill --health --json
prints '"kind": "before_start"'

# What is wrong with the words.
expect 2 show results/big --by interval
says 'did you mean "harvest.interval"?'
expect 2 show results/big --columns flush_nss
says 'did you mean "flush_ns"?'
expect 2 show results/big -k nowhere
says "matches no label"
expect 2 show results/big --health --csv
expect 2 show results/big --json
expect 2 show
says "which results?"
expect 2 show away
says "holds no results"
expect 2 show nowhere
says "No such file"

# Damaged folders: one message, and what can be read is shown.
one_warning() {
    [ "$(grep -c warning err)" = 1 ] || fail "not one warning"
}
cp -r results/big half
for cell in $(column cell half/results.csv | head -n 3); do rm -r "half/cells/$cell"; done
cell=$(column cell half/results.csv | sed -n 4p)
echo '{' >"half/cells/$cell/result.json"
expect 0 show half
one_warning
says "4 of the plan's 256 rows are not there yet or cannot be read"
prints "over the 252 rows"
for cell in half/cells/*; do echo '{' >"$cell/result.json"; done
expect 0 show half
one_warning
says "none of its cells can be read"
prints "over the 256 rows"
rm -r half/cells half/plan.csv
expect 0 show half
prints "over the 256 rows"
expect 0 show results/big --columns reported_pages,iotlb_misses
mv out of_cells
expect 0 show half --columns reported_pages,iotlb_misses
same out of_cells
rm half/results.csv
expect 2 show half
cp -r results/big torn
printf 'cell,label,trace\n"torn' >torn/plan.csv
expect 0 show torn
one_warning
says "shown as results.csv has them"
prints "over the 256 rows"
rm torn/results.csv
expect 4 show torn
cp -r results/big other
sed -i 's/"dirtywalk_model_version": "[^"]*"/"dirtywalk_model_version": "0"/' other/datapackage.json
expect 0 show other
one_warning
says "model version 0"
prints "over the 256 rows"

# A cell that failed is said, not counted.
cd away || exit
cat >m.csv <<EOF
time_ns,device,op,iova,bytes,address
0,32,map,0,4096,0
10,32,map,0,4096,4096
20,32,write,0,64,
EOF
experiment fails.yaml "sweep: {mapping.conflicts: [error, count]}"
sed -i 's/t.csv/m.csv/; s/^mapping:.*/mapping: {source: trace}/' fails.yaml
expect 1 run fails.yaml -o ../fails
cd .. || exit
expect 0 show fails
prints "failed"
says "1 of 2 rows"
expect 0 show fails --health
says "1 of 2 rows"

# A value with which cells fail is not like one with which they do not; columns that nothing has take no room.
cd away || exit
accented=$(printf 'm\303\251.csv')
cp m.csv "$accented"
sed -n '1,2p; 4p' m.csv >fine.csv
experiment some.yaml "sweep: {mapping.conflicts: [error, count]}"
sed -i "s/traces: .*/traces: [{path: $accented}, {path: fine.csv}]/; s/^mapping:.*/mapping: {source: trace}/" some.yaml
expect 1 run some.yaml -o ../some
cd .. || exit
expect 0 show some
if grep "^alike  *mapping.conflicts" out; then fail "cells that fail are like cells that do not"; fi
if grep "downtime" out; then fail "columns that nothing has"; fi
prints "others    missed pages 0"
# What is not ASCII takes a column, not its bytes.
[ "$(grep -c "^${accented%.csv}     error " out)" = 1 ] || fail "a name that is not ASCII is not aligned"
[ "$(grep -c '^fine   error ' out)" = 1 ] || fail "lines are not aligned"

# The health of results is with their cells.
rm -r ill/cells
expect 4 show ill --health
says 'under "health" in provenance.json'
