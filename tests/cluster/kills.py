#!/usr/bin/env python3
"""A sweep that is killed at 100 random moments ends with the bytes of a run in one piece.

kills.py DIRTYWALK WORK_FOLDER [SEED]
"""
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

KILLS = 100
EXPERIMENT = """
schema: 1
name: kills
traces: [{path: "*.csv"}]
mapping: {source: static, regions: [{iova: 0, size: 16MiB, address: 0}]}
sweep:
  iommu.model: [amd-v1, intel-ss, smmu-s1, riscv-g]
  iotlb.entries: [16, 64, 256]
  harvest.interval: [100us, 1ms]
"""


def write_trace(path, records, rng):
    lines = [f"{i * 100},32,{rng.choice(('read', 'write'))},{rng.randrange(4096) * 4096},256" for i in range(records)]
    path.write_text("time_ns,device,op,iova,bytes\n" + "\n".join(lines) + "\n")


def start(program, folder, *options):
    command = [program, "run", "kills.yaml", "-o", folder.name, "-q", *options]
    return subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE)


def same(folder, whole):
    for name in ("results.csv", "intervals.csv", "plan.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), f"{folder / name} differs from {whole / name}"
    left = [str(path) for path in folder.rglob(".tmp-*")]
    assert not left, f"left behind: {left}"


def finished_cells(folder):
    """Nothing that has its name is half written."""
    cells = [path for path in folder.glob("cells/*") if not path.name.startswith(".")]
    for cell in cells:
        json.loads((cell / "result.json").read_text())
        assert (cell / "cell.yaml").exists() and (cell / "intervals.csv").exists(), f"{cell} is half written"
    return len(cells)


def main():
    program, work = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for trace in range(8):  # a pass each
        write_trace(work / f"{trace}.csv", 20000, rng)
    (work / "kills.yaml").write_text(EXPERIMENT)
    whole, folder = work / "whole", work / "killed"
    begin = time.monotonic()
    assert start(program, whole).wait() == 0
    took = time.monotonic() - begin

    kills, met = 0, set()
    while kills < KILLS:
        run = start(program, folder, f"-j{rng.randint(1, 3)}")
        # Early moments too: that is where a folder is claimed, and what is resumed is read.
        time.sleep(rng.random() * took / rng.randint(1, 3))
        killer = rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        run.send_signal(killer)
        code, said = run.wait(), run.stderr.read().decode()
        if code == 0:  # it was faster: look at it, and begin anew
            same(folder, whole)
            shutil.rmtree(folder)
            continue
        assert code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143), f"exit code {code}: {said}"
        kills += 1
        met.add(finished_cells(folder))
    assert len(met) >= 4, f"all kills met the same moments: {met} cells were finished"
    run = start(program, folder)
    assert run.wait() == 0, run.stderr.read().decode()
    same(folder, whole)
    print(f"killed {kills} times, with {sorted(met)} cells finished: the same bytes")
    shutil.rmtree(work)


main()
