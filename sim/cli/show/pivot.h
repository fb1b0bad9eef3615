/* Which keys make the lines of a table that people can read, and what the other keys do. */
#ifndef SIM_CLI_SHOW_PIVOT_H
#define SIM_CLI_SHOW_PIVOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sim/base/error.h"
#include "sim/cli/show/frame.h"

enum { PIVOT_KEYS_MAX = 8, PIVOT_LINES = 30 };

/** Say in a line each which values of a key give the same results, and in which columns they do not; hide
 * keys that change nothing or go with another one, and make one value of values that change nothing. Errors:
 * ERROR_MEMORY. */
bool alias_find(struct frame *frame, FILE *out, struct error *error);

/** Choose keys whose combinations are at most PIVOT_LINES lines: all that vary if there are few rows, else
 * the three that tell the columns apart best. In the order of the plan. Errors: ERROR_MEMORY. */
bool pivot_choose(const struct frame *frame, size_t keys[PIVOT_KEYS_MAX], size_t *count, struct error *error);

#endif
