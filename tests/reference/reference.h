/* A naive second implementation of semantics.md 1-12:
 * small, slow, written from the page sentence by sentence and from nothing else. The engine must print the
 * same integers, and must refuse the same records. */
#ifndef TESTS_REFERENCE_REFERENCE_H
#define TESTS_REFERENCE_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/config.h"
#include "sim/engine/result.h"
#include "traces/trace.h"

/** Most leaves that the reference agrees to hold, and lg2 of the largest one: pages are kept one by one. */
enum { REFERENCE_LEAVES_MAX = 1 << 20, REFERENCE_LEAF_LG2_MAX = 35 };

enum reference_outcome {
    REFERENCE_FINISHED,
    REFERENCE_FAILED, /* a record stops the cell (semantics.md 2 and 3) */
    REFERENCE_CANNOT  /* too large for the reference, or a kind that it does not know */
};

/* What one cell gave. */
struct reference_result {
    enum reference_outcome outcome;
    struct metrics metrics;     /* when finished, as the three below */
    struct interval *intervals; /* one per harvest; reference_result_free */
    size_t interval_count;
    uint64_t failed_record; /* when failed: its index in the store */
    char why[160];          /* when not finished */
};

/** Replay the first config->limit_records records of `store` through one cell. Of the kinds that `config`
 * points to only the names are read. The result is filled whatever the outcome; free it. */
void reference_run(const struct cell_config *config, const struct trace_store *store,
                   struct reference_result *result);
void reference_result_free(struct reference_result *result);

#endif
