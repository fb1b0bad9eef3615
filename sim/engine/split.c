/* When leaves are split (semantics.md 14). */
#include <assert.h>

#include "sim/engine/cohort.h"

/* ---- tracking.split: start ---- */

/* In tables, and in the tiles of the domains first ... end - 1, which use them. */
static bool split_tables(struct cohort *cohort, struct tables *tables, uint32_t first, uint32_t end,
                         const struct span_list *spans, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct tables_change *change = &cohort->change;
    if (!leaves_split(leaves, tables, end - first, spans, change, error))
        return false;
    for (uint32_t d = first; change->run_count > 0 && d < end; d++) {
        for (size_t i = 0; i < cohort->cell_count; i++)
            cell_flush_split(cohort->cells[i], d);
        if (!leaves_split_tiles(leaves, cohort->tiles, d, change, error))
            return false;
    }
    return true;
}

bool cohort_split_all(struct cohort *cohort, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct span everything = {0, UINT64_MAX};
    const struct span_list all = {.spans = &everything, .count = 1};
    const struct span_list *spans = leaves->ranges_given ? &leaves->ranges : &all;
    bool good = true;
    if (leaves->base) /* nobody has changed its tables yet */
        good = split_tables(cohort, leaves->base, 0, leaves->domain_count, spans, error);
    for (uint32_t d = 0; good && !leaves->base && d < leaves->domain_count; d++)
        good = split_tables(cohort, leaves->domains[d].tables, d, d + 1, spans, error);
    leaves_split_end(leaves);
    return good;
}

/* ---- tracking.split: dirty ---- */

/* Tables that a split made are visited by the windows that come later in the same harvest, where the leaf
 * reaches into them: an earlier window has met it then. */
static void count_later(const struct leaves *leaves, uint32_t domain, const struct leaf_run *whole,
                        struct harvest_report *report)
{
    const uint64_t chunk = leaves->config->harvest.chunk_bytes, mask = (UINT64_C(1) << whole->lg2) - 1;
    const struct span *before = NULL; /* the window before */
    struct span range, last, window;
    for (uint64_t at = whole->span.first;
         leaves_range_lower(leaves, domain, at, &range) && range.first <= whole->span.last;
         at = range.last + 1) {
        uint64_t first = range.first;
        if (chunk != 0 && at > first)
            first += (at - first) / chunk * chunk;
        for (;; first += chunk) {
            bool is_last = chunk == 0 || range.last - first < chunk;
            window = span_common((struct span){first, is_last ? range.last : first + chunk - 1}, whole->span);
            uint64_t leaf = window.first & ~mask;
            if (before && before->last >= leaf)
                tables_split_scan(&leaves->geometry, whole, leaves->split_lg2,
                                  span_common(window, (struct span){leaf, leaf | mask}),
                                  &report->scanned_entries, &report->scanned_tables);
            last = window;
            before = &last;
            if (is_last || window.last == whole->span.last)
                break;
        }
        if (range.last >= whole->span.last)
            break;
    }
}

/* The leaves of a tile that were met and are larger than the parts. */
static bool list_tile(struct cohort *cohort, const struct dirty_tile *dirty, struct error *error)
{
    const struct leaves *leaves = &cohort->leaves;
    const struct tile *tile = &leaves->tiles[dirty->tile];
    uint64_t base = tile->number << TILE_LG2;
    if (tile->mixed == 0 && tile->leaf_lg2 <= leaves->split_lg2)
        return true;
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = dirty->leaves.word[w]; left != 0; left &= left - 1) {
            unsigned page = w * 64 + (unsigned)__builtin_ctzll(left);
            uint64_t first = base + ((uint64_t)page << PAGE_LG2);
            if (leaves_lg2(leaves, dirty->tile << TILE_PAGES_LG2 | page) > leaves->split_lg2 &&
                !span_append(&cohort->splits, first, first + ((1u << PAGE_LG2) - 1), error))
                return false;
        }
    return true;
}

static bool was_met(const struct leaves *leaves, const struct dirty_piece *piece)
{
    return piece->lg2 > leaves->split_lg2 && piece->reported_pages > 0;
}

/* Leaves were met where a tracked range overlaps them. */
static bool list_piece(struct cohort *cohort, const struct dirty_piece *piece, struct error *error)
{
    const struct leaves *leaves = &cohort->leaves;
    struct span range;
    if (!was_met(leaves, piece))
        return true;
    for (uint64_t at = piece->span.first;
         leaves_range_lower(leaves, cohort->harvest.domain, at, &range) && range.first <= piece->span.last;
         at = range.last + 1) {
        struct span part = span_common(range, piece->span);
        if (!span_append(&cohort->splits, part.first, part.last, error))
            return false;
        if (range.last >= piece->span.last)
            break;
    }
    return true;
}

/* Split what the listed spans hold. Its leaves are clean, whole ones, and parts may lie outside of every
 * range, where harvest_end cleans nothing. Caches may hold entries of it if harvests do not flush. */
static bool split_listed(struct cohort *cohort, struct harvest_report *report, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct tables_change *change = &cohort->change;
    const struct span_list *splits = &cohort->splits;
    uint32_t domain = cohort->harvest.domain;
    struct tables *tables = leaves_own_tables(leaves, domain, error);
    if (!tables)
        return false;
    for (size_t i = 0; i < splits->count; i++)
        if (!tables_change_leaves(tables, splits->spans[i], LEAF_DIRTY | LEAF_CAUSE, 0, false, error))
            return false;
    if (!leaves_split(leaves, tables, 1, splits, change, error))
        return false;
    for (size_t i = 0; i < cohort->cell_count; i++)
        if (cohort->cells[i]->keeps_contents && !cell_keep_ghosts(cohort->cells[i], domain, change, error))
            return false;
    if (leaves->ranges_given || leaves->config->harvest.chunk_bytes != 0)
        for (size_t i = 0; i < change->run_count; i++)
            count_later(leaves, domain, &change->runs[i], report);
    return leaves_split_tiles(leaves, cohort->tiles, domain, change, error);
}

/* Of a leaf above 2 MiB that a tile stands for, tables do not know what became of it; its parts that no tile
 * stands for will ask them. */
static bool tell_tables(struct leaves *leaves, uint32_t domain, const struct dirty_piece *piece,
                        struct error *error)
{
    if (piece->untouched || !was_met(leaves, piece))
        return true;
    uint8_t leaf = (uint8_t)(leaves->state[piece->head] >> STATE_LEAF);
    struct tables *tables = leaves_own_tables(leaves, domain, error);
    return tables && tables_change_leaves(tables, piece->span, UINT8_MAX, leaf, false, error);
}

bool cohort_split_harvested(struct cohort *cohort, struct harvest_report *report, struct error *error)
{
    const struct harvest *harvest = &cohort->harvest;
    struct span_list *splits = &cohort->splits;
    splits->count = 0;
    for (size_t i = 0; i < harvest->tile_count; i++)
        if (!list_tile(cohort, &harvest->tiles[i], error))
            return false;
    bool in_tiles = splits->count > 0;
    if (in_tiles && !split_listed(cohort, report, error))
        return false;
    splits->count = 0;
    for (size_t i = 0; i < harvest->piece_count; i++)
        if (!list_piece(cohort, &harvest->pieces[i], error) ||
            !tell_tables(&cohort->leaves, harvest->domain, &harvest->pieces[i], error))
            return false;
    bool in_pieces = splits->count > 0;
    if (in_pieces && !split_listed(cohort, report, error))
        return false;
    if (in_tiles || in_pieces)
        leaves_split_end(&cohort->leaves);
    return true;
}
