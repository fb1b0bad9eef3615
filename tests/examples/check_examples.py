#!/usr/bin/env python3
"""Runs every shipped experiment and holds its results to what its comment promises.

usage: check_examples.py DIRTYWALK EXAMPLES_FOLDER [NAME...]

An experiment without a function below fails: what it shows has to be asserted, not looked at."""

import csv
import pathlib
import subprocess
import sys
import tempfile

PAGE = 4096
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)


def number(row, column):
    return int(row[column])


def select(rows, **wanted):
    """Rows whose columns have these values."""
    return [row for row in rows if all(row[name] == str(value) for name, value in wanted.items())]


def one(rows, **wanted):
    found = select(rows, **wanted)
    if len(found) != 1:
        raise AssertionError(f"{len(found)} rows have {wanted}")
    return found[0]


def column(rows, name):
    return [number(row, name) for row in rows]


def rises(values):
    return all(a <= b for a, b in zip(values, values[1:]))


def falls(values):
    return rises(values[::-1])


def sorted_by(rows, name):
    return sorted(rows, key=lambda row: number(row, name))


def models(rows):
    return sorted({row["iommu_model"] for row in rows})


def near(value, wanted, part):
    return abs(value - wanted) <= part * wanted


# ---- what each experiment shows ----


def first(rows):
    for model in models(rows):
        for row in select(rows, iommu_model=model):
            expect(number(row, "lost_pages") == 0, f"{model} loses nothing")
        small, large = select(rows, iommu_model=model, mapping_page_sizes=4096)[0], select(
            rows, iommu_model=model, mapping_page_sizes=2097152)[0]
        expect(number(small, "false_pages") == 0, f"{model}: 4 KiB leaves report only what was written")
        expect(number(large, "false_leaf") > 0, f"{model}: 2 MiB leaves report more")


def interval(rows):
    for model in models(rows):
        some = sorted_by(select(rows, iommu_model=model), "harvest_interval_ns")
        expect(falls(column(some, "harvest_ns")), "rarer harvests cost less")
        expect(falls(column(some, "written_pages")), "rarer harvests see a page written twice once")


def page_size(rows):
    for row in rows:
        expect(number(row, "lost_pages") == 0, "nothing is lost")
    for model in models(rows):
        some = select(rows, iommu_model=model, tracking_method="hardware")
        some = sorted_by(some, "mapping_page_sizes")
        expect(rises(column(some, "reported_pages")), "larger leaves report more")
        expect(falls(column(some, "iotlb_misses")), "larger leaves miss less")
        expect(falls(column(some, "scanned_entries")), "larger leaves are fewer")
        for row in some:
            sizes = {"iommu_model": model, "mapping_page_sizes": row["mapping_page_sizes"]}
            exact, everything = one(rows, tracking_method="exact", **sizes), one(rows, tracking_method="all", **sizes)
            expect(number(exact, "reported_pages") <= number(row, "reported_pages") <= number(everything, "reported_pages"),
                   "exact and all are bounds")


def flush(rows):
    for row in rows:
        lost = number(row, "missed_pages")
        expect(lost > 0 if row["harvest_flush"] == "none" else lost == 0, "only unflushed harvests miss pages")
    for model in models(rows):
        by = {r["harvest_flush"]: r for r in select(rows, iommu_model=model) if r.get("iommu_ril") != "false"}
        expect(number(by["leaf"], "flush_overreach") == 0, "a flush by leaf drops nothing else")
        expect(number(by["leaf"], "flush_commands") == number(by["leaf"], "harvested_leaves"), "a command a leaf")
        expect(number(by["domain"], "flush_commands") == number(by["domain"], "flushes"), "a command a window")
        expect(number(by["domain"], "iotlb_misses") >= number(by["leaf"], "iotlb_misses"), "dropping more misses more")
        # Q6: by leaf is linear in dirty leaves, a domain flush constant: here they cross on every model.
        expect(number(by["leaf"], "flush_ns") > number(by["domain"], "flush_ns"), "one by one costs more")


def iotlb_size(rows):
    for policy in ("lru", "fifo", "plru", "random"):
        some = sorted_by(select(rows, iotlb_replacement=policy), "iotlb_entries")
        expect(falls(column(some, "iotlb_misses")), f"{policy}: more entries miss less")


def seeds(rows):
    for entries in (64, 256, 1024, 4096):
        random = column(select(rows, iotlb_entries=entries, iotlb_replacement="random"), "iotlb_misses")
        lru = number(one(rows, iotlb_entries=entries, iotlb_replacement="lru"), "iotlb_misses")
        expect(len(random) == 10, "ten replicates")
        expect(len(set(random)) > 1 or entries == 4096, "seeds draw differently where something is replaced")
        expect(max(random) - min(random) <= abs(min(random) - lru), "the policies differ by more than the draws")


def dbm(rows):
    for row in rows:
        dynamic = row["iommu_dbm"] == "dynamic"
        expect((number(row, "toggle_written_entries") > 0) == dynamic, "only dynamic DBM rewrites entries")
        expect(number(row, "lost_pages") == 0, "nothing is lost")
    for row in select(rows, iommu_dbm="static", tracking_clear_on_start="false"):
        expect(number(row, "false_residue") > 0, "what was written before the start is reported")


def churn(rows):
    for row in rows:
        flush_mode = row["mapping_unmap_flush"]
        expect((number(row, "unmap_commands") > 0) == (flush_mode != "none"), f"{flush_mode} flushes as it says")
        if flush_mode == "strict":
            expect(number(row, "missed_pages") == 0 and number(row, "stale_writes") == 0, "strict unmaps lose nothing")
            if row["harvest_before_unmap"] == "false":
                expect(number(row, "unmap_ns") > number(row, "harvest_ns") + number(row, "flush_ns"),
                       "strict unmaps cost more than harvests")
    for trace in {row["trace"] for row in rows}:
        for model in models(rows):
            some = {r["mapping_unmap_flush"]: r for r in select(rows, trace=trace, iommu_model=model, harvest_before_unmap="false")}
            expect(number(some["deferred"], "unmap_commands") < number(some["strict"], "unmap_commands"), "fewer flushes")
        for row in select(rows, trace=trace, harvest_before_unmap="true"):
            expect(number(row, "unmapped_dirty_pages") == 0, "a read before each unmap leaves nothing behind")


def start_cost(rows):
    toggles = {}
    for row in rows:
        kind = (row["iommu_model"], row["iommu_dbm"])
        toggles.setdefault(kind, set()).add(number(row, "context_updates"))
        if row["tracking_clear_on_start"] == "false":
            expect(number(row, "toggle_scanned_entries") == 0, "a fresh domain is not walked")
    for kind, updates in toggles.items():
        expect(len(updates) == 1, f"{kind}: the toggle does not grow with memory")
    for kind in toggles:
        some = [r for r in rows if (r["iommu_model"], r["iommu_dbm"]) == kind and r["tracking_clear_on_start"] != "false"]
        for size in ("4096", "2097152"):
            scanned = [number(r, "toggle_scanned_entries") for r in some if r["mapping_page_sizes"] == size]
            for a, b in zip(scanned, scanned[1:]): # 8, 64, 512 GiB, 4 TiB: eight times each
                expect(near(b, 8 * a, 0.01), f"{kind} {size}: the walk is linear in leaves")
        small = column([r for r in some if r["mapping_page_sizes"] == "4096"], "toggle_scanned_entries")
        large = column([r for r in some if r["mapping_page_sizes"] == "2097152"], "toggle_scanned_entries")
        expect(all(near(a, 512 * b, 0.01) for a, b in zip(small, large)), f"{kind}: 512 times fewer leaves of 2 MiB")


def harvest_time(rows):
    for row in rows:
        expect(number(row, "missed_pages") == 0, "nothing is missed")
    for size in ("4096", "2097152", "1073741824"):
        whole = [r for r in rows if r["mapping_page_sizes"] == size and r["tracking_ranges"] == "none"]
        part = [r for r in rows if r["mapping_page_sizes"] == size and r["tracking_ranges"] != "none"]
        scanned = column(whole, "scanned_entries")
        if size != "1073741824":
            expect(all(near(b, 8 * a, 0.01) for a, b in zip(scanned, scanned[1:])), f"{size}: linear in leaves")
        expect(rises(column(whole, "harvest_ns")), f"{size}: a harvest takes longer")
        expect(set(column(part, "scanned_entries")) == {scanned[0]}, f"{size}: a range costs what it covers")


def leaf_sizes(rows):
    reported = column(rows, "reported_pages")
    expect(rises(reported), "larger leaves report more")
    expect(falls(column(rows, "iotlb_misses")), "larger leaves miss less")
    expect(number(rows[0], "false_pages") == 0, "4 KiB leaves report just what was written")
    expect(reported[5] < 2 * reported[0], "DMA writes whole buffers: 128 KiB leaves report less than twice")
    for row in rows:
        expect(number(row, "false_pages") == number(row, "false_leaf"), "all of it because of the leaf")


def no_flush(rows):
    for model in models(rows):
        unflushed = sorted_by(select(rows, iommu_model=model, harvest_flush="none"), "iotlb_entries")
        expect(number(unflushed[0], "missed_pages") == 0, "without an IOTLB nothing is missed")
        expect(rises(column(unflushed, "missed_pages")), "larger IOTLBs miss more")
        expect(rises(column(unflushed, "lost_pages")), "larger IOTLBs lose more")
        expect(float(unflushed[-1]["recall"]) < 0.95, "much is never caught")
        for row in select(rows, iommu_model=model, harvest_flush="range"):
            expect(number(row, "missed_pages") == 0, "flushed harvests miss nothing")


def copy_when(rows):
    by = {(r["harvest_flush"], r["harvest_copy"], r["harvest_chunk_bytes"]): r for r in rows}
    window = str(64 << 20)
    for row in rows:
        loses = row["harvest_flush"] == "none" or (row["harvest_copy"], row["harvest_chunk_bytes"]) == ("at_read", "none")
        expect((number(row, "missed_pages") > 0) == loses, "pages are missed without a flush, or copied long before it")
        expect((number(row, "lost_pages") > 0) == loses, "and some of them are lost")
        expect(near(number(row, "harvest_span_ns"), number(row, "harvests") * 12 * 10**6, 0.1), "a harvest takes 12 ms")
    sneaked = {key: number(row, "sneak_writes") for key, row in by.items()}
    expect(sneaked["range", "after_flush", "none"] > 100 * sneaked["range", "after_flush", window], "short windows")
    expect(number(by["none", "at_read", window], "lost_pages") > 10 * number(by["range", "at_read", "none"], "lost_pages"),
           "no flush loses more than an early copy")


def precopy_link(rows):
    link = "harvest_link_rate_bytes_per_s"
    for row in rows:
        sending_ns = -(-number(row, "stop_bytes") * 10**9 // number(row, link))
        expect(number(row, "downtime_ns") == sending_ns + 50 * 10**6, "downtime is the stop-copy and the fixed part")
        expect((sending_ns <= 5 * 10**6) == (row["converged"] == "1"), "converged when it fits")
    for row in select(rows, tracking_method="hardware"):
        exact = one(rows, tracking_method="exact", **{link: row[link]})
        for name in ("rounds", "precopy_bytes", "stop_bytes", "migration_ns", "trace_exhausted"):
            expect(row[name] == exact[name], f"4 KiB leaves are as good as the ideal: {name}")
    for row in select(rows, tracking_method="all"):
        expect(row["converged"] == "0" and row["rounds"] == "12", "without tracking nothing converges")
    some = sorted_by(select(rows, tracking_method="hardware"), link)
    expect(falls(column(some, "migration_ns")), "faster links migrate faster")
    expect(falls(column(some, "precopy_bytes")), "slower links send more")
    expect(some[-1]["rounds"] == "1", "the fastest needs one round")


def precopy_leaf(rows):
    for rate in ("2000000000", "12500000000"):
        some = sorted_by(select(rows, harvest_link_rate_bytes_per_s=rate), "mapping_page_sizes")
        expect(rises(column(some, "precopy_bytes")), "larger leaves send more")
        live = [r for r in some if r["trace_exhausted"] == "0"]
        expect(rises(column(live, "stop_bytes")), "larger leaves leave more for the stop")
        expect(some[0]["converged"] == "1", "small leaves converge")


def contiguous(rows):
    for entries in (64, 1024):
        some = sorted_by(select(rows, iotlb_entries=entries), "mapping_page_sizes")
        expect(falls(column(some, "iotlb_misses")), "a group is one IOTLB entry")
        expect(rises(column(some, "reported_pages")), "a group has one dirty state")
        scanned = column(some, "scanned_entries")
        expect(scanned[0] == scanned[1] and scanned[2] == scanned[3], "a group is scanned entry by entry")


def devices(rows):
    exact, everything = one(rows, tracking_method="exact"), one(rows, tracking_method="all")
    logs = sorted_by(select(rows, tracking_method="device"), "device_granule_bytes")
    expect(logs[0]["reported_pages"] == exact["reported_pages"], "4 KiB blocks report what was written")
    expect(rises(column(logs, "reported_pages")), "coarser blocks report more")
    expect(falls(column(logs, "device_log_entries")), "coarser blocks are fewer entries")
    large = one(rows, tracking_method="hardware", mapping_page_sizes=2097152)
    expect(logs[2]["reported_pages"] == large["reported_pages"], "2 MiB blocks are as good as 2 MiB leaves")
    for row in logs:
        expect(number(row, "false_pages") == number(row, "false_granule"), "all of it because of the block")
        expect(number(row, "reported_pages") <= number(everything, "reported_pages"), "all is a bound")
        expect(number(row, "scanned_entries") == 0, "no table is read")


def split(rows):
    for row in rows:
        expect(number(row, "lost_pages") == 0, "nothing is lost")
        expect(number(row, "false_pages") == number(row, "false_leaf"), "what is false is so because of the leaf")
    for interval in ("100000000", "1000000000"):
        for size in ("2097152", "1073741824"):
            by = {(r["tracking_split"], r["tracking_split_size_bytes"]): r
                  for r in select(rows, harvest_interval_ns=interval, mapping_page_sizes=size)}
            whole, start, dirty = (one(list(by.values()), tracking_split=kind, tracking_split_size_bytes=default)
                                   for kind in ("none", "start", "dirty")
                                   for default in {k[1] for k in by if k[0] == kind and k[1] != "2097152"})
            expect(number(whole, "split_entries") == 0, "none splits nothing")
            expect(number(start, "false_pages") == 0, "small leaves report just what was written")
            expect(number(start, "table_bytes_peak") > 16 << 20, "which takes tables for all of memory")
            expect(number(start, "false_pages") < number(dirty, "false_pages") < number(whole, "false_pages") * 3 // 4,
                   "the first report of a leaf is whole")
            expect(number(dirty, "split_entries") * 2 < number(start, "split_entries"), "fewer are split")
            expect(number(dirty, "harvest_ns") < number(start, "harvest_ns"), "and fewer scanned")
            expect(number(dirty, "iotlb_misses") > 10 * number(whole, "iotlb_misses"), "small leaves miss more")
            if size == "1073741824":
                middle = by["dirty", "2097152"]
                expect(number(middle, "split_entries") * 100 < number(dirty, "split_entries"), "few entries of 2 MiB")
                expect(number(middle, "reported_pages") * 4 < number(whole, "reported_pages"), "which save most")
                expect(number(middle, "iotlb_misses") * 100 < number(dirty, "iotlb_misses"), "and hardly miss")


def ats(rows):
    alone = one(rows, ats_enabled="false")
    cached = select(rows, ats_enabled="true")
    for row in cached:
        expect((number(row, "false_ats") > 0) == (row["ats_no_write"] == "false"), "NW=1 keeps reads from dirtying")
        expect(number(row, "false_pages") == number(row, "false_ats"), "nothing else is false")
        if row["ats_invalidate"] == "true":
            expect(number(row, "missed_pages") == 0 and number(row, "atc_commands") > 0, "invalidated ATCs lose nothing")
            expect(row["truth_pages"] == alone["truth_pages"], "what is written does not depend on ATS")
        else:
            expect(number(row, "lost_pages") > 0 and number(row, "atc_commands") == 0, "stale ATCs lose writes")
    for writes in ("true", "false"):
        for invalidate in ("true", "false"):
            some = sorted_by(select(cached, ats_no_write=writes, ats_invalidate=invalidate), "ats_entries")
            expect(falls(column(some, "atc_misses")), "larger ATCs ask less")
            expect(rises(column(some, "missed_pages")), "larger stale ATCs miss more")


def log_or_scan(rows):
    for interval_ns in ("10000000", "100000000", "1000000000"):
        scan = one(rows, tracking_method="hardware", harvest_interval_ns=interval_ns)
        for row in select(rows, tracking_method="log", harvest_interval_ns=interval_ns):
            overflows = number(row, "log_overflows")
            if overflows == 0: # then harvests differ by what they read: k log entries against all slots (V18)
                expect(row["reported_pages"] == scan["reported_pages"] and row["log_drained"] == row["harvested_leaves"],
                       "a ring that holds them reports what a scan does")
                saved_ns = 2.75 * number(scan, "scanned_entries") - 5 * number(row, "log_drained")
                expect(abs(number(scan, "harvest_ns") - number(row, "harvest_ns") - saved_ns) <= 2, "and saves the scan")
            elif row["log_overflow"] == "scan":
                expect(row["reported_pages"] == scan["reported_pages"], "a scan makes up for an overflow")
                expect(0 < number(row, "scanned_entries") < number(scan, "scanned_entries"), "and only then scans")
            else:
                expect(number(row, "false_untracked") > 0 and number(row, "scanned_entries") == 0, "or all is reported")
    expect(number(one(rows, tracking_method="log", harvest_interval_ns="10000000", log_entries=8192, log_overflow="scan"),
                  "log_overflows") == 0, "8192 entries hold what 10 ms dirty")


def write_protect(rows):
    for size in ("4096", "2097152"):
        for interval_ns in ("10000000", "100000000", "1000000000"):
            some = {r["tracking_method"]: r for r in select(rows, mapping_page_sizes=size, harvest_interval_ns=interval_ns)}
            protected, hardware = some["write-protect"], some["hardware"]
            expect(protected["reported_pages"] == hardware["reported_pages"], "as precise as dirty bits")
            expect(protected["faults_recoverable"] == protected["harvested_leaves"], "a fault for each leaf made dirty")
            expect(number(protected, "fault_ns") == 20000 * number(protected, "faults_recoverable"), "20 us each")
            expect(number(protected, "scanned_entries") == 0, "nothing is scanned")
            expect(number(some["exact"], "reported_pages") <= number(protected, "reported_pages")
                   <= number(some["all"], "reported_pages"), "exact and all are bounds")
        faults = [number(r, "faults_recoverable") for r in sorted_by(
            select(rows, mapping_page_sizes=size, tracking_method="write-protect"), "harvest_interval_ns")]
        expect(falls(faults), "rarer harvests fault less")


# ---- running them ----


def run(program, experiment, folder):
    command = [program, "run", str(experiment), "-o", str(folder), "--progress", "never", "-q"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        failures.append(f"exit code {done.returncode}: {done.stderr.strip()}")
        return []
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def main():
    program, examples, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    wrong = 0
    for experiment in sorted(examples.glob("*.yaml")):
        if names and experiment.stem not in names:
            continue
        failures.clear()
        check = globals().get(experiment.stem.replace("-", "_"))
        if check is None:
            failures.append("check_examples.py has no function for it")
        else:
            with tempfile.TemporaryDirectory() as folder:
                rows = run(program, experiment, pathlib.Path(folder) / "results")
            if rows:
                check(rows)
        for what in failures:
            print(f"{experiment.name}: not so: {what}")
        wrong += bool(failures)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
