#!/usr/bin/env python3
"""Writes the manual's tables from what the program itself lists, or says which of them are out of date.

usage: make_tables.py DIRTYWALK DOCS_FOLDER [--rewrite]"""

import pathlib
import subprocess
import sys

PAGES = {
    "keys": ("keys", "Keys of an experiment file", "What each does exactly is in the [section](semantics.md) named; how files are "
             "written is in [experiments](experiments.md). `used_by` names what looks at the key: empty, everything does."),
    "columns": ("columns", "Columns of results.csv", "One row per cell and trace: identity, the parameters (`column` in "
                "[keys](keys.md)), then these. What each counts exactly is in the [section](semantics.md) named."),
    "costs": ("cost", "Prices of the cost model", "Each is a key `cost.NAME`; counters times prices give the columns ending in "
              "`_ns` ([semantics](semantics.md), section 12). `assumed` says for which vendors a price has no published "
              "measurement behind it: none of them, all, or those named."),
}


def page(program, kind, title, intro):
    listed = subprocess.run([program, "list", kind, "--markdown"], capture_output=True, text=True, check=True).stdout
    table = listed[listed.index("| name |"):]
    return f"# {title}\n\n{intro}\n\nWritten by `dirtywalk list {kind} --markdown`; not by hand.\n\n{table}"


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    stale = []
    for name, (kind, title, intro) in PAGES.items():
        file, text = folder / f"{name}.md", page(program, kind, title, intro)
        if "--rewrite" in sys.argv[3:]:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            stale.append(file.name)
    for name in stale:
        print(f"docs/{name} is not what the program lists: cmake --build --preset release --target manual, and read the diff")
    return len(stale) > 0


sys.exit(main())
