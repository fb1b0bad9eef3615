#!/usr/bin/env python3
"""A second reader of native traces, written from traces/FORMAT.md alone, to test that page and the first.

dwt.py csv FILE                       print the records as CSV
dwt.py dump FILE                      print all bytes with their meaning, as in FORMAT.md
dwt.py compare DIRTYWALK FOLDER CSV...  convert CSV traces with dirtywalk and compare what this reader finds
"""
import csv
import gzip
import hashlib
import io
import pathlib
import struct
import subprocess
import sys
import zlib

OPS = ("write", "read", "map", "map_ro", "unmap", "translate", "translate_w", "mark")
MARK = 7
MAPS = (2, 3)
MASK = 2**64 - 1


class Bytes:
    """A piece of the file, read front to back; remembers what each part was for the dump."""

    def __init__(self, data, notes=None, base=0):
        self.data, self.at, self.notes, self.base = data, 0, notes if notes is not None else [], base

    def take(self, size, note):
        assert self.at + size <= len(self.data), f"truncated: {note}"
        part = self.data[self.at:self.at + size]
        self.notes.append((self.base + self.at, part, note))
        self.at += size
        return part

    def number(self, size, note):
        value = int.from_bytes(self.data[self.at:self.at + size], "little")
        self.take(size, f"{note}: {value}" if size < 8 or value < 10**15 else f"{note}: {value:#x}")
        return value

    def zero(self, size):
        assert not any(self.take(size, "zero")), "a newer version"


def read_member(data, at, notes):
    """(kind, member bytes, position, payload, byte of the payload in the file if it is stored whole)"""
    head = Bytes(data[at:at + 38], notes, at)
    fixed = head.take(10, "gzip header: extra field, header checksum")
    assert fixed[:4] == b"\x1f\x8b\x08\x06"
    assert head.number(2, "length of the extra field") == 24
    assert head.take(2, "id DW") == b"DW"
    assert head.number(2, "length") == 20
    assert head.number(1, "version") == 1
    kind = head.take(1, f"kind of member: {chr(data[at + 17])}").decode()
    head.zero(2)
    size = head.number(4, "bytes of the member")
    payload_size = head.number(4, "bytes of the payload")
    position = head.number(8, "position")
    assert head.number(2, "checksum of the header") == zlib.crc32(data[at:at + 36]) & 0xFFFF
    member = data[at:at + size]
    assert len(member) == size
    inflater = zlib.decompressobj(-15)
    payload = inflater.decompress(member[38:-8])
    assert inflater.eof and not inflater.unused_data and len(payload) == payload_size
    assert struct.unpack("<II", member[-8:]) == (zlib.crc32(payload), payload_size)
    return kind, size, position, payload


def deflate_note(data, at, size, payload, notes):
    """The deflate stream in the dump; where the payload begins if it is stored in one piece."""
    if not payload:
        notes.append((at + 38, data[at + 38:at + 40], "deflate: nothing"))
        return None
    if size == 38 + 5 + len(payload) + 8:
        notes.append((at + 38, data[at + 38:at + 43], f"deflate: stored, {len(payload)} bytes, the last"))
        return at + 43
    notes.append((at + 38, data[at + 38:at + size - 8], "deflate stream"))
    return None


def trailer_note(data, at, size, notes):
    notes.append((at + size - 8, data[at + size - 8:at + size - 4], "CRC-32 of the payload"))
    notes.append((at + size - 4, data[at + size - 4:at + size], "bytes of the payload"))


class Column:
    def __init__(self, payload, lengths, count, control_at, data_at, size):
        self.values = []
        at = data_at
        for i in range(count):
            length = lengths[payload[control_at + i // 4] >> i % 4 * 2 & 3]
            self.values.append(int.from_bytes(payload[at:at + length], "little"))
            at += length
        assert at == data_at + size <= len(payload) and control_at + (count + 3) // 4 <= len(payload)
        self.left = iter(self.values)

    def next(self):
        return next(self.left)

    def next_signed(self):
        value = next(self.left)
        return -(value + 1) // 2 if value & 1 else value // 2


def read_block(payload, first_record, notes, base):
    b = Bytes(payload, notes, base)
    count, kind_count = b.number(4, "records"), b.number(2, "kinds")
    column_count = b.number(1, "columns")
    b.zero(1)
    assert 1 <= count <= 16384 and 1 <= kind_count <= 256
    assert b.number(8, "index of the first record") == first_record
    now, unit = b.number(8, "time of the first record"), b.number(8, "time unit")
    kinds_at = b.number(4, "kinds of the records at")
    b.zero(4)
    columns = {number: Column(payload, [0] * 4, 0, 0, 0, 0) for number in range(1, 6)}
    parts = [(kinds_at, count, "kinds of the records")]
    for _ in range(column_count):
        number = b.number(4, "column")
        lengths = list(b.take(4, "  lengths"))
        numbers, control_at = b.number(4, "  numbers"), b.number(4, "  control bytes at")
        data_at, size = b.number(4, "  data at"), b.number(4, "  bytes of data")
        columns[number] = Column(payload, lengths, numbers, control_at, data_at, size)
        parts += [(control_at, (numbers + 3) // 4, f"control bytes of column {number}"),
                  (data_at, size, f"data of column {number}")]
    kinds = []
    for number in range(kind_count):
        iova, size = b.number(8, f"kind {number}: iova"), b.number(8, "  bytes")
        device, op = b.number(2, "  device"), b.number(1, "  op")
        is_open, shift = b.number(1, "  open"), b.number(1, "  shift")
        b.zero(3)
        kinds.append({"iova": iova, "bytes": size, "device": device, "op": op, "open": is_open, "shift": shift,
                      "offset": 0})
    for at, size, note in sorted(parts):
        if at == b.at:
            b.take(size, note)
    records = []
    for number in payload[kinds_at:kinds_at + count]:
        kind = kinds[number]
        now = now + columns[1].next() * unit & MASK
        kind["iova"] = kind["iova"] + (columns[2].next_signed() << kind["shift"]) & MASK
        size = columns[3].next() if kind["open"] & 1 else kind["bytes"]
        device = columns[4].next() & 0xFFFF if kind["open"] & 2 else kind["device"]
        address = None
        if kind["op"] in MAPS:
            kind["offset"] += columns[5].next_signed()
            address = kind["iova"] + kind["offset"] & MASK
        records.append((now, device, kind["op"], kind["iova"], size, address))
    assert all(next(column.left, None) is None for column in columns.values())
    return records


def read_summary(payload, notes, base):
    s = Bytes(payload, notes, base)
    summary = {"records": s.number(8, "records"), "blocks": s.number(8, "blocks"),
               "payload_bytes": s.number(8, "bytes of the payloads"), "sha256": s.take(32, "their SHA-256").hex(),
               "first": s.number(8, "time of the first record"), "last": s.number(8, "time of the last record"),
               "by_op": [s.number(8, f"{op} records") for op in OPS],
               "bytes": [s.number(8, f"{op} bytes") for op in OPS], "shift": s.number(4, "granule shift")}
    devices, extents, text = s.number(4, "devices"), s.number(4, "extents"), s.number(4, "bytes of the text")
    s.zero(8)
    summary["devices"] = [s.number(2, "device") for _ in range(devices)]
    summary["extents"] = [(s.number(8, "extent: first granule"), s.number(8, "  granules"))
                          for _ in range(extents)]
    summary["text"] = s.take(text, "text").decode()
    summary["index"] = []
    for _ in range(summary["blocks"]):
        summary["index"].append((s.number(8, "index: position"), s.number(8, "  first record"),
                                 s.number(8, "  time of it"), s.number(4, "  bytes of the member")))
        s.zero(4)
    assert s.at == len(payload)
    return summary


def check_summary(summary, records, index, payloads):
    assert summary["records"] == len(records) and summary["index"] == index
    assert summary["payload_bytes"] == len(payloads)
    assert summary["sha256"] == hashlib.sha256(payloads).hexdigest()
    assert not records or (summary["first"], summary["last"]) == (records[0][0], records[-1][0])
    touched = set()
    for op in range(8):
        assert summary["by_op"][op] == sum(r[2] == op for r in records)
        total = sum(r[4] for r in records if r[2] == op)
        assert summary["bytes"][op] == (0 if op == MARK else min(total, MASK))
    assert summary["devices"] == sorted({r[1] for r in records if r[2] != MARK})
    for first, count in summary["extents"]:
        touched |= set(range(first, first + count))
    for granules, fits in ((0, True), (1, False)):
        shift, seen = summary["shift"] - granules, set()
        for _, _, op, iova, size, _ in records:
            if op in (0, 1, 5, 6):
                seen |= set(range(iova >> shift, (iova + size - 1 >> shift) + 1))
        assert (seen == touched and len(seen) <= 1024) if fits else (len(seen) > 1024 or shift < 12)


def read_file(path, notes=None):
    data = pathlib.Path(path).read_bytes()
    notes = [] if notes is None else notes
    records, index, payloads, at, summary_at = [], [], b"", 0, None
    while True:
        kind, size, position, payload = read_member(data, at, notes)
        base = deflate_note(data, at, size, payload, notes)
        inside = notes if base is not None else []
        if kind == "B":
            assert position == at and summary_at is None and len(payload) <= 2**20
            block = read_block(payload, len(records), inside, base or 0)
            index.append((at, len(records), block[0][0], size))
            records += block
            payloads += payload
        elif kind == "S":
            assert position == at and summary_at is None
            summary_at = at
            check_summary(read_summary(payload, inside, base or 0), records, index, payloads)
        else:
            assert kind == "E" and size == 48 and position == summary_at
            trailer_note(data, at, size, notes)
            assert at + size == len(data), "bytes behind the end"
            return records
        trailer_note(data, at, size, notes)
        at += size


def dump(path):
    notes = []
    read_file(path, notes)
    done = 0
    for at, part, note in notes:
        assert at == done
        done += len(part)
        for i in range(0, len(part), 10):
            piece = part[i:i + 10].hex(" ")
            print(f"{at + i:06x}  {piece:29}  {note if i == 0 else ''}".rstrip())
    assert done == pathlib.Path(path).stat().st_size


def device_number(text):
    if ":" not in text:
        return int(text or "0", 0)
    bus, rest = text.split(":")[-2:]
    slot, function = rest.split(".")
    return int(bus, 16) << 8 | int(slot, 16) << 3 | int(function, 16)


def read_csv(path):
    data = pathlib.Path(path).read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    rows = csv.DictReader(io.StringIO("".join(l + "\n" for l in text.splitlines() if l and l[0] != "#")))
    records = []
    for row in rows:
        op, iova = OPS.index(row["op"]), int(row.get("iova", row.get("gpa")) or "0", 0)
        address = int(row.get("address") or str(iova), 0) if op in MAPS else None
        records.append((int(row["time_ns"], 0), device_number(row["device"]), op, iova, int(row["bytes"], 0), address))
    return records


def compare(dirtywalk, folder, paths):
    for path in paths:
        out = pathlib.Path(folder) / (pathlib.Path(path).name.split(".")[0] + ".dwt")
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([dirtywalk, "trace", "convert", path, str(out)], check=True)
        expected, found = read_csv(path), read_file(out)
        assert len(expected) == len(found) > 0, f"{path}: {len(expected)} records, {len(found)} found"
        for i, (one, other) in enumerate(zip(expected, found)):
            assert one == other, f"{path}: record {i + 1}: {one}, found {other}"
        print(f"{path}: {len(found)} records are the same")


def main():
    command, *arguments = sys.argv[1:]
    if command == "csv":
        print("time_ns,device,op,iova,bytes,address")
        for time, device, op, iova, size, address in read_file(arguments[0]):
            print(f"{time},{device},{OPS[op]},{iova:#x},{size},{'' if address is None else hex(address)}")
    elif command == "dump":
        dump(arguments[0])
    else:
        assert command == "compare", command
        compare(arguments[0], arguments[1], arguments[2:])


main()
