#!/bin/sh
# results.csv and intervals.csv are the same bytes for any job count, batch size, shard split and order
# of runs.
# shellcheck source=/dev/null
. "$LIB"
trace a.csv 30000 1
trace b.csv 9000 7
experiment one.yaml "sweep:" "  iommu.model: [amd-v1, intel-ss, smmu-s1, smmu-s2]" \
    "  harvest.interval: [100us, 700us]" \
    "zip: {mapping.page_sizes: [[4KiB], [2MiB]], iotlb.entries: [256, 64]}"
sed -i 's|^traces:.*|traces: [{path: "?.csv"}]|' one.yaml
equal() {
    same "$1/results.csv" jobs1/results.csv
    same "$1/intervals.csv" jobs1/intervals.csv
    same "$1/plan.csv" jobs1/plan.csv
    clean "$1"
}
with_batch() {
    DIRTYWALK_BATCH_RECORDS=$1
    export DIRTYWALK_BATCH_RECORDS
    shift
    expect "$@"
    unset DIRTYWALK_BATCH_RECORDS
}
expect 0 run one.yaml -o jobs1 -j1
[ "$(wc -l <jobs1/results.csv)" = 33 ] || fail "not 32 rows"
[ "$(column trace jobs1/results.csv | head -n 4 | tr '\n' ' ')" = "a.csv b.csv a.csv b.csv " ] ||
    fail "rows out of order"
expect 0 run one.yaml -o jobs2 -j2
equal jobs2
expect 0 run one.yaml -o jobs7 -j7
equal jobs7
with_batch 1 0 run one.yaml -o batch1 -j2
equal batch1
with_batch 7 0 run one.yaml -o batch7
equal batch7
expect 0 run one.yaml -o shards -S 2/3
prints "rows are not there yet"
expect 0 run one.yaml -o shards -S 0/3
expect 0 run one.yaml -o shards -S 1/3
equal shards
expect 0 run one.yaml -o kept -k '*intel-ss*'
[ "$(wc -l <kept/results.csv)" = 9 ] || fail "--keep did not keep 8 rows"
expect 0 run one.yaml -o kept
prints "8 resumed"
equal kept
# One thread per pass and several passes at a time.
expect 0 run one.yaml -o few -j8 -k '*intel-ss*700us*'
expect 0 run one.yaml -o few
equal few
with_batch 0 2 run one.yaml -o none
says "DIRTYWALK_BATCH_RECORDS"
with_batch 4097 2 run one.yaml -o none
