#!/bin/sh
# The memory ceiling: it decides how many cells share a pass, never what they give; cells that cannot fit
# fail with a message.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 20000
experiment one.yaml "sweep:" "  iotlb.entries: [64, 256, 1024, 4096]" "  harvest.interval: [100us, 1ms]"
expect 0 run one.yaml -o wide
# Lower the ceiling until the cells no longer fit in one pass together, but each alone still does.
split=no
for mib in 64 32 16 12 8 6 5 4 3 2 1; do
    code=0
    "$DIRTYWALK" run one.yaml -o "narrow$mib" --memory "${mib}MiB" --progress json >out 2>err || code=$?
    [ "$code" = 0 ] || break
    same wide/results.csv "narrow$mib/results.csv"
    same wide/intervals.csv "narrow$mib/intervals.csv"
    if [ "$(grep -c pass_start err)" -gt 1 ]; then split=yes; fi
done
[ "$split" = yes ] || fail "no ceiling split the cells into several passes"
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
