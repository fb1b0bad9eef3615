#include "sim/state/tile.h"

#define HASH_NONFATAL_OOM 1 /* without memory hh.tbl is NULL after HASH_ADD */
#include <uthash.h>

#include "sim/base/memory.h"

enum { WINDOW_NUMBER_BITS = 64 - TILE_LG2 - TILE_WINDOW_TINY_LG2 };

struct tile_window {
    uint64_t key; /* domain << WINDOW_NUMBER_BITS | number */
    uint32_t *ids;
    UT_hash_handle hh;
};

bool tile_index_init(struct tile_index *index, uint32_t domains, struct error *error)
{
    *index = (struct tile_index){
        .domains = domains,
        .window_lg2 = domains <= TILE_DOMAINS_FEW    ? TILE_WINDOW_LG2
                      : domains <= TILE_DOMAINS_MANY ? TILE_WINDOW_SMALL_LG2
                                                     : TILE_WINDOW_TINY_LG2};
    index->views = memory_zeroed(domains, sizeof *index->views, error);
    return index->views != NULL;
}

static struct tile_window *window_new(struct tile_index *index, uint64_t key, struct error *error)
{
    struct tile_window *window = memory_zeroed(1, sizeof *window, error);
    if (!window)
        return NULL;
    window->key = key;
    window->ids = memory_zeroed((size_t)1 << index->window_lg2, sizeof *window->ids, error);
    if (!window->ids) {
        memory_free(window);
        return NULL;
    }
    HASH_ADD(hh, index->windows, key, sizeof window->key, window);
    if (!window->hh.tbl) {
        memory_free(window->ids);
        memory_free(window);
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    return window;
}

bool tile_window_select(struct tile_index *index, uint32_t domain, uint64_t number, bool create,
                        struct error *error)
{
    uint64_t key = (uint64_t)domain << WINDOW_NUMBER_BITS | number;
    struct tile_window *window;
    HASH_FIND(hh, index->windows, &key, sizeof key, window);
    if (!window && create)
        window = window_new(index, key, error);
    if (!window)
        return false;
    index->views[domain] = (struct tile_view){number, window->ids};
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
    memory_free(index->views);
    *index = (struct tile_index){0};
}
