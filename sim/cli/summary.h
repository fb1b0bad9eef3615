/* What a run says at its end about its cells: the table (show/show.h), which cells failed, and the health of the results
 * (analysis/health.h). */
#ifndef SIM_CLI_SUMMARY_H
#define SIM_CLI_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "analysis/cell_record.h"
#include "analysis/health.h"
#include "analysis/results.h"

enum { SUMMARY_NAMED = 3 };

struct summary {
    const struct results *results;
    const bool *selected;
    struct health health;     /* of the selected rows */
    struct health everything; /* of all rows that are finished */
    size_t failed, failed_named[SUMMARY_NAMED];
    char failed_messages[SUMMARY_NAMED][sizeof((struct cell_record *)0)->message];
};

/** For folder_write_tables: `context` is a struct summary with results and selected filled in. */
void summary_visit(void *context, size_t row, const struct cell_record *record);
/** The selected rows that are in the folder. Errors: ERROR_RESULTS, ERROR_MEMORY. */
bool summary_print_table(const struct summary *summary, FILE *file, struct error *error);
/** The health of the results unless `quiet`, and the cells that failed. */
void summary_print_warnings(const struct summary *summary, bool quiet, FILE *file);

#endif
