#!/usr/bin/env python3
"""Style that is checked: which way includes point, who may include a library, lengths, banned calls, leftovers.

tidy.py SOURCE_FOLDER
"""
import pathlib
import re
import sys

ROOMS = ("traces", "configs", "sim", "analysis")

# A file of the room on the left may include headers of the rooms on the right (architecture: includes point one way).
KINDS = ("sim/pt", "sim/iommu", "sim/mapping", "sim/tracking", "sim/policy")
MACHINE = ("sim/base", "traces", *KINDS, "sim/keys", "sim/cache", "sim/state", "sim/engine", "sim")
MAY_INCLUDE = {
    "sim/base": ("sim/base",),
    "sim": ("sim/base", "sim"),  # sim/config.h, the resolved cell: plain data that every room below may read
    "traces": ("sim/base", "traces"),
    "sim/pt": ("sim/base", "sim", "sim/iommu", "sim/pt"),
    "sim/iommu": ("sim/base", "sim", "sim/iommu"),
    "sim/mapping": ("sim/base", "sim", "traces", "sim/mapping", "sim/state"),
    "sim/tracking": ("sim/base", "sim", "sim/tracking"),
    "sim/policy": ("sim/base", "sim", "sim/policy"),
    "sim/keys": ("sim/base", "sim", *KINDS, "sim/keys"),
    "sim/state": ("sim/base", "sim", "traces", *KINDS, "sim/state"),
    "sim/cache": ("sim/base", "sim", *KINDS, "sim/state", "sim/cache"),
    "sim/engine": MACHINE,
    "configs": MACHINE + ("configs",),
    "analysis": MACHINE + ("configs", "analysis"),
    "sim/cli": MACHINE + ("configs", "analysis", "sim/cli"),
}

LIBRARIES = {
    "yaml.h": ("configs/yaml.c",),
    "zlib.h": ("traces/file/gz.c", "traces/file/gz_write.c", "traces/native/native_gzip.c"),
    "libdeflate.h": ("traces/native/native_gzip.c",),
    "jansson.h": ("analysis/doc.c", "configs/json.c"),
    "csv.h": ("analysis/csv_reader.c",),
    "nettle/sha2.h": ("traces/file/sha256.c", "configs/id.c"),
    "uthash.h": ("sim/state/tile.c", "sim/base/number_map.c", "traces/log/log_table.c"),
    "argp.h": ("sim/cli/",),
    "bsd/sys/tree.h": ("sim/base/span_set.c", "sim/pt/tables_runs.h"),
    "sys/queue.h": ("sim/pt/tables_runs.h",),
}

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok|rand|srand|alloca)\s*\(")
BELOW_CLI = re.compile(r"\b(printf|puts|putchar|perror|exit|_exit|abort)\s*\(|\bstdout\b|\bstderr\b")
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
FILE_LINES, FUNCTION_LINES, LINE_COLUMNS = 640, 75, 130


def room_of(path):
    folder = path.rsplit("/", 1)[0]
    while folder not in MAY_INCLUDE and "/" in folder:
        folder = folder.rsplit("/", 1)[0]
    return folder


def check_includes(path, lines, complain):
    room = room_of(path)
    for number, line in enumerate(lines, 1):
        own = re.match(r'#include "([^"]+)"', line)
        system = re.match(r"#include <([^>]+)>", line)
        if own and own.group(1) != "dirtywalk_version.h":
            target = own.group(1)
            allowed = MAY_INCLUDE[room]
            if target not in allowed and room_of(target) not in allowed:
                complain(path, number, f"{room} may not include {target}")
        if system and system.group(1) in LIBRARIES:
            users = LIBRARIES[system.group(1)]
            if not any(path == user or (user.endswith("/") and path.startswith(user)) for user in users):
                complain(path, number, f"only {', '.join(users)} may include {system.group(1)}")


def strip_comments_and_strings(text):
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"'
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)


def check_code(path, text, complain):
    bare = strip_comments_and_strings(text)
    for number, line in enumerate(bare.splitlines(), 1):
        if BANNED.search(line):
            complain(path, number, f"banned call: {BANNED.search(line).group(1)}")
        if not path.startswith("sim/cli/") and BELOW_CLI.search(line):
            complain(path, number, "no printing and no exit below sim/cli")
    start = None
    for number, line in enumerate(bare.splitlines(), 1):
        if line.startswith("{"):
            start = number
        if line.startswith("}") and start:
            if number - start > FUNCTION_LINES:
                complain(path, start, f"{number - start} lines in one body; {FUNCTION_LINES} at most")
            start = None


def main():
    root = pathlib.Path(sys.argv[1])
    complaints = []

    def complain(path, number, what):
        complaints.append(f"{path}:{number}: {what}")

    files = [p for room in ROOMS for p in sorted((root / room).rglob("*.[ch]"))]
    assert len(files) > 40, "where are the sources?"
    for file in files:
        path = file.relative_to(root).as_posix()
        text = file.read_text()
        check_includes(path, text.splitlines(), complain)
        check_code(path, text, complain)
    pages = [p for p in (root / "analysis/report").rglob("*.*") if p.suffix in (".js", ".css", ".html")]
    assert len(pages) > 10, "where is the page of the reports?"
    for file in files + pages:
        path = file.relative_to(root).as_posix()
        lines = file.read_text().splitlines()
        if len(lines) > FILE_LINES:
            complain(path, len(lines), f"{len(lines)} lines; {FILE_LINES} at most")
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_COLUMNS:
                complain(path, number, f"{len(line)} columns; {LINE_COLUMNS} at most")
            if LEFTOVER.search(line):
                complain(path, number, "leftover note")
    print("\n".join(complaints) or f"{len(files) + len(pages)} files are tidy")
    return bool(complaints)


sys.exit(main())
