#!/usr/bin/env python3
"""What the manual shows works: its experiments have the cells that they say, its examples count what they say, its recipe
makes a trace, links and citations lead somewhere, and each section of semantics.md explains its keys and columns.

usage: examples.py DIRTYWALK SOURCE_FOLDER WORK_FOLDER"""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys

ACCESSES = "0.000002 00:04.0 W 0x2000 64\n0.000001 00:04.0 R 0x1000 4096\n"
RECORDS = "time_ns,device,op,iova,bytes\n1000,00:04.0,read,0x1000,4096\n2000,00:04.0,write,0x2000,64\n"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M)


def ask(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def check_experiments(program, text, root, work):
    experiments = blocks(text, "yaml")
    assert len(experiments) > 5, "where are the experiments?"
    for experiment in experiments:
        expected = int(re.search(r"^# (\d+) cells?\b", experiment, flags=re.M).group(1))
        file = work / "experiment.yaml"
        file.write_text(experiment.replace("../../traces", str(root / "traces")))
        traces = experiment.count(".csv.gz")
        rows = ask(program, "check", file, "--cells").splitlines()[1:]
        assert len(rows) == expected * traces, f"{expected} cells, but check has {len(rows)} rows: {experiment}"


def check_results(program, text, work):
    """docs/examples.md: traces, experiments that replay them, and comments that say what the cells count."""
    trace, checked = work / "example.csv", 0
    for language, block in re.findall(r"^```(csv|yaml)\n(.*?)^```$", text, flags=re.S | re.M):
        if language == "csv":
            trace.write_text(block)
            continue
        file, results = work / "example.yaml", work / "results"
        file.write_text("schema: 1\nname: example\ntraces: [{path: example.csv}]\n" + block)
        ask(program, "run", file, "-o", results, "-q")
        with open(results / "results.csv", newline="") as table:
            rows = list(csv.DictReader(table))
        for words, counts in re.findall(r"^# ([^:]+): +(.*)$", block, flags=re.M):
            meant = [row for row in rows if re.search(rf"\b{re.escape(words)}\b", row["label"])]
            assert meant, f"no cell is {words}: {[row['label'] for row in rows]}"
            for column, value in re.findall(r"(\w+) (\d+)(?:, |$)", counts):
                checked += len(meant)
                for row in meant:
                    assert row[column] == value, f"{row['label']}: {column} is {row[column]}, not {value}: {block}"
        shutil.rmtree(results)
    assert checked > 100, "where are the numbers?"


def check_recipe(program, text, work):
    (recipe,) = blocks(text, "python")
    script, log, trace = work / "recipe.py", work / "log.txt", work / "mine.csv"
    script.write_text(recipe)
    log.write_text(ACCESSES)
    ask(sys.executable, script, log, trace)
    assert trace.read_text() == RECORDS, trace.read_text()
    ask(program, "trace", "check", trace)


def check_links(page):
    text = page.read_text()
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", text, flags=re.M)}
    for link in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", text):
        assert not link or (page.parent / link).exists(), f"{page.name}: {link} is not there"
    for anchor in re.findall(r"\]\(#([^)]*)\)", text):
        assert anchor in anchors, f"{page.name}: no heading for #{anchor}"


def check_citations(root):
    """What code cites as "semantics.md N" or "interface.md N" has that section."""
    for room in ("sim", "configs", "analysis", "traces", "tests"):
        for file in sorted((root / room).rglob("*.[ch]")):
            for page, listed in re.findall(r"(\w+\.md)(?:\s|\*)+(\d+(?:(?:, | and | to )\d+)*)", file.read_text()):
                text = (root / "docs" / page).read_text()
                for section in re.findall(r"\d+", listed):
                    assert f"\n## {section}. " in text, f"{file.name} cites {page} {section}, which is not there"


def check_complete(program, semantics):
    parts = re.split(r"^## (\d+)\. .*$", semantics, flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2]))
    for kind in ("keys", "columns"):
        for row in json.loads(ask(program, "list", kind, "--json")):
            name = row["name"].removeprefix("cost.")
            section = sections.get(str(row["section"]), "")
            assert re.search(rf"\b{re.escape(name)}\b", section), \
                f"section {row['section']} of semantics.md does not explain {kind}/{row['name']}"


def main():
    program, root, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    docs = root / "docs"
    text = (docs / "experiments.md").read_text()
    check_experiments(program, text, root, work)
    check_recipe(program, text, work)
    check_results(program, (docs / "examples.md").read_text(), work)
    for page in [*sorted(docs.glob("*.md")), root / "README.md", root / "CONTRIBUTING.md"]:
        check_links(page)
    check_citations(root)
    check_complete(program, (docs / "semantics.md").read_text())


main()
