#!/bin/sh
# What is missing from a trace is said by every command that reads it, also when it was converted.
# shellcheck source=/dev/null
. "$LIB"
reports=$(dirname "$LIB")/../data/reports
lost="250278 events were overwritten while recording"
cp "$reports/06-ring-overwritten.ftrace.txt" ring.ftrace.txt

expect 0 trace check ring.ftrace.txt
prints "ring.ftrace.txt: ok: 1 records"
prints "  what is missing"
prints "    $lost; record with larger buffers"
expect 0 trace check -q ring.ftrace.txt
says "ring.ftrace.txt: warning: missing: $lost"
[ ! -s out ] || fail "not quiet"
expect 0 trace check --json ring.ftrace.txt
prints '"count": 250278'
prints '"what": "events were overwritten while recording"'
prints '"sound": true'
echo "time_ns,device,op,iova,bytes" >good.csv
expect 3 trace check --json good.csv absent.csv
prints '"missing": []'
prints '"sound": false'
prints '"error": "absent.csv: error'

expect 0 trace info ring.ftrace.txt
prints "    $lost"
expect 0 trace info --json ring.ftrace.txt
prints '"count": 250278'

# once in each native trace made of it, whatever is done to that
expect 0 trace convert ring.ftrace.txt ring.dwt
says "ring.ftrace.txt: warning: missing: $lost"
expect 0 trace cut ring.dwt cut.dwt --records 1
says "ring.dwt: warning: missing: $lost"
expect 0 trace merge cut.dwt good.csv both.dwt
says "cut.dwt: warning: missing: $lost"
for file in ring.dwt cut.dwt both.dwt; do
    expect 0 trace info "$file"
    [ "$(grep -c "$lost" out)" = 1 ] || fail "$file does not say it once"
    expect 0 trace check "$file"
    [ "$(grep -c "$lost" out)" = 1 ] || fail "$file does not say it once"
done
expect 0 trace convert both.dwt - --to csv
says "both.dwt: warning: missing: $lost"
expect 0 trace check --from native - <cut.dwt
prints "    $lost"

# runs
{
    echo "schema: 1"
    echo "name: lossy"
    echo "traces: [{path: cut.dwt}, {path: good.csv}]"
    echo "iommu: {model: amd-v1}"
    echo "mapping: {source: trace}"
    echo "sweep: {iommu.levels: [4, 5]}"
} >lossy.yaml
expect 0 check lossy.yaml
prints "  warning     missing: $lost"
expect 0 run lossy.yaml -o results -q
[ "$(grep -c "$lost" err)" = 1 ] || fail "the run does not say it once"
says "warning   cut.dwt: missing: $lost"
expect 0 tables lossy.yaml
says "cut.dwt: warning: missing: $lost"

# An access that the IOMMU refused is no write.
cp "$reports"/12-blocked-write-counts.* .
expect 0 run 12-blocked-write-counts.yaml -o blocked -q
says "1 accesses were refused by the IOMMU (io_page_fault) and are no records"
[ "$(column truth_pages blocked/results.csv | sort -u)" = 0 ] || fail "a refused access counts as a write"
