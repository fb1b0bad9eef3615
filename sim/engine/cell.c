#include "sim/engine/cell.h"

#include <assert.h>

#include "sim/base/bits.h"
#include "sim/base/memory.h"
#include "sim/engine/cost.h"
#include "sim/engine/harvest.h"
#include "sim/engine/score.h"
#include "sim/pt/pt.h"

bool cell_init(struct cell *cell, const struct cell_config *config, struct leaves *leaves,
               struct tile_index *tiles, bool keeps_contents, struct pass_result *result,
               bool keeps_intervals, struct error *error)
{
    const struct pt_geometry *geometry = &leaves->geometry;
    cell->config = config;
    cell->leaves = leaves;
    cell->tiles = tiles;
    cell->result = result;
    cell->keeps_intervals = keeps_intervals;
    cell->keeps_contents = keeps_contents;
    cell->vendor = iommu_vendor_find(config->iommu.model->vendor);
    cell->iommu =
        (struct iommu_config){.per_entry = config->iommu.model->walks_entries(config),
                              .ril = config->iommu.ril,
                              .ril_pair = config->iommu.ril_cut == RIL_PAIR,
                              .pde_always = config->iommu.pde == PDE_ALWAYS,
                              .mamv = config->iommu.mamv,
                              .granule_lg2 = geometry->granule_lg2,
                              .smallest_leaf_lg2 = (unsigned)__builtin_ctzll(config->mapping.page_sizes)};
    return iotlb_init(&cell->iotlb, config, error) &&
           walk_cache_init(&cell->walk_cache, config, geometry->levels, error) &&
           (!keeps_contents || ghosts_init(&cell->ghosts, config->iotlb.entries, error));
}

void cell_free(struct cell *cell)
{
    iotlb_free(&cell->iotlb);
    walk_cache_free(&cell->walk_cache);
    ghosts_free(&cell->ghosts);
    memory_free(cell->contents);
}

bool cell_reserve(struct cell *cell, struct error *error)
{
    size_t pages = (size_t)cell->leaves->tile_count * TILE_PAGES;
    if (cell->keeps_contents && !memory_grow(&cell->contents, &cell->contents_capacity, pages, 1, error))
        return false;
    return iotlb_reserve(&cell->iotlb, pages, error) &&
           walk_cache_reserve(&cell->walk_cache, cell->leaves, error);
}

/* ---- requests in passes ---- */

void cell_translate(struct cell *cell, const struct cell_requests *requests)
{
    struct metrics *m = &cell->metrics;
    struct iotlb_batch batch = {.keys = requests->leaf_keys,
                                .numbers = requests->numbers,
                                .count = requests->count,
                                .hits = cell->hits,
                                .misses = cell->misses};
    size_t missed = iotlb_run(&cell->iotlb, &batch);
    m->requests += requests->count;
    m->iotlb_hits += requests->count - missed;
    m->iotlb_misses += missed;
    walk_cache_run(&cell->walk_cache, cell->leaves, requests->page_keys, cell->misses, missed);
}

void cell_recheck(struct cell *cell, const uint64_t *dirtied, size_t count)
{
    cell->metrics.dirty_rechecks += bits_count_both(dirtied, cell->hits, (count + 63) / 64);
}

/* ---- switching ---- */

void cell_toggle(struct cell *cell, uint64_t devices, uint64_t domains, bool enable)
{
    struct metrics *m = &cell->metrics;
    struct iommu_toggle row = cell->vendor->toggle(&cell->iommu, devices, enable);
    m->context_updates += row.context_updates * domains;
    m->toggle_commands += row.commands * domains;
    m->toggle_syncs += row.syncs * domains;
    if (row.drops_domain) {
        m->toggle_invalidated += iotlb_drop_all(&cell->iotlb);
        if (cell->keeps_contents)
            ghosts_clear(&cell->ghosts);
        walk_cache_drop_all(&cell->walk_cache);
    }
}

/* ---- results ---- */

static bool add_interval(struct cell *cell, const struct harvest_report *report, uint64_t time_ns,
                         const struct leaves_marks *since, struct error *error)
{
    struct pass_result *result = cell->result;
    if (!memory_grow(&result->intervals, &result->interval_capacity, result->interval_count + 1,
                     sizeof *result->intervals, error))
        return false;
    result->intervals[result->interval_count++] =
        (struct interval){.time_ns = time_ns,
                          .records = since->records,
                          .scanned_entries = report->scanned_entries,
                          .harvested_leaves = report->harvested_leaves,
                          .reported_pages = report->reported_pages,
                          .true_pages = report->true_pages,
                          .false_pages = report->false_pages,
                          .missed_pages = report->missed_pages,
                          .late_pages = report->late_pages,
                          .flush_commands = cell->interval_commands,
                          .iotlb_misses = cell->metrics.iotlb_misses - cell->misses_at_interval,
                          .written_pages = since->written_pages,
                          .caught_pages = report->caught_pages};
    return true;
}

void cell_count_report(struct cell *cell, const struct harvest_report *report)
{
    struct metrics *m = &cell->metrics;
    m->scanned_entries += report->scanned_entries;
    m->scanned_tables += report->scanned_tables;
    m->harvested_leaves += report->harvested_leaves;
    m->cleared_entries += report->cleared_entries;
    m->reported_pages += report->reported_pages;
    m->true_pages += report->true_pages;
    m->false_pages += report->false_pages;
    m->missed_pages += report->missed_pages;
    m->missed_new_pages += report->missed_new_pages;
    m->late_pages += report->late_pages;
    m->caught_pages += report->caught_pages;
    m->false_untracked += report->false_untracked;
    m->false_granule += report->false_granule;
    m->false_leaf += report->false_leaf;
    m->false_ats += report->false_ats;
    m->false_residue += report->false_residue;
    m->false_born += report->false_born;
}

bool cell_harvested(struct cell *cell, const struct harvest_report *report, uint64_t time_ns,
                    const struct leaves_marks *since, struct error *error)
{
    cell->metrics.harvests++;
    cell_count_report(cell, report);
    if (cell->keeps_intervals && !add_interval(cell, report, time_ns, since, error))
        return false;
    cell->interval_commands = 0;
    cell->misses_at_interval = cell->metrics.iotlb_misses;
    return true;
}

static uint64_t count_leaves(const struct leaves *leaves)
{
    uint64_t count = 0;
    for (uint32_t d = 0; d < leaves->domain_count; d++)
        count += tables_count(leaves->domains[d].tables)->leaves;
    return count;
}

void cell_finish(struct cell *cell, uint64_t lost_pages)
{
    struct metrics *m = &cell->metrics;
    const struct leaves *leaves = cell->leaves;
    m->leaves = count_leaves(leaves);
    m->leaves_mapped = leaves->leaves_mapped;
    m->born_dirty_leaves = leaves->born_dirty_leaves;
    m->table_bytes = leaves->table_bytes;
    m->table_bytes_peak = leaves->table_bytes_peak;
    m->map_conflicts = leaves->map_conflicts;
    m->unmap_overreach = leaves->unmap_overreach;
    m->unmapped_dirty_pages = leaves->unmapped_dirty_pages;
    m->iotlb_evictions = iotlb_evictions(&cell->iotlb);
    m->walks = cell->walk_cache.walks;
    m->walk_reads = cell->walk_cache.reads + m->dirty_rechecks;
    m->walk_cache_hits = cell->walk_cache.hits;
    m->dirty_updates = leaves->dirty_updates;
    m->access_updates = leaves->access_updates;
    m->truth_pages = leaves->truth_pages;
    m->written_pages = leaves->written_pages;
    m->lost_pages = lost_pages;
    cost_apply(&cell->config->cost, m);
}
