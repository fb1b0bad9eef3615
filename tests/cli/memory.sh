#!/bin/sh
# The memory ceiling: it decides how many cells share a pass, never what they give; cells that cannot fit fail with a message.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 20000
experiment one.yaml "sweep:" "  iotlb.entries: [64, 256, 1024, 4096]" "  harvest.interval: [100us, 1ms]"
expect 0 run one.yaml -o wide
expect 0 run one.yaml -o narrow --memory 24MiB
same wide/results.csv narrow/results.csv
same wide/intervals.csv narrow/intervals.csv
expect 1 run one.yaml -o none --memory 64KiB
says "--memory"
[ "$(column status none/results.csv | sort -u)" = failed ] || fail "a cell fits in 64 KiB?"
[ "$(wc -l <none/failed.csv)" = 9 ] || fail "failed.csv has not eight rows"
clean none
# What failed is tried again; with room it gives the same.
expect 0 run one.yaml -o none
same wide/results.csv none/results.csv
[ "$(wc -l <none/failed.csv)" = 1 ] || fail "failed.csv still has rows"
expect 1 run one.yaml -o stopped --memory 64KiB --stop-on-error
