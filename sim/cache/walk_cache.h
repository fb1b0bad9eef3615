/* Page walks and the caches of table pointers that shorten them (semantics.md 5).
 *
 * Every level has a set-associative LRU cache. A set is a log of uses: each use of a pointer appends its node, and
 * the time of its last use stands beside the node. A node is cached if that time lies in the log, so that a hit needs
 * no lists, the least recently used one is the first of the log whose time has not changed since, and emptying a set
 * is starting its log anew. */
#ifndef SIM_CACHE_WALK_CACHE_H
#define SIM_CACHE_WALK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/base/span.h"
#include "sim/state/leaves.h"

/* Times of one set; its log is a ring that holds the node used at each time from `from` to `head` - 1. */
struct walk_set {
    uint32_t from, head;
    uint32_t live;  /* cached nodes */
    uint32_t limit; /* up to here the ring has room */
};

/* The cache of the pointers in entries of one level. */
struct walk_level {
    uint32_t *last; /* per node (sim/state/leaves.h): time of its last use, 0: never. Cached if not before `from` */
    size_t last_capacity, nodes;
    struct walk_set *sets;
    uint32_t *log; /* 2^log_lg2 nodes per set */
};

struct walk_cache {
    unsigned levels, log_lg2;
    uint64_t entries, ways, sets; /* of each level; entries 0: off */
    uint32_t time_max;            /* times start anew beyond it */
    struct walk_level level[PT_LEVELS_MAX];
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

/** Is the pointer `node` of this level cached? */
bool walk_cache_holds(const struct walk_cache *cache, const struct leaves *leaves, unsigned level, uint32_t node);

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
