#!/bin/sh
# setup.sh [--with tests|figures|cluster]...: install the Debian packages that dirtywalk is built and tested with; those that
# are there are left alone. `tests` adds the browser that the reports are looked at with, `figures` what analysis/figures.py
# needs, `cluster` Slurm and Snakemake; without them their tests are skipped.
set -eu

packages="build-essential clang libclang-rt-14-dev cmake ninja-build pkg-config git
libyaml-dev zlib1g-dev libdeflate-dev libjansson-dev nettle-dev libcsv-dev uthash-dev libcriterion-dev libbsd-dev
libjs-chart.js python3 python3-jsonschema python3-yaml shellcheck"

while [ $# -gt 0 ]; do
    case "$1 ${2-}" in
    "--with tests") packages="$packages chromium chromium-driver python3-selenium fonts-dejavu-core" ;;
    "--with figures") packages="$packages python3-pandas python3-matplotlib" ;;
    "--with cluster") packages="$packages slurm-wlm munge snakemake" ;;
    *)
        echo "setup.sh: $*: there are --with tests, --with figures and --with cluster" >&2
        exit 2
        ;;
    esac
    shift 2
done

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup.sh: run as root, or install sudo; missing:$missing" >&2
        exit 1
    }
    as_root="sudo"
fi
echo "setup.sh: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # one word per package
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
