/* One pass over a trace that steps many cells through every decoded batch. */
#ifndef SIM_ENGINE_PASS_H
#define SIM_ENGINE_PASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/engine/result.h"
#include "traces/trace.h"

/* What one cell gave. `error.kind` is ERROR_NONE when it finished; the intervals belong to the caller
 * (pass_result_free). */
struct pass_result {
    struct metrics metrics;
    struct interval *intervals;
    size_t interval_count, interval_capacity;
    struct observations seen;
    double seconds;           /* this cell's own time, or its equal part of that of all that share their tables */
    size_t sharing;           /* cells that do, itself included */
    size_t stacked;           /* cells that began with IOTLBs in one LRU stack, itself included; 0: it did not */
    struct error error;
};

struct pass_options {
    unsigned threads;     /* >= 1 */
    size_t batch_records; /* 1 ... TRACE_BATCH_RECORDS; results do not depend on it */
    bool intervals;       /* keep them */
    bool one_by_one;      /* take every request in order, never in passes: slower, with the same results */
    uint64_t store_bytes; /* keep the decoded trace in memory if that pays and it fits in this; else it is read again */
    const _Atomic bool *interrupted, *abandoned; /* may be NULL; either ends the pass, checked between batches */
    /* may be NULL; the total is 0 until the trace has been read once */
    void (*progress)(void *context, uint64_t records_done, uint64_t records_total);
    void *progress_context;
};

/** Whether one of the flags is set. */
bool pass_stopped(const struct pass_options *options);

/** Replay `trace` (opened with the limit that all cells share) through `cells[count]`. A cell that fails says
 * so in its result and does not stop the others. False: the trace failed, or ERROR_INTERRUPTED; no result is
 * valid. */
bool pass_run(const struct pass_options *options, struct trace *trace,
              const struct cell_config *const cells[], size_t count, struct pass_result results[],
              struct trace_facts *facts, struct error *error);

/** The same over records that are in memory already. */
bool pass_run_store(const struct pass_options *options, const struct trace_store *store,
                    const struct cell_config *const cells[], size_t count, struct pass_result results[],
                    struct error *error);

/** Bytes that a cell needs before it has touched anything (its caches), for planning. */
uint64_t pass_cell_bytes(const struct cell_config *config);

void pass_result_free(struct pass_result *result);

#endif
