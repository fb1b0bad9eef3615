/* How a cell's reports went over time, for report.html: a few columns of its intervals.csv, so many harvests
 * added up that large sweeps fit, and equal series of numbers kept once. */
#ifndef ANALYSIS_REPORT_SERIES_H
#define ANALYSIS_REPORT_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/error.h"
#include "sim/base/number_map.h"

struct json_t;
struct pooled;

struct report_series {
    size_t points; /* at most, per cell */
    struct number_map by_hash;
    struct pooled *pool; /* owned */
    size_t pool_count, pool_capacity;
};

/** Points per cell for that many cells. */
size_t report_series_points(size_t cells);

/** {"harvests": N, "time_ns": I, "reported_pages": I, ...}: each point is the sum of N harvests, I an index
 * of the pool. NULL: an error. Errors: ERROR_RESULTS, ERROR_MEMORY. */
struct json_t *report_series_read(struct report_series *series, const char *path, struct error *error);

/** The pool as an array of arrays of numbers; NULL without memory. */
struct json_t *report_series_pool(const struct report_series *series);
void report_series_free(struct report_series *series);

#endif
