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
    METRICS_MIGRATION(COMPARE)
    METRICS_COST(COMPARE)
#undef COMPARE
    cr_expect_eq(passes->error.kind, ordered->error.kind, "seed %llu cell %zu", (unsigned long long)seed,
                 cell);
    cr_assert_eq(passes->interval_count, ordered->interval_count);
    cr_expect(passes->interval_count == 0 || memcmp(passes->intervals, ordered->intervals,
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

/* What only an earlier harvest reported is not what the last one did (semantics.md 8, lost_pages under
 * no_clear), also where that one found nothing, and wherever the records are cut into pieces. */
Test(one_by_one, last_harvest_reports_nothing)
{
    for (size_t batch = 1; batch <= 7; batch += 6) {
        struct cell_config cell = experiment_cell("smmu-s1");
        struct trace_store store = {0};
        struct pass_result result = {0};
        experiment_set_source(&cell, "trace");
        experiment_set_policy(&cell, "marks");
        cell.tracking.clear_on_start = false;
        cell.harvest.no_clear = true;
        cell.harvest.final = false;
        experiment_add_record(&store, TRACE_MAP, 0, 0, 2 << 20, 2 << 20);
        experiment_add_record(&store, TRACE_MARK, 1, 0, 0, 0); /* all 512 pages were born dirty */
        experiment_add_record(&store, TRACE_UNMAP, 2, 0, 2 << 20, 2 << 20);
        experiment_add_record(&store, TRACE_MARK, 3, 0, 0, 0); /* nothing is */
        experiment_add_record(&store, TRACE_MAP, 4, 0, 2 << 20, 2 << 20);
        experiment_add_record(&store, TRACE_WRITE, 5, 0, 2 << 20, 1);
        experiment_run(&store, &cell, 1, batch, 1, &result);
        cr_expect_eq(result.metrics.reported_pages, 512);
        cr_expect_eq(result.metrics.lost_pages, 1, "batches of %zu: %llu", batch,
                     (unsigned long long)result.metrics.lost_pages);
        pass_result_free(&result);
        trace_store_free(&store);
    }
}
