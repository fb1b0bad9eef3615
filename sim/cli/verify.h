/* Finished cells computed again from what their folders say: `report --verify`. */
#ifndef SIM_CLI_VERIFY_H
#define SIM_CLI_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/folder.h"
#include "sim/base/error.h"

struct verify_outcome {
    size_t finished;  /* rows of plan.csv that have a record */
    size_t same;      /* of these, rows that gave the same numbers again, */
    size_t different; /* others, */
    size_t unable;    /* and none: their trace is gone or another one, or cell.yaml does not belong to them */
    size_t strays;    /* folders in cells/ that belong to no row, */
    size_t left;      /* and records of cells that another plan had (run --update) */
};

/** Replay every finished row of the folder by its own cell.yaml and compare each integer, and the bytes of
 * its intervals.csv. What differs, cannot be computed or does not belong is said on stderr, a line each.
 * Changes nothing in the folder. Errors: ERROR_RESULTS for a folder that cannot be read, ERROR_MEMORY,
 * ERROR_INTERRUPTED (interrupt_flag). */
bool verify_folder(const struct folder *folder, struct verify_outcome *outcome, struct error *error);

/** The number of the first line of a file that is another in the text, from 1; 0: all are alike; SIZE_MAX: there is no
 * such file. */
size_t verify_other_line(const char *path, const char *text, size_t bytes);

#endif
