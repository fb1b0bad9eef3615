#!/bin/sh
# Installs the Debian package on a fresh minimal Debian 12 and runs the first example there, as root:
# clean_root.sh BUILD_FOLDER [MIRROR]
# Needs debootstrap; takes a minute or two.
set -eu
build=$1
mirror=${2:-$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

debootstrap --variant=minbase bookworm "$root" "$mirror" >/dev/null
(cd "$build" && cpack -B "$root/tmp/package" >/dev/null)
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -e /etc/apt/apt.conf.d ] || cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
chroot "$root" sh -c 'apt-get install -y -qq --no-install-recommends /tmp/package/*.deb >/dev/null'
chroot "$root" sh -c 'cd /tmp && dirtywalk run /usr/share/dirtywalk/configs/examples/first.yaml'
chroot "$root" dpkg -r dirtywalk >/dev/null
[ ! -e "$root/usr/bin/dirtywalk" ] && [ ! -e "$root/usr/share/dirtywalk" ]
echo "installed, ran and was removed on a clean Debian 12"
