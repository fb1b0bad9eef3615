/* A results folder read back without its experiment: what the reports of finished cells need (interface.md
 * 4). */
#ifndef ANALYSIS_FOLDER_H
#define ANALYSIS_FOLDER_H

#include <stdbool.h>

#include "analysis/cell_record.h"
#include "sim/base/error.h"

struct json_t;

struct folder {
    char *path;             /* owned, without a slash at the end */
    struct json_t *package; /* datapackage.json, owned */
    bool intervals;         /* there is a row per harvest */
};

/** Errors: ERROR_EXPERIMENT for a folder that holds no results, or those of another model version;
 *  ERROR_RESULTS for one that cannot be read; ERROR_MEMORY. folder_close in any case. */
bool folder_open(struct folder *folder, const char *path, struct error *error);
void folder_close(struct folder *folder);

/** The fields of one of its tables ("results") as datapackage.json describes them; borrowed. */
const struct json_t *folder_fields(const struct folder *folder, const char *table);

/* How many rows the plan has, and how many of them have no finished cell, or one that cannot be read. */
struct folder_rows {
    size_t planned, missing;
};

/** Write results.csv, intervals.csv, timing.csv and failed.csv of all rows of plan.csv that have a record,
 * each of which `visit` (may be NULL) sees once, in plan order. Of rows with written[row] (NULL: none is
 * known) it is an error, and no table is written, when the record cannot be read back; where none is known, when
 * results.csv has rows and not one record can be read. */
bool folder_write_tables(const struct folder *folder, const bool *written,
                         void (*visit)(void *context, size_t row, const struct cell_record *record),
                         void *context, struct folder_rows *rows, struct error *error);

#endif
