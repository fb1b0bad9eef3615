#!/usr/bin/env python3
"""report.html in a real browser: it draws, says what the results say, computes costs as the program does, and can be
used with a keyboard, on a narrow page, in the dark and on paper.

report.py DIRTYWALK SOURCES SCRATCH CHARTS [--picture FILE]: CHARTS is ON when the program has the chart library.
"""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77
try:
    from selenium.webdriver.common.keys import Keys

    from browser import Browser, change_data, without_library
except ImportError:
    Browser = None

EXTRA = """schema: 1
name: extra
question: 'Is </script><b id="injected"> & "text" text?'
traces: [{path: "it's a trace.csv"}, {path: two.csv}]
iommu: {model: smmu-s1}
mapping: {source: static, regions: [{iova: 0, size: 16MiB, address: 0}]}
harvest: {interval: 1ms}
sweep:
  mapping.regions:
    - [{iova: 0, size: 16MiB, address: 0}]
    - [{iova: 0, size: 64MiB, address: 0}]
    - [{iova: 0, size: 1GiB, address: 0}]
  harvest.flush: [none, range]
  iotlb.entries: [0, 8, 64]
include: [{mapping.source: trace, mapping.regions: [{iova: 0, size: 4KiB, address: 0}]}]
"""
LARGE = """schema: 1
name: large
traces: [{path: two.csv}]
mapping: {source: static, regions: [{iova: 0, size: 16MiB, address: 0}]}
sweep:
  iommu.model: [amd-v1, intel-ss, smmu-s1, smmu-s2, riscv-g]
  mapping.page_sizes: [[4KiB], [2MiB]]
  harvest.interval: [100us, 200us, 400us, 800us, 1ms, 2ms, 3ms, 4ms, 5ms, 6ms]
  iotlb.entries: [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
  harvest.flush: [none, range, leaf, domain, global]
"""
COSTS = ("walk_ns", "dirty_update_ns", "harvest_ns", "flush_ns", "unmap_ns", "toggle_ns", "fault_ns", "split_ns")


def trace(path, records, conflict=False):
    x = 1
    with path.open("w") as out:
        print("time_ns,device,op,iova,bytes,address", file=out)
        if conflict:  # cells that follow the trace fail here
            print("0,8,map,0,4096,0", file=out)
        for i in range(records):
            x = (x * 1103515245 + 12345) % 2147483648
            print(f"{i * 4000},8,{'read' if x % 3 else 'write'},{x // 65536 % 4096 * 4096},256,", file=out)


class Report:
    def __init__(self, program, sources, scratch, charts):
        self.program, self.sources, self.scratch, self.charts = program, sources, scratch, charts == "ON"
        self.browser = Browser(shutil.which("chromedriver"))
        self.wrong = 0

    def check(self, what, good, seen=""):
        if not good:
            self.wrong += 1
            print(f"WRONG {self.name}: {what}: {str(seen)[:600]}")

    def dirtywalk(self, *arguments, code=0):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == code, (arguments, done.returncode, done.stderr)
        return done

    def run_experiment(self, experiment, name, *arguments, code=0):
        folder = self.scratch / name
        self.dirtywalk("run", "-q", "-o", folder, experiment, *arguments, code=code)
        return folder

    def open(self, page, name, width=1280, dark=False):
        self.name = f"{name} {width}{' dark' if dark else ''}"
        self.browser.look(width, dark)
        self.browser.open(page)
        self.browser.run((pathlib.Path(__file__).parent / "checks.js").read_text())
        self.check("no message on the console", not (seen := self.browser.messages()), seen)
        self.check(
            "nothing is loaded",
            not (
                seen := self.browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
            ),
            seen,
        )

    # ---- what holds of every page ----

    def check_layout(self):
        size = self.browser.run("return [document.documentElement.scrollWidth, innerWidth]")
        self.check("the page does not scroll sideways", size[0] <= size[1], size)

    def check_charts(self, at_least):
        self.check_none("every chart has marks", "blankCharts")
        count = self.browser.run("return document.querySelectorAll('canvas').length")
        self.check(f"{at_least} charts or more", count >= at_least, count)

    def check_costs(self):
        """The page's own arithmetic gives the columns of results.csv."""
        names = self.browser.run("return COSTS.map((cost) => cost.name)")
        self.check("every cost column is computed", names == list(COSTS), names)
        self.check_none("costs are those of the program", "wrongCosts")

    def check_everything(self, page, name, at_least):
        for width, dark in ((1280, False), (400, False), (1280, True), (400, True)):
            self.open(page, name, width, dark)
            self.check_layout()
            if self.charts:
                self.check_charts(at_least)
            else:
                self.check(
                    "says that there are no charts", "libjs-chart.js" in self.text("#asked"), self.text("#asked")
                )
            self.check_none("contrast", "lowContrast")
        background = self.browser.run("return getComputedStyle(document.body).backgroundColor")
        self.check("dark page", background == "rgb(20, 24, 29)", background)
        self.check_none("accessible", "accessibility")
        self.check_costs()
        self.check_print()

    def check_print(self):
        """In the dark, too, paper is white; afterwards the page is as it was."""
        self.ask("watchPrinting")
        before = self.ask("look")
        pdf = self.browser.print()
        seen = self.browser.run("return window.seen")
        self.check("prints", pdf.startswith(b"%PDF") and len(pdf) > 20000, len(pdf))
        self.check("white on paper", seen[0] == ["beforeprint", "light", "rgb(255, 255, 255)"], seen)
        self.check("as before afterwards", self.ask("look") == before, self.ask("look"))
        self.browser.look(760, media="print")
        shown = [self.ask("shown", query) for query in ("#contents", ".filters", "#verdict table", "#verdict h2")]
        self.check("no controls on paper, tables stay", not any(shown[:2]) and shown[2:] == [True, True], shown)

    def ask(self, name, *arguments):
        """One of the functions of checks.js."""
        return self.browser.run(f"return checks.{name}(...arguments)", *arguments)

    def check_none(self, what, name):
        wrong = self.ask(name)
        self.check(what, not wrong, wrong)

    def text(self, query):
        return self.browser.run("return document.querySelector(arguments[0])?.innerText ?? ''", query)

    # ---- the shipped experiments ----

    def shipped(self):
        titles = {
            "first": "amplification",
            "interval": "amplification",
            "iotlb-size": "iotlb",
            "flush": "missed",
            "dbm": "cost",
        }
        for experiment in sorted((self.sources / "configs/examples").glob("*.yaml")):
            folder = self.run_experiment(experiment, experiment.stem)
            page = folder / "report.html"
            self.check_everything(page, experiment.stem, 4)
            self.open(page, experiment.stem)
            section = titles.get(experiment.stem)
            if section and self.charts:
                self.check(
                    f"section {section} has a chart",
                    self.browser.run("return document.querySelectorAll(`#${arguments[0]} canvas`).length", section) > 0,
                )
            self.check_rebuilt(folder)

    def check_rebuilt(self, folder):
        """`report` makes the same tables and page again."""
        names = ("results.csv", "intervals.csv", "timing.csv", "failed.csv", "report.html")
        before = [(folder / name).read_bytes() for name in names]
        for name in names:
            (folder / name).unlink()
        self.dirtywalk("report", folder)
        for name, wanted in zip(names, before):
            self.check(f"{name} rebuilt", (folder / name).read_bytes() == wanted)

    # ---- what one page says and does ----

    def first_page(self):
        folder = self.scratch / "first"
        self.open(folder / "report.html", "first in use")
        run = self.browser.run
        self.check("the question is the heading", "how many pages as dirty" in self.text("h1"), self.text("h1"))
        self.check(
            "findings",
            "1.00\u202f× (4\u202fKiB) to 3.28\u202f× (2\u202fMiB)" in self.text("#asked"),
            self.text("#asked"),
        )
        self.check(
            "missed in words",
            "No page was missed" in self.text("#missed") and not run("return document.querySelector('#missed canvas')"),
            self.text("#missed"),
        )
        self.check(
            "aliases share a line",
            "smmu-s1 = smmu-s2" in self.text("#verdict tbody")
            and "10 lines for 12 cells" in self.text("#verdict [role=status]"),
            self.text("#verdict"),
        )
        self.check("the best is marked", run("return document.querySelectorAll('#verdict td.best .unseen').length") > 5)
        self.check(
            "the command",
            "dirtywalk run" in self.text("#provenance pre") or "run -q" in self.text("#provenance pre"),
            self.text("#provenance pre"),
        )
        self.check("dictionary", run("return document.querySelectorAll('#dictionary tbody tr').length") > 100)
        self.keyboard()
        self.controls()
        self.sliders()

    def keyboard(self):
        run, press = self.browser.run, self.browser.press
        press(Keys.TAB)
        self.check("the skip link comes first", run("return document.activeElement.className") == "skip")
        press(Keys.ENTER)
        self.check("it leads to the results", run("return document.activeElement.id") == "main")
        press(Keys.TAB)
        self.check("then the first of them", run("return document.activeElement.closest('main') !== null"))
        self.check("focus follows the page", self.ask("focusIsInOrder"))

    def column(self, title):
        return self.ask("column", title)

    def controls(self):
        run, press = self.browser.run, self.browser.press
        heads = run("return [...document.querySelectorAll('#verdict thead th')].map((one) => one.innerText.trim())")
        cost = next(index for index, title in enumerate(heads) if title.startswith("toggle"))
        for keys, wanted in ((Keys.ENTER, "ascending"), (Keys.SPACE, "descending")):
            run("document.querySelector(`#verdict [data-sort='${arguments[0]}']`).focus()", cost)
            press(keys)
            said = run(
                "return document.querySelectorAll('#verdict thead th')[arguments[0]].getAttribute('aria-sort')", cost
            )
            self.check(f"sorted by key, {wanted}", said == wanted, said)
            values = [self.nanoseconds(text) for text in self.column("toggle")]
            self.check(
                "and so are the lines",
                values == sorted(values, reverse=wanted == "descending") and len(set(values)) > 3,
                values,
            )
            self.check("the focus stays", run("return document.activeElement.dataset.sort") == str(cost))
        run("document.getElementById('verdict-search').focus()")
        press("riscv 2 MiB")
        self.check(
            "search",
            len(self.column("iommu")) == 1 and "1 line for 1 cell" in self.text("#verdict [role=status]"),
            self.text("#verdict"),
        )
        for _ in "riscv 2 MiB":
            press(Keys.BACKSPACE)
        self.ask("choose", "filter-iommu_model", "4")
        self.check("filter", set(self.column("mapping")) == {"4\u202fKiB", "2\u202fMiB"}, self.text("#verdict"))
        self.check(
            "filtered everywhere",
            "smmu" not in self.text("#cost") and "smmu" not in self.text("#iotlb"),
            self.text("#cost"),
        )
        self.check("it keeps the focus", run("return document.activeElement.id") == "filter-iommu_model")
        self.ask("choose", "filter-iommu_model", "")
        self.check("no message", not (seen := self.browser.messages()), seen)

    @staticmethod
    def nanoseconds(text):
        number, unit = text.split("\u202f")
        return float(number) * {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}[unit]

    def sliders(self):
        """Ten times a price in the page is ten times the price in the experiment."""
        run = self.browser.run
        dearer = self.run_experiment(
            self.sources / "configs/examples/first.yaml",
            "dearer",
            "-s",
            "cost.scan_entry=27.5ns",
            "-s",
            "cost.walk_read=700ns",
        )
        with (dearer / "results.csv").open() as file:
            wanted = [[int(row[cost]) for cost in COSTS] for row in csv.DictReader(file)]
        before = self.column("all costs")
        for price in ("scan_entry", "walk_read"):
            run("document.getElementById('price-' + arguments[0]).focus()", price)
            self.browser.press(Keys.END)
        found = run("return [...Array(data.rows).keys()].map((row) => COSTS.map((cost) => costOf(row, cost)))")
        self.check(
            "a moved price gives the program's costs",
            found == wanted,
            [pair for pair in zip(found, wanted) if pair[0] != pair[1]],
        )
        self.check(
            "the table follows",
            self.column("all costs") != before and "prices that you moved" in self.text("#verdict [role=status]"),
            self.column("all costs"),
        )
        self.check(
            "the price is said",
            "27.5\u202fns (× 10)"
            in run("return document.getElementById('price-scan_entry').getAttribute('aria-valuetext')"),
        )
        self.check("assumptions are marked", run("return document.querySelectorAll('.assumed').length") >= 4)
        run("document.getElementById('price-reset').click()")
        self.check("and back", self.column("all costs") == before, self.column("all costs"))

    # ---- pages that the shipped experiments do not make ----

    def extra(self):
        trace(self.scratch / "it's a trace.csv", 4000, conflict=True)
        trace(self.scratch / "two.csv", 6000)
        (self.scratch / "extra.yaml").write_text(EXTRA)
        folder = self.run_experiment(self.scratch / "extra.yaml", "extra", code=1)
        self.check_everything(folder / "report.html", "extra", 6)
        self.open(folder / "report.html", "extra")
        run = self.browser.run
        self.check(
            "text stays text",
            not run("return document.getElementById('injected')")
            and '</script><b id="injected"> & "text"' in self.text("h1"),
            self.text("h1"),
        )
        self.check(
            "failed cells",
            "1 cell failed" in self.text("#failed") and "map" in self.text("#failed table"),
            self.text("#failed"),
        )
        self.check(
            "toggle against mapped memory, a chart for each trace",
            not self.charts or run("return document.querySelectorAll('#toggle canvas').length") == 2,
        )
        if self.charts:
            axes = self.ask("axes", "#toggle canvas")
            self.check("log-log", axes == ["logarithmic", "logarithmic"], axes)
        self.check(
            "missed against the size of the IOTLB",
            "iotlb entries" in run("return document.querySelector('#missed').textContent"),
            self.text("#missed"),
        )
        last = run("return String(document.getElementById('time-cell').options.length - 1)")
        label = self.ask("choose", "time-cell", last)
        captions = run("return [...document.querySelectorAll('#time caption')].map((one) => one.textContent)")
        self.check("over time of another cell", len(captions) == 1 and label in captions[0], (label, captions))
        self.dirtywalk("report", folder, "-k", "*harvest.flush=range*")
        self.open(folder / "report.html", "extra kept")
        self.check(
            "only what is kept",
            run("return data.rows") == 18 and "*harvest.flush=range*" in self.text("#asked"),
            self.text("#asked"),
        )
        self.check("results.csv has all", len((folder / "results.csv").read_text().splitlines()) == 39)

    def changed(self):
        page, target = self.scratch / "first/report.html", self.scratch / "changed.html"

        def with_health(data):
            data["provenance"]["health"] = [
                {
                    "sentence": "12 % of the requests <i>met</i> no mapping",
                    "remedy": "give mapping.regions",
                    "cells": 3,
                }
            ]

        change_data(page, target, with_health)
        self.open(target, "health")
        self.check(
            "health lines",
            "12 % of the requests <i>met</i> no mapping; give mapping.regions (3 cells)" in self.text("#health"),
            self.text("#health"),
        )
        change_data(page, target, lambda data: data["provenance"].update(health=[]))
        self.open(target, "health of nothing")
        self.check("nothing to report", "Nothing to report" in self.text("#health"), self.text("#health"))

        def with_precopy(data):
            for number, name in enumerate(
                ("rounds", "precopy_bytes", "stop_bytes", "downtime_ns", "migration_ns", "converged", "trace_exhausted")
            ):
                data["columns"][name] = {
                    "values": [
                        (row % 2 if name in ("converged", "trace_exhausted") else (row + 2) * 10**number)
                        for row in range(data["rows"])
                    ]
                }

        change_data(page, target, with_precopy)
        self.open(target, "pre-copy")
        self.check(
            "pre-copy",
            "6 of 12 cells converged" in self.text("#precopy") and "rounds" in self.text("#verdict thead"),
            self.text("#precopy"),
        )
        if self.charts:
            self.check_charts(8)
            without_library(page, target)
            self.open(target, "without the library")
            self.check("says that there are no charts", "libjs-chart.js" in self.text("#asked"))
            canvases, tables = (
                self.browser.run("return document.querySelectorAll(arguments[0]).length", query)
                for query in ("canvas", ".numbers table")
            )
            self.check("tables instead", canvases == 0 and tables > 4, (canvases, tables))
            self.check_none("accessible", "accessibility")

        def nothing(data):
            data["rows"], data["provenance"] = 0, None
            data["columns"] = {name: {"all": None} for name in data["columns"]}
            data["series"]["rows"] = []

        change_data(page, target, nothing)
        self.open(target, "no rows")
        self.check("no cell has finished", "No cell has finished" in self.text("main"), self.text("main"))

    def large(self):
        (self.scratch / "large.yaml").write_text(LARGE)
        page = self.run_experiment(self.scratch / "large.yaml", "large") / "report.html"
        self.open(page, "large")
        size = page.stat().st_size
        self.check("5000 cells in 10 MB", self.browser.run("return data.rows") == 5000 and size <= 10_000_000, size)
        self.check_layout()
        if self.charts:
            self.check_charts(5)
        self.check(
            "a part of the lines",
            self.browser.run("return document.querySelectorAll('#verdict tbody tr').length") == 100,
        )
        milliseconds = self.browser.run("const start = performance.now(); showAll(); return performance.now() - start")
        print(f"5000 cells: {size / 1e6:.1f} MB, drawn in {milliseconds / 1000:.1f} s")

    def main(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        try:
            self.shipped()
            self.first_page()
            self.extra()
            self.changed()
            self.large()
        finally:
            self.browser.close()
        print(f"{self.wrong} wrong" if self.wrong else "all pages are right")
        return self.wrong > 0


def main():
    program, sources, scratch = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    if Browser is None or not shutil.which("chromedriver"):
        print(
            "SKIPPED: the reports are not looked at: there is no Chromium, chromium-driver or python3-selenium here; "
            "./setup.sh --with tests installs them"
        )
        return 1 if "DIRTYWALK_CI" in os.environ else SKIPPED
    if sys.argv[5:6] == ["--picture"]:
        browser = Browser(shutil.which("chromedriver"))
        browser.look(1140)
        browser.open(scratch / "report.html")
        browser.picture(pathlib.Path(sys.argv[6]), 1140, 2420, 0.72)
        browser.close()
        return 0
    return Report(str(program), sources, scratch, sys.argv[4]).main()


sys.exit(main())
