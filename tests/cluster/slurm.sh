#!/bin/bash
# A sweep as a Slurm array of four parts, one of them killed: the bytes of a run in one piece.
# slurm.sh DIRTYWALK SOURCE_FOLDER WORK_FOLDER
set -euo pipefail
DIRTYWALK=$1
source=$2
work=$3
export DIRTYWALK
# shellcheck source=tests/cluster/one_node.sh
. "$source/tests/cluster/one_node.sh"

fail() {
    echo "FAILED: $*"
    tail -n 20 "$work"/parts.jobs/*.log 2>/dev/null || true
    exit 1
}

# until_true WHAT COMMAND...: within two minutes.
until_true() {
    local what=$1
    shift
    for _ in $(seq 1200); do
        ! "$@" || return 0
        sleep 0.1
    done
    fail "$what"
}

ended() {
    [ -z "$(squeue --noheader)" ]
}

rm -rf "$work"
mkdir -p "$work"
cd "$work"
"$DIRTYWALK" trace convert "$source/traces/samples/r3-nvme-net.csv.gz" t.dwt
cat >sweep.yaml <<END
schema: 1
name: sweep
traces: [{path: t.dwt}]
mapping: {source: touched}
sweep:
  iommu.model: [amd-v1, intel-ss, smmu-s1, riscv-g]
  mapping.page_sizes: [[4KiB], [2MiB]]
  harvest.interval: [1ms, 2ms, 3ms, 5ms, 10ms, 20ms, 30ms, 50ms, 100ms]
END
"$DIRTYWALK" run sweep.yaml -o whole -q 2>/dev/null
one_node_start "$work/slurm"

# One record at a time: slow enough to be met at work.
export DIRTYWALK_BATCH_RECORDS=1
jobs=$("$source/analysis/slurm.sh" sweep.yaml parts 4 2) || fail "slurm.sh"
array=${jobs% *}
unset DIRTYWALK_BATCH_RECORDS
limits=$(scontrol show job "$array")
grep -q "TimeLimit=0*[0-9:]*[1-9]" <<<"$limits" || fail "no limit of time: $limits"
grep -q "MinMemoryNode=[1-9]" <<<"$limits" || fail "no limit of memory: $limits"

part_runs() {
    squeue --noheader --states=R --format=%i | grep -q "^${array}_2$"
}
until_true "the third part never ran" part_runs
scancel --batch --signal=KILL "${array}_2"
until_true "the array does not end" ended

grep -q "parts 2 of 4 are not finished: submitted again" parts.jobs/merge.log || fail "the killed part was not seen: $(cat parts.jobs/merge.log)"
[ -e parts/results.csv ] || fail "no results"
cmp whole/results.csv parts/results.csv
cmp whole/intervals.csv parts/intervals.csv
[ -z "$(find parts -name '.tmp-*')" ] || fail "something is left half written"
echo "four parts, one killed and submitted again: the bytes of a run in one piece"
