#include "sim/engine/score.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/tracking/tracking.h"

bool score_reserve(struct score *score, uint32_t tile_count, struct error *error)
{
    if (!memory_grow(&score->standing, &score->standing_capacity, tile_count, sizeof *score->standing, error))
        return false;
    for (; score->standing_count < tile_count; score->standing_count++)
        score->standing[score->standing_count] = (struct standing){0};
    return true;
}

void score_free(struct score *score)
{
    memory_free(score->standing);
    memory_free(score->woken);
    span_free(&score->blocks);
    *score = (struct score){0};
}

/* ---- standing tiles ---- */

#define STANDING_FIELDS(X)                                                                                   \
    X(harvested) X(reported) X(correct) X(missed) X(late) X(by_leaf) X(by_ats) X(by_residue) X(by_born)

static void stand(struct score *score, uint32_t id, const struct standing *share)
{
#define CHANGE(field) score->sum.field += (uint64_t)share->field - score->standing[id].field;
    STANDING_FIELDS(CHANGE)
#undef CHANGE
    score->standing[id] = *share;
}

void score_wake(struct score *score, const struct tile_place *tiles, size_t count)
{
    const struct standing nothing = {0};
    for (size_t i = 0; i < count; i++)
        stand(score, tiles[i].id, &nothing);
}

void score_begin(struct score *score, struct leaves *leaves)
{
    for (uint32_t d = 0; leaves->last_reported && d < leaves->domain_count; d++)
        leaves->last_reported[d].count = 0; /* also of domains that this harvest finds nothing in */
    score_wake(score, leaves->listed, leaves->listed_count);
}

/* Standing tiles of the domain that hold missed pages and overlap the span. */
static bool wake_span(struct score *score, const struct leaves *leaves, uint32_t domain, struct span span,
                      struct error *error)
{
    uint32_t at = leaves_order_lower(leaves, domain, span.first >> TILE_LG2);
    for (; at < leaves->ordered; at++) {
        uint32_t id = leaves->order[at];
        const struct tile *tile = &leaves->tiles[id];
        if (tile->domain != domain || tile->number > span.last >> TILE_LG2)
            break;
        if (score->standing[id].missed == 0)
            continue;
        if (!memory_grow(&score->woken, &score->woken_capacity, score->woken_count + 1, sizeof *score->woken,
                         error))
            return false;
        struct tile_place place = {leaves_tile_key(tile), id};
        score->woken[score->woken_count++] = place;
        score_wake(score, &place, 1);
    }
    return true;
}

/* ---- one tile ---- */

/* The pages of a tile that lie in the spans. */
static struct page_mask pages_in(const struct span_list *spans, const struct tile *tile)
{
    struct page_mask mask = {{0}};
    struct span whole = tile_span(tile);
    for (size_t i = span_lower(spans, whole.first); i < spans->count && spans->spans[i].first <= whole.last; i++) {
        struct span part = span_common(spans->spans[i], whole);
        struct page_mask pages = mask_pages(tile_page(part.first), tile_page(part.last));
        mask = mask_or(mask, &pages);
    }
    return mask;
}

struct verdict {
    struct page_mask truth, written, missed, reported; /* T, W, missed before, R */
    struct standing share;
};

static struct verdict begin_verdict(const struct leaves *leaves, uint32_t id)
{
    const uint16_t *state = leaves_tile_state(leaves, id);
    return (struct verdict){.truth = mask_plane(state, PAGE_IN_T),
                            .written = mask_plane(state, PAGE_IN_W),
                            .missed = mask_plane(state, PAGE_MISSED)};
}

static uint16_t count_both(const struct page_mask *a, const struct page_mask *b)
{
    struct page_mask both = mask_and(*a, b);
    return (uint16_t)mask_count(&both);
}

void score_blame(const struct leaves *leaves, const struct dirty_tile *dirty, const struct page_mask *truth,
                 const struct page_mask *held_truth, const struct page_mask *reported, struct standing *share)
{
    struct page_mask left = mask_without(*reported, truth);
    left = mask_and(left, &dirty->leaves);
    struct page_mask held = leaves_mask_heads(leaves, dirty->tile, *held_truth);
    held = leaves_mask_pages(leaves, dirty->tile, held);
    held = mask_or(held, &dirty->by_cause[CAUSE_WRITTEN >> 4]);
    share->by_leaf = count_both(&left, &held);
    left = mask_without(left, &held);
    share->by_ats = count_both(&left, &dirty->by_cause[CAUSE_ATS >> 4]);
    share->by_residue = count_both(&left, &dirty->by_cause[CAUSE_RESIDUE >> 4]);
    share->by_born = count_both(&left, &dirty->by_cause[CAUSE_BORN >> 4]);
}

static void count_verdict(struct verdict *verdict, struct harvest_report *report)
{
    struct page_mask hit = mask_and(verdict->truth, &verdict->reported);
    struct page_mask miss = mask_without(verdict->truth, &verdict->reported);
    struct page_mask fresh = mask_without(miss, &verdict->missed);
    verdict->share.correct = (uint16_t)mask_count(&hit);
    verdict->share.missed = (uint16_t)mask_count(&miss);
    verdict->share.late = count_both(&hit, &verdict->missed);
    report->missed_new_pages += mask_count(&fresh);
    report->caught_pages += count_both(&verdict->reported, &verdict->written);
}

/* T ← T∖R unless no_clear, W ← ∅, and remember what was missed and reported. */
static void settle(struct leaves *leaves, uint32_t id, const struct verdict *verdict)
{
    uint16_t *state = leaves_tile_state(leaves, id);
    bool no_clear = leaves->config->harvest.no_clear;
    struct page_mask hit = mask_and(verdict->truth, &verdict->reported);
    struct page_mask miss = mask_without(verdict->truth, &verdict->reported);
    struct page_mask fresh = mask_without(miss, &verdict->missed);
    uint16_t leave = PAGE_IN_W;
    if (no_clear) { /* nearly always what was reported before: only differences are written */
        struct page_mask before = mask_plane(state, PAGE_REPORTED);
        struct page_mask more = mask_without(verdict->reported, &before);
        struct page_mask less = mask_without(before, &verdict->reported);
        mask_set_bits(state, &more, PAGE_REPORTED);
        mask_clear_bits(state, &less, PAGE_REPORTED);
        mask_clear_bits(state, &verdict->written, PAGE_IN_W);
    } else {
        leaves->true_count -= mask_count(&hit);
        if (mask_equal(&hit, &verdict->truth))
            leave |= PAGE_IN_T | PAGE_MISSED;
        else
            mask_clear_bits(state, &hit, PAGE_IN_T | PAGE_MISSED);
        for (unsigned page = 0; page < TILE_PAGES; page++)
            state[page] &= (uint16_t)~leave;
    }
    if (mask_any(&fresh))
        mask_set_bits(state, &fresh, PAGE_MISSED);
}

/* Add a tile's share to the report, and let it stand or look at it again next time. */
static void finish_tile(struct score *score, struct leaves *leaves, uint32_t id, struct verdict *verdict,
                        bool stands)
{
    settle(leaves, id, verdict);
    if (!leaves->config->harvest.no_clear) { /* what was reported is gone */
        struct standing rest = {.missed = verdict->share.missed};
        stand(score, id, &rest);
    } else if (stands) {
        stand(score, id, &verdict->share);
    } else {
        leaves->active[id + 1] = 1;
    }
}

void score_add_share(const struct standing *share, struct harvest_report *report)
{
    report->harvested_leaves += share->harvested;
    report->reported_pages += share->reported;
    report->true_pages += share->correct;
    report->missed_pages += share->missed;
    report->late_pages += share->late;
    report->false_leaf += share->by_leaf;
    report->false_ats += share->by_ats;
    report->false_residue += share->by_residue;
    report->false_born += share->by_born;
}

/* ---- a domain ---- */

/* Tracked pages inside one span, which may hold memory that the trace never touched. */
static uint64_t tracked_inside(const struct leaves *leaves, uint32_t domain, struct span span)
{
    struct span tracked;
    uint64_t pages = 0;
    for (uint64_t at = span.first;
         leaves_tracked_lower(leaves, domain, at, &tracked) && tracked.first <= span.last;
         at = tracked.last + 1) {
        struct span part = span_common(tracked, span);
        pages += ((part.last - part.first) >> PAGE_LG2) + 1;
        if (tracked.last >= span.last)
            break;
    }
    return pages;
}

static uint64_t tracked_in_all(const struct leaves *leaves, uint32_t domain, const struct span_list *spans,
                               struct span within)
{
    uint64_t pages = 0;
    for (size_t i = span_lower(spans, within.first); i < spans->count && spans->spans[i].first <= within.last;
         i++)
        pages += tracked_inside(leaves, domain, span_common(spans->spans[i], within));
    return pages;
}

/* A tile that no dirty small leaf is in: pieces may report its pages. */
static void score_piece_tile(struct harvest *harvest, const struct tile *tile, struct verdict *verdict)
{
    size_t low = 0, high = harvest->piece_count;
    uint64_t base = tile->number << TILE_LG2;
    while (low < high) { /* the first piece that ends in or behind the tile */
        size_t middle = low + (high - low) / 2;
        if (harvest->pieces[middle].span.last < base)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == harvest->piece_count || harvest->pieces[low].span.first > base ||
        harvest->pieces[low].lg2 <= TILE_LG2)
        return; /* smaller untouched leaves lie in no touched tile */
    harvest->pieces[low].holds_truth |= mask_any(&verdict->truth);
    harvest->pieces[low].true_pages += count_both(&verdict->truth, &verdict->reported);
}

struct scoring {
    struct score *score;
    struct harvest *harvest;
    const struct span_list *blocks; /* NULL: no granule */
    bool before_unmap;
    size_t dirty_at; /* next dirty tile */
    struct harvest_report *report;
};

/* Take what a read before an unmap reported out of T and W. */
static void take_out(struct leaves *leaves, uint32_t id, const struct verdict *verdict)
{
    uint16_t *state = leaves_tile_state(leaves, id);
    struct page_mask hit = mask_and(verdict->truth, &verdict->reported);
    leaves->true_count -= mask_count(&hit);
    mask_clear_bits(state, &verdict->reported, PAGE_IN_T | PAGE_IN_W | PAGE_MISSED);
    leaves->active[id + 1] = 1;
}

static void score_tile(struct scoring *scoring, uint32_t id)
{
    struct harvest *harvest = scoring->harvest;
    struct leaves *leaves = harvest->leaves;
    const struct tile *tile = &leaves->tiles[id];
    struct verdict verdict = begin_verdict(leaves, id);
    struct dirty_tile *dirty =
        scoring->dirty_at < harvest->tile_count && harvest->tiles[scoring->dirty_at].tile == id
            ? &harvest->tiles[scoring->dirty_at++]
            : NULL;
    if (scoring->blocks) {
        struct page_mask tracked = mask_plane(leaves_tile_state(leaves, id), PAGE_TRACKED);
        verdict.reported = pages_in(scoring->blocks, tile);
        verdict.reported = mask_and(verdict.reported, &tracked);
    } else if (dirty) {
        verdict.reported = dirty->reported;
        verdict.share.reported = (uint16_t)mask_count(&dirty->reported);
    } else if (harvest->piece_count > 0) {
        verdict.reported = pages_in(&harvest->reported, tile);
    }
    if (dirty) {
        verdict.share.harvested = (uint16_t)dirty->met;
        if (!harvest->reports_all)
            score_blame(leaves, dirty, &verdict.truth, &verdict.truth, &verdict.reported, &verdict.share);
    }
    struct harvest_report counts = {0};
    count_verdict(&verdict, &counts);
    if (!dirty && harvest->piece_count > 0)
        score_piece_tile(harvest, tile, &verdict);
    scoring->report->caught_pages += counts.caught_pages;
    if (scoring->before_unmap) {
        verdict.share.missed = 0;
        take_out(leaves, id, &verdict);
        score_add_share(&verdict.share, scoring->report);
        return;
    }
    scoring->report->missed_new_pages += counts.missed_new_pages;
    bool stands = !scoring->blocks && tile->leaf_lg2 <= TILE_LG2 && leaves->config->harvest.chunk_bytes == 0;
    struct standing before = verdict.share;
    finish_tile(scoring->score, leaves, id, &verdict, stands);
    /* What stands now is added with the other standing tiles at the end. */
    const struct standing *kept = &scoring->score->standing[id];
#define REST(field) before.field = (uint16_t)(before.field - kept->field);
    STANDING_FIELDS(REST)
#undef REST
    score_add_share(&before, scoring->report);
}

/* Reported pages of pieces, and the causes of their false ones. */
static void score_pieces(const struct scoring *scoring)
{
    struct harvest *harvest = scoring->harvest;
    struct harvest_report *report = scoring->report;
    for (size_t p = 0; p < harvest->piece_count; p++) {
        struct dirty_piece *piece = &harvest->pieces[p];
        uint64_t pages = piece->reported_pages;
        if (pages == 0 && !scoring->blocks)
            continue;
        if (scoring->blocks)
            pages = pages == 0 ? 0
                               : tracked_in_all(harvest->leaves, harvest->domain, scoring->blocks, piece->span);
        else
            report->reported_pages += pages;
        if (pages == 0)
            continue;
        uint64_t wrong = pages - piece->true_pages;
        if (piece->holds_truth || piece->cause == CAUSE_WRITTEN)
            report->false_leaf += wrong;
        else if (piece->cause == CAUSE_ATS)
            report->false_ats += wrong;
        else if (piece->cause == CAUSE_RESIDUE)
            report->false_residue += wrong;
        else
            report->false_born += wrong;
    }
}

/* Tiles in address order: given ones and woken ones. */
static void score_tiles(struct scoring *scoring, const struct tile_place *tiles, size_t count)
{
    const struct score *score = scoring->score;
    for (size_t i = 0, w = 0; i < count || w < score->woken_count;) {
        bool woken = i == count || (w < score->woken_count && score->woken[w].key < tiles[i].key);
        score_tile(scoring, woken ? score->woken[w++].id : tiles[i++].id);
    }
}

/* Everything that the harvest met, in the given tiles, in woken ones and outside. */
static void score_leaves(struct scoring *scoring, const struct tile_place *tiles, size_t count)
{
    const struct harvest *harvest = scoring->harvest;
    struct harvest_report *report = scoring->report;
    const struct span everything = {0, UINT64_MAX};
    const uint64_t false_before = report->reported_pages - report->true_pages;
    report->harvested_leaves += harvest->met_leaves;
    for (size_t t = 0; t < harvest->tile_count; t++) /* these are in the shares of their tiles */
        report->harvested_leaves -= harvest->tiles[t].met;
    score_tiles(scoring, tiles, count);
    if (!harvest->reports_all)
        score_pieces(scoring);
    if (scoring->blocks)
        report->reported_pages +=
            tracked_in_all(harvest->leaves, harvest->domain, scoring->blocks, everything);
    if (harvest->reports_all)
        report->false_untracked += report->reported_pages - report->true_pages - false_before;
}

/* What reports reach beyond the tiles given, in ascending order. */
static bool wake_reached(struct score *score, const struct harvest *harvest, const struct span_list *blocks,
                         struct error *error)
{
    score->woken_count = 0;
    if (!blocks && harvest->piece_count == 0)
        return true;
    if (!leaves_sort_tiles(harvest->leaves, error))
        return false;
    if (blocks)
        for (size_t i = 0; i < blocks->count; i++)
            if (!wake_span(score, harvest->leaves, harvest->domain, blocks->spans[i], error))
                return false;
    for (size_t p = 0; p < harvest->piece_count; p++)
        if (harvest->pieces[p].lg2 > TILE_LG2 &&
            !wake_span(score, harvest->leaves, harvest->domain, harvest->pieces[p].span, error))
            return false;
    if (score->woken_count > 1)
        qsort(score->woken, score->woken_count, sizeof *score->woken, tile_place_compare);
    return true;
}

/* no_clear: pages reported outside tiles, for tiles that come later. */
static bool remember_reported(struct leaves *leaves, uint32_t domain, const struct span_list *spans,
                              struct error *error)
{
    if (!leaves->last_reported)
        leaves->last_reported =
            memory_zeroed(leaves->domain_count, sizeof *leaves->last_reported, error);
    if (!leaves->last_reported)
        return false;
    struct span_list *last = &leaves->last_reported[domain];
    struct span tracked;
    last->count = 0;
    for (size_t i = 0; i < spans->count; i++)
        for (uint64_t at = spans->spans[i].first;
             leaves_tracked_lower(leaves, domain, at, &tracked) && tracked.first <= spans->spans[i].last;
             at = tracked.last + 1) {
            struct span part = span_common(tracked, spans->spans[i]);
            if (!span_append(last, part.first, part.last, error))
                return false;
            if (tracked.last >= spans->spans[i].last)
                break;
        }
    return true;
}

/* Do reports come as blocks, of which the tracked pages count? */
static bool reports_blocks(const struct harvest *harvest)
{
    const struct leaves *leaves = harvest->leaves;
    return leaves->config->harvest.granule_bytes > UINT64_C(1) << PAGE_LG2 || leaves->device_log ||
           harvest->reports_all;
}

bool score_domain(struct score *score, struct harvest *harvest, const struct tile_place *tiles, size_t count,
                  struct harvest_report *report, struct error *error)
{
    struct leaves *leaves = harvest->leaves;
    struct scoring scoring = {.score = score,
                              .harvest = harvest,
                              .blocks = reports_blocks(harvest) ? &harvest->reported : NULL,
                              .report = report};
    report->cleared_entries += harvest->kind == HARVEST_PEEK ? 0 : harvest->met_entries;
    if (!wake_reached(score, harvest, scoring.blocks, error))
        return false;
    score_leaves(&scoring, tiles, count);
    return !leaves->config->harvest.no_clear ||
           remember_reported(leaves, harvest->domain, &harvest->reported, error);
}

/* ---- methods that know without the tables ---- */

/* R of a tile under such a method. */
static struct page_mask reported_by_method(const struct leaves *leaves, uint32_t id,
                                           const struct page_mask *truth)
{
    const struct tracking_method *method = leaves->config->tracking.method;
    struct page_mask reported = {{0}};
    if (method->reports_others)
        reported = mask_plane(leaves_tile_state(leaves, id), PAGE_TRACKED);
    if (!method->reports_written)
        return mask_without(reported, truth);
    return mask_or(reported, truth);
}

/* All tracked memory has been reported: what of it gets a tile later was, too. */
static bool remember_tracked(struct leaves *leaves, struct error *error)
{
    for (uint32_t domain = 0; domain < leaves->domain_count; domain++) {
        struct span_list all = {0};
        struct span tracked;
        bool good = true;
        for (uint64_t at = 0; good && leaves_tracked_lower(leaves, domain, at, &tracked);
             at = tracked.last + 1) {
            good = span_append(&all, tracked.first, tracked.last, error);
            if (tracked.last == UINT64_MAX)
                break;
        }
        good = good && remember_reported(leaves, domain, &all, error);
        span_free(&all);
        if (!good)
            return false;
    }
    return true;
}

bool score_by_method(struct score *score, struct leaves *leaves, const struct tile_place *tiles, size_t count,
                     struct harvest_report *report, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct verdict verdict = begin_verdict(leaves, tiles[i].id);
        verdict.reported = reported_by_method(leaves, tiles[i].id, &verdict.truth);
        count_verdict(&verdict, report);
        finish_tile(score, leaves, tiles[i].id, &verdict, true);
        if (!leaves->config->harvest.no_clear) {
            report->true_pages += verdict.share.correct;
            report->late_pages += verdict.share.late;
        }
    }
    bool everything = leaves->config->tracking.method->reports_others;
    if (everything)
        report->reported_pages = leaves_tracked_pages(leaves);
    return !everything || !leaves->config->harvest.no_clear || remember_tracked(leaves, error);
}

/* ---- the end of a harvest ---- */

void score_end(struct score *score, struct harvest_report *report)
{
    report->harvested_leaves += score->sum.harvested;
    report->reported_pages += score->sum.reported;
    report->true_pages += score->sum.correct;
    report->missed_pages += score->sum.missed;
    report->late_pages += score->sum.late;
    report->false_leaf += score->sum.by_leaf;
    report->false_ats += score->sum.by_ats;
    report->false_residue += score->sum.by_residue;
    report->false_born += score->sum.by_born;
    score->harvested = true;
}

void score_finish_report(const struct leaves *leaves, struct harvest_report *report)
{
    const struct tracking_method *method = leaves->config->tracking.method;
    bool knows = !tracking_visits_leaves(method) && !method->uses_device_logs; /* without the tables */
    if (knows && !method->reports_others)
        report->reported_pages = report->true_pages;
    report->false_pages = report->reported_pages - report->true_pages;
    if (!knows)
        report->false_granule = report->false_pages - report->false_untracked - report->false_leaf -
                                report->false_ats - report->false_residue - report->false_born;
    else
        report->false_untracked = report->false_pages;
}

/* ---- before an unmap ---- */

bool score_before_unmap(struct score *score, struct harvest *harvest, const struct span_list *limits,
                        const struct tile_place *tiles, size_t count, struct harvest_report *report,
                        struct error *error)
{
    struct leaves *leaves = harvest->leaves;
    const struct tracking_method *method = leaves->config->tracking.method;
    score->woken_count = 0;
    score_wake(score, tiles, count);
    if (tracking_visits_leaves(method) || method->uses_device_logs) {
        struct scoring scoring = {.score = score, .harvest = harvest, .before_unmap = true, .report = report};
        if (reports_blocks(harvest)) {
            if (!span_intersect(&harvest->reported, limits, &score->blocks, error))
                return false;
            scoring.blocks = &score->blocks;
        }
        score_leaves(&scoring, tiles, count);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        struct verdict verdict = begin_verdict(leaves, tiles[i].id);
        struct page_mask inside = pages_in(limits, &leaves->tiles[tiles[i].id]);
        verdict.reported = reported_by_method(leaves, tiles[i].id, &verdict.truth);
        verdict.reported = mask_and(verdict.reported, &inside);
        struct harvest_report counts = {0};
        count_verdict(&verdict, &counts);
        report->caught_pages += counts.caught_pages;
        report->true_pages += verdict.share.correct;
        report->late_pages += verdict.share.late;
        take_out(leaves, tiles[i].id, &verdict);
    }
    for (size_t i = 0; method->reports_others && i < limits->count; i++)
        report->reported_pages += tracked_inside(leaves, harvest->domain, limits->spans[i]);
    return true;
}

/* ---- the end of the run ---- */

uint64_t score_lost(const struct score *score, const struct leaves *leaves)
{
    uint64_t lost = 0;
    if (!leaves->config->harvest.no_clear || !score->harvested)
        return leaves->true_count;
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        struct page_mask truth = mask_plane(leaves_tile_state(leaves, id), PAGE_IN_T);
        struct page_mask reported = mask_plane(leaves_tile_state(leaves, id), PAGE_REPORTED);
        truth = mask_without(truth, &reported);
        lost += mask_count(&truth);
    }
    return lost;
}
