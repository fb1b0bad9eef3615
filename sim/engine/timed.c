#include "sim/engine/timed.h"

#include <string.h>

#include "sim/base/memory.h"
#include "sim/engine/cohort.h"
#include "sim/engine/invariants.h"

enum { PS_PER_NS = 1000 };
static const picoseconds forever = ~(picoseconds)0;

bool timed_new(struct timed **timed, const struct cell_config *config, struct error *error)
{
    *timed = NULL;
    if (config->harvest.timing != TIMING_TIMED)
        return true;
    *timed = memory_zeroed(1, sizeof **timed, error);
    return *timed != NULL;
}

void timed_free(struct timed *timed)
{
    if (!timed)
        return;
    for (size_t i = 0; i < timed->order_count; i++)
        slot_order_free(&timed->orders[i]);
    memory_free(timed->orders);
    memory_free(timed->untouched_sums);
    memory_free(timed->tiles);
    memory_free(timed->large);
    memory_free(timed->clears);
    memory_free(timed->entered);
    memory_free(timed->marks);
    memory_free(timed->taken);
    memory_free(timed);
}

bool timed_reserve(struct cohort *cohort, struct error *error)
{
    struct timed *timed = cohort->timed;
    size_t tiles = cohort->leaves.tile_count;
    if (!memory_grow(&timed->marks, &timed->marks_capacity, tiles, sizeof *timed->marks, error) ||
        !memory_grow(&timed->taken, &timed->taken_capacity, tiles, sizeof *timed->taken, error) ||
        !memory_grow(&timed->entered, &timed->entered_capacity, tiles, sizeof *timed->entered, error))
        return false;
    if (tiles > timed->marks_count) {
        memset(timed->marks + timed->marks_count, 0, (tiles - timed->marks_count) * sizeof *timed->marks);
        memset(timed->taken + timed->marks_count, 0, (tiles - timed->marks_count) * sizeof *timed->taken);
    }
    timed->marks_count = tiles;
    cohort->cells[0]->marks = timed->marks;
    return true;
}

/* Tables do not change under such harvests: the order of their slots is learnt once. */
static bool learn_orders(struct cohort *cohort, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    if (timed->orders)
        return true;
    size_t count = leaves->base ? 1 : leaves->domain_count;
    timed->orders = memory_zeroed(count, sizeof *timed->orders, error);
    if (!timed->orders)
        return false;
    while (timed->order_count < count) {
        struct slot_order *order = &timed->orders[timed->order_count];
        if (!slot_order_init(order, leaves->domains[timed->order_count++].tables, &leaves->geometry, error))
            return false;
    }
    return true;
}

static const struct slot_order *order_of(const struct timed *timed)
{
    return &timed->orders[timed->order_count > 1 ? timed->domain : 0];
}

/* ---- when leaves are read ---- */

static picoseconds after(const struct cohort *cohort, uint64_t slots, uint64_t entries)
{
    const struct cost_model *cost = &cohort->config->cost;
    return cohort->timed->window_ps + (picoseconds)slots * cost->scan_entry_ps +
           (picoseconds)entries * cost->clear_entry_ps;
}

static uint64_t begin_in_window(const struct timed *timed, struct span leaf)
{
    return leaf.first > timed->window.first ? leaf.first : timed->window.first;
}

picoseconds timed_read_ps(const struct cohort *cohort, struct span leaf, unsigned level)
{
    const struct timed *timed = cohort->timed;
    uint64_t slots = slots_before(order_of(timed), &timed->slots, begin_in_window(timed, leaf), level);
    return after(cohort, slots, timed->cleared + timed_untouched_before(cohort, leaf.first));
}

void timed_dirtied(struct cohort *cohort, uint32_t head)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    const struct tile *tile = &leaves->tiles[head >> TILE_PAGES_LG2];
    struct span leaf = leaves_span(leaves, head, leaves_lg2(leaves, head));
    if (timed->stage != TIMED_READING || timed->walked || tile->domain != timed->domain ||
        !span_overlaps(leaf, timed->window) || leaf.last < timed->cursor)
        return;
    picoseconds read_ps = timed_read_ps(cohort, leaf, tile->level);
    if (read_ps >= timed->done_ps && read_ps < timed->next_ps)
        timed->next_ps = read_ps;
}

/* ---- reading ---- */

struct page_mask timed_inside(const struct timed *timed, const struct tile *tile)
{
    struct span whole = tile_span(tile);
    if (!span_overlaps(whole, timed->window))
        return (struct page_mask){{0}};
    struct span part = span_common(whole, timed->window);
    return mask_pages(tile_page(part.first), tile_page(part.last));
}

bool timed_harvest_heads(struct cohort *cohort, uint32_t id, const struct page_mask *heads,
                         struct error *error)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    struct dirty_tile read = {.tile = id, .heads = *heads, .met = (uint32_t)mask_count(heads)};
    struct page_mask inside = timed_inside(timed, &leaves->tiles[id]);
    read.leaves = leaves_mask_pages(leaves, id, *heads);
    read.reported = mask_and(read.leaves, &inside);
    harvest_add_causes(leaves, id, heads, read.by_cause);
    if (!memory_grow(&timed->tiles, &timed->tile_capacity, timed->tile_count + 1, sizeof *timed->tiles,
                     error))
        return false;
    timed->tiles[timed->tile_count++] = read;
    timed->marks[id].cleaned = mask_or(timed->marks[id].cleaned, heads);
    timed->leaves += read.met;
    timed->cleared += leaves_mask_entries(leaves, id, heads);
    mask_clear_bits(leaves_tile_state(leaves, id), heads, STATE_DIRTY | STATE_CAUSE);
    if (cohort->config->harvest.copy == COPY_AT_READ)
        timed_copy_tile(cohort, &read);
    return true;
}

bool timed_harvest_large(struct cohort *cohort, uint32_t head, struct error *error)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    uint32_t id = head >> TILE_PAGES_LG2;
    struct timed_large read = {.head = head,
                               .lg2 = leaves->tiles[id].leaf_lg2,
                               .cause = (uint8_t)((leaves->state[head] & STATE_CAUSE) >> STATE_LEAF)};
    if (!memory_grow(&timed->large, &timed->large_capacity, timed->large_count + 1, sizeof *timed->large,
                     error))
        return false;
    timed->large[timed->large_count++] = read;
    mask_add(&timed->marks[id].cleaned, 0);
    timed->leaves++;
    timed->cleared += UINT64_C(1) << pt_leaf_entries_lg2(&leaves->geometry, read.lg2);
    leaves->state[head] &= (uint16_t) ~(STATE_DIRTY | STATE_CAUSE);
    if (cohort->config->harvest.copy == COPY_AT_READ)
        timed_copy_large(cohort, &read);
    return true;
}

/* The leaf has been looked at. */
static void look_past(struct timed *timed, struct span leaf)
{
    if (leaf.last >= timed->window.last)
        timed->walked = true;
    else
        timed->cursor = leaf.last + 1;
}

/* Reads dirty leaves until one whose time comes later than `until`: then the next step is known. */
static bool read_tile(struct cohort *cohort, uint32_t id, picoseconds until, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    const struct tile *tile = &leaves->tiles[id];
    unsigned slot_lg2 = pt_entry_lg2(&leaves->geometry, tile->level);
    struct page_mask left = timed_inside(timed, tile), batch = {{0}}, dirty;
    struct span whole = tile_span(tile);
    if (timed->cursor > whole.last)
        return true;
    if (timed->cursor > whole.first) {
        struct page_mask ahead = mask_pages(tile_page(timed->cursor), TILE_PAGES - 1);
        left = mask_and(left, &ahead);
    }
    dirty = mask_plane(leaves_tile_state(leaves, id), STATE_DIRTY);
    left = leaves_mask_heads(leaves, id, left);
    left = mask_and(left, &dirty);
    if (!mask_any(&left))
        return true;
    /* All slots of the tile are in one table, side by side. */
    uint32_t page = mask_lowest(&left), base = id << TILE_PAGES_LG2;
    struct span leaf = leaves_span(leaves, base | page, leaves_lg2(leaves, base | page));
    uint64_t origin = begin_in_window(timed, leaf) >> slot_lg2;
    uint64_t slots = slots_before(order_of(timed), &timed->slots, begin_in_window(timed, leaf), tile->level);
    uint64_t entries = timed->cleared + timed_untouched_before(cohort, leaf.first);
    for (unsigned w = page / 64; w < MASK_WORDS && timed->next_ps == forever; w++)
        for (; left.word[w] != 0; left.word[w] &= left.word[w] - 1) {
            page = w * 64 + (unsigned)__builtin_ctzll(left.word[w]);
            leaf = leaves_span(leaves, base | page, leaves_lg2(leaves, base | page));
            uint64_t slot = begin_in_window(timed, leaf) >> slot_lg2;
            picoseconds read_ps = after(cohort, slots + (slot - origin), entries);
            if (read_ps > until) {
                timed->next_ps = read_ps;
                break;
            }
            look_past(timed, leaf);
            if (read_ps < timed->done_ps) /* it was clean then */
                continue;
            mask_add(&batch, page);
            entries += (leaf.last - leaf.first + 1) >> slot_lg2;
        }
    return !mask_any(&batch) || timed_harvest_heads(cohort, id, &batch, error);
}

/* The same of one leaf above 2 MiB, by any of its tiles. */
static bool read_large(struct cohort *cohort, const struct tile *tile, picoseconds until, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    struct span leaf = leaves_span(leaves, tile->head_base, tile->leaf_lg2);
    if (leaf.last < timed->cursor || !(leaves->state[tile->head_base] & STATE_DIRTY))
        return true;
    picoseconds read_ps = timed_read_ps(cohort, leaf, tile->level);
    if (read_ps > until) {
        timed->next_ps = read_ps;
        return true;
    }
    look_past(timed, leaf);
    return read_ps < timed->done_ps || timed_harvest_large(cohort, tile->head_base, error);
}

/* The span of the leaf at an address if it is above 2 MiB; else the address alone. */
static struct span large_leaf_at(const struct cohort *cohort, uint64_t address)
{
    const struct timed *timed = cohort->timed;
    const struct leaf_run *run = tables_find(cohort->leaves.domains[timed->domain].tables, address);
    uint64_t mask = run && run->lg2 > TILE_LG2 ? (UINT64_C(1) << run->lg2) - 1 : 0;
    return (struct span){address & ~mask, address | mask};
}

/* Read what is due; next_ps is then the time of the next dirty leaf or, if there is none, `forever`. */
static bool read_leaves(struct cohort *cohort, picoseconds until, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    timed->next_ps = forever;
    uint64_t from = large_leaf_at(cohort, timed->cursor).first;
    for (uint32_t at = leaves_order_lower(leaves, timed->domain, from >> TILE_LG2);
         at < leaves->ordered && !timed->walked && timed->next_ps == forever; at++) {
        uint32_t id = leaves->order[at];
        const struct tile *tile = &leaves->tiles[id];
        if (tile->domain != timed->domain || tile->number > timed->reach_last >> TILE_LG2)
            break;
        if (tile->mapped == 0)
            continue;
        bool good = true;
        if (tile->leaf_lg2 > TILE_LG2)
            good = read_large(cohort, tile, until, error);
        else if (leaves->active[id + 1])
            good = read_tile(cohort, id, until, error);
        if (!good)
            return false;
    }
    return true;
}

/* ---- windows ---- */

static void forget_marks(struct timed *timed)
{
    for (size_t i = 0; i < timed->clear_count; i++)
        timed->marks[timed->clears[i].tile].cleaned = (struct page_mask){{0}};
    for (size_t i = 0; i < timed->entered_count; i++)
        timed->marks[timed->entered[i]] = (struct window_marks){0};
    timed->clear_count = timed->entered_count = 0;
}

static void begin_window(struct cohort *cohort, struct span window, picoseconds time)
{
    struct timed *timed = cohort->timed;
    const struct slot_order *order = order_of(timed);
    timed->window = window;
    timed->window_ps = timed->next_ps = time;
    timed->slots = slot_window_at(order, window.first);
    timed->slot_count = slots_until(order, &timed->slots, window.last);
    timed->reach_last = large_leaf_at(cohort, window.last).last;
    timed->cursor = window.first;
    timed->walked = false;
    timed->leaves = timed->cleared = timed->copied = 0;
    timed->tile_count = timed->large_count = 0;
    forget_marks(timed); /* of what was written since the window before */
    timed->stage = TIMED_READING;
}

static bool end_harvest(struct cohort *cohort, picoseconds time, struct error *error)
{
    struct timed *timed = cohort->timed;
    struct cell *cell = cohort->cells[0];
    if (!harvest_end_shared(&cohort->leaves, error))
        return false;
    timed->stage = TIMED_IDLE;
    timed->end_ps = time;
    timed->span_ps += time - timed->begin_ps;
    cell->metrics.harvest_span_ns = cost_ns(timed->span_ps);
    cell->keeps_contents = cohort->one_by_one;
    cell->marks = NULL;
    timed->report.duration_ns = cost_ns(time - timed->begin_ps);
    score_finish_report(&cohort->leaves, &timed->report);
    invariants_of_report(&timed->report);
    return cell_harvested(cell, &timed->report, timed->row_ns, &timed->since, error);
}

/* The first window of the domain from an address on, or of one behind it; `more` false: the domain has no
 * more. */
static bool begin_next(struct cohort *cohort, uint64_t from, bool more, picoseconds time, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    uint64_t chunk = cohort->config->harvest.chunk_bytes;
    struct span range;
    while (!more || !leaves_range_lower(leaves, timed->domain, from, &range)) {
        if (!harvest_end(&cohort->harvest, error))
            return false;
        if (++timed->domain == leaves->domain_count)
            return end_harvest(cohort, time, error);
        timed->untouched_from = from = 0;
        more = true;
        if (!timed_collect_untouched(cohort, error))
            return false;
    }
    struct span window = {from > range.first ? from : range.first, range.last};
    if (chunk != 0 && window.last - window.first >= chunk)
        window.last = window.first + (chunk - 1);
    begin_window(cohort, window, time);
    return true;
}

static struct span hull_of(struct span a, struct span b)
{
    return (struct span){a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last};
}

/* What the flush looks at. */
static bool close_window(struct cohort *cohort, const struct timed_untouched *untouched,
                         struct window *window, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct leaves *leaves = &cohort->leaves;
    size_t count = timed->tile_count + timed->large_count;
    if (!memory_grow(&timed->clears, &timed->clear_capacity, count, sizeof *timed->clears, error))
        return false;
    *window = (struct window){.domain = timed->domain,
                              .bounds = timed->window,
                              .hull = {UINT64_MAX, 0},
                              .dirty_leaves = timed->leaves + untouched->leaves,
                              .dirty_entries = timed->cleared + untouched->entries,
                              .clears = timed->clears,
                              .clear_count = count,
                              .marks = timed->marks};
    if (untouched->leaves > 0)
        window->hull = untouched->hull;
    for (size_t i = 0; i < timed->tile_count; i++) {
        const struct dirty_tile *read = &timed->tiles[i];
        uint64_t base = leaves->tiles[read->tile].number << TILE_LG2;
        struct span span = {base + ((uint64_t)mask_lowest(&read->leaves) << PAGE_LG2),
                            base + (((uint64_t)mask_highest(&read->leaves) + 1) << PAGE_LG2) - 1};
        window->hull = hull_of(window->hull, span);
        timed->clears[i] = (struct window_clear){read->tile, read->heads};
    }
    for (size_t i = 0; i < timed->large_count; i++) {
        const struct timed_large *read = &timed->large[i];
        window->hull = hull_of(window->hull, leaves_span(leaves, read->head, read->lg2));
        timed->clears[timed->tile_count + i] =
            (struct window_clear){read->head >> TILE_PAGES_LG2, mask_pages(0, 0)};
    }
    return true;
}

/* All leaves are read at `time`: the flush takes until next_ps. */
static bool begin_flush(struct cohort *cohort, picoseconds time, struct error *error)
{
    struct timed *timed = cohort->timed;
    const struct cost_model *cost = &cohort->config->cost;
    struct timed_untouched untouched = timed_untouched_in_window(cohort);
    struct window window;
    if (!close_window(cohort, &untouched, &window, error))
        return false;
    timed->stage = TIMED_FLUSHING;
    timed->next_ps = time;
    if (window.dirty_leaves == 0)
        return true;
    struct flush_size size = cell_flush_size(cohort->cells[0], &window);
    timed->next_ps += (picoseconds)size.commands * cost->command_ps +
                      (picoseconds)size.syncs * cost->sync_ps +
                      (picoseconds)size.atc_commands * cost->atc_command_ps;
    return true;
}

static bool end_window(struct cohort *cohort, struct error *error)
{
    struct timed *timed = cohort->timed;
    struct timed_untouched untouched = timed_untouched_in_window(cohort);
    struct window window;
    if (!close_window(cohort, &untouched, &window, error))
        return false;
    if (window.dirty_leaves > 0)
        cell_flush(cohort->cells[0], &window, false);
    timed->report.harvested_leaves += window.dirty_leaves;
    timed->report.cleared_entries += window.dirty_entries;
    uint64_t reported = timed_end_copy(cohort, &untouched);
    timed->clear_count = window.clear_count;
    forget_marks(timed);
    if (untouched.leaves > 0)
        timed->untouched_from = untouched.hull.last == UINT64_MAX ? UINT64_MAX : untouched.hull.last + 1;
    timed->stage = TIMED_COPYING;
    timed->next_ps += (picoseconds)reported * cohort->config->cost.report_page_ps;
    return true;
}

/* ---- steps ---- */

static bool read_on(struct cohort *cohort, picoseconds until, struct error *error)
{
    struct timed *timed = cohort->timed;
    if (!read_leaves(cohort, until, error))
        return false;
    if (timed->next_ps != forever)
        return true;
    picoseconds end =
        after(cohort, timed->slot_count, timed->cleared + timed_untouched_in_window(cohort).entries);
    if (end <= until)
        return begin_flush(cohort, end, error);
    timed->next_ps = end;
    return true;
}

static bool step(struct cohort *cohort, picoseconds until, struct error *error)
{
    const struct timed *timed = cohort->timed;
    uint64_t last = timed->window.last;
    switch (timed->stage) {
    case TIMED_READING:
        return read_on(cohort, until, error);
    case TIMED_FLUSHING:
        return end_window(cohort, error);
    case TIMED_COPYING:
        return begin_next(cohort, last + 1, last != UINT64_MAX, timed->next_ps, error);
    case TIMED_IDLE:
        break;
    }
    return true;
}

static bool do_steps(struct cohort *cohort, picoseconds until, struct error *error)
{
    struct timed *timed = cohort->timed;
    while (timed->stage != TIMED_IDLE && timed->next_ps <= until)
        if (!step(cohort, until, error))
            return false;
    timed->done_ps = until + 1;
    return true;
}

/* ---- harvests ---- */

static bool begin(struct cohort *cohort, uint64_t row_ns, picoseconds time, struct error *error)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    struct cell *cell = cohort->cells[0];
    struct leaves_scan scan = leaves_scan(leaves, false);
    if (!learn_orders(cohort, error) || !timed_reserve(cohort, error) || !leaves_sort_tiles(leaves, error) ||
        (!cohort->one_by_one && !cell_keep_contents(cell, error)))
        return false;
    if (timed->taken)
        memset(timed->taken, 0, timed->marks_count * sizeof *timed->taken);
    timed->begin_ps = timed->done_ps = time;
    timed->row_ns = row_ns;
    timed->since = cohort_begin_row(cohort);
    timed->report = (struct harvest_report){.scanned_entries = scan.entries, .scanned_tables = scan.tables};
    timed->domain = 0;
    timed->untouched_from = 0;
    return timed_collect_untouched(cohort, error) && begin_next(cohort, 0, true, time, error);
}

bool timed_trigger(struct cohort *cohort, uint64_t time_ns, struct error *error)
{
    struct timed *timed = cohort->timed;
    if (timed->stops)
        return true;
    if (timed->stage == TIMED_IDLE)
        return begin(cohort, time_ns, (picoseconds)time_ns * PS_PER_NS, error);
    cohort->cells[0]->metrics.harvest_overruns++;
    return true;
}

void timed_stop(struct cohort *cohort)
{
    struct timed *timed = cohort->timed;
    timed->stops = true;
    timed->final_due = cohort->config->harvest.final && !cohort->quiet;
    cohort->policy.next_ns = POLICY_NEVER;
    cohort->leaves.write_bits &= (uint16_t)~PAGE_TRACKED; /* no write enters T any more */
}

/* When a harvest begins whose trigger came at a time. */
static picoseconds not_before_end(const struct timed *timed, uint64_t time_ns)
{
    picoseconds time = (picoseconds)time_ns * PS_PER_NS;
    return time > timed->end_ps ? time : timed->end_ps;
}

static bool go_on(struct cohort *cohort, picoseconds until, struct error *error)
{
    struct timed *timed = cohort->timed;
    uint64_t stop_ns = cohort->config->tracking.stop_ns;
    for (;;) {
        if (!do_steps(cohort, until, error))
            return false;
        if (timed->stage != TIMED_IDLE || !timed->stops || cohort->leaves.phase != PHASE_TRACKING)
            return true;
        if (!timed->final_due)
            return cohort_toggle(cohort, PHASE_AFTER, error);
        timed->final_due = false;
        if (!begin(cohort, stop_ns, not_before_end(timed, stop_ns), error))
            return false;
    }
}

bool timed_go_on(struct cohort *cohort, uint64_t time_ns, struct error *error)
{
    return go_on(cohort, (picoseconds)time_ns * PS_PER_NS, error);
}

bool timed_finish(struct cohort *cohort, struct error *error)
{
    if (!go_on(cohort, forever - 1, error))
        return false;
    if (cohort->leaves.phase != PHASE_TRACKING || !cohort->config->harvest.final || cohort->quiet)
        return true;
    picoseconds time = not_before_end(cohort->timed, cohort->last_record_ns);
    return begin(cohort, cohort->last_record_ns, time, error) && go_on(cohort, forever - 1, error);
}

/* ---- requests ---- */

void timed_request(struct cohort *cohort, const struct requests *piece, size_t request)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    uint64_t truth = leaves->truth_pages, written = leaves->written_pages, dirtied = leaves->dirty_updates;
    uint32_t key = piece->key[request];
    uint32_t id = key >> 1 >> TILE_PAGES_LG2, page = key >> 1 & (TILE_PAGES - 1);
    cohort_request(cohort, piece, request);
    struct window_marks *marks = &timed->marks[id];
    if (truth != leaves->truth_pages || written != leaves->written_pages) {
        if (!mask_any(&marks->into_truth) && !mask_any(&marks->into_written))
            timed->entered[timed->entered_count++] = id;
        if (truth != leaves->truth_pages)
            mask_add(&marks->into_truth, page);
        if (written != leaves->written_pages)
            mask_add(&marks->into_written, page);
    }
    if (dirtied != leaves->dirty_updates)
        timed_dirtied(cohort, leaves_head(leaves, key >> 1));
}
