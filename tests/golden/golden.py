#!/usr/bin/env python3
"""Compare what the program gives with what is kept, byte for byte.

golden.py DIRTYWALK FOLDER SCRATCH [--rewrite]: NAME.yaml gives NAME.results.csv and, if it keeps them,
NAME.intervals.csv; tables/NAME.yaml, whose first line is the command, gives tables/NAME.txt and with --json
tables/NAME.json. Cell ids, which change with every new key, are left out.
"""
import difflib
import json
import pathlib
import re
import shutil
import subprocess
import sys


def results(program, folder, scratch):
    """Pairs of a kept file and what should be in it."""
    for experiment in sorted(folder.glob("*.yaml")):
        output = scratch / experiment.stem
        shutil.rmtree(output, ignore_errors=True)
        subprocess.run([program, "run", "--progress", "never", "-q", "-o", output, experiment], check=True)
        for table in ("results", "intervals"):
            yield folder / f"{experiment.stem}.{table}.csv", (output / f"{table}.csv").read_text()


def tables(program, folder):
    for experiment in sorted(folder.glob("*.yaml")):
        command = experiment.read_text().splitlines()[0].split()
        assert command[:3] == ["#", "dirtywalk", "tables"], f"{experiment}: the first line is not its command"
        for suffix, options in ((".txt", []), (".json", ["--json"])):
            run = subprocess.run([program, *command[2:], *options], cwd=folder, check=True, capture_output=True, text=True)
            if options:
                check_counts(json.loads(run.stdout))
            yield experiment.with_suffix(suffix), re.sub(r'(  cell .*, |"id": ")[0-9a-f]{12}', r"\1............", run.stdout)


def check_counts(dump):
    """Everything is listed once, if nothing is left out."""
    if dump["range"] != {"iova": "0x0", "iova_last": "0xffffffffffffffff"}:
        return
    assert sum(table["tables"] for table in dump["tables"]) == dump["table_count"]
    assert dump["leaves"] == sum(table["tables"] * sum(entry["count"] for entry in table["entries"] if entry["kind"] == "leaf")
                                 for table in dump["tables"])


def main():
    program, folder, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    rewrite = "--rewrite" in sys.argv[4:]
    differences = files = 0
    for expected, found in (*results(program, folder, scratch), *tables(program, folder / "tables")):
        files += 1
        if rewrite:
            expected.write_text(found)
            continue
        wanted = expected.read_text()
        if found != wanted:
            differences += 1
            lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), str(expected), "found", lineterm="", n=0)
            print("\n".join(list(lines)[:20]))
    assert files > 10, f"too few files are kept in {folder}"
    return differences > 0


sys.exit(main())
