#!/usr/bin/env python3
"""The worked examples of CONTRIBUTING.md: adds each to a copy of the tree, builds the copy and runs the tests that all formats,
methods and readers share over what was added. An example is a folder of new files, and edits.json where a line is to be added.

usage: extend.py SOURCE_FOLDER WORK_FOLDER C_COMPILER"""

import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys

LACKEY = ("time_ns,device,op,iova,bytes,address\n0,00:00.0,write,0x1ffeffffa8,8,\n1,00:00.0,read,0x4222c4c,4,\n"
          "2,00:00.0,read,0x4223000,16,\n3,00:00.0,write,0x4223000,16,\n")


class Copy:
    def __init__(self, source, work, compiler):
        shutil.rmtree(work, ignore_errors=True)
        self.tree, self.build_folder = work / "tree", work / "build"
        shutil.copytree(source, self.tree, ignore=lambda folder, names: {
            name for name in names if name == ".git" or (name in ("build", "results") and pathlib.Path(folder) == source)})
        configure = ["cmake", "-G", "Ninja", "-S", self.tree, "-B", self.build_folder, f"-DCMAKE_C_COMPILER={compiler}",
                     "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O1"]
        self.environment = dict(os.environ)
        if shutil.which("ccache"):
            configure.append("-DCMAKE_C_COMPILER_LAUNCHER=ccache")
            self.environment.update(CCACHE_BASEDIR=str(work), CCACHE_NOHASHDIR="1")
        self.run(*configure)

    def run(self, *command):
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=self.environment, cwd=self.tree)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}"
        return done.stdout

    def add(self, example):
        for file in example.rglob("*"):
            target = self.tree / file.relative_to(example)
            if file.is_file() and file.name != "edits.json":
                assert not target.exists(), f"{target} is there already"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)
        edits = example / "edits.json"
        for edit in json.loads(edits.read_text()) if edits.exists() else []:
            file = self.tree / edit["file"]
            text = file.read_text()
            assert text.count(edit["after"]) == 1, f"{edit['file']} has changed; mend {edits}"
            file.write_text(text.replace(edit["after"], edit["after"] + edit["insert"]))

    def build(self, *targets):
        self.run("cmake", "--build", self.build_folder, "-j", "2", "--target", "dirtywalk", *targets)

    def test(self, binary, pattern):
        """Criterion is content when a filter matches nothing; we are not."""
        out = self.run(self.build_folder / "tests" / binary, "--filter", pattern)
        assert "Tested: 0" not in out and "Tested: " in out, out

    def experiment(self, lines):
        file = self.build_folder / "experiment.yaml"
        trace = self.tree / "traces/samples/r3-nvme-net.csv.gz"
        file.write_text(f"schema: 1\nname: extend\ntraces: [{{path: {trace}}}]\nmapping: {{source: touched}}\n{lines}\n")
        return file

    def dirtywalk(self, *arguments):
        return self.run(self.build_folder / "dirtywalk", *arguments)


def check_format(copy):
    copy.build("test_property", "test_conformance")
    copy.test("test_conformance", "catalogue/*")
    copy.test("test_property", "properties/formats_agree")
    assert "Intel" in copy.dirtywalk("list", "models/intel-fs")
    shown = copy.dirtywalk("tables", copy.experiment("iommu: {model: intel-fs}"), "--at", "5050ms", "--range", "0x107400000,2MiB")
    assert " US " in shown and " PS" in shown, shown


def check_method(copy):
    copy.build("test_property")
    copy.test("test_property", "every_method/*")
    copy.test("test_property", "vhost/*")
    results = copy.build_folder / "vhost"
    copy.dirtywalk("run", copy.experiment("iommu: {model: amd-v1}\ntracking: {method: vhost}"), "-o", results)
    (row,) = csv.DictReader((results / "results.csv").open())
    assert int(row["reported_pages"]) == int(row["true_pages"]) == int(row["written_pages"]) > 0, row


def check_reader(copy):
    copy.build("fuzz_lackey")
    corpus = copy.tree / "tests/fuzz/corpus/lackey"
    replayed = copy.run(copy.build_folder / "tests/fuzz/fuzz_lackey", corpus)
    assert f"{len(list(corpus.iterdir()))} inputs" in replayed, replayed
    out = copy.build_folder / "small.csv"
    copy.dirtywalk("trace", "convert", corpus / "small.lackey", out)
    assert out.read_text() == LACKEY, out.read_text()


def check_tidy(copy, example):
    tidy = subprocess.run([sys.executable, copy.tree / "tests/tidy/tidy.py", copy.tree], stdout=subprocess.PIPE, text=True)
    ours = [str(file.relative_to(example)) for file in example.rglob("*.c")]
    assert not any(line.startswith(name) for line in tidy.stdout.splitlines() for name in ours), tidy.stdout


def main():
    source, work, compiler = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]
    copy = Copy(source, work, compiler)
    checks = {"format": check_format, "method": check_method, "reader": check_reader}
    examples = source / "tests/extend/examples"
    assert {folder.name for folder in examples.iterdir()} == set(checks), "an example without a check"
    for name, check in checks.items():
        copy.add(examples / name)
        check(copy)
        check_tidy(copy, examples / name)
        print(f"{name}: added, built, tested", flush=True)
    shutil.rmtree(work)


main()
