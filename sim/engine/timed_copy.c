/* What a window of a timed harvest reports against what DMA wrote by the time of the copy (semantics.md 8 and
 * 13). */
#include "sim/engine/cohort.h"
#include "sim/engine/timed.h"

static uint64_t count_both(const struct page_mask *a, const struct page_mask *b)
{
    struct page_mask both = mask_and(*a, b);
    return mask_count(&both);
}

/* Reported pages of a tile leave T and W; returns how many were in T. */
static uint64_t take_out(struct cohort *cohort, uint32_t id, const struct page_mask *reported)
{
    struct leaves *leaves = &cohort->leaves;
    struct harvest_report *report = &cohort->timed->report;
    uint16_t *state = leaves_tile_state(leaves, id);
    struct page_mask truth = mask_plane(state, PAGE_IN_T), written = mask_plane(state, PAGE_IN_W);
    struct page_mask missed = mask_plane(state, PAGE_MISSED);
    struct page_mask hit = mask_and(truth, reported);
    uint64_t hits = mask_count(&hit);
    if (cohort->config->ats.enabled)
        cohort->timed->taken[id] = mask_or(cohort->timed->taken[id], &hit);
    report->true_pages += hits;
    report->late_pages += count_both(&hit, &missed);
    report->caught_pages += count_both(&written, reported);
    leaves->true_count -= hits;
    mask_clear_bits(state, reported, PAGE_IN_T | PAGE_IN_W | PAGE_MISSED);
    return hits;
}

void timed_copy_tile(struct cohort *cohort, const struct dirty_tile *dirty)
{
    struct timed *timed = cohort->timed;
    struct page_mask truth = mask_plane(leaves_tile_state(&cohort->leaves, dirty->tile), PAGE_IN_T);
    struct page_mask held = mask_or(truth, &timed->taken[dirty->tile]);
    struct standing share = {0};
    score_blame(&cohort->leaves, dirty, &truth, &held, &dirty->reported, &share);
    share.reported = (uint16_t)mask_count(&dirty->reported);
    score_add_share(&share, &timed->report);
    timed->copied += share.reported;
    take_out(cohort, dirty->tile, &dirty->reported);
}

static void blame_pages(struct harvest_report *report, uint64_t pages, uint8_t cause)
{
    switch (cause) {
    case CAUSE_WRITTEN:
        report->false_leaf += pages;
        break;
    case CAUSE_ATS:
        report->false_ats += pages;
        break;
    case CAUSE_RESIDUE:
        report->false_residue += pages;
        break;
    default:
        report->false_born += pages;
    }
}

void timed_copy_large(struct cohort *cohort, const struct timed_large *large)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    struct span span = leaves_span(leaves, large->head, large->lg2);
    struct span inside = span_common(span, timed->window);
    uint64_t pages = ((inside.last - inside.first) >> PAGE_LG2) + 1, hits = 0;
    bool holds = false;
    for (uint32_t at = leaves_order_lower(leaves, timed->domain, span.first >> TILE_LG2);
         at < leaves->ordered; at++) {
        uint32_t id = leaves->order[at];
        const struct tile *tile = &leaves->tiles[id];
        if (tile->domain != timed->domain || tile->number > span.last >> TILE_LG2)
            break;
        struct page_mask truth = mask_plane(leaves_tile_state(leaves, id), PAGE_IN_T);
        struct page_mask reported = timed_inside(timed, tile);
        holds |= mask_any(&truth) || mask_any(&timed->taken[id]);
        hits += take_out(cohort, id, &reported);
    }
    timed->report.reported_pages += pages;
    timed->copied += pages;
    blame_pages(&timed->report, pages - hits, holds ? CAUSE_WRITTEN : large->cause);
}

/* The pages of a tile that the window reported. */
static struct page_mask reported_of(const struct cohort *cohort, uint32_t id, const struct page_mask *inside)
{
    const struct leaves *leaves = &cohort->leaves;
    const struct window_marks *marks = cohort->timed->marks;
    const struct tile *tile = &leaves->tiles[id];
    struct page_mask none = {{0}};
    if (tile->leaf_lg2 > TILE_LG2)
        return mask_any(&marks[tile->head_base >> TILE_PAGES_LG2].cleaned) ? *inside : none;
    none = leaves_mask_pages(leaves, id, marks[id].cleaned);
    return mask_and(none, inside);
}

/* The pages of a tile that the window did not report. */
static void settle(struct cohort *cohort, uint32_t id)
{
    struct leaves *leaves = &cohort->leaves;
    const struct window_marks *marks = &cohort->timed->marks[id];
    struct harvest_report *report = &cohort->timed->report;
    uint16_t *state = leaves_tile_state(leaves, id);
    struct page_mask others = timed_inside(cohort->timed, &leaves->tiles[id]);
    struct page_mask reported = reported_of(cohort, id, &others);
    others = mask_without(others, &reported);
    struct page_mask missed = mask_plane(state, PAGE_IN_T), before = mask_plane(state, PAGE_MISSED);
    missed = mask_and(missed, &others);
    missed = mask_without(missed, &marks->into_truth);
    struct page_mask fresh = mask_without(missed, &before);
    others = mask_without(others, &marks->into_written);
    report->missed_pages += mask_count(&missed);
    report->missed_new_pages += mask_count(&fresh);
    mask_set_bits(state, &fresh, PAGE_MISSED);
    mask_clear_bits(state, &others, PAGE_IN_W);
    uint16_t left = 0;
    for (unsigned page = 0; page < TILE_PAGES; page++)
        left |= state[page];
    leaves->active[id + 1] = (left & (PAGE_IN_T | PAGE_IN_W | STATE_DIRTY)) != 0;
}

uint64_t timed_end_copy(struct cohort *cohort, const struct timed_untouched *untouched)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    if (cohort->config->harvest.copy == COPY_AFTER_FLUSH) {
        for (size_t i = 0; i < timed->tile_count; i++)
            timed_copy_tile(cohort, &timed->tiles[i]);
        for (size_t i = 0; i < timed->large_count; i++)
            timed_copy_large(cohort, &timed->large[i]);
    }
    for (unsigned cause = 0; cause < 4; cause++) {
        timed->report.reported_pages += untouched->pages[cause];
        timed->copied += untouched->pages[cause];
        blame_pages(&timed->report, untouched->pages[cause], (uint8_t)(cause << 4));
    }
    uint32_t at = leaves_order_lower(leaves, timed->domain, timed->window.first >> TILE_LG2);
    for (; at < leaves->ordered; at++) {
        const struct tile *tile = &leaves->tiles[leaves->order[at]];
        if (tile->domain != timed->domain || tile->number > timed->window.last >> TILE_LG2)
            break;
        if (leaves->active[leaves->order[at] + 1])
            settle(cohort, leaves->order[at]);
    }
    return timed->copied;
}
