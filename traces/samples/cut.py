#!/usr/bin/env python3
"""Cut the samples of this folder from the full recordings, byte for byte, and write MANIFEST.csv.

usage: cut.py RECORDINGS [OUTPUT]     RECORDINGS holds the r*.csv.gz files; OUTPUT is this folder by default

A sample is one or more time windows of one recording, in order. Times are made relative to the first record
of the recording, and the time before the first and between two windows is cut out: the sample goes on as if
the second window followed the first at once. Nothing else of a record is changed. GNU gzip -9n makes the
bytes repeatable.
"""
import csv
import gzip
import hashlib
import pathlib
import subprocess
import sys

SECOND = 10**9

# sample, recording, name of the address column, windows [from, to) in seconds after the first record,
# origin, how it was recorded.
SAMPLES = [
    ("r3-nvme-net.csv.gz", "r3-passthrough-igb.csv.gz", "gpa",
     [(54.0, 57.0), (64.0, 65.0), (92.0, 93.5), (113.0, 114.2), (123.0, 124.0), (158.0, 160.0)],
     "Linux 6.12 guest with 6 GiB; NVMe 00:04.0 (raw) and 00:05.0 (ext4), igb NIC 00:06.0; passthrough: "
     "addresses are guest-physical; windows of six phases: sequential reads, random O_DIRECT reads, buffered "
     "random reads, TCP receive, receive to file with random reads, mixed ext4",
     "QEMU 10 without KVM, trace log of address_space_map and of an added print in the device DMA path; "
     "wall clock in microseconds"),
    ("r2-virtio-iommu.csv.gz", "r2-virtio-iommu-igb.csv.gz", "iova",
     [(0.0, 10.0)],
     "Linux 6.12 guest; NVMe 00:04.0 (raw) and 00:05.0 (ext4), igb NIC 00:06.0, each in a domain of its own "
     "behind virtio-iommu, lazy unmap; begins with the 530 mappings that were live; "
     "sequential, then random O_DIRECT reads",
     "QEMU 10 without KVM, trace log of virtio_iommu_map and _unmap, address_space_map and an added print in "
     "the device DMA path, one clock"),
    ("r7-smmuv3-strict.csv.gz", "r7-smmuv3-strict.csv.gz", "iova",
     [(0.0, 5.0)],
     "Linux 6.12 guest, arm64 virt machine, SMMUv3 with strict unmap; NVMe 00:04.0, NIC 00:06.0; "
     "sequential reads",
     "stock QEMU 10 without KVM, trace log of address_space_map and smmuv3_range_inval; maps are not visible"),
    ("r8-vtd-strict.csv.gz", "r8-vtd-strict.csv.gz", "iova",
     [(0.0, 2.0), (6.0, 7.0)],
     "Linux 6.12 guest, VT-d with strict unmap; NVMe 00:04.0, e1000e NIC 00:06.0; "
     "sequential and random reads, then TCP receive",
     "stock QEMU 7.2 without KVM, trace log of pci_nvme_map_addr, e1000e buffer writes and "
     "vtd_inv_desc_iotlb_pages; only data writes, maps are not visible"),
]


def cut(recording, address_column, windows, origin):
    """The text of a sample, its number of records and of writes."""
    with gzip.open(recording, "rt", encoding="ascii") as lines:
        header = next(lines).rstrip("\n").split(",")
        assert header[:5] == ["time_ns", "device", "op", "iova", "bytes"], header
        header[3] = address_column
        out = [f"# {origin}\n", "# cut by traces/samples/cut.py from " + recording.name + ": seconds "
               + ", ".join(f"{start} to {end}" for start, end in windows) + "\n", ",".join(header) + "\n"]
        bounds = [(round(start * SECOND), round(end * SECOND)) for start, end in windows]
        removed = [start - sum(e - s for s, e in bounds[:i]) for i, (start, _) in enumerate(bounds)]
        first, records, writes = None, 0, 0
        for line in lines:
            time, rest = line.split(",", 1)
            first = int(time) if first is None else first
            since = int(time) - first
            for (start, end), gap in zip(bounds, removed):
                if start <= since < end:
                    out.append(f"{since - gap},{rest}")
                    records += 1
                    writes += rest.split(",")[1] == "write"
    return "".join(out).encode("ascii"), records, writes


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    recordings = pathlib.Path(sys.argv[1])
    output = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else pathlib.Path(__file__).parent
    with open(output / "MANIFEST.csv", "w", newline="", encoding="ascii") as file:
        manifest = csv.writer(file, lineterminator="\n")
        manifest.writerow(["path", "sha256", "bytes", "records", "writes", "origin", "how_recorded"])
        for name, recording, address_column, windows, origin, how in SAMPLES:
            text, records, writes = cut(recordings / recording, address_column, windows, origin)
            packed = subprocess.run(["gzip", "-9n"], input=text, stdout=subprocess.PIPE, check=True).stdout
            (output / name).write_bytes(packed)
            manifest.writerow([name, hashlib.sha256(packed).hexdigest(), len(packed), records, writes, origin, how])


if __name__ == "__main__":
    main()
