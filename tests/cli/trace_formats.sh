#!/bin/sh
# An experiment takes every trace format as it is, and the same records give the same results in each.
# shellcheck source=/dev/null
. "$LIB"
logs=$(dirname "$LIB")/../data/logs

# replay NAME TRACE [FORMAT]: the result columns of all cells, without those that name the trace, into NAME.results.
replay() {
    cat >"$1.yaml" <<END
schema: 1
name: $1
traces: [{path: $2${3:+, format: $3}}]
iommu: {model: amd-v1}
mapping: {source: touched}
sweep: {iommu.model: [amd-v1, intel-ss, smmu-s1], harvest.interval: [100ms, 10s], iotlb.entries: [2, 64], iotlb.ways: [1]}
END
    expect 0 run "$1.yaml"
    python3 - "results/$1" >"$1.results" <<'END'
import csv, sys
for name in ("results.csv", "intervals.csv"):
    for row in csv.DictReader(open(f"{sys.argv[1]}/{name}")):
        print(*(value for key, value in row.items() if key not in ("cell", "label", "trace", "trace_sha256")))
END
    [ "$(wc -l <"$1.results")" -gt 12 ] || fail "too few results of $2"
}

number=0
for log in "$logs"/*.log "$logs"/*.simple "$logs"/*.ftrace.txt; do
    number=$((number + 1))
    name=log$number
    replay $name "$log"
    for to in csv csv.gz dwt; do
        expect 0 trace convert "$log" "$name.$to"
        replay "$name$to" "$name.$to"
        same $name.results "$name$to.results"
    done
    # Compressed, under a name that says nothing, from a pipe.
    case $log in *.ftrace.txt) format=ftrace ;; *) format=qemu ;; esac
    gzip -c "$log" >"$name"
    replay "$name$format" "$name" $format
    same $name.results "$name$format.results"
    "$DIRTYWALK" trace convert - piped.csv --from $format <"$log" 2>err || fail "$log: not from standard input"
    same "$name.csv" piped.csv
    # shellcheck disable=SC2002 # a pipe is wanted, not a file
    cat "$log" | "$DIRTYWALK" trace convert - piped.csv --from $format 2>err || fail "$log: not from a pipe"
    same "$name.csv" piped.csv
done
[ $number -ge 10 ] || fail "only $number logs"
