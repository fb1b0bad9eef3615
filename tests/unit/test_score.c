/* Scores by hand (semantics.md 8): pages missed long ago stand and cost nothing, reports from elsewhere wake
 * them, no_clear reports again what it reported. */
#include <criterion/criterion.h>

#include "leaves_help.h"
#include "sim/base/memory.h"
#include "sim/engine/score.h"

enum { TILE = 1 << TILE_LG2, PAGE = 1 << PAGE_LG2 };

struct scored {
    struct world world;
    struct harvest harvest;
    struct score score;
};

static struct scored scored;

/* Tiles 0 to 3 of domain 0 are mapped and touched, clean, and tracked from now on. */
static void begin(uint64_t page_sizes, uint64_t granule_bytes, bool no_clear)
{
    struct world *world = &scored.world;
    struct config_region call = {.iova = 0, .bytes = 4 * TILE, .address = 0};
    scored = (struct scored){.world.config = world_config("amd-v1", page_sizes)};
    world->config.harvest.granule_bytes = granule_bytes;
    world->config.harvest.no_clear = no_clear;
    world_begin(world, 1, &call);
    for (uint64_t iova = 0; iova < 4 * TILE; iova += TILE)
        world_touch(world, 0, iova);
    cr_assert(score_reserve(&scored.score, world->leaves.tile_count, &world->error));
    cr_assert(leaves_enter(&world->leaves, PHASE_TRACKING, &world->error));
    for (uint32_t id = 0; id < 4; id++)
        world->leaves.active[id + 1] = 1;
}

static void end(void)
{
    harvest_free(&scored.harvest);
    score_free(&scored.score);
    world_free(&scored.world);
    cr_assert_eq(memory_used(), 0);
}

/* A write that sets D if `dirties`, and one that a stale entry lets pass if not. */
static void write_page(uint64_t iova, bool dirties)
{
    struct leaves *leaves = &scored.world.leaves;
    uint32_t page = world_page(&scored.world, 0, iova), head = leaves_head(leaves, page);
    if (dirties && !(leaves->state[head] & STATE_DIRTY))
        leaves_dirtied(leaves, head, CAUSE_WRITTEN);
    leaves_written(leaves, page);
}

static struct harvest_report harvest(void)
{
    struct leaves *leaves = &scored.world.leaves;
    struct error *error = &scored.world.error;
    struct harvest_report report = {0};
    const struct window *window = NULL;
    enum harvest_kind kind = leaves->config->harvest.no_clear ? HARVEST_PEEK : HARVEST_CLEAR;
    cr_assert(leaves_list_active(leaves, error));
    score_wake(&scored.score, leaves->listed, leaves->listed_count);
    cr_assert(
        harvest_domain(&scored.harvest, leaves, kind, 0, leaves->listed, leaves->listed_count, NULL, error));
    do {
        cr_assert(harvest_window(&scored.harvest, &window, error));
        harvest_clean(&scored.harvest);
    } while (window);
    cr_assert(
        harvest_end(&scored.harvest, error) &&
        score_domain(&scored.score, &scored.harvest, leaves->listed, leaves->listed_count, &report, error) &&
        harvest_end_shared(leaves, error));
    score_end(&scored.score, &report);
    score_finish_report(leaves, &report);
    cr_assert_eq(report.true_pages + report.false_pages, report.reported_pages);
    return report;
}

/* Page counts of a report. */
static void expect(struct harvest_report report, uint64_t reported, uint64_t right, uint64_t missed,
                   uint64_t missed_new, uint64_t late, uint64_t caught)
{
    cr_expect_eq(report.reported_pages, reported, "%llu reported", (unsigned long long)report.reported_pages);
    cr_expect_eq(report.true_pages, right, "%llu true", (unsigned long long)report.true_pages);
    cr_expect_eq(report.missed_pages, missed, "%llu missed", (unsigned long long)report.missed_pages);
    cr_expect_eq(report.missed_new_pages, missed_new, "%llu missed new",
                 (unsigned long long)report.missed_new_pages);
    cr_expect_eq(report.late_pages, late, "%llu late", (unsigned long long)report.late_pages);
    cr_expect_eq(report.caught_pages, caught, "%llu caught", (unsigned long long)report.caught_pages);
}

Test(score, a_missed_page_stands_until_its_leaf_is_reported)
{
    begin(PAGE, PAGE, false);
    write_page(5 * PAGE, false);
    write_page(TILE, true);
    expect(harvest(), 1, 1, 1, 1, 0, 1);
    cr_expect_eq(score_lost(&scored.score, &scored.world.leaves), 1);
    for (int i = 0; i < 3; i++) {
        expect(harvest(), 0, 0, 1, 0, 0, 0);
        cr_expect_eq(scored.world.leaves.listed_count, 0, "nothing is looked at");
    }
    write_page(5 * PAGE, true);
    cr_expect_eq(scored.world.leaves.truth_pages, 2, "it was in T already");
    cr_expect_eq(scored.world.leaves.written_pages, 3, "but entered W anew");
    expect(harvest(), 1, 1, 0, 0, 1, 1);
    write_page(5 * PAGE, true);
    expect(harvest(), 1, 1, 0, 0, 0, 1);
    cr_expect_eq(score_lost(&scored.score, &scored.world.leaves), 0);
    end();
}

Test(score, no_clear_reports_again)
{
    begin(PAGE, PAGE, true);
    write_page(7 * PAGE, true);
    write_page(8 * PAGE, false);
    expect(harvest(), 1, 1, 1, 1, 0, 1);
    expect(harvest(), 1, 1, 1, 0, 0, 0);
    cr_expect_eq(scored.world.leaves.listed_count, 0, "nothing is looked at");
    cr_expect_eq(score_lost(&scored.score, &scored.world.leaves), 1, "not what the last harvest reported");
    write_page(8 * PAGE, true);
    expect(harvest(), 2, 2, 0, 0, 1, 1);
    expect(harvest(), 2, 2, 0, 0, 1, 0);
    cr_expect_eq(score_lost(&scored.score, &scored.world.leaves), 0);
    end();
}

/* A granule of 4 MiB reaches from tile 1 into tile 0, where pages stand as missed. */
Test(score, a_granule_wakes_what_stands)
{
    begin(PAGE, 2 * TILE, false);
    write_page(3 * PAGE, false);
    write_page(2 * TILE, false);
    expect(harvest(), 0, 0, 2, 2, 0, 0);
    write_page(TILE + PAGE, true);
    struct harvest_report report = harvest();
    expect(report, 2 * TILE_PAGES, 2, 1, 0, 1, 1);
    cr_expect_eq(report.false_granule, 2 * TILE_PAGES - 2);
    expect(harvest(), 0, 0, 1, 0, 0, 0);
    end();
}

/* A leaf of 8 MiB has its bit in the first of its tiles. */
Test(score, a_large_leaf_wakes_its_tiles)
{
    begin(PAGE | UINT64_C(4) * TILE, PAGE, false);
    write_page(3 * TILE + PAGE, false);
    expect(harvest(), 0, 0, 1, 1, 0, 0);
    write_page(TILE, true);
    struct harvest_report report = harvest();
    expect(report, 4 * TILE_PAGES, 2, 0, 0, 1, 1);
    cr_expect_eq(report.harvested_leaves, 1);
    cr_expect_eq(report.false_leaf, 4 * TILE_PAGES - 2);
    cr_expect_eq(score_lost(&scored.score, &scored.world.leaves), 0);
    end();
}

/* Causes in their order: a leaf that holds a page of T is blamed first, then what made it dirty. */
Test(score, each_false_page_has_one_cause)
{
    begin(PAGE | 16 * PAGE, PAGE, false);
    struct leaves *leaves = &scored.world.leaves;
    leaves_dirtied(leaves, world_page(&scored.world, 0, 0), CAUSE_RESIDUE);
    leaves_dirtied(leaves, world_page(&scored.world, 0, 16 * PAGE), CAUSE_BORN);
    leaves_dirtied(leaves, world_page(&scored.world, 0, 32 * PAGE), CAUSE_ATS);
    leaves_dirtied(leaves, world_page(&scored.world, 0, 48 * PAGE), CAUSE_WRITTEN);
    leaves_dirtied(leaves, world_page(&scored.world, 0, 64 * PAGE), CAUSE_RESIDUE);
    write_page(70 * PAGE, true);
    struct harvest_report report = harvest();
    expect(report, 80, 1, 0, 0, 0, 1);
    cr_expect_eq(report.harvested_leaves, 5);
    cr_expect_eq(report.cleared_entries, 80, "amd: a leaf of 64 KiB is 16 replicas");
    cr_expect(report.false_residue == 16 && report.false_born == 16 && report.false_ats == 16);
    cr_expect_eq(report.false_leaf, 16 + 15);
    cr_expect_eq(report.false_granule + report.false_untracked, 0);
    end();
}

/* A read before an unmap takes what it reports out of T and W, and leaves the rest standing or waking. */
Test(score, a_read_before_an_unmap)
{
    begin(PAGE, PAGE, false);
    struct leaves *leaves = &scored.world.leaves;
    struct error *error = &scored.world.error;
    struct span spans[] = {{0, 4 * PAGE - 1}};
    struct span_list limits = {spans, 1, 1};
    struct tile_place tile = {leaves_tile_key(&leaves->tiles[0]), 0};
    struct harvest_report report = {0};
    const struct window *window;
    write_page(PAGE, false);
    expect(harvest(), 0, 0, 1, 1, 0, 0);
    write_page(PAGE, true);
    write_page(2 * PAGE, true);
    write_page(9 * PAGE, true);
    cr_assert(harvest_domain(&scored.harvest, leaves, HARVEST_PEEK, 0, &tile, 1, &limits, error));
    do
        cr_assert(harvest_window(&scored.harvest, &window, error));
    while (window);
    cr_assert(score_before_unmap(&scored.score, &scored.harvest, &limits, &tile, 1, &report, error));
    score_finish_report(leaves, &report);
    expect(report, 2, 2, 0, 0, 1, 2);
    cr_expect_eq(leaves->true_count, 1);
    expect(harvest(), 3, 1, 0, 0, 0, 1);
    cr_expect_eq(score_lost(&scored.score, leaves), 0);
    end();
}
