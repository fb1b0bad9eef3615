#!/bin/bash
# analysis/slurm.sh and analysis/shards.py without Slurm: limits, a part that dies, parts at the same time in one folder.
# parts.sh DIRTYWALK SOURCE_FOLDER WORK_FOLDER
set -euo pipefail
DIRTYWALK=$1
source=$2
work=$3
export DIRTYWALK
shards=$source/analysis/shards.py

fail() {
    echo "FAILED: $*"
    exit 1
}

rm -rf "$work"
mkdir -p "$work/bin"
cd "$work"
cp "$source/tests/cluster/sbatch" bin/
cat >"an experiment.yaml" <<END
schema: 1
name: sweep
traces: [{path: "$source/traces/samples/q3-amd-debian12.csv.gz"}, {path: "$source/traces/samples/r8-vtd-strict.csv.gz"}]
mapping: {source: touched}
sweep:
  iommu.model: [amd-v1, intel-ss, smmu-s1, riscv-g]
  harvest.interval: [1ms, 10ms, 100ms]
END
"$DIRTYWALK" run "an experiment.yaml" -o whole -q 2>/dev/null

# What `check` says is understood.
read -r seconds memory disk <<<"$("$shards" limits "an experiment.yaml" 4 2)"
[ "$seconds" -ge 60 ] && [ "$memory" -gt 100 ] && [ "$disk" -ge 1 ] || fail "limits: $seconds s, $memory MiB, $disk MiB"
read -r cells _ _ _ <<<"$("$shards" total "an experiment.yaml")"
[ "$cells" = 24 ] || fail "total: $cells cells"

# More parts than cells: some have nothing to do.
read -r seconds _ <<<"$("$shards" limits "an experiment.yaml" 30 2)"
[ "$seconds" -ge 60 ] || fail "limits of 30 parts: $seconds s"
for wrong in 0 some -1; do
    code=0
    "$source/analysis/slurm.sh" "an experiment.yaml" nowhere "$wrong" 2>err || code=$?
    [ "$code" = 2 ] && grep -q "usage: slurm.sh" err && [ ! -e nowhere.jobs ] || fail "$wrong parts: exit code $code"
done

# An array whose third part dies ends with the bytes of a run in one piece.
export SBATCH_FOLDER=$work/sbatch
mkdir "$SBATCH_FOLDER"
PATH=$work/bin:$PATH "$source/analysis/slurm.sh" "an experiment.yaml" "in parts" 4 2 --partition=main
cmp whole/results.csv "in parts/results.csv"
cmp whole/intervals.csv "in parts/intervals.csv"
grep -q "parts 2 of 4 are not finished" "in parts.jobs/merge.log" || fail "the dead part was not seen"
grep -q -- "--array=0-3 .*--cpus-per-task=2 --time=[1-9][0-9]* --mem=[1-9][0-9]*M .*--partition=main" sbatch/asked || fail "the array's limits: $(cat sbatch/asked)"
grep -q -- "--array=2 " sbatch/asked || fail "the dead part was not submitted again"
time_of() { sed -n "s/.*--array=$1 .*--time=\([0-9]*\) .*/\1/p" sbatch/asked; }
[ "$(time_of 2)" = $((2 * $(time_of 0-3))) ] || fail "not twice the time"

# Parts at the same time; then what is missing, and what a merge says of it.
for part in 0 1 2; do
    "$DIRTYWALK" run "an experiment.yaml" -o together -S "$part/3" -q 2>/dev/null &
done
wait
rm -r "together/cells/$(sed -n 2p whole/results.csv | cut -d, -f1)"
[ "$("$shards" missing "an experiment.yaml" together 3)" = 0 ] || fail "the part with a missing cell"
! "$shards" merge "an experiment.yaml" together 2>err || fail "merged without a cell"
grep -q "cells are missing" err || fail "does not say that cells are missing"
"$DIRTYWALK" run "an experiment.yaml" -o together -S 0/3 -q 2>/dev/null
[ -z "$("$shards" missing "an experiment.yaml" together 3)" ] || fail "nothing is missing"
"$shards" merge "an experiment.yaml" together >/dev/null 2>&1 || fail "merge"
cmp whole/results.csv together/results.csv
cmp whole/intervals.csv together/intervals.csv
