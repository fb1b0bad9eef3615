#!/bin/sh
# dirtywalk trace merge: order, device ids, addresses; against sort(1).
# shellcheck source=/dev/null
. "$LIB"

# Three inputs with many equal times, longer than a batch; the page tells input and record.
for n in 1 2 3; do
    awk -v n=$n 'BEGIN {
        print "time_ns,device,op,iova,bytes"
        for (i = 0; i < 9000 * n; i++) {
            t += int(i * 7919 % (13 * n) / (5 * n)) * 10 + (i % 1000 == 0) * 500
            print 100 * n + t "," 8 + i % 2 ",write," i * 4096 "," n
        }
    }' >in$n.csv
    expect 0 trace convert in$n.csv c$n.csv -q
done
expect 0 trace merge in1.csv in2.csv in3.csv kept.csv --align recorded --devices keep
{ head -n 1 c1.csv; for n in 1 2 3; do tail -n +2 c$n.csv; done | sort -s -t, -k1,1n; } >wanted.csv
same kept.csv wanted.csv
# By default each begins at 0, and the ids stay apart.
expect 0 trace merge in1.csv in2.csv in3.csv both.csv
says "in2.csv: device 00:01.0 is 01:01.0"
says "in3.csv: device 00:01.1 is 02:01.1"
{
    head -n 1 c1.csv
    for n in 1 2 3; do
        tail -n +2 c$n.csv | awk -F, -v OFS=, -v n=$n 'NR == 1 { first = $1 }
            { $1 -= first; sub("^00", "0" n - 1, $2); print }'
    done | sort -s -t, -k1,1n
} >wanted.csv
same both.csv wanted.csv
# From and to other formats.
expect 0 trace convert in2.csv in2.dwt -q
expect 0 trace merge in1.csv in2.dwt in3.csv both.dwt -q
expect 0 trace convert both.dwt again.csv -q
same both.csv again.csv
expect 0 trace info both.dwt
prints "origin       made by dirtywalk"
prints "in3.csv: device 00:01.0 is 02:01.0"

cat >maps.csv <<'END'
time_ns,device,op,iova,bytes,address
5,1,map,0x1000,4096,0x8000
6,1,mark,0,3,
7,1,write,0x1000,4096,
END
expect 0 trace merge maps.csv maps.csv moved.csv --spacing 1MiB
[ "$(column iova moved.csv | tr '\n' ' ')" = "0x1000 0x101000 0x0 0x0 0x1000 0x101000 " ] || fail "iovas not moved"
[ "$(column address moved.csv | tr '\n' ' ')" = "0x8000 0x108000     " ] || fail "addresses not moved"
echo "time_ns,device,op,iova,bytes" >empty.csv
expect 0 trace merge empty.csv maps.csv empty.csv one.csv
[ "$(column time_ns one.csv | tr '\n' ' ')" = "0 1 2 " ] || fail "empty inputs do harm"

# Every id is taken, then one more.
awk 'BEGIN { print "time_ns,device,op,iova,bytes"; for (i = 0; i < 65536; i++) print i "," i ",read,0,1" }' >ids.csv
expect 0 trace merge ids.csv empty.csv all.csv
expect 2 trace merge ids.csv maps.csv all2.csv --align recorded
says "more than 65536 devices"
has_not all2.csv
# One id left: the lowest that is free.
grep -v '^300,' ids.csv >holes.csv
sed 's/^[567],/10000&/' maps.csv >late.csv
expect 0 trace merge holes.csv late.csv filled.csv --align recorded
says "late.csv: device 00:00.1 is 01:05.4"
[ "$(grep -c ": device" err)" = 1 ] || fail "other ids have changed"

expect 2 trace merge maps.csv maps.csv m.csv --spacing 16777216TiB
expect 2 trace merge maps.csv maps.csv m.csv --spacing 5B
expect 2 trace merge maps.csv m.csv
says "two or more inputs"
expect 2 trace merge
expect 2 trace merge maps.csv maps.csv m.csv --align end
expect 2 trace merge maps.csv maps.csv m.csv --devices lose
expect 3 trace merge maps.csv missing.csv m.csv
says "missing.csv"
head -c 20000 in1.csv >cut.csv
expect 3 trace merge in1.csv cut.csv m.csv
says "cut.csv: record"
expect 4 trace merge in1.csv in2.csv /dev/full --to csv
has_not m.csv
expect 0 trace merge --help
prints "Usage: dirtywalk trace merge"
