/* Tiles: the 2 MiB-aligned pieces of IOVA space that a trace touches, numbered in order of first touch.
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
    TILE_WINDOW_LG2 = 18      /* tiles per directory window: 512 GiB of IOVA */
};

struct tile_window; /* one piece of the directory */

struct tile_index {
    struct tile_window *windows; /* all, hashed by number */
    uint64_t current_number;     /* the window used last */
    uint32_t *current;           /* its ids + 1, 0 = none; NULL before the first */
    uint32_t count;              /* tiles so far */
};

/** Make window `number` (iova >> (TILE_LG2 + TILE_WINDOW_LG2)) the current one, creating it if new. */
bool tile_window_select(struct tile_index *index, uint64_t number, struct error *error);
void tile_index_free(struct tile_index *index);

/** The id of tile `number` (iova >> TILE_LG2); a new tile gets the next id and sets *is_new. UINT32_MAX on
 * error. */
static inline uint32_t tile_id(struct tile_index *index, uint64_t number, bool *is_new, struct error *error)
{
    if (__builtin_expect(index->current == NULL || number >> TILE_WINDOW_LG2 != index->current_number,
                         false) &&
        !tile_window_select(index, number >> TILE_WINDOW_LG2, error))
        return UINT32_MAX;
    uint32_t *slot = &index->current[number & ((1u << TILE_WINDOW_LG2) - 1)];
    if (__builtin_expect(*slot == 0, false)) {
        if (index->count == TILE_COUNT_MAX) {
            error_set(error, ERROR_MEMORY, "the trace touches more than %d tiles of 2 MiB", TILE_COUNT_MAX);
            return UINT32_MAX;
        }
        *slot = ++index->count;
        *is_new = true;
    }
    return *slot - 1;
}

#endif
