/* Harvests that take time: section 13. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

typedef reference_wide wide;

/* One window under way. */
struct stage {
    struct reference_machine *machine;
    struct reference_domain *domain;
    struct reference_range range;
    struct reference_window dirty;
    struct interval *row;
    uint64_t cleared, reported;
};

/* ---- pages ---- */

/* "When it is copied a page is judged (8: true or false, cause, late) and leaves T. A page of W leaves W when
 * it is copied, and then counts caught_pages" */
static void copy_page(struct stage *stage, struct reference_leaf *leaf, struct reference_page *page)
{
    struct metrics *metrics = &stage->machine->metrics;
    struct interval *row = stage->row;

    stage->reported++;
    metrics->reported_pages++;
    row->reported_pages++;
    metrics->caught_pages += page->in_written;
    row->caught_pages += page->in_written;
    page->in_written = false;
    page->written_at_begin = false;
    if (!page->in_truth) {
        metrics->false_pages++;
        row->false_pages++;
        reference_count_false(stage->machine, stage->domain, leaf);
        return;
    }
    metrics->true_pages++;
    row->true_pages++;
    metrics->late_pages += page->missed;
    row->late_pages += page->missed;
    page->in_truth = false;
    leaf->gave_truth = true;
}

static void copy_leaf(struct stage *stage, struct reference_leaf *leaf)
{
    struct reference_range part = reference_common(reference_leaf_range(leaf), stage->range);

    /* "its leaf (whole, T as it was before this harvest removed pages) holds a page of T" */
    leaf->held_truth = leaf->gave_truth || reference_holds_truth(leaf);
    for (uint64_t page = part.first / REFERENCE_PAGE_BYTES; page <= part.last / REFERENCE_PAGE_BYTES; page++)
        copy_page(stage, leaf, reference_page(leaf, page * REFERENCE_PAGE_BYTES));
}

/* The pages of the window of which anything is known. */
static void each_page(struct stage *stage, void visit(struct stage *stage, const struct reference_leaf *leaf,
                                                      struct reference_page *page))
{
    struct reference_domain *domain = stage->domain;

    for (size_t l = reference_first_leaf(domain, stage->range.first);
         l < domain->leaf_count && domain->leaves[l].iova <= stage->range.last; l++) {
        struct reference_leaf *leaf = &domain->leaves[l];
        struct reference_range part = reference_common(reference_leaf_range(leaf), stage->range);
        uint64_t last = part.last / REFERENCE_PAGE_BYTES;
        if (leaf->pages == NULL)
            continue;
        for (uint64_t page = part.first / REFERENCE_PAGE_BYTES; page <= last; page++)
            visit(stage, leaf, reference_page(leaf, page * REFERENCE_PAGE_BYTES));
    }
}

static void page_begins(struct stage *stage, const struct reference_leaf *leaf, struct reference_page *page)
{
    (void)stage;
    (void)leaf;
    page->truth_at_begin = page->in_truth;
    page->written_at_begin = page->in_written;
}

/* "the window's other pages that were in W at t_w leave it at t_f"; "Missed are pages of the window that were
 * in T at t_w, whose leaf was not harvested in the window, and that are in T at t_f." */
static void page_ends(struct stage *stage, const struct reference_leaf *leaf, struct reference_page *page)
{
    struct metrics *metrics = &stage->machine->metrics;

    if (page->written_at_begin)
        page->in_written = false;
    if (page->truth_at_begin && page->in_truth && !leaf->seen_dirty) {
        metrics->missed_pages++;
        stage->row->missed_pages++;
        metrics->missed_new_pages += !page->missed;
        page->missed = true;
    }
    page->truth_at_begin = page->written_at_begin = false;
}

/* ---- one window ---- */

/* "Its slots are read in ascending order of the first address they cover (window borders do not cut that),
 * upper levels before lower ones": how many come before the leaf's first. */
static uint64_t slots_before(const struct stage *stage, const struct reference_leaf *leaf)
{
    const struct reference_geometry *geometry = &stage->machine->geometry;
    uint64_t slot_mask = (UINT64_C(1) << reference_entry_lg2(geometry, leaf->level)) - 1;
    uint64_t own = leaf->iova > stage->range.first ? leaf->iova : stage->range.first, before = 0;

    own &= ~slot_mask;
    for (size_t i = 0; i < stage->domain->table_count; i++) {
        const struct reference_table *table = &stage->domain->tables[i];
        unsigned lg2 = reference_entry_lg2(geometry, table->level);
        if (!reference_overlap(table->span, stage->range))
            continue;
        struct reference_range seen = reference_common(table->span, stage->range);
        uint64_t first = seen.first >> lg2, count = (seen.last >> lg2) - first + 1;
        bool begins_there = own >> lg2 << lg2 == own;
        uint64_t limit =
            (own >> lg2) + (begins_there && table->level <= leaf->level ? 0 : 1); /* first not before */
        if (limit > first)
            before += limit - first < count ? limit - first : count;
    }
    return before;
}

/* "Dirty then: it is harvested, its pages in the window are reported, and it is cleaned, in that instant." */
static void read_leaf(struct stage *stage, struct reference_leaf *leaf)
{
    struct metrics *metrics = &stage->machine->metrics;
    uint64_t entries = reference_leaf_entries(stage->machine, leaf);

    if (!reference_reportable(stage->machine, leaf))
        return;
    metrics->harvested_leaves++;
    stage->row->harvested_leaves++;
    metrics->cleared_entries += entries;
    stage->cleared += entries;
    reference_add_dirty(&stage->dirty, leaf);
    leaf->seen_dirty = true;
    leaf->seen_cause = leaf->cause;
    leaf->cleaned = true;
    reference_make_clean(stage->machine, leaf);
    if (stage->machine->config->harvest.copy == COPY_AT_READ)
        copy_leaf(stage, leaf);
}

static wide read_window(struct stage *stage, wide t_w)
{
    const struct cost_model *cost = &stage->machine->config->cost;
    struct reference_domain *domain = stage->domain;

    reference_scan_tables(stage->machine, domain, stage->range, &stage->dirty);
    stage->machine->metrics.scanned_entries += stage->dirty.entries;
    stage->machine->metrics.scanned_tables += stage->dirty.tables;
    stage->row->scanned_entries += stage->dirty.entries;
    for (size_t l = reference_first_leaf(domain, stage->range.first);
         l < domain->leaf_count && domain->leaves[l].iova <= stage->range.last; l++) {
        wide at = t_w + (wide)slots_before(stage, &domain->leaves[l]) * cost->scan_entry_ps;
        at += (wide)stage->cleared * cost->clear_entry_ps;
        reference_replay_before(stage->machine, at);
        read_leaf(stage, &domain->leaves[l]);
    }
    return t_w + (wide)stage->dirty.entries * cost->scan_entry_ps +
           (wide)stage->cleared * cost->clear_entry_ps;
}

static wide flush_window(struct stage *stage, wide t_r)
{
    const struct cost_model *cost = &stage->machine->config->cost;
    struct reference_flush flush = reference_flush_dirty(stage->machine, stage->domain, &stage->dirty, true);
    wide t_f = t_r + (wide)flush.commands * cost->command_ps + (wide)flush.syncs * cost->sync_ps +
               (wide)flush.atc_commands * cost->atc_command_ps;

    reference_replay_before(stage->machine, t_f);
    flush = reference_flush_dirty(stage->machine, stage->domain, &stage->dirty, false);
    reference_count_harvest_flush(stage->machine, &flush, stage->row);
    return t_f;
}

/* Returns when the next window begins. */
static wide harvest_window(struct reference_machine *machine, struct reference_domain *domain,
                           struct reference_range range, wide t_w, struct interval *row)
{
    struct stage stage = {.machine = machine, .domain = domain, .range = range, .row = row};

    reference_replay_before(machine, t_w);
    each_page(&stage, page_begins);
    wide t_f = flush_window(&stage, read_window(&stage, t_w));
    for (size_t i = 0; i < stage.dirty.dirty_count; i++)
        if (machine->config->harvest.copy == COPY_AFTER_FLUSH)
            copy_leaf(&stage, stage.dirty.dirty[i]);
    each_page(&stage, page_ends);
    for (size_t i = 0; i < stage.dirty.dirty_count; i++)
        stage.dirty.dirty[i]->seen_dirty = stage.dirty.dirty[i]->cleaned = false;
    free(stage.dirty.dirty);
    return t_f + (wide)stage.reported * machine->config->cost.report_page_ps;
}

/* ---- the whole ---- */

/* "deadlines that fall before the end of a harvest under way are dropped (harvest_overruns+1 each; only
 * deadlines not after the last record)"; there is none after a stop. */
static void drop_deadlines(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;
    uint64_t last_ns = machine->store->time_ns[machine->record_count - 1] - machine->store->time_ns[0];

    if (config->tracking.has_stop && config->tracking.stop_ns < last_ns)
        last_ns = config->tracking.stop_ns;
    while (machine->policy == REFERENCE_PERIODIC && machine->deadline_ns <= last_ns &&
           machine->deadline_ns * 1000 < machine->harvest_end_ps) {
        machine->deadline_ns += config->harvest.interval_ns;
        machine->metrics.harvest_overruns++;
    }
}

static void harvest(struct reference_machine *machine, wide begin_ps, uint64_t time_ns)
{
    struct interval row = reference_begin_row(machine, time_ns);
    wide now = begin_ps;

    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_domain *domain = &machine->domains[d];
        struct reference_range_list list = reference_take_ranges(machine, domain);
        for (size_t r = 0; r < list.count; r++) {
            struct reference_range window = {1, 0};
            while (reference_next_window(machine, list.ranges[r], &window))
                now = harvest_window(machine, domain, window, now, &row);
        }
        free(list.ranges);
    }
    reference_replay_before(machine, now);
    for (unsigned d = 0; d < machine->domain_count; d++)
        for (size_t l = 0; l < machine->domains[d].leaf_count; l++)
            machine->domains[d].leaves[l].gave_truth = machine->domains[d].leaves[l].held_truth = false;
    machine->harvest_end_ps = now;
    machine->harvest_span_ps += now - begin_ps;
    row.duration_ns = (uint64_t)((now - begin_ps + 500) / 1000);
    drop_deadlines(machine);
    reference_end_row(machine, &row);
}

/* "at that record's time, or at the end of the harvest before it, if later" */
static wide begin_of(const struct reference_machine *machine, uint64_t time_ns)
{
    wide ps = (wide)time_ns * 1000;
    return ps > machine->harvest_end_ps ? ps : machine->harvest_end_ps;
}

/* "the disable row comes at its end" */
static void finish_stop(struct reference_machine *machine)
{
    uint64_t stop_ns = machine->config->tracking.stop_ns;

    machine->disable_waits = false;
    if (machine->final_waits)
        harvest(machine, begin_of(machine, stop_ns), stop_ns);
    reference_disable(machine);
}

void reference_timed_harvest(struct reference_machine *machine, uint64_t time_ns)
{
    harvest(machine, begin_of(machine, time_ns), time_ns);
    if (machine->disable_waits)
        finish_stop(machine);
}

void reference_timed_stop_meanwhile(struct reference_machine *machine)
{
    machine->stopped = true;
    machine->disable_waits = true;
    machine->final_waits = machine->config->harvest.final && !machine->harvested_since_record;
}

void reference_timed_stop(struct reference_machine *machine)
{
    reference_timed_stop_meanwhile(machine);
    finish_stop(machine);
}
