/* The finished rows of a results folder as a table in memory: what varies, the chosen columns, and what tells
 * rows that gave the same. Read from plan.csv and cells/, or from results.csv where these are not. */
#ifndef SIM_CLI_SHOW_FRAME_H
#define SIM_CLI_SHOW_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/cell_record.h"
#include "sim/base/error.h"
#include "sim/cli/show/column.h"

/* A parameter with its values, or the trace. */
struct frame_key {
    char *name;       /* "iommu.model", "trace"; owned */
    char *column;     /* "iommu_model"; owned */
    const char *unit; /* "bytes", "ns", ... of its values */
    char **words;     /* as results.csv has them; owned. "": the design does not look at it */
    size_t word_count, word_capacity;
    uint32_t *at; /* by row */
    size_t at_capacity;
    bool hidden; /* says the same as another key, or changes nothing */
};

/** A value of a key for people: "4KiB+2MiB"; "-" for none. */
enum { FRAME_WORD_BYTES = 64 };
void frame_word(const struct frame_key *key, uint32_t word, char text[FRAME_WORD_BYTES]);

/* The groups of metrics that rows are compared by (metrics_table.h). */
enum { FRAME_GROUPS_MAX = 12 };

struct frame_row {
    char id[13];
    char *label; /* owned */
    bool failed;
    uint64_t prints[FRAME_GROUPS_MAX]; /* equal if all metrics of the group are equal */
};

struct frame {
    struct frame_key *keys;
    size_t key_count;
    const struct show_column *columns; /* borrowed */
    size_t column_count;
    struct frame_row *rows;
    size_t row_count, row_capacity, value_capacity;
    struct show_value *values;       /* row_count x column_count */
    size_t planned, missing, failed; /* rows of the plan; without a cell; that failed */
    const char *groups[FRAME_GROUPS_MAX];
    size_t group_count;
    bool from_table; /* read from results.csv, which has less than the cells */
    char note[512]; /* what the folder is lacking, "" for nothing */
};

struct frame_options {
    const struct show_column *columns;
    size_t column_count;
    bool (*keeps)(void *context, size_t row, const char *label); /* NULL: all */
    void (*visit)(void *context, const char *id, const char *label, const char *trace,
                  const struct cell_record *record); /* each kept finished row; may be NULL */
    void *context;
};

/** Errors: ERROR_EXPERIMENT for a folder without results, ERROR_RESULTS for one that cannot be read,
 * ERROR_MEMORY. frame_free in any case. */
bool frame_load(struct frame *frame, const char *folder, const struct frame_options *options,
                struct error *error);
void frame_free(struct frame *frame);

/** A key by its dotted name or its column, SIZE_MAX when it does not vary or is none. */
size_t frame_find_key(const struct frame *frame, const char *name);

/** Number the groups of rows that agree in these keys, in order of their first row. NULL: memory. */
uint32_t *frame_partition(const struct frame *frame, const size_t keys[], size_t count, size_t *groups,
                          struct error *error);

#endif
