/* Every column that a result has, as data: the rows of sim/engine/result.h, with the ratios in
 * their places (interface.md 4). The writers of CSV and JSON, the data dictionary and
 * `dirtywalk list columns` read this table; nothing else knows the order of columns. */
#ifndef ANALYSIS_METRICS_TABLE_H
#define ANALYSIS_METRICS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/engine/result.h"

enum metric_kind {
    METRIC_COUNT, /* an integer of the struct */
    METRIC_RATIO, /* count / denominator, "%.6f", empty when the denominator is 0 */
    METRIC_MIGRATION /* an integer of the struct, empty unless the cell migrates */
};

struct metric_column {
    const char *name;    /* as in the CSV header */
    const char *unit;    /* "pages", "ns", ... */
    const char *section; /* of semantics.md */
    const char *meaning; /* one phrase */
    const char *group;   /* as in interface.md 4 */
    enum metric_kind kind;
    size_t offset, denominator; /* of uint64_t members in struct metrics, or in struct interval */
};

/** The metric columns of results.csv, in order. */
extern const struct metric_column metrics_table[];
extern const size_t metrics_table_count;

/** The per-harvest columns of intervals.csv, in order; offsets are into struct interval. */
extern const struct metric_column intervals_table[];
extern const size_t intervals_table_count;

/** Has the column an integer in these metrics? */
static inline bool metric_is_counted(const struct metric_column *column, const struct metrics *metrics)
{
    return column->kind == METRIC_COUNT || (column->kind == METRIC_MIGRATION && metrics->migrates);
}

/** The integer that a METRIC_COUNT or METRIC_MIGRATION column reads from `values` (a struct metrics or struct interval). */
static inline uint64_t metric_count(const struct metric_column *column, const void *values)
{
    return *(const uint64_t *)(const void *)((const char *)values + column->offset);
}
static inline void metric_store(const struct metric_column *column, void *values, uint64_t count)
{
    *(uint64_t *)(void *)((char *)values + column->offset) = count;
}

enum { METRIC_TEXT_BYTES = 32 };
/** The cell of the CSV for this column: decimal text, or "". */
void metric_text(const struct metric_column *column, const void *values, char text[METRIC_TEXT_BYTES]);

#endif
