#!/bin/sh
# SIGINT and SIGTERM: finished cells are kept, the run can be resumed, and its results are those of a run in
# one piece.
# shellcheck source=/dev/null
. "$LIB"
trace a.csv 2000 1
trace b.csv 600000 2
experiment one.yaml "sweep:" "  iommu.model: [amd-v1, intel-ss, smmu-s1, smmu-s2]" \
    "  iotlb.entries: [64, 256, 1024]" "  harvest.interval: [1ms, 10ms]"
sed -i 's|^traces:.*|traces: [{path: a.csv}, {path: b.csv}]|' one.yaml
expect 0 run one.yaml -o whole

# interrupted SIGNAL CODE: send the signal once the cells of the short trace are done.
interrupted() {
    rm -rf "cut_$1"
    DIRTYWALK_BATCH_RECORDS=1 "$DIRTYWALK" run one.yaml -o "cut_$1" -j1 --progress json >out 2>err &
    process=$!
    tries=0
    until grep -q cell_done err; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "no cell was done in a minute"
        sleep 0.1
    done
    kill -s "$1" "$process"
    code=0
    wait "$process" || code=$?
    [ "$code" = "$2" ] || fail "exit code $code instead of $2"
    says "run the same command again"
    says "of 48 cells are kept in cut_$1"
    clean "cut_$1"
    done_before=$(find "cut_$1/cells" -mindepth 1 -maxdepth 1 | wc -l)
    [ "$done_before" -ge 24 ] || fail "only $done_before cells were done"
    [ "$done_before" -lt 48 ] || fail "all cells were done before the signal"
    expect 0 run one.yaml -o "cut_$1"
    prints "$done_before resumed"
    same "cut_$1/results.csv" whole/results.csv
    same "cut_$1/intervals.csv" whole/intervals.csv
}
interrupted TERM 143
# A shell that is not interactive starts background jobs with SIGINT ignored; the program catches it anyway.
interrupted INT 130

# kill -9 loses at most the cells in flight and leaves nothing in the way.
"$DIRTYWALK" run one.yaml -o killed -j1 --progress json >out 2>err &
process=$!
tries=0
until grep -q cell_done err; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "no cell was done in a minute"
    sleep 0.1
done
kill -9 "$process"
wait "$process" || true
expect 0 run one.yaml -o killed
clean killed
same killed/results.csv whole/results.csv

# A pass that would lose too much is dealt anew with fewer cells; results do not depend on it.
DIRTYWALK_BATCH_RECORDS=1 DIRTYWALK_PASS_SECONDS=0.05 "$DIRTYWALK" run one.yaml -o dealt -j1 --progress json >out 2>err ||
    fail "a run in short passes"
passes=$(grep -c pass_start err)
[ "$passes" -gt 4 ] || fail "$passes passes only"
grep pass_start err | grep -q '"cells":1[,}]' || fail "no pass has a single cell"
[ "$(grep -c cell_done err)" = 48 ] || fail "not 48 cells"
same dealt/results.csv whole/results.csv
same dealt/intervals.csv whole/intervals.csv

# Cells that split records in different ways do not wait for each other.
experiment ways.yaml "sweep: {dma.max_payload: [256B, 4KiB], domains: [shared, per_device]}"
sed -i 's/t.csv/a.csv/' ways.yaml
expect 0 run ways.yaml --progress json
[ "$(grep -c pass_start err)" = 4 ] || fail "ways share a pass"

# SIGTERM ends a run within a second, however many harvests lie between two records.
printf 'time_ns,device,op,iova,bytes\n0,32,write,0,64\n3600000000000,32,write,0,64\n' >t.csv
experiment gap.yaml "harvest: {interval: 1us, no_clear: true}" "outputs: {intervals: false}"
"$DIRTYWALK" run gap.yaml >out 2>err &
process=$!
sleep 1
kill -s TERM "$process"
begin=$(date +%s%N)
code=0
wait "$process" || code=$?
took=$((($(date +%s%N) - begin) / 1000000))
[ "$code" = 143 ] || fail "exit code $code instead of 143: no harvests between the records?"
[ "$took" -lt 1000 ] || fail "$took ms until the end"
says "0 of 1 cells are kept in results/gap"
prints "dirtywalk show results/gap"
