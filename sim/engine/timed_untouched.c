/* Leaves that are dirty since their map in memory that the trace has not touched: they are counted, and
 * become known leaves when their tile is touched while a harvest is under way. */
#include "sim/base/memory.h"
#include "sim/engine/cohort.h"
#include "sim/engine/timed.h"

static uint64_t entries_of(const struct cohort *cohort, uint64_t bytes, unsigned lg2)
{
    return (bytes >> lg2) << pt_leaf_entries_lg2(&cohort->leaves.geometry, lg2);
}

bool timed_collect_untouched(struct cohort *cohort, struct error *error)
{
    struct timed *timed = cohort->timed;
    struct harvest *harvest = &cohort->harvest;
    if (!harvest_domain(harvest, &cohort->leaves, HARVEST_CLEAR, timed->domain, NULL, 0, NULL, error))
        return false;
    if (harvest->piece_count == 0)
        return true;
    if (!memory_grow(&timed->untouched_sums, &timed->untouched_capacity, harvest->piece_count,
                     sizeof *timed->untouched_sums, error))
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < harvest->piece_count; i++) {
        const struct dirty_piece *piece = &harvest->pieces[i];
        timed->untouched_sums[i] = sum;
        sum += entries_of(cohort, piece->span.last - piece->span.first + 1, piece->lg2);
    }
    return true;
}

/* Index of the first piece that ends at or after an address. */
static size_t piece_at(const struct harvest *harvest, uint64_t address)
{
    size_t low = 0, high = harvest->piece_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (harvest->pieces[middle].span.last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Entries of the domain's leaves that begin below the border of a leaf. */
static uint64_t entries_below(const struct cohort *cohort, uint64_t border)
{
    const struct harvest *harvest = &cohort->harvest;
    size_t at = piece_at(harvest, border);
    if (at == harvest->piece_count) {
        const struct dirty_piece *last = &harvest->pieces[at - 1];
        return cohort->timed->untouched_sums[at - 1] +
               entries_of(cohort, last->span.last - last->span.first + 1, last->lg2);
    }
    const struct dirty_piece *piece = &harvest->pieces[at];
    uint64_t inside = border > piece->span.first ? border - piece->span.first : 0;
    return cohort->timed->untouched_sums[at] + entries_of(cohort, inside, piece->lg2);
}

/* Where the window's untouched leaves begin: what it shares with the windows before it is clean. */
static uint64_t window_border(const struct cohort *cohort)
{
    const struct timed *timed = cohort->timed;
    const struct harvest *harvest = &cohort->harvest;
    uint64_t from = timed->window.first;
    if (timed->untouched_from > from)
        return timed->untouched_from;
    size_t at = piece_at(harvest, from);
    if (at < harvest->piece_count && harvest->pieces[at].span.first < from)
        from = from >> harvest->pieces[at].lg2 << harvest->pieces[at].lg2;
    return from;
}

uint64_t timed_untouched_before(const struct cohort *cohort, uint64_t address)
{
    if (cohort->harvest.piece_count == 0)
        return 0;
    uint64_t border = window_border(cohort);
    return address > border ? entries_below(cohort, address) - entries_below(cohort, border) : 0;
}

struct timed_untouched timed_untouched_in_window(const struct cohort *cohort)
{
    const struct harvest *harvest = &cohort->harvest;
    struct span window = cohort->timed->window;
    struct timed_untouched sum = {0};
    if (harvest->piece_count == 0)
        return sum;
    uint64_t border = window_border(cohort);
    if (border > window.last)
        return sum;
    for (size_t i = piece_at(harvest, border);
         i < harvest->piece_count && harvest->pieces[i].span.first <= window.last; i++) {
        const struct dirty_piece *piece = &harvest->pieces[i];
        struct span leaves = span_common(piece->span, (struct span){border, window.last});
        leaves.last |= (UINT64_C(1) << piece->lg2) - 1;
        struct span inside = span_common(leaves, window);
        if (sum.leaves == 0)
            sum.hull.first = leaves.first;
        sum.hull.last = leaves.last;
        sum.leaves += ((leaves.last - leaves.first) >> piece->lg2) + 1;
        sum.entries += entries_of(cohort, leaves.last - leaves.first + 1, piece->lg2);
        sum.pages[piece->cause >> 4] += (inside.last - inside.first + 1) >> PAGE_LG2;
    }
    return sum;
}

/* ---- tiles that are touched while a harvest is under way ---- */

enum when { NOT_READ, READ_BEFORE, READ_IN_WINDOW };

/* When the harvest read this leaf, if it did. */
static enum when when_read(const struct cohort *cohort, uint32_t domain, struct span leaf, unsigned level)
{
    const struct timed *timed = cohort->timed;
    struct span range;
    if (domain > timed->domain || !leaves_range_lower(&cohort->leaves, domain, leaf.first, &range) ||
        range.first > leaf.last)
        return NOT_READ;
    uint64_t from = leaf.first > range.first ? leaf.first : range.first;
    if (domain < timed->domain || from < timed->window.first)
        return READ_BEFORE;
    if (from > timed->window.last)
        return NOT_READ;
    if (timed->stage == TIMED_COPYING)
        return READ_BEFORE;
    bool read = timed->stage == TIMED_FLUSHING || timed_read_ps(cohort, leaf, level) < timed->done_ps;
    return read ? READ_IN_WINDOW : NOT_READ;
}

/* Leaves in front of this address have been read. */
static void pass_over(struct timed *timed, struct span leaf)
{
    if (leaf.last >= timed->window.last)
        timed->walked = true;
    else if (leaf.last >= timed->cursor)
        timed->cursor = leaf.last + 1;
}

/* What was counted as untouched until now. */
static bool learn_tile(struct cohort *cohort, uint32_t id, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    const struct tile *tile = &leaves->tiles[id];
    uint16_t *state = leaves_tile_state(leaves, id);
    struct page_mask dirty = mask_plane(state, STATE_DIRTY), here = {{0}};
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = dirty.word[w]; left != 0; left &= left - 1) {
            unsigned page = w * 64 + (unsigned)__builtin_ctzll(left);
            uint32_t head = id << TILE_PAGES_LG2 | page;
            struct span leaf = leaves_span(leaves, head, leaves_lg2(leaves, head));
            switch (when_read(cohort, tile->domain, leaf, tile->level)) {
            case NOT_READ:
                break;
            case READ_BEFORE:
                state[page] &= (uint16_t) ~(STATE_DIRTY | STATE_CAUSE);
                break;
            case READ_IN_WINDOW:
                mask_add(&here, page);
                pass_over(cohort->timed, leaf);
                break;
            }
        }
    if (!mask_any(&here))
        return true;
    return tile->leaf_lg2 > TILE_LG2 ? timed_harvest_large(cohort, tile->head_base, error)
                                     : timed_harvest_heads(cohort, id, &here, error);
}

bool timed_add_tiles(struct cohort *cohort, uint32_t first, struct error *error)
{
    struct timed *timed = cohort->timed;
    struct leaves *leaves = &cohort->leaves;
    if (!timed_is_under_way(timed))
        return true;
    if (!timed_reserve(cohort, error) || !leaves_sort_tiles(leaves, error))
        return false;
    uint64_t cleared = timed->cleared, learnt = 0;
    for (uint32_t id = first; id < leaves->tile_count; id++) {
        if (!learn_tile(cohort, id, error))
            return false;
        /* The sums of untouched leaves still hold these entries. */
        learnt += timed->cleared - cleared;
        timed->cleared = cleared;
    }
    timed->cleared += learnt;
    if (!timed_collect_untouched(cohort, error))
        return false;
    for (uint32_t id = first; id < leaves->tile_count; id++) {
        struct page_mask dirty = mask_plane(leaves_tile_state(leaves, id), STATE_DIRTY);
        for (unsigned page = 0; page < TILE_PAGES; page++)
            if (mask_has(&dirty, page))
                timed_dirtied(cohort, id << TILE_PAGES_LG2 | page);
    }
    return true;
}
