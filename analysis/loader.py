"""Results of dirtywalk as pandas tables that know the unit and the meaning of each column.

    results = loader.load("results/interval")            # results.csv and intervals.csv, typed by datapackage.json
    results.rows.groupby("iommu_model").false_pages.sum()
    results.unit("harvest_interval_ns")                   # "ns"
    results.axes                                          # the parameters that vary, in the order of the sweep
    loader.over_seeds(results, "iotlb_misses")            # mean and bootstrap confidence interval over seeds

What is empty for a cell is NaN (text: ""); integers are Int64, which has room for that. Lists such as `4096+2097152` and
regions stay text. ValueError, with the remedy: a folder without results.
"""
import json
import pathlib

import numpy
import pandas

SEED = "seed"


class Results:
    """One results folder. `rows` is results.csv, `intervals` intervals.csv with the parameters of each cell (or None)."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("datapackage.json", "results.csv"):
            if not (self.folder / name).is_file():
                raise ValueError(f"{folder}: has no {name}; name a results folder, or run its experiment again")
        package = json.loads((self.folder / "datapackage.json").read_text())
        self.name, self.question = package["title"], package.get("description", "")
        self.fields = {field["name"]: field for resource in package["resources"] if resource["name"] in ("results", "intervals")
                       for field in resource["schema"]["fields"]}
        tables = {resource["name"]: resource for resource in package["resources"]}
        self.rows = self._read(tables["results"])
        names = [field["name"] for field in tables["results"]["schema"]["fields"]]
        self.parameters = names[names.index("status") + 1:names.index("records")]
        self.axes = axes_of(self.rows, self.parameters)
        self.intervals = None
        if (self.folder / "intervals.csv").exists():
            cells = self.rows[["cell", "trace", *self.parameters]]
            self.intervals = self._read(tables["intervals"]).merge(cells, on=["cell", "trace"])

    def _read(self, table):
        text = {field["name"]: str for field in table["schema"]["fields"] if field["type"] in ("string", "boolean")}
        rows = pandas.read_csv(self.folder / table["path"], dtype=text)
        for column in text:
            rows[column] = rows[column].fillna("")
        for field in table["schema"]["fields"]:
            if field["type"] == "integer":
                rows[field["name"]] = rows[field["name"]].astype("Int64")
        return number_lists(rows)

    def unit(self, column):
        return self.fields[column].get("unit", "")

    def meaning(self, column):
        return self.fields[column]["description"]


def load(folder):
    return Results(folder)


def axes_of(rows, parameters):
    """Parameters with several values. Of two that vary together (a region and its bytes), the one that is a number."""
    axes = [name for name in parameters if name != SEED and rows[name].nunique(dropna=False) > 1]
    if rows["trace"].nunique() > 1:
        axes.append("trace")
    twins = {}
    for name in axes:
        twins.setdefault(tuple(pandas.factorize(rows[name])[0]), []).append(name)
    return [next((name for name in group if pandas.api.types.is_numeric_dtype(rows[name])), group[0]) for group in twins.values()]


def groups(rows, columns):
    """Key and rows of each combination of the columns' values, in the order of the rows; one group without columns."""
    if not columns:
        return [((), rows)]
    return [(key if isinstance(key, tuple) else (key,), some)
            for key, some in rows.groupby(columns if len(columns) > 1 else columns[0], dropna=False, sort=False)]


def number_lists(rows):
    """Leaf sizes are lists; where all have one element they are numbers."""
    name = "mapping_page_sizes"
    if name in rows and rows[name].str.fullmatch(r"\d+").all():
        rows[name] = rows[name].astype("Int64")
    return rows


def bootstrap(values, confidence=0.95, draws=2000):
    """Mean of some replicates, and the percentile bootstrap's bounds of it. The same every time."""
    values = numpy.asarray(values, dtype=float)
    if len(values) == 1:
        return values[0], values[0], values[0]
    rng = numpy.random.default_rng(1)
    means = rng.choice(values, size=(draws, len(values))).mean(axis=1)
    low, high = numpy.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return values.mean(), low, high


def over_seeds(results, column, confidence=0.95):
    """One row for each setting of the axes: seeds, mean, low, high of a column. Rows of one seed have no spread."""
    made = []
    for key, rows in groups(results.rows, results.axes):
        values = rows[column].dropna()
        if len(values):
            made.append((*key, len(values), *bootstrap(values, confidence)))
    return pandas.DataFrame(made, columns=[*results.axes, "seeds", "mean", "low", "high"])
