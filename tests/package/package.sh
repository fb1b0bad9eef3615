#!/bin/sh
# The Debian package, unpacked and used from where it was put: package.sh BUILD_FOLDER WORK_FOLDER
set -eu
build=$1
work=$2

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

rm -rf "$work"
mkdir -p "$work/root"
(cd "$build" && cpack -B "$work/package" >"$work/cpack.log" 2>&1) || fail "cpack: $(cat "$work/cpack.log")"
dpkg-deb -x "$work"/package/*.deb "$work/root"
usr=$work/root/usr
program=$usr/bin/dirtywalk

"$program" --version | grep -q "^dirtywalk [0-9]" || fail "no version"
"$program" run "$usr/share/dirtywalk/configs/examples/first.yaml" -o "$work/first" -q --progress never ||
    fail "the shipped example does not run where it is installed"
[ "$(wc -l <"$work/first/results.csv")" -gt 10 ] || fail "no results"
DIRTYWALK=$program "$usr/share/dirtywalk/analysis/shards.py" total "$usr/share/dirtywalk/configs/examples/first.yaml" |
    grep -q "^12 " || fail "the tools for clusters do not work where they are installed"
python3 "$usr/share/dirtywalk/analysis/compare.py" "$usr/share/dirtywalk/analysis/golden" "$work/first" >/dev/null ||
    fail "not the golden results"
for page in dirtywalk dirtywalk-run dirtywalk-trace-convert; do
    grep -q "^\.SH SYNOPSIS" "$usr/share/man/man1/$page.1" || fail "$page.1"
done
for key in iotlb.entries harvest.interval; do
    grep -q "^\.B $key" "$usr/share/man/man5/dirtywalk-experiment.5" || fail "no $key in dirtywalk-experiment.5"
done
grep -q '^\.B amplification' "$usr/share/man/man5/dirtywalk-results.5" || fail "no amplification in dirtywalk-results.5"
for file in LICENSE CHANGELOG.md CITATION.cff README.md FORMAT.md; do
    [ -s "$usr/share/doc/dirtywalk/$file" ] || fail "no $file"
done
grep -q "^version: $("$program" --version | cut -d' ' -f2)\$" "$usr/share/doc/dirtywalk/CITATION.cff" || fail "CITATION.cff is of another version"

# What completion offers after these words.
offered() {
    bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _dirtywalk; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$usr/share/bash-completion/completions/dirtywalk" "$@"
}
PATH=$usr/bin:$PATH
offered dirtywalk ch | grep -qx check || fail "completion of commands"
offered dirtywalk run --set iotlb.en | grep -qx "iotlb.entries=" || fail "completion of keys"
offered dirtywalk trace convert --fr | grep -qx -- --from || fail "completion of options"
offered dirtywalk show x --columns flush_ns,iotlb_hi | grep -qx "flush_ns,iotlb_hits" || fail "completion of columns"
offered dirtywalk list mod | grep -qx models || fail "completion of kinds"
