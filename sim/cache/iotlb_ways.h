/* Entries that stay in their ways: any shape and replacement, constant time per request (semantics.md 4). */
#ifndef SIM_CACHE_IOTLB_WAYS_H
#define SIM_CACHE_IOTLB_WAYS_H

#include "sim/cache/iotlb.h"

struct iotlb_ways;

struct iotlb_ways *iotlb_ways_new(const struct iotlb *iotlb, uint64_t seed, struct error *error);
void iotlb_ways_free(struct iotlb_ways *ways);
bool iotlb_ways_reserve(struct iotlb_ways *ways, size_t heads, struct error *error);
size_t iotlb_ways_run(struct iotlb *iotlb, const struct iotlb_batch *batch);
/* As the functions of iotlb.h without `_ways`. */
bool iotlb_ways_lookup(struct iotlb *iotlb, uint32_t tag, uint64_t number);
bool iotlb_ways_holds(const struct iotlb *iotlb, uint32_t tag);
uint32_t iotlb_ways_fill(struct iotlb *iotlb, uint32_t tag, uint64_t number);
bool iotlb_ways_replace(struct iotlb *iotlb, uint32_t tag, uint32_t now, uint64_t number);
bool iotlb_ways_forget(struct iotlb *iotlb, uint32_t tag);
bool iotlb_ways_rename(struct iotlb *iotlb, uint32_t tag, uint32_t now);
uint64_t iotlb_ways_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t tag), void *context);
bool iotlb_ways_knows_tiles(const struct iotlb *iotlb);
uint64_t iotlb_ways_drop_tile(struct iotlb *iotlb, uint32_t tile, bool (*drops)(void *context, uint32_t tag),
                              void *context);
uint64_t iotlb_ways_drop_all(struct iotlb *iotlb);
void iotlb_ways_visit(const struct iotlb *iotlb,
                      void (*visit)(void *context, uint32_t tag, uint64_t set, uint64_t place), void *context);
uint64_t iotlb_ways_places(const struct iotlb *iotlb);
uint64_t iotlb_ways_valid(const struct iotlb *iotlb);

#endif
