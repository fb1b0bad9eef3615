#!/bin/sh
# Records the kernel's iommu and dma trace events with trace-cmd. README.md here is the how-to.
set -eu

usage() {
    cat <<'END'
Usage: trace-cmd.sh [OPTION...] FILE [COMMAND...]
Record the kernel's iommu:* and dma:* events (root) with trace-cmd, into FILE.dat, and its report into FILE (gzip if
its name ends in .gz). Records while COMMAND runs, else for -t SECONDS. trace-cmd drains the buffers while it
records, so recordings may be longer than memory. Fails if events were lost.

  -t SECONDS   how long to record without a COMMAND (default 10)
  -b MIB       buffer for each CPU (default 16)
  -c CLOCK     trace clock (default mono)
  -e EVENTS    more events, e.g. "nvme:nvme_complete_rq"
  -l           keep the report although events were lost
END
}

fail() {
    echo "trace-cmd.sh: $*" >&2
    exit 1
}

seconds=10 buffer_mib=16 clock=mono more='' keep_lossy=0
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
[ $# -gt 0 ] || set -- sleep "$seconds"

[ "$(id -u)" = 0 ] || fail "must run as root"
command -v trace-cmd >/dev/null || fail "trace-cmd not found"
groups=$(trace-cmd list -e | awk -F: '$1 == "iommu" || $1 == "dma" { print $1 }' | sort -u)
[ -n "$groups" ] || fail "this kernel has no iommu and no dma events"
case " $groups " in
*dma*) ;;
*) echo "trace-cmd.sh: no dma events (Linux 6.12 and later have them): maps will have no device" >&2 ;;
esac

messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
trap 'exit 130' INT TERM
events=''
for event in $groups $more; do
    events="$events -e $event"
done
# shellcheck disable=SC2086 # one word for each event
trace-cmd record -C "$clock" -b $((buffer_mib * 1024)) $events -o "$file.dat" "$@" >"$messages" 2>&1 || {
    cat "$messages" >&2
    fail "trace-cmd record failed"
}

# "CPU 0: 2698 events lost"; the report says the same of each gap.
lost=$(sed -n 's/^CPU *[0-9]*: *\([0-9]*\) events lost.*/\1/p' "$messages" |
    awk '{ sum += $1 } END { print sum + 0 }')
plain=${file%.gz}
trace-cmd report -i "$file.dat" >"$plain" 2>"$messages" || {
    cat "$messages" >&2
    fail "trace-cmd report failed"
}
gaps=$(grep -c 'EVENTS DROPPED' "$plain" || true)
[ "$plain" = "$file" ] || gzip -f "$plain"
echo "trace-cmd.sh: $lost events lost, $gaps gaps, clock $clock, kernel $(uname -r): $file" >&2
if [ $((lost + gaps)) -gt 0 ] && [ "$keep_lossy" -eq 0 ]; then
    rm -f "$file"
    fail "events were lost: enlarge the buffer (-b); -l keeps the report of such a recording ($file.dat is kept)"
fi
