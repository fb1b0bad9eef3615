/* The IOTLB: which leaf translations are cached (semantics.md 4.1, 4.2).
 *
 * An entry is a tag: the head of its leaf (sim/state/leaves.h), or the number of a ghost, a translation that
 * outlived its leaf (sim/cache/ghosts.h). What an entry holds is known by its tag. A leaf has at most one entry and
 * always the same set, so looking up a page's own leaf is looking up that size. */
#ifndef SIM_CACHE_IOTLB_H
#define SIM_CACHE_IOTLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"

#define IOTLB_EMPTY UINT32_MAX
#define IOTLB_GHOST (UINT32_C(1) << 31) /* tags from here on are ghosts */
enum { IOTLB_FRONT_WAYS_MAX = 16 };

struct iotlb;
struct iotlb_stack;

/* A batch of lookups. Bit i of `hits` is set for request i if it hit; `misses` lists the others in order. */
struct iotlb_batch {
    const uint32_t *keys;    /* head << 1 | write */
    const uint32_t *numbers; /* low 32 bits of iova >> lg2 of the leaf: choose the set */
    size_t count;
    uint64_t *hits;            /* zeroed by the callee */
    uint32_t *misses;          /* room for count */
};

typedef size_t iotlb_run_fn(struct iotlb *iotlb, const struct iotlb_batch *batch);

struct iotlb {
    uint64_t entries, ways, sets;
    enum replacement replacement;
    iotlb_run_fn *run;
    uint64_t inserts, dropped;

    /* lru and fifo of few ways: each set is a list, newest first, empty ways last. */
    uint32_t *tags;
    void *tags_block;

    /* any other shape: entries stay in their ways */
    struct iotlb_ways *by_way;

    /* Entries are in a stack that several share (iotlb_stack.h), and `tags` is NULL meanwhile; NULL: they are not. */
    struct iotlb_stack *stack;
    unsigned member;
};

/** Build the caches; the configuration's shape has been checked. */
bool iotlb_init(struct iotlb *iotlb, const struct cell_config *config, struct error *error);
void iotlb_free(struct iotlb *iotlb);

/** Make room for leaves whose heads are below `heads`. */
bool iotlb_reserve(struct iotlb *iotlb, size_t heads, struct error *error);

/** Look up and fill a batch; returns the number of misses. */
static inline size_t iotlb_run(struct iotlb *iotlb, const struct iotlb_batch *batch)
{
    return iotlb->run(iotlb, batch);
}

/* One at a time. `number` is iova >> lg2 of the tag's leaf or ghost. */

/** Is the tag cached? A hit: the replacement policy remembers it. */
bool iotlb_lookup(struct iotlb *iotlb, uint32_t tag, uint64_t number);
/** Is the tag cached? Nothing changes. */
bool iotlb_holds(const struct iotlb *iotlb, uint32_t tag, uint64_t number);
/** Insert a tag that is not cached; returns the tag that had to go, or IOTLB_EMPTY. */
uint32_t iotlb_fill(struct iotlb *iotlb, uint32_t tag, uint64_t number);
/** An insert where the key is cached already, as `tag`: its entry becomes that of `now`, the newest of its set (4.2).
 *  False: it was not cached. */
bool iotlb_replace(struct iotlb *iotlb, uint32_t tag, uint32_t now, uint64_t number);
/** Invalidate one tag. False: it was not cached. */
bool iotlb_forget(struct iotlb *iotlb, uint32_t tag, uint64_t number);
/** Invalidate `count` tags, `step` apart, whose numbers follow one another; returns how many were cached. */
uint64_t iotlb_forget_run(struct iotlb *iotlb, uint32_t tag, uint32_t step, uint64_t number, uint64_t count);
/** The entry of one tag becomes that of another with the same number, in place. False: it was not cached. */
bool iotlb_rename(struct iotlb *iotlb, uint32_t tag, uint32_t now, uint64_t number);

/** Invalidate every entry for which `drops` says so; returns how many went. */
uint64_t iotlb_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t tag), void *context);
/** Whether entries can be found by tile; if so, the same among those whose heads are in one tile. */
bool iotlb_knows_tiles(const struct iotlb *iotlb);
uint64_t iotlb_drop_tile(struct iotlb *iotlb, uint32_t tile, bool (*drops)(void *context, uint32_t tag), void *context);
uint64_t iotlb_drop_all(struct iotlb *iotlb);
/** Show every valid entry, set by set, newest first where age decides what goes next (lru, fifo): `place` is then its
 *  age in the set from 0, else its way. Nothing changes. */
void iotlb_visit(const struct iotlb *iotlb,
                 void (*visit)(void *context, uint32_t tag, uint64_t set, uint64_t place), void *context);
/** Places that iotlb_drop looks at: what scanning costs. */
uint64_t iotlb_scan_places(const struct iotlb *iotlb);

/** Valid entries that a fill replaced so far. */
uint64_t iotlb_evictions(const struct iotlb *iotlb);

/** Bytes that the configuration's IOTLB takes before it has seen a leaf. */
uint64_t iotlb_bytes(const struct cell_config *config);

#endif
