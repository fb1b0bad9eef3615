/* Entries that stay in their ways: any shape and replacement, constant time per request (semantics.md 4). */
#ifndef SIM_CACHE_IOTLB_WAYS_H
#define SIM_CACHE_IOTLB_WAYS_H

#include "sim/cache/iotlb.h"

struct iotlb_ways;

struct iotlb_ways *iotlb_ways_new(const struct iotlb *iotlb, uint64_t seed, struct error *error);
void iotlb_ways_free(struct iotlb_ways *ways);
bool iotlb_ways_reserve(struct iotlb_ways *ways, size_t heads, struct error *error);
size_t iotlb_ways_run(struct iotlb *iotlb, const struct iotlb_batch *batch);
uint64_t iotlb_ways_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t head), void *context);
uint64_t iotlb_ways_valid(const struct iotlb *iotlb);

#endif
