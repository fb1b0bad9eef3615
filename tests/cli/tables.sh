#!/bin/sh
# dirtywalk tables: which cell, trace, time, domain and range; what it refuses. Whole outputs are in tests/golden/tables.
# shellcheck source=/dev/null
. "$LIB"

cat >t.csv <<'END'
time_ns,device,op,iova,bytes
1000,32,write,0x1000,4096
1100,33,write,0x3000,4096
1200,32,read,0x2000,64
1300,32,write,0x200000,4096
END
cp t.csv other.csv
cat >t.yaml <<'END'
schema: 1
name: t
traces: [{path: t.csv}, {path: other.csv}]
iommu: {model: amd-v1}
mapping: {source: touched}
domains: per_device
harvest: {interval: 200ns}
sweep: {iommu.model: [amd-v1, intel-ss], iotlb.entries: [0, 64]}
END

# look CODE: a Python expression over the document `d` of the last --json.
look() {
    python3 -c "import json; d = json.load(open('out')); assert $1" 2>>err || fail "not so: $1"
}
# leaf IOVA: what maps it.
leaf() {
    echo "[e for t in d['tables'] for e in t['entries'] if e['kind'] == 'leaf' and int(e['iova'], 16) <= $1 <= int(e['iova_last'], 16)][0]"
}

# At a time: the records before it, and what is due at it.
expect 0 tables t.yaml --at 0 --json -s harvest.interval=1s
look "d['records'] == 0 and d['time_ns'] == 0 and d['phase'] == 'tracking' and not d['at_end']"
look "d['iotlb']['entries'] == 0 and d['walk_caches']['shown'] == []"
expect 0 tables t.yaml --at 1ns --json
look "d['records'] == 1 and $(leaf 0x0)['dirty'] and $(leaf 0x0)['true_pages'] == 1"
expect 0 tables t.yaml --at 199ns --json
look "$(leaf 0x0)['dirty']"
expect 0 tables t.yaml --at 200ns --json
look "d['records'] == 2 and not $(leaf 0x0)['dirty'] and $(leaf 0x0)['accessed']"
expect 0 tables t.yaml --json
look "d['records'] == 4 and d['time_ns'] == 300 and d['at_end'] and $(leaf 0x200000)['dirty']"
expect 0 tables t.yaml --at 400ns --json
look "d['records'] == 4 and not $(leaf 0x200000)['dirty']"
expect 0 tables t.yaml --at 0 -s tracking.start=1s
prints "not before 1s"
prints "DTE.HAD off"
expect 0 tables t.yaml -s tracking.stop=250ns
prints "stopped at 250ns"

# Which cell and trace.
expect 0 tables t.yaml
prints "0 of 4"
prints "t.csv, 4 of 4 records"
expect 0 tables t.yaml --cell 2 --trace other
prints "2 of 4"
prints "other.csv"
prints "SSADE on"
expect 0 tables t.yaml -k '*intel*64*'
prints "3 of 4"
"$DIRTYWALK" check t.yaml --cells >plan.csv
id=$(column cell plan.csv | tail -n 1)
expect 0 tables t.yaml --cell "$id"
prints "$id"
prints "IOTLB  64 entries"
expect 2 tables t.yaml --cell 4
says "a number from 0 to 3"
expect 2 tables t.yaml --cell 1 --keep '*'
says "choose one"
expect 2 tables t.yaml --trace missing
says "matches no trace"
expect 2 tables t.yaml --keep nothing
says "matches no label"

# Which domain and range.
expect 0 tables t.yaml --json
look "d['devices'] == [32] and d['domains'] == 2"
expect 0 tables t.yaml --domain 00:04.1 --cell 1 --at 150ns --json
look "d['devices'] == [33] and $(leaf 0x0)['image'] == '0x6000000000000061'"
look "[c['iova'] for c in d['iotlb']['shown']] == ['0x0'] and d['iotlb']['valid'] == 2"
expect 0 tables t.yaml --domain 0x21
prints "of device 33 (00:04.1); others (--domain) of 32 (00:04.0)"
expect 0 tables t.yaml --domain 33 -s domains=shared
prints "of all devices: 32 (00:04.0), 33 (00:04.1)"
expect 0 tables t.yaml --range 0x200000,4KiB --json
look "[e['iova'] for t in d['tables'] for e in t['entries'] if e['kind'] == 'leaf'] == ['0x200000']"
expect 0 tables t.yaml --range 2TiB,1B
prints "0 of them here"
expect 2 tables t.yaml --domain 34
says "no record of this device; its first of 2 is 32 (00:04.0)"
expect 2 tables t.yaml --domain 70000
says "is not a device"
for wrong in 0x1000 0x1000,4096 x,4KiB 0x1000,0 0xfffffffffffff000,8KiB; do
    expect 2 tables t.yaml --range $wrong
    says "--range $wrong"
done
expect 2 tables t.yaml --at 5
says "--at"
expect 2 tables
says "which experiment?"

# The counts are those of a run.
sed 's/touched/trace, free_tables: empty/; s/per_device/shared/' t.yaml >maps.yaml
cat >t.csv <<'END'
time_ns,device,op,iova,bytes
0,1,map,0x0,0x400000
10,1,map,0x40000000,0x3000
20,1,unmap,0x40001000,4096
30,1,read,0x40001000,4096
40,1,unmap,0x0,0x200000
END
cp t.csv other.csv
expect 0 run maps.yaml -o maps
expect 0 tables maps.yaml --json
look "d['leaves'] == $(column leaves maps/results.csv | head -n 1)"
look "d['table_bytes'] == $(column table_bytes maps/results.csv | head -n 1)"
# A record that the cell cannot take.
echo "50,1,map,0x200000,4096" >>t.csv
expect 1 tables maps.yaml
says "record 6"
expect 0 tables maps.yaml --at 50ns
# No record at all.
echo "time_ns,device,op,iova,bytes" >t.csv
expect 0 tables t.yaml
prints "of device 0 (00:00.0)"
prints "0 leaves in 1 table,"
expect 0 tables t.yaml --at 1s --domain 0
# What cannot be read or written.
printf 'time_ns,device,op,iova,bytes\nx\n' >t.csv
expect 3 tables t.yaml
code=0
"$DIRTYWALK" tables maps.yaml --trace other >/dev/full 2>err || code=$?
[ "$code" = 4 ] || fail "exit code $code on a full disk"
code=0
"$DIRTYWALK" tables maps.yaml --trace other --json >/dev/full 2>err || code=$?
[ "$code" = 4 ] || fail "exit code $code on a full disk (JSON)"
