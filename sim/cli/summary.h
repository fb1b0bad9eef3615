/* What a run prints at its end: a table of at most SUMMARY_ROWS rows on stdout, and the warnings that name
 * the cells concerned. */
#ifndef SIM_CLI_SUMMARY_H
#define SIM_CLI_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "analysis/cell_record.h"
#include "analysis/results.h"

/* `check` says it too. */
#define SUMMARY_NOTHING_MAPPED_TEXT                                                                          \
    "the trace has no map records and the experiment no regions: nothing is ever mapped, every request "     \
    "faults; give mapping.regions, or use mapping.source touched"

enum { SUMMARY_ROWS = 30, SUMMARY_NAMED = 3 };

enum summary_warning {
    SUMMARY_SHORT_TRACE,
    SUMMARY_IGNORED_MAPS,
    SUMMARY_NOTHING_MAPPED,
    SUMMARY_IGNORED_TRANSLATES,
    SUMMARY_BEYOND_WIDTH,
    SUMMARY_WARNING_COUNT
};

struct summary {
    const struct results *results;
    const bool *selected;
    size_t rows; /* selected rows seen */
    struct {
        size_t row;
        struct cell_record record;
    } shown[SUMMARY_ROWS];
    struct {
        size_t count, named[SUMMARY_NAMED]; /* rows */
    } warnings[SUMMARY_WARNING_COUNT];
    size_t failed, failed_named[SUMMARY_NAMED];
    char failed_messages[SUMMARY_NAMED][sizeof((struct cell_record *)0)->message];
};

/** For results_write_tables: `context` is a struct summary with results and selected filled in. */
void summary_visit(void *context, size_t row, const struct cell_record *record);
void summary_print_table(const struct summary *summary, FILE *file);
void summary_print_warnings(const struct summary *summary, FILE *file);

#endif
