/* What is kept of one finished cell: cells/ID/ with cell.yaml, result.json and intervals.csv (interface.md
 * 4). Everything else in a results folder is built from these. */
#ifndef ANALYSIS_CELL_RECORD_H
#define ANALYSIS_CELL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/error.h"
#include "sim/engine/result.h"

/* One thing in the cell's set-up that makes its numbers mean less (health.h). */
struct cell_finding {
    char kind[24];
    double grade; /* larger is worse */
    char sentence[320];
};

struct cell_record {
    char id[13];
    const char *label, *trace, *trace_sha256; /* when written: borrowed. Not filled by reading. */
    bool failed;
    enum error_kind kind; /* of the failure */
    char message[1024];   /* why it failed */
    struct metrics metrics;
    struct observations seen;
    struct cell_finding findings[24];
    size_t finding_count;
    uint64_t trace_records; /* records of the trace inside limits.records */
    bool has_intervals;
    size_t interval_count;
    uint64_t interval_bytes; /* size of intervals.csv, which tells a torn file */
    struct {                 /* all that may differ between runs */
        double wall_s;
        uint64_t sharing; /* cells that wall_s is an equal part of the time of */
        uint64_t peak_rss_bytes;
        uint64_t threads;
        char host[65];
    } timing;
};

/** Write FOLDER/ID, replacing what may be there. `yaml` is the resolved cell; `intervals` are written when
 *  `record->has_intervals`. Nothing remains on an error. Errors: ERROR_RESULTS, ERROR_MEMORY. */
bool cell_record_write(const char *cells_folder, struct cell_record *record, const char *yaml,
                       const struct interval *intervals, struct error *error);

/** A cell's intervals.csv: the columns of the whole experiment's without `cell` and `trace`, which belong to the plan. */
void cell_record_print_intervals(const struct interval *intervals, size_t count, FILE *file);

/** Read FOLDER/ID. False when there is no complete record of this model version there; record->kind is then
 * ERROR_MEMORY if there may be one and memory was too short to see it. */
bool cell_record_read(const char *cells_folder, const char *id, struct cell_record *record);

#endif
