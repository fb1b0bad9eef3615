#!/bin/bash
# A sweep in four parts under Snakemake, one of them killed: it is started again, and the bytes are those of a run in one piece.
# snakemake.sh DIRTYWALK SOURCE_FOLDER WORK_FOLDER
set -euo pipefail
source=$2
work=$3

command -v snakemake >/dev/null || {
    echo "Snakemake cannot be tried here: it is not installed (setup.sh --with cluster)"
    [ -z "${DIRTYWALK_CI-}" ] || exit 1
    exit 77
}
rm -rf "$work"
mkdir -p "$work"
cd "$work"
cat >sweep.yaml <<END
schema: 1
name: sweep
traces: [{path: "$source/traces/samples/r2-virtio-iommu.csv.gz"}, {path: "$source/traces/samples/q4-smmuv3.csv.gz"}]
mapping: {source: touched}
sweep:
  iommu.model: [amd-v1, intel-ss, smmu-s1, riscv-g]
  harvest.interval: [1ms, 10ms, 100ms]
END
"$1" run sweep.yaml -o whole -q 2>/dev/null

# The program, but the second part dies the first time it is started.
cat >dirtywalk <<END
#!/bin/sh
case "\$*" in
*"-S 1/4"*) [ -e died ] || { touch died && kill -9 \$\$; } ;;
esac
exec "$1" "\$@"
END
chmod +x dirtywalk
DIRTYWALK=$work/dirtywalk HOME=$work snakemake -s "$source/analysis/Snakefile" -j 2 \
    --config experiment=sweep.yaml folder=parts shards=4 cpus=1 >log 2>&1 || {
    cat log
    exit 1
}
for want in "runtime=" "mem_mb=" "disk_mb=" "Trying to restart job"; do
    grep -q -- "$want" log || {
        echo "FAILED: the log has no $want"
        cat log
        exit 1
    }
done
cmp whole/results.csv parts/results.csv
cmp whole/intervals.csv parts/intervals.csv
echo "four parts, one killed and started again: the bytes of a run in one piece"
