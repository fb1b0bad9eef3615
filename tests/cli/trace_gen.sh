#!/bin/sh
# dirtywalk trace gen: the same bytes on every run and in every format, and specs that are wrong.
# shellcheck source=/dev/null
. "$LIB"
specs=$(dirname "$LIB")/../../configs/gen
cat >all.yaml <<'END'
schema: 1
seed: 42
records: 40000
cycles: 1000
phases:
  - records: 700
    streams:
      - {pattern: uniform, size: 1GiB, writes: 0.5, arrivals: poisson}
      - {pattern: zipf, device: 2, size: 64MiB, arrivals: bursts, interval: 10us}
      - {pattern: sequential, device: 3, interval: 777ns}
  - duration: 200us
    streams:
      - {pattern: nic_ring, device: 4, tenants: 3, recycle: random, hold: 7, packet_least: 64B, arrivals: poisson}
      - {pattern: nic_ring, device: 20, iova: 1GiB, recycle: lifo, map: true, buffer: 4KiB, entries: 16}
      - {pattern: nvme, device: 30, iova: 2GiB, bytes: 16KiB, queues: 2, recycle: random, writes: 0.7}
      - {pattern: strided, device: 31, stride: 2MiB}
END
expect 0 trace gen all.yaml a.csv
says "a.csv: 40000 records"
expect 0 trace gen all.yaml b.csv -q
same a.csv b.csv
"$DIRTYWALK" trace gen all.yaml - >c.csv 2>err || fail "cannot write to a pipe"
same a.csv c.csv
# These bytes are the same on every machine.
sum=$(sha256sum <a.csv | cut -d' ' -f1)
[ "$sum" = 27a4ff1b8ce8577f86935d3ea071f6fc43a4612b5499cfefb92adb12981ab234 ] || fail "other bytes than ever: $sum"
expect 0 trace gen all.yaml a.dwt
expect 0 trace check a.dwt a.csv
expect 0 trace convert a.dwt d.csv
same a.csv d.csv
expect 0 trace info a.dwt
prints "origin       made by dirtywalk"
prints "origin       seed: 42"
sed 's/seed: 42/seed: 43/' all.yaml >other.yaml
expect 0 trace gen other.yaml e.csv
if cmp -s a.csv e.csv; then fail "the seed does nothing"; fi
for spec in "$specs"/*.yaml; do
    sed -e 's/^records: .*/records: 20000/' -e 's/^duration: 3s/records: 20000/' "$spec" >spec.yaml
    expect 0 trace gen spec.yaml spec.dwt
    expect 0 trace check spec.dwt
    prints "20000 records"
done

# An experiment replays it.
printf 'schema: 1\nname: replay\ntraces: [{path: a.dwt}, {path: a.csv}]\niommu: {model: amd-v1}\n' >replay.yaml
printf 'mapping: {source: touched}\nsweep: {harvest.interval: [1ms]}\n' >>replay.yaml
expect 0 run replay.yaml
[ "$(column records results/replay/results.csv | sort -u)" = 40000 ] || fail "not replayed"

sed -e 's/uniform/uniformly/' -e 's/interval: 777ns/intervall: 777/' all.yaml >wrong.yaml
expect 2 trace gen wrong.yaml w.csv
says 'wrong.yaml:8:19: error: streams.pattern: "uniformly" is not known; did you mean "uniform"?'
says 'wrong.yaml:10:42: error: streams.intervall: unknown key; did you mean "interval"?'
has_not w.csv
expect 2 trace gen missing.yaml w.csv
says "missing.yaml"
expect 2 trace gen all.yaml
expect 2 trace gen all.yaml w.out
has_not w.out
expect 4 trace gen all.yaml nowhere/w.csv
expect 4 trace gen all.yaml /dev/full --to csv
says "/dev/full: error"
"$DIRTYWALK" trace gen - piped.csv <all.yaml 2>err || fail "no spec from standard input"
expect 0 trace gen all.yaml named.csv
same named.csv piped.csv
expect 0 trace gen --keys
for key in pattern tenants recycle burst_interval; do
    prints "$key: "
done
expect 0 trace gen --help
prints "Usage: dirtywalk trace gen"

# Interrupted: the signal's exit code, and no file.
sed -e 's/records: 40000/records: 400000000000/' -e 's/cycles: 1000/cycles: 1000000000/' all.yaml >long.yaml
"$DIRTYWALK" trace gen long.yaml long.csv >out 2>err &
process=$!
while [ -z "$(find . -name '.tmp-long*')" ]; do sleep 0.1; done
kill -TERM $process
code=0
wait $process || code=$?
[ "$code" = 143 ] || fail "exit code $code when interrupted"
says "interrupted: long.csv was not written"
has_not long.csv
[ -z "$(find . -name '.tmp-*')" ] || fail "temporary files are left"

# A native trace keeps what was made, and the same command goes on from there.
sed -e 's/records: 40000/records: 3000000/' -e 's/cycles: 1000/cycles: 1000000000/' all.yaml >long.yaml
expect 0 trace gen long.yaml whole.dwt
for signal in TERM KILL; do
    "$DIRTYWALK" trace gen long.yaml long.dwt >out 2>err &
    process=$!
    until [ "$(stat -c %s long.dwt.part 2>/dev/null || echo 0)" -gt 300000 ]; do sleep 0.01; done
    kill -$signal $process
    code=0
    wait $process 2>/dev/null || code=$?
    [ "$code" -gt 128 ] || fail "exit code $code when interrupted"
    has_not long.dwt
    [ $signal = KILL ] || says "note: long.dwt.part keeps what was made; the same command goes on from there"
    expect 0 trace gen long.yaml long.dwt
    says "of them taken over from long.dwt.part"
    cmp whole.dwt long.dwt || fail "gone on with after $signal: another file"
    has_not long.dwt.part
    rm long.dwt
done
