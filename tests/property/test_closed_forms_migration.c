/* Closed forms V4, V4b and V4c (facts: formulas for validation) through the engine: how rounds of a pre-copy
 * shrink, or do not. */
#include <criterion/criterion.h>
#include <math.h>

#include "sim/base/rng.h"
#include "tests/property/closed_forms.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { PAGE_NS = 1000 }; /* a page on the link: 4.096 GB/s */

static struct cell_config migrating_cell(uint64_t pages, unsigned leaf_lg2, uint64_t limit_pages,
                                         uint64_t rounds)
{
    struct cell_config cell = uniform_cell(pages, leaf_lg2);
    experiment_set_policy(&cell, "precopy");
    cell.harvest.link_rate = UINT64_C(4096000000);
    cell.harvest.downtime_limit_ns = limit_pages * PAGE_NS;
    cell.harvest.downtime_fixed_ns = 0;
    cell.harvest.max_rounds = rounds;
    return cell;
}

static struct pass_result migrate(const struct cell_config *cell, const struct trace_store *store)
{
    struct pass_result result;
    experiment_run(store, cell, 1, BATCH, 1, &result);
    return result;
}

/* V4: a writer that meets a fresh page every 4 us dirties a quarter of what the link sends. Each round is a
 * quarter of the one before; 4096 pages are 4 after five rounds. */
Test(closed_forms, v4_constant_dirty_rate)
{
    struct cell_config cell = migrating_cell(4096, 12, 4, 30);
    struct trace_store store = {0};
    for (uint64_t i = 0; i < 4000; i++)
        experiment_add_record(&store, TRACE_WRITE, 4 * PAGE_NS * i, 0, i % 4096 * PAGE_BYTES, 64);
    struct pass_result result = migrate(&cell, &store);
    const struct metrics *m = &result.metrics;
    double expected = 4096, sent = 4096;
    cr_expect(m->rounds == 5 && m->converged && !m->trace_exhausted);
    for (size_t i = 0; i < result.interval_count; i++) {
        expected /= 4;
        cr_expect(fabs(result.intervals[i].reported_pages - expected) <= 1.34, "round %zu: %llu pages", i,
                  (unsigned long long)result.intervals[i]
                      .reported_pages); /* a page, and a third of the one before */
        sent += i + 1 < result.interval_count ? expected : 0;
    }
    cr_expect(fabs(m->precopy_bytes / 4096.0 - sent) <= 5 * 1.34);
    cr_expect(m->downtime_ns == m->stop_bytes / 4096 * PAGE_NS);
    cr_expect(m->migration_ns == (m->precopy_bytes + m->stop_bytes) / 4096 * PAGE_NS);
    pass_result_free(&result);
    experiment_cell_free(&cell);
    trace_store_free(&store);
}

/* V4b: a uniform writer of two pages per page sent never gets below the fixed point of v = 1 - exp(-2 v),
 * which is 0.7968 of its set. V4c: the same with leaves of k pages, by V2. */
static void check_rounds(unsigned leaf_lg2, uint64_t write_ns)
{
    enum { PAGES = 1 << 14, ROUNDS = 12 };
    struct cell_config cell = migrating_cell(PAGES, leaf_lg2, 0, ROUNDS);
    struct trace_store store = {0};
    uint64_t rng = leaf_lg2;
    double leaves = PAGES >> (leaf_lg2 - 12), sent = PAGES;
    for (uint64_t t = 0; t < (uint64_t)ROUNDS * PAGES * PAGE_NS; t += write_ns)
        experiment_add_record(&store, TRACE_WRITE, t, 0, rng_next(&rng) % PAGES * PAGE_BYTES, 64);
    struct pass_result result = migrate(&cell, &store);
    cr_expect(!result.metrics.converged && result.metrics.rounds == ROUNDS);
    for (size_t i = 0; i < result.interval_count; i++) {
        double writes = sent * PAGE_NS / write_ns, reported = result.intervals[i].reported_pages;
        double expected = distinct_mean(leaves, writes) * PAGES / leaves;
        double sigma = distinct_sigma(leaves, writes) * PAGES / leaves;
        cr_expect(fabs(reported - expected) <= 4 * sigma + 2, "leaf %u, round %zu: %.0f, expected %.0f",
                  leaf_lg2, i, reported, expected);
        sent = reported;
    }
    if (leaf_lg2 == 12)
        cr_expect(fabs(sent / PAGES - 0.7968) < 0.02);
    pass_result_free(&result);
    experiment_cell_free(&cell);
    trace_store_free(&store);
}

Test(closed_forms, v4b_uniform_writer_reaches_a_plateau)
{
    check_rounds(12, PAGE_NS / 2);
}

/* At a rate where small leaves converge (half a page per page sent), leaves of 16 pages report eight times as
 * much. */
Test(closed_forms, v4c_leaves_lower_the_critical_rate)
{
    check_rounds(16, 2 * PAGE_NS);
    struct cell_config cell = migrating_cell(1 << 14, 12, 0, 30);
    struct trace_store store = {0};
    uint64_t rng = 1;
    for (uint64_t t = 0; t < UINT64_C(4) * (1 << 14) * PAGE_NS; t += 2 * PAGE_NS)
        experiment_add_record(&store, TRACE_WRITE, t, 0, rng_next(&rng) % (1 << 14) * PAGE_BYTES, 64);
    struct pass_result result = migrate(&cell, &store);
    cr_expect(result.metrics.converged && !result.metrics.trace_exhausted);
    pass_result_free(&result);
    experiment_cell_free(&cell);
    trace_store_free(&store);
}
