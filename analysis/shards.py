#!/usr/bin/env python3
"""What a cluster has to know of an experiment: how much its parts need, and which of them are not finished.

shards.py limits EXPERIMENT SHARDS CPUS      the largest part's seconds, MiB of memory and MiB on disk: what `dirtywalk
                                             check` predicts, with room to spare
shards.py total EXPERIMENT                   cells, seconds, MiB of memory and MiB on disk of the whole, as predicted
shards.py missing EXPERIMENT FOLDER SHARDS   the numbers of parts whose cells are not all in FOLDER, joined by commas
shards.py merge EXPERIMENT FOLDER            rebuild the tables from the cells; fails if any is missing

The program is $DIRTYWALK, or the dirtywalk of $PATH.
"""
import csv
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM = shutil.which(os.environ.get("DIRTYWALK", "dirtywalk"))
PROGRAM = PROGRAM and os.path.abspath(PROGRAM)
SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
SIZE = re.compile(r"([\d.]+)(B|KiB|MiB|GiB|TiB)\b")
TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?")

# A program, its libraries and a decoded piece of trace, beside the cells.
BASE_BYTES = 128 * 2**20
# A cell with its intervals; a measured one takes about 30 KiB. Used where `check` does not say.
CELL_FILE_BYTES = 64 * 2**10


def check(experiment, *options):
    """Somewhere empty: `check` takes cells off that the working folder's results/ has already."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([PROGRAM, "check", pathlib.Path(experiment).resolve(), *options], cwd=empty,
                              capture_output=True, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        sys.exit(done.returncode)
    return done.stdout


def line_of(text, word):
    found = re.search(rf"^ *{word} +(.*)$", text, re.M)
    return found.group(1) if found else None


def seconds(text):
    hours, minutes, rest = TIME.search(text, re.search(r"\d", text).start()).groups()
    if not (hours or minutes or rest):
        sys.exit(f"shards.py: `dirtywalk check` estimates {text!r}, which is no time that is known here")
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)


def sizes(text):
    return [float(number) * SIZES[unit] for number, unit in SIZE.findall(text)]


def predict(experiment, *options):
    """Cells, seconds times threads, bytes of memory, bytes on disk, as `check` says."""
    text = check(experiment, *options)
    cells, estimate, memory = (line_of(text, word) for word in ("cells", "estimate", "memory"))
    chosen = int(re.search(r"(\d+) chosen", cells).group(1))
    if estimate is None or not re.search(r"\d", estimate):
        return chosen, 0, BASE_BYTES, 0
    threads = int(re.search(r"on (\d+) thread", estimate).group(1))
    need = sizes(memory)[0]
    if "per cell" in memory:
        need = BASE_BYTES + need * int(re.search(r"up to (\d+) cells", memory).group(1))
    disk = line_of(text, "disk")
    return chosen, seconds(estimate) * threads, need, sizes(disk)[0] if disk else chosen * CELL_FILE_BYTES


def limits(experiment, shards, cpus):
    """The time is tripled, a node may be slower than this machine, and the memory doubled."""
    parts = [predict(experiment, "--shard", f"{shard}/{shards}") for shard in range(shards)]
    time_s = 60 + 3 * max(part[1] for part in parts) / cpus
    memory, disk = 2 * max(part[2] for part in parts), max(part[3] for part in parts)
    return math.ceil(time_s), math.ceil(memory / 2**20), math.ceil(disk / 2**20)


def missing(experiment, folder, shards):
    cells = pathlib.Path(folder) / "cells"
    for shard in range(shards):
        rows = csv.DictReader(check(experiment, "--cells", "--shard", f"{shard}/{shards}").splitlines())
        if not all((cells / row["cell"] / "result.json").exists() for row in rows):
            yield shard


def merge(experiment, folder):
    if list(missing(experiment, folder, 1)):
        sys.exit(f"{folder}: cells are missing; run the parts that are not finished again")
    report = subprocess.run([PROGRAM, "report", "--help"], capture_output=True).returncode == 0
    # A run that finds every cell finished writes the tables and nothing else.
    command = ["report", folder] if report else ["run", experiment, "-o", folder, "--progress", "never"]
    sys.exit(subprocess.run([PROGRAM, *command]).returncode)


def main():
    if PROGRAM is None:
        sys.exit("shards.py: there is no dirtywalk in PATH; install it, or set DIRTYWALK to the program")
    match sys.argv[1:]:
        case ["limits", experiment, shards, cpus]:
            print(*limits(experiment, int(shards), int(cpus)))
        case ["total", experiment]:
            cells, cpu_s, memory, disk = predict(experiment)
            print(cells, f"{cpu_s / os.cpu_count():.1f}", math.ceil(memory / 2**20), math.ceil(disk / 2**20))
        case ["missing", experiment, folder, shards]:
            print(*missing(experiment, folder, int(shards)), sep=",")
        case ["merge", experiment, folder]:
            merge(experiment, folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
