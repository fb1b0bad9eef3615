/* Closed forms V14, V18 and V19 (facts: formulas for validation) through the engine: ATS, logs, splitting. */
#include <criterion/criterion.h>
#include <math.h>

#include "sim/base/rng.h"
#include "tests/property/closed_forms.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

static struct metrics measure(const struct cell_config *cell, const struct trace_store *store)
{
    struct pass_result result;
    experiment_run(store, cell, 1, BATCH, 1, &result);
    struct metrics metrics = result.metrics;
    pass_result_free(&result);
    return metrics;
}

/* V14: of n pages, w are written and r read by devices that always ask for write permission: pages that are only read are
 * reported too, n ((1 - 1/n)^w - (1 - 1/n)^(w + r)) of them. With NW=1 none is. */
Test(closed_forms, v14_ats_false_positives)
{
    enum { PAGES = 4096, WRITES = 1000, READS = 1500, RUNS = 40 };
    double n = PAGES, expected = n * (pow(1 - 1 / n, WRITES) - pow(1 - 1 / n, WRITES + READS));
    struct sample found = {0};
    uint64_t rng = 14;
    for (unsigned run = 0; run < RUNS; run++) {
        struct trace_store store = {0};
        struct cell_config cell = uniform_cell(PAGES, 12);
        cell.ats.enabled = true;
        cell.ats.entries = 1 << 13;
        cell.ats.no_write = false;
        add_uniform(&store, &rng, TRACE_WRITE, PAGES, WRITES);
        add_uniform(&store, &rng, TRACE_READ, PAGES, READS);
        struct metrics m = measure(&cell, &store);
        sample_add(&found, (double)m.false_ats);
        cr_expect(m.false_ats == m.false_pages && m.missed_pages == 0);
        cell.ats.no_write = true;
        cr_expect(measure(&cell, &store).false_pages == 0);
        experiment_cell_free(&cell);
        trace_store_free(&store);
    }
    cr_expect(fabs(sample_mean(&found) - expected) <= sample_4_errors(&found), "%.1f, expected %.1f",
              sample_mean(&found), expected);
}

/* V18: a ring overflows just when more leaves become dirty than it holds, and reading it is cheaper than scanning up to
 * leaves * price of a slot / price of an entry. */
Test(closed_forms, v18_scan_against_log)
{
    enum { LEAVES = 512, ENTRIES = 300 };
    for (uint64_t dirty = 295; dirty <= 305; dirty++) {
        struct trace_store store = {0};
        struct cell_config cell = uniform_cell(LEAVES, 12);
        for (uint64_t page = 0; page < dirty; page++)
            experiment_add_record(&store, TRACE_WRITE, page, 0, page * PAGE_BYTES, 1);
        experiment_set_method(&cell, "log");
        cell.log.entries = ENTRIES;
        struct metrics log = measure(&cell, &store);
        cr_expect(log.log_overflows == (dirty > ENTRIES) && log.log_drained == (dirty > ENTRIES ? 0 : dirty));
        experiment_set_method(&cell, "hardware");
        struct metrics scan = measure(&cell, &store);
        double crossover = (double)scan.scanned_entries * cell.cost.scan_entry_ps / cell.cost.log_read_ps;
        if (dirty <= ENTRIES)
            cr_expect((log.harvest_ns < scan.harvest_ns) == (dirty < crossover), "%llu of %.1f",
                      (unsigned long long)dirty, crossover);
        experiment_cell_free(&cell);
        trace_store_free(&store);
    }
}

/* V19: what splitting saves in a harvest is V2 less V1: leaves reported whole against pages written. */
Test(closed_forms, v19_pages_saved_by_splitting)
{
    enum { PAGES = 1 << 16, WRITES = 2000, RUNS = 20 };
    double whole = distinct_mean(PAGES / 512.0, WRITES) * 512, pages = distinct_mean(PAGES, WRITES);
    struct sample saved = {0};
    uint64_t rng = 19;
    for (unsigned run = 0; run < RUNS; run++) {
        struct trace_store store = {0};
        struct cell_config cell = uniform_cell(PAGES, 21);
        add_uniform(&store, &rng, TRACE_WRITE, PAGES, WRITES);
        struct metrics large = measure(&cell, &store);
        cell.tracking.split = SPLIT_START;
        struct metrics split = measure(&cell, &store);
        cr_expect(split.split_tables == PAGES / 512 && split.false_pages == 0);
        sample_add(&saved, (double)large.reported_pages - (double)split.reported_pages);
        experiment_cell_free(&cell);
        trace_store_free(&store);
    }
    cr_expect(fabs(sample_mean(&saved) - (whole - pages)) <= sample_4_errors(&saved) + 1, "%.0f, expected %.0f",
              sample_mean(&saved), whole - pages);
}
