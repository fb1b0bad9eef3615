/* Method log by hand (semantics.md 9). */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"
#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

static struct scenario log_scenario(const char *model, uint64_t entries, enum log_overflow overflow)
{
    struct scenario s = scenario(model, 64);
    experiment_set_method(&s.cell, "log");
    experiment_set_policy(&s.cell, "marks");
    s.cell.log.entries = entries;
    s.cell.log.overflow = overflow;
    return s;
}

/* By the engine, in pieces of two records. */
static void replay(struct scenario *s)
{
    struct pass_result result;
    experiment_run(&s->store, &s->cell, 1, 2, 1, &result);
    s->m = result.metrics;
    pass_result_free(&result);
}

Test(log, a_harvest_reads_the_ring)
{
    struct scenario s = log_scenario("intel-ss", 3, LOG_SCAN);
    s.cell.cost.log_read_ps = 7000;
    s.cell.cost.report_page_ps = s.cell.cost.clear_entry_ps = 0;
    write_page(&s, 5);
    write_page(&s, 9);
    write_page(&s, 5); /* dirty already */
    write_page(&s, 7);
    mark(&s);
    write_page(&s, 5);
    replay(&s);
    EXPECT(log_drained, 3 + 1); /* a full ring has not overflowed */
    EXPECT(log_overflows, 0);
    EXPECT(scanned_entries, 0);
    EXPECT(scanned_tables, 0);
    EXPECT(toggle_scanned_entries, 3 + 64); /* the start scans */
    EXPECT(harvested_leaves, 4);
    EXPECT(cleared_entries, 4);
    EXPECT(reported_pages, 4);
    EXPECT(true_pages, 4);
    EXPECT(flushes, 2);
    EXPECT(harvest_ns, 4 * 7);
    finish(&s);
}

Test(log, an_overflowed_ring_scans)
{
    struct scenario s = log_scenario("smmu-s1", 2, LOG_SCAN);
    for (uint64_t page = 0; page < 3; page++)
        write_page(&s, page);
    mark(&s); /* overflowed */
    write_page(&s, 1);
    mark(&s);
    replay(&s);
    EXPECT(log_overflows, 1);
    EXPECT(log_drained, 0 + 1);
    EXPECT(scanned_entries, 3 + 64);
    EXPECT(reported_pages, 3 + 1);
    EXPECT(false_pages, 0);
    EXPECT(born_dirty_leaves, 64);  /* before the start */
    s.cell.harvest.no_clear = true; /* ring and overflow stay */
    replay(&s);
    EXPECT(log_overflows, 2);
    EXPECT(log_drained, 0);
    EXPECT(scanned_entries, 2 * (3 + 64));
    EXPECT(reported_pages, 3 + 3);
    s.cell.log.entries = 3;
    replay(&s);
    EXPECT(log_overflows, 0);
    EXPECT(log_drained, 3 + 3);
    finish(&s);
}

Test(log, an_overflowed_ring_reports_everything)
{
    struct scenario s = log_scenario("amd-v1", 2, LOG_ALL);
    for (uint64_t page = 0; page < 3; page++)
        write_page(&s, page);
    mark(&s);
    write_page(&s, 40);
    replay(&s);
    EXPECT(log_overflows, 1);
    EXPECT(log_drained, 0 + 1);
    EXPECT(scanned_entries, 0);
    EXPECT(harvested_leaves, 3 + 1);
    EXPECT(cleared_entries, 3 + 1);
    EXPECT(reported_pages, 64 + 1);
    EXPECT(true_pages, 3 + 1);
    EXPECT(false_untracked, 61);
    EXPECT(false_pages, 61);
    EXPECT(flushes, 2);
    EXPECT(lost_pages, 0);
    s.cell.harvest.no_clear = true; /* everything again, and nothing is lost */
    replay(&s);
    EXPECT(log_overflows, 2);
    EXPECT(harvested_leaves, 3 + 4);
    EXPECT(reported_pages, 64 + 64);
    EXPECT(true_pages, 3 + 4);
    EXPECT(false_untracked, 61 + 60);
    EXPECT(lost_pages, 0);
    finish(&s);
}

/* no_clear: what stood from a harvest before the overflow is not counted beside everything. */
Test(log, standing_tiles_wake_when_a_ring_overflows)
{
    struct scenario s = scenario("amd-v1", 2048);
    experiment_set_method(&s.cell, "log");
    experiment_set_policy(&s.cell, "marks");
    s.cell.log.entries = 1;
    s.cell.log.overflow = LOG_ALL;
    s.cell.harvest.no_clear = true;
    write_page(&s, 0);
    mark(&s);
    write_page(&s, 600);
    mark(&s);
    write_page(&s, 1); /* reported already by what reports everything */
    s.cell.harvest.final = false;
    replay(&s);
    EXPECT(reported_pages, 1 + 2048);
    EXPECT(true_pages, 1 + 2);
    EXPECT(false_untracked, 2046);
    EXPECT(log_drained, 1);
    EXPECT(lost_pages, 0);
    finish(&s);
}

/* A ring for each domain: one overflows, the other is read. */
Test(log, domains_have_rings_of_their_own)
{
    struct scenario s = log_scenario("riscv-g", 2, LOG_SCAN);
    s.cell.domains = DOMAINS_PER_DEVICE;
    for (uint64_t page = 0; page < 3; page++)
        for (s.device = 1; s.device <= 2; s.device++)
            if (page <= s.device)
                write_page(&s, page); /* 2 and 3 */
    replay(&s);
    EXPECT(log_overflows, 1);
    EXPECT(log_drained, 2);
    EXPECT(scanned_entries, 3 + 64);
    EXPECT(reported_pages, 5);
    s.cell.log.overflow = LOG_ALL;
    replay(&s);
    EXPECT(scanned_entries, 0);
    EXPECT(reported_pages, 2 + 64);
    EXPECT(false_untracked, 61);
    finish(&s);
}

/* Leaves outside the ranges occupy the ring once, and stay dirty. */
Test(log, leaves_outside_the_ranges)
{
    struct scenario s = log_scenario("amd-v1", 4, LOG_SCAN);
    experiment_add_range(&s.cell, 0, 8 * PAGE);
    write_page(&s, 3);
    write_page(&s, 9);
    mark(&s);
    write_page(&s, 3);
    write_page(&s, 9);
    replay(&s);
    EXPECT(log_drained, 2 + 1);
    EXPECT(dirty_updates, 3);
    EXPECT(harvested_leaves, 2);
    EXPECT(reported_pages, 2);
    s.cell.log.entries = 1; /* enough to overflow it */
    replay(&s);
    EXPECT(log_overflows, 1);
    finish(&s);
}

/* Leaves are born clean while tracking; an address whose leaf went or is clean again reports nothing. */
Test(log, tables_that_change)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1", "smmu-s2", "riscv-g"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct scenario s = log_scenario(models[i], 8, LOG_SCAN);
        experiment_set_source(&s.cell, "trace");
        mark(&s); /* after the start */
        map_pages(&s, TRACE_MAP, 100, 4, 100);
        write_page(&s, 100);
        write_page(&s, 101);
        write_page(&s, 102);
        unmap_pages(&s, 100, 2);
        map_pages(&s, TRACE_MAP, 101, 1, 200);
        mark(&s); /* 100 is gone, 101 is another leaf, clean */
        write_page(&s, 101);
        unmap_pages(&s, 101, 1);
        map_pages(&s, TRACE_MAP, 101, 1, 200);
        write_page(&s, 101); /* the same address twice */
        replay(&s);
        EXPECT(log_drained, 3 + 2);
        EXPECT(harvested_leaves, 1 + 1);
        EXPECT(reported_pages, 2);
        EXPECT(false_pages, 0);
        EXPECT(born_dirty_leaves,
               strcmp(models[i], "amd-v1") == 0 || strcmp(models[i], "intel-ss") == 0 ? 0 : 64);
        EXPECT(unmapped_dirty_pages, 3);
        finish(&s);
    }
}

/* A read before an unmap reads the ring, or scans, or reports all, and leaves ring and overflow as they are.
 */
Test(log, before_unmap)
{
    struct scenario s = log_scenario("intel-ss", 2, LOG_SCAN);
    experiment_set_source(&s.cell, "trace");
    s.cell.harvest.before_unmap = true;
    write_page(&s, 3);
    write_page(&s, 4);
    unmap_pages(&s, 2, 3);
    replay(&s);
    EXPECT(scanned_entries, 0);
    EXPECT(harvested_leaves, 2);
    EXPECT(true_pages, 2);
    EXPECT(log_drained, 2); /* by the harvest at the end, which finds neither */
    EXPECT(reported_pages, 2);
    s.cell.log.entries = 1;
    replay(&s);
    EXPECT(scanned_entries, (3 + 3) + (3 + 2) + (3 + 59)); /* before; at the end two runs of pages */
    EXPECT(log_overflows, 1);
    s.cell.log.overflow = LOG_ALL;
    replay(&s);
    EXPECT(scanned_entries, 0);
    EXPECT(reported_pages, 3 + 61);
    EXPECT(true_pages, 2);
    EXPECT(false_untracked, 1 + 61);
    EXPECT(log_overflows, 1);
    EXPECT(unmapped_dirty_pages, 0);
    finish(&s);
}

/* ---- against hardware, whose scans find the same leaves ---- */

/* What only one of the two counts, or what tells how leaves were found. */
static void forget_reading(struct pass_result *result)
{
    struct metrics *m = &result->metrics;
    m->scanned_entries = m->scanned_tables = m->log_drained = m->log_overflows = m->harvest_ns = 0;
    for (size_t i = 0; i < result->interval_count; i++)
        result->intervals[i].scanned_entries = 0;
}

/* Where leaves are born dirty while tracking, method log differs. */
static bool draw_pair(const struct cell_config *cell, uint64_t seed, struct cell_config pair[2])
{
    bool is_arm = strncmp(cell->iommu.model->name, "smmu", 4) == 0;
    if (is_arm && cell->mapping.source->follows_trace)
        return false;
    for (int k = 0; k < 2; k++) {
        pair[k] = *cell; /* lists stay the experiment's */
        pair[k].tracking.clear_on_start = true;
        experiment_set_method(&pair[k], k == 0 ? "hardware" : "log");
        pair[k].log.entries = seed % 2 == 0 ? 1 << 20 : 1 + seed / 2 % 8;
        pair[k].log.overflow = LOG_SCAN;
    }
    return cell->harvest.timing == TIMING_INSTANT && cell->tracking.split == SPLIT_NONE;
}

static void compare_pair(const struct random_experiment *experiment, const struct cell_config pair[2],
                         struct metrics *sum)
{
    struct pass_result results[2];
    bool finished = experiment_try(&experiment->store, pair, 2, experiment->batch_records, 1, results);
    cr_expect_eq(results[0].error.kind, results[1].error.kind);
    sum->log_drained += results[1].metrics.log_drained;
    sum->log_overflows += results[1].metrics.log_overflows;
    for (int k = 0; k < 2; k++)
        forget_reading(&results[k]);
#define COMPARE(name, unit, section, meaning)                                                                \
    cr_expect(!finished || results[0].metrics.name == results[1].metrics.name, "seed %llu: " #name,          \
              (unsigned long long)experiment->seed);
    METRICS_COUNTERS(COMPARE)
    METRICS_COST(COMPARE)
#undef COMPARE
    cr_assert_eq(results[0].interval_count, results[1].interval_count);
    cr_expect(results[0].interval_count == 0 ||
              memcmp(results[0].intervals, results[1].intervals,
                     results[0].interval_count * sizeof *results[0].intervals) == 0);
    for (int k = 0; k < 2; k++)
        pass_result_free(&results[k]);
}

Test(log, finds_what_scans_find, .timeout = 0)
{
    enum { SEEDS = 1000, FIRST_SEED = 400000 };
    struct metrics sum = {0};
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config pair[2];
        random_experiment_make(&experiment, seed);
        for (size_t i = 0; i < experiment.cell_count; i++)
            if (draw_pair(&experiment.cells[i], seed, pair))
                compare_pair(&experiment, pair, &sum);
        random_experiment_free(&experiment);
    }
    cr_expect(sum.log_drained > 10000 && sum.log_overflows > 100);
}
