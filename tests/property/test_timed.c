/* Timed harvests (semantics.md 13) against what they must equal: instant ones where nothing costs anything,
 * and themselves however the records are taken. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "tests/property/naive_timed.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 2000, FIRST_SEED = 7000000 };

/* Make a random cell one that may be timed. */
static void make_timeable(struct cell_config *cell)
{
    experiment_set_method(cell, "hardware");
    uint64_t smallest = UINT64_C(1) << experiment_lowest(cell->mapping.page_sizes);
    if (cell->mapping.source->follows_trace)
        experiment_set_source(cell, cell->mapping.region_count > 0 ? "static" : "touched");
    if (cell->mapping.extent_bytes % smallest != 0)
        cell->mapping.extent_bytes = smallest;
    if (cell->harvest.policy->migrates)
        experiment_set_policy(cell, "periodic");
    cell->harvest.granule_bytes = 4096;
    cell->harvest.no_clear = cell->harvest.before_unmap = false;
    cell->tracking.split = SPLIT_NONE;
}

static void run_one(const struct random_experiment *experiment, const struct cell_config *cell,
                    bool one_by_one, size_t batch, struct pass_result *result)
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
        random_experiment_make_plain(&experiment);
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

/* ---- slot after slot ---- */

enum { NAIVE_RECORDS = 400 };

static uint64_t pick(uint64_t *rng, uint64_t below)
{
    return rng_next(rng) % below;
}

static struct cell_config naive_cell(uint64_t *rng, uint64_t *pages)
{
    static const uint64_t sizes[] = {1 << 12, 1 << 21, 1 << 12 | 1 << 21};
    struct cell_config cell = experiment_cell(pick(rng, 2) ? "intel-ss" : "smmu-s1");
    cell.mapping.page_sizes = sizes[pick(rng, 3)];
    *pages = cell.mapping.page_sizes == 1 << 21 ? 512 * (1 + pick(rng, 5)) : 1 + pick(rng, 1500);
    experiment_add_region(&cell, 0, *pages * 4096, 0);
    cell.iotlb.entries = NAIVE_PAGES_MAX;
    cell.iotlb.ways = 0;
    cell.tracking.clear_on_start = pick(rng, 2);
    experiment_set_policy(&cell, pick(rng, 2) ? "marks" : "periodic");
    cell.harvest.interval_ns = 1 + pick(rng, 40000);
    cell.harvest.timing = TIMING_TIMED;
    cell.harvest.copy = pick(rng, 2) ? COPY_AFTER_FLUSH : COPY_AT_READ;
    cell.harvest.flush = pick(rng, 4) ? FLUSH_DOMAIN : FLUSH_NONE;
    cell.harvest.chunk_bytes = pick(rng, 2) ? 0 : 4096 * (*pages / 8 + 1 + pick(rng, 700));
    cell.harvest.final = pick(rng, 4) != 0;
    cell.cost.scan_entry_ps = pick(rng, 5) ? pick(rng, 30000) : 0;
    cell.cost.clear_entry_ps = pick(rng, 5) ? pick(rng, 300000) : 0;
    cell.cost.report_page_ps = pick(rng, 5) ? pick(rng, 30000) : 0;
    cell.cost.command_ps = pick(rng, 5) ? pick(rng, 3000000) : 0;
    cell.cost.sync_ps = pick(rng, 5) ? pick(rng, 9000000) : 0;
    return cell;
}

/* Few pages, so that what is read is written again; many records at one time. */
static size_t naive_trace(uint64_t *rng, uint64_t pages, struct naive_record *records,
                          struct trace_store *store)
{
    size_t count = 1 + pick(rng, NAIVE_RECORDS);
    uint64_t time_ns = 0, gap = 1 + pick(rng, 2000), near = pick(rng, pages);
    for (size_t i = 0; i < count; i++) {
        uint64_t kind = pick(rng, 20);
        enum trace_op op = kind == 0 ? TRACE_MARK : kind < 6 ? TRACE_READ : TRACE_WRITE;
        uint64_t page = pick(rng, 3) ? (near + pick(rng, 12)) % pages : pick(rng, pages);
        records[i] = (struct naive_record){op, time_ns, page};
        experiment_add_record(store, op, time_ns, 0, op == TRACE_MARK ? 0 : page * 4096,
                              op == TRACE_MARK ? 0 : 8);
        time_ns += pick(rng, 4) ? pick(rng, gap) : 0;
    }
    return count;
}

#define NAIVE_COUNTERS(X)                                                                                    \
    X(harvests)                                                                                              \
    X(harvest_overruns) X(harvest_span_ns) X(harvested_leaves) X(iotlb_misses) X(dirty_updates)              \
        X(dirty_rechecks) X(sneak_writes) X(truth_pages) X(reported_pages) X(true_pages) X(missed_pages)     \
            X(missed_new_pages) X(late_pages) X(lost_pages) X(written_pages) X(caught_pages) X(false_leaf)   \
                X(false_residue)

Test(timed, slot_after_slot, .timeout = 0)
{
    struct metrics sum = {0};
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        static struct naive_record records[NAIVE_RECORDS];
        uint64_t rng = seed, pages;
        struct cell_config cell = naive_cell(&rng, &pages);
        struct trace_store store = {0};
        struct pass_result result;
        struct metrics naive;
        size_t count = naive_trace(&rng, pages, records, &store);
        naive_timed_run(&cell, pages, records, count, &naive);
        experiment_run(&store, &cell, 1, 1 + pick(&rng, 50), 1, &result);
#define COMPARE(name)                                                                                        \
    cr_assert(naive.name == result.metrics.name, "seed %llu: " #name " is %llu, slot after slot %llu",       \
              (unsigned long long)seed, (unsigned long long)result.metrics.name,                             \
              (unsigned long long)naive.name);                                                               \
    sum.name += naive.name;
        NAIVE_COUNTERS(COMPARE)
        pass_result_free(&result);
        trace_store_free(&store);
        experiment_cell_free(&cell);
    }
#define HAPPENED(name) cr_expect(sum.name > 0, #name " never happened");
    NAIVE_COUNTERS(HAPPENED)
}
