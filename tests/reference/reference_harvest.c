/* Start, stop, harvest and the judgement of what it reports: semantics.md 7 and 8. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

/* Dirty leaves seen in one window, and what the window counted. */
struct window {
    size_t *dirty; /* indexes of leaves, ascending */
    size_t dirty_count, dirty_capacity;
    uint64_t entries, tables;
};

/* What became invalid, and what it cost. */
struct flush {
    uint64_t commands, syncs, dropped, overreach;
};

static void *checked_realloc(void *block, size_t bytes)
{
    block = realloc(block, bytes);
    if (block == NULL)
        abort();
    return block;
}

/* "visit every table that overlaps the window; each entry slot overlapping the window, at every level,
 * counts" */
static void scan_tables(const struct reference_machine *machine, struct reference_range range,
                        struct window *window)
{
    const struct reference_geometry *geometry = &machine->geometry;

    for (size_t i = 0; i < machine->table_count; i++) {
        const struct reference_table *table = &machine->tables[i];
        if (!reference_overlap((struct reference_range){table->first, table->last}, range))
            continue;
        uint64_t first = range.first > table->first ? range.first : table->first;
        uint64_t last = range.last < table->last ? range.last : table->last;
        unsigned slot_lg2 = geometry->granule_lg2 + geometry->index_bits * table->level;
        window->tables++;
        window->entries += (last >> slot_lg2) - (first >> slot_lg2) + 1;
    }
}

static size_t first_leaf_not_before(const struct reference_machine *machine, uint64_t address)
{
    size_t low = 0, high = machine->leaf_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reference_leaf_range(&machine->leaves[middle]).last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void find_dirty(const struct reference_machine *machine, struct reference_range range,
                       struct window *window)
{
    for (size_t i = first_leaf_not_before(machine, range.first); i < machine->leaf_count; i++) {
        const struct reference_leaf *leaf = &machine->leaves[i];
        if (leaf->iova > range.last)
            break;
        if (!reference_dirty(machine, leaf))
            continue;
        if (window->dirty_count == window->dirty_capacity) {
            window->dirty_capacity = 2 * window->dirty_capacity + 16;
            window->dirty = checked_realloc(window->dirty, window->dirty_capacity * sizeof(*window->dirty));
        }
        window->dirty[window->dirty_count++] = i;
    }
}

/* ---- invalidation ---- */

static bool is_dirty_leaf_entry(const struct reference_machine *machine, const struct reference_entry *entry,
                                const struct window *window)
{
    for (size_t i = 0; i < window->dirty_count; i++) {
        const struct reference_leaf *leaf = &machine->leaves[window->dirty[i]];
        if (leaf->lg2 == entry->lg2 && leaf->iova == reference_entry_range(entry).first)
            return true;
    }
    return false;
}

static void drop_pointers(struct reference_machine *machine, struct reference_range range)
{
    for (unsigned level = 1; level < machine->geometry.levels; level++) {
        struct reference_cache *cache = &machine->walk_caches[level];
        for (uint64_t i = 0; i < reference_cache_places(cache); i++)
            if (cache->entries[i].valid &&
                reference_overlap(reference_entry_range(&cache->entries[i]), range))
                cache->entries[i].valid = false;
    }
}

/* An address-based invalidation: entries that overlap; pointers too on amd only. */
static void drop_range(struct reference_machine *machine, struct reference_range range,
                       const struct window *window, struct flush *flush)
{
    for (uint64_t i = 0; i < reference_cache_places(&machine->iotlb); i++) {
        struct reference_entry *entry = &machine->iotlb.entries[i];
        if (!entry->valid || !reference_overlap(reference_entry_range(entry), range))
            continue;
        entry->valid = false;
        flush->dropped++;
        if (!is_dirty_leaf_entry(machine, entry, window))
            flush->overreach++;
    }
    if (machine->model == REFERENCE_AMD_V1)
        drop_pointers(machine, range);
}

/* The domain, which is everything in this model: entries and pointers, on every vendor. */
static void drop_domain(struct reference_machine *machine, const struct window *window, struct flush *flush)
{
    struct reference_range everything = {0, UINT64_MAX};
    drop_range(machine, everything, window, flush);
    drop_pointers(machine, everything);
}

/* "the smallest naturally aligned power-of-two block holding the range"; *lg2 is 64 for everything. */
static struct reference_range power_of_two_block(struct reference_range range, unsigned *lg2)
{
    for (*lg2 = 12; *lg2 < 64; ++*lg2)
        if (range.first >> *lg2 == range.last >> *lg2) {
            uint64_t mask = (UINT64_C(1) << *lg2) - 1;
            return (struct reference_range){range.first & ~mask, range.last | mask};
        }
    return (struct reference_range){0, UINT64_MAX};
}

/* "while n > 0, s = index of lowest set bit of n, c = (n >> s) & 31, one command for c*2^s pages, n -= c*2^s"
 */
static uint64_t ril_commands(uint64_t pages)
{
    uint64_t commands = 0;

    while (pages > 0) {
        unsigned scale = 0;
        while ((pages >> scale & 1) == 0)
            scale++;
        pages -= (pages >> scale & 31) << scale;
        commands++;
    }
    return commands;
}

static void flush_by_range(struct reference_machine *machine, struct reference_range hull,
                           const struct window *window, struct flush *flush)
{
    const struct cell_config *config = machine->config;
    uint64_t bytes = hull.last - hull.first + 1; /* 0 would be all 2^64, which only amd can have */
    unsigned lg2;
    struct reference_range block = power_of_two_block(hull, &lg2);

    flush->syncs = 1;
    if (machine->model == REFERENCE_AMD_V1) {
        flush->commands = 1;
        drop_range(machine, block, window, flush);
    } else if (machine->model == REFERENCE_INTEL_SS) {
        flush->commands = 1;
        if (lg2 <= 12 + config->iommu.mamv)
            drop_range(machine, block, window, flush);
        else
            drop_domain(machine, window, flush);
    } else if (config->iommu.ril) {
        flush->commands = ril_commands(bytes >> machine->geometry.granule_lg2);
        drop_range(machine, hull, window, flush);
    } else {
        uint64_t pages = bytes >> config->mapping.page_sizes_lg2[0];
        if (pages < machine->geometry.entries_per_table) {
            flush->commands = pages;
            drop_range(machine, hull, window, flush);
        } else {
            flush->commands = 1;
            drop_domain(machine, window, flush);
        }
    }
}

/* One flush over the dirty leaves seen (whole leaves), as harvest.flush says; nothing dirty, no flush. */
static struct flush flush_dirty(struct reference_machine *machine, const struct window *window)
{
    struct flush flush = {0};
    if (window->dirty_count == 0)
        return flush;
    struct reference_range hull = {UINT64_MAX, 0};
    for (size_t i = 0; i < window->dirty_count; i++) {
        struct reference_range leaf = reference_leaf_range(&machine->leaves[window->dirty[i]]);
        hull.first = leaf.first < hull.first ? leaf.first : hull.first;
        hull.last = leaf.last > hull.last ? leaf.last : hull.last;
    }

    switch (machine->config->harvest.flush) {
    case FLUSH_NONE:
        break;
    case FLUSH_RANGE:
        flush_by_range(machine, hull, window, &flush);
        break;
    case FLUSH_LEAF:
        flush.commands = window->dirty_count;
        flush.syncs = 1;
        for (size_t i = 0; i < window->dirty_count; i++)
            drop_range(machine, reference_leaf_range(&machine->leaves[window->dirty[i]]), window, &flush);
        break;
    case FLUSH_DOMAIN:
    case FLUSH_GLOBAL:
        flush.commands = 1;
        flush.syncs = 1;
        drop_domain(machine, window, &flush);
        break;
    }
    return flush;
}

/* ---- start and stop ---- */

static void clear_on_start(struct reference_machine *machine)
{
    struct window window = {0};

    for (size_t r = 0; r < machine->range_count; r++) {
        size_t before = window.dirty_count;
        scan_tables(machine, machine->ranges[r], &window);
        find_dirty(machine, machine->ranges[r], &window);
        for (size_t i = before; i < window.dirty_count; i++) {
            reference_make_clean(machine, &machine->leaves[window.dirty[i]]);
            machine->metrics.toggle_cleared_entries++;
        }
    }
    machine->metrics.toggle_scanned_entries += window.entries;
    struct flush flush = flush_dirty(machine, &window);
    machine->metrics.toggle_commands += flush.commands;
    machine->metrics.toggle_syncs += flush.syncs;
    machine->metrics.toggle_invalidated += flush.dropped;
    free(window.dirty);
}

static void dbm_walk(struct reference_machine *machine, bool enable)
{
    struct window window = {0};

    for (size_t r = 0; r < machine->range_count; r++)
        scan_tables(machine, machine->ranges[r], &window);
    machine->metrics.toggle_scanned_entries += window.entries;
    for (size_t i = 0; i < machine->leaf_count; i++) {
        struct reference_leaf *leaf = &machine->leaves[i];
        bool overlaps = false;
        for (size_t r = 0; r < machine->range_count; r++)
            overlaps = overlaps || reference_overlap(reference_leaf_range(leaf), machine->ranges[r]);
        if (!overlaps)
            continue;
        leaf->dbm = enable;
        leaf->write_permission = !enable; /* clean at the start, plainly writable after the stop */
        machine->metrics.toggle_written_entries++;
    }
}

/* The enable row of the table, which is the disable row too. */
static void toggle_row(struct reference_machine *machine)
{
    struct metrics *metrics = &machine->metrics;
    uint64_t devices = metrics->device_count;

    if (machine->model == REFERENCE_AMD_V1) {
        metrics->context_updates += devices;
        metrics->toggle_commands += devices + 1;
        metrics->toggle_syncs += 1;
    } else if (machine->model == REFERENCE_INTEL_SS) {
        metrics->context_updates += devices;
        metrics->toggle_commands += 2 * devices;
        metrics->toggle_syncs += 2 * devices;
    } else if (machine->config->iommu.dbm == DBM_DYNAMIC) {
        metrics->context_updates += devices;
        metrics->toggle_commands += devices + 1;
        metrics->toggle_syncs += 1;
    } else {
        return;
    }
    struct window nothing = {0};
    struct flush flush = {0};
    drop_domain(machine, &nothing, &flush);
    metrics->toggle_invalidated += flush.dropped;
}

void reference_start(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;
    bool dynamic = reference_is_arm(machine) && config->iommu.dbm == DBM_DYNAMIC;

    if (machine->method == REFERENCE_HARDWARE) {
        if (config->tracking.clear_on_start && !dynamic)
            clear_on_start(machine);
        if (dynamic)
            dbm_walk(machine, true);
        toggle_row(machine);
        machine->hardware_on = true;
    }
    for (size_t i = 0; i < machine->page_count; i++)
        machine->pages[i].in_truth = false;
    machine->started = true;
}

void reference_stop(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    if (config->harvest.final)
        reference_harvest(machine, config->tracking.stop_ns);
    if (machine->method == REFERENCE_HARDWARE) {
        if (reference_is_arm(machine) && config->iommu.dbm == DBM_DYNAMIC)
            dbm_walk(machine, false);
        toggle_row(machine);
        machine->hardware_on = false;
    }
    machine->stopped = true;
}

/* ---- harvest ---- */

static void report_leaf(struct reference_machine *machine, const struct reference_leaf *leaf,
                        struct reference_range range)
{
    for (size_t i = 0; i < leaf->page_count; i++) {
        struct reference_page *page = &machine->pages[leaf->first_page + i];
        if (range.first <= page->iova && page->iova <= range.last)
            page->reported = true;
    }
}

static void harvest_window(struct reference_machine *machine, struct reference_range range,
                           struct interval *row)
{
    struct metrics *metrics = &machine->metrics;
    struct window window = {0};

    scan_tables(machine, range, &window);
    find_dirty(machine, range, &window);
    metrics->scanned_entries += window.entries;
    metrics->scanned_tables += window.tables;
    metrics->harvested_leaves += window.dirty_count;
    row->scanned_entries += window.entries;
    row->harvested_leaves += window.dirty_count;
    for (size_t i = 0; i < window.dirty_count; i++) {
        struct reference_leaf *leaf = &machine->leaves[window.dirty[i]];
        leaf->seen_dirty = true;
        report_leaf(machine, leaf, range);
        if (!machine->config->harvest.no_clear)
            reference_make_clean(machine, leaf); /* the whole leaf, also beyond the window */
    }
    if (!machine->config->harvest.no_clear) {
        struct flush flush = flush_dirty(machine, &window);
        metrics->cleared_entries += window.dirty_count;
        metrics->flushes += flush.commands > 0;
        metrics->flush_commands += flush.commands;
        metrics->flush_syncs += flush.syncs;
        metrics->iotlb_invalidated += flush.dropped;
        metrics->flush_overreach += flush.overreach;
        row->flush_commands += flush.commands;
    }
    free(window.dirty);
}

/* "in harvest.chunk windows counted from the start of the range (default: the whole range), ascending" */
static void harvest_hardware(struct reference_machine *machine, struct interval *row)
{
    uint64_t chunk = machine->config->harvest.chunk_bytes;

    for (size_t r = 0; r < machine->range_count; r++) {
        struct reference_range window = machine->ranges[r];
        for (;;) {
            if (chunk != 0 && machine->ranges[r].last - window.first >= chunk)
                window.last = window.first + (chunk - 1);
            else
                window.last = machine->ranges[r].last;
            harvest_window(machine, window, row);
            if (window.last == machine->ranges[r].last)
                break;
            window.first = window.last + 1;
        }
    }
}

/* "a reported page reports all tracked pages of its granule-aligned block" */
static void spread_granule(struct reference_machine *machine)
{
    uint64_t granule = machine->config->harvest.granule_bytes;

    for (size_t first = 0, next; first < machine->page_count; first = next) {
        bool any = false;
        uint64_t block = machine->pages[first].iova / granule;
        for (next = first; next < machine->page_count && machine->pages[next].iova / granule == block; next++)
            any = any || machine->pages[next].reported;
        for (size_t i = first; any && i < next; i++)
            if (machine->pages[i].tracked)
                machine->pages[i].reported = true;
    }
}

static bool leaf_holds_truth(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    for (size_t i = 0; i < leaf->page_count; i++)
        if (machine->pages[leaf->first_page + i].in_truth)
            return true;
    return false;
}

/* "Each false page has exactly one cause, the first that fits" */
static void count_false(struct reference_machine *machine, const struct reference_leaf *leaf,
                        bool holds_truth)
{
    struct metrics *metrics = &machine->metrics;

    if (machine->method == REFERENCE_ALL)
        metrics->false_untracked++;
    else if (!leaf->seen_dirty)
        metrics->false_granule++;
    else if (holds_truth || leaf->dirtied_by_write)
        metrics->false_leaf++;
    else
        metrics->false_residue++; /* mapped, and dirty, since before the first record */
}

/* Compares R with T, then T <- T \ R. */
static void judge(struct reference_machine *machine, struct interval *row)
{
    struct metrics *metrics = &machine->metrics;
    uint64_t missed_new = 0;

    for (size_t l = 0; l < machine->leaf_count; l++) {
        const struct reference_leaf *leaf = &machine->leaves[l];
        bool holds_truth = leaf_holds_truth(machine, leaf);
        for (size_t i = 0; i < leaf->page_count; i++) {
            struct reference_page *page = &machine->pages[leaf->first_page + i];
            row->reported_pages += page->reported;
            if (page->reported && page->in_truth) {
                row->true_pages++;
                row->late_pages += page->missed;
            } else if (page->reported) {
                row->false_pages++;
                count_false(machine, leaf, holds_truth);
            } else if (page->in_truth) {
                row->missed_pages++;
                missed_new += !page->missed;
                page->missed = true;
            }
        }
    }
    metrics->reported_pages += row->reported_pages;
    metrics->true_pages += row->true_pages;
    metrics->false_pages += row->false_pages;
    metrics->missed_pages += row->missed_pages;
    metrics->missed_new_pages += missed_new;
    metrics->late_pages += row->late_pages;
    for (size_t i = 0; i < machine->page_count; i++) {
        struct reference_page *page = &machine->pages[i];
        page->reported_last = page->reported;
        if (page->reported && !machine->config->harvest.no_clear)
            page->in_truth = false;
        page->reported = false;
    }
}

void reference_harvest(struct reference_machine *machine, uint64_t time_ns)
{
    struct metrics *metrics = &machine->metrics;
    struct interval row = {.time_ns = time_ns, .records = metrics->records};

    metrics->harvests++;
    switch (machine->method) {
    case REFERENCE_HARDWARE:
        harvest_hardware(machine, &row);
        break;
    case REFERENCE_ALL:
        for (size_t i = 0; i < machine->page_count; i++)
            machine->pages[i].reported = machine->pages[i].tracked;
        break;
    case REFERENCE_EXACT:
        for (size_t i = 0; i < machine->page_count; i++)
            machine->pages[i].reported = machine->pages[i].in_truth;
        break;
    case REFERENCE_NONE:
        break;
    }
    if (machine->method != REFERENCE_EXACT)
        spread_granule(machine);
    judge(machine, &row);
    for (size_t i = 0; i < machine->leaf_count; i++)
        machine->leaves[i].seen_dirty = false;

    row.iotlb_misses = metrics->iotlb_misses - machine->misses_at_last_row;
    machine->misses_at_last_row = metrics->iotlb_misses;
    machine->intervals = checked_realloc(machine->intervals, (machine->interval_count + 1) * sizeof(row));
    machine->intervals[machine->interval_count++] = row;
}

void reference_lost(struct reference_machine *machine)
{
    for (size_t i = 0; i < machine->page_count; i++) {
        const struct reference_page *page = &machine->pages[i];
        if (page->in_truth && !(machine->config->harvest.no_clear && page->reported_last))
            machine->metrics.lost_pages++;
    }
}
