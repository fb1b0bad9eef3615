#!/usr/bin/env python3
"""FINDINGS.md: what the shipped experiments show on the shipped recordings, written from their results.

findings.py write RESULTS    FINDINGS.md and docs/findings/*.png from RESULTS/NAME, one folder for each experiment
findings.py check RESULTS    fails if a number of FINDINGS.md, or what a figure shows, is not that of RESULTS

A finding is a function named as its experiment: it gives the claim, the sentences with their numbers, and the figure.
"""
import difflib
import pathlib
import sys
import textwrap

from PIL import Image

import figures
import loader

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXT, PICTURES = ROOT / "FINDINGS.md", ROOT / "docs" / "findings"
KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40

INTRODUCTION = """# Findings

What the experiments in `configs/examples/` show on the recordings in `traces/samples/`. Text and figures are made from their
results by `analysis/findings.py`; a test fails when a number here is not what the program gives. Counters are exact. Costs
are counters times prices, of which several are assumptions (`dirtywalk list cost`). The recordings are of emulated guests:
addresses, sizes and order are real, rates are not those of hardware.

`analysis/reproduce.sh` repeats all of it.
"""


# ---- words ----


def count(value):
    return f"{int(value):,}".replace(",", " ")


def time(ns):
    ns = float(ns)
    for scale, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= scale:
            return f"{ns / scale:.3g} {name}"
    return f"{ns:g} ns"


def size(some_bytes):
    some_bytes = float(some_bytes)
    for scale, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if some_bytes >= scale:
            return f"{some_bytes / scale:.3g} {name}"
    return f"{some_bytes:g} bytes"


def share(part, whole):
    return f"{100 * float(part) / float(whole):.3g} %"


def times(a, b):
    return f"{float(a) / float(b):.3g} times"


def ratio(value):
    return f"{float(value):.2f}"


def where(rows, **wanted):
    """Rows whose columns have these values."""
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows


def one(rows, **wanted):
    found = where(rows, **wanted)
    assert len(found) == 1, f"{len(found)} rows have {wanted}"
    return found.iloc[0]


def same(rows, column):
    """The value that all rows have."""
    found = set(rows[column])
    assert len(found) == 1, f"{column} is not the same in all: {found}"
    return found.pop()


# ---- findings ----


def first(results):
    small, large = (where(results.rows, mapping_page_sizes=leaf) for leaf in (4 * KIB, 2 * MIB))
    assert (large.false_leaf == large.false_pages).all()
    return "Only large leaves over-report, and they do so alike in every design", f"""
With 4 KiB leaves all designs report exactly the {count(same(small, "reported_pages"))} pages that devices wrote. With 2 MiB
leaves all report {count(same(large, "reported_pages"))}, {ratio(same(large, "amplification"))} for each page written, and every
false page is `false_leaf`: one dirty bit stands for 512 pages. What differs is what tracking costs: switching on takes
{time(min(small.toggle_ns))} to {time(max(small.toggle_ns))} with 4 KiB leaves.
""", figures.draw_bars(results, figures.COSTS)


def leaf_sizes(results):
    by = {int(row.mapping_page_sizes): row for row in results.rows.itertuples()}
    return "Leaves of up to 64 KiB report little more than was written, from 2 MiB on it is a multiple", f"""
DMA writes whole buffers: leaves of 64 KiB report {ratio(by[64 * KIB].amplification)} pages for each page written, leaves of
128 KiB {ratio(by[128 * KIB].amplification)}, of 2 MiB {ratio(by[2 * MIB].amplification)}, of 32 MiB
{ratio(by[32 * MIB].amplification)} and of 1 GiB {ratio(by[GIB].amplification)}. The IOTLB gains early: leaves of 64 KiB
already miss {times(by[4 * KIB].iotlb_misses, by[64 * KIB].iotlb_misses)} less than leaves of 4 KiB.
""", figures.draw_lines(results, "mapping_page_sizes", "amplification", "log", "log")


def page_size(results):
    rows = where(results.rows, iommu_model="amd-v1")
    small, large, huge = (one(rows, mapping_page_sizes=leaf, tracking_method="hardware") for leaf in (4 * KIB, 2 * MIB, GIB))
    everything = where(rows, tracking_method="all")
    return "Dirty bits of 2 MiB leaves tell nearly everything, those of 1 GiB leaves little", f"""
Without tracking, every harvest is all of the guest: {count(same(everything, "amplification"))} pages for each page written.
Hardware tracking brings that down to {ratio(small.amplification)} with 4 KiB leaves, {ratio(large.amplification)} with 2 MiB and
{ratio(huge.amplification)} with 1 GiB. The {count(small.harvests)} harvests of 8 GiB cost {time(small.harvest_ns)} with 4 KiB
leaves, of which {count(small.scanned_entries)} entries are scanned, and {time(large.harvest_ns)} with 2 MiB leaves.
""", figures.draw_lines(results, "mapping_page_sizes", "amplification", "log", "log")


def interval(results):
    rows = where(results.rows, iommu_model="amd-v1").sort_values("harvest_interval_ns")
    short, long = rows.iloc[0], rows.iloc[-1]
    return "Harvesting more often over-reports more with large leaves", f"""
A dirty leaf of 2 MiB is false for its unwritten pages again at every harvest. Every {time(short.harvest_interval_ns)}, leaves of 2 MiB
report {ratio(short.amplification)} pages for each page written, every {time(long.harvest_interval_ns)}
{ratio(long.amplification)}: {count(short.reported_pages)} pages against {count(long.reported_pages)}, although the pages written
between harvests are only {count(short.written_pages)} against {count(long.written_pages)}.
""", figures.draw_lines(results, "harvest_interval_ns", "amplification")


def start_cost(results):
    def toggle(model, mapped, leaf, clear, dbm=""):
        return one(results.rows, iommu_model=model, iommu_dbm=dbm, mapped_bytes=mapped, mapping_page_sizes=leaf,
                   tracking_clear_on_start=clear).toggle_ns
    return "Switching tracking on is one bit, making every leaf clean is what grows", f"""
In a fresh domain switching on costs {time(toggle("amd-v1", 4 * TIB, 4 * KIB, "false"))} on AMD,
{time(toggle("intel-ss", 4 * TIB, 4 * KIB, "false"))} on Intel and {time(toggle("riscv-g", 4 * TIB, 4 * KIB, "false"))} on RISC-V,
whatever is mapped. Where leaves have to be cleaned first it grows with their number: with 4 KiB leaves from
{time(toggle("amd-v1", 8 * GIB, 4 * KIB, "true"))} for 8 GiB to {time(toggle("amd-v1", 4 * TIB, 4 * KIB, "true"))} for 4 TiB on AMD, and to
{time(toggle("smmu-s1", 4 * TIB, 4 * KIB, "true", "static"))} on Arm and {time(toggle("riscv-g", 4 * TIB, 4 * KIB, "true"))} on RISC-V,
whose leaves are born dirty. With 2 MiB leaves 4 TiB take {time(toggle("amd-v1", 4 * TIB, 2 * MIB, "true"))} on AMD.
""", figures.draw_lines(results, "mapped_bytes", "toggle_ns", "log", "log",
                        lambda rows: (rows.mapping_page_sizes == 4 * KIB) & (rows.iommu_dbm != "dynamic"))


def dbm(results):
    rows = where(results.rows, iommu_model="smmu-s1", mapping_page_sizes=4 * KIB)
    clean, residue = (one(rows, iommu_dbm="static", tracking_clear_on_start=clear) for clear in ("true", "false"))
    dynamic = one(rows, iommu_dbm="dynamic")
    return "Dynamic DBM costs as much to switch as static DBM costs to clean", f"""
With 4 KiB leaves static DBM scans and cleans for {time(clean.toggle_ns)} at the start, dynamic DBM rewrites
{count(dynamic.toggle_written_entries)} entries for {time(dynamic.toggle_ns)}; what is reported is the same. Static DBM that skips
the cleaning starts for {time(residue.toggle_ns)} and then reports {count(residue.false_residue)} pages that nobody wrote while
tracking.
""", figures.draw_bars(results, ("toggle_ns",), lambda rows: rows.mapping_page_sizes == 4 * KIB)


def harvest_time(results):
    whole, part = ((one(results.rows, mapped_bytes=4 * TIB, mapping_page_sizes=leaf, tracking_ranges="none"),
                    one(results.rows, mapped_bytes=4 * TIB, mapping_page_sizes=leaf, tracking_ranges="0:8GiB"))
                   for leaf in (4 * KIB, 2 * MIB))
    return "A harvest takes as long as what is tracked is large, whatever was written", f"""
Scanning 4 TiB of 4 KiB leaves takes {time(whole[0].harvest_ns / whole[0].harvests)} a harvest, of 2 MiB leaves
{time(part[0].harvest_ns / part[0].harvests)}. Tracking only the 8 GiB that the guest uses takes
{time(whole[1].harvest_ns / whole[1].harvests)} and {time(part[1].harvest_ns / part[1].harvests)}, and misses
{count(results.rows.missed_pages.sum())} pages.
""", figures.draw_lines(results, "mapped_bytes", "harvest_ns", "log", "log")


def flush(results):
    rows = where(results.rows, iommu_model="intel-ss")
    none, leaf, within, domain = (one(rows, harvest_flush=by) for by in ("none", "leaf", "range", "domain"))
    smmu = one(results.rows, iommu_model="smmu-s1", harvest_flush="range", iommu_ril="false")
    return "Flushes of ranges cost as little as flushes of domains and keep the IOTLB", f"""
A command for each dirty leaf makes {count(leaf.flush_commands)} commands and {time(leaf.flush_ns)} on Intel, a range at a time
{count(within.flush_commands)} and {time(within.flush_ns)}, as many as whole domains, which drop {count(domain.flush_overreach)} entries
too many instead of {count(within.flush_overreach)}. An SMMU without range invalidation needs {count(smmu.flush_commands)}. Without
any flush {count(none.missed_pages)} pages miss their harvest and {count(none.lost_pages)} are never reported.
""", figures.draw_bars(results, ("flush_ns", "toggle_ns"))


def no_flush(results):
    rows = where(results.rows, iommu_model="intel-ss", harvest_flush="none")
    def lost(entries):
        return one(rows, iotlb_entries=entries)
    return "Without flushes, every larger IOTLB loses more", f"""
An entry that says "dirty" lets later writes pass without touching the table. Without an IOTLB nothing is lost. With 64 entries
{count(lost(64).missed_pages)} pages miss a harvest and {count(lost(64).lost_pages)} are lost for good, with 1024
{count(lost(1024).missed_pages)} and {count(lost(1024).lost_pages)}, with 65 536 {count(lost(65536).missed_pages)} and
{count(lost(65536).lost_pages)}; then only {share(lost(65536).recall, 1)} of the pages written are caught. With flushes of ranges all are.
""", figures.draw_lines(results, "iotlb_entries", "missed_pages")


def iotlb_size(results):
    def misses(entries, policy):
        row = one(results.rows, iotlb_entries=entries, iotlb_replacement=policy)
        return share(row.iotlb_misses, row.requests)
    large = one(results.rows, iotlb_entries=16384, iotlb_replacement="lru")
    assert (where(results.rows, iotlb_entries=16384).iotlb_evictions == 0).all()
    return "Where harvests flush 4 KiB leaves no IOTLB is large enough, and the policy hardly matters", f"""
LRU misses {misses(16, "lru")} of the requests with 16 entries and {misses(1024, "lru")} with 1024. With 16 384 entries nothing is
evicted any more, and still {misses(16384, "lru")} miss: {count(large.iotlb_invalidated)} entries are dropped by the flushes of
{large.harvests} harvests. At 64 entries the policies are between
{misses(64, "plru")} (pseudo-LRU) and {misses(64, "fifo")} (FIFO).
""", figures.draw_lines(results, "iotlb_entries", figures.MISSES)


def seeds(results):
    spread = loader.over_seeds(results, "iotlb_misses")
    random, lru = (one(spread, iotlb_entries=64, iotlb_replacement=policy) for policy in ("random", "lru"))
    large = one(spread, iotlb_entries=4096, iotlb_replacement="random")
    return "Random replacement loses to LRU by far more than its draws differ", f"""
With 64 entries random replacement misses {count(random["mean"])} times on average over {random.seeds} seeds (95 % bootstrap
interval {count(random.low)} to {count(random.high)}), LRU {count(lru["mean"])} times. With 4096 entries nothing is evicted:
all seeds miss {count(large.low)} times.
""", figures.draw_lines(results, "iotlb_entries", figures.MISSES)


def contiguous(results):
    single, group, large = (one(results.rows, mapping_page_sizes=leaf, iotlb_entries=64) for leaf in (4 * KIB, 64 * KIB, 2 * MIB))
    return "Contiguous groups reach like large leaves and are scanned like small ones", f"""
Groups of 16 leaves of 4 KiB miss {times(single.iotlb_misses, group.iotlb_misses)} less than single ones and report
{ratio(group.amplification)} pages for each page written. A harvest gains nothing: {time(group.harvest_ns)} against
{time(single.harvest_ns)}, because all {count(group.scanned_entries)} entries are still there to scan; leaves of 2 MiB take
{time(large.harvest_ns)}.
""", figures.draw_bars(results, ("harvest_ns", "walk_ns"))


def devices(results):
    logs = where(results.rows, tracking_method="device")
    fine, coarse, huge = (one(logs, device_granule_bytes=block) for block in (4 * KIB, 2 * MIB, GIB))
    leaf = one(results.rows, tracking_method="hardware", mapping_page_sizes=str(2 * MIB))
    return "A device that logs its own writes is exact with 4 KiB blocks, and as coarse as its blocks", f"""
Blocks of 4 KiB report the {count(fine.reported_pages)} pages written, with {count(fine.device_log_entries)} log entries and no table
scanned. Blocks of 2 MiB need {count(coarse.device_log_entries)} entries and report {ratio(coarse.amplification)} for each page
written, exactly as leaves of 2 MiB do ({ratio(leaf.amplification)}); blocks of 1 GiB {ratio(huge.amplification)}.
""", figures.draw_lines(results, "device_granule_bytes", "amplification", "log", "log")


def precopy_link(results):
    rate = "harvest_link_rate_bytes_per_s"
    rows = where(results.rows, tracking_method="hardware")
    enough = rows[(rows.converged == 1) & (rows.trace_exhausted == 0)][rate].min()
    slow, fast = (one(results.rows, tracking_method="hardware", **{rate: link}) for link in (enough, 12500 * 10**6))
    blind = where(results.rows, tracking_method="all")
    exact = where(results.rows, tracking_method="exact")
    assert all(list(rows[column]) == list(exact[column]) for column in ("rounds", "precopy_bytes", "stop_bytes", "migration_ns"))
    return f"With dirty tracking {size(enough)}/s are enough to converge, without it no link here is", f"""
At 12.5 GB/s one round and {size(fast.precopy_bytes)} are enough, and the guest stands still for {time(fast.downtime_ns)}, 50 ms of
which are fixed. At {size(enough)}/s it takes {slow.rounds} rounds, {size(slow.precopy_bytes)} and {time(slow.migration_ns)}. Without tracking
{count((blind.converged == 1).sum())} of {len(blind)} links converge: each round is all of memory again, {size(same(blind, "precopy_bytes"))} in
{same(blind, "rounds")} rounds. Hardware tracking with 4 KiB leaves sends exactly what the ideal sends.
""", figures.draw_lines(results, rate, "migration_ns", "log", "log")


def precopy_leaf(results):
    rows = where(results.rows, harvest_link_rate_bytes_per_s=12500 * 10**6)
    small, large, huge = (one(rows, mapping_page_sizes=leaf) for leaf in (4 * KIB, 2 * MIB, GIB))
    return "2 MiB leaves cost a fast migration next to nothing, 1 GiB leaves everything", f"""
At 12.5 GB/s the stop-copy is {size(small.stop_bytes)} with 4 KiB leaves and {size(large.stop_bytes)} with 2 MiB: downtimes of
{time(small.downtime_ns)} and {time(large.downtime_ns)}. With 1 GiB leaves {huge.rounds} rounds and {size(huge.precopy_bytes)} do not
converge, and the downtime is {time(huge.downtime_ns)}.
""", figures.draw_lines(results, "mapping_page_sizes", "downtime_ns", "log", "log",
                        lambda rows: rows.harvest_link_rate_bytes_per_s == 12500 * 10**6)


def churn(results):
    rows = results.rows[results.rows.trace.str.contains("r2-")]
    plain = where(rows, iommu_model="intel-ss", harvest_before_unmap="false")
    strict, deferred, none = (one(plain, mapping_unmap_flush=mode) for mode in ("strict", "deferred", "none"))
    before = one(rows, iommu_model="intel-ss", harvest_before_unmap="true")
    return "Unmaps cost more than harvests, and hide what was written", f"""
On Intel, flushing every unmap at once costs {time(strict.unmap_ns)}, {times(strict.unmap_ns, strict.flush_ns)} what the flushes of
harvests cost. Deferred it is {time(deferred.unmap_ns)}, but {count(deferred.missed_pages)} pages are written through entries that
outlive their leaves and miss a harvest; without any flush {count(none.missed_pages)}. Most pages are gone before a harvest
comes: {count(strict.unmapped_dirty_pages)} of {count(strict.written_pages)} written. A harvest that reads before each unmap reports them,
and leaves {count(before.unmapped_dirty_pages)}.
""", figures.draw_bars(results, figures.COSTS, lambda rows: rows.trace.str.contains("r2-") & (rows.harvest_before_unmap == "false"))


def write_protect(results):
    def faults(leaf, interval_ns):
        return one(results.rows, tracking_method="write-protect", mapping_page_sizes=leaf, harvest_interval_ns=interval_ns)
    often, rarely, large = faults(4 * KIB, 10**7), faults(4 * KIB, 10**9), faults(2 * MIB, 10**7)
    scan = one(results.rows, tracking_method="hardware", mapping_page_sizes=4 * KIB, harvest_interval_ns=10**7)
    return "Write protection reports what dirty bits do, and pays for it in faults", f"""
With 4 KiB leaves harvested every 10 ms, {count(often.faults_recoverable)} faults take {time(often.fault_ns)}; scanning dirty bits
instead takes {time(scan.harvest_ns)}. Harvested every second, {count(rarely.faults_recoverable)} faults are left. Leaves of 2 MiB
harvested every 10 ms fault {count(large.faults_recoverable)} times, and report {ratio(large.amplification)} pages for each page
written.
""", figures.draw_lines(results, "harvest_interval_ns", "fault_ns", "log", "log", lambda rows: rows.tracking_method == "write-protect")


def log_or_scan(results):
    def rows(interval_ns):
        some = where(results.rows, harvest_interval_ns=interval_ns)
        logs = where(some, tracking_method="log", log_overflow="scan")
        return one(some, tracking_method="hardware"), logs[logs.log_entries == logs.log_entries.max()].iloc[0]
    (often, log_often), (rarely, log_rarely) = rows(10**7), rows(10**9)
    small = one(results.rows, tracking_method="log", harvest_interval_ns=10**7, log_entries=512, log_overflow="all")
    return "A log that holds the dirty leaves is cheaper than a scan, a log too small reports everything", f"""
All harvests, one every 10 ms, take {time(often.harvest_ns)} by scanning and {time(log_often.harvest_ns)} by reading a log of
{count(log_often.log_entries)} entries; one every second, {time(rarely.harvest_ns)} and {time(log_rarely.harvest_ns)}. A log of 512
entries overflows before {count(small.log_overflows)} of {count(small.harvests)} harvests, one every 10 ms. Where software then takes all pages
for dirty, {ratio(small.amplification)} are reported for each page written.
""", figures.draw_lines(results, "harvest_interval_ns", "harvest_ns", "log", "log")


def ats(results):
    alone = one(results.rows, ats_enabled="false")
    def cached(entries, no_write, invalidate):
        return one(results.rows, ats_enabled="true", ats_entries=entries, ats_no_write=no_write, ats_invalidate=invalidate)
    small, large = cached(16, "true", "true"), cached(4096, "true", "true")
    false, stale = cached(4096, "false", "true"), cached(4096, "true", "false")
    return "ATS dirties what is only read unless devices say so, and loses writes where harvests do not invalidate", f"""
Caches of 4096 entries in the devices bring the translations that the IOMMU makes from {count(alone.iotlb_hits + alone.iotlb_misses)} to
{count(large.iotlb_hits + large.iotlb_misses)}, caches of 16 entries to {count(small.iotlb_hits + small.iotlb_misses)}. Harvests pay with
{count(large.atc_commands)} invalidations. Devices that ask for write permission when they read (`no_write: false`) make
{count(false.false_ats)} false pages beside {count(false.written_pages)} written. Without invalidations {count(stale.missed_pages)} pages miss a
harvest, and {count(stale.lost_pages)} are lost.
""", figures.draw_lines(results, "ats_entries", "atc_misses", "log", "log", lambda rows: rows.ats_enabled == "true")


def split(results):
    def row(kind, leaf, split_size="none"):
        return one(results.rows, tracking_split=kind, mapping_page_sizes=leaf, tracking_split_size_bytes=split_size,
                   harvest_interval_ns=10**8)
    whole, huge = (row("none", leaf, "") for leaf in (2 * MIB, GIB))
    start, dirty, middle = row("start", 2 * MIB), row("dirty", 2 * MIB), row("dirty", GIB, str(2 * MIB))
    return "Splitting leaves when they are first dirty saves tables and scans, splitting 1 GiB to 2 MiB nearly everything", f"""
Every 100 ms leaves of 2 MiB report {ratio(whole.amplification)} pages for each page written. Split to 4 KiB at the start they
report nothing false, but {count(start.split_entries)} entries are written and harvests take {time(start.harvest_ns)}; split when first
found dirty, {ratio(dirty.amplification)}, {count(dirty.split_entries)} entries and {time(dirty.harvest_ns)}. The price of both is the
IOTLB: {count(whole.iotlb_misses)} misses become {count(dirty.iotlb_misses)}. Leaves of 1 GiB that are split to 2 MiB when dirty bring
{ratio(huge.amplification)} down to {ratio(middle.amplification)} with {count(middle.split_entries)} entries.
""", figures.draw_bars(results, figures.COSTS, lambda rows: rows.harvest_interval_ns == 10**8)


def copy_when(results):
    def row(flush, copy, chunk="none"):
        return one(results.rows, harvest_flush=flush, harvest_copy=copy, harvest_chunk_bytes=chunk)
    late, early = row("range", "after_flush"), row("range", "at_read")
    windows, never = row("range", "at_read", str(64 * MIB)), row("none", "after_flush")
    assert late.lost_pages == 0
    return "Copy what a harvest reports after its flush, or harvest in small windows", f"""
Reading 16 GiB of 4 KiB entries takes {time(late.harvest_span_ns / late.harvests)}, in which {count(late.sneak_writes)} writes come through
IOTLB entries that still say dirty. Copied after the flush these pages are right. Copied as their entry is read,
{count(early.missed_pages)} pages miss a harvest and {count(early.lost_pages)} are lost; in windows of 64 MiB {count(windows.lost_pages)}. Without
any flush {count(never.lost_pages)} are lost, or {count(row("none", "at_read").lost_pages)} when copied early.
""", figures.draw_bars(results, ("missed_pages", "lost_pages", "sneak_writes"))


FINDINGS = (first, leaf_sizes, page_size, interval, start_cost, dbm, harvest_time, flush, no_flush, iotlb_size, seeds, contiguous,
            devices, write_protect, log_or_scan, ats, split, copy_when, precopy_link, precopy_leaf, churn)


# ---- the page ----


def all_findings(root):
    """Name, text and (figure, data) of each finding."""
    for finding in FINDINGS:
        name = finding.__name__.replace("_", "-")
        results = loader.load(root / name)
        title, text, drawn = finding(results)
        yield name, f"""
## {title}

{textwrap.fill(" ".join(text.split()), 120, break_on_hyphens=False, break_long_words=False)}

![{name}: {title}](docs/findings/{name}.png)

`dirtywalk run configs/examples/{name}.yaml`, `analysis/figures.py results/{name}`
""", drawn
        figures.pyplot.close(drawn[0])


def unexplained():
    known = {finding.__name__.replace("_", "-") for finding in FINDINGS}
    return sorted({path.stem for path in (ROOT / "configs" / "examples").glob("*.yaml")} - known)


def write(root):
    text = INTRODUCTION
    for name, section, (figure, data) in all_findings(root):
        text += section
        figures.save(figure, data, PICTURES / name, ("png",))
    TEXT.write_text(text)


def check(root):
    wrong = [f"configs/examples/{name}.yaml has no function in analysis/findings.py" for name in unexplained()]
    text = INTRODUCTION
    for name, section, (_, data) in all_findings(root):
        text += section
        picture = PICTURES / f"{name}.png"
        if not picture.exists() or Image.open(picture).text.get("Description") != figures.digest(data):
            wrong.append(f"docs/findings/{name}.png does not show these results")
    kept = TEXT.read_text()
    wrong += difflib.unified_diff(kept.splitlines(), text.splitlines(), "FINDINGS.md", "what the results say", lineterm="", n=0)
    print("\n".join(wrong) or f"{len(FINDINGS)} findings are what the results say")
    return 1 if wrong else 0


def main():
    match sys.argv[1:]:
        case ["write", root]:
            return write(pathlib.Path(root))
        case ["check", root]:
            return check(pathlib.Path(root))
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
