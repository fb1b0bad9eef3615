#include "sim/engine/invariants.h"

#include <assert.h>

#ifdef NDEBUG

void invariants_of_report(const struct harvest_report *report)
{
    (void)report;
}

void invariants_of_cohort(const struct cohort *cohort)
{
    (void)cohort;
}

#else

void invariants_of_report(const struct harvest_report *report)
{
    assert(report->reported_pages == report->true_pages + report->false_pages);
    assert(report->false_pages == report->false_untracked + report->false_granule + report->false_leaf +
                                      report->false_ats + report->false_residue + report->false_born);
    assert(report->late_pages <= report->true_pages);
    assert(report->missed_new_pages <= report->missed_pages);
    assert(report->caught_pages <= report->reported_pages);
}

static void check_truth(const struct leaves *leaves)
{
    uint64_t in_truth = 0;
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        struct page_mask truth = mask_plane(&leaves->state[(size_t)id * TILE_PAGES], PAGE_IN_T);
        in_truth += mask_count(&truth);
    }
    assert(in_truth == leaves->true_count);
}

static void check_metrics(const struct cell *cell)
{
    const struct metrics *m = &cell->metrics;
    assert(m->caught_pages <= m->written_pages);
    assert(m->flush_overreach <= m->iotlb_invalidated);
    /* With no_clear a page stays in T when it has been reported. */
    assert(cell->config->harvest.no_clear ||
           m->truth_pages == m->true_pages + m->unmapped_dirty_pages + m->lost_pages);
}

struct entries {
    const struct cell *cell;
    uint64_t valid, ghosts;
};

static void check_entry(void *context, uint32_t tag, uint64_t set, uint64_t place)
{
    (void)set;
    (void)place;
    struct entries *entries = context;
    const struct leaves *leaves = entries->cell->leaves;
    entries->valid++;
    if (tag >= IOTLB_GHOST) {
        assert(tag - IOTLB_GHOST < entries->cell->ghosts.capacity);
        assert(entries->cell->ghosts.rows[tag - IOTLB_GHOST].lg2 != 0);
        entries->ghosts++;
        return;
    }
    assert(tag >> TILE_PAGES_LG2 < leaves->tile_count);
    assert(leaves->state[tag] & PAGE_MAPPED);
    assert(leaves_head(leaves, tag) == tag);
}

static void check_iotlb(const struct cell *cell)
{
    struct entries entries = {.cell = cell};
    iotlb_visit(&cell->iotlb, check_entry, &entries);
    assert(entries.valid <= cell->config->iotlb.entries);
    assert(entries.ghosts == cell->ghosts.count);
}

/* Passes walk without asking for tables (sim/cache/walk_cache.h). */
static void check_pointer(void *context, unsigned level, uint32_t node)
{
    const struct cell *cell = context;
    const struct leaves *leaves = cell->leaves;
    const uint64_t number_mask = (UINT64_C(1) << (64 - TILE_LG2)) - 1;
    uint64_t key = leaves->nodes[level].key[node];
    const struct tables *tables = leaves->domains[key >> (64 - TILE_LG2)].tables;
    uint64_t iova = (key & number_mask) << pt_entry_lg2(&leaves->geometry, level);
    assert(walk_cache_holds(&cell->walk_cache, leaves, level, node));
    assert(cell->keeps_contents || tables_exists(tables, level - 1, iova));
    (void)tables;
    (void)iova;
}

void invariants_of_cohort(const struct cohort *cohort)
{
    check_truth(&cohort->leaves);
    for (size_t i = 0; i < cohort->cell_count; i++) {
        check_metrics(cohort->cells[i]);
        check_iotlb(cohort->cells[i]);
        walk_cache_visit(&cohort->cells[i]->walk_cache, check_pointer, cohort->cells[i]);
    }
}

#endif
