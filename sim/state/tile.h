/* Tiles: the 2 MiB-aligned pieces of IOVA space that the devices of a domain touch, numbered in order of first
 * touch.
 *
 * One pass numbers tiles once for all of its cells. A page then has a dense number, tile << 9 | page in tile,
 * so every per-page structure of a cell is a plain array that costs memory only where the trace goes. */
#ifndef SIM_STATE_TILE_H
#define SIM_STATE_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

enum {
    PAGE_LG2 = 12,
    TILE_LG2 = 21,
    TILE_PAGES_LG2 = TILE_LG2 - PAGE_LG2,
    TILE_PAGES = 1 << TILE_PAGES_LG2,
    TILE_COUNT_MAX = 1 << 21, /* dense page and a write bit fit in 31 bits: 4 TiB touched */
    TILE_WINDOW_LG2 = 18,     /* tiles per directory window: 512 GiB of IOVA; */
    TILE_WINDOW_SMALL_LG2 = 12, /* with many domains 8 GiB, */
    TILE_WINDOW_TINY_LG2 = 8,   /* with very many 512 MiB: a domain that is touched takes a window */
    TILE_DOMAINS_FEW = 16,
    TILE_DOMAINS_MANY = 1024
};

#define TILE_NONE UINT32_MAX

struct tile_window; /* one piece of the directory */

/* The window that a domain used last. */
struct tile_view {
    uint64_t number; /* iova >> (TILE_LG2 + window_lg2) */
    uint32_t *ids;   /* ids + 1, 0 = none; NULL before the first */
};

struct tile_index {
    struct tile_window *windows; /* all, hashed by domain and number */
    struct tile_view *views;     /* per domain */
    uint32_t domains;
    unsigned window_lg2;
    uint32_t count; /* tiles so far */
};

bool tile_index_init(struct tile_index *index, uint32_t domains, struct error *error);
void tile_index_free(struct tile_index *index);

/** Make the window with `number` the current one of the domain, creating it if `create`. False: memory, or there
 *  is none (then `error`, which may be NULL, is not set). */
bool tile_window_select(struct tile_index *index, uint32_t domain, uint64_t number, bool create,
                        struct error *error);

/** The id of tile `number` (iova >> TILE_LG2) of the domain; a new tile gets the next id and sets *is_new.
 *  TILE_NONE on error. */
static inline uint32_t tile_id(struct tile_index *index, uint32_t domain, uint64_t number, bool *is_new,
                               struct error *error)
{
    const struct tile_view *view = &index->views[domain];
    if (__builtin_expect(view->ids == NULL || number >> index->window_lg2 != view->number, false) &&
        !tile_window_select(index, domain, number >> index->window_lg2, true, error))
        return TILE_NONE;
    uint32_t *slot = &view->ids[number & ((1u << index->window_lg2) - 1)];
    if (__builtin_expect(*slot == 0, false)) {
        if (index->count == TILE_COUNT_MAX) {
            error_set(error, ERROR_MEMORY, "the trace touches more than %d tiles of 2 MiB", TILE_COUNT_MAX);
            return TILE_NONE;
        }
        *slot = ++index->count;
        *is_new = true;
    }
    return *slot - 1;
}

/** The id of a tile that has one, else TILE_NONE. */
static inline uint32_t tile_find(struct tile_index *index, uint32_t domain, uint64_t number)
{
    const struct tile_view *view = &index->views[domain];
    if (__builtin_expect(view->ids == NULL || number >> index->window_lg2 != view->number, false) &&
        !tile_window_select(index, domain, number >> index->window_lg2, false, NULL))
        return TILE_NONE;
    return view->ids[number & ((1u << index->window_lg2) - 1)] - 1; /* 0 - 1 is TILE_NONE */
}

#endif
