#!/bin/sh
# --set changes one key, is checked like the file, and is part of the cell.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 5000
experiment one.yaml "limits: {records: 4000}"
expect 0 run one.yaml -o base
expect 0 run one.yaml -o more -s iotlb.entries=4096 -s iommu.model=smmu-s1 -s 'mapping.page_sizes=[2MiB]'
[ "$(column iotlb_entries more/results.csv)" = 4096 ] || fail "iotlb.entries was not set"
[ "$(column iommu_model more/results.csv)" = smmu-s1 ] || fail "iommu.model was not set"
[ "$(column leaves more/results.csv)" = 8 ] || fail "mapping.page_sizes was not set"
[ "$(column cell base/results.csv)" != "$(column cell more/results.csv)" ] ||
    fail "the same id for another cell"
grep -F -q "iotlb.entries=4096" more/provenance.json || fail "provenance.json does not have the overrides"
expect 0 check one.yaml --resolved 0 -s iotlb.entries=32
prints "32"
expect 2 check one.yaml --resolved 1
says "no such cell"
# A trace that is shorter than the limit is said to be.
expect 0 run one.yaml -o short -s limits.records=6000
says "ended before limits.records"
[ "$(column records short/results.csv)" = 5000 ] || fail "not 5000 records"
[ "$(column records base/results.csv)" = 4000 ] || fail "not 4000 records"
expect 0 run one.yaml -o quiet -q
[ ! -s out ] || fail "--quiet prints"
[ ! -s err ] || fail "--quiet says something"
