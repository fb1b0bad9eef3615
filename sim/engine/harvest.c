#include "sim/engine/harvest.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/base/memory.h"

/* ---- what is dirty ---- */

static bool add_piece(struct harvest *harvest, const struct dirty_piece *piece, struct error *error)
{
    if (!memory_grow(&harvest->pieces, &harvest->piece_capacity, harvest->piece_count + 1,
                     sizeof *harvest->pieces, error))
        return false;
    harvest->pieces[harvest->piece_count++] = *piece;
    return true;
}

void harvest_add_causes(const struct leaves *leaves, uint32_t id, const struct page_mask *heads,
                        struct page_mask by_cause[4])
{
    const uint16_t *state = leaves_tile_state(leaves, id);
    struct page_mask low = mask_plane(state, STATE_CAUSE & (STATE_CAUSE >> 1));
    struct page_mask high = mask_plane(state, STATE_CAUSE & (STATE_CAUSE << 1));
    if (!mask_any(&low) && !mask_any(&high)) { /* nearly always: all were written */
        struct page_mask some = leaves_mask_pages(leaves, id, *heads);
        by_cause[CAUSE_WRITTEN >> 4] = mask_or(by_cause[CAUSE_WRITTEN >> 4], &some);
        return;
    }
    for (unsigned cause = 0; cause < 4; cause++) {
        struct page_mask some = cause & 1 ? mask_and(*heads, &low) : mask_without(*heads, &low);
        some = cause & 2 ? mask_and(some, &high) : mask_without(some, &high);
        some = leaves_mask_pages(leaves, id, some);
        by_cause[cause] = mask_or(by_cause[cause], &some);
    }
}

static bool add_tile(struct harvest *harvest, uint32_t id, struct error *error)
{
    const struct leaves *leaves = harvest->leaves;
    const uint16_t *state = leaves_tile_state(leaves, id);
    struct page_mask heads = mask_plane(state, STATE_DIRTY);
    if (!mask_any(&heads))
        return true;
    if (!memory_grow(&harvest->tiles, &harvest->tile_capacity, harvest->tile_count + 1,
                     sizeof *harvest->tiles, error))
        return false;
    struct dirty_tile *dirty = &harvest->tiles[harvest->tile_count++];
    *dirty = (struct dirty_tile){.tile = id, .heads = heads};
    harvest_add_causes(leaves, id, &heads, dirty->by_cause);
    return true;
}

/* A leaf above 2 MiB whose head stands in this tile. */
static bool add_large(struct harvest *harvest, uint32_t id, struct error *error)
{
    const struct leaves *leaves = harvest->leaves;
    const struct tile *tile = &leaves->tiles[id];
    uint32_t head = id << TILE_PAGES_LG2;
    uint16_t word = leaves_tile_state(leaves, id)[0];
    if (tile->head_base != head || !(word & STATE_DIRTY))
        return true;
    return add_piece(harvest,
                     &(struct dirty_piece){.span = leaves_span(leaves, head, tile->leaf_lg2),
                                           .lg2 = tile->leaf_lg2,
                                           .cause = (uint8_t)((word & STATE_CAUSE) >> STATE_LEAF),
                                           .head = head},
                     error);
}

/* The leaves of a dirty run that no touched tile stands for. */
static bool add_untouched(struct harvest *harvest, const struct leaf_run *run, struct error *error)
{
    struct leaves *leaves = harvest->leaves;
    struct dirty_piece piece = {.lg2 = run->lg2, .cause = run->leaf & LEAF_CAUSE, .untouched = true};
    unsigned lg2 = run->lg2 > TILE_LG2 ? run->lg2 : TILE_LG2;
    uint64_t mask = (UINT64_C(1) << lg2) - 1, next = run->span.first;
    uint32_t at = leaves_order_lower(leaves, harvest->domain, (run->span.first & ~mask) >> TILE_LG2);
    for (; at < leaves->ordered; at++) {
        const struct tile *tile = &leaves->tiles[leaves->order[at]];
        uint64_t first = tile->number << TILE_LG2;
        if (tile->domain != harvest->domain || (first & ~mask) > run->span.last)
            break;
        if ((first | mask) < next)
            continue;
        piece.span = (struct span){next, (first & ~mask) - 1};
        if ((first & ~mask) > next && !add_piece(harvest, &piece, error))
            return false;
        if ((first | mask) >= run->span.last)
            return true;
        next = (first | mask) + 1;
    }
    piece.span = (struct span){next, run->span.last};
    return add_piece(harvest, &piece, error);
}

static int compare_pieces(const void *a, const void *b)
{
    const struct dirty_piece *left = a, *right = b;
    return (left->span.first > right->span.first) - (left->span.first < right->span.first);
}

static struct span hull_of(const struct span_list *spans)
{
    return (struct span){spans->spans[0].first, spans->spans[spans->count - 1].last};
}

static void begin(struct harvest *harvest, struct leaves *leaves, enum harvest_kind kind, uint32_t domain,
                  const struct span_list *limits)
{
    harvest->leaves = leaves;
    harvest->kind = kind;
    harvest->domain = domain;
    harvest->limits = limits;
    harvest->tile_count = harvest->piece_count = harvest->clear_count = 0;
    harvest->reported.count = 0;
    harvest->reports_all = false;
    harvest->met_leaves = harvest->met_entries = 0;
    harvest->open = harvest->pending = harvest->in_item = false;
    harvest->tile_at = harvest->piece_at = 0;
}

bool harvest_domain(struct harvest *harvest, struct leaves *leaves, enum harvest_kind kind, uint32_t domain,
                    const struct tile_place *tiles, size_t tile_count, const struct span_list *limits,
                    struct error *error)
{
    begin(harvest, leaves, kind, domain, limits);
    for (size_t i = 0; i < tile_count; i++) {
        const struct tile *tile = &leaves->tiles[tiles[i].id];
        if (tile->mapped == 0)
            continue;
        if (!(tile->leaf_lg2 > TILE_LG2 ? add_large(harvest, tiles[i].id, error)
                                        : add_tile(harvest, tiles[i].id, error)))
            return false;
    }
    const struct leaf_run *run = tables_first_dirty(leaves->domains[domain].tables);
    if (run && !leaves_sort_tiles(leaves, error))
        return false;
    for (; run; run = tables_next_dirty(run))
        if ((!limits || span_overlaps(run->span, hull_of(limits))) && !add_untouched(harvest, run, error))
            return false;
    if (harvest->piece_count > 1)
        qsort(harvest->pieces, harvest->piece_count, sizeof *harvest->pieces, compare_pieces);
    return true;
}

/* ---- windows ---- */

/* The range (or limit) that ends at or after `address`. */
static bool range_at(const struct harvest *harvest, uint64_t address, struct span *range)
{
    if (!harvest->limits)
        return leaves_range_lower(harvest->leaves, harvest->domain, address, range);
    size_t i = span_lower(harvest->limits, address);
    if (i == harvest->limits->count)
        return false;
    *range = harvest->limits->spans[i];
    return true;
}

/* Begin the item that comes first of those left. */
static bool next_item(struct harvest *harvest)
{
    bool tile = harvest->tile_at < harvest->tile_count, piece = harvest->piece_at < harvest->piece_count;
    if (!tile && !piece)
        return false;
    struct span of_tile = {0}, of_piece = {0};
    if (tile)
        of_tile = tile_span(&harvest->leaves->tiles[harvest->tiles[harvest->tile_at].tile]);
    if (piece)
        of_piece = harvest->pieces[harvest->piece_at].span;
    harvest->item_is_tile = tile && (!piece || of_tile.first < of_piece.first);
    harvest->left = harvest->item_is_tile ? of_tile : of_piece;
    return true;
}

static void end_item(struct harvest *harvest)
{
    harvest->in_item = false;
    if (harvest->item_is_tile)
        harvest->tile_at++;
    else
        harvest->piece_at++;
}

/* The next part of an item that lies in one window; false when there is none. */
static bool next_part(struct harvest *harvest)
{
    uint64_t chunk = harvest->kind == HARVEST_START || harvest->limits
                         ? 0
                         : harvest->leaves->config->harvest.chunk_bytes;
    for (;;) {
        struct span range;
        if (!harvest->in_item && !(harvest->in_item = next_item(harvest)))
            return false;
        struct span *left = &harvest->left;
        if (left->first > left->last || !range_at(harvest, left->first, &range) ||
            range.first > left->last) {
            end_item(harvest);
            continue;
        }
        struct span part = span_common(*left, range);
        if (chunk != 0) {
            range.first += (part.first - range.first) / chunk * chunk;
            if (range.last - range.first >= chunk)
                range.last = range.first + chunk - 1;
            part = span_common(part, range);
        }
        harvest->part = part;
        harvest->bounds = harvest->kind == HARVEST_START ? (struct span){0, UINT64_MAX} : range;
        uint64_t done = part.last;
        if (!harvest->item_is_tile && harvest->kind != HARVEST_PEEK) /* cut leaves are clean then */
            done |= (UINT64_C(1) << harvest->pieces[harvest->piece_at].lg2) - 1;
        if (done >= left->last)
            *left = (struct span){1, 0};
        else
            left->first = done + 1;
        return true;
    }
}

static void meet(struct harvest *harvest, uint64_t leaves, uint64_t entries, struct span hull)
{
    struct window *window = &harvest->window;
    if (window->dirty_leaves == 0)
        window->hull = hull;
    if (hull.last > window->hull.last)
        window->hull.last = hull.last;
    window->dirty_leaves += leaves;
    window->dirty_entries += entries;
    harvest->met_leaves += leaves;
    harvest->met_entries += entries;
}

/* Remember reported bytes; with a granule every block that they touch. */
static bool report(struct harvest *harvest, struct span part, struct error *error)
{
    uint64_t granule = harvest->leaves->config->harvest.granule_bytes;
    return span_append(&harvest->reported, part.first & ~(granule - 1), part.last | (granule - 1), error);
}

/* The tracked part of a block that devices logged. */
static bool report_tracked(struct harvest *harvest, struct span block, struct error *error)
{
    struct span tracked;
    for (uint64_t at = block.first;
         leaves_tracked_lower(harvest->leaves, harvest->domain, at, &tracked) && tracked.first <= block.last;
         at = tracked.last + 1) {
        if (!report(harvest, span_common(tracked, block), error))
            return false;
        if (tracked.last >= block.last)
            break;
    }
    return true;
}

bool harvest_device_logs(struct harvest *harvest, struct leaves *leaves, uint32_t domain, size_t *at,
                         const struct span_list *limits, struct error *error)
{
    struct span_list *blocks = &harvest->blocks;
    begin(harvest, leaves, HARVEST_PEEK, domain, limits);
    blocks->count = 0;
    if (!device_log_blocks(leaves->device_log, domain, at, blocks, error) ||
        (limits && !span_intersect(blocks, limits, &harvest->limited, error)))
        return false;
    const struct span_list *all = limits ? &harvest->limited : blocks;
    for (size_t i = 0; i < all->count; i++)
        if (!report_tracked(harvest, all->spans[i], error))
            return false;
    return true;
}

static bool clear_later(struct harvest *harvest, uint32_t tile, const struct page_mask *heads,
                        struct error *error)
{
    if (harvest->kind == HARVEST_PEEK)
        return true;
    if (!memory_grow(&harvest->clears, &harvest->clear_capacity, harvest->clear_count + 1,
                     sizeof *harvest->clears, error))
        return false;
    harvest->clears[harvest->clear_count++] = (struct window_clear){tile, *heads};
    return true;
}

static bool report_pages(struct harvest *harvest, uint64_t base, const struct page_mask *pages,
                         struct error *error)
{
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = pages->word[w]; left != 0; left &= left - 1) {
            uint64_t page = base + ((uint64_t)(w * 64 + (unsigned)__builtin_ctzll(left)) << PAGE_LG2);
            if (!report(harvest, (struct span){page, page + ((1u << PAGE_LG2) - 1)}, error))
                return false;
        }
    return true;
}

static void open_window(struct harvest *harvest)
{
    if (harvest->open)
        return;
    harvest->window = (struct window){.domain = harvest->domain,
                                      .bounds = harvest->bounds,
                                      .all_ranges = harvest->kind == HARVEST_START,
                                      .untouched = &harvest->untouched};
    harvest->untouched.count = 0;
    harvest->open = true;
}

/* Which heads of a tile the part meets. */
static struct page_mask heads_in(const struct harvest *harvest, const struct dirty_tile *dirty,
                                 struct page_mask *inside)
{
    *inside = mask_pages(tile_page(harvest->part.first), tile_page(harvest->part.last));
    struct page_mask heads = leaves_mask_heads(harvest->leaves, dirty->tile, *inside);
    return mask_and(dirty->heads, &heads);
}

static bool visit_tile(struct harvest *harvest, struct error *error)
{
    const struct leaves *leaves = harvest->leaves;
    struct dirty_tile *dirty = &harvest->tiles[harvest->tile_at];
    struct page_mask inside, heads = heads_in(harvest, dirty, &inside);
    uint64_t base = leaves->tiles[dirty->tile].number << TILE_LG2;
    struct page_mask pages = leaves_mask_pages(leaves, dirty->tile, heads);
    struct span hull = {base + ((uint64_t)mask_lowest(&pages) << PAGE_LG2),
                        base + (((uint64_t)mask_highest(&pages) + 1) << PAGE_LG2) - 1};
    open_window(harvest);
    meet(harvest, mask_count(&heads), leaves_mask_entries(leaves, dirty->tile, &heads), hull);
    dirty->met += (uint32_t)mask_count(&heads);
    struct page_mask reported = mask_and(pages, &inside);
    dirty->leaves = mask_or(dirty->leaves, &pages);
    dirty->reported = mask_or(dirty->reported, &reported);
    if (leaves->config->harvest.granule_bytes > UINT64_C(1) << PAGE_LG2 &&
        !report_pages(harvest, base, &reported, error))
        return false;
    if (harvest->kind != HARVEST_PEEK)
        dirty->heads = mask_without(dirty->heads, &heads);
    return clear_later(harvest, dirty->tile, &heads, error);
}

static bool visit_piece(struct harvest *harvest, struct error *error)
{
    struct dirty_piece *piece = &harvest->pieces[harvest->piece_at];
    const struct pt_geometry *geometry = &harvest->leaves->geometry;
    struct span part = harvest->part;
    uint64_t mask = (UINT64_C(1) << piece->lg2) - 1;
    uint64_t leaves = (part.last >> piece->lg2) - (part.first >> piece->lg2) + 1;
    struct span whole = {part.first & ~mask, part.last | mask};
    open_window(harvest);
    meet(harvest, leaves, leaves << pt_leaf_entries_lg2(geometry, piece->lg2), whole);
    piece->reported_pages += (part.last - part.first + 1) >> PAGE_LG2;
    if (!report(harvest, part, error))
        return false;
    if (piece->untouched)
        return span_append(&harvest->untouched, whole.first, whole.last, error);
    struct page_mask head = mask_pages(0, 0);
    return clear_later(harvest, piece->head >> TILE_PAGES_LG2, &head, error);
}

/* Does the pending part meet any dirty leaf? (All pieces are dirty.) */
static bool part_is_dirty(const struct harvest *harvest)
{
    if (!harvest->item_is_tile)
        return true;
    struct page_mask inside, heads = heads_in(harvest, &harvest->tiles[harvest->tile_at], &inside);
    return mask_any(&heads);
}

bool harvest_window(struct harvest *harvest, const struct window **window, struct error *error)
{
    *window = NULL;
    for (;;) {
        if (!harvest->pending) {
            if (!next_part(harvest))
                break;
            if (!part_is_dirty(harvest))
                continue;
            harvest->pending = true;
        }
        if (harvest->open && harvest->window.bounds.first != harvest->bounds.first)
            break;
        harvest->pending = false;
        if (!(harvest->item_is_tile ? visit_tile(harvest, error) : visit_piece(harvest, error)))
            return false;
    }
    if (!harvest->open)
        return true;
    harvest->open = false;
    harvest->window.clears = harvest->clears;
    harvest->window.clear_count = harvest->clear_count;
    *window = &harvest->window;
    return true;
}

bool harvest_report_all(struct harvest *harvest, struct error *error)
{
    harvest->reports_all = true;
    harvest->reported.count = 0;
    return span_append(&harvest->reported, 0, UINT64_MAX, error);
}

void harvest_clean(struct harvest *harvest)
{
    struct leaves *leaves = harvest->leaves;
    for (size_t i = 0; i < harvest->clear_count; i++) {
        uint16_t *state = leaves_tile_state(leaves, harvest->clears[i].tile);
        struct page_mask dirty = mask_plane(state, STATE_DIRTY);
        if (mask_equal(&dirty, &harvest->clears[i].heads))
            for (unsigned page = 0; page < TILE_PAGES; page++)
                state[page] &= (uint16_t) ~(STATE_DIRTY | STATE_CAUSE);
        else
            mask_clear_bits(state, &harvest->clears[i].heads, STATE_DIRTY | STATE_CAUSE);
    }
    harvest->clear_count = 0;
}

/* Every leaf that overlaps a tracked range has been visited: none of the runs is dirty there any more. */
static bool clean_runs(const struct leaves *leaves, struct tables *tables, struct error *error)
{
    struct span everything = {0, UINT64_MAX};
    size_t count = leaves->ranges_given ? leaves->ranges.count : 1;
    if (!tables_first_dirty(tables))
        return true;
    for (size_t i = 0; i < count; i++)
        if (!tables_change_leaves(tables, leaves->ranges_given ? leaves->ranges.spans[i] : everything,
                                  LEAF_DIRTY | LEAF_CAUSE, 0, false, error))
            return false;
    return true;
}

bool harvest_end(struct harvest *harvest, struct error *error)
{
    struct domain *domain = &harvest->leaves->domains[harvest->domain];
    return harvest->kind == HARVEST_PEEK || !domain->owns ||
           clean_runs(harvest->leaves, domain->tables, error);
}

bool harvest_end_shared(struct leaves *leaves, struct error *error)
{
    return !leaves->base || clean_runs(leaves, leaves->base, error);
}

bool window_holds_dirty(const struct window *window, const struct leaves *leaves, uint32_t head)
{
    const struct tile *tile = &leaves->tiles[head >> TILE_PAGES_LG2];
    if (window->marks) /* since then they may have become dirty again */
        return mask_has(&window->marks[head >> TILE_PAGES_LG2].cleaned, head & (TILE_PAGES - 1));
    if (!(leaves->state[head] & STATE_DIRTY) || tile->domain != window->domain)
        return false;
    struct span leaf = leaves_span(leaves, head, leaves_lg2(leaves, head));
    return window->all_ranges ? leaves_tracked(leaves, window->domain, leaf)
                              : span_overlaps(leaf, window->bounds);
}

void harvest_free(struct harvest *harvest)
{
    memory_free(harvest->tiles);
    memory_free(harvest->pieces);
    memory_free(harvest->clears);
    span_free(&harvest->reported);
    span_free(&harvest->untouched);
    span_free(&harvest->blocks);
    span_free(&harvest->limited);
    *harvest = (struct harvest){0};
}
