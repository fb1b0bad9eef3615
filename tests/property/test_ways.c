/* Cells of a sweep over ways share an LRU stack where that is exact (sim/engine/stacks.c): each gives what it gives alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/property/random_experiment.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 1500, FIRST_SEED = 400000, CELLS = RANDOM_EXPERIMENT_CELLS_MAX };

/* Cells that were in a stack, and of these: what stacks have to cope with. */
struct reached {
    unsigned stacked, refused, protected, changed, split, flushed, unmapped;
};

static void expect_equal(uint64_t seed, size_t cell, const struct pass_result *together, const struct pass_result *alone)
{
#define COMPARE(name, unit, section, meaning)                                                                \
    cr_expect_eq(together->metrics.name, alone->metrics.name, "seed %llu cell %zu: " #name,                  \
                 (unsigned long long)seed, cell);
    METRICS_COUNTERS(COMPARE)
    METRICS_MIGRATION(COMPARE)
    METRICS_COST(COMPARE)
#undef COMPARE
    cr_expect_eq(together->error.kind, alone->error.kind, "seed %llu cell %zu", (unsigned long long)seed, cell);
#define COMPARE(name)                                                                                        \
    cr_expect_eq(together->seen.name, alone->seen.name, "seed %llu cell %zu: " #name, (unsigned long long)seed, cell);
    OBSERVATIONS(COMPARE)
#undef COMPARE
    cr_assert_eq(together->interval_count, alone->interval_count);
    for (size_t row = 0; row < alone->interval_count; row++)
        cr_assert_eq(memcmp(&together->intervals[row], &alone->intervals[row], sizeof *alone->intervals), 0,
                     "seed %llu cell %zu interval %zu", (unsigned long long)seed, cell, row);
}

static void note(struct reached *reached, const struct pass_result *result, const struct cell_config *cell)
{
    const struct metrics *m = &result->metrics;
    if (result->stacked < 2)
        return;
    reached->stacked++;
    reached->refused += m->faults_permission > 0;
    reached->protected += m->faults_recoverable > 0;
    reached->changed += m->maps > 0 && cell->iotlb.ways > 1;
    reached->split += m->split_leaves > 0;
    reached->flushed += m->iotlb_invalidated > 0;
    reached->unmapped += m->unmap_invalidated > 0;
}

static void compare(uint64_t seed, struct reached *reached)
{
    struct random_experiment experiment;
    struct pass_result together[CELLS], alone;
    random_experiment_make(&experiment, seed);
    random_experiment_sweep_ways(&experiment, seed);
    experiment_try(&experiment.store, experiment.cells, CELLS, experiment.batch_records, experiment.threads, together);
    for (size_t i = 0; i < CELLS; i++) {
        experiment_try(&experiment.store, &experiment.cells[i], 1, 97, 1, &alone); /* nor do batches matter */
        cr_expect_eq(alone.stacked, 0);
        expect_equal(seed, i, &together[i], &alone);
        note(reached, &together[i], &experiment.cells[i]);
        pass_result_free(&together[i]);
        pass_result_free(&alone);
    }
    random_experiment_free(&experiment);
}

Test(ways, together_as_alone, .timeout = 0)
{
    struct reached reached = {0};
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++)
        compare(seed, &reached);
    fprintf(stderr, "cells in stacks %u: refused %u, protected %u, tables change %u, split %u, flushed %u, unmapped %u\n",
            reached.stacked, reached.refused, reached.protected, reached.changed, reached.split, reached.flushed,
            reached.unmapped);
    cr_expect(reached.stacked > SEEDS && reached.refused > 20 && reached.protected > 20 && reached.changed > 20 &&
              reached.split > 10 && reached.flushed > 20 && reached.unmapped > 20);
}

/* Which cells are stacked: those that differ in ways, sizes and prices alone, in each pass and thread for itself. */
Test(ways, who_is_stacked)
{
    struct trace_store store = {0};
    struct cell_config plain = experiment_cell("intel-ss"), cells[9];
    struct pass_result results[9];
    static const size_t stacked[] = {4, 4, 4, 4, 2, 2, 0, 0, 0};
    experiment_add_region(&plain, 0, 2 << 20, 0);
    for (uint64_t i = 0; i < 200; i++)
        experiment_add_record(&store, TRACE_WRITE, i, 0, i * 37 % 512 << 12, 1);
    for (size_t i = 0; i < 9; i++) {
        cells[i] = plain; /* 8 sets */
        cells[i].harvest.flush = FLUSH_DOMAIN;
        cells[i].iotlb.ways = UINT64_C(1) << i % 4;
        cells[i].iotlb.entries = cells[i].iotlb.ways * 8;
    }
    cells[2].walk_cache.entries = 0;
    cells[3].cost.command_ps = 1;
    cells[4].harvest.flush = cells[5].harvest.flush = FLUSH_LEAF;
    cells[6].iotlb.replacement = REPLACEMENT_FIFO;
    cells[7].iotlb.entries *= 2;
    cells[8].harvest.flush = FLUSH_NONE; /* leaves depend on what is cached */
    experiment_run(&store, cells, 9, 7, 1, results);
    for (size_t i = 0; i < 9; i++) {
        cr_expect_eq(results[i].stacked, stacked[i], "cell %zu: %zu", i, results[i].stacked);
        pass_result_free(&results[i]);
    }
    experiment_cell_free(&plain);
    trace_store_free(&store);
}
