/* One LRU stack per set for IOTLBs that differ in ways alone (semantics.md 4.1, 4.2): they have the same sets, replace by
 * lru, and meet the same requests and invalidations.
 *
 * It is a stack with holes. Place p of a set holds the tag that IOTLBs of more than p ways hold, or a hole where an
 * invalidation took one away; the tags of the first w places are what an IOTLB of w ways holds, newest first.
 * A request for a tag at place d hits if d < w. It goes to place 0, and what lies above the first hole, or above d if
 * that comes first, moves down by one. IOTLBs that do not reach the hole are full: those of up to d ways evict their
 * oldest, which stays in the stack for larger ones. Those that reach it fill an invalid way. If a hole came first, d
 * becomes one, as IOTLBs of more than d ways hold the tag already and fill none. An invalidation leaves a hole.
 *
 * What would break it: a request that makes an entry the newest where it hits and fills none where it misses (a write
 * that a leaf refuses), other replacement, invalidations that depend on what is cached. Whoever comes to such a request
 * dissolves the stack first.
 *
 * Members are in the order of their ways, and are asked in this order: for a batch, when the first one looks up for all,
 * and for an invalidation. The last one holds what any other does; a tag goes when that drops it, and those before leave
 * a note that they have. */
#ifndef SIM_CACHE_IOTLB_STACK_H
#define SIM_CACHE_IOTLB_STACK_H

#include "sim/base/cpu.h"
#include "sim/cache/iotlb.h"

enum { STACK_MEMBERS_MAX = UINT8_MAX }; /* notes are bytes */

/** Bring the tag of each request to the front; `found`: the place where each was, or the width. */
typedef void iotlb_stack_find_fn(struct iotlb_stack *stack, const struct iotlb_batch *batch, int8_t *found);

struct iotlb_stack {
    uint64_t sets;
    uint64_t width; /* places of a set: a power of two, at least the last member's ways */
    uint32_t *tags; /* IOTLB_EMPTY: a hole */
    void *tags_block;
    uint8_t *notes; /* per place: members below this number have dropped its tag */
    size_t noted;   /* places with a note: none when the last member has done what the others did */
    uint32_t *occupied; /* places that held tags after the last batch, if `listed`: scanning is done once for all */
    size_t occupied_count;
    bool listed;
    int8_t *found; /* of the batch under way */
    iotlb_stack_find_fn *find;
    struct iotlb_stack_member {
        struct iotlb *iotlb;
        uint32_t *tags; /* its own, unused meanwhile */
    } *members;
    size_t member_count;
};

/** Whether IOTLBs of two configurations could be members of one stack, by shape. */
bool iotlb_stackable(const struct cell_config *a, const struct cell_config *b);

/** Make `count` empty, stackable IOTLBs (up to STACK_MEMBERS_MAX) in ascending order of ways members of a stack, whose
 *  batches have up to `requests`. Until it is dissolved they run batches and drop entries, and nothing else. NULL: no
 *  memory. */
struct iotlb_stack *iotlb_stack_new(struct iotlb *const members[], size_t count, size_t requests, struct error *error);
/** Free it; the members go on by themselves with what they hold. NULL: nothing to do. */
void iotlb_stack_dissolve(struct iotlb_stack *stack);

/* What iotlb.h says of the same without `_stack`, for a member; no `drops`: everything. */
bool iotlb_stack_forget(struct iotlb *iotlb, uint32_t tag, uint64_t number);
uint64_t iotlb_stack_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t tag), void *context);

/* ---- sim/cache/iotlb_stack_loops.c ---- */

struct iotlb_stack_loop {
    enum cpu_set set;
    uint64_t width; /* for up to so many ways */
    iotlb_stack_find_fn *find;
};

/** The fastest loop for so many ways, at most IOTLB_FRONT_WAYS_MAX, on this processor. */
const struct iotlb_stack_loop *iotlb_stack_choose(uint64_t ways);

#endif
