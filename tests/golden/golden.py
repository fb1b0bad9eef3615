#!/usr/bin/env python3
"""Replay every experiment of this folder and compare results.csv and intervals.csv byte for byte with what is kept.

golden.py DIRTYWALK FOLDER SCRATCH [--rewrite]: NAME.yaml gives NAME.results.csv and, if it keeps them, NAME.intervals.csv.
"""
import difflib
import pathlib
import shutil
import subprocess
import sys


def main():
    program, folder, scratch = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    rewrite = "--rewrite" in sys.argv[4:]
    experiments = sorted(folder.glob("*.yaml"))
    assert experiments, f"no experiments in {folder}"
    differences = 0
    for experiment in experiments:
        output = scratch / experiment.stem
        shutil.rmtree(output, ignore_errors=True)
        subprocess.run([program, "run", "--progress", "never", "-q", "-o", output, experiment], check=True)
        for table in ("results", "intervals"):
            expected = folder / f"{experiment.stem}.{table}.csv"
            found = (output / f"{table}.csv").read_text()
            if rewrite:
                expected.write_text(found)
                continue
            wanted = expected.read_text()
            if found != wanted:
                differences += 1
                lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), str(expected),
                                             f"{output}/{table}.csv", lineterm="", n=0)
                print("\n".join(list(lines)[:20]))
    return differences > 0


sys.exit(main())
