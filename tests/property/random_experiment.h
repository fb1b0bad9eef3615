/* Seeded random small experiments over the whole catalogue, biased to what hurts, and the plain
 * configurations that the property tests start from. */
#ifndef TESTS_PROPERTY_RANDOM_EXPERIMENT_H
#define TESTS_PROPERTY_RANDOM_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/config.h"
#include "sim/engine/pass.h"
#include "traces/trace.h"

enum { RANDOM_EXPERIMENT_CELLS_MAX = 5 };

/* One trace and the cells that share a pass over it. */
struct random_experiment {
    uint64_t seed;
    struct trace_store store;
    struct cell_config cells[RANDOM_EXPERIMENT_CELLS_MAX];
    size_t cell_count;
    size_t batch_records;
    unsigned threads;
};

/** The experiment of this seed; free it with random_experiment_free. */
void random_experiment_make(struct random_experiment *experiment, uint64_t seed);
void random_experiment_free(struct random_experiment *experiment);
/** Make its cells copies of the first one with LRU IOTLBs of equal sets and different ways. */
void random_experiment_sweep_ways(struct random_experiment *experiment, uint64_t seed);
/** Take back what semantics.md 10, 11, 13 and 14 add to its cells: for properties that hold without. */
void random_experiment_make_plain(struct random_experiment *experiment);

/** Every key of a cell, one a line. */
void random_experiment_dump(FILE *stream, const struct cell_config *cell);

/** The cell of interface.md 2 with every default, for `model` and granule 4 KiB: static without regions, 4
 * KiB and 2 MiB leaves, tracking from 0, a harvest at the end only (policy none). Owns nothing. Aborts if
 * there is no such model. */
struct cell_config experiment_cell(const char *model);

/** Names to kinds; abort when the catalogue has no such name. */
void experiment_set_source(struct cell_config *cell, const char *name);
void experiment_set_method(struct cell_config *cell, const char *name);
void experiment_set_policy(struct cell_config *cell, const char *name);

/** One region or range more, ascending; experiment_cell_free frees them. */
void experiment_add_region(struct cell_config *cell, uint64_t iova, uint64_t bytes, uint64_t address);
void experiment_add_range(struct cell_config *cell, uint64_t iova, uint64_t bytes);
/** A copy with regions and ranges of its own. */
struct cell_config experiment_cell_copy(const struct cell_config *cell);
void experiment_cell_free(struct cell_config *cell);

/** Leaf sizes that the cell's format has at its levels, granule and width (bit n: 2^n bytes); the plain ones
 * only, or those of several entries too. */
uint64_t experiment_sizes(const struct cell_config *cell, bool plain_only);
/** Number of the lowest set bit; `sizes` is not 0. */
unsigned experiment_lowest(uint64_t sizes);

/** One record more at the end of a store that trace_store_free frees. A map made so has address = iova. */
void experiment_add_record(struct trace_store *store, enum trace_op op, uint64_t time_ns, uint16_t device,
                           uint64_t iova, uint64_t bytes);
void experiment_add_map(struct trace_store *store, enum trace_op op, uint64_t time_ns, uint16_t device,
                        uint64_t iova, uint64_t bytes, uint64_t address);

/** Replay `store` through the cells in one pass of the engine; a cell may fail and says so in its result.
 * True: none did. Free each result with pass_result_free. */
bool experiment_try(const struct trace_store *store, const struct cell_config *cells, size_t count,
                    size_t batch_records, unsigned threads, struct pass_result *results);
/** The same where no cell may fail: aborts with a message. */
void experiment_run(const struct trace_store *store, const struct cell_config *cells, size_t count,
                    size_t batch_records, unsigned threads, struct pass_result *results);

#endif
