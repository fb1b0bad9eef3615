/* What a run prints at its end: a table of at most SUMMARY_ROWS rows on stdout, which cells failed, and the health of the
 * results (analysis/health.h). */
#ifndef SIM_CLI_SUMMARY_H
#define SIM_CLI_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "analysis/cell_record.h"
#include "analysis/health.h"
#include "analysis/results.h"

enum { SUMMARY_ROWS = 30, SUMMARY_NAMED = 3 };

struct summary {
    const struct results *results;
    const bool *selected;
    size_t rows; /* selected rows seen */
    struct {
        size_t row;
        struct cell_record record;
    } shown[SUMMARY_ROWS];
    struct health health;     /* of the selected rows */
    struct health everything; /* of all rows that are finished */
    size_t failed, failed_named[SUMMARY_NAMED];
    char failed_messages[SUMMARY_NAMED][sizeof((struct cell_record *)0)->message];
};

/** For folder_write_tables: `context` is a struct summary with results and selected filled in. */
void summary_visit(void *context, size_t row, const struct cell_record *record);
void summary_print_table(const struct summary *summary, FILE *file);
/** The health of the results unless `quiet`, and the cells that failed. */
void summary_print_warnings(const struct summary *summary, bool quiet, FILE *file);

#endif
