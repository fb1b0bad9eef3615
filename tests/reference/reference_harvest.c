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

void reference_add_dirty(struct reference_window *window, struct reference_leaf *leaf)
{
    if (window->dirty_count == window->dirty_capacity) {
        window->dirty_capacity = 2 * window->dirty_capacity + 16;
        window->dirty = reference_allocate(window->dirty, window->dirty_capacity * sizeof(*window->dirty));
    }
    window->dirty[window->dirty_count++] = leaf;
}

static void find_dirty(const struct reference_machine *machine, const struct reference_domain *domain,
                       enum reference_reading reading, struct reference_range range,
                       struct reference_window *window)
{
    for (size_t i = reference_first_leaf(domain, range.first); i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (leaf->iova > range.last)
            break;
        if (!reference_reportable(machine, leaf) ||
            (reading == REFERENCE_RING && !reference_ring_holds(domain, leaf->iova)))
            continue;
        reference_add_dirty(window, leaf);
    }
}

/* ---- start and stop ---- */

void reference_count_toggle_flush(struct reference_machine *machine, const struct reference_flush *flush)
{
    machine->metrics.toggle_commands += flush->commands;
    machine->metrics.toggle_syncs += flush->syncs;
    machine->metrics.toggle_invalidated += flush->dropped;
}

void reference_toggle_scan(struct reference_machine *machine, const struct reference_domain *domain)
{
    struct reference_range_list list = reference_take_ranges(machine, domain);
    struct reference_window window = {0};

    for (size_t r = 0; r < list.count; r++)
        reference_scan_tables(machine, domain, list.ranges[r], &window);
    machine->metrics.toggle_scanned_entries += window.entries;
    free(list.ranges);
}

static void clear_on_start(struct reference_machine *machine, const struct reference_domain *domain)
{
    struct reference_range_list list = reference_take_ranges(machine, domain);
    struct reference_window window = {0};

    for (size_t r = 0; r < list.count; r++) {
        size_t before = window.dirty_count;
        reference_scan_tables(machine, domain, list.ranges[r], &window);
        find_dirty(machine, domain, REFERENCE_SCAN, list.ranges[r], &window);
        for (size_t i = before; i < window.dirty_count; i++) {
            reference_make_clean(machine, window.dirty[i]);
            machine->metrics.toggle_cleared_entries += reference_leaf_entries(machine, window.dirty[i]);
        }
    }
    machine->metrics.toggle_scanned_entries += window.entries;
    struct reference_flush flush = reference_flush_dirty(machine, domain, &window, false);
    reference_count_toggle_flush(machine, &flush);
    free(window.dirty);
    free(list.ranges);
}

/* "visits each tracked range once like a harvest; every writable leaf that overlaps one is set DBM=1 and
 * clean in one atomic write per entry"; at a stop it "restores DBM=0, writable". */
static void dbm_walk(struct reference_machine *machine, struct reference_domain *domain, bool enable)
{
    reference_toggle_scan(machine, domain);
    for (size_t i = 0; i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (!leaf->granted || !reference_overlaps_ranges(machine, leaf))
            continue;
        leaf->dbm = enable;
        leaf->write_permission = !enable;
        machine->metrics.toggle_written_entries += reference_leaf_entries(machine, leaf);
    }
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
    reference_count_toggle_flush(machine, &flush);
}

void reference_start(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;
    bool dynamic = reference_is_arm(machine) && config->iommu.dbm == DBM_DYNAMIC;

    for (unsigned d = 0; reference_uses_hardware(machine) && d < machine->domain_count; d++) {
        reference_split_at_start(machine, &machine->domains[d]);
        if (config->tracking.clear_on_start && !dynamic)
            clear_on_start(machine, &machine->domains[d]);
        if (dynamic)
            dbm_walk(machine, &machine->domains[d], true);
        toggle_row(machine, &machine->domains[d], true);
    }
    for (unsigned d = 0; machine->method == REFERENCE_WRITE_PROTECT && d < machine->domain_count; d++)
        reference_protect(machine, &machine->domains[d], true);
    for (unsigned d = 0; machine->method == REFERENCE_DEVICE && d < machine->domain_count; d++)
        reference_device_logs_start(machine, &machine->domains[d]);
    machine->hardware_on = reference_uses_hardware(machine);
    machine->started = true; /* T is empty: nothing enters it before */
}

void reference_disable(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    for (unsigned d = 0; reference_uses_hardware(machine) && d < machine->domain_count; d++) {
        if (reference_is_arm(machine) && config->iommu.dbm == DBM_DYNAMIC)
            dbm_walk(machine, &machine->domains[d], false);
        toggle_row(machine, &machine->domains[d], false);
    }
    for (unsigned d = 0; machine->method == REFERENCE_WRITE_PROTECT && d < machine->domain_count; d++)
        reference_protect(machine, &machine->domains[d], false);
    /* "riscv leaves GADE on (clean leaves would fault)" */
    machine->hardware_on = machine->hardware_on && machine->model == REFERENCE_RISCV_G;
}

void reference_stop(struct reference_machine *machine)
{
    if (machine->config->harvest.timing == TIMING_TIMED) {
        reference_timed_stop(machine);
        return;
    }
    if (machine->config->harvest.final && !machine->harvested_since_record)
        reference_harvest(machine, machine->config->tracking.stop_ns);
    reference_disable(machine);
    machine->stopped = true;
}

/* ---- harvest ---- */

void reference_count_harvest_flush(struct reference_machine *machine, const struct reference_flush *flush,
                                   struct interval *row)
{
    machine->metrics.flushes += flush->commands > 0;
    machine->metrics.flush_commands += flush->commands;
    machine->metrics.flush_syncs += flush->syncs;
    machine->metrics.iotlb_invalidated += flush->dropped;
    machine->metrics.flush_overreach += flush->overreach;
    row->flush_commands += flush->commands;
}

static void harvest_window(struct reference_machine *machine, struct reference_domain *domain,
                           struct reference_range range, bool clear, struct interval *row)
{
    struct metrics *metrics = &machine->metrics;
    enum reference_reading reading = reference_reading_of(machine, domain);
    struct reference_window window = {0};

    if (reading == REFERENCE_SCAN)
        reference_scan_tables(machine, domain, range, &window);
    find_dirty(machine, domain, reading, range, &window);
    metrics->scanned_entries += window.entries;
    metrics->scanned_tables += window.tables;
    metrics->harvested_leaves += window.dirty_count;
    row->scanned_entries += window.entries;
    row->harvested_leaves += window.dirty_count;
    for (size_t i = 0; i < window.dirty_count; i++) {
        window.dirty[i]->seen_dirty = true;
        window.dirty[i]->seen_cause = window.dirty[i]->cause;
        window.dirty[i]->held_truth = reference_holds_truth(window.dirty[i]);
        reference_report(window.dirty[i], range);
        if (!clear)
            continue;
        reference_make_clean(machine, window.dirty[i]); /* the whole leaf, also beyond the window */
        metrics->cleared_entries += reference_leaf_entries(machine, window.dirty[i]);
    }
    if (clear) {
        struct reference_flush flush = reference_flush_dirty(machine, domain, &window, false);
        reference_count_harvest_flush(machine, &flush, row);
        reference_split_harvested(machine, domain, &window);
    }
    free(window.dirty);
}

/* "in harvest.chunk windows counted from the start of the range (default: the whole range), ascending" */
bool reference_next_window(const struct reference_machine *machine, struct reference_range range,
                           struct reference_range *window)
{
    uint64_t chunk = machine->config->harvest.chunk_bytes;

    if (window->first <= window->last && window->last == range.last)
        return false;
    window->first = window->first > window->last ? range.first : window->last + 1;
    if (chunk != 0 && range.last - window->first >= chunk)
        window->last = window->first + (chunk - 1);
    else
        window->last = range.last;
    return true;
}

static void harvest_range(struct reference_machine *machine, struct reference_domain *domain,
                          struct reference_range range, struct interval *row)
{
    struct reference_range window = {1, 0};

    while (reference_next_window(machine, range, &window))
        harvest_window(machine, domain, window, !machine->config->harvest.no_clear, row);
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

/* "the method is `all`, or `log` overflowed with `overflow: all`" */
static bool reports_everything(const struct reference_machine *machine, const struct reference_domain *domain)
{
    return machine->method == REFERENCE_ALL || (machine->method == REFERENCE_LOG && domain->ring_overflowed &&
                                                machine->config->log.overflow == LOG_ALL);
}

/* What is not found by visiting leaves. */
static void read_others(const struct reference_machine *machine, struct reference_domain *domain,
                        const struct reference_range_list *ranges)
{
    domain->reports_everything = reports_everything(machine, domain);
    for (size_t r = 0; r < ranges->count; r++) {
        if (domain->reports_everything)
            reference_report_mapped(domain, ranges->ranges[r]);
        if (machine->method == REFERENCE_EXACT)
            report_truth(domain, ranges->ranges[r]);
    }
    if (machine->method == REFERENCE_DEVICE)
        reference_device_logs_read(machine, domain, ranges);
}

static void harvest_domain(struct reference_machine *machine, struct reference_domain *domain,
                           struct interval *row)
{
    struct reference_range_list list = reference_take_ranges(machine, domain);

    if (reference_reading_of(machine, domain) != REFERENCE_NO_LEAVES)
        for (size_t r = 0; r < list.count; r++)
            harvest_range(machine, domain, list.ranges[r], row);
    read_others(machine, domain, &list);
    if (machine->method == REFERENCE_DEVICE)
        reference_device_logs_drain(machine, domain);
    if (machine->method == REFERENCE_LOG)
        reference_ring_drain(machine, domain);
    if (machine->method != REFERENCE_EXACT)
        reference_spread_granule(machine, domain, NULL);
    free(list.ranges);
}

struct interval reference_begin_row(struct reference_machine *machine, uint64_t time_ns)
{
    struct metrics *metrics = &machine->metrics;
    struct interval row = {.time_ns = time_ns,
                           .records = metrics->records,
                           .iotlb_misses = metrics->iotlb_misses - machine->misses_at_last_row,
                           .written_pages = metrics->written_pages - machine->written_at_last_row};

    machine->misses_at_last_row = metrics->iotlb_misses;
    machine->written_at_last_row = metrics->written_pages;
    machine->harvested_since_record = true;
    metrics->harvests++;
    return row;
}

void reference_end_row(struct reference_machine *machine, const struct interval *row)
{
    machine->intervals = reference_allocate(machine->intervals, (machine->interval_count + 1) * sizeof(*row));
    machine->intervals[machine->interval_count++] = *row;
}

void reference_harvest(struct reference_machine *machine, uint64_t time_ns)
{
    if (machine->config->harvest.timing == TIMING_TIMED) {
        reference_timed_harvest(machine, time_ns);
        return;
    }
    struct interval row = reference_begin_row(machine, time_ns);
    for (unsigned d = 0; d < machine->domain_count; d++)
        harvest_domain(machine, &machine->domains[d], &row);
    for (unsigned d = 0; d < machine->domain_count; d++)
        reference_judge(machine, &machine->domains[d], false, &row);
    reference_end_row(machine, &row);
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
    if (reference_reading_of(machine, domain) != REFERENCE_NO_LEAVES)
        for (size_t p = 0; p < pieces.count; p++)
            harvest_window(machine, domain, pieces.ranges[p], false, &row);
    read_others(machine, domain, &pieces); /* "device log and ring are read but kept, and not counted" */
    if (machine->method != REFERENCE_EXACT)
        reference_spread_granule(machine, domain, &pieces);
    reference_judge(machine, domain, true, &row);
    free(list.ranges);
    free(pieces.ranges);
}
