/* What a user would write in an afternoon, as the yardstick of the benchmark. */
#ifndef TESTS_BENCH_PLAIN_LOOP_H
#define TESTS_BENCH_PLAIN_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "traces/trace.h"

/** Replay a store through a set-associative LRU IOTLB with cached D bits over a flat array of entries; every
 * `count` records collect and clear the D bits and empty the IOTLB. Returns a checksum: misses + dirty pages
 * harvested. */
uint64_t plain_loop(const struct trace_store *store, size_t pages, size_t sets, size_t ways, size_t count);

/** The same for accesses of any size over leaves of 2^leaf_lg2 bytes, `leaves` in all, with a harvest at
 * every multiple of the interval and after the last record. */
uint64_t plain_loop_timed(const struct trace_store *store, size_t leaves, unsigned leaf_lg2, size_t sets,
                          size_t ways, uint64_t interval_ns);

#endif
