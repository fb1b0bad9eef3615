/* What is wrong with one experiment: all errors in file order (at most 20 are shown) and the warnings.
 *
 * An error is `FILE:LINE:COL: error: KEY: what; what would be right`; for a value of the command line the
 * place is `--set KEY` (interface.md 1). */
#ifndef CONFIGS_ERROR_LIST_H
#define CONFIGS_ERROR_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/error.h"

enum { ERROR_LIST_SHOWN = 20 };

/* Where something was written. line 0: `file` is the whole place (as "--set KEY", or the path of a file that
 * cannot be read). `file` belongs to somebody who lives longer than the use of the place. */
struct place {
    const char *file;
    unsigned line, column; /* from 1 */
};

struct error_item {
    unsigned line, column;
    size_t order; /* of arrival */
    char *text;   /* one whole line without the newline, owned */
};

/* Zero-initialise; error_list_free at the end. */
struct error_list {
    struct error_item *errors; /* in file order; those of the command line last */
    size_t error_count, error_capacity;
    size_t dropped; /* errors that no longer had room here */
    struct error_item *warnings;
    size_t warning_count, warning_capacity;
};

/** Add `PLACE: error: KEY: text`; `key` may be NULL. The same line twice is kept once. */
void error_list_add(struct error_list *list, struct place place, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Add `PLACE: warning: KEY: text`. */
void error_list_warn(struct error_list *list, struct place place, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Has anything been added with error_list_add? */
bool error_list_any(const struct error_list *list);

/** How many of `errors` to print: at most ERROR_LIST_SHOWN. */
size_t error_list_shown(const struct error_list *list);

/** All errors in one struct error (the first line, and how many more), for callers that keep only one. Always
 *  returns false. */
bool error_list_first(const struct error_list *list, struct error *error);

void error_list_free(struct error_list *list);

#endif
