#include "sim/state/tile.h"

#include <uthash.h>

#include "sim/base/memory.h"

struct tile_window {
    uint64_t number;
    uint32_t *ids;
    UT_hash_handle hh;
};

bool tile_window_select(struct tile_index *index, uint64_t number, struct error *error)
{
    struct tile_window *window;
    HASH_FIND(hh, index->windows, &number, sizeof number, window);
    if (!window) {
        window = memory_zeroed(1, sizeof *window, error);
        if (!window)
            return false;
        window->number = number;
        window->ids = memory_zeroed((size_t)1 << TILE_WINDOW_LG2, sizeof *window->ids, error);
        if (!window->ids) {
            memory_free(window);
            return false;
        }
        HASH_ADD(hh, index->windows, number, sizeof window->number, window);
    }
    index->current_number = number;
    index->current = window->ids;
    return true;
}

void tile_index_free(struct tile_index *index)
{
    struct tile_window *window, *next;
    HASH_ITER(hh, index->windows, window, next)
    {
        HASH_DEL(index->windows, window);
        memory_free(window->ids);
        memory_free(window);
    }
    *index = (struct tile_index){0};
}
