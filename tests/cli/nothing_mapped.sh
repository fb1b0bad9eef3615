#!/bin/sh
# Results that mean nothing say so: source trace without a map record or a region.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 100
experiment base.yaml
sed 's|^mapping:.*|mapping: {source: trace}|; s|^name: .*|name: nothing|' base.yaml >nothing.yaml
expect 0 check nothing.yaml
prints "nothing is ever mapped"
prints "give mapping.regions, or use mapping.source touched"
expect 0 run nothing.yaml
says "nothing is ever mapped"
[ "$(column faults_translation results/nothing/results.csv)" = 100 ] || fail "requests met a mapping"
[ "$(column amplification results/nothing/results.csv)" = "" ] || fail "a ratio over nothing"

# A region, or a map record, is enough; so is a map record that only some cells reach.
expect 0 check nothing.yaml -s 'mapping.regions=[{iova: 0, size: 16MiB}]'
if grep -q "ever mapped" out; then fail "warned with a region"; fi
{ cat t.csv && echo "10000,32,map,0,4096"; } >u.csv && mv u.csv t.csv
expect 0 check nothing.yaml
if grep -q "ever mapped" out; then fail "warned with a map record"; fi
expect 0 run nothing.yaml -o mapped
says_not "ever mapped"
expect 0 check nothing.yaml -s limits.records=100
prints "nothing is ever mapped"

# One domain per device, also when there is one device.
expect 0 check base.yaml -s domains=per_device
expect 0 run base.yaml -o domains -s domains=per_device
[ "$(column domain_count domains/results.csv)" = 1 ] || fail "not one domain"

# Touched pages beyond the width are mapped by no table, which is told; 54-bit addresses have tables at 6 levels.
printf 'time_ns,device,op,iova,bytes\n0,32,write,0x3ffffffc0000000,4096\n9,32,write,0x3ffffffc0001000,4096\n' >t.csv
sed 's|^mapping:.*|mapping: {source: touched}|' base.yaml >wide.yaml
expect 0 run wide.yaml -s iommu.levels=6 -o wide
says_not "IOVA width"
[ "$(column true_pages wide/results.csv)" = 2 ] || fail "wrong pages"
[ "$(column faults_translation wide/results.csv)" = 0 ] || fail "no mapping"
expect 0 run wide.yaml -o narrow
says "1 cell: touched addresses lie beyond the IOVA width and fault"
