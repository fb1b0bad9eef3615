#include "sim/state/page_set.h"

#include <stdlib.h>

#include "sim/base/memory.h"

bool page_set_init(struct page_set *set, bool per_device, struct error *error)
{
    *set = (struct page_set){.per_device = per_device};
    return tile_index_init(&set->index, per_device ? TRACE_DEVICES : 1, error);
}

bool page_set_add(struct page_set *set, uint32_t domain, uint64_t first_page, uint64_t last_page, struct error *error)
{
    for (uint64_t number = first_page >> TILE_PAGES_LG2; number <= last_page >> TILE_PAGES_LG2; number++) {
        bool is_new = false;
        uint32_t id = tile_id(&set->index, domain, number, &is_new, error);
        if (id == TILE_NONE ||
            (is_new && !memory_grow(&set->tiles, &set->capacity, set->index.count, sizeof *set->tiles, error)))
            return false;
        if (is_new)
            set->tiles[id] = (struct page_set_tile){.number = number, .domain = domain};
        unsigned first = number == first_page >> TILE_PAGES_LG2 ? first_page & (TILE_PAGES - 1) : 0;
        unsigned last = number == last_page >> TILE_PAGES_LG2 ? last_page & (TILE_PAGES - 1) : TILE_PAGES - 1;
        struct page_mask *pages = &set->tiles[id].pages;
        if (first == last) {
            pages->word[first / 64] |= UINT64_C(1) << (first % 64);
        } else {
            struct page_mask part = mask_pages(first, last);
            *pages = mask_or(*pages, &part);
        }
    }
    return true;
}

/* Accesses to pages that share a word of a tile seen before, from `i` on: nearly all, and nearly always set already, so
 * that nothing is stored. The index of the first that is none. */
static inline __attribute__((always_inline)) size_t add_known(struct page_set *set, const struct trace_batch *batch,
                                                              size_t i, bool per_device)
{
    const struct tile_view *const views = set->index.views;
    const struct tile_view first_view = views[0];
    const unsigned window_lg2 = set->index.window_lg2;
    const uint64_t window_mask = (UINT64_C(1) << window_lg2) - 1;
    struct page_set_tile *const tiles = set->tiles;
    for (; i < batch->count; i++) {
        const struct tile_view view = per_device ? views[batch->device[i]] : first_view;
        uint64_t first = batch->iova[i] >> PAGE_LG2, last = (batch->iova[i] + (batch->bytes[i] - 1)) >> PAGE_LG2;
        uint64_t number = first >> TILE_PAGES_LG2;
        if (batch->op[i] > TRACE_READ || (first ^ last) / 64 != 0 || number >> window_lg2 != view.number || !view.ids ||
            view.ids[number & window_mask] == 0)
            return i;
        uint64_t *word = &tiles[view.ids[number & window_mask] - 1].pages.word[first % TILE_PAGES / 64];
        uint64_t pages = UINT64_MAX >> (63 - (last - first)) << first % 64;
        if (__builtin_expect((*word & pages) != pages, false))
            *word |= pages;
    }
    return i;
}

bool page_set_add_batch(struct page_set *set, const struct trace_batch *batch, struct error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        i = set->per_device ? add_known(set, batch, i, true) : add_known(set, batch, i, false);
        if (i == batch->count)
            break;
        if (batch->op[i] > TRACE_READ)
            continue;
        uint64_t first = batch->iova[i] >> PAGE_LG2, last = (batch->iova[i] + (batch->bytes[i] - 1)) >> PAGE_LG2;
        if (!page_set_add(set, set->per_device ? batch->device[i] : 0, first, last, error))
            return false;
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct page_set_tile *left = a, *right = b;
    if (left->domain != right->domain)
        return left->domain < right->domain ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

void page_set_finish(struct page_set *set)
{
    if (set->index.count > 1)
        qsort(set->tiles, set->index.count, sizeof *set->tiles, compare);
}

void page_set_free(struct page_set *set)
{
    memory_free(set->tiles);
    tile_index_free(&set->index);
    *set = (struct page_set){0};
}

bool page_set_same_tiles(const struct page_set *set, struct tile_index *index)
{
    if (set->index.count != index->count)
        return false;
    for (size_t i = 0; i < set->index.count; i++)
        if (tile_find(index, 0, set->tiles[i].number) == TILE_NONE)
            return false;
    return true;
}

bool page_set_reaches(const struct page_set *set, uint64_t last)
{
    for (size_t i = 0; i < set->index.count; i++)
        if (set->tiles[i].number > last >> PAGE_LG2 >> TILE_PAGES_LG2)
            return true;
    return false;
}

struct page_set_cursor page_set_begin(const struct page_set *set, uint32_t domain)
{
    size_t low = 0, high = set->index.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->tiles[middle].domain < domain)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct page_set_cursor){.domain = domain, .tile = low};
}

bool page_set_next_run(const struct page_set *set, struct page_set_cursor *cursor, uint64_t *first,
                       uint64_t *last)
{
    for (; cursor->tile < set->index.count; cursor->tile++, cursor->page = 0) {
        const struct page_set_tile *tile = &set->tiles[cursor->tile];
        unsigned page = cursor->page;
        if (tile->domain != cursor->domain)
            return false;
        while (page < TILE_PAGES && !(tile->pages.word[page / 64] >> (page % 64) & 1))
            page++;
        if (page == TILE_PAGES)
            continue;
        *first = tile->number << TILE_LG2 | (uint64_t)page << PAGE_LG2;
        while (page < TILE_PAGES && tile->pages.word[page / 64] >> (page % 64) & 1)
            page++;
        *last = (tile->number << TILE_LG2) + ((uint64_t)page << PAGE_LG2) - 1;
        cursor->page = page;
        return true;
    }
    return false;
}
