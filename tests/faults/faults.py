#!/usr/bin/env python3
"""Every allocation and every step of writing of a small run fails once: one message, an exit code that is documented,
nothing half written, and the same run without the fault goes on to the same results.

faults.py DIRTYWALK FAULTS.so SCRATCH KIND [N]: KIND is `allocation` or `write` (faults.c says what they are); of the run's
allocations, which are many, only every N-th fails.
"""
import itertools
import os
import pathlib
import shutil
import subprocess
import sys

EXPERIMENT = """schema: 1
name: faults
traces: [{path: t.csv}]
domains: per_device
iommu: {model: smmu-s1}
mapping: {source: trace, page_sizes: [4KiB, 64KiB]}
iotlb: {entries: 8, ways: 2}
harvest: {policy: records, count: 20, granule: 16KiB}
sweep:
  mapping.unmap_flush: [strict, none]
include:
  - {iommu.model: riscv-g, iotlb.replacement: random, harvest.no_clear: true}
  - {mapping.source: touched, harvest.flush: none}
  - {mapping.source: touched, harvest.timing: timed, harvest.granule: 4KiB}
  - {mapping.unmap_flush: none, tracking.method: write-protect, ats.enabled: true}
"""


def trace(path):
    rows = ["time_ns,device,op,iova,bytes,address"]
    for i in range(72):
        device, turn = 8 + i % 2 * 8, i // 12
        iova = turn % 3 << 21 | turn << 16
        op = ("map", "write", "read", "write", "write", "unmap")[i // 2 % 6]
        rows.append(f"{i * 100},{device},{op},{iova},65536,{iova if op == 'map' else ''}")
    path.write_text("\n".join(rows) + "\n")


class Command:
    """A command line, the exit codes that a fault may give, and what has to hold of its output afterwards."""

    def __init__(self, name, arguments, codes, output=None):
        self.name, self.arguments, self.codes, self.output = name, arguments, codes, output


COMMANDS = (
    Command("run", ["run", "-j1", "--progress", "never", "x.yaml", "-o", "out"], (0, 1, 2, 3, 4), "out"),
    Command("check", ["check", "x.yaml"], (0, 2, 3)),
    Command("tables", ["tables", "x.yaml", "--cell", "1"], (0, 2, 3)),
    Command("tables --json", ["tables", "x.yaml", "--cell", "1", "--json"], (0, 2, 3)),
    Command("tables of ATCs", ["tables", "x.yaml", "--cell", "4", "--json"], (0, 2, 3)),
    Command("show", ["show", "finished"], (0, 2, 4)),
    Command("report", ["report", "done"], (0, 2, 4), "done"),
    Command("convert", ["trace", "convert", "t.csv", "out.dwt", "--progress", "never"], (0, 2, 3, 4), "out.dwt"),
    Command("info", ["trace", "info", "t.csv"], (0, 2, 3)),
)


def printed(text):
    """What a command prints on each run; `check` may also say that it could not try how long a run takes, and knows less of
    its health then."""
    lines = itertools.takewhile(lambda line: not line.startswith(("warning ", "note ")), text.splitlines())
    return [line for line in lines if not line.startswith("  estimate ")]


def contents(path):
    """What must be the same bytes whenever a run is done."""
    if path.is_dir():
        return [(path / f"{table}.csv").read_bytes() for table in ("results", "intervals", "plan")]
    return path.read_bytes()


class Faults:
    def __init__(self):
        self.program, self.library = (str(pathlib.Path(a).resolve()) for a in sys.argv[1:3])
        self.scratch = pathlib.Path(sys.argv[3])
        self.kind = sys.argv[4]
        self.every = int(sys.argv[5]) if len(sys.argv) > 5 else 1
        self.wrong = 0

    def execute(self, command, at=None):
        environment = dict(os.environ)
        if at is not None:
            environment.update(LD_PRELOAD=self.library, FAULT_KIND=self.kind, FAULT_AT=str(at), FAULT_COUNT="count")
            environment["ASAN_OPTIONS"] = "verify_asan_link_order=0:allocator_may_return_null=1:" + \
                environment.get("ASAN_OPTIONS", "")
        return subprocess.run([self.program, *command.arguments], cwd=self.scratch, env=environment,
                              capture_output=True, text=True, timeout=60)

    def remove(self, command):
        """Begin anew: a report begins with a folder of finished cells."""
        for path in [self.scratch / command.output, *self.scratch.glob(".tmp-*"),
                     *self.scratch.glob("*.part")] if command.output else []:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
        if command.name == "report":
            shutil.copytree(self.scratch / "finished", self.scratch / command.output)

    def complain(self, command, at, process, what):
        self.wrong += 1
        print(f"{command.name}, {self.kind} {at}: {what} (exit code {process.returncode})")
        print("    " + "\n    ".join(process.stderr.splitlines()[-40:]))

    def look(self, command, at, process, wanted):
        """After a fault: the message, the code, the files."""
        messages = process.stderr.count("error: ")
        if process.returncode not in command.codes or "Sanitizer" in process.stderr:
            self.complain(command, at, process, "crashed, leaked, or gave an exit code of something else")
        elif process.returncode == 0 and messages > 0:
            self.complain(command, at, process, "says an error and exits with 0")
        elif process.returncode > 1 and messages != 1:
            self.complain(command, at, process, f"{messages} messages instead of one")
        elif process.returncode == 1 and messages + process.stderr.count("failed") == 0:
            self.complain(command, at, process, "cells failed without a message")
        if not command.output:
            if process.returncode == 0 and printed(process.stdout) != wanted:
                self.complain(command, at, process, "prints something else")
            return
        output = self.scratch / command.output
        left = [*output.rglob(".tmp-*")] if output.is_dir() else [*self.scratch.glob(".tmp-*")]
        if left:
            self.complain(command, at, process, f"left {left[0].name}")
        if process.returncode == 0 and contents(output) != wanted:
            self.complain(command, at, process, "done with other results")
        if process.returncode > 1 and command.name == "convert" and output.exists():
            self.complain(command, at, process, "wrote an output in spite of the error")
        if not output.exists():
            return
        page = output / "report.html" if output.is_dir() else None
        if page and page.exists() and not page.read_text().endswith("</html>\n"):
            self.complain(command, at, process, "left half a page")
        again = self.execute(command)
        if again.returncode != 0 or contents(output) != wanted:
            self.complain(command, at, again, "the next run does not come to the same results")

    def check(self, command):
        self.remove(command)
        process = self.execute(command, 0)
        assert process.returncode == 0, process.stderr
        calls = int((self.scratch / "count").read_text())
        self.remove(command)
        process = self.execute(command)
        assert process.returncode == 0, process.stderr
        wanted = contents(self.scratch / command.output) if command.output else printed(process.stdout)
        codes = {}
        for at in range(1, calls + 1, self.every if calls > 1000 else 1):
            self.remove(command)
            process = self.execute(command, at)
            codes[process.returncode] = codes.get(process.returncode, 0) + 1
            self.look(command, at, process, wanted)
            if self.wrong >= 20:
                sys.exit("too many to go on")
        print(f"{command.name}: {calls} calls of kind {self.kind}; exit codes {dict(sorted(codes.items()))}")

    def main(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        trace(self.scratch / "t.csv")
        (self.scratch / "x.yaml").write_text(EXPERIMENT)
        subprocess.run([self.program, "run", "-q", "x.yaml", "-o", "finished"], cwd=self.scratch, check=True)
        for command in COMMANDS:
            if self.kind == "allocation" or command.output:
                self.check(command)
        return self.wrong > 0


sys.exit(Faults().main())
