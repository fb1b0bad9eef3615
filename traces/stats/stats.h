/* What a trace is like: pages touched overall and per window of time, sizes, reuse, map churn.
 *
 * Memory grows with the distinct pages (about 40 bytes each), the windows (24 bytes) and the distinct map
 * addresses, not with the records. */
#ifndef TRACES_STATS_STATS_H
#define TRACES_STATS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/trace.h"

enum {
    STATS_PAGE_SIZES = 3,
    STATS_BUCKETS = 65,
    STATS_TOP_SIZES = 16,
    /* More of one access than these are not looked at; stats_result.clipped says how often. */
    STATS_ACCESS_BYTES_LIMIT = 1 << 30,
};

extern const uint64_t stats_page_bytes[STATS_PAGE_SIZES]; /* 4 KiB, 2 MiB, 1 GiB */

struct stats_options {
    uint64_t window_ns; /* at least 1 */
    /* Each device has its own address space: the same page of two devices is two pages. */
    bool per_device;
};

/* Bucket 0 counts the value 0, bucket k those from 2^(k-1) to 2^k - 1. */
struct stats_histogram {
    uint64_t total;
    uint64_t bucket[STATS_BUCKETS];
};

/* Sorted values, described: each is one of them, but for the mean. All 0 when there are none. */
struct stats_spread {
    double min, p10, median, p90, max, mean;
};

struct stats_size {
    uint64_t bytes, count;
};

struct stats_pages {
    uint64_t written, touched;  /* distinct; touched: by writes or reads */
    struct stats_spread window; /* distinct pages written, over the windows with a write */
    /* Bytes of these pages over bytes of the 4 KiB pages: what coarse tracking makes of the writes. */
    double amplification; /* of the whole trace; 0 without writes */
    struct stats_spread window_amplification;
};

struct stats_result {
    struct trace_facts facts;
    uint64_t bytes_by_op[TRACE_OP_COUNT]; /* at most 2^64 - 1; 0 for marks */
    uint64_t clipped;
    uint64_t windows, written_windows; /* in the span of the trace; with at least one write */
    struct stats_pages pages[STATS_PAGE_SIZES];
    struct stats_histogram write_bytes, read_bytes;
    struct stats_size top_writes[STATS_TOP_SIZES]; /* the most frequent write sizes, most frequent first */
    uint64_t write_sizes;                          /* distinct */
    /* LRU stack distances in 4 KiB pages over writes and reads, each page of an access once. */
    uint64_t cold; /* first touches */
    struct stats_histogram reuse;
    /* A map ends with the unmap of the same device and iova. */
    struct stats_histogram map_bytes, lifetime_ns;
    uint64_t map_addresses;    /* distinct (device, iova) of maps */
    uint64_t live_maps_most;   /* open at the same time */
    uint64_t unmatched_unmaps; /* of a range in which no open map began */
};

struct stats;

bool stats_new(const struct stats_options *options, struct stats **stats, struct error *error);
/** Errors: ERROR_MEMORY. */
bool stats_add(struct stats *stats, const struct trace_batch *batch, struct error *error);
/** Sum up. `result` belongs to the stats. */
bool stats_finish(struct stats *stats, const struct stats_result **result, struct error *error);
void stats_free(struct stats *stats);

#endif
