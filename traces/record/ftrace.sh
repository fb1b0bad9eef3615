#!/bin/sh
# Records the kernel's iommu and dma trace events through tracefs. README.md here is the how-to.
set -eu

usage() {
    cat <<'END'
Usage: ftrace.sh [OPTION...] FILE [COMMAND...]
Record the kernel's iommu:* and dma:* events (root) into FILE, gzip if its name ends in .gz, in the layout of
the kernel's "trace" file. Records while COMMAND runs, else for -t SECONDS. Fails if events were lost.

  -t SECONDS   how long to record without a COMMAND (default 10)
  -b MIB       buffer for each CPU (default 64: up to a million events)
  -c CLOCK     trace clock (default mono: one clock for all CPUs, nanoseconds since boot)
  -e EVENTS    more events, e.g. "nvme:nvme_complete_rq"
  -l           keep the recording although events were lost

The recording stops nothing else: it uses a trace instance of its own, which is removed afterwards.
END
}

fail() {
    echo "ftrace.sh: $*" >&2
    exit 1
}

seconds=10 buffer_mib=64 clock=mono more='' keep_lossy=0
while getopts t:b:c:e:lh option; do
    case $option in
    t) seconds=$OPTARG ;;
    b) buffer_mib=$OPTARG ;;
    c) clock=$OPTARG ;;
    e) more=$OPTARG ;;
    l) keep_lossy=1 ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || { usage >&2 && exit 2; }
file=$1
shift

[ "$(id -u)" = 0 ] || fail "must run as root"
tracing=''
for folder in /sys/kernel/tracing /sys/kernel/debug/tracing; do
    if [ -z "$tracing" ] && [ -d "$folder/events" ]; then
        tracing=$folder
    fi
done
[ -n "$tracing" ] || fail "no tracefs; try: mount -t tracefs tracefs /sys/kernel/tracing"
[ -d "$tracing/events/iommu" ] || fail "this kernel has no iommu events"
[ -d "$tracing/events/dma" ] ||
    echo "ftrace.sh: no dma events (Linux 6.12 and later have them): maps will have no device or direction" >&2

# What the devices go through decides what there is to record.
translated=0
for group in /sys/kernel/iommu_groups/*; do
    [ -e "$group/type" ] || continue
    type=$(cat "$group/type")
    case $type in DMA | DMA-FQ) translated=$((translated + 1)) ;; esac
done
if [ "$translated" -eq 0 ]; then
    echo "ftrace.sh: no device is behind an IOMMU in DMA mode: addresses will be physical, without iommu events" >&2
    echo "ftrace.sh: (boot with intel_iommu=on or amd_iommu=on, iommu.passthrough=0, and iommu.strict=1 for" >&2
    echo "ftrace.sh: unmaps as they happen; see /sys/kernel/iommu_groups/*/type)" >&2
fi

instance=$tracing/instances/dirtywalk-$$
mkdir "$instance" || fail "cannot make a trace instance"
# shellcheck disable=SC2317 # the trap calls it
finish() {
    echo 0 >"$instance/tracing_on" 2>/dev/null || true
    rmdir "$instance" 2>/dev/null || true
}
trap finish EXIT
trap 'exit 130' INT TERM

echo 0 >"$instance/tracing_on"
echo "$clock" >"$instance/trace_clock" || fail "no trace clock $clock"
echo $((buffer_mib * 1024)) >"$instance/buffer_size_kb" || fail "no memory for $buffer_mib MiB of buffer per CPU"
echo 0 >"$instance/options/overwrite" # what does not fit is then lost at the end, not in the middle
for group in iommu dma; do
    [ ! -d "$instance/events/$group" ] || echo 1 >"$instance/events/$group/enable"
done
for event in $more; do
    path=$instance/events/$(echo "$event" | tr : /)/enable
    [ -e "$path" ] || fail "this kernel has no event $event"
    echo 1 >"$path"
done

status=0
echo 1 >"$instance/tracing_on"
if [ $# -gt 0 ]; then
    "$@" || status=$?
else
    sleep "$seconds"
fi
echo 0 >"$instance/tracing_on"

total=0 lost=0
for cpu in "$instance"/per_cpu/cpu*; do
    while read -r key value _; do
        case $key in
        entries:) total=$((total + value)) ;;
        overrun: | dropped*) lost=$((lost + value)) ;;
        esac
    done <<END
$(sed 's/dropped events:/dropped:/; s/commit overrun:/overrun:/' "$cpu/stats")
END
done
# The file itself does not say what was lost, the importer tells it by this line.
print_trace() {
    cat "$instance/trace"
    [ "$lost" -eq 0 ] || echo "dropped events: $lost"
}
case $file in
*.gz) print_trace | gzip -c >"$file" ;;
*) print_trace >"$file" ;;
esac
echo "ftrace.sh: $total events, $lost lost, clock $clock, kernel $(uname -r): $file" >&2
[ "$status" -eq 0 ] || echo "ftrace.sh: the command returned $status" >&2
if [ "$lost" -gt 0 ] && [ "$keep_lossy" -eq 0 ]; then
    rm -f "$file"
    fail "events were lost: enlarge the buffer (-b) or record for less time; -l keeps such a recording"
fi
exit "$status"
