/* An experiment's cells: sweep, zip, exclude, include, defaults and cross-checks (interface.md 2). */
#ifndef CONFIGS_PLAN_H
#define CONFIGS_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "configs/error_list.h"
#include "configs/experiment.h"
#include "sim/config.h"

enum { PLAN_CELLS_MAX = 1000000, PLAN_ID_BYTES = 13 };

/* Changes whenever the same cell and trace may give other numbers; part of every cell id. */
#define MODEL_VERSION "2"

struct key;
struct key_value;

/* One cell of the plan; it is run on every trace. Cells may differ in config.limit_records. */
struct plan_cell {
    size_t index; /* in plan order, from 0 */
    char *
        label; /* "iommu.model=smmu-s1 harvest.interval=10ms", or the experiment's name when nothing varies */
    struct cell_config config;
    /* What was asked for where the model decides (config has 0 levels for an SMMU, granule 4 KiB for the
     * others). It tells cells apart that would run alike. */
    unsigned asked_levels;
    uint64_t asked_granule_bytes;
};

/* One parameter column of results.csv: swept, or not at its default in some cell; and, behind the regions,
 * their sum. */
struct plan_column {
    const struct key *key;
    bool sum;         /* of the sizes of the key's regions */
    char name[64];    /* "harvest_interval_ns" */
    const char *unit; /* "ns", "bytes", "bytes/s", or "" */
    const char *help; /* one sentence */
};

struct plan {
    struct plan_cell *cells;
    size_t cell_count;
    struct plan_column *columns; /* in the order of the key table */
    size_t column_count;
};

/** The cells of `experiment`, whose life must not end before the plan's. False: `messages` has the errors and
 *  `*plan` is NULL. Warnings may be added in both cases. */
bool plan_build(const struct experiment *experiment, struct plan **plan, struct error_list *messages);

void plan_free(struct plan *plan);

/** The value of a key as the cell was asked to have it; regions are borrowed from the cell. */
void plan_load(const struct plan_cell *cell, const struct key *key, struct key_value *value);

/** The value of a cell in a column as results.csv prints it (sizes in bytes, times in ns, lists joined by
 * "+", regions with units, "none" for an optional key that is not set, nothing for a key that the cell's
 * design does not look at). To be freed with free(); NULL when memory is short. */
char *plan_value(const struct plan_cell *cell, const struct plan_column *column);

/** Every key that can influence results as `dotted.key=value` lines in table order and canonical units. Two
 * cells are the same cell exactly if these texts are equal. To be freed with free(); NULL when memory is
 * short. */
char *plan_canonical(const struct plan_cell *cell);

/** One cell as an experiment file with every default written out; it loads back to the identical cell.
 * `trace` is an index of experiment->traces, or SIZE_MAX for all. To be freed with free(); NULL when memory
 * is short. */
char *plan_resolved_yaml(const struct experiment *experiment, const struct plan_cell *cell, size_t trace);

/** The id of a cell on a trace: first 12 hex digits of the SHA-256 of the canonical text, the trace's
 *  SHA-256 in hex and MODEL_VERSION, each followed by a newline. False when memory is short. */
bool plan_cell_id(const struct plan_cell *cell, const char *trace_sha256_hex, char id[PLAN_ID_BYTES]);

#endif
