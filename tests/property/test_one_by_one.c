/* The passes are a shortcut: every request taken in order by sim/engine/request.c gives the same columns. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/property/random_experiment.h"

enum { SEEDS = 1200, FIRST_SEED = 100000 };

static bool replay(const struct random_experiment *experiment, bool one_by_one, struct pass_result *results)
{
    const struct cell_config *cells[RANDOM_EXPERIMENT_CELLS_MAX];
    struct error error = {.kind = ERROR_NONE};
    struct pass_options options = {.threads = experiment->threads,
                                   .batch_records = experiment->batch_records,
                                   .intervals = true,
                                   .one_by_one = one_by_one,
                                   .store_bytes = UINT64_MAX};
    for (size_t i = 0; i < experiment->cell_count; i++)
        cells[i] = &experiment->cells[i];
    return pass_run_store(&options, &experiment->store, cells, experiment->cell_count, results, &error);
}

static void expect_equal(uint64_t seed, size_t cell, const struct pass_result *passes,
                         const struct pass_result *ordered)
{
#define COMPARE(name, unit, section, meaning)                                                                \
    cr_expect_eq(passes->metrics.name, ordered->metrics.name, "seed %llu cell %zu: " #name,                  \
                 (unsigned long long)seed, cell);
    METRICS_COUNTERS(COMPARE)
    METRICS_COST(COMPARE)
#undef COMPARE
    cr_expect_eq(passes->error.kind, ordered->error.kind, "seed %llu cell %zu", (unsigned long long)seed, cell);
    cr_assert_eq(passes->interval_count, ordered->interval_count);
    cr_expect(passes->interval_count == 0 ||
                  memcmp(passes->intervals, ordered->intervals,
                         passes->interval_count * sizeof *passes->intervals) == 0,
              "seed %llu cell %zu: intervals", (unsigned long long)seed, cell);
}

Test(one_by_one, equals_passes, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct pass_result passes[RANDOM_EXPERIMENT_CELLS_MAX] = {0};
        struct pass_result ordered[RANDOM_EXPERIMENT_CELLS_MAX] = {0};
        random_experiment_make(&experiment, seed);
        cr_assert(replay(&experiment, false, passes) && replay(&experiment, true, ordered));
        for (size_t i = 0; i < experiment.cell_count; i++) {
            expect_equal(seed, i, &passes[i], &ordered[i]);
            pass_result_free(&passes[i]);
            pass_result_free(&ordered[i]);
        }
        random_experiment_free(&experiment);
    }
}
