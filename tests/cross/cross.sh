#!/bin/sh
# Builds for another processor and runs the golden tests and those named there, in an emulator:
# cross.sh aarch64|s390x BUILD_FOLDER conformance|unit|property...
# Exit code 77: the packages for that cannot be had here.
# As root or with sudo it installs Debian's cross compiler and qemu-user, and lets apt know the other architecture; the
# libraries are only unpacked, into the build folder.
set -eu

processor=$1 build=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
case $processor in
aarch64) debian=arm64 ;;
s390x) debian=s390x ;;
*) echo "cross.sh: aarch64 or s390x, not $processor" >&2 && exit 2 ;;
esac

cannot() {
    echo "cross.sh: not run: $*" >&2
    exit 77
}

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
if ! dpkg --print-foreign-architectures | grep -qx "$debian"; then
    $as_root dpkg --add-architecture "$debian"
    $as_root apt-get update -qq || cannot "apt has no lists for $debian"
fi
command -v "$processor-linux-gnu-gcc" "qemu-$processor" >/dev/null ||
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "gcc-$processor-linux-gnu" "libc6-dev-$debian-cross" qemu-user >/dev/null || cannot "no cross compiler or emulator for $processor"

mkdir -p "$build/packages" "$build/sysroot"
build=$(cd "$build" && pwd)
for package in libyaml zlib1g libjansson nettle libbsd libcsv; do
    [ -n "$(find "$build/packages" -name "$package-dev_*")" ] ||
        (cd "$build/packages" && apt-get download -qq "$package-dev:$debian") || cannot "no $package-dev for $debian"
    dpkg -x "$build/packages/$package-dev_"*.deb "$build/sysroot"
done

cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O3 -g" -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" \
    -DDIRTYWALK_CROSS="$processor" -DDIRTYWALK_SYSROOT="$build/sysroot" -DDIRTYWALK_LIBDEFLATE=OFF
cmake --build "$build" --target dirtywalk test_unit test_conformance test_property

cat >"$build/dirtywalk.sh" <<END
#!/bin/sh
exec qemu-$processor "$build/dirtywalk" "\$@"
END
chmod +x "$build/dirtywalk.sh"
python3 "$source/tests/golden/golden.py" "$build/dirtywalk.sh" "$source/tests/golden" "$build/golden"
for tests in "$@"; do
    DIRTYWALK_SEEDS=${DIRTYWALK_SEEDS:-100} "qemu-$processor" "$build/tests/test_$tests"
done
