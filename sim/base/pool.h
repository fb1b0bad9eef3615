/* Equal items taken and given back one by one, in chunks that grow with their number: the nodes of trees. */
#ifndef SIM_BASE_POOL_H
#define SIM_BASE_POOL_H

#include <stddef.h>

#include "sim/base/error.h"

struct pool_chunk;
struct pool {
    size_t item_bytes; /* at least a pointer, and a multiple of its alignment; the rest is 0 at first */
    struct pool_chunk *chunks;
    void *returned;
    size_t untouched, chunk_items; /* items of the newest chunk that were never taken; all of it */
};

/** An item with any contents. NULL: memory. */
void *pool_take(struct pool *pool, struct error *error);
void pool_return(struct pool *pool, void *item);
/** Free the chunks, and so all items; the pool is as at first. */
void pool_free(struct pool *pool);

#endif
