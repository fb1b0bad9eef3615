#!/bin/sh
# Run all shipped experiments and hold their results against the golden ones: reproduce.sh [--no-figures] [FOLDER]
#
# Says beforehand how long it takes and how much it writes. FOLDER (default: results) gets a results folder for each
# experiment and, where pandas and matplotlib are there (setup.sh --with figures), figures/NAME/*.pdf and *.png; then the
# numbers of FINDINGS.md are checked as well. Interrupted, it goes on where it was. Exit code 1: something differs.
# The program is $DIRTYWALK, else build/release/dirtywalk, else the dirtywalk of $PATH.
set -eu
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")
figures=yes
if [ "${1-}" = --no-figures ]; then
    figures=no
    shift
fi
case ${1-}:$# in
--help:* | -h:*)
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
-*:* | *:[2-9]*)
    echo "usage: reproduce.sh [--no-figures] [FOLDER]" >&2
    exit 2
    ;;
esac
folder=${1:-results}
[ -n "${DIRTYWALK-}" ] || [ ! -x "$root/build/release/dirtywalk" ] || DIRTYWALK=$root/build/release/dirtywalk
DIRTYWALK=$(command -v "${DIRTYWALK:-dirtywalk}") || {
    echo "reproduce.sh: there is no dirtywalk; build it (cmake --workflow --preset demo) or set DIRTYWALK" >&2
    exit 2
}
export DIRTYWALK PYTHONDONTWRITEBYTECODE=1
# The Python that setup.sh installs modules for.
python=/usr/bin/python3
[ -x "$python" ] || python=python3

set -- "$root"/configs/examples/*.yaml
for experiment in "$@"; do
    "$python" "$here/shards.py" total "$experiment"
done | awk -v folder="$folder" '
    { cells += $1; seconds += $2; if ($3 > memory) memory = $3; disk += $4 }
    END { printf "%d experiments, %d cells: about %d s and %d MiB of memory, %d MiB in %s\n", NR, cells, seconds + 1, memory, disk, folder }'

mkdir -p "$(dirname "$folder")"
for experiment in "$@"; do
    "$DIRTYWALK" run "$experiment" -o "$folder/$(basename "$experiment" .yaml)" -q --progress never 2>"$folder.log" || {
        code=$?
        cat "$folder.log" >&2
        exit "$code"
    }
done
rm -f "$folder.log"

code=0
for experiment in "$@"; do
    "$python" "$here/compare.py" "$here/golden" "$folder/$(basename "$experiment" .yaml)" || code=1
done
if ! "$python" -c "import pandas, matplotlib" 2>/dev/null; then
    echo "figures and FINDINGS.md are left out: install pandas and matplotlib (setup.sh --with figures)"
elif [ "$figures" = yes ]; then
    for experiment in "$@"; do
        "$python" "$here/figures.py" "$folder/$(basename "$experiment" .yaml)" -o "$folder/figures"
    done
    # An installed copy has no findings.
    [ ! -e "$root/FINDINGS.md" ] || "$python" "$here/findings.py" check "$folder" || code=1
fi
[ "$code" = 0 ] && echo "reproduced" || echo "NOT reproduced"
exit "$code"
