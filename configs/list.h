/* What `dirtywalk list` shows: every choice that YAML can name, every key, every limit. */
#ifndef CONFIGS_LIST_H
#define CONFIGS_LIST_H

#include <stdbool.h>
#include <stdio.h>

#include "sim/base/error.h"

enum list_format { LIST_PLAIN, LIST_MARKDOWN, LIST_JSON };

/** Write to `out` what `what` names: NULL (every kind), "KIND" or "KIND/NAME". Kinds: models, methods,
 * policies, sources, vendors, formats (of traces), keys, columns, limits. Errors: ERROR_EXPERIMENT for an
 * unknown kind or name, with a suggestion; ERROR_RESULTS when writing fails. */
bool list_write(FILE *out, const char *what, enum list_format format, struct error *error);

#endif
