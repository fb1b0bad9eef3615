#!/bin/sh
# dirtywalk trace cut: times, records, devices and ops; the same from every format.
# shellcheck source=/dev/null
. "$LIB"

# 60000 records, one each 10 ns from 5000 on; devices 1 to 3, ops in turn.
awk 'BEGIN {
    split("write read map unmap mark", op, " ")
    print "time_ns,device,op,iova,bytes,address"
    for (i = 0; i < 60000; i++) {
        o = op[i % 5 + 1]; page = i % 4096 * 4096
        print 5000 + i * 10 "," i % 3 + 1 "," o "," page "," (o == "mark" ? i : 4096) "," (o == "map" ? page : "")
    }
}' >t.csv
expect 0 trace convert t.csv t.dwt -q
expect 0 trace convert t.dwt all.csv -q

# rows NAME AWK OPTION...: the cut with these options is the rows that awk finds, from both formats.
rows() {
    name=$1 condition=$2
    shift 2
    awk -F, "NR == 1 || ($condition)" all.csv >"$name.wanted"
    [ "$(wc -l <"$name.wanted")" -gt 1 ] || fail "$name finds nothing"
    for from in t.csv t.dwt; do
        expect 0 trace cut $from "$name.csv" "$@"
        same "$name.csv" "$name.wanted"
    done
}
rows start '$1 >= 405000' --start 400us
rows stop '$1 < 405000' --stop 400us
rows between '$1 >= 105000 && $1 < 105020' --start 100us --stop 100020ns
rows skip 'NR > 40002' --skip 40001
rows records 'NR <= 8' --records 7
rows middle 'NR > 30001 && NR <= 30101' --skip 30000 --records 100
rows devices '$3 == "mark" || $2 == "00:00.2"' --device 00:00.2
rows two '$3 == "mark" || $2 == "00:00.2" || $2 == "00:00.3"' --device 2,0000:00:00.3
rows ops '$3 == "write" || $3 == "map"' --op write,map
rows repeats '$3 == "write" || $3 == "mark"' --op write --op mark
rows everything 'NR > 10001 && $1 < 405000 && $3 == "unmap" && $2 == "00:00.1"' \
    --skip 10000 --stop 400us --op unmap --device 1

expect 0 trace cut t.dwt r.csv --skip 20000 --records 2 --rebase
[ "$(column time_ns r.csv | tr '\n' ' ')" = "0 10 " ] || fail "not rebased"
expect 0 trace cut t.csv none.csv --start 1s
[ "$(wc -l <none.csv)" = 1 ] || fail "records after the end"
expect 0 trace cut t.dwt none.dwt --start 18446744073709551615ns
expect 0 trace check none.dwt
prints "0 records"
expect 0 trace cut t.csv - --records 1
[ "$(wc -l <out)" = 2 ] || fail "not one record on standard output"

# What was left out is not read, so that damage there does no harm.
head -c 100000 t.csv >damaged.csv
expect 0 trace cut damaged.csv d.csv --records 100

expect 2 trace cut t.csv c.csv --start 5
says "--start"
says "no unit"
expect 2 trace cut t.csv c.csv --records many
expect 2 trace cut t.csv c.csv --skip -1
expect 2 trace cut t.csv c.csv --device 70000
says "--device 70000"
for device in 00:20.0 00:00.8 0:00.0 00:00.00 x 00:00; do
    expect 2 trace cut t.csv c.csv --device $device
done
expect 2 trace cut t.csv c.csv --op scribble
says "--op scribble"
has_not c.csv
