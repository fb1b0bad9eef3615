#include "sim/engine/cell.h"

#include <assert.h>

#include "sim/base/memory.h"
#include "sim/engine/cost.h"
#include "sim/engine/dirty_windows.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

bool cell_init(struct cell *cell, const struct cell_config *config, struct ledger *ledger,
               struct pass_result *result, bool keeps_intervals, struct error *error)
{
    const struct pt_geometry *geometry = &ledger->layout.geometry;
    cell->config = config;
    cell->ledger = ledger;
    cell->result = result;
    cell->keeps_intervals = keeps_intervals;
    cell->vendor = iommu_vendor_find(config->iommu.model->vendor);
    cell->iommu = (struct iommu_config){.per_entry = config->iommu.model->control == PT_CONTROL_ENTRY &&
                                                     config->iommu.dbm == DBM_DYNAMIC,
                                        .ril = config->iommu.ril,
                                        .mamv = config->iommu.mamv,
                                        .granule_lg2 = geometry->granule_lg2,
                                        .smallest_leaf_lg2 = config->mapping.page_sizes_lg2[0],
                                        .entries_per_table = UINT64_C(1) << geometry->index_bits};
    return iotlb_init(&cell->iotlb, config, error) &&
           walk_cache_init(&cell->walk_cache, config, geometry->levels, error);
}

void cell_free(struct cell *cell)
{
    iotlb_free(&cell->iotlb);
    walk_cache_free(&cell->walk_cache);
}

bool cell_reserve(struct cell *cell, struct error *error)
{
    return iotlb_reserve(&cell->iotlb, (size_t)cell->ledger->tile_count * TILE_PAGES, error) &&
           walk_cache_reserve(&cell->walk_cache, cell->ledger, error);
}

/* ---- requests ---- */

/* Walks in request order: misses, with requests that meet no leaf between them. */
static void walk_with_faults(struct cell *cell, const struct cell_requests *requests, size_t missed)
{
    static const uint32_t only = 0;
    size_t fault = 0;
    for (size_t i = 0; i <= missed; i++) {
        for (; fault < requests->fault_count && (i == missed || requests->fault_at[fault] <= cell->misses[i]);
             fault++)
            walk_cache_run(&cell->walk_cache, cell->ledger, &requests->fault_keys[fault], &only, 1);
        if (i < missed)
            walk_cache_run(&cell->walk_cache, cell->ledger, requests->page_keys, &cell->misses[i], 1);
    }
    cell->metrics.faults_translation += requests->fault_count;
    cell->metrics.iotlb_misses += requests->fault_count;
}

void cell_translate(struct cell *cell, const struct cell_requests *requests)
{
    struct metrics *m = &cell->metrics;
    struct iotlb_batch batch = {.keys = requests->leaf_keys,
                                .numbers = requests->numbers,
                                .count = requests->count,
                                .no_insert = requests->no_insert,
                                .hits = cell->hits,
                                .misses = cell->misses};
    size_t missed = iotlb_run(&cell->iotlb, &batch);
    m->requests += requests->count + requests->fault_count;
    m->iotlb_hits += requests->count - missed;
    m->iotlb_misses += missed;
    if (requests->fault_count > 0)
        walk_with_faults(cell, requests, missed);
    else
        walk_cache_run(&cell->walk_cache, cell->ledger, requests->page_keys, cell->misses, missed);
}

void cell_recheck(struct cell *cell, const uint64_t *dirtied, size_t count)
{
    uint64_t rechecks = 0;
    for (size_t w = 0; w < (count + 63) / 64; w++)
        rechecks += (uint64_t)__builtin_popcountll(dirtied[w] & cell->hits[w]);
    cell->metrics.dirty_rechecks += rechecks;
}

/* ---- invalidation ---- */

struct flush_plan {
    struct cell *cell;
    const struct window *window;
    enum flush_mode mode;
    bool everything;
    uint64_t first, last; /* range: bytes that become invalid */
    uint64_t overreach;
};

static bool flush_drops(void *context, uint32_t head)
{
    struct flush_plan *plan = context;
    bool dirty = window_holds_dirty(plan->window, plan->cell->ledger, head);
    if (!plan->everything) {
        if (plan->mode == FLUSH_LEAF)
            return dirty;
        struct span leaf = ledger_leaf_span(plan->cell->ledger, head);
        if (leaf.last < plan->first || leaf.first > plan->last)
            return false;
    }
    plan->overreach += !dirty;
    return true;
}

/* amd: address-based invalidations drop table pointers that overlap what becomes invalid. */
static void drop_pointers(struct cell *cell, const struct flush_plan *plan)
{
    if (plan->mode == FLUSH_RANGE) {
        walk_cache_drop_span(&cell->walk_cache, cell->ledger, (struct span){plan->first, plan->last});
        return;
    }
    for (size_t i = 0; i < plan->window->clear_count; i++)
        walk_cache_drop_above(&cell->walk_cache, cell->ledger, plan->window->clears[i].tile);
}

void cell_flush(struct cell *cell, const struct window *window, bool at_start)
{
    struct metrics *m = &cell->metrics;
    struct flush_plan plan = {.cell = cell, .window = window, .mode = cell->config->harvest.flush};
    uint64_t commands = 1, syncs = 1;
    bool pointers = false; /* whether all walk-cache pointers go */
    switch (plan.mode) {
    case FLUSH_NONE:
        return;
    case FLUSH_LEAF:
        commands = window->dirty_leaves;
        break;
    case FLUSH_DOMAIN:
    case FLUSH_GLOBAL:
        plan.everything = pointers = true;
        break;
    case FLUSH_RANGE: {
        struct iommu_flush flush = cell->vendor->range(&cell->iommu, window->hull.first, window->hull.last);
        commands = flush.commands;
        syncs = flush.syncs;
        plan.everything = pointers = flush.whole_domain;
        plan.first = flush.first;
        plan.last = flush.last;
        break;
    }
    }
    if (pointers)
        walk_cache_drop_all(&cell->walk_cache);
    else if (cell->vendor->address_flush_drops_pointers)
        drop_pointers(cell, &plan);
    uint64_t dropped = iotlb_drop(&cell->iotlb, flush_drops, &plan);
    if (at_start) {
        m->toggle_commands += commands;
        m->toggle_syncs += syncs;
        m->toggle_invalidated += dropped;
    } else {
        m->flushes++;
        m->flush_commands += commands;
        m->flush_syncs += syncs;
        m->iotlb_invalidated += dropped;
        m->flush_overreach += plan.overreach;
        cell->interval_commands += commands;
    }
}

void cell_toggle(struct cell *cell, uint64_t devices)
{
    struct metrics *m = &cell->metrics;
    if (cell->iommu.per_entry) {
        m->toggle_scanned_entries += cell->ledger->visit_entries;
        m->toggle_written_entries += cell->ledger->covered_leaves;
    }
    struct iommu_toggle row = cell->vendor->toggle(&cell->iommu, devices);
    m->context_updates += row.context_updates;
    m->toggle_commands += row.commands;
    m->toggle_syncs += row.syncs;
    if (row.drops_domain) {
        m->toggle_invalidated += iotlb_drop_all(&cell->iotlb);
        walk_cache_drop_all(&cell->walk_cache);
    }
}

/* ---- results ---- */

bool cell_harvested(struct cell *cell, const struct harvest_report *report, uint64_t time_ns,
                    uint64_t records, struct error *error)
{
    struct metrics *m = &cell->metrics;
    m->harvests++;
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
    m->false_untracked += report->false_untracked;
    m->false_granule += report->false_granule;
    m->false_leaf += report->false_leaf;
    m->false_residue += report->false_residue;
    uint64_t commands = cell->interval_commands;
    cell->interval_commands = 0;
    if (!cell->keeps_intervals)
        return true;
    struct pass_result *result = cell->result;
    if (!memory_grow(&result->intervals, &result->interval_capacity, result->interval_count + 1,
                     sizeof *result->intervals, error))
        return false;
    result->intervals[result->interval_count++] =
        (struct interval){.time_ns = time_ns,
                          .records = records,
                          .scanned_entries = report->scanned_entries,
                          .harvested_leaves = report->harvested_leaves,
                          .reported_pages = report->reported_pages,
                          .true_pages = report->true_pages,
                          .false_pages = report->false_pages,
                          .missed_pages = report->missed_pages,
                          .late_pages = report->late_pages,
                          .flush_commands = commands,
                          .iotlb_misses = m->iotlb_misses - cell->misses_at_interval};
    cell->misses_at_interval = m->iotlb_misses;
    return true;
}

void cell_finish(struct cell *cell, uint64_t lost_pages)
{
    struct metrics *m = &cell->metrics;
    const struct ledger *ledger = cell->ledger;
    m->leaves = m->leaves_mapped = ledger->layout.leaf_count;
    m->born_dirty_leaves = ledger->static_dbm ? ledger->layout.leaf_count : 0;
    m->table_bytes = m->table_bytes_peak = ledger->layout.table_bytes;
    m->iotlb_evictions = iotlb_evictions(&cell->iotlb);
    m->walks = cell->walk_cache.walks;
    m->walk_reads = cell->walk_cache.reads + m->dirty_rechecks;
    m->walk_cache_hits = cell->walk_cache.hits;
    m->dirty_updates = ledger->dirty_updates;
    m->access_updates = ledger->access_updates;
    m->truth_pages = ledger->truth_pages;
    m->lost_pages = lost_pages;
    cost_apply(&cell->config->cost, m);
}
