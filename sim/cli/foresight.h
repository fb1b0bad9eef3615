/* What `check` can say of the health of results before they are there: from what is in the traces for every
 * cell, from the estimate's trials for the cells that were tried. */
#ifndef SIM_CLI_FORESIGHT_H
#define SIM_CLI_FORESIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/results.h"
#include "sim/cli/estimate.h"
#include "sim/cli/run_plan.h"
#include "sim/cli/trace_scan.h"

struct foresight;

/** Borrows `results`. NULL: memory; the functions below then do nothing. */
struct foresight *foresight_new(const struct results *results);
void foresight_free(struct foresight *foresight);

/** Sees the trials of an estimate (struct estimate_watch). */
void foresight_tried(void *foresight, size_t row, uint64_t records, const struct pass_result *result);

/** Print what the rows that wait will say. */
void foresight_print(struct foresight *foresight, const struct run_passes *passes,
                     const struct trace_scan scans[], FILE *file);

#endif
