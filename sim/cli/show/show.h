/* Tables of finished results, as `run` prints one and `show` any: at most SHOW_WIDTH columns of text, or CSV.
 */
#ifndef SIM_CLI_SHOW_SHOW_H
#define SIM_CLI_SHOW_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sim/base/error.h"
#include "sim/cli/show/frame.h"

enum { SHOW_WIDTH = 100 };

struct show_options {
    const char *const *by; /* keys or columns of keys; NULL: the program chooses */
    size_t by_count;
    bool columns_chosen; /* all columns of the frame are wanted: none is left out for width or for being the
                            same */
    bool csv;
};

/** Print the table of a frame: a line for each combination of the keys, ranges over the rest, the best and
 * the worst row. Errors: ERROR_EXPERIMENT for a key that there is not, ERROR_MEMORY. */
bool show_print(struct frame *frame, const struct show_options *options, FILE *file, struct error *error);

#endif
