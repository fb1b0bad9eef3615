/* Closed forms V1 V2 V3 V5 V6 (facts: formulas for validation) through the engine, each with its
 * tolerance. Traces are uniform random accesses to `pages` pages of 4 KiB; every run has a fixed seed. */
#include <criterion/criterion.h>
#include <math.h>

#include "sim/base/rng.h"
#include "tests/property/closed_forms.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

Test(closed_forms, v1_distinct_pages_and_v2_leaf_of_2m, .timeout = 0)
{
    static const double writes[] = {50, 1000, 20000, 65536};
    enum { PAGES = 65536, RUNS = 6, LEAF_PAGES = 512 };
    uint64_t rng = 11;

    for (size_t row = 0; row < sizeof(writes) / sizeof(*writes); row++) {
        struct sample truth = {0}, small = {0}, large = {0};
        for (unsigned run = 0; run < RUNS; run++) {
            struct trace_store store = {0};
            struct cell_config cells[2] = {uniform_cell(PAGES, 12), uniform_cell(PAGES, 21)};
            struct pass_result results[2];
            add_uniform(&store, &rng, TRACE_WRITE, PAGES, (uint64_t)writes[row]);
            experiment_run(&store, cells, 2, BATCH, 1, results);
            sample_add(&truth, (double)results[1].metrics.truth_pages);
            sample_add(&small, (double)results[0].metrics.reported_pages);
            sample_add(&large, (double)results[1].metrics.reported_pages);
            /* V5b: with a flush nothing is missed, and D is set once per distinct leaf. */
            cr_expect(results[0].metrics.dirty_updates == results[0].metrics.reported_pages);
            cr_expect(results[1].metrics.dirty_updates * LEAF_PAGES == results[1].metrics.reported_pages);
            for (int i = 0; i < 2; i++) {
                cr_expect(results[i].metrics.missed_pages == 0);
                pass_result_free(&results[i]);
                experiment_cell_free(&cells[i]);
            }
            trace_store_free(&store);
        }
        double expected = distinct_mean(PAGES, writes[row]);
        double tolerance = 4 * distinct_sigma(PAGES, writes[row]) / sqrt(RUNS);
        cr_expect(fabs(sample_mean(&truth) - expected) <= tolerance, "V1: %f, not %f", sample_mean(&truth),
                  expected);
        cr_expect(sample_mean(&small) == sample_mean(&truth));
        double leaves = (double)PAGES / LEAF_PAGES;
        expected = LEAF_PAGES * distinct_mean(leaves, writes[row]);
        tolerance = LEAF_PAGES * 4 * distinct_sigma(leaves, writes[row]) / sqrt(RUNS) + 1e-6;
        cr_expect(fabs(sample_mean(&large) - expected) <= tolerance, "V2: %f, not %f +- %f",
                  sample_mean(&large), expected, tolerance);
    }
}

Test(closed_forms, v3_hit_ratio_is_c_over_n, .timeout = 0)
{
    enum { PAGES = 4096, ENTRIES = 512, ACCESSES = 200000, CELLS = 8 };
    static const struct {
        enum replacement replacement;
        uint64_t ways;
    } rows[CELLS] = {{REPLACEMENT_LRU, 0},    {REPLACEMENT_FIFO, 0},   {REPLACEMENT_PLRU, 0},
                     {REPLACEMENT_RANDOM, 0}, {REPLACEMENT_LRU, 4},    {REPLACEMENT_FIFO, 8},
                     {REPLACEMENT_PLRU, 4},   {REPLACEMENT_RANDOM, 16}};
    struct cell_config cells[CELLS];
    struct pass_result results[CELLS];
    struct trace_store store = {0};
    uint64_t rng = 12;

    add_uniform(&store, &rng, TRACE_READ, PAGES, ACCESSES);
    for (int i = 0; i < CELLS; i++) {
        cells[i] = uniform_cell(PAGES, 12);
        cells[i].iotlb.entries = ENTRIES;
        cells[i].iotlb.ways = rows[i].ways;
        cells[i].iotlb.replacement = rows[i].replacement;
    }
    experiment_run(&store, cells, CELLS, BATCH, 1, results);
    for (int i = 0; i < CELLS; i++) {
        double ratio = (double)results[i].metrics.iotlb_hits / ACCESSES;
        cr_expect(fabs(ratio - (double)ENTRIES / PAGES) <= 0.005, "row %d: hit ratio %f", i, ratio);
        pass_result_free(&results[i]);
        experiment_cell_free(&cells[i]);
    }
    trace_store_free(&store);
}

Test(closed_forms, v3d_cyclic_scan_never_hits)
{
    static const enum replacement policies[] = {REPLACEMENT_LRU, REPLACEMENT_FIFO};
    struct trace_store store = {0};

    for (uint64_t i = 0; i < 6000; i++)
        experiment_add_record(&store, TRACE_READ, i, 0, i % 600 * PAGE_BYTES, 1);
    for (int i = 0; i < 2; i++) {
        struct cell_config cell = uniform_cell(600, 12);
        struct pass_result result;
        cell.iotlb.entries = 512;
        cell.iotlb.ways = 0;
        cell.iotlb.replacement = policies[i];
        experiment_run(&store, &cell, 1, BATCH, 1, &result);
        cr_expect(result.metrics.iotlb_hits == 0);
        pass_result_free(&result);
        experiment_cell_free(&cell);
    }
    trace_store_free(&store);
}

/* G(u) = e^(-u/N) + integral over s in [0, min(u, T)] of e^(-s/N)/N G(u-s), on a grid by the trapezoid rule.
 */
static double v5_expected(double n, double c, double w)
{
    enum { GRID = 4000 };
    static double g[GRID + 1];
    double t = -n * log(1 - c / n);

    if (w <= t)
        return n * (1 - exp(-w / n) - w / n * exp(-t / n));
    double step = w / GRID, sum = 0;
    for (int i = 0; i <= GRID; i++) {
        double integral = 0;
        int reach = (int)(t / step);
        for (int j = 1; j <= i && j <= reach; j++)
            integral += (j == i || j == reach ? 0.5 : 1.0) * exp(-j * step / n) * g[i - j];
        g[i] = (exp(-i * step / n) + integral * step / n) / (1 - (i > 0 ? 0.5 * step / n : 0));
    }
    for (int j = 0; j * step <= t; j++)
        sum += exp(-j * step / n) * (1 - exp(-(t - j * step) / n)) * g[GRID - j] * (j == 0 ? 0.5 : 1.0);
    return sum * step;
}

/* V5: after a long first interval and a harvest that clears without a flush, pages written in the next w
 * writes only through entries that still carry the dirty state. */
Test(closed_forms, v5_missed_without_flush, .timeout = 0)
{
    static const struct {
        uint64_t pages, entries, writes;
    } rows[] = {{4096, 2048, 1000}, {65536, 2048, 20000}, {4096, 1024, 4000}, {4096, 512, 1000}};
    enum { RUNS = 24 };
    uint64_t rng = 13;

    for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
        struct sample missed = {0};
        for (unsigned run = 0; run < RUNS; run++) {
            struct trace_store store = {0};
            struct cell_config cell = uniform_cell(rows[row].pages, 12);
            struct pass_result result;
            cell.iotlb.entries = rows[row].entries;
            cell.iotlb.ways = 0;
            cell.harvest.flush = FLUSH_NONE;
            experiment_set_policy(&cell, "marks");
            add_uniform(&store, &rng, TRACE_WRITE, rows[row].pages, 8 * rows[row].entries);
            add_mark(&store);
            add_uniform(&store, &rng, TRACE_WRITE, rows[row].pages, rows[row].writes);
            experiment_run(&store, &cell, 1, BATCH, 1, &result);
            cr_assert(result.interval_count == 2);
            cr_expect(result.intervals[0].missed_pages == 0);
            sample_add(&missed, (double)result.intervals[1].missed_pages);
            pass_result_free(&result);
            experiment_cell_free(&cell);
            trace_store_free(&store);
        }
        double expected =
            v5_expected((double)rows[row].pages, (double)rows[row].entries, (double)rows[row].writes);
        double tolerance = larger(0.05 * expected, sample_4_errors(&missed));
        cr_expect(fabs(sample_mean(&missed) - expected) <= tolerance, "row %zu: %f, not %f +- %f", row,
                  sample_mean(&missed), expected, tolerance);
    }
}

/* V5 with an IOTLB that holds everything: all pages written after the first interval are missed. */
Test(closed_forms, v5_missed_with_everything_cached)
{
    struct trace_store store = {0};
    struct cell_config cell = uniform_cell(256, 12);
    struct pass_result result;
    uint64_t rng = 14;

    cell.iotlb.entries = 512;
    cell.iotlb.ways = 0;
    cell.harvest.flush = FLUSH_NONE;
    experiment_set_policy(&cell, "marks");
    for (uint64_t page = 0; page < 256; page++)
        experiment_add_record(&store, TRACE_WRITE, store.count, 0, page * PAGE_BYTES, 1);
    add_mark(&store);
    add_uniform(&store, &rng, TRACE_WRITE, 256, 1000);
    experiment_run(&store, &cell, 1, BATCH, 1, &result);
    cr_expect(result.metrics.truth_pages == 256 + result.metrics.missed_pages);
    cr_expect(result.metrics.lost_pages == result.metrics.missed_pages);
    cr_expect(fabs((double)result.metrics.missed_pages - distinct_mean(256, 1000)) <=
              4 * distinct_sigma(256, 1000));
    pass_result_free(&result);
    experiment_cell_free(&cell);
    trace_store_free(&store);
}

/* V6: misses that one flush of everything adds to a warm LRU. */
Test(closed_forms, v6_misses_after_one_flush, .timeout = 0)
{
    enum { PAGES = 4096, RUNS = 24 };
    static const uint64_t entries[] = {512, 2048, 3500};
    uint64_t rng = 15;

    for (size_t row = 0; row < sizeof(entries) / sizeof(*entries); row++) {
        struct sample extra = {0};
        for (unsigned run = 0; run < RUNS; run++) {
            struct trace_store store = {0};
            struct cell_config cells[2] = {uniform_cell(PAGES, 12), uniform_cell(PAGES, 12)};
            struct pass_result results[2];
            add_uniform(&store, &rng, TRACE_WRITE, PAGES, 4 * PAGES);
            add_mark(&store);
            add_uniform(&store, &rng, TRACE_WRITE, PAGES, 8 * PAGES);
            for (int i = 0; i < 2; i++) {
                cells[i].iotlb.entries = entries[row];
                cells[i].iotlb.ways = 0;
                cells[i].harvest.flush = i == 0 ? FLUSH_NONE : FLUSH_DOMAIN;
                experiment_set_policy(&cells[i], "marks");
            }
            experiment_run(&store, cells, 2, BATCH, 1, results);
            sample_add(&extra,
                       (double)results[1].metrics.iotlb_misses - (double)results[0].metrics.iotlb_misses);
            for (int i = 0; i < 2; i++) {
                pass_result_free(&results[i]);
                experiment_cell_free(&cells[i]);
            }
            trace_store_free(&store);
        }
        double c = (double)entries[row], n = PAGES;
        double expected = c + (n - c) * log(1 - c / n);
        double tolerance = larger(0.05 * expected, sample_4_errors(&extra));
        cr_expect(fabs(sample_mean(&extra) - expected) <= tolerance, "C = %f: %f, not %f +- %f", c,
                  sample_mean(&extra), expected, tolerance);
    }
}
