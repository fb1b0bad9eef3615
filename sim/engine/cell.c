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
    unsigned smallest_lg2 = (unsigned)__builtin_ctzll(config->mapping.page_sizes);
    if (leaves->split_lg2 != 0 && leaves->split_lg2 < smallest_lg2)
        smallest_lg2 = leaves->split_lg2; /* it counts as a listed size (semantics.md 14) */
    cell->config = config;
    cell->leaves = leaves;
    cell->tiles = tiles;
    cell->result = result;
    cell->keeps_intervals = keeps_intervals;
    cell->keeps_contents = keeps_contents;
    cell->vendor = iommu_vendor_find(config->iommu.model->vendor);
    cell->iommu = (struct iommu_config){.per_entry = config->iommu.model->walks_entries(config),
                                        .ril = config->iommu.ril,
                                        .ril_pair = config->iommu.ril_cut == RIL_PAIR,
                                        .pde_always = config->iommu.pde == PDE_ALWAYS,
                                        .mamv = config->iommu.mamv,
                                        .granule_lg2 = geometry->granule_lg2,
                                        .smallest_leaf_lg2 = smallest_lg2};
    return iotlb_init(&cell->iotlb, config, error) &&
           walk_cache_init(&cell->walk_cache, config, geometry->levels, error) &&
           (!keeps_contents || ghosts_init(&cell->ghosts, config->iotlb.entries, error));
}

bool cell_init_atcs(struct cell *cell, uint64_t devices, struct error *error)
{
    const struct cell_config *config = cell->config;
    cell->atcs = memory_zeroed(1, sizeof *cell->atcs, error);
    return cell->atcs && atcs_init(cell->atcs, config->ats.entries, config->ats.ways,
                                   cell->leaves->domain_count, devices, error);
}

void cell_free(struct cell *cell)
{
    if (cell->atcs)
        atcs_free(cell->atcs);
    memory_free(cell->atcs);
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

/* The misses in order, with the writes that fault once more: whatever the first look-up gave, they drop the entry if
 * there was one and miss. An entry that goes and comes back as the newest is what `lru` makes of a hit. */
static size_t add_faults(struct cell *cell, const uint64_t *faulted, size_t count)
{
    size_t listed = 0;
    uint64_t faults = 0;
    for (size_t base = 0; base < count; base += 64) {
        uint64_t missed = ~cell->hits[base >> 6], again = faulted[base >> 6];
        size_t end = count - base < 64 ? count : base + 64;
        faults += (uint64_t)__builtin_popcountll(again);
        for (size_t i = base; i < end; i++, missed >>= 1, again >>= 1) {
            cell->misses[listed] = (uint32_t)i;
            listed += missed & 1;
            cell->misses[listed] = (uint32_t)i;
            listed += again & 1;
        }
    }
    cell->metrics.faults_recoverable += faults;
    cell->metrics.iotlb_misses += faults;
    return listed;
}

void cell_translate(struct cell *cell, const struct cell_requests *requests, const uint64_t *faulted)
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
    if (faulted)
        missed = add_faults(cell, faulted, requests->count);
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
    struct iommu_toggle row = {.commands = 1, .syncs = 1, .drops_domain = true};
    if (cell->leaves->hardware)
        row = cell->vendor->toggle(&cell->iommu, devices, enable);
    m->context_updates += row.context_updates * domains;
    m->toggle_commands += row.commands * domains;
    m->toggle_syncs += row.syncs * domains;
    if (row.drops_domain) {
        m->toggle_invalidated += iotlb_drop_all(&cell->iotlb);
        if (cell->keeps_contents)
            ghosts_clear(&cell->ghosts);
        walk_cache_drop_all(&cell->walk_cache);
        cell_ats_count(cell, domains);
        for (uint32_t domain = 0; cell->atcs && domain < domains; domain++)
            cell_ats_drop_all(cell, domain);
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
                          .iotlb_misses = cell->interval_misses,
                          .written_pages = since->written_pages,
                          .caught_pages = report->caught_pages,
                          .duration_ns = report->duration_ns};
    return true;
}

void cell_begin_row(struct cell *cell)
{
    cell->interval_misses = cell->metrics.iotlb_misses - cell->misses_at_interval;
    cell->misses_at_interval = cell->metrics.iotlb_misses;
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
    m->device_log_entries += report->device_log_entries;
    m->log_drained += report->log_drained;
    m->log_overflows += report->log_overflows;
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
    m->split_leaves = leaves->split.leaves;
    m->split_tables = leaves->split.tables;
    m->split_entries = leaves->split.entries;
    m->map_conflicts = leaves->map_conflicts;
    m->unmap_overreach = leaves->unmap_overreach;
    m->unmapped_dirty_pages = leaves->unmapped_dirty_pages;
    m->iotlb_evictions = iotlb_evictions(&cell->iotlb);
    m->walks = cell->walk_cache.walks;
    m->walk_reads = cell->walk_cache.reads + m->dirty_rechecks;
    m->walk_cache_hits = cell->walk_cache.hits;
    m->dirty_updates = leaves->protection ? 0 : leaves->dirty_updates;
    m->access_updates = leaves->access_updates;
    m->truth_pages = leaves->truth_pages;
    m->written_pages = leaves->written_pages;
    m->lost_pages = lost_pages;
    cost_apply(&cell->config->cost, m);
}
