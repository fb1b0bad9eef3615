#!/usr/bin/env python3
"""Figures for a paper from results folders, each as PDF and PNG.

figures.py RESULTS... [-o FOLDER]      FOLDER/NAME/*.pdf and *.png; default: figures

Which figures are drawn depends on what varies: most are a row of FIGURES below. Lines that lie on each other are drawn
once and named together; seeds are replicates, drawn as their mean with the 95 % bootstrap interval.
"""
import argparse
import hashlib
import itertools
import math
import pathlib
import sys

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot
    import pandas
except ImportError as cause:
    sys.exit(f"figures.py: {cause}: install matplotlib and pandas for this Python ({sys.executable}), or, after "
             "./setup.sh --with figures, use /usr/bin/python3")

import loader

# Okabe and Ito's colours, told apart by the colour-blind; markers and dashes tell them apart in grey.
STYLE = {
    "font.size": 8, "figure.figsize": (5, 3), "figure.dpi": 110, "savefig.bbox": "tight", "axes.grid": True, "grid.alpha": 0.3,
    "lines.markersize": 4, "legend.frameon": False, "legend.fontsize": 7, "pdf.fonttype": 42,
    "axes.prop_cycle": matplotlib.cycler(
        color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"],
        marker=["o", "s", "^", "D", "v", "P", "X", "*"], linestyle=["-", "--", "-.", ":", "-", "--", "-.", ":"]),
}
pyplot.rcParams.update(STYLE)
MISSES = "misses_per_request"
DESIGN = ("iommu_model", "tracking_method")
NOUNS = {"mapping_page_sizes": " leaves", "device_granule_bytes": " blocks"}
AXES = {MISSES: "IOTLB misses per request", "mapping_page_sizes": "leaf size", "mapped_bytes": "mapped memory",
        "stop_bytes": "stop-copy", "migration_ns": "migration time"}
COSTS = ("walk_ns", "dirty_update_ns", "harvest_ns", "flush_ns", "unmap_ns", "toggle_ns", "fault_ns", "split_ns")
CAUSES = ("false_untracked", "false_granule", "false_leaf", "false_ats", "false_residue", "false_born")
LINES_MOST, BARS_MOST = 8, 60  # that can be told apart; that fit a page

# name, what varies and goes along x, what goes up, scales.
FIGURES = (
    ("amplification-interval", "harvest_interval_ns", "amplification", "log", "linear"),
    ("harvest-cost-interval", "harvest_interval_ns", "harvest_ns", "log", "log"),
    ("amplification-leaf", "mapping_page_sizes", "amplification", "log", "log"),
    ("amplification-granule", "device_granule_bytes", "amplification", "log", "log"),
    ("misses-leaf", "mapping_page_sizes", MISSES, "log", "linear"),
    ("misses-iotlb", "iotlb_entries", MISSES, "log", "linear"),
    ("missed-iotlb", "iotlb_entries", "missed_pages", "log", "linear"),
    ("toggle-memory", "mapped_bytes", "toggle_ns", "log", "log"),
    ("harvest-memory", "mapped_bytes", "harvest_ns", "log", "log"),
    ("migration-link", "harvest_link_rate_bytes_per_s", "migration_ns", "log", "log"),
    ("downtime-link", "harvest_link_rate_bytes_per_s", "downtime_ns", "log", "log"),
    ("stop-copy-leaf", "mapping_page_sizes", "stop_bytes", "log", "log"),
)


# ---- words ----


def human(value, unit, binary=True):
    """A value as an axis or a legend names it. Sizes that were chosen are powers of two, sums of bytes are not."""
    if unit == "bytes" and binary:
        for scale, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
            if value >= 2**scale:
                return f"{value / 2**scale:g} {name}"
    for scale, time, prefix in ((9, "s", "G"), (6, "ms", "M"), (3, "µs", "k")):
        if unit == "ns" and value >= 10**scale:
            return f"{value / 10**scale:g} {time}"
        if unit in ("bytes", "bytes/s") and value >= 10**scale:
            return f"{value / 10**scale:g} {prefix}{unit.replace('bytes', 'B')}"
    return f"{value:g} {unit}".strip()


def unit_of(results, column):
    return "" if column == MISSES else "bytes" if column == "mapping_page_sizes" else results.unit(column)


def axis_name(results, column):
    if column in AXES:
        return AXES[column]
    unit = unit_of(results, column)
    name = column.removesuffix("_ns") + (" cost" if column in COSTS else "")
    name = name.removesuffix("_bytes_per_s").removesuffix("_bytes").replace("_", " ")
    return name if unit in ("", "ns", "bytes", "bytes/s", "ratio") or name.endswith(unit) else f"{name} [{unit}]"


def value_name(results, column, value):
    if column == "trace":
        return pathlib.Path(value).name.split(".")[0]
    if column == "mapping_page_sizes" and isinstance(value, str):
        return "+".join(human(int(size), "bytes") for size in value.split("+")) + NOUNS[column]
    if isinstance(value, str):
        return f"{column.split('_', 1)[1].replace('_', ' ')} {value}" if value in ("true", "false", "none") else value
    if pandas.isna(value):
        return ""
    unit = unit_of(results, column)
    return human(value, unit) + NOUNS.get(column, "" if unit in ("ns", "bytes", "bytes/s") else " " + column.rsplit("_", 1)[-1])


def fold(results, columns, keys, everything):
    """One name for cells that came out alike: their design, and as few parameters as tell them from the others, which are
    in `everything`: the keys of all of them as texts."""
    chosen = texts(keys)
    for size in range(len(columns) + 1):
        for subset in itertools.combinations(range(len(columns)), size):
            parts = {tuple(key[n] for n in subset) for key in chosen}
            if {key for key in everything if tuple(key[n] for n in subset) in parts} == chosen:
                told = [n for n, column in enumerate(columns) if n in subset or column in DESIGN and
                        len({key[n] for key in chosen}) < len({key[n] for key in everything})]
                return name_parts(results, [columns[n] for n in told], [tuple(key[n] for n in told) for key in keys])
    raise AssertionError("all columns together tell every cell")


def name_parts(results, columns, keys):
    names = [[value_name(results, column, value) for column, value in zip(columns, key)] for key in keys]
    apart = [list(dict.fromkeys(name[n] for name in names)) for n in range(len(columns))]
    if len(set(map(tuple, names))) == math.prod(map(len, apart)):
        return " ".join(" = ".join(filter(None, some)) for some in apart).strip()
    return " = ".join(dict.fromkeys(" ".join(filter(None, name)) for name in names))


def texts(keys):
    return {tuple(map(str, key)) for key in keys}


# ---- drawing ----


def with_misses(results, where=None):
    rows = results.rows.assign(**{MISSES: results.rows["iotlb_misses"] / results.rows["requests"]})
    return rows if where is None else rows[where(rows)]


def axes_in(results, rows, x=None):
    """What varies among these rows, beside x and what x decides."""
    varying = [axis for axis in results.axes if axis != x and rows[axis].nunique(dropna=False) > 1]
    return [axis for axis in varying if x is None or rows.groupby(x)[axis].nunique(dropna=False).max() > 1]


def lines_of(results, x, y, where=None):
    """Name and points (x, mean, low, high) of each line; those that are the same are one."""
    rows = with_misses(results, where)
    rows = rows[rows[y].notna() & rows[x].notna()]
    others = axes_in(results, rows, x)
    rows = rows[[*others, x, y]]  # groups of few columns are made many times faster
    same, everything = {}, set()
    for key, group in loader.groups(rows, others):
        everything |= texts([key])
        points = tuple((float(at), *loader.bootstrap(some)) for at, some in group.groupby(x)[y])
        if len(points) > 1:
            same.setdefault(points, []).append(key)
    return [(fold(results, others, keys, everything), points) for points, keys in same.items()]


def draw_lines(results, x, y, xscale="log", yscale="linear", where=None):
    lines = lines_of(results, x, y, where)
    figure, axes = pyplot.subplots()
    for name, points in lines:
        at, mean, low, high = zip(*points)
        axes.plot(at, mean, label=name)
        if low != high:
            axes.fill_between(at, low, high, alpha=0.25, linewidth=0)
    scale_axis(axes.xaxis, results, x, xscale, [point[0] for _, points in lines for point in points], ticks=True)
    scale_axis(axes.yaxis, results, y, yscale, [point[1] for _, points in lines for point in points])
    finish(axes, len(lines))
    return figure, lines


def scale_axis(axis, results, column, scale, data, ticks=False):
    """A logarithm where the data span a decade, from zero where they have it; ticks at the values that were tried."""
    least, most, unit = min(data), max(data), unit_of(results, column)
    if scale == "log" and (most <= 0 or least > 0 and most / least < 10):
        scale = "linear"
    if scale == "log" and least <= 0:
        scale = "symlog"
    getattr(axis.axes, f"set_{axis.axis_name}scale")(scale, **({"linthresh": 1} if scale == "symlog" else {}))
    if not ticks and (scale == "symlog" or scale == "linear" and least < most / 2):
        axis.axes.set_ylim(bottom=min(0, least)) if axis.axis_name == "y" else axis.axes.set_xlim(left=min(0, least))
    tried = sorted(set(data))
    if ticks and len(tried) <= 12:
        axis.set_major_locator(matplotlib.ticker.FixedLocator(tried))
        axis.axes.tick_params(axis.axis_name, labelrotation=45 if len(tried) > 5 else 0)
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(
        lambda value, _: human(value, unit if unit in ("ns", "bytes", "bytes/s") else "", binary=ticks)))
    axis.set_label_text(axis_name(results, column))


def finish(axes, lines):
    if lines > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_bars(results, columns, where=None):
    """One bar for each cell, stacked by column; cells that are alike are one bar. Seeds are averaged."""
    rows = with_misses(results, where)
    columns = [column for column in columns if rows[column].fillna(0).any()]
    varying = axes_in(results, rows)
    same = {}
    for key, group in loader.groups(rows, varying):
        same.setdefault(tuple(float(group[column].fillna(0).mean()) for column in columns), []).append(key)
    everything = texts(itertools.chain(*same.values()))
    bars = [(fold(results, varying, keys, everything), heights) for heights, keys in same.items()]
    figure, axes = pyplot.subplots(figsize=(5, 0.6 + 0.22 * len(bars)))
    left = [0.0] * len(bars)
    for number, column in enumerate(columns):
        widths = [heights[number] for _, heights in bars]
        # By number: a name twice would be one bar.
        axes.barh(range(len(bars)), widths, left=left, label=axis_name(results, column).split(" [")[0].removesuffix(" cost"))
        left = [a + b for a, b in zip(left, widths)]
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    scale_axis(axes.xaxis, results, columns[0], "linear", [0, *left])
    if len(columns) > 1:
        axes.set_xlabel("cost (counters times prices)" if columns[0] in COSTS else results.unit(columns[0]))
    finish(axes, len(columns))
    return figure, [columns, bars]


def draw_over_time(results, where=None):
    """Pages of each harvest: what was reported and what had been written."""
    rows = results.intervals if where is None else results.intervals[where(results.intervals)]
    varying = axes_in(results, rows)
    figure, axes = pyplot.subplots()
    reported, written = {}, set()
    for key, group in loader.groups(rows, varying):
        time = group.time_ns.astype(float)
        reported.setdefault(tuple(zip(time, group.reported_pages.astype(float))), []).append(key)
        written.add(tuple(zip(time, group.written_pages.astype(float))))
    everything = texts(itertools.chain(*reported.values()))
    lines = [(" = ".join(filter(None, [fold(results, varying, keys, everything), "written" if points in written else ""])), points)
             for points, keys in reported.items()]
    lines += [("written", points) for points in sorted(written - set(reported))]
    for name, points in lines:
        axes.plot(*zip(*points), label=name, markevery=max(1, len(points) // 12))
    for axis, column, scale in ((axes.xaxis, "time_ns", "linear"), (axes.yaxis, "reported_pages", "log")):
        scale_axis(axis, results, column, scale, [0, *(point[axis is axes.yaxis] for _, points in lines for point in points)])
    axes.set_xlabel("time")
    axes.set_ylabel("pages per harvest")
    finish(axes, len(lines))
    return figure, lines


def draw_pareto(results):
    """Each cell's cost against the pages it reports for each page written."""
    rows = results.rows[results.rows.amplification.notna()]
    figure, axes = pyplot.subplots()
    cost = rows[list(COSTS)].sum(axis=1).astype(float)
    by = [axis for axis in ("tracking_method", "harvest_flush", "iommu_model") if axis in results.axes][:1]
    clouds, groups = [], loader.groups(rows, by)
    for key, group in groups:
        clouds.append((fold(results, by, [key], texts(key for key, _ in groups)), list(zip(cost[group.index], group.amplification.astype(float)))))
        axes.plot(*zip(*clouds[-1][1]), linestyle="", label=clouds[-1][0])
    scale_axis(axes.xaxis, results, "harvest_ns", "log", list(cost))
    scale_axis(axes.yaxis, results, "amplification", "log", list(rows.amplification.astype(float)))
    axes.set_xlabel("cost of tracking and translating")
    finish(axes, len(clouds))
    return figure, clouds


# ---- files ----


def digest(drawn):
    """Of the data of a figure: tells whether a picture is that of these results, whatever drew it."""
    return hashlib.sha256(repr(drawn).encode()).hexdigest()


def save(figure, drawn, path, kinds=("pdf", "png")):
    """PATH.pdf and PATH.png, without dates; the PNG holds the digest of its data."""
    metadata = {"pdf": {"CreationDate": None}, "png": {"Description": digest(drawn)}}
    path.parent.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        figure.savefig(path.with_suffix(f".{kind}"), metadata=metadata[kind])
    pyplot.close(figure)


def lines_to_read(results, name, x, y):
    """Where lines are too many for one figure, one for each value of the first thing that varies."""
    lines = lines_of(results, x, y)
    others = axes_in(results, results.rows, x)
    if len(lines) <= LINES_MOST or not others:
        yield name, None
        return
    for (value,), _ in loader.groups(results.rows, others[:1]):
        word = value_name(results, others[0], value).replace(" ", "-").replace("/", "-")
        yield f"{name}-{word}", lambda rows, value=value: rows[others[0]] == value


def figures_of(results):
    """Name, figure and data of everything that has something to show."""
    rows = with_misses(results)
    for name, x, y, xscale, yscale in FIGURES:
        if x not in results.axes or not pandas.api.types.is_numeric_dtype(rows[x]) or not rows[y].fillna(0).any():
            continue
        for part, where in lines_to_read(results, name, x, y):
            if lines_of(results, x, y, where):
                yield (part, *draw_lines(results, x, y, xscale, yscale, where))
    cells = len(loader.groups(rows, results.axes))
    for name, columns in (("cost", COSTS), ("false-pages", CAUSES), ("flush-commands", ("flush_commands", "unmap_commands"))):
        if cells <= BARS_MOST and rows[list(columns)].fillna(0).any().any():
            yield (name, *draw_bars(results, columns))
    if rows.amplification.nunique() > 1:
        yield ("accuracy-cost", *draw_pareto(results))
    if results.intervals is not None and cells == len(rows) <= LINES_MOST and rows["trace"].nunique() == 1:
        yield ("over-time", *draw_over_time(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", help="folders that dirtywalk run wrote")
    parser.add_argument("-o", "--output", default="figures", help="folder for the figures (default: figures)")
    given = parser.parse_args()
    for folder in given.results:
        try:
            results = loader.load(folder)
        except ValueError as error:
            sys.exit(f"figures.py: {error}")
        for name, figure, drawn in figures_of(results):
            path = pathlib.Path(given.output) / results.name / name
            save(figure, drawn, path)
            print(f"{path}.pdf")


if __name__ == "__main__":
    main()
