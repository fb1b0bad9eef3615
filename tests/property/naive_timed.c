#include "tests/property/naive_timed.h"

#include <stdlib.h>
#include <string.h>

#include "sim/policy/policy.h"
#include "sim/pt/pt.h"

enum { LEVELS = 4, SLOTS_MAX = 3 * NAIVE_PAGES_MAX };

struct leaf {
    uint64_t first, last; /* pages */
    bool dirty, written;  /* by a write: else since before the start */
    bool cached, passes;
    bool cleaned; /* by the window */
};

struct slot {
    uint64_t first; /* page */
    unsigned level;
    struct leaf *leaf; /* that it is */
};

struct machine {
    const struct cell_config *cell;
    struct metrics *m;
    uint64_t page_count, leaf_count;
    struct leaf leaves[NAIVE_PAGES_MAX];
    bool truth[NAIVE_PAGES_MAX], written[NAIVE_PAGES_MAX], missed[NAIVE_PAGES_MAX];
    bool truth_then[NAIVE_PAGES_MAX], written_then[NAIVE_PAGES_MAX], copied[NAIVE_PAGES_MAX];

    enum { IDLE, READ, FLUSH, COPY } stage;
    uint64_t step_ps, begin_ps, end_ps, span_ps;
    uint64_t first, last; /* window */
    struct slot slots[SLOTS_MAX];
    size_t slot_count, at;
    uint64_t reported, commands;
    bool quiet;
};

static unsigned pages_lg2(unsigned level)
{
    return 9 * level;
}

static struct leaf *leaf_of(struct machine *x, uint64_t page)
{
    for (uint64_t i = 0; i < x->leaf_count; i++)
        if (page >= x->leaves[i].first && page <= x->leaves[i].last)
            return &x->leaves[i];
    return NULL;
}

static void map(struct machine *x, bool dirty)
{
    bool large = x->cell->mapping.page_sizes >> 21 & 1, small = x->cell->mapping.page_sizes >> 12 & 1;
    for (uint64_t page = 0; page < x->page_count;) {
        uint64_t size = large && page % 512 == 0 && (x->page_count - page >= 512 || !small) ? 512 : 1;
        x->leaves[x->leaf_count++] = (struct leaf){.first = page, .last = page + size - 1, .dirty = dirty};
        page += size;
    }
}

static int compare(const void *a, const void *b)
{
    const struct slot *left = a, *right = b;
    if (left->first != right->first)
        return left->first < right->first ? -1 : 1;
    return (left->level < right->level) - (left->level > right->level);
}

static void list_slots(struct machine *x)
{
    x->slot_count = 0;
    for (unsigned level = 0; level < LEVELS; level++) {
        uint64_t size = UINT64_C(1) << pages_lg2(level);
        for (uint64_t first = x->first / size * size; first <= x->last; first += size) {
            struct leaf *leaf = leaf_of(x, first);
            if (leaf->last - leaf->first + 1 > size)
                continue; /* no table here */
            bool is_leaf = leaf->last - leaf->first + 1 == size && level < 2;
            x->slots[x->slot_count++] = (struct slot){first, level, is_leaf ? leaf : NULL};
        }
    }
    qsort(x->slots, x->slot_count, sizeof *x->slots, compare);
}

static void begin_window(struct machine *x, uint64_t first)
{
    uint64_t chunk = x->cell->harvest.chunk_bytes / 4096;
    x->first = first;
    x->last = chunk != 0 && x->page_count - first > chunk ? first + chunk - 1 : x->page_count - 1;
    list_slots(x);
    x->at = 0;
    x->reported = x->commands = 0;
    memcpy(x->truth_then, x->truth, sizeof x->truth);
    memcpy(x->written_then, x->written, sizeof x->written);
    memset(x->copied, 0, sizeof x->copied);
    for (uint64_t i = 0; i < x->leaf_count; i++)
        x->leaves[i].cleaned = false;
    x->stage = READ;
}

static void begin_harvest(struct machine *x, uint64_t time_ps)
{
    x->m->harvests++;
    x->begin_ps = x->step_ps = time_ps;
    x->quiet = true;
    begin_window(x, 0);
}

static void copy(struct machine *x, const struct leaf *leaf, bool written)
{
    bool holds = written;
    for (uint64_t page = leaf->first; page <= leaf->last; page++)
        holds |= x->truth[page];
    for (uint64_t page = leaf->first; page <= leaf->last; page++) {
        if (page < x->first || page > x->last)
            continue;
        x->m->reported_pages++;
        x->reported++;
        x->copied[page] = true;
        if (x->truth[page]) {
            x->m->true_pages++;
            x->m->late_pages += x->missed[page];
        } else if (holds) {
            x->m->false_leaf++;
        } else {
            x->m->false_residue++;
        }
        x->m->caught_pages += x->written[page];
        x->truth[page] = x->written[page] = x->missed[page] = false;
    }
}

static void read_slot(struct machine *x)
{
    const struct cost_model *cost = &x->cell->cost;
    struct leaf *leaf = x->slots[x->at++].leaf;
    if (leaf && leaf->dirty) {
        leaf->dirty = false;
        leaf->cleaned = true;
        x->m->harvested_leaves++;
        x->commands = 1;
        x->step_ps += cost->clear_entry_ps;
        if (x->cell->harvest.copy == COPY_AT_READ)
            copy(x, leaf, leaf->written);
    }
    x->step_ps += cost->scan_entry_ps;
    if (x->at < x->slot_count)
        return;
    x->stage = FLUSH;
    if (x->commands > 0 && x->cell->harvest.flush != FLUSH_NONE)
        x->step_ps += cost->command_ps + cost->sync_ps;
}

/* The domain, or nothing. */
static void flush(struct machine *x)
{
    for (uint64_t i = 0; i < x->leaf_count; i++) {
        struct leaf *leaf = &x->leaves[i];
        if (x->commands > 0 && x->cell->harvest.flush == FLUSH_DOMAIN)
            leaf->cached = false;
        if (leaf->cleaned && x->cell->harvest.copy == COPY_AFTER_FLUSH)
            copy(x, leaf, leaf->written);
    }
    for (uint64_t page = x->first; page <= x->last; page++) {
        if (x->written_then[page] && !x->copied[page])
            x->written[page] = false;
        if (!x->truth_then[page] || leaf_of(x, page)->cleaned || !x->truth[page])
            continue;
        x->m->missed_pages++;
        x->m->missed_new_pages += !x->missed[page];
        x->missed[page] = true;
    }
    for (uint64_t i = 0; i < x->leaf_count; i++)
        x->leaves[i].cleaned = false;
    x->step_ps += x->reported * x->cell->cost.report_page_ps;
    x->stage = COPY;
}

static void steps(struct machine *x, uint64_t until_ps)
{
    while (x->stage != IDLE && x->step_ps <= until_ps) {
        if (x->stage == READ) {
            read_slot(x);
        } else if (x->stage == FLUSH) {
            flush(x);
        } else if (x->last + 1 < x->page_count) {
            begin_window(x, x->last + 1);
        } else {
            x->stage = IDLE;
            x->end_ps = x->step_ps;
            x->span_ps += x->end_ps - x->begin_ps;
        }
    }
}

static void trigger(struct machine *x, uint64_t time_ns)
{
    steps(x, time_ns * 1000);
    if (x->stage == IDLE)
        begin_harvest(x, time_ns * 1000);
    else
        x->m->harvest_overruns++;
}

static void request(struct machine *x, bool write, uint64_t page)
{
    struct leaf *leaf = leaf_of(x, page);
    bool missed = !leaf->cached;
    x->m->iotlb_misses += missed;
    if (missed) {
        leaf->cached = true;
        leaf->passes = leaf->dirty;
    }
    if (!write)
        return;
    if (!missed && leaf->passes)
        x->m->sneak_writes += leaf->cleaned;
    if (!leaf->passes) {
        x->m->dirty_rechecks += !missed;
        x->m->dirty_updates += !leaf->dirty;
        leaf->written |= !leaf->dirty;
        leaf->dirty = leaf->passes = true;
    }
    x->m->truth_pages += !x->truth[page];
    x->m->written_pages += !x->written[page];
    x->truth[page] = x->written[page] = true;
}

void naive_timed_run(const struct cell_config *cell, uint64_t pages, const struct naive_record *records,
                     size_t count, struct metrics *metrics)
{
    struct machine *x = calloc(1, sizeof *x);
    uint64_t deadline = cell->harvest.interval_ns;
    if (!x)
        abort();
    *metrics = (struct metrics){0};
    x->cell = cell;
    x->m = metrics;
    x->page_count = pages;
    map(x, strcmp(cell->iommu.model->name, "smmu-s1") == 0 && !cell->tracking.clear_on_start);
    for (size_t i = 0; i < count; i++) {
        const struct naive_record *record = &records[i];
        for (; !cell->harvest.policy->at_marks && deadline <= record->time_ns;
             deadline += cell->harvest.interval_ns)
            trigger(x, deadline);
        steps(x, record->time_ns * 1000);
        x->quiet = false;
        if (record->op != TRACE_MARK)
            request(x, record->op == TRACE_WRITE, record->page);
        else if (cell->harvest.policy->at_marks)
            trigger(x, record->time_ns);
    }
    steps(x, UINT64_MAX);
    uint64_t last_ps = records[count - 1].time_ns * 1000;
    if (cell->harvest.final && !x->quiet)
        begin_harvest(x, last_ps > x->end_ps ? last_ps : x->end_ps);
    steps(x, UINT64_MAX);
    for (uint64_t page = 0; page < pages; page++)
        metrics->lost_pages += x->truth[page];
    metrics->harvest_span_ns = (x->span_ps + 500) / 1000;
    free(x);
}
