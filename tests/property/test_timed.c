/* Timed harvests (semantics.md 13) against what they must equal: instant ones where nothing costs anything, and
 * themselves however the records are taken. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "tests/property/random_experiment.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 2000, FIRST_SEED = 7000000 };

/* Make a random cell one that may be timed. */
static void make_timeable(struct cell_config *cell)
{
    experiment_set_method(cell, "hardware");
    if (cell->mapping.source->follows_trace)
        experiment_set_source(cell, cell->mapping.region_count > 0 ? "static" : "touched");
    if (cell->harvest.policy->migrates)
        experiment_set_policy(cell, "periodic");
    cell->harvest.granule_bytes = 4096;
    cell->harvest.no_clear = cell->harvest.before_unmap = false;
    cell->tracking.split = SPLIT_NONE;
}

static void run_one(const struct random_experiment *experiment, const struct cell_config *cell, bool one_by_one,
                    size_t batch, struct pass_result *result)
{
    struct error error = {.kind = ERROR_NONE};
    struct pass_options options = {.threads = 1,
                                   .batch_records = batch,
                                   .intervals = true,
                                   .one_by_one = one_by_one,
                                   .store_bytes = UINT64_MAX};
    cr_assert(pass_run_store(&options, &experiment->store, &cell, 1, result, &error), "%s", error.text);
}

static bool same_intervals(const struct pass_result *a, const struct pass_result *b)
{
    return a->interval_count == b->interval_count &&
           (a->interval_count == 0 ||
            memcmp(a->intervals, b->intervals, a->interval_count * sizeof *a->intervals) == 0);
}

/* Names of what differs go to stderr. */
static bool same(uint64_t seed, const struct cell_config *cell, const struct pass_result *a,
                 const struct pass_result *b)
{
    bool equal = a->error.kind == b->error.kind && same_intervals(a, b);
#define COMPARE(name, unit, section, meaning)                                                                \
    if (a->metrics.name != b->metrics.name) {                                                                \
        fprintf(stderr, "seed %llu: " #name " %llu, %llu\n", (unsigned long long)seed,                       \
                (unsigned long long)a->metrics.name, (unsigned long long)b->metrics.name);                   \
        equal = false;                                                                                       \
    }
    METRICS_COUNTERS(COMPARE)
#undef COMPARE
    if (!equal) {
        fprintf(stderr, "seed %llu:%s\n", (unsigned long long)seed, same_intervals(a, b) ? "" : " intervals");
        random_experiment_dump(stderr, cell);
    }
    return equal;
}

Test(timed, free_of_charge_is_instant, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        random_experiment_make(&experiment, seed);
        struct cell_config *cell = &experiment.cells[0], timed;
        make_timeable(cell);
        timed = *cell;
        timed.harvest.timing = TIMING_TIMED;
        timed.cost = (struct cost_model){.walk_read_ps = 1};
        struct pass_result instant = {0};
        run_one(&experiment, cell, false, experiment.batch_records, &instant);
        for (unsigned copy = COPY_AFTER_FLUSH; copy <= COPY_AT_READ; copy++) {
            struct pass_result result = {0};
            timed.harvest.copy = (enum copy)copy;
            run_one(&experiment, &timed, false, experiment.batch_records, &result);
            cr_assert(same(seed, &timed, &instant, &result), "instant and timed differ, seed %llu",
                      (unsigned long long)seed);
            pass_result_free(&result);
        }
        pass_result_free(&instant);
        random_experiment_free(&experiment);
    }
}

/* Passes between harvests, and requests in order while one is under way, give what requests in order give. */
Test(timed, passes_between_harvests, .timeout = 0)
{
    uint64_t sneaked = 0, overruns = 0;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct pass_result passes = {0}, ordered = {0};
        random_experiment_make(&experiment, seed);
        struct cell_config *cell = &experiment.cells[0];
        make_timeable(cell);
        cell->harvest.timing = TIMING_TIMED;
        cell->harvest.copy = seed % 2 == 0 ? COPY_AFTER_FLUSH : COPY_AT_READ;
        run_one(&experiment, cell, false, experiment.batch_records, &passes);
        run_one(&experiment, cell, true, TRACE_BATCH_RECORDS, &ordered);
        cr_assert(same(seed, cell, &passes, &ordered), "seed %llu", (unsigned long long)seed);
        sneaked += passes.metrics.sneak_writes;
        overruns += passes.metrics.harvest_overruns;
        pass_result_free(&passes);
        pass_result_free(&ordered);
        random_experiment_free(&experiment);
    }
    cr_expect(sneaked > 0 && overruns > 0, "%llu writes sneaked, %llu deadlines dropped",
              (unsigned long long)sneaked, (unsigned long long)overruns);
}
