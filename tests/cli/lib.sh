# shellcheck shell=sh
# What the command-line tests share. A test stops at its first failure.

fail() {
    echo "FAILED: $*"
    [ -f err ] && sed 's/^/    stderr: /' err
    [ -f out ] && head -n 20 out | sed 's/^/    stdout: /'
    exit 1
}

# expect CODE ARGUMENT...: run the program; stdout goes to `out`, stderr to `err`.
expect() {
    expected=$1
    shift
    code=0
    "$DIRTYWALK" "$@" >out 2>err || code=$?
    [ "$code" = "$expected" ] || fail "exit code $code instead of $expected: dirtywalk $*"
}

# says TEXT, prints TEXT: stderr, stdout has it.
says() {
    grep -F -q -e "$1" err || fail "stderr does not say: $1"
}
says_not() {
    if grep -F -q -e "$1" err; then fail "stderr says: $1"; fi
}
prints() {
    grep -F -q -e "$1" out || fail "stdout does not print: $1"
}

has() {
    [ -e "$1" ] || fail "$1 is not there"
}
has_not() {
    [ ! -e "$1" ] || fail "$1 is there"
}

same() {
    cmp -s "$1" "$2" || fail "$1 and $2 differ"
}

# No temporary file or folder is left in a results folder.
clean() {
    if [ -d "$1" ] && [ -n "$(find "$1" -name '.tmp-*')" ]; then fail "$1 has temporary files"; fi
}

# nothing_ran FOLDER: no results were written.
nothing_ran() {
    if [ -e "$1/results.csv" ] || [ -e "$1/cells" ]; then fail "$1 has results"; fi
}

# column NAME FILE: the values of a CSV column. For files whose fields need no quotes.
column() {
    awk -F, -v name="$1" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next }
        { print $at }' "$2"
}

# trace FILE RECORDS [SEED]: writes and reads over 16 MiB, one each 100 ns.
trace() {
    awk -v n="$2" -v seed="${3:-1}" 'BEGIN {
        print "time_ns,device,op,iova,bytes"
        x = seed
        for (i = 0; i < n; i++) {
            x = (x * 1103515245 + 12345) % 2147483648
            page = int(x / 65536) % 4096
            print i * 100 ",32," (x % 3 ? "read" : "write") "," page * 4096 + 64 ",256"
        }
    }' >"$1"
}

# experiment FILE [LINE...]: an experiment named as the file over t.csv, with the lines added.
experiment() {
    file=$1
    name=$(basename "$1" .yaml)
    shift
    {
        echo "schema: 1"
        echo "name: $name"
        echo "traces: [{path: t.csv}]"
        echo "iommu: {model: amd-v1}"
        echo "mapping: {source: static, regions: [{iova: 0, size: 16MiB, address: 0}]}"
        for line in "$@"; do echo "$line"; done
    } >"$file"
}
