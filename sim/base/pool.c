#include "sim/base/pool.h"

#include <string.h>

#include "sim/base/memory.h"

/* Small at first, because a domain without mappings should cost little. */
enum { CHUNK_ITEMS_FIRST = 8, CHUNK_ITEMS_LAST = 4096 };

struct pool_chunk {
    struct pool_chunk *older;
    max_align_t items[];
};

static bool add_chunk(struct pool *pool, struct error *error)
{
    size_t items = pool->chunk_items == 0 ? CHUNK_ITEMS_FIRST : pool->chunk_items * 2;
    if (items > CHUNK_ITEMS_LAST)
        items = CHUNK_ITEMS_LAST;
    struct pool_chunk *chunk = memory_zeroed(1, sizeof *chunk + items * pool->item_bytes, error);
    if (!chunk)
        return false;
    chunk->older = pool->chunks;
    pool->chunks = chunk;
    pool->chunk_items = pool->untouched = items;
    return true;
}

void *pool_take(struct pool *pool, struct error *error)
{
    void *item = pool->returned;
    if (item) {
        memcpy(&pool->returned, item, sizeof pool->returned);
        return item;
    }
    if (pool->untouched == 0 && !add_chunk(pool, error))
        return NULL;
    pool->untouched--;
    return (unsigned char *)pool->chunks->items + pool->untouched * pool->item_bytes;
}

void pool_return(struct pool *pool, void *item)
{
    memcpy(item, &pool->returned, sizeof pool->returned);
    pool->returned = item;
}

void pool_free(struct pool *pool)
{
    for (struct pool_chunk *chunk = pool->chunks; chunk;) {
        struct pool_chunk *older = chunk->older;
        memory_free(chunk);
        chunk = older;
    }
    *pool = (struct pool){.item_bytes = pool->item_bytes};
}
