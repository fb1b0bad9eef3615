#!/bin/bash
# An experiment as a Slurm array: slurm.sh EXPERIMENT.yaml FOLDER [SHARDS [CPUS [SBATCH_OPTION...]]]
#
# SHARDS (default 4) parts of the plan share FOLDER, which every node must see; each writes its own cells. CPUS (default 2)
# per part. The array's limits of time and memory are what `dirtywalk check` predicts, with room to spare. When all parts
# have ended, however they ended, a last job looks which cells are there: parts that died are submitted again with twice
# the time and memory, and go on from what they finished, at most three times; else the tables are rebuilt from the cells.
# Logs and settings are in FOLDER.jobs. Prints the numbers of the array and of the job after it.
# The program is $DIRTYWALK, or the dirtywalk of $PATH.
set -euo pipefail

submit() { # parts, as 0-3 or 1,3
    local array
    array=$(sbatch --parsable --job-name="dirtywalk-$NAME" --array="$1" --cpus-per-task="$CPUS" --time="$MINUTES" \
        --mem="${MEMORY_MIB}M" --requeue --open-mode=append --output="$JOBS/%a.log" "${SBATCH_OPTIONS[@]}" \
        "$SCRIPT" shard "$JOBS")
    printf '%s ' "${array%%;*}"
    sbatch --parsable --job-name="dirtywalk-$NAME-merge" --dependency="afterany:${array%%;*}" --cpus-per-task=1 \
        --time="$MINUTES" --mem="${MEMORY_MIB}M" --open-mode=append --output="$JOBS/merge.log" "${SBATCH_OPTIONS[@]}" \
        "$SCRIPT" merge "$JOBS"
}

keep_settings() {
    declare -p SCRIPT DIRTYWALK EXPERIMENT FOLDER JOBS NAME SHARDS CPUS MINUTES MEMORY_MIB TRY SBATCH_OPTIONS >"$JOBS/settings"
}

begin() {
    [[ $# -ge 2 && ${3:-4} =~ ^[1-9][0-9]*$ && ${4:-2} =~ ^[1-9][0-9]*$ ]] || {
        echo "usage: slurm.sh EXPERIMENT.yaml FOLDER [SHARDS [CPUS [SBATCH_OPTION...]]]" >&2
        exit 2
    }
    SCRIPT=$(realpath "$0")
    DIRTYWALK=$(realpath "$(command -v "${DIRTYWALK:-dirtywalk}")") || {
        echo "slurm.sh: there is no dirtywalk in PATH; install it, or set DIRTYWALK to the program" >&2
        exit 2
    }
    export DIRTYWALK
    EXPERIMENT=$(realpath "$1")
    FOLDER=$(realpath -m "$2")
    SHARDS=${3:-4}
    CPUS=${4:-2}
    SBATCH_OPTIONS=("${@:5}")
    NAME=$(basename "$EXPERIMENT" .yaml)
    JOBS=$FOLDER.jobs
    TRY=1
    limits=$("$(dirname "$SCRIPT")/shards.py" limits "$EXPERIMENT" "$SHARDS" "$CPUS")
    read -r seconds MEMORY_MIB disk_mib <<<"$limits"
    MINUTES=$((seconds / 60 + 1))
    mkdir -p "$JOBS"
    free_mib=$(df --output=avail -BM "$JOBS" | tail -n 1 | tr -dc 0-9)
    if [ $((disk_mib * SHARDS)) -gt "$free_mib" ]; then
        echo "slurm.sh: $FOLDER: $((disk_mib * SHARDS)) MiB are needed and $free_mib are free; choose another folder" >&2
        exit 4
    fi
    echo "slurm.sh: $SHARDS parts, each at most $MINUTES min on $CPUS cpus, $MEMORY_MIB MiB of memory, $disk_mib MiB on disk" >&2
    keep_settings
    submit "0-$((SHARDS - 1))"
}

# The batch process becomes the program, so that Slurm's signals reach it: it stops cleanly at the end of its time.
shard() {
    exec "$DIRTYWALK" run "$EXPERIMENT" -o "$FOLDER" -S "$SLURM_ARRAY_TASK_ID/$SHARDS" -j "$CPUS" \
        --memory "$((MEMORY_MIB * 7 / 8))MiB" --progress plain
}

merge() {
    parts=$("$(dirname "$SCRIPT")/shards.py" missing "$EXPERIMENT" "$FOLDER" "$SHARDS")
    if [ -z "$parts" ]; then
        exec "$(dirname "$SCRIPT")/shards.py" merge "$EXPERIMENT" "$FOLDER"
    elif [ "$TRY" -gt 3 ]; then
        echo "parts $parts of $SHARDS are not finished after $TRY tries; see $JOBS/*.log" >&2
        exit 1
    fi
    TRY=$((TRY + 1)) MINUTES=$((MINUTES * 2)) MEMORY_MIB=$((MEMORY_MIB * 2))
    keep_settings
    echo "parts $parts of $SHARDS are not finished: submitted again, as jobs $(submit "$parts")"
}

case ${SLURM_JOB_ID:+${1-}} in
shard | merge)
    # shellcheck source=/dev/null
    . "$2/settings"
    export DIRTYWALK
    "$1"
    ;;
*) begin "$@" ;;
esac
