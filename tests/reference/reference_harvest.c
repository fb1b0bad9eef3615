/* Start, stop and harvests: section 7. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

/* "visit every table that overlaps the window; each entry slot overlapping the window, at every level,
 * counts" */
void reference_scan_tables(const struct reference_machine *machine, const struct reference_domain *domain,
                        struct reference_range range, struct reference_window *window)
{
    for (size_t i = 0; i < domain->table_count; i++) {
        const struct reference_table *table = &domain->tables[i];
        if (!reference_overlap(table->span, range))
            continue;
        struct reference_range seen = reference_common(table->span, range);
        unsigned slot_lg2 = reference_entry_lg2(&machine->geometry, table->level);
        window->tables++;
        window->entries += (seen.last >> slot_lg2) - (seen.first >> slot_lg2) + 1;
    }
}

void reference_find_dirty(const struct reference_machine *machine, const struct reference_domain *domain,
                       struct reference_range range, bool in_ring, struct reference_window *window)
{
    for (size_t i = reference_first_leaf(domain, range.first); i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (leaf->iova > range.last)
            break;
        if (!reference_dirty(machine, leaf) || (in_ring && !reference_in_ring(domain, leaf)))
            continue;
        if (window->dirty_count == window->dirty_capacity) {
            window->dirty_capacity = 2 * window->dirty_capacity + 16;
            window->dirty =
                reference_allocate(window->dirty, window->dirty_capacity * sizeof(*window->dirty));
        }
        window->dirty[window->dirty_count++] = leaf;
    }
}

/* ---- start and stop ---- */

static void count_toggle_flush(struct reference_machine *machine, const struct reference_flush *flush)
{
    machine->metrics.toggle_commands += flush->commands;
    machine->metrics.toggle_syncs += flush->syncs;
    machine->metrics.toggle_invalidated += flush->dropped;
}

static void clear_on_start(struct reference_machine *machine, const struct reference_domain *domain)
{
    struct reference_range_list list = reference_take_ranges(machine, domain);
    struct reference_window window = {0};

    for (size_t r = 0; r < list.count; r++) {
        size_t before = window.dirty_count;
        reference_scan_tables(machine, domain, list.ranges[r], &window);
        reference_find_dirty(machine, domain, list.ranges[r], false, &window);
        for (size_t i = before; i < window.dirty_count; i++) {
            reference_make_clean(machine, window.dirty[i]);
            machine->metrics.toggle_cleared_entries += reference_leaf_entries(machine, window.dirty[i]);
        }
    }
    machine->metrics.toggle_scanned_entries += window.entries;
    struct reference_flush flush = reference_flush_dirty(machine, domain, &window);
    count_toggle_flush(machine, &flush);
    free(window.dirty);
    free(list.ranges);
}

/* "visits each tracked range once like a harvest; every writable leaf that overlaps one is set DBM=1 and
 * clean in one atomic write per entry"; at a stop it "restores DBM=0, writable". */
static void dbm_walk(struct reference_machine *machine, const struct reference_domain *domain, bool enable)
{
    struct reference_range_list list = reference_take_ranges(machine, domain);
    struct reference_window window = {0};

    for (size_t r = 0; r < list.count; r++)
        reference_scan_tables(machine, domain, list.ranges[r], &window);
    machine->metrics.toggle_scanned_entries += window.entries;
    for (size_t i = 0, r = 0; i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        struct reference_range range = reference_leaf_range(leaf);
        while (r < list.count && list.ranges[r].last < range.first)
            r++;
        if (!leaf->granted || r == list.count || !reference_overlap(range, list.ranges[r]))
            continue;
        leaf->dbm = enable;
        leaf->write_permission = !enable;
        machine->metrics.toggle_written_entries += reference_leaf_entries(machine, leaf);
    }
    free(list.ranges);
}

/* The enable row of the table, which is the disable row too, but on riscv. */
static void toggle_row(struct reference_machine *machine, const struct reference_domain *domain, bool enable)
{
    struct metrics *metrics = &machine->metrics;
    struct reference_flush flush = {.commands = domain->devices + 1, .syncs = 1};

    if (machine->model == REFERENCE_RISCV_G && !enable)
        return;
    if (reference_is_arm(machine) && machine->config->iommu.dbm != DBM_DYNAMIC)
        return;
    if (machine->model == REFERENCE_INTEL_SS) {
        flush.commands = 2 * domain->devices;
        flush.syncs = 2 * domain->devices;
    }
    metrics->context_updates += domain->devices;
    reference_drop_domain(machine, domain, false, &flush);
    count_toggle_flush(machine, &flush);
}

void reference_start(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;
    bool dynamic = reference_is_arm(machine) && config->iommu.dbm == DBM_DYNAMIC;

    for (unsigned d = 0; reference_uses_hardware(machine) && d < machine->domain_count; d++) {
        if (config->tracking.split == SPLIT_START)
            reference_split_at_start(machine, &machine->domains[d]);
        if (config->tracking.clear_on_start && !dynamic)
            clear_on_start(machine, &machine->domains[d]);
        if (dynamic)
            dbm_walk(machine, &machine->domains[d], true);
        toggle_row(machine, &machine->domains[d], true);
    }
    for (unsigned d = 0; machine->method == REFERENCE_WRITE_PROTECT && d < machine->domain_count; d++)
        reference_protect_domain(machine, &machine->domains[d], true);
    if (machine->method == REFERENCE_DEVICE)
        reference_start_device_logs(machine);
    machine->hardware_on = reference_uses_hardware(machine);
    machine->started = true; /* T is empty: nothing enters it before */
}

void reference_stop(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    if (config->harvest.final && !machine->harvested_since_record && config->harvest.timing == TIMING_INSTANT)
        reference_harvest(machine, config->tracking.stop_ns);
    for (unsigned d = 0; machine->method == REFERENCE_WRITE_PROTECT && d < machine->domain_count; d++)
        reference_protect_domain(machine, &machine->domains[d], false);
    for (unsigned d = 0; reference_uses_hardware(machine) && d < machine->domain_count; d++) {
        if (reference_is_arm(machine) && config->iommu.dbm == DBM_DYNAMIC)
            dbm_walk(machine, &machine->domains[d], false);
        toggle_row(machine, &machine->domains[d], false);
    }
    /* "riscv leaves GADE on (clean leaves would fault)" */
    machine->hardware_on = machine->hardware_on && machine->model == REFERENCE_RISCV_G;
    machine->stopped = true;
}

/* ---- harvest ---- */

static void report(struct reference_leaf *leaf, struct reference_range range)
{
    struct reference_range part = reference_common(reference_leaf_range(leaf), range);

    for (uint64_t page = part.first / REFERENCE_PAGE_BYTES; page <= part.last / REFERENCE_PAGE_BYTES; page++)
        reference_page(leaf, page * REFERENCE_PAGE_BYTES)->reported = true;
}

/* What a window does besides reporting the pages of its dirty leaves. */
struct manner {
    bool scans, clears, in_ring;
};

/* "after the flush of each harvest window, every leaf harvested in it" */
static void split_window(struct reference_machine *machine, struct reference_domain *domain,
                         const struct reference_window *window)
{
    uint64_t *addresses = reference_allocate(NULL, (window->dirty_count + 1) * sizeof(*addresses));

    for (size_t i = 0; i < window->dirty_count; i++)
        addresses[i] = window->dirty[i]->iova;
    for (size_t i = 0; i < window->dirty_count; i++)
        reference_split_leaf(machine, domain, addresses[i]);
    free(addresses);
}

static void harvest_window(struct reference_machine *machine, struct reference_domain *domain,
                           struct reference_range range, struct manner manner, struct interval *row)
{
    struct metrics *metrics = &machine->metrics;
    struct reference_window window = {0};

    if (manner.scans)
        reference_scan_tables(machine, domain, range, &window);
    reference_find_dirty(machine, domain, range, manner.in_ring, &window);
    metrics->scanned_entries += window.entries;
    metrics->scanned_tables += window.tables;
    metrics->harvested_leaves += window.dirty_count;
    row->scanned_entries += window.entries;
    row->harvested_leaves += window.dirty_count;
    for (size_t i = 0; i < window.dirty_count; i++) {
        window.dirty[i]->seen_dirty = true;
        report(window.dirty[i], range);
        if (!manner.clears)
            continue;
        reference_make_clean(machine, window.dirty[i]); /* the whole leaf, also beyond the window */
        metrics->cleared_entries += reference_leaf_entries(machine, window.dirty[i]);
    }
    if (manner.clears) {
        struct reference_flush flush = reference_flush_dirty(machine, domain, &window);
        metrics->flushes += flush.commands > 0;
        metrics->flush_commands += flush.commands;
        metrics->flush_syncs += flush.syncs;
        metrics->iotlb_invalidated += flush.dropped;
        metrics->flush_overreach += flush.overreach;
        row->flush_commands += flush.commands;
        if (machine->config->tracking.split == SPLIT_DIRTY)
            split_window(machine, domain, &window);
    }
    free(window.dirty);
}

/* "in harvest.chunk windows counted from the start of the range (default: the whole range), ascending" */
static void harvest_range(struct reference_machine *machine, struct reference_domain *domain,
                          struct reference_range range, struct manner manner, struct interval *row)
{
    uint64_t chunk = machine->config->harvest.chunk_bytes;
    struct reference_range window = range;

    for (;;) {
        if (chunk != 0 && range.last - window.first >= chunk)
            window.last = window.first + (chunk - 1);
        else
            window.last = range.last;
        harvest_window(machine, domain, window, manner, row);
        if (window.last == range.last)
            break;
        window.first = window.last + 1;
    }
}

/* How the method reads dirty leaves of a domain now: by scanning, from marks or from the ring. */
static struct manner manner_of(const struct reference_machine *machine, const struct reference_domain *domain,
                               bool clears)
{
    struct manner manner = {.scans = machine->method == REFERENCE_HARDWARE, .clears = clears};

    if (machine->method == REFERENCE_LOG) {
        manner.scans = domain->ring_overflowed && machine->config->log.overflow == LOG_SCAN;
        manner.in_ring = !domain->ring_overflowed;
    }
    return manner;
}

/* "every harvest reports every tracked page" */
static void report_all(struct reference_domain *domain, struct reference_range range)
{
    for (size_t i = reference_first_leaf(domain, range.first);
         i < domain->leaf_count && domain->leaves[i].iova <= range.last; i++)
        report(&domain->leaves[i], range);
}

/* "reports exactly T": of the pages in this range. */
static void report_truth(struct reference_domain *domain, struct reference_range range)
{
    for (size_t i = reference_first_leaf(domain, range.first);
         i < domain->leaf_count && domain->leaves[i].iova <= range.last; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (leaf->pages == NULL)
            continue;
        struct reference_range part = reference_common(reference_leaf_range(leaf), range);
        for (uint64_t page = part.first / REFERENCE_PAGE_BYTES; page <= part.last / REFERENCE_PAGE_BYTES;
             page++) {
            struct reference_page *state = reference_page(leaf, page * REFERENCE_PAGE_BYTES);
            state->reported = state->in_truth;
        }
    }
}

/* "A harvest reads the ring instead of scanning (`log_drained`)"; "`log.overflow: scan` (default): the next harvest scans as
 * `hardware` does (`log_overflows`+1, log_drained 0); `all`: it clears every dirty tracked leaf without scanning, flushes,
 * reports every tracked page (`log_overflows`+1)"; "no_clear reads and counts but keeps ring and overflow" */
static void finish_ring(struct reference_machine *machine, struct reference_domain *domain)
{
    if (domain->ring_overflowed)
        machine->metrics.log_overflows++;
    else
        machine->metrics.log_drained += domain->ring_count;
    if (machine->config->harvest.no_clear)
        return;
    domain->ring_count = 0;
    domain->ring_overflowed = false;
}

static void read_range(struct reference_machine *machine, struct reference_domain *domain,
                       struct reference_range range, bool whole, bool clears, struct interval *row)
{
    struct manner manner = manner_of(machine, domain, clears);

    switch (machine->method) {
    case REFERENCE_HARDWARE:
    case REFERENCE_WRITE_PROTECT:
    case REFERENCE_LOG:
        if (whole)
            harvest_window(machine, domain, range, manner, row);
        else
            harvest_range(machine, domain, range, manner, row);
        if (domain->reports_all)
            report_all(domain, range);
        break;
    case REFERENCE_ALL:
        report_all(domain, range);
        break;
    case REFERENCE_EXACT:
        report_truth(domain, range);
        break;
    case REFERENCE_DEVICE:
    case REFERENCE_NONE:
        break;
    }
}

static void harvest_domain(struct reference_machine *machine, unsigned d, struct interval *row)
{
    struct reference_domain *domain = &machine->domains[d];
    struct reference_range_list list = reference_take_ranges(machine, domain);

    domain->reports_all = domain->ring_overflowed && machine->config->log.overflow == LOG_ALL;
    for (size_t r = 0; r < list.count; r++)
        read_range(machine, domain, list.ranges[r], false, !machine->config->harvest.no_clear, row);
    if (machine->method == REFERENCE_LOG)
        finish_ring(machine, domain);
    if (machine->method == REFERENCE_DEVICE)
        reference_report_device_logs(machine, d, NULL);
    if (machine->method != REFERENCE_EXACT)
        reference_spread_granule(machine, domain, NULL);
    free(list.ranges);
}

void reference_add_row(struct reference_machine *machine, const struct interval *row)
{
    machine->intervals = reference_allocate(machine->intervals, (machine->interval_count + 1) * sizeof(*row));
    machine->intervals[machine->interval_count++] = *row;
}

uint64_t reference_harvest(struct reference_machine *machine, uint64_t time_ns)
{
    struct metrics *metrics = &machine->metrics;
    struct interval row = {.time_ns = time_ns, .records = metrics->records};

    metrics->harvests++;
    for (unsigned d = 0; d < machine->domain_count; d++)
        harvest_domain(machine, d, &row);
    for (unsigned d = 0; d < machine->domain_count; d++)
        reference_judge(machine, &machine->domains[d], false, &row);
    if (machine->method == REFERENCE_DEVICE) {
        metrics->device_log_entries += reference_device_log_entries(machine);
        if (!machine->config->harvest.no_clear)
            reference_drain_device_logs(machine);
    }

    row.iotlb_misses = metrics->iotlb_misses - machine->misses_at_last_row;
    machine->misses_at_last_row = metrics->iotlb_misses;
    row.written_pages = metrics->written_pages - machine->written_at_last_row;
    machine->written_at_last_row = metrics->written_pages;
    reference_add_row(machine, &row);
    machine->harvested_since_record = true;
    return row.reported_pages;
}

/* "first reads (no_clear) the record's range cut with each tracked range, one window per piece (`granule`
 * does not spread beyond them)" */
void reference_read_before_unmap(struct reference_machine *machine, struct reference_domain *domain,
                                 struct reference_range range)
{
    struct reference_range_list list = reference_take_ranges(machine, domain), pieces = {0};
    struct interval row = {0}; /* "it is not in intervals" */

    for (size_t r = 0; r < list.count; r++)
        if (reference_overlap(list.ranges[r], range)) {
            struct reference_range piece = reference_common(list.ranges[r], range);
            reference_add_range(&pieces, piece.first, piece.last);
        }
    /* "device log and ring are read but kept, and not counted" */
    domain->reports_all = domain->ring_overflowed && machine->config->log.overflow == LOG_ALL;
    for (size_t p = 0; p < pieces.count; p++)
        read_range(machine, domain, pieces.ranges[p], true, false, &row);
    if (machine->method == REFERENCE_DEVICE)
        reference_report_device_logs(machine, domain->index, &pieces);
    if (machine->method != REFERENCE_EXACT)
        reference_spread_granule(machine, domain, &pieces);
    reference_judge(machine, domain, true, &row);
    free(list.ranges);
    free(pieces.ranges);
}
