/* Page walks and the caches of table pointers that shorten them (semantics.md 5).
 *
 * Every level has a set-associative LRU cache. A pointer's slot stands beside the pointer and each set is a
 * ring, so a lookup, a hit and an eviction take constant time. */
#ifndef SIM_CACHE_WALK_CACHE_H
#define SIM_CACHE_WALK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/base/span.h"
#include "sim/state/leaves.h"

/* The cache of the pointers in entries of one level. */
struct walk_level {
    uint32_t *slot_of; /* per node (sim/state/leaves.h): slot + 1, 0 = not cached */
    size_t slot_of_capacity, nodes;
    uint32_t *node;          /* per slot, NODE_NONE if empty; a set's empty slots are its oldest */
    uint32_t *older, *newer; /* per slot: ring of its set */
    uint32_t *newest;        /* per set */
    /* While every pointer of the level fits, nothing is evicted and only the time of use is kept (fully
     * associative caches); the ring gets its order when the trace brings more pointers than that. */
    bool roomy;
    uint64_t *used; /* per slot: cache->clock at its last use */
};

struct walk_cache {
    unsigned levels;
    uint64_t entries, ways, sets; /* of each level; entries 0: off */
    struct walk_level level[PT_LEVELS_MAX];
    uint64_t clock;
    uint64_t walks, reads, hits;
};

bool walk_cache_init(struct walk_cache *cache, const struct cell_config *config, unsigned levels,
                     struct error *error);
void walk_cache_free(struct walk_cache *cache);

/** Make room for the nodes there are. */
bool walk_cache_reserve(struct walk_cache *cache, const struct leaves *leaves, struct error *error);

/** Walk for requests that meet a leaf, in order: those of keys (dense page << 1 | write) that `indices` lists.
 *  Every cached pointer must name a table that stands. */
void walk_cache_run(struct walk_cache *cache, const struct leaves *leaves, const uint32_t *keys,
                    const uint32_t *indices, size_t count);

/** One walk in a tile, whatever the caches hold: an entry at `terminal` ends it, leaf or absent. False: a stale
 *  pointer led to a place below where no table stands any more, and the walk read one absent entry there. */
bool walk_cache_walk(struct walk_cache *cache, const struct leaves *leaves, const struct tile *tile,
                     unsigned terminal);

void walk_cache_drop_all(struct walk_cache *cache);
/** Drop the domain's pointers whose table's span overlaps `span` and is at most 2^size_lg2_max bytes. */
void walk_cache_drop(struct walk_cache *cache, const struct leaves *leaves, uint32_t domain, struct span span,
                     unsigned size_lg2_max);

/** Show every cached pointer: `level` of the entry that holds it, and its node (sim/state/leaves.h). */
void walk_cache_visit(const struct walk_cache *cache,
                      void (*visit)(void *context, unsigned level, uint32_t node), void *context);

/** Bytes that the configuration's caches take before they have seen a pointer. */
uint64_t walk_cache_bytes(const struct cell_config *config);

#endif
