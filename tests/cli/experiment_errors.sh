#!/bin/sh
# Every kind of error in an experiment file: where, what, what would be right; exit code 2; nothing runs.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 10

# wrong NAME TEXT LINE...: an experiment with these lines is refused with TEXT and a place in the file.
wrong() {
    name=$1
    text=$2
    shift 2
    experiment "$name.yaml" "$@"
    expect 2 run "$name.yaml"
    says "$text"
    grep -E -q "^$name.yaml:[0-9]+:[0-9]+: error: " err || fail "no place in the file"
    nothing_ran "results/$name"
    expect 2 check "$name.yaml"
}

wrong unknown_key 'did you mean "entries"?' "iotlb: {entires: 64}"
wrong duplicate "duplicate" "seed: 1" "seed: 2"
wrong no_unit "no unit" "harvest: {interval: 100}"
grep -F -q "100ms" err || fail "no suggestion of a unit"
wrong bad_choice "periodic" "harvest: {policy: periodical}"
wrong iotlb_shape "iotlb" "iotlb: {entries: 64, ways: 5}"
wrong iotlb_sets "iotlb" "iotlb: {entries: 96, ways: 8}"
wrong pair_log "does not go with tracking.method log" "tracking: {method: log, clear_on_start: false}"
wrong pair_timed "does not go with harvest.timing timed" "harvest: {timing: timed, no_clear: true}"
wrong pair_precopy "does not go with harvest.policy precopy" "harvest: {policy: precopy, no_clear: true}"
wrong stop_first "stop" "tracking: {start: 2s, stop: 1s}"

# Keys of the lines that `experiment` writes.
remap() {
    sed "s|^mapping:.*|mapping: $2|" base.yaml | sed "s|^name: .*|name: $1|" >"$1.yaml"
    expect 2 run "$1.yaml"
    says "$3"
    nothing_ran "results/$1"
}
experiment base.yaml
both="{iova: 0, size: 16MiB, address: 0}, {iova: 8MiB, size: 16MiB, address: 1GiB}"
remap overlap "{source: static, regions: [$both]}" "overlap"
remap width "{source: static, regions: [{iova: 0x1000000000000, size: 16MiB, address: 0}]}" "regions"
remap output "{source: static, regions: [{iova: 0, size: 16MiB, address: 0x10000000000000}]}" "regions"
remap untraced "{source: touched, regions: [{iova: 0, size: 16MiB}]}" "leave regions out"
one="{iova: 0, size: 16MiB, address: 0}"
remap no_size "{source: static, regions: [$one], page_sizes: [512GiB]}" "has no leaves of 512GiB; write 4KiB, 2MiB, 1GiB, 8KiB"
sed 's/amd-v1/smmu-s2/; s/^name: .*/name: bits/' base.yaml >bits.yaml
expect 2 run bits.yaml -s iommu.address_bits=39
says "write 32, 36, 40, 42, 44 or 48"

# Several errors come in one run.
experiment many.yaml "iotlb: {entires: 64}" "harvest: {interval: 100}"
expect 2 run many.yaml
[ "$(grep -c 'error: ' err)" -ge 2 ] || fail "only one of two errors was said"

# Globs, files and overrides.
sed 's/t\.csv/none-*.csv/; s/^name: .*/name: glob/' base.yaml >glob.yaml
expect 2 run glob.yaml
says "none-*.csv"
printf 'schema: 1\nname: [\n' >broken.yaml
expect 2 run broken.yaml
says "broken.yaml:"
expect 2 run base.yaml -s iotlb.entires=1
says "--set iotlb.entires"
expect 2 run base.yaml -s harvest.interval=5
says "unit"
expect 2 run base.yaml -k 'nothing like it'
says "matches no label"
nothing_ran results/base
