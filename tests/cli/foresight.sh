#!/bin/sh
# check says beforehand what will make results mean less, in the words of the run.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 2000
experiment one.yaml
good() {
    ! grep -q '^warning\|^tried' out || fail "a warning of nothing"
}

# From what the trace holds: of every cell, whether it was tried or not.
expect 0 check one.yaml
good
expect 0 check one.yaml -s tracking.start=10ms
prints "warning   1 cell: the trace lasts 199900ns and ends before tracking starts, at 10ms"
expect 0 check one.yaml -s harvest.policy=marks
prints "the trace has no mark records"
expect 0 check one.yaml -s limits.records=1000000
prints "the trace ended before limits.records"
expect 0 check one.yaml -s limits.records=100
good

# From the trials, which go over short traces whole; a run says the same.
sed 's/16MiB/8MiB/; s/name: one/name: half/' one.yaml >half.yaml
expect 0 check half.yaml
grep '^warning' out >foreseen
grep -q 'met no mapping, the first at IOVA' foreseen || fail "does not see requests without a mapping"
expect 0 run half.yaml
grep '^warning' err >found
same found foreseen
expect 0 check half.yaml
good # nothing waits

# A long trace is not tried to its end: what its beginning shows is said of the beginning, the trace's counts of all cells.
trace long.csv 400000
{
    echo "schema: 1"
    echo "name: long"
    echo "traces: [{path: long.csv}]"
    echo "iommu: {model: smmu-s1}"
    echo "mapping: {source: static, regions: [{iova: 0, size: 8MiB, address: 0}]}"
    echo "harvest: {interval: 1us}"
    echo "tracking: {start: 1s}"
    echo "iotlb: {entries: 65536, ways: 0}"
    echo "sweep: {mapping.page_sizes: [[4KiB]], dma.max_payload: [128B, 256B, 512B], walk_cache.entries: [$(seq -s, 1 40)]}"
} >long.yaml
expect 0 check long.yaml
prints "120 cells: "
prints "and ends before tracking starts, at 1s"
prints "met no mapping" # of what was tried, whole or not
