/* Properties that every tracking method of the catalogue has. A new method gets them for free. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/tracking/tracking.h"
#include "tests/property/random_experiment.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 60, FIRST_SEED = 3000000 };

static void set_method(struct random_experiment *experiment, const struct tracking_method *method)
{
    random_experiment_make_plain(experiment);
    for (size_t i = 0; i < experiment->cell_count; i++) {
        struct cell_config *cell = &experiment->cells[i];
        cell->tracking.method = method;
        cell->tracking.clear_on_start = cell->tracking.clear_on_start || method->uses_ring;
    }
}

static void replay(const struct random_experiment *experiment, bool one_by_one, struct pass_result *results)
{
    const struct cell_config *cells[RANDOM_EXPERIMENT_CELLS_MAX];
    struct error error = {.kind = ERROR_NONE};
    struct pass_options options = {.threads = 1,
                                   .batch_records = experiment->batch_records,
                                   .one_by_one = one_by_one,
                                   .store_bytes = UINT64_MAX};
    for (size_t i = 0; i < experiment->cell_count; i++)
        cells[i] = &experiment->cells[i];
    cr_assert(pass_run_store(&options, &experiment->store, cells, experiment->cell_count, results, &error),
              "%s", error.text);
}

/* The sums of semantics.md 8. */
static bool adds_up(const struct metrics *m, bool no_clear)
{
    uint64_t causes = m->false_untracked + m->false_granule + m->false_leaf + m->false_ats +
                      m->false_residue + m->false_born;
    return m->reported_pages == m->true_pages + m->false_pages && m->false_pages == causes &&
           m->caught_pages <= m->written_pages && m->missed_new_pages <= m->missed_pages &&
           m->late_pages <= m->true_pages &&
           (no_clear || m->truth_pages == m->true_pages + m->unmapped_dirty_pages + m->lost_pages);
}

static void check_seed(uint64_t seed, const struct tracking_method *method, size_t *finished)
{
    struct random_experiment experiment;
    struct pass_result passes[RANDOM_EXPERIMENT_CELLS_MAX] = {0}, ordered[RANDOM_EXPERIMENT_CELLS_MAX] = {0};
    random_experiment_make(&experiment, seed);
    set_method(&experiment, method);
    replay(&experiment, false, passes);
    replay(&experiment, true, ordered);
    for (size_t i = 0; i < experiment.cell_count; i++) {
        bool good = passes[i].error.kind == ERROR_NONE;
        cr_assert_eq(passes[i].error.kind, ordered[i].error.kind);
        cr_assert(!good || adds_up(&passes[i].metrics, experiment.cells[i].harvest.no_clear),
                  "%s: seed %llu cell %zu does not add up", method->name, (unsigned long long)seed, i);
        cr_assert(!good || memcmp(&passes[i].metrics, &ordered[i].metrics, sizeof passes[i].metrics) == 0,
                  "%s: seed %llu cell %zu: one by one differs", method->name, (unsigned long long)seed, i);
        *finished += good;
        pass_result_free(&passes[i]);
        pass_result_free(&ordered[i]);
    }
    random_experiment_free(&experiment);
}

Test(every_method, adds_up_in_any_order, .timeout = 0)
{
    for (size_t m = 0; tracking_methods[m]; m++) {
        size_t finished = 0;
        for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++)
            check_seed(seed, tracking_methods[m], &finished);
        cr_assert_gt(finished, SEEDS, "%s: hardly any cell finishes", tracking_methods[m]->name);
    }
}
