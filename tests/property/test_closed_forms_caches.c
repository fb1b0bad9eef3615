/* Closed forms V3b V3c V6b V17 (facts: formulas for validation) through the engine: what an IOTLB hits. */
#include <criterion/criterion.h>
#include <math.h>

#include "sim/base/rng.h"
#include "tests/property/closed_forms.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { PAGES = 4096, WARM_UP = 50000, ACCESSES = 200000 };

/* Reads that miss between a warm-up and the end, as a share: the second row counts since the first. */
static double steady_hit_ratio(const struct pass_result *result)
{
    cr_assert(result->interval_count == 2);
    return 1 - (double)result->intervals[1].iotlb_misses / ACCESSES;
}

/* Harvests that report and flush nothing, to have rows. */
static void count_by_rows(struct cell_config *cell)
{
    experiment_set_policy(cell, "marks");
    experiment_set_method(cell, "none");
}

/* Cumulated probabilities of 1/i^alpha. */
static void zipf_make(double alpha, double cumulated[PAGES])
{
    double sum = 0;
    for (int i = 0; i < PAGES; i++)
        cumulated[i] = sum += pow(i + 1, -alpha);
    for (int i = 0; i < PAGES; i++)
        cumulated[i] /= sum;
}

static double zipf_share(const double cumulated[PAGES], int i)
{
    return i == 0 ? cumulated[0] : cumulated[i] - cumulated[i - 1];
}

static void zipf_reads(struct trace_store *store, uint64_t *rng, const double cumulated[PAGES], int count)
{
    for (int r = 0; r < count; r++) {
        double u = (double)(rng_next(rng) >> 11) * 0x1p-53;
        int low = 0, high = PAGES - 1;
        while (low < high) {
            int middle = (low + high) / 2;
            if (cumulated[middle] <= u)
                low = middle + 1;
            else
                high = middle;
        }
        experiment_add_record(store, TRACE_READ, store->count, 0, (uint64_t)low * PAGE_BYTES, 1);
    }
}

/* The share of time that page i is cached, when T accesses pass between its use and its eviction. */
static double cached_share(enum replacement replacement, double p, double t)
{
    return replacement == REPLACEMENT_LRU ? 1 - exp(-p * t) : p * t / (1 + p * t);
}

/* V3b (LRU, by Che) and V3c (FIFO, random): T fills the cache, sum of shares = C; hits = sum of p * share. */
static double expected_hit_ratio(enum replacement replacement, const double cumulated[PAGES], double entries)
{
    double low = 0, high = 1e12, hits = 0;

    for (int step = 0; step < 200; step++) {
        double t = (low + high) / 2, filled = 0;
        for (int i = 0; i < PAGES; i++)
            filled += cached_share(replacement, zipf_share(cumulated, i), t);
        if (filled < entries)
            low = t;
        else
            high = t;
    }
    for (int i = 0; i < PAGES; i++)
        hits += zipf_share(cumulated, i) * cached_share(replacement, zipf_share(cumulated, i), low);
    return hits;
}

Test(closed_forms, v3b_v3c_zipf, .timeout = 0)
{
    static const struct {
        double alpha;
        uint64_t entries;
    } rows[] = {{0.8, 64}, {1.0, 512}, {1.2, 512}};
    static const enum replacement policies[] = {REPLACEMENT_LRU, REPLACEMENT_FIFO, REPLACEMENT_RANDOM};
    static double cumulated[PAGES];
    uint64_t rng = 31;

    for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
        struct trace_store store = {0};
        struct cell_config cells[3];
        struct pass_result results[3];
        zipf_make(rows[row].alpha, cumulated);
        zipf_reads(&store, &rng, cumulated, WARM_UP);
        add_mark(&store);
        zipf_reads(&store, &rng, cumulated, ACCESSES);
        for (int i = 0; i < 3; i++) {
            cells[i] = uniform_cell(PAGES, 12);
            cells[i].iotlb.entries = rows[row].entries;
            cells[i].iotlb.ways = 0;
            cells[i].iotlb.replacement = policies[i];
            count_by_rows(&cells[i]);
        }
        experiment_run(&store, cells, 3, BATCH, 1, results);
        for (int i = 0; i < 3; i++) {
            double expected = expected_hit_ratio(policies[i], cumulated, (double)rows[row].entries);
            double ratio = steady_hit_ratio(&results[i]);
            cr_expect(fabs(ratio - expected) <= 0.005, "row %zu policy %d: %f, not %f", row, i, ratio,
                      expected);
            pass_result_free(&results[i]);
            experiment_cell_free(&cells[i]);
        }
        trace_store_free(&store);
    }
}

/* V17: C entries of leaves of k pages reach C*k of N pages; a contiguous group is one entry. */
Test(closed_forms, v17_reach, .timeout = 0)
{
    static const struct {
        const char *model;
        unsigned leaf_lg2;
        uint64_t entries, leaf_pages;
    } rows[] = {{"smmu-s1", 12, 32, 1},   {"smmu-s1", 16, 32, 16}, {"riscv-g", 16, 64, 16},
                {"amd-v1", 15, 128, 8},   {"amd-v1", 17, 256, 32}, {"intel-ss", 21, 4, 512},
                {"intel-ss", 21, 8, 512}, {"smmu-s2", 16, 400, 16}};
    enum { ROWS = sizeof(rows) / sizeof(*rows) };
    struct cell_config cells[ROWS];
    struct pass_result results[ROWS];
    struct trace_store store = {0};
    uint64_t rng = 32;

    add_uniform(&store, &rng, TRACE_READ, PAGES, WARM_UP);
    add_mark(&store);
    add_uniform(&store, &rng, TRACE_READ, PAGES, ACCESSES);
    for (int i = 0; i < ROWS; i++) {
        cells[i] = experiment_cell(rows[i].model);
        cells[i].mapping.page_sizes = UINT64_C(1) << rows[i].leaf_lg2;
        experiment_add_region(&cells[i], 0, (uint64_t)PAGES * PAGE_BYTES, 0);
        cells[i].iotlb.entries = rows[i].entries;
        cells[i].iotlb.ways = 0;
        count_by_rows(&cells[i]);
    }
    experiment_run(&store, cells, ROWS, BATCH, 1, results);
    for (int i = 0; i < ROWS; i++) {
        double expected = fmin(1, (double)(rows[i].entries * rows[i].leaf_pages) / PAGES);
        double ratio = steady_hit_ratio(&results[i]);
        cr_expect(fabs(ratio - expected) <= 0.005, "row %d: %f, not %f", i, ratio, expected);
        pass_result_free(&results[i]);
        experiment_cell_free(&cells[i]);
    }
    trace_store_free(&store);
}

/* V6b: a flush by leaf is cheaper than one of the domain as long as d*c_va < c_all + X*c_walk, where X are
 * the misses that only the domain's flush causes. Everything is cached, d of the pages are dirty, and
 * everything is read again; without walk caches each walk is four reads. */
Test(closed_forms, v6b_crossover_of_leaf_and_domain_flush)
{
    enum { CACHED = 64, WALK_READS = 4 };
    for (uint64_t dirty = 1; dirty <= CACHED; dirty++) {
        struct trace_store store = {0};
        struct cell_config cells[2];
        struct pass_result results[2];
        for (uint64_t page = 0; page < CACHED; page++)
            experiment_add_record(&store, page < dirty ? TRACE_WRITE : TRACE_READ, page, 0, page * PAGE_BYTES,
                                  1);
        add_mark(&store);
        for (uint64_t page = 0; page < CACHED; page++)
            experiment_add_record(&store, TRACE_READ, CACHED + page, 0, page * PAGE_BYTES, 1);
        for (int i = 0; i < 2; i++) {
            cells[i] = uniform_cell(CACHED, 12);
            cells[i].iotlb.entries = CACHED;
            cells[i].iotlb.ways = 0;
            cells[i].walk_cache.entries = 0;
            cells[i].harvest.flush = i == 0 ? FLUSH_LEAF : FLUSH_DOMAIN;
            cells[i].cost.iotlb_hit_ps = 0;
            experiment_set_policy(&cells[i], "marks");
        }
        experiment_run(&store, cells, 2, BATCH, 1, results);
        uint64_t only_domain = results[1].metrics.iotlb_misses - results[0].metrics.iotlb_misses;
        cr_expect(only_domain == CACHED - dirty);
        uint64_t va_ps = cells[0].cost.command_ps, walk_ps = WALK_READS * cells[0].cost.walk_read_ps;
        uint64_t leaf_ns = results[0].metrics.flush_ns + results[0].metrics.walk_ns;
        uint64_t domain_ns = results[1].metrics.flush_ns + results[1].metrics.walk_ns;
        cr_expect((leaf_ns < domain_ns) == (dirty * va_ps < va_ps + only_domain * walk_ps), "d = %llu",
                  (unsigned long long)dirty);
        cr_expect(leaf_ns * 1000 + va_ps + only_domain * walk_ps == domain_ns * 1000 + dirty * va_ps);
        for (int i = 0; i < 2; i++) {
            pass_result_free(&results[i]);
            experiment_cell_free(&cells[i]);
        }
        trace_store_free(&store);
    }
}
