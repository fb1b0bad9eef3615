#!/bin/sh
# dirtywalk trace convert: every format to every other, order, and outputs that cannot be written.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 20000
# As this program writes CSV: all columns, PCI addresses, hexadecimal addresses.
expect 0 trace convert t.csv a.csv
says "a.csv: 20000 records"
head -n 2 a.csv | tail -n 1 | grep -q '^0,00:04.0,[a-z]*,0x[0-9a-f]*,256,$' || fail "wrong form: $(head -n 2 a.csv)"
expect 0 trace convert a.csv a.csv.gz -q
[ ! -s err ] || fail "not quiet"
zcat a.csv.gz | cmp -s - a.csv || fail "a.csv.gz is another trace"
expect 0 trace convert a.csv.gz a.dwt
zcat a.dwt >payload || fail "a.dwt is no gzip file"
expect 0 trace convert a.dwt b.csv
same a.csv b.csv
expect 0 trace convert a.csv b.dwt
expect 0 trace convert a.dwt c.csv.gz
same a.csv.gz c.csv.gz

# Maps, marks and the largest numbers survive.
cat >odd.csv <<'END'
time_ns,device,op,iova,bytes,address
0,00:00.0,map,0x0,4096,0xfffffffffffff000
0,ff:1f.7,map_ro,0xfffffffffffff000,4096,0x0
7,00:00.0,mark,0x0,0,
18446744073709551615,12:0a.3,unmap,0x1000,18446744073709543424,
18446744073709551615,00:02.1,translate,0xffffffffffffffff,1,
18446744073709551615,00:02.1,translate_w,0x0,1,
END
for to in odd2.csv.gz odd2.dwt; do
    expect 0 trace convert odd.csv $to
    expect 0 trace convert $to odd2.csv
    same odd.csv odd2.csv
done

# Pipes: - is standard input and output, CSV unless said otherwise.
"$DIRTYWALK" trace convert - - <t.csv >piped.csv 2>err || fail "cannot convert in a pipe"
same a.csv piped.csv
gzip -c t.csv | "$DIRTYWALK" trace convert - - --to csv.gz 2>err | zcat | cmp -s - a.csv || fail "gzip in a pipe"
"$DIRTYWALK" trace convert a.csv - --to native 2>err >piped.dwt || fail "cannot write native to a pipe"
expect 0 trace convert piped.dwt piped.csv
same a.csv piped.csv

# Time that goes backwards is an error that names the remedy; --sort keeps the order of ties.
cat >mixed.csv <<'END'
time_ns,device,op,iova,bytes
30,1,write,0x3000,1
10,2,write,0x1000,1
30,3,write,0x4000,1
10,4,write,0x2000,1
END
expect 3 trace convert mixed.csv sorted.csv
says "mixed.csv: record 2: error: time goes backwards"
says "--sort"
has_not sorted.csv
expect 0 trace convert mixed.csv sorted.csv --sort
[ "$(column iova sorted.csv | tr '\n' ' ')" = "0x1000 0x2000 0x3000 0x4000 " ] || fail "not in order"
expect 0 trace convert a.csv same.csv --sort
same a.csv same.csv
{ cat mixed.csv; echo "5,1,map,0x10,4096"; } >wrong.csv
expect 3 trace convert wrong.csv sorted.csv --sort
says "wrong.csv: record 5: error: map at iova 0x10"

# Inputs and outputs that are wrong: what was there stays, nothing is left beside it.
cp a.csv keep.csv
head -c 3000 a.csv.gz >cut.csv.gz
expect 3 trace convert cut.csv.gz keep.csv
says "cut.csv.gz: error: the gzip data is truncated"
whole=$(zcat cut.csv.gz 2>/dev/null | sed '$d' | tail -n +2 | wc -l)
[ "$whole" -gt 50 ] || fail "too little of cut.csv.gz can be read"
says "note: the records before it are sound; dirtywalk trace cut --records $whole keeps them"
expect 0 trace cut cut.csv.gz part.csv --records "$whole"
[ "$(wc -l <part.csv)" = $((whole + 1)) ] || fail "not all that is sound was kept"
# After a wrong checksum nothing is.
cp a.csv.gz flip.csv.gz
printf 'flip' | dd of=flip.csv.gz bs=1 seek=$(($(stat -c %s a.csv.gz) - 8)) conv=notrunc 2>/dev/null
expect 3 trace convert flip.csv.gz keep.csv
says "flip.csv.gz: error: the gzip data is corrupt"
says_not "sound"
same a.csv keep.csv
# What is before damage can be kept: here the second block is damaged, behind the bytes that the first says it has.
cp a.dwt cut.dwt
first=$(od -An -tu4 -j20 -N4 a.dwt)
printf 'damage' | dd of=cut.dwt bs=1 seek=$((first + 100)) conv=notrunc 2>/dev/null
expect 3 trace convert cut.dwt keep.csv
says "note: the records before it are sound; dirtywalk trace cut --records 16384 keeps them"
same a.csv keep.csv
expect 0 trace cut cut.dwt sound.csv --records 16384
expect 0 trace cut a.csv first.csv --records 16384
same first.csv sound.csv
# A file without its end is read in order up to where it is cut.
head -c $((first + 10)) a.dwt >cut.dwt
expect 3 trace convert cut.dwt keep.csv
says "note: the records before it are sound; dirtywalk trace cut --records 16384 keeps them"
expect 0 trace cut cut.dwt sound.csv --records 16384
same first.csv sound.csv
# A named pipe is read once, and waiting for it ends with a signal.
mkfifo pipe.dwt
cat a.dwt >pipe.dwt &
expect 0 trace convert pipe.dwt piped.csv
same a.csv piped.csv
mkfifo silent.csv
for command in "convert silent.csv x.csv" "check silent.csv" "info --from qemu silent.csv"; do
    # shellcheck disable=SC2086 # words
    "$DIRTYWALK" trace $command >out 2>err &
    process=$!
    sleep 0.3
    kill -TERM $process
    code=0
    wait $process || code=$?
    [ "$code" = 143 ] || fail "exit code $code of trace $command"
done
has_not x.csv
expect 3 trace convert missing.csv keep.csv
expect 2 trace convert a.csv a.out
says ".dwt"
expect 2 trace convert a.csv a.out --to word
says '"word"'
expect 2 trace convert a.csv
expect 2 trace convert a.csv b.csv c.csv
says "one too many"
expect 4 trace convert a.csv nowhere/a.dwt
says "nowhere/a.dwt: error"
expect 4 trace convert a.csv nowhere/a.csv
says "nowhere/a.csv: error: cannot write"
for to in csv csv.gz native; do
    expect 4 trace convert a.csv /dev/full --to $to
    says "/dev/full: error"
    [ "$(grep -c 'error: ' err)" = 1 ] || fail "not exactly one message"
done
# A disk that takes no more: files may not pass this many blocks of 512 bytes.
for out in full.csv full.csv.gz full.dwt; do
    code=0
    (ulimit -f 8; exec "$DIRTYWALK" trace convert a.csv $out) >out 2>err || code=$?
    [ "$code" = 4 ] || fail "exit code $code for $out on a full disk"
    says "$out: error"
    has_not $out
done
# A reader that goes away.
for to in csv csv.gz native; do
    { code=0; "$DIRTYWALK" trace convert a.csv - --to $to 2>err || code=$?; echo $code >code; } | true
    [ "$(cat code)" = 4 ] || [ "$(cat code)" = 0 ] || fail "exit code $(cat code) for a closed pipe"
done
{ code=0; "$DIRTYWALK" trace convert a.csv - 2>err || code=$?; echo $code >code; } | head -n 1 >/dev/null
[ "$(cat code)" = 4 ] || fail "exit code $(cat code) for a closed pipe"
says "standard output: error: cannot write: Broken pipe"
[ -z "$(find . -name '.tmp-*' -o -name '*.tmp*' -o -name '*.part')" ] || fail "temporary files are left: $(ls -A)"

# Through a link the file behind it is replaced; a file is its own output.
ln -s b.csv link.csv
expect 0 trace convert t.csv link.csv
[ -h link.csv ] || fail "the link is gone"
same a.csv b.csv
expect 0 trace convert t.csv t.csv
same a.csv t.csv

# Progress, origin and help.
expect 0 trace convert a.csv p.dwt -v
says "made by dirtywalk"
says "from a.csv (csv), SHA-256 $(sha256sum a.csv | cut -d' ' -f1)"
expect 0 trace convert a.csv p.dwt --progress json
says '"event":"end"'
says '"records":20000'
expect 2 trace convert a.csv p.dwt --progress loud
for command in convert cut check; do
    expect 0 trace $command --help
    prints "Usage: dirtywalk trace $command"
done
expect 0 trace --help
prints "convert IN OUT"
expect 2 trace
expect 2 trace scribble a.csv
says "convert"
