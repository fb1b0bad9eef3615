/* Harvests that take time: section 13. A harvest is a list of steps, each at its time. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

/* One leaf of the window, by how many slots are read before its first. */
struct reading {
    uint64_t slots_before;
    size_t leaf;
};

struct stretch {
    unsigned domain;
    struct reference_range range;
};

struct reference_timed {
    reference_wide begin_ps;
    struct interval row;
    struct stretch *windows; /* of all domains and ranges, in order */
    size_t window_count, at;

    /* the window under way */
    bool open;
    reference_wide window_ps; /* t_w */
    reference_wide flush_ps;  /* t_f, once the reading is over */
    bool read;
    struct reading *readings;
    size_t reading_count, next;
    uint64_t slots, tables, cleared, reported_pages;
    struct reference_window dirty;
    enum reference_cause *causes; /* of the dirty ones, when they were read */
    bool *held_truth;
};

/* ---- windows ---- */

static void add_windows(struct reference_timed *timed, unsigned domain, struct reference_range range,
                        uint64_t chunk)
{
    struct reference_range window = range;

    for (;;) {
        window.last = chunk != 0 && range.last - window.first >= chunk ? window.first + (chunk - 1) : range.last;
        timed->windows =
            reference_allocate(timed->windows, (timed->window_count + 1) * sizeof(*timed->windows));
        timed->windows[timed->window_count++] = (struct stretch){domain, window};
        if (window.last == range.last)
            return;
        window.first = window.last + 1;
    }
}

void reference_timed_begin(struct reference_machine *machine, reference_wide begin_ps, uint64_t time_ns)
{
    struct reference_timed *timed = calloc(1, sizeof(*timed));
    struct metrics *metrics = &machine->metrics;

    if (timed == NULL)
        abort();
    timed->begin_ps = timed->window_ps = begin_ps;
    timed->row = (struct interval){.time_ns = time_ns,
                                   .records = metrics->records,
                                   .iotlb_misses = metrics->iotlb_misses - machine->misses_at_last_row,
                                   .written_pages = metrics->written_pages - machine->written_at_last_row};
    machine->misses_at_last_row = metrics->iotlb_misses;
    machine->written_at_last_row = metrics->written_pages;
    metrics->harvests++;
    machine->harvested_since_record = true;
    machine->timed = timed;
    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_range_list list = reference_take_ranges(machine, &machine->domains[d]);
        for (size_t r = 0; r < list.count; r++)
            add_windows(timed, d, list.ranges[r], machine->config->harvest.chunk_bytes);
        free(list.ranges);
    }
}

/* "Its slots are read in ascending order of the first address they cover (window borders do not cut that), upper levels
 * before lower ones": those of the window before the first one of this leaf that overlaps the window. */
static uint64_t slots_before(const struct reference_machine *machine, const struct reference_domain *domain,
                             struct reference_range window, const struct reference_leaf *leaf)
{
    const struct reference_geometry *geometry = &machine->geometry;
    unsigned leaf_lg2 = reference_entry_lg2(geometry, leaf->level);
    uint64_t first = leaf->iova > window.first ? leaf->iova : window.first, count = 0;

    first = first >> leaf_lg2 << leaf_lg2; /* of the slot */
    for (size_t i = 0; i < domain->table_count; i++) {
        const struct reference_table *table = &domain->tables[i];
        if (!reference_overlap(table->span, window))
            continue;
        struct reference_range seen = reference_common(table->span, window);
        unsigned slot_lg2 = reference_entry_lg2(geometry, table->level);
        for (uint64_t slot = seen.first >> slot_lg2; slot <= seen.last >> slot_lg2; slot++) {
            uint64_t address = slot << slot_lg2;
            if (address > first)
                break;
            count += address < first || table->level > leaf->level;
        }
    }
    return count;
}

static int compare_readings(const void *left, const void *right)
{
    const struct reading *a = left, *b = right;
    return a->slots_before < b->slots_before ? -1 : a->slots_before > b->slots_before;
}

static void mark_pages(struct reference_domain *domain, struct reference_range window)
{
    for (size_t l = reference_first_leaf(domain, window.first);
         l < domain->leaf_count && domain->leaves[l].iova <= window.last; l++) {
        struct reference_leaf *leaf = &domain->leaves[l];
        struct reference_range part = reference_common(reference_leaf_range(leaf), window);
        for (uint64_t page = part.first / REFERENCE_PAGE_BYTES;
             leaf->pages != NULL && page <= part.last / REFERENCE_PAGE_BYTES; page++) {
            struct reference_page *state = reference_page(leaf, page * REFERENCE_PAGE_BYTES);
            state->truth_then = state->in_truth;
            state->written_then = state->in_written;
        }
    }
}

static void open_window(struct reference_machine *machine, struct reference_timed *timed)
{
    const struct stretch *stretch = &timed->windows[timed->at];
    struct reference_domain *domain = &machine->domains[stretch->domain];
    struct reference_window scan = {0};

    timed->open = true;
    timed->read = false;
    timed->next = timed->reading_count = 0;
    timed->cleared = timed->reported_pages = 0;
    timed->dirty.dirty_count = 0;
    reference_scan_tables(machine, domain, stretch->range, &scan);
    timed->slots = scan.entries;
    timed->tables = scan.tables;
    for (size_t l = reference_first_leaf(domain, stretch->range.first);
         l < domain->leaf_count && domain->leaves[l].iova <= stretch->range.last; l++) {
        timed->readings =
            reference_allocate(timed->readings, (timed->reading_count + 1) * sizeof(*timed->readings));
        timed->readings[timed->reading_count++] =
            (struct reading){slots_before(machine, domain, stretch->range, &domain->leaves[l]), l};
    }
    if (timed->reading_count > 1)
        qsort(timed->readings, timed->reading_count, sizeof(*timed->readings), compare_readings);
    mark_pages(domain, stretch->range);
}

/* ---- copying ---- */

/* "When it is copied a page is judged (8: true or false, cause, late) and leaves T. A page of W leaves W when it is copied,
 * and then counts caught_pages" */
static void copy_leaf(struct reference_machine *machine, struct reference_timed *timed, size_t index)
{
    const struct stretch *stretch = &timed->windows[timed->at];
    struct reference_domain *domain = &machine->domains[stretch->domain];
    struct reference_leaf *leaf = timed->dirty.dirty[index];
    struct reference_range part = reference_common(reference_leaf_range(leaf), stretch->range);
    struct metrics *metrics = &machine->metrics;
    struct reference_leaf then = *leaf; /* as it was read */
    bool holds_truth = false;

    then.cause = timed->causes[index];
    then.seen_dirty = true;
    for (size_t i = 0; leaf->pages != NULL && i < (size_t)1 << (leaf->lg2 - 12); i++)
        holds_truth = holds_truth || leaf->pages[i].in_truth || leaf->pages[i].taken;
    for (uint64_t page = part.first / REFERENCE_PAGE_BYTES; page <= part.last / REFERENCE_PAGE_BYTES; page++) {
        struct reference_page *state = reference_page(leaf, page * REFERENCE_PAGE_BYTES);
        metrics->reported_pages++;
        timed->row.reported_pages++;
        timed->reported_pages++;
        if (state->in_truth) {
            metrics->true_pages++;
            timed->row.true_pages++;
            metrics->late_pages += state->missed;
            timed->row.late_pages += state->missed;
            state->taken = true;
        } else {
            metrics->false_pages++;
            timed->row.false_pages++;
            reference_count_false(machine, domain, &then, holds_truth);
        }
        metrics->caught_pages += state->in_written;
        timed->row.caught_pages += state->in_written;
        state->in_truth = state->in_written = state->written_then = state->truth_then = false;
    }
}

/* "Missed are pages of the window that were in T at t_w, whose leaf was not harvested in the window, and that are in T at
 * t_f"; "the window's other pages that were in W at t_w leave it at t_f" */
static void settle_window(struct reference_machine *machine, struct reference_timed *timed)
{
    const struct stretch *stretch = &timed->windows[timed->at];
    struct reference_domain *domain = &machine->domains[stretch->domain];

    for (size_t l = reference_first_leaf(domain, stretch->range.first);
         l < domain->leaf_count && domain->leaves[l].iova <= stretch->range.last; l++) {
        struct reference_leaf *leaf = &domain->leaves[l];
        struct reference_range part = reference_common(reference_leaf_range(leaf), stretch->range);
        bool harvested = false;
        for (size_t i = 0; i < timed->dirty.dirty_count; i++)
            harvested = harvested || timed->dirty.dirty[i] == leaf;
        for (uint64_t page = part.first / REFERENCE_PAGE_BYTES;
             leaf->pages != NULL && page <= part.last / REFERENCE_PAGE_BYTES; page++) {
            struct reference_page *state = reference_page(leaf, page * REFERENCE_PAGE_BYTES);
            if (state->truth_then && !harvested && state->in_truth) {
                machine->metrics.missed_pages++;
                timed->row.missed_pages++;
                machine->metrics.missed_new_pages += !state->missed;
                state->missed = true;
            }
            if (state->written_then)
                state->in_written = false;
            state->truth_then = state->written_then = false;
        }
    }
}

/* ---- steps ---- */

/* "Dirty then: it is harvested, its pages in the window are reported, and it is cleaned, in that instant" */
static void read_leaf(struct reference_machine *machine, struct reference_timed *timed, size_t l)
{
    const struct stretch *stretch = &timed->windows[timed->at];
    struct reference_leaf *leaf = &machine->domains[stretch->domain].leaves[l];
    struct reference_window *dirty = &timed->dirty;
    uint64_t entries = reference_leaf_entries(machine, leaf);

    if (!reference_dirty(machine, leaf))
        return;
    if (dirty->dirty_count == dirty->dirty_capacity) {
        dirty->dirty_capacity = 2 * dirty->dirty_capacity + 16;
        dirty->dirty = reference_allocate(dirty->dirty, dirty->dirty_capacity * sizeof(*dirty->dirty));
        timed->causes = reference_allocate(timed->causes, dirty->dirty_capacity * sizeof(*timed->causes));
    }
    timed->causes[dirty->dirty_count] = leaf->cause;
    dirty->dirty[dirty->dirty_count++] = leaf;
    machine->metrics.harvested_leaves++;
    timed->row.harvested_leaves++;
    reference_make_clean(machine, leaf);
    leaf->sneaks = true;
    timed->cleared += entries;
    machine->metrics.cleared_entries += entries;
    if (machine->config->harvest.copy == COPY_AT_READ)
        copy_leaf(machine, timed, dirty->dirty_count - 1);
}

/* "t_r = t_w + slots*scan_entry + cleared*clear_entry"; "t_f = t_r + commands*command + syncs*sync + atc commands *
 * atc_command" */
static void end_reading(struct reference_machine *machine, struct reference_timed *timed)
{
    const struct cost_model *cost = &machine->config->cost;
    const struct reference_domain *domain = &machine->domains[timed->windows[timed->at].domain];
    uint64_t atc_commands = machine->metrics.atc_commands;

    timed->read = true;
    machine->metrics.scanned_entries += timed->slots;
    machine->metrics.scanned_tables += timed->tables;
    timed->row.scanned_entries += timed->slots;
    timed->flush_ps = timed->window_ps + (reference_wide)timed->slots * cost->scan_entry_ps +
                      (reference_wide)timed->cleared * cost->clear_entry_ps;
    machine->count_only = true;
    struct reference_flush flush = reference_flush_dirty(machine, domain, &timed->dirty);
    machine->count_only = false;
    atc_commands = machine->metrics.atc_commands - atc_commands;
    machine->metrics.atc_commands -= atc_commands;
    timed->flush_ps += (reference_wide)flush.commands * cost->command_ps +
                       (reference_wide)flush.syncs * cost->sync_ps +
                       (reference_wide)atc_commands * cost->atc_command_ps;
}

static void close_window(struct reference_machine *machine, struct reference_timed *timed)
{
    struct metrics *metrics = &machine->metrics;
    const struct reference_domain *domain = &machine->domains[timed->windows[timed->at].domain];
    struct reference_flush flush = reference_flush_dirty(machine, domain, &timed->dirty);

    metrics->flushes += flush.commands > 0;
    metrics->flush_commands += flush.commands;
    metrics->flush_syncs += flush.syncs;
    metrics->iotlb_invalidated += flush.dropped;
    metrics->flush_overreach += flush.overreach;
    timed->row.flush_commands += flush.commands;
    for (size_t i = 0; i < timed->dirty.dirty_count; i++) {
        timed->dirty.dirty[i]->sneaks = false;
        if (machine->config->harvest.copy == COPY_AFTER_FLUSH)
            copy_leaf(machine, timed, i);
    }
    settle_window(machine, timed);
    /* "The next window begins at t_f + reported pages*report_page" */
    timed->window_ps =
        timed->flush_ps + (reference_wide)timed->reported_pages * machine->config->cost.report_page_ps;
    timed->open = false;
    timed->at++;
}

static void end_harvest(struct reference_machine *machine, struct reference_timed *timed)
{
    for (unsigned d = 0; d < machine->domain_count; d++)
        for (size_t l = 0; l < machine->domains[d].leaf_count; l++) {
            struct reference_leaf *leaf = &machine->domains[d].leaves[l];
            for (size_t i = 0; leaf->pages != NULL && i < (size_t)1 << (leaf->lg2 - 12); i++)
                leaf->pages[i].taken = false;
        }
    reference_wide span_ps = timed->window_ps - timed->begin_ps;
    machine->harvest_span_ps += span_ps;
    timed->row.duration_ns = (uint64_t)((span_ps + 500) / 1000);
    reference_add_row(machine, &timed->row);
    free(timed->windows);
    free(timed->readings);
    free(timed->dirty.dirty);
    free(timed->causes);
    free(timed);
    machine->timed = NULL;
}

bool reference_timed_advance(struct reference_machine *machine, reference_wide until_ps,
                             reference_wide *end_ps)
{
    struct reference_timed *timed = machine->timed;
    const struct cost_model *cost = &machine->config->cost;

    for (;;) {
        if (!timed->open) {
            if (timed->window_ps > until_ps)
                return false;
            if (timed->at == timed->window_count)
                break;
            open_window(machine, timed);
        }
        if (timed->next < timed->reading_count) {
            const struct reading *reading = &timed->readings[timed->next];
            reference_wide ps = timed->window_ps + (reference_wide)reading->slots_before * cost->scan_entry_ps +
                                (reference_wide)timed->cleared * cost->clear_entry_ps;
            if (ps > until_ps)
                return false;
            read_leaf(machine, timed, reading->leaf);
            timed->next++;
            continue;
        }
        if (!timed->read)
            end_reading(machine, timed);
        if (timed->flush_ps > until_ps)
            return false;
        close_window(machine, timed);
    }
    *end_ps = timed->window_ps;
    end_harvest(machine, timed);
    return true;
}
