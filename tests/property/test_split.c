/* Splitting leaves (semantics.md 14): by hand, and as what it becomes equal to. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/tracking/tracking.h"
#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 1500, FIRST_SEED = 300000 };
static const uint64_t GIB = UINT64_C(1) << 30;

/* By the engine; the naive reference is compared with it elsewhere. */
static void replay(struct scenario *s)
{
    struct pass_result result;
    experiment_run(&s->store, &s->cell, 1, 2, 1, &result);
    s->m = result.metrics;
    pass_result_free(&result);
}

/* ---- start: as if the leaves had been small from the beginning ---- */

/* What only one of the two has. */
static void forget_split(struct metrics *m)
{
    m->leaves_mapped = m->born_dirty_leaves = 0;
    m->split_leaves = m->split_tables = m->split_entries = m->split_ns = 0;
    m->toggle_commands = m->toggle_syncs = m->toggle_ns = 0; /* one domain flush more */
}

static bool draw_cell(const struct random_experiment *experiment, size_t i, struct cell_config pair[2])
{
    const struct cell_config *cell = &experiment->cells[i];
    if (strcmp(cell->tracking.method->name, "hardware") != 0 || cell->mapping.source->follows_trace)
        return false;
    for (int k = 0; k < 2; k++) {
        pair[k] = experiment_cell_copy(cell);
        memory_free(pair[k].tracking.ranges);
        pair[k].tracking.ranges = NULL;
        pair[k].tracking.range_count = 0;
        pair[k].tracking.start_ns = 0;
        pair[k].tracking.split = SPLIT_NONE;
    }
    uint64_t plain = experiment_sizes(cell, true);
    unsigned lg2 = experiment_lowest(plain);
    pair[0].tracking.split = SPLIT_START;
    pair[1].mapping.page_sizes = UINT64_C(1) << lg2;
    return !pair[0].tracking.has_stop || pair[0].tracking.stop_ns > 0;
}

Test(split, at_the_start_equals_small_leaves, .timeout = 0)
{
    uint64_t split = 0;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        random_experiment_make(&experiment, seed);
        random_experiment_make_plain(&experiment);
        bool starts = experiment.store.count > 0; /* else nothing is split */
        for (size_t i = 0; starts && i < experiment.cell_count; i++) {
            struct cell_config pair[2];
            struct pass_result results[2];
            if (!draw_cell(&experiment, i, pair))
                continue;
            experiment_run(&experiment.store, pair, 2, experiment.batch_records, experiment.threads, results);
            split += results[0].metrics.split_leaves;
            for (int k = 0; k < 2; k++)
                forget_split(&results[k].metrics);
#define COMPARE(name, unit, section, meaning)                                                                \
    cr_expect_eq(results[0].metrics.name, results[1].metrics.name, "seed %llu cell %zu: " #name,             \
                 (unsigned long long)seed, i);
            METRICS_COUNTERS(COMPARE)
            METRICS_COST(COMPARE)
#undef COMPARE
            cr_assert_eq(results[0].interval_count, results[1].interval_count);
            cr_expect(results[0].interval_count == 0 ||
                      memcmp(results[0].intervals, results[1].intervals,
                             results[0].interval_count * sizeof *results[0].intervals) == 0);
            for (int k = 0; k < 2; k++) {
                pass_result_free(&results[k]);
                experiment_cell_free(&pair[k]);
            }
        }
        random_experiment_free(&experiment);
    }
    cr_expect_gt(split, 10000);
}

/* ---- by hand ---- */

/* A leaf of 1 GiB: 1 table of 512 tables of 512 leaves. */
Test(split, counts_at_the_start)
{
    struct scenario s = scenario("intel-ss", 0);
    experiment_add_region(&s.cell, 0, 3 * GIB, 0);
    experiment_add_range(&s.cell, GIB + PAGE, PAGE);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21 | 1 << 30;
    s.cell.tracking.split = SPLIT_START;
    s.cell.cost.split_entry_ps = 1500;
    s.cell.tracking.start_ns = 2;
    write_page(&s, 262145);
    write_page(&s, 262145);
    write_page(&s, 262145); /* the first tracked one */
    replay(&s);
    EXPECT(split_leaves, 1);
    EXPECT(split_tables, 513);
    EXPECT(split_entries, 513 * 512 + 1);
    EXPECT(split_ns, (513 * 512 + 1) * 3 / 2 + 1); /* rounded */
    EXPECT(leaves_mapped, 3 + 262144);
    EXPECT(leaves, 2 + 262144);
    EXPECT(table_bytes, 4096 * (2 + 513));
    EXPECT(toggle_commands, 1 + 2); /* 1 domain flush, 2 to switch on */
    EXPECT(toggle_syncs, 1 + 2);
    EXPECT(toggle_invalidated, 1);
    EXPECT(toggle_scanned_entries, 1 + 1 + 1 + 1);
    EXPECT(iotlb_misses, 2);
    EXPECT(walk_reads, 2 + 4); /* the pointers went too */
    EXPECT(walk_cache_hits, 0);
    EXPECT(scanned_entries, 4);
    EXPECT(reported_pages, 1);
    EXPECT(dirty_updates, 1);
    s.cell.tracking.split_size_bytes = 2 << 20;
    replay(&s);
    EXPECT(split_leaves, 1);
    EXPECT(split_tables, 1);
    EXPECT(split_entries, 512 + 1);
    EXPECT(reported_pages, 1); /* of 512 in its leaf the one that is tracked */
    EXPECT(scanned_entries, 3);
    s.cell.tracking.split_size_bytes = 1 << 30;
    replay(&s);
    EXPECT(split_leaves, 0);
    EXPECT(toggle_commands, 2); /* nothing was split: no flush */
    finish(&s);
}

/* Each harvested leaf is split behind its flush; the second harvest reports what was written alone. */
Test(split, harvested_leaves)
{
    struct scenario s = scenario("amd-v1", 2048);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    s.cell.tracking.split = SPLIT_DIRTY;
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 3);
    write_page(&s, 4);
    write_page(&s, 1500);
    mark(&s); /* 2 leaves of 4 are split */
    write_page(&s, 3);
    write_page(&s, 700);
    mark(&s); /* the third; page 3 is alone */
    write_page(&s, 4);
    read_page(&s, 5);
    replay(&s);
    EXPECT(harvested_leaves, 2 + 2 + 1);
    EXPECT(reported_pages, 1024 + 1 + 512 + 1);
    EXPECT(true_pages, 3 + 2 + 1);
    EXPECT(false_leaf, 1024 - 3 + 511);
    EXPECT(split_leaves, 3);
    EXPECT(split_tables, 3);
    EXPECT(split_entries, 3 * 513);
    EXPECT(leaves, 3 * 512 + 1);
    EXPECT(leaves_mapped, 4 + 3 * 512);
    EXPECT(born_dirty_leaves, 0);
    EXPECT(table_bytes, 4096 * (3 + 3));
    /* root, level 2, 4 slots; with 2 and 3 tables more */
    EXPECT(scanned_entries, 6 + (6 + 1024) + (6 + 1536));
    EXPECT(scanned_tables, 3 + 5 + 6);
    EXPECT(lost_pages, 0);
    EXPECT(missed_pages, 0);
    /* A is copied: page 5 of the split leaf is read without an update. */
    EXPECT(access_updates, 0);
    finish(&s);
}

/* A window border cuts the leaf: the window behind it visits the new table, and finds the leaf clean. */
Test(split, windows_after_the_split_scan_its_table)
{
    struct scenario s = scenario("intel-ss", 1024);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.harvest.chunk_bytes = 512 << 10;
    write_page(&s, 0);
    write_page(&s, 300);
    replay(&s);
    /* 8 windows of root, level 2, level 1; 3 of them visit 128 slots more */
    EXPECT(scanned_entries, 8 * 3 + 3 * 128);
    EXPECT(scanned_tables, 8 * 3 + 3);
    EXPECT(reported_pages, 128);
    EXPECT(true_pages, 1);
    EXPECT(lost_pages, 1);
    EXPECT(split_leaves, 1);
    finish(&s);
}

/* Without flushes the entry of the whole leaf stays, and translates. */
Test(split, stale_entries_of_whole_leaves)
{
    struct scenario s = scenario("intel-ss", 512);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.harvest.flush = FLUSH_NONE;
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 0);
    mark(&s);
    read_page(&s, 7);  /* hits */
    write_page(&s, 7); /* passes, as the entry says: missed */
    replay(&s);
    EXPECT(iotlb_misses, 1);
    EXPECT(iotlb_hits, 2);
    EXPECT(lost_pages, 1);
    EXPECT(split_leaves, 1);
    finish(&s);
}

/* 64 TiB of leaves that nobody touched, born dirty: one run is split as cheaply as one leaf. */
Test(split, untouched_memory_is_split_in_runs)
{
    for (int at_start = 0; at_start < 2; at_start++) {
        struct scenario s = scenario("riscv-g", 0);
        experiment_add_region(&s.cell, 0, 65536 * GIB, 0);
        s.cell.mapping.page_sizes = 1 << 30;
        s.cell.tracking.split = at_start ? SPLIT_START : SPLIT_DIRTY;
        s.cell.tracking.clear_on_start = at_start;
        experiment_set_policy(&s.cell, "marks");
        write_page(&s, 5);
        mark(&s);
        write_page(&s, 6);
        replay(&s);
        EXPECT(split_leaves, 65536);
        EXPECT(split_tables, 65536 * 513);
        EXPECT(leaves, UINT64_C(1) << 34);
        EXPECT(lost_pages, 0);
        EXPECT(true_pages, 2);
        EXPECT(false_pages, at_start ? 0 : (UINT64_C(1) << 34) - 1);
        EXPECT(false_residue, at_start ? 0 : (UINT64_C(1) << 34) - 262144);
        finish(&s);
    }
}

/* A leaf of which one page is tracked is cleaned whole: its parts outside of the range are clean too. */
Test(split, parts_outside_the_ranges_are_clean)
{
    struct scenario s = scenario("smmu-s1", 512);
    experiment_add_range(&s.cell, 0, PAGE);
    s.cell.mapping.page_sizes = 1 << 21;
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.tracking.clear_on_start = false;
    experiment_set_policy(&s.cell, "marks");
    mark(&s); /* nobody has touched the leaf, which was born dirty: */
    mark(&s); /* its tile comes with the next piece */
    write_page(&s, 7);
    replay(&s);
    EXPECT(split_leaves, 1);
    EXPECT(dirty_updates, 1);
    finish(&s);
}

/* The walk at the stop restores what overlaps the ranges; the other parts of a leaf that it had made hardware
 * manage stay clean, and refuse writes when hardware does not. */
Test(split, parts_outside_the_ranges_at_a_stop)
{
    struct scenario s = scenario("smmu-s2", 512);
    experiment_add_range(&s.cell, 0, PAGE);
    s.cell.mapping.page_sizes = 1 << 21;
    s.cell.iommu.dbm = DBM_DYNAMIC;
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 4;
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 0);
    mark(&s);
    write_page(&s, 7); /* dirty before the stop */
    write_page(&s, 0);
    write_page(&s, 0);
    write_page(&s, 7);
    write_page(&s, 8);
    replay(&s);
    EXPECT(split_leaves, 1);
    EXPECT(dirty_updates, 3);
    EXPECT(toggle_written_entries, 1 + 1);
    EXPECT(faults_permission, 1);
    finish(&s);
}

/* Domains that shared tables have their own where they differ. */
Test(split, domains)
{
    struct scenario s = scenario("smmu-s2", 1024);
    s.cell.mapping.page_sizes = 1 << 21;
    s.cell.domains = DOMAINS_PER_DEVICE;
    s.cell.tracking.split = SPLIT_DIRTY;
    experiment_set_policy(&s.cell, "marks");
    for (s.device = 1; s.device <= 3; s.device++)
        read_page(&s, 0);
    s.device = 2;
    write_page(&s, 600);
    mark(&s);
    s.device = 3;
    write_page(&s, 601);
    s.device = 2;
    write_page(&s, 601);
    replay(&s);
    EXPECT(split_leaves, 2);
    EXPECT(leaves, 6 - 2 + 2 * 512);
    EXPECT(reported_pages, 512 + 512 + 1);
    EXPECT(table_bytes, 4096 * (3 * 3 + 2));
    EXPECT(scanned_entries, 3 * 4 + 3 * 4 + 512);
    finish(&s);
}

/* A contiguous group and AMD's replicas are split as a whole; parts may be large leaves themselves. */
Test(split, leaves_of_several_entries)
{
    struct scenario s = scenario("smmu-s1", 32);
    s.cell.mapping.page_sizes = 1 << 16;
    s.cell.tracking.split = SPLIT_DIRTY;
    write_page(&s, 17);
    replay(&s);
    EXPECT(split_leaves, 1);
    EXPECT(split_tables, 0);
    EXPECT(split_entries, 16);
    EXPECT(leaves, 1 + 16);
    EXPECT(cleared_entries, 16);
    finish(&s);

    s = scenario("amd-v1", 0);
    experiment_add_region(&s.cell, 0, 4 * GIB, 0);
    s.cell.mapping.page_sizes = UINT64_C(1) << 32;
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.tracking.split_size_bytes = GIB;
    experiment_set_policy(&s.cell, "marks");
    for (uint64_t gib = 0; gib < 4; gib++)
        write_page(&s, gib * 262144 + gib * 512);
    read_page(&s, 262144);
    mark(&s);
    write_page(&s, 262144 + 3); /* in the first of its leaf's tiles ... */
    write_page(&s, 2 * 262144 + 700);
    replay(&s);
    EXPECT(split_leaves, 1);
    EXPECT(split_tables, 0);
    EXPECT(split_entries, 4);
    EXPECT(leaves, 4);
    EXPECT(harvested_leaves, 1 + 2);
    EXPECT(reported_pages, 6 * 262144);
    EXPECT(cleared_entries, 4 + 2);
    EXPECT(lost_pages, 0);
    finish(&s);
}
