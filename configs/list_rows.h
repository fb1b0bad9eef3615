/* The rows behind `dirtywalk list`, for those who render them. */
#ifndef CONFIGS_LIST_ROWS_H
#define CONFIGS_LIST_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sim/base/error.h"

enum { LIST_FIELDS_MAX = 8, LIST_VALUE_BYTES = 384 };

struct list_field {
    const char *name;
    char value[LIST_VALUE_BYTES];
};

/* One thing that exists. */
struct list_row {
    const char *kind; /* plural, as in `list KIND` */
    const char *name;
    const char *summary;
    struct list_field fields[LIST_FIELDS_MAX];
    size_t field_count;
};

struct list_rows {
    struct list_row *rows;
    size_t count, capacity;
};

/** Write the rows as a JSON array of objects. Errors: ERROR_MEMORY, ERROR_RESULTS. */
bool list_write_json(FILE *out, const struct list_row *const rows[], size_t count, struct error *error);

#endif
