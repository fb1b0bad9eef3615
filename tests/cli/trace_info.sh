#!/bin/sh
# dirtywalk trace info: the same numbers for the same records, and numbers that can be counted by hand.
# shellcheck source=/dev/null
. "$LIB"

# Device 1 writes pages 0 to 3 in the first window and page 0 in the third; device 2 writes page 0 too.
cat >hand.csv <<'END'
time_ns,device,op,iova,bytes
1000,1,write,0x0000,4096
1001,1,write,0x1000,8192
1002,1,write,0x3fff,1
1050,2,read,0x40000000,64
1100,1,map,0x5000,4096
1150,1,unmap,0x5000,4096
1201,1,write,0x0010,16
1202,2,write,0x0020,16
END
expect 0 trace info hand.csv --window 100ns
prints "5 write 1 read 1 map 1 unmap"
prints "100ns window (2 of 3)"
grep -q '^    4KiB  *4  *5  ' out || fail "not 4 pages written and 5 touched"
prints "cold 71.4%"
expect 0 trace info hand.csv --window 100ns --json
python3 - <<'END' || fail "wrong numbers"
import json
info, = json.load(open("out"))
pages = {size["page_bytes"]: size for size in info["pages"]}
assert [pages[2 ** n]["written"] for n in (12, 21, 30)] == [4, 1, 1]
assert [pages[2 ** n]["touched"] for n in (12, 21, 30)] == [5, 2, 2]
assert pages[4096]["written_per_window"]["max"] == 4 and pages[4096]["written_per_window"]["min"] == 1
assert pages[2 ** 21]["amplification"] == 128 and pages[2 ** 21]["amplification_per_window"]["max"] == 512
assert info["windows"] == 3 and info["written_windows"] == 2
assert info["cold_touches"] == 5
# Page 0 after the four others, then at once.
assert info["reuse_distance_pages"] == [{"from": 0, "to": 0, "count": 1}, {"from": 4, "to": 7, "count": 1}]
assert info["top_write_sizes"][0] == {"bytes": 16, "count": 2} and info["write_sizes"] == 4
assert info["maps"]["addresses"] == 1 and info["maps"]["lifetime_ns"] == [{"from": 32, "to": 63, "count": 1}]
assert info["devices"] == [1, 2] and info["bytes_by_op"]["write"] == 4096 + 8192 + 1 + 32
END
expect 0 trace info hand.csv --window 100ns --per-device
grep -q '^    4KiB  *5  *6  ' out || fail "not 5 pages written and 6 touched by device"

trace t.csv 30000
for to in csv csv.gz dwt; do
    expect 0 trace convert t.csv same.$to -q
    expect 0 trace info same.$to --json
    python3 - $to <<'END' >$to.json || fail "the summary of same.$to is wrong"
import gzip, hashlib, json, sys
info, = json.load(open("out"))
summary = info["summary"]
for key in ("path", "format", "provenance", "summary"):
    del info[key]
print(json.dumps(info, indent=1))
assert (summary is not None) == (sys.argv[1] == "dwt")
if summary:
    payload = gzip.open("same.dwt").read()[:summary["payload_bytes"]]
    assert hashlib.sha256(payload).hexdigest() == summary["payload_sha256"]
    assert summary["blocks"] == -(-info["records"] // 16384) and summary["extents"]
END
    same csv.json $to.json
done
expect 0 trace info same.dwt
prints "origin       from t.csv (csv), SHA-256 $(sha256sum t.csv | cut -d' ' -f1)"
"$DIRTYWALK" trace info - <t.csv >out 2>err || fail "cannot read a pipe"
prints "30000 in"
expect 0 trace info hand.csv t.csv --json
[ "$(grep -c '"path"' out)" = 2 ] || fail "not two objects"
sed '1s/$/,colour/; 2,$s/$/,red/' hand.csv >colours.csv
expect 0 trace info colours.csv
prints 'ignored columns: "colour"'
echo "time_ns,device,op,iova,bytes" >empty.csv
expect 0 trace info empty.csv
prints "0 in 0ns"
expect 3 trace info missing.csv t.csv
prints "t.csv"
says "missing.csv: error"
expect 2 trace info
expect 2 trace info t.csv --window 5
says "no unit"
expect 2 trace info t.csv --window 0
says "at least 1ns"
code=0
"$DIRTYWALK" trace info t.csv >/dev/full 2>err || code=$?
[ "$code" = 4 ] || fail "exit code $code on a full disk"

# One unmap ends what was mapped in pieces, of its device only; one that meets no map is told.
cat >maps.csv <<'END'
time_ns,device,op,iova,bytes
0,1,map,0x1000,4096
0,1,map,0x2000,8192
0,2,map,0x2000,4096
100,1,unmap,0x0,65536
200,1,unmap,0x0,65536
300,1,map,0x2000,4096
END
expect 0 trace info maps.csv
prints "4 maps"
prints "at 3 addresses, 2 unmaps"
prints "1 of no open map), at most 3 open; half live 127ns or less"
END_OF_TIME=18446744073709551615
printf 'time_ns,device,op,iova,bytes\n0,1,write,0,1\n%s,1,write,0,1\n' $END_OF_TIME >ends.csv
expect 0 trace info ends.csv --window 1ns
prints "(2 of $END_OF_TIME)"
