#!/usr/bin/env python3
"""The loader, the figures and the findings, on the results of the shipped experiments.

figures.py SOURCE_FOLDER RESULTS_FOLDER WORK_FOLDER
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

source, reproduced, work = (pathlib.Path(word) for word in sys.argv[1:4])
try:
    import numpy
    import pandas
    from PIL import Image
except ImportError as error:
    print(f"figures cannot be tried here: {error} (setup.sh --with figures)")
    sys.exit(1 if os.environ.get("DIRTYWALK_CI") else 77)
sys.path.insert(0, str(source / "analysis"))
import figures
import loader


def run(*command):
    done = subprocess.run([sys.executable, "-B", "-W", "error", *map(str, command)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check_loader():
    interval = loader.load(reproduced / "interval")
    assert interval.unit("harvest_interval_ns") == "ns" and interval.meaning("amplification")
    assert interval.axes == ["iommu_model", "harvest_interval_ns"], interval.axes
    assert interval.rows.reported_pages.dtype == "Int64" and interval.rows.amplification.dtype == float
    assert interval.rows.rounds.isna().all(), "empty is not applicable"
    pages = interval.intervals.groupby("cell").reported_pages.sum()
    assert all(pages[row.cell] == row.reported_pages for row in interval.rows.itertuples()), "intervals add up to the row"
    # A region and its bytes vary together: one axis, the number.
    assert "mapped_bytes" in loader.load(reproduced / "start-cost").axes
    assert "mapping_regions" not in loader.load(reproduced / "start-cost").axes


def check_bootstrap():
    assert loader.bootstrap([7, 7, 7]) == (7, 7, 7)
    rng = numpy.random.default_rng(5)
    inside, few, many = 0, [], []
    for _ in range(200):
        values = rng.normal(10, 2, 30)
        mean, low, high = loader.bootstrap(values)
        assert low < mean == values.mean() < high and loader.bootstrap(values) == (mean, low, high)
        inside += low <= 10 <= high
        many.append(high - low)
        few.append(numpy.ptp(loader.bootstrap(values[:8])[1:]))
    assert 180 <= inside <= 199, f"a 95 % interval held the mean {inside} times of 200"
    assert 1.5 < numpy.mean(few) / numpy.mean(many) < 2.2, "an interval shrinks with the root of the replicates"
    spread = loader.over_seeds(loader.load(reproduced / "seeds"), "iotlb_misses")
    assert list(spread.seeds) == [10] * 4 + [1] * 4, spread
    assert (spread.low <= spread["mean"]).all() and (spread["mean"] <= spread.high).all()


def check_folding():
    """Lines on each other are one, named by what they have in common."""
    names = [name for name, _ in figures.lines_of(loader.load(reproduced / "interval"), "harvest_interval_ns", "amplification")]
    assert names == [""], names
    names = [name for name, _ in figures.lines_of(loader.load(reproduced / "page-size"), "mapping_page_sizes", "amplification")]
    assert names == ["exact", "hardware", "all"], names
    rows = loader.load(reproduced / "first")
    names = [name for name, _ in figures.draw_bars(rows, ("false_leaf",))[1][1]]
    assert names == ["4 KiB leaves", "2 MiB leaves"], names
    names = [name for name, _ in figures.draw_bars(rows, ("toggle_ns",), lambda some: some.mapping_page_sizes == 4096)[1][1]]
    assert names == ["amd-v1", "intel-ss", "smmu-s1 = smmu-s2 static", "smmu-s1 dynamic", "riscv-g"], names


def check_messages():
    code, said = run(source / "analysis" / "figures.py", work)
    assert code == 1 and f"{work}: has no datapackage.json; name a results folder" in said, said


def check_files():
    wanted = {
        "interval": ("amplification-interval", "harvest-cost-interval", "cost", "accuracy-cost"),
        "start-cost": ("toggle-memory-amd-v1", "toggle-memory-smmu-s1", "harvest-memory"),
        "precopy-link": ("migration-link", "downtime-link"),
        "seeds": ("misses-iotlb",),
        "devices": ("amplification-granule", "false-pages", "over-time"),
    }
    code, said = run(source / "analysis" / "figures.py", *(reproduced / name for name in wanted), "-o", work)
    assert code == 0, said
    for name, drawn in wanted.items():
        for figure in drawn:
            path = work / name / figure
            assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF"), path
            with Image.open(path.with_suffix(".png")) as picture:
                colours = picture.convert("RGB").getcolors(2**24)
                marks = sum(count for count, colour in colours if max(colour) - min(colour) > 60)
                assert marks > 300 and re.fullmatch("[0-9a-f]{64}", picture.text["Description"]), f"{path} is empty"
    again = work / "again"
    assert run(source / "analysis" / "figures.py", reproduced / "seeds", "-o", again)[0] == 0
    for kind in ("pdf", "png"):
        assert (again / "seeds" / f"misses-iotlb.{kind}").read_bytes() == (work / "seeds" / f"misses-iotlb.{kind}").read_bytes()


def check_drift():
    """FINDINGS.md and its figures are these results; with one number changed they are not, and that is said."""
    code, said = run(source / "analysis" / "findings.py", "check", reproduced)
    assert code == 0, said
    changed = work / "changed"
    changed.mkdir()
    for folder in reproduced.iterdir():
        (changed / folder.name).symlink_to(folder)
    (changed / "leaf-sizes").unlink()
    shutil.copytree(reproduced / "leaf-sizes", changed / "leaf-sizes", ignore=shutil.ignore_patterns("cells"))
    path = changed / "leaf-sizes" / "results.csv"
    rows = pandas.read_csv(path, dtype=str)
    rows.loc[rows.mapping_page_sizes == "65536", "amplification"] = "1.3"
    rows.to_csv(path, index=False)
    code, said = run(source / "analysis" / "findings.py", "check", changed)
    assert code == 1 and "64 KiB report 1.30 pages" in said and "docs/findings/leaf-sizes.png" in said, said
    code, said = run(source / "analysis" / "compare.py", source / "analysis" / "golden", changed / "leaf-sizes")
    assert code == 1 and "mapping.page_sizes=64KiB" in said and "amplification is 1.3 instead of" in said, said


shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
check_loader()
check_bootstrap()
check_folding()
check_messages()
check_files()
check_drift()
print("figures and findings are those of the results")
