/* The set of 4 KiB pages that the devices of each domain touch, as a bitmap per tile. */
#ifndef SIM_STATE_PAGE_SET_H
#define SIM_STATE_PAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/state/page_mask.h"
#include "sim/state/tile.h"
#include "traces/trace.h"

struct page_set_tile {
    uint64_t number; /* iova >> TILE_LG2 */
    uint32_t domain;
    struct page_mask pages;
};

struct page_set {
    struct tile_index index;
    struct page_set_tile *tiles;
    size_t capacity;
    bool per_device;
};

/** An empty set; `per_device`: device ids are the domains, else all is domain 0. */
bool page_set_init(struct page_set *set, bool per_device, struct error *error);
/** Add the pages of the batch's reads and writes. */
bool page_set_add_batch(struct page_set *set, const struct trace_batch *batch, struct error *error);
/** Add the pages from `first_page` to `last_page` (iova >> 12) of a domain. */
bool page_set_add(struct page_set *set, uint32_t domain, uint64_t first_page, uint64_t last_page, struct error *error);
/** Order the tiles by domain and address; needed before page_set_begin, and nothing can be added afterwards. */
void page_set_finish(struct page_set *set);
void page_set_free(struct page_set *set);

/** Whether `index` has the same tiles, whatever their pages: of a finished set that is not per device. */
bool page_set_same_tiles(const struct page_set *set, struct tile_index *index);

/** Whether any page lies behind the byte `last`, the last one of a tile. */
bool page_set_reaches(const struct page_set *set, uint64_t last);

struct page_set_cursor {
    uint32_t domain;
    size_t tile;
    unsigned page;
};

/** Where a domain's pages begin. */
struct page_set_cursor page_set_begin(const struct page_set *set, uint32_t domain);
/** The next run of set pages inside one tile of the domain, bytes [first, last]; false at the end. */
bool page_set_next_run(const struct page_set *set, struct page_set_cursor *cursor, uint64_t *first,
                       uint64_t *last);

#endif
