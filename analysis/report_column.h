/* A column of results.csv on its way into report.html: a column whose rows are all alike is one value. */
#ifndef ANALYSIS_REPORT_COLUMN_H
#define ANALYSIS_REPORT_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/error.h"

struct json_t;

enum report_column_kind {
    REPORT_COLUMN_OUT,    /* not in the report */
    REPORT_COLUMN_ID,     /* a text that few rows share */
    REPORT_COLUMN_WORD,   /* a text that many rows share */
    REPORT_COLUMN_NUMBER, /* integer or decimal; "" is null */
};

struct report_column {
    enum report_column_kind kind;
    size_t rows;
    char *first;           /* the text of the first row, owned */
    struct json_t *values; /* owned; NULL while all rows are alike */
    char **words;          /* owned; of REPORT_COLUMN_WORD */
    size_t word_count, word_capacity;
};

/** Append a row. False: no memory. */
bool report_column_take(struct report_column *column, const char *text, struct error *error);

/** {"all": value}, {"values": [...]} or {"words": [...], "at": [indices]}. Integers that a JavaScript number
 * does not hold are decimal strings. NULL: no memory. */
struct json_t *report_column_doc(struct report_column *column);
void report_column_free(struct report_column *column);

#endif
