#!/bin/sh
# check says what a run will take. Time is only looked for: tests run on busy machines. Disk and memory hold within a
# factor of two.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 60000
experiment one.yaml "harvest: {interval: 20us}" "sweep:" "  iommu.model: [amd-v1, smmu-s1]" "  iotlb.entries: [16, 64, 256]"

# bytes WORD: the size that stands before it in the estimate.
bytes() {
    grep '^  estimate' out | grep -o "[0-9.]*[KMG]*i*B $1" | awk '{
        size = $1 + 0
        if ($1 ~ /K/) size *= 1024
        if ($1 ~ /M/) size *= 1048576
        if ($1 ~ /G/) size *= 1073741824
        printf "%d", size }'
}
within() {
    [ "$1" -lt $((2 * $2)) ] && [ "$2" -lt $((2 * $1)) ] || fail "$3: $1 foreseen, $2 found"
}
expect 0 check one.yaml
grep -q '^  estimate    [0-9.]*s on [0-9]* thread' out || fail "no time foreseen"
disk=$(bytes "on disk")
memory=$(bytes "of memory")
has_not results
expect 0 run one.yaml
within "$disk" "$(du -s --apparent-size -B1 results/one | cut -f1)" "disk"
# peak RESULTS: the most memory of a run. The program itself, and what a sanitizer adds, is what one record takes.
peak() {
    column peak_rss_bytes "$1/timing.csv" | sort -n | tail -n 1
}
expect 0 run one.yaml --fresh
expect 0 run one.yaml -o least -s limits.records=1
grown=$(($(peak results/one) - $(peak least)))
[ "$grown" -lt $((2 * memory + 16777216)) ] || fail "memory: $memory foreseen, $grown found"
# What is done already is not counted; nor is what the folder would refuse.
expect 0 check one.yaml
prints "estimate    nothing to do"
expect 0 check one.yaml -s iotlb.ways=2
prints "will refuse the folder"
grep -q '^  estimate    [0-9.]*s on' out || fail "no estimate beside another plan"
