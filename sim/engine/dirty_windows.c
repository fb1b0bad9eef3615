#include "sim/engine/dirty_windows.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/base/memory.h"

struct visitor {
    struct dirty_windows *windows;
    struct ledger *ledger;
    enum dirty_visit visit;
    window_flush *flush;
    void *context;
    struct window window; /* the current one */
    bool open;
    struct error *error;
};

static uint8_t *tile_state(struct ledger *ledger, uint32_t tile)
{
    return &ledger->state[(size_t)tile * TILE_PAGES];
}

/* ---- what is dirty ---- */

static bool add_piece(struct dirty_windows *windows, struct span span, uint8_t leaf_lg2, uint32_t head,
                      bool untouched, bool born, struct error *error)
{
    if (!memory_grow(&windows->pieces, &windows->piece_capacity, windows->piece_count + 1,
                     sizeof *windows->pieces, error))
        return false;
    windows->pieces[windows->piece_count++] = (struct dirty_piece){
        .span = span, .leaf_lg2 = leaf_lg2, .head = head, .untouched = untouched, .born = born};
    return true;
}

static bool add_touched(struct dirty_windows *windows, struct ledger *ledger, struct error *error)
{
    for (size_t i = 0; i < ledger->listed_count; i++) {
        uint32_t id = ledger->listed[i].id;
        const struct ledger_tile *tile = &ledger->tiles[id];
        if (tile->leaf_lg2 == 0)
            continue;
        const uint8_t *state = tile_state(ledger, id);
        if (tile->leaf_lg2 >= TILE_LG2) {
            uint32_t head = id << TILE_PAGES_LG2;
            if (tile->head_base == head && (state[0] & PAGE_DIRTY) &&
                !add_piece(windows, ledger_leaf_span(ledger, head), tile->leaf_lg2, head, false,
                           state[0] & PAGE_BORN, error))
                return false;
            continue;
        }
        struct page_mask heads = mask_plane(state, PAGE_DIRTY);
        if (!mask_any(&heads))
            continue;
        if (!memory_grow(&windows->tiles, &windows->tile_capacity, windows->tile_count + 1,
                         sizeof *windows->tiles, error))
            return false;
        struct page_mask born = mask_plane(state, PAGE_BORN);
        struct page_mask written = mask_without(heads, &born);
        windows->tiles[windows->tile_count++] = (struct dirty_tile){
            .tile = id, .heads = heads, .written = mask_leaf_pages(written, tile->leaf_lg2 - PAGE_LG2)};
    }
    return true;
}

/* The leaves of the mapping that no touched tile stands for. */
static bool add_untouched(struct dirty_windows *windows, struct ledger *ledger, struct error *error)
{
    uint32_t at = 0;
    for (size_t r = 0; r < ledger->layout.run_count; r++) {
        const struct leaf_run *run = &ledger->layout.runs[r];
        uint64_t next = run->span.first;
        bool finished = false;
        while (at > 0 && (ledger->tiles[ledger->order[at - 1]].number << TILE_LG2 |
                          ((UINT64_C(1) << TILE_LG2) - 1)) >= run->span.first)
            at--; /* the run before may end inside the same tile */
        for (; at < ledger->tile_count && !finished; at++) {
            uint64_t first = ledger->tiles[ledger->order[at]].number << TILE_LG2;
            uint64_t mask = (UINT64_C(1) << (run->leaf_lg2 > TILE_LG2 ? run->leaf_lg2 : TILE_LG2)) - 1;
            uint64_t low = first & ~mask, high = first | mask;
            if (first > run->span.last)
                break;
            if (high < next)
                continue;
            if (low > next &&
                !add_piece(windows, (struct span){next, low - 1}, run->leaf_lg2, 0, true, true, error))
                return false;
            finished = high >= run->span.last;
            next = high + 1;
        }
        if (!finished &&
            !add_piece(windows, (struct span){next, run->span.last}, run->leaf_lg2, 0, true, true, error))
            return false;
    }
    return true;
}

static int compare_pieces(const void *a, const void *b)
{
    const struct dirty_piece *left = a, *right = b;
    return (left->span.first > right->span.first) - (left->span.first < right->span.first);
}

/* ---- windows ---- */

static void close_window(struct visitor *visitor)
{
    struct dirty_windows *windows = visitor->windows;
    struct ledger *ledger = visitor->ledger;
    if (!visitor->open)
        return;
    visitor->open = false;
    if (visitor->visit == VISIT_PEEK)
        return;
    visitor->window.clears = windows->clears;
    visitor->window.clear_count = windows->clear_count;
    visitor->flush(visitor->context, &visitor->window);
    for (size_t i = 0; i < windows->clear_count; i++) {
        uint8_t *state = tile_state(ledger, windows->clears[i].tile);
        struct page_mask dirty = mask_plane(state, PAGE_DIRTY);
        if (mask_equal(&dirty, &windows->clears[i].heads))
            for (unsigned page = 0; page < TILE_PAGES; page++)
                state[page] &= (uint8_t) ~(PAGE_DIRTY | PAGE_BORN);
        else
            mask_clear_bits(state, &windows->clears[i].heads, PAGE_DIRTY | PAGE_BORN);
    }
    windows->clear_count = 0;
}

static void enter_window(struct visitor *visitor, struct span bounds)
{
    if (visitor->open && (visitor->visit == VISIT_START || visitor->window.bounds.first == bounds.first))
        return;
    close_window(visitor);
    visitor->window = (struct window){.bounds = bounds, .all_ranges = visitor->visit == VISIT_START};
    visitor->open = true;
}

static void meet(struct visitor *visitor, uint64_t leaves, struct span hull)
{
    struct window *window = &visitor->window;
    if (window->dirty_leaves == 0)
        window->hull = hull;
    if (hull.last > window->hull.last)
        window->hull.last = hull.last;
    window->dirty_leaves += leaves;
    visitor->windows->met_leaves += leaves;
}

/* Remember reported bytes; with a granule every block that they touch. */
static bool report(struct visitor *visitor, struct span part)
{
    uint64_t granule = visitor->ledger->config->harvest.granule_bytes;
    return span_append(&visitor->windows->reported, part.first & ~(granule - 1), part.last | (granule - 1),
                       visitor->error);
}

static bool clear_later(struct visitor *visitor, uint32_t tile, const struct page_mask *heads)
{
    struct dirty_windows *windows = visitor->windows;
    if (visitor->visit == VISIT_PEEK)
        return true;
    if (!memory_grow(&windows->clears, &windows->clear_capacity, windows->clear_count + 1,
                     sizeof *windows->clears, visitor->error))
        return false;
    windows->clears[windows->clear_count++] = (struct window_clear){tile, *heads};
    return true;
}

/* The part [low, high] of a tile of small leaves lies in the window `bounds`. */
static bool visit_tile(struct visitor *visitor, struct dirty_tile *dirty, struct span bounds,
                       struct span part)
{
    struct ledger *ledger = visitor->ledger;
    const struct ledger_tile *tile = &ledger->tiles[dirty->tile];
    unsigned shift = tile->leaf_lg2 - PAGE_LG2;
    struct page_mask inside = mask_pages((unsigned)(part.first >> PAGE_LG2) & (TILE_PAGES - 1),
                                         (unsigned)(part.last >> PAGE_LG2) & (TILE_PAGES - 1));
    struct page_mask overlapping = mask_leaf_heads(inside, shift);
    struct page_mask heads = mask_and(dirty->heads, &overlapping);
    if (!mask_any(&heads))
        return true;
    enter_window(visitor, bounds);
    uint64_t base = tile->number << TILE_LG2;
    struct span hull = {base + ((uint64_t)mask_lowest(&heads) << PAGE_LG2),
                        base + ((uint64_t)mask_highest(&heads) << PAGE_LG2) +
                            ((UINT64_C(1) << tile->leaf_lg2) - 1)};
    meet(visitor, mask_count(&heads), hull);
    struct page_mask pages = mask_leaf_pages(heads, shift);
    struct page_mask reported = mask_and(pages, &inside);
    dirty->leaves = mask_or(dirty->leaves, &pages);
    dirty->reported = mask_or(dirty->reported, &reported);
    if (ledger->config->harvest.granule_bytes > UINT64_C(1) << PAGE_LG2)
        for (unsigned w = 0; w < MASK_WORDS; w++)
            for (uint64_t left = reported.word[w]; left != 0; left &= left - 1) {
                uint64_t page = base + ((uint64_t)(w * 64 + (unsigned)__builtin_ctzll(left)) << PAGE_LG2);
                if (!report(visitor, (struct span){page, page + ((1u << PAGE_LG2) - 1)}))
                    return false;
            }
    if (visitor->visit != VISIT_PEEK)
        dirty->heads = mask_without(dirty->heads, &heads);
    return clear_later(visitor, dirty->tile, &heads);
}

static bool visit_piece(struct visitor *visitor, struct dirty_piece *piece, struct span bounds,
                        struct span part)
{
    uint64_t mask = (UINT64_C(1) << piece->leaf_lg2) - 1;
    enter_window(visitor, bounds);
    meet(visitor, (part.last >> piece->leaf_lg2) - (part.first >> piece->leaf_lg2) + 1,
         (struct span){part.first & ~mask, part.last | mask});
    piece->reported_pages += (part.last - part.first + 1) >> PAGE_LG2;
    if (!report(visitor, part))
        return false;
    if (piece->untouched)
        return true;
    struct page_mask head = mask_pages(0, 0);
    return clear_later(visitor, piece->head >> TILE_PAGES_LG2, &head);
}

/* Visit the windows that overlap an item (exactly one of tile, piece). While clearing, a leaf is met by its
 * first window only. */
static bool visit_item(struct visitor *visitor, struct dirty_tile *tile, struct dirty_piece *piece)
{
    const struct span_list *ranges = &visitor->ledger->ranges;
    uint64_t chunk = visitor->visit == VISIT_START ? 0 : visitor->ledger->config->harvest.chunk_bytes;
    struct span left;
    if (piece) {
        left = piece->span;
    } else {
        left.first = visitor->ledger->tiles[tile->tile].number << TILE_LG2;
        left.last = left.first | ((UINT64_C(1) << TILE_LG2) - 1);
    }
    for (size_t i = span_lower(ranges, left.first);
         i < ranges->count && ranges->spans[i].first <= left.last;) {
        struct span range = ranges->spans[i];
        struct span bounds = range;
        struct span part = {left.first > range.first ? left.first : range.first,
                            left.last < range.last ? left.last : range.last};
        if (chunk != 0) {
            bounds.first = range.first + (part.first - range.first) / chunk * chunk;
            if (range.last - bounds.first >= chunk)
                bounds.last = bounds.first + chunk - 1;
            if (bounds.last < part.last)
                part.last = bounds.last;
        }
        if (!(piece ? visit_piece(visitor, piece, bounds, part) : visit_tile(visitor, tile, bounds, part)))
            return false;
        uint64_t done = part.last;
        if (piece && visitor->visit != VISIT_PEEK) /* leaves cut by the window are clean now */
            done |= (UINT64_C(1) << piece->leaf_lg2) - 1;
        if (done >= left.last)
            break;
        left.first = done + 1;
        while (i < ranges->count && ranges->spans[i].last < left.first)
            i++;
    }
    return true;
}

bool dirty_windows_visit(struct dirty_windows *windows, struct ledger *ledger, enum dirty_visit visit,
                         window_flush *flush, void *context, struct error *error)
{
    windows->tile_count = windows->piece_count = windows->clear_count = 0;
    windows->reported.count = 0;
    windows->met_leaves = 0;
    if (!ledger_list_active(ledger, error) || !add_touched(windows, ledger, error))
        return false;
    if (ledger->born_dirty_inside &&
        (!ledger_sort_tiles(ledger, error) || !add_untouched(windows, ledger, error)))
        return false;
    if (windows->piece_count > 1)
        qsort(windows->pieces, windows->piece_count, sizeof *windows->pieces, compare_pieces);
    struct visitor visitor = {.windows = windows,
                              .ledger = ledger,
                              .visit = visit,
                              .flush = flush,
                              .context = context,
                              .error = error};
    size_t t = 0, p = 0;
    while (t < windows->tile_count || p < windows->piece_count) {
        bool tile_first = p == windows->piece_count ||
                          (t < windows->tile_count && ledger->tiles[windows->tiles[t].tile].number <=
                                                          windows->pieces[p].span.first >> TILE_LG2);
        if (!visit_item(&visitor, tile_first ? &windows->tiles[t] : NULL,
                        tile_first ? NULL : &windows->pieces[p]))
            return false;
        if (tile_first)
            t++;
        else
            p++;
    }
    close_window(&visitor);
    if (visit != VISIT_PEEK)
        ledger->born_dirty_inside = false;
    return true;
}

bool window_holds_dirty(const struct window *window, const struct ledger *ledger, uint32_t head)
{
    if (!(ledger->state[head] & PAGE_DIRTY))
        return false;
    struct span leaf = ledger_leaf_span(ledger, head);
    if (!window->all_ranges)
        return leaf.first <= window->bounds.last && leaf.last >= window->bounds.first;
    size_t i = span_lower(&ledger->ranges, leaf.first);
    return i < ledger->ranges.count && ledger->ranges.spans[i].first <= leaf.last;
}

void dirty_windows_free(struct dirty_windows *windows)
{
    memory_free(windows->tiles);
    memory_free(windows->pieces);
    memory_free(windows->clears);
    span_free(&windows->reported);
    *windows = (struct dirty_windows){0};
}
