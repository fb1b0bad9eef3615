#!/usr/bin/env python3
"""Results against the ones that are kept: compare.py GOLDEN_FOLDER RESULTS... [--write]

GOLDEN_FOLDER/NAME.csv is the results.csv of NAME without cell ids, which change with every new key. A column that is not
kept yet is said and no difference; --write keeps the results as they are.
"""
import csv
import pathlib
import sys


def read(path):
    with open(path, newline="") as file:
        return [{column: value for column, value in row.items() if column != "cell"} for row in csv.DictReader(file)]


def differences(kept, found):
    if len(kept) != len(found):
        yield f"{len(found)} rows instead of {len(kept)}"
        return
    for old, new in zip(kept, found):
        for column in old:
            if new.get(column) != old[column]:
                yield f"{old['label']}, {old['trace']}: {column} is {new.get(column, 'not there')} instead of {old[column]}"


def compare(golden, folder):
    """What to say, and whether it is the same."""
    found, kept = read(folder / "results.csv"), golden / f"{folder.name}.csv"
    if not kept.exists():
        return f"no golden results: {kept} is not there", False
    old = read(kept)
    wrong = list(differences(old, found))
    if wrong:
        return "\n".join([f"{len(wrong)} differences from {kept}", *(f"    {what}" for what in wrong[:5])]), False
    new = [column for column in found[0] if column not in old[0]]
    return f"{len(found)} rows are the golden ones" + (f"; not kept yet: {' '.join(new)}" if new else ""), True


def write(golden, folder):
    rows = read(folder / "results.csv")
    golden.mkdir(exist_ok=True)
    with open(golden / f"{folder.name}.csv", "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main():
    golden, *folders = (pathlib.Path(word) for word in sys.argv[1:] if word != "--write")
    if "--write" in sys.argv:
        for folder in folders:
            write(golden, folder)
        return 0
    good = True
    for folder in folders:
        said, same = compare(golden, folder)
        print(f"{folder.name:<16}{said}")
        good = good and same
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
