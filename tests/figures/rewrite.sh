#!/bin/sh
# The golden results of the shipped experiments, FINDINGS.md and its figures anew: rewrite.sh DIRTYWALK WORK_FOLDER
set -eu
root=$(dirname "$(realpath "$0")")/../..
export PYTHONDONTWRITEBYTECODE=1
rm -rf "$2"
for experiment in "$root"/configs/examples/*.yaml; do
    "$1" run "$experiment" -o "$2/$(basename "$experiment" .yaml)" -q --progress never 2>/dev/null
done
rm -f "$root"/analysis/golden/*.csv "$root"/docs/findings/*.png
/usr/bin/python3 "$root/analysis/compare.py" "$root/analysis/golden" "$2"/* --write
/usr/bin/python3 "$root/analysis/findings.py" write "$2"
