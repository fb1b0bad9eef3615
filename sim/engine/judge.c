#include "sim/engine/judge.h"

#include <assert.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/engine/dirty_windows.h"
#include "sim/state/ledger.h"
#include "sim/state/page_mask.h"
#include "sim/tracking/tracking.h"

struct judge {
    struct dirty_windows windows;
    struct span_list reported; /* with a granule: tracked bytes of the reported blocks */
};

struct judge *judge_new(struct error *error)
{
    return memory_zeroed(1, sizeof(struct judge), error);
}

void judge_free(struct judge *judge)
{
    if (!judge)
        return;
    dirty_windows_free(&judge->windows);
    span_free(&judge->reported);
    memory_free(judge);
}

/* The pages of a tile that lie in the spans. */
static struct page_mask pages_in(const struct span_list *spans, uint64_t tile_number)
{
    struct page_mask mask = {{0}};
    uint64_t base = tile_number << TILE_LG2, top = base | ((UINT64_C(1) << TILE_LG2) - 1);
    for (size_t i = span_lower(spans, base); i < spans->count && spans->spans[i].first <= top; i++) {
        uint64_t first = spans->spans[i].first > base ? spans->spans[i].first : base;
        uint64_t last = spans->spans[i].last < top ? spans->spans[i].last : top;
        struct page_mask part =
            mask_pages((unsigned)((first - base) >> PAGE_LG2), (unsigned)((last - base) >> PAGE_LG2));
        mask = mask_or(mask, &part);
    }
    return mask;
}

static struct page_mask truth_of(const uint8_t *state)
{
    struct page_mask truth = mask_plane(state, PAGE_TRUE), untracked = mask_plane(state, PAGE_UNTRACKED);
    return mask_without(truth, &untracked);
}

/* ---- the judgement of one tile ---- */

struct tile_verdict {
    struct page_mask truth, reported;
    uint64_t leaf_false, residue_false; /* of small leaves */
};

/* Causes of the false pages that dirty small leaves hold (semantics.md 8: leaf before residue). */
static void blame_leaves(struct tile_verdict *verdict, const struct dirty_tile *dirty, unsigned shift)
{
    struct page_mask held = mask_leaf_heads(verdict->truth, shift);
    held = mask_leaf_pages(held, shift);
    struct page_mask by_write = mask_or(dirty->written, &held);
    struct page_mask wrong = mask_without(verdict->reported, &verdict->truth);
    wrong = mask_and(wrong, &dirty->leaves);
    struct page_mask leaf = mask_and(wrong, &by_write);
    verdict->leaf_false = mask_count(&leaf);
    verdict->residue_false = mask_count(&wrong) - verdict->leaf_false;
}

static void count_tile(const struct tile_verdict *verdict, const struct page_mask *missed_before,
                       struct harvest_report *report)
{
    struct page_mask hit = mask_and(verdict->truth, &verdict->reported);
    struct page_mask miss = mask_without(verdict->truth, &verdict->reported);
    struct page_mask late = mask_and(hit, missed_before);
    struct page_mask fresh = mask_without(miss, missed_before);
    report->true_pages += mask_count(&hit);
    report->missed_pages += mask_count(&miss);
    report->late_pages += mask_count(&late);
    report->missed_new_pages += mask_count(&fresh);
    report->false_leaf += verdict->leaf_false;
    report->false_residue += verdict->residue_false;
}

/* T ← T∖R unless no_clear, and remember what was missed. */
static void settle_tile(struct ledger *ledger, uint32_t id, const struct tile_verdict *verdict)
{
    uint8_t *state = &ledger->state[(size_t)id * TILE_PAGES];
    struct page_mask hit = mask_and(verdict->truth, &verdict->reported);
    struct page_mask miss = mask_without(verdict->truth, &verdict->reported);
    mask_set_bits(state, &miss, PAGE_MISSED);
    if (ledger->config->harvest.no_clear)
        return;
    ledger->true_count -= mask_count(&hit);
    ledger->active[id] = mask_any(&miss);
    if (mask_equal(&hit, &verdict->truth)) {
        for (unsigned page = 0; page < TILE_PAGES; page++)
            state[page] &= (uint8_t)(state[page] & PAGE_UNTRACKED ? 0xff : ~(PAGE_TRUE | PAGE_MISSED));
    } else {
        mask_clear_bits(state, &hit, PAGE_TRUE | PAGE_MISSED);
    }
}

/* ---- dirty leaves against the truth ---- */

/* What the dirty leaves report of a tile. */
static struct page_mask reported_of(const struct judge *judge, const struct ledger *ledger,
                                    const struct span_list *spans, const struct dirty_tile *dirty,
                                    uint32_t id)
{
    if (dirty && spans == &judge->windows.reported)
        return dirty->reported;
    return pages_in(spans, ledger->tiles[id].number);
}

/* Judge every active tile; with `peek` nothing changes. */
static void judge_tiles(struct judge *judge, struct ledger *ledger, const struct span_list *spans, bool peek,
                        struct harvest_report *report)
{
    struct dirty_windows *windows = &judge->windows;
    size_t t = 0, p = 0;
    for (size_t i = 0; i < ledger->listed_count; i++) {
        uint32_t id = ledger->listed[i].id;
        const struct ledger_tile *tile = &ledger->tiles[id];
        const uint8_t *state = &ledger->state[(size_t)id * TILE_PAGES];
        struct dirty_tile *dirty =
            t < windows->tile_count && windows->tiles[t].tile == id ? &windows->tiles[t++] : NULL;
        struct tile_verdict verdict = {.truth = truth_of(state)};
        verdict.reported = reported_of(judge, ledger, spans, dirty, id);
        if (dirty) {
            blame_leaves(&verdict, dirty, tile->leaf_lg2 - PAGE_LG2);
        } else if (mask_any(&verdict.truth)) {
            while (p < windows->piece_count && windows->pieces[p].span.last >> TILE_LG2 < tile->number)
                p++;
            if (p < windows->piece_count && windows->pieces[p].span.first >> TILE_LG2 <= tile->number) {
                struct page_mask hit = mask_and(verdict.truth, &verdict.reported);
                windows->pieces[p].holds_truth = true;
                windows->pieces[p].true_pages += mask_count(&hit);
            }
        }
        struct page_mask missed_before = mask_plane(state, PAGE_MISSED);
        count_tile(&verdict, &missed_before, report);
        if (!peek)
            settle_tile(ledger, id, &verdict);
    }
}

/* Pages of the spans inside one span. */
static uint64_t pages_inside(const struct span_list *spans, struct span span)
{
    uint64_t pages = 0;
    for (size_t i = span_lower(spans, span.first); i < spans->count && spans->spans[i].first <= span.last;
         i++) {
        uint64_t first = spans->spans[i].first > span.first ? spans->spans[i].first : span.first;
        uint64_t last = spans->spans[i].last < span.last ? spans->spans[i].last : span.last;
        pages += ((last - first) >> PAGE_LG2) + 1;
    }
    return pages;
}

static bool judge_leaves(struct judge *judge, struct ledger *ledger, enum dirty_visit visit, bool peek,
                         window_flush *flush, void *context, struct harvest_report *report,
                         struct error *error)
{
    struct dirty_windows *windows = &judge->windows;
    bool spread = ledger->config->harvest.granule_bytes > UINT64_C(1) << PAGE_LG2;
    if (!dirty_windows_visit(windows, ledger, visit, flush, context, error))
        return false;
    const struct span_list *spans = &windows->reported;
    if (spread) {
        if (!span_intersect(&windows->reported, &ledger->tracked, &judge->reported, error))
            return false;
        spans = &judge->reported;
    }
    report->harvested_leaves = windows->met_leaves;
    report->cleared_entries = visit == VISIT_PEEK ? 0 : windows->met_leaves;
    judge_tiles(judge, ledger, spans, peek, report);

    for (size_t p = 0; p < windows->piece_count; p++) {
        struct dirty_piece *piece = &windows->pieces[p];
        uint64_t pages = spread ? pages_inside(spans, piece->span) : piece->reported_pages;
        if (piece->holds_truth || !piece->born)
            report->false_leaf += pages - piece->true_pages;
        else
            report->false_residue += pages - piece->true_pages;
        if (!spread)
            report->reported_pages += pages;
    }
    if (spread)
        report->reported_pages = span_pages(spans);
    else
        for (size_t t = 0; t < windows->tile_count; t++)
            report->reported_pages += mask_count(&windows->tiles[t].reported);
    report->false_pages = report->reported_pages - report->true_pages;
    report->false_granule = report->false_pages - report->false_leaf - report->false_residue;
    assert(spread || report->false_granule == 0);
    return true;
}

/* ---- methods that know without the tables ---- */

static bool judge_by_method(struct ledger *ledger, struct harvest_report *report, struct error *error)
{
    enum tracking_report kind = ledger->config->tracking.method->report;
    if (!ledger_list_active(ledger, error))
        return false;
    for (size_t i = 0; i < ledger->listed_count; i++) {
        uint32_t id = ledger->listed[i].id;
        const uint8_t *state = &ledger->state[(size_t)id * TILE_PAGES];
        struct tile_verdict verdict = {.truth = truth_of(state)};
        if (kind != TRACKING_REPORTS_NOTHING)
            verdict.reported = verdict.truth;
        struct page_mask missed_before = mask_plane(state, PAGE_MISSED);
        count_tile(&verdict, &missed_before, report);
        settle_tile(ledger, id, &verdict);
    }
    report->reported_pages = kind == TRACKING_REPORTS_ALL ? ledger->tracked_pages : report->true_pages;
    report->false_pages = report->false_untracked = report->reported_pages - report->true_pages;
    return true;
}

/* ---- no_clear: what the last harvest reported ---- */

static void take_snapshot(struct ledger *ledger)
{
    for (uint32_t id = 0; id < ledger->tile_count; id++)
        if (ledger->active[id])
            ledger->snapshot[id] = mask_plane(&ledger->state[(size_t)id * TILE_PAGES], PAGE_DIRTY);
}

/* ---- entry points ---- */

bool judge_harvest(struct judge *judge, struct ledger *ledger, window_flush *flush, void *context,
                   struct harvest_report *report, struct error *error)
{
    const struct cell_config *config = ledger->config;
    *report = (struct harvest_report){0};
    if (config->tracking.method->uses_hardware) {
        enum dirty_visit visit = config->harvest.no_clear ? VISIT_PEEK : VISIT_CLEAR;
        report->scanned_entries = ledger->scan_entries;
        report->scanned_tables = ledger->scan_tables;
        if (!judge_leaves(judge, ledger, visit, false, flush, context, report, error))
            return false;
        if (config->harvest.no_clear)
            take_snapshot(ledger);
    } else if (!judge_by_method(ledger, report, error)) {
        return false;
    }
    ledger->harvested = true;
    ledger->reported_truth = ledger->true_count;
    return true;
}

bool judge_clear(struct judge *judge, struct ledger *ledger, window_flush *flush, void *context,
                 uint64_t *cleared_entries, struct error *error)
{
    struct dirty_windows *windows = &judge->windows;
    if (!dirty_windows_visit(windows, ledger, VISIT_START, flush, context, error))
        return false;
    *cleared_entries = windows->met_leaves;
    for (uint32_t id = 0; id < ledger->tile_count; id++) /* T is empty before the start */
        ledger->active[id] = 0;
    return true;
}

bool judge_lost(struct judge *judge, struct ledger *ledger, uint64_t *lost_pages, struct error *error)
{
    const struct cell_config *config = ledger->config;
    *lost_pages = ledger->true_count;
    if (!config->harvest.no_clear || !ledger->harvested)
        return true;
    switch (config->tracking.method->report) {
    case TRACKING_REPORTS_NOTHING:
        return true;
    case TRACKING_REPORTS_ALL:
        *lost_pages = 0;
        return true;
    case TRACKING_REPORTS_TRUTH:
        *lost_pages -= ledger->reported_truth;
        return true;
    case TRACKING_REPORTS_LEAVES:
        break;
    }
    /* Let the tables look as the last harvest saw them, and see what of T it reported. */
    for (uint32_t id = 0; id < ledger->tile_count; id++) {
        uint8_t *state = &ledger->state[(size_t)id * TILE_PAGES];
        for (unsigned page = 0; page < TILE_PAGES; page++)
            state[page] &= (uint8_t)~PAGE_DIRTY;
        mask_set_bits(state, &ledger->snapshot[id], PAGE_DIRTY);
    }
    struct harvest_report report = {0};
    if (!judge_leaves(judge, ledger, VISIT_PEEK, true, NULL, NULL, &report, error))
        return false;
    *lost_pages = report.missed_pages;
    return true;
}
