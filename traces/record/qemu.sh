#!/bin/sh
# Records the DMA of a small Linux guest from the trace events of a stock QEMU. README.md here is the how-to.
set -eu

usage() {
    cat <<'END'
Usage: qemu.sh [OPTION...] DIRECTORY
Boot a small Linux guest in QEMU, run a disk and network workload in it, and write the recording to DIRECTORY:
qemu.log.gz, console.txt, how.txt and, if dirtywalk is found, trace.csv.gz and trace.dwt.

  -i IOMMU      intel (default: VT-d, strict unmap), intel-lazy, amd, virtio, none, or smmuv3: an arm64 guest
  -b DISK       nvme (default), ahci or virtio
  -n NIC        e1000e (default), igb, virtio or none
  -w FILE       workload: a script for BusyBox sh, run in the guest (default: reads, writes, then receive)
  -f FOLDER     its files go into the guest's root folder (programs for the workload, with their libraries)
  -m MIB        guest memory (default 512)
  -c CPUS       guest CPUs (default 1)
  -d MIB        size of the NVMe disk, a sparse file (default 256)
  -A tcg|kvm    accelerator (default tcg, which always works)
  -t SECONDS    give up after this time (default 600)
  -k PACKAGE    linux-image-VERSION .deb, or a folder it was unpacked into (default: apt-get download)
  -q PROGRAM    QEMU (default qemu-system-x86_64, or qemu-system-aarch64)
  -y PROGRAM    BusyBox for the guest, a static one (default: the one in PATH)
  -x PROGRAM    dirtywalk (default: the one in PATH)
  -a ARGUMENTS  more words for the kernel's command line
  -s            also write trace.qemu.simple.gz, where QEMU was built with the simple backend
END
}

fail() {
    echo "qemu.sh: $*" >&2
    exit 1
}

iommu=intel disk=nvme nic=e1000e simple='' workload='' files='' memory_mib=512 cpus=1 disk_mib=256 limit_s=600
accelerator=tcg package='' qemu='' dirtywalk=dirtywalk busybox=busybox append=''
PATH=$PATH:/usr/sbin:/sbin

while getopts i:b:n:w:f:m:c:d:A:t:k:q:y:x:a:sh option; do
    case $option in
    i) iommu=$OPTARG ;;
    b) disk=$OPTARG ;;
    n) nic=$OPTARG ;;
    w) workload=$OPTARG ;;
    f) files=$OPTARG ;;
    m) memory_mib=$OPTARG ;;
    c) cpus=$OPTARG ;;
    d) disk_mib=$OPTARG ;;
    A) accelerator=$OPTARG ;;
    t) limit_s=$OPTARG ;;
    k) package=$OPTARG ;;
    q) qemu=$OPTARG ;;
    y) busybox=$OPTARG ;;
    x) dirtywalk=$OPTARG ;;
    a) append=$OPTARG ;;
    s) simple=1 ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || { usage >&2 && exit 2; }
case $iommu in
intel | intel-lazy | amd | virtio | none) machine=q35 architecture=amd64 console=ttyS0 ;;
smmuv3) machine=virt,iommu=smmuv3,gic-version=3 architecture=arm64 console=ttyAMA0 ;;
*) fail "-i $iommu: not intel, intel-lazy, amd, virtio, none or smmuv3" ;;
esac
[ $architecture = amd64 ] || [ "$disk" != ahci ] || fail "-b ahci: the arm64 machine has no AHCI controller"
case $qemu$architecture in
amd64) qemu='qemu-system-x86_64' ;;
arm64) qemu='qemu-system-aarch64' ;;
esac
case $nic in e1000e | igb | virtio | none) ;; *) fail "-n $nic: not e1000e, igb, virtio or none" ;; esac
# What the guest needs for its disk, and what it is called there. virtio devices use an IOMMU only if asked to.
behind_iommu=iommu_platform=on,disable-legacy=on
case $disk in
nvme) node=nvme0n1 disk_modules=nvme disk_device=nvme,drive=disk,serial=1,addr=4 ;;
ahci) node=sda disk_modules='ahci sd_mod' disk_device=ide-hd,drive=disk,bus=ide.0 ;;
virtio) node=vda disk_modules='virtio_pci virtio_blk' disk_device=virtio-blk-pci,drive=disk,addr=4,$behind_iommu ;;
*) fail "-b $disk: not nvme, ahci or virtio" ;;
esac
case $nic in
none) nic_modules='' nic_device='' ;;
virtio) nic_modules='virtio_pci virtio_net' nic_device=virtio-net-pci,$behind_iommu ;;
*) nic_modules=$nic nic_device=$nic ;;
esac
case $accelerator in tcg | kvm) ;; *) fail "-A $accelerator: not tcg or kvm" ;; esac
[ -z "$workload" ] || [ -r "$workload" ] || fail "$workload: cannot be read"
[ -z "$files" ] || [ -d "$files" ] || fail "$files: is not a folder"
for tool in "$qemu" "$busybox" cpio gzip depmod modprobe dpkg-deb timeout; do
    command -v "$tool" >/dev/null || fail "$tool not found (README.md lists the packages)"
done
busybox=$(command -v "$busybox")

out=$1
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# ---- kernel: $kernel, and its modules under $modules ----

if [ -z "$package" ]; then
    # The meta package depends on the current kernel.
    meta=linux-image-$architecture
    name=$(apt-cache depends "$meta:$architecture" | sed -n 's/.*Depends: \(linux-image-[0-9][^:]*\).*/\1/p' | head -n 1)
    [ -n "$name" ] || fail "apt knows no $meta:$architecture; name a package with -k"
    (cd "$work" && apt-get download "$name:$architecture" >/dev/null 2>&1) || fail "apt-get download $name failed"
    package=$(find "$work" -name '*.deb')
fi
tree=$package
if [ -f "$package" ]; then
    tree=$work/kernel
    dpkg-deb -x "$package" "$tree"
fi
kernel=$(find "$tree/boot" -name 'vmlinuz-*' | head -n 1)
[ -n "$kernel" ] || fail "$package: no boot/vmlinuz-* in it"
version=${kernel##*/vmlinuz-}
modules=$work/modules
mkdir -p "$modules/lib/modules"
for folder in "$tree/usr/lib/modules/$version" "$tree/lib/modules/$version"; do
    if [ -d "$folder" ] && [ ! -e "$modules/lib/modules/$version" ]; then
        cp -R "$folder" "$modules/lib/modules/$version"
    fi
done
depmod -b "$modules" "$version" 2>/dev/null || fail "$package: depmod failed"
if [ "$iommu" = virtio ] && ! grep -q '^CONFIG_VIRTIO_IOMMU=[ym]' "$tree/boot/config-$version"; then
    fail "kernel $version has no virtio-iommu driver; Debian 12's has not, later ones have: name one with -k"
fi

# ---- initramfs: BusyBox, the modules, the workload ----

root=$work/root
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/modules"
cp "$busybox" "$root/bin/busybox"
wanted="$disk_modules $nic_modules"
[ "$iommu" != virtio ] || wanted="virtio_pci virtio_iommu $wanted"
number=10
for module in $wanted; do
    modprobe -d "$modules" -S "$version" --show-depends "$module" >"$work/depends" ||
        fail "kernel $version has no module $module"
    while read -r word file _; do
        [ "$word" = insmod ] || continue
        name=$(basename "$file")
        [ -z "$(find "$root/modules" -name "??-${name%%.ko*}.ko")" ] || continue
        to=$root/modules/$number-${name%%.ko*}.ko
        case $file in
        *.xz) xz -dc "$file" >"$to" ;;
        *.zst) zstd -qdc "$file" >"$to" ;;
        *) cp "$file" "$to" ;;
        esac
        number=$((number + 1))
    done <"$work/depends"
done

if [ -n "$workload" ]; then
    cp "$workload" "$root/workload"
else
    cat >"$root/workload" <<'END'
phase() { echo "record: phase $* at $(cut -d' ' -f1 /proc/uptime) s"; }
phase sequential reads, 16 MiB
dd if=$disk of=/dev/null bs=64k count=256
phase random 4 KiB reads, O_DIRECT
# One open file and dd's skip: /dev/urandom names the blocks.
hexdump -v -n 1200 -e '1/2 "%u\n"' /dev/urandom | while read -r block; do
    dd if=$disk of=/dev/null bs=4k skip="$block" count=1 iflag=direct 2>/dev/null
done
phase sequential writes, 16 MiB
dd if=/dev/zero of=$disk bs=64k count=256 conv=fsync
phase random 4 KiB writes
hexdump -v -n 600 -e '1/2 "%u\n"' /dev/urandom | while read -r block; do
    dd if=/dev/zero of=$disk bs=4k seek="$block" count=1 oflag=direct 2>/dev/null
done
if [ -e /sys/class/net/eth0 ]; then
    phase receive, 4 MiB
    ip link set lo up
    ip link set eth0 up
    ip address add 10.0.2.15/24 dev eth0
    sleep 2
    nc 10.0.2.100 9000 </dev/null | wc -c
fi
phase end
END
fi
[ -z "$files" ] || cp -R "$files/." "$root/"
printf '#!/bin/busybox sh\nexport disk=/dev/%s\n' "$node" >"$root/init"
cat >>"$root/init" <<'END'
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
for module in /modules/*.ko; do
    insmod "$module"
done
tries=0
until [ -e "$disk" ] || [ $tries -ge 30 ]; do
    sleep 1
    tries=$((tries + 1))
done
for group in /sys/kernel/iommu_groups/*; do
    [ ! -e "$group/type" ] || echo "record: iommu group ${group##*/} is $(cat "$group/type")"
done
echo "record: workload starts"
sh /workload
echo "record: workload returned $?"
sync
poweroff -f
END
chmod 755 "$root/init"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$work/initramfs.gz"

# ---- events: those of the wanted ones that this QEMU has ----

"$qemu" -trace help >"$work/help"
for event in address_space_map \
    pci_nvme_admin_cmd pci_nvme_io_cmd pci_nvme_read pci_nvme_write pci_nvme_map_addr \
    pci_nvme_map_addr_cmb pci_nvme_map_addr_pmr \
    e1000e_rx_desc_buff_write e1000e_rx_descr igb_rx_desc_buff_write \
    vtd_dmar_translate vtd_dmar_fault vtd_inv_desc_iotlb_pages vtd_inv_desc_iotlb_pasid_pages \
    smmuv3_translate_success smmuv3_translate_abort smmuv3_range_inval smmuv3_s1_range_inval \
    amdvi_translation_result amdvi_cache_update \
    virtio_iommu_attach virtio_iommu_detach virtio_iommu_detach_endpoint_from_domain virtio_iommu_map \
    virtio_iommu_unmap virtio_iommu_translate virtio_iommu_report_fault; do
    ! grep -qx "$event" "$work/help" || echo "$event"
done >"$work/events"
[ -s "$work/events" ] || fail "$qemu has none of the trace events; was it built with the log backend?"
if ! grep -qx address_space_map "$work/events"; then
    echo "qemu.sh: this QEMU has no address_space_map: only NVMe data and NIC receive buffers are logged" >&2
fi

# ---- the machine ----

truncate -s "${disk_mib}M" "$work/disk.img"
arguments="console=$console quiet panic=-1 net.ifnames=0"
set -- -M $machine -accel "$accelerator"
case $accelerator$architecture in
kvm*) set -- "$@" -cpu host ;;
tcgarm64) set -- "$@" -cpu max ;;
esac
case $iommu in
intel | intel-lazy)
    set -- "$@" -device intel-iommu,intremap=off
    strict=1
    [ "$iommu" = intel ] || strict=0
    arguments="$arguments intel_iommu=on iommu.passthrough=0 iommu.strict=$strict"
    ;;
smmuv3) arguments="$arguments iommu.passthrough=0 iommu.strict=1" ;;
amd)
    # Passed-through devices and remapped interrupts are off: without KVM the guest's timer would not work.
    set -- "$@" -device amd-iommu,pt=off,intremap=off
    arguments="$arguments iommu.passthrough=0"
    ;;
virtio)
    set -- "$@" -device virtio-iommu-pci,addr=2
    arguments="$arguments iommu.passthrough=0"
    ;;
esac
set -- "$@" -smp "$cpus" -m "$memory_mib" -nodefaults -display none -no-reboot -serial "file:$out/console.txt" \
    -kernel "$kernel" -initrd "$work/initramfs.gz" -append "$arguments $append" \
    -drive "file=$work/disk.img,format=raw,if=none,id=disk" -device "$disk_device"
if [ "$nic" != none ]; then
    # The guest finds 4 MiB of noise at 10.0.2.100:9000 and nothing else: no port of the host is opened.
    set -- "$@" -device "$nic_device,netdev=net,addr=6" \
        -netdev 'user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:9000-cmd:head -c 4194304 /dev/urandom'
fi

set -- "$@" -msg timestamp=on -D "$work/qemu.log" -trace "events=$work/events${simple:+,file=$work/trace.simple}"
{
    "$qemu" --version | head -n 1
    echo "kernel $version, iommu $iommu, disk $disk, nic $nic, $cpus CPUs, $memory_mib MiB"
    echo "events: $(tr '\n' ' ' <"$work/events")"
    printf 'command: %s' "$qemu"
    printf " '%s'" "$@"
    echo
} >"$out/how.txt"

echo "qemu.sh: kernel $version, console in $out/console.txt"
begin=$(date +%s)
timeout "$limit_s" "$qemu" "$@" </dev/null ||
    fail "QEMU ended with status $? (124: time is up); see $out/console.txt"
echo "qemu.sh: $(($(date +%s) - begin)) s, $(wc -l <"$work/qemu.log") lines"
gzip -c "$work/qemu.log" >"$out/qemu.log.gz"
if [ -n "$simple" ]; then
    # Without that backend the log goes there.
    [ "$(od -An -tx1 -N4 "$work/trace.simple")" = ' ff ff ff ff' ] ||
        fail "$qemu has no simple backend and wrote no binary trace; record without -s"
    gzip -c "$work/trace.simple" >"$out/trace.qemu.simple.gz"
fi
grep -q 'record: workload returned 0' "$out/console.txt" || fail "the workload failed; see $out/console.txt"

# ---- conversion ----

if command -v "$dirtywalk" >/dev/null; then
    "$dirtywalk" trace convert "$out/qemu.log.gz" "$out/trace.dwt" --from qemu
    "$dirtywalk" trace convert "$out/trace.dwt" "$out/trace.csv.gz" --quiet
    "$dirtywalk" trace info "$out/trace.dwt"
else
    echo "qemu.sh: next: dirtywalk trace convert $out/qemu.log.gz $out/trace.dwt --from qemu"
fi
