/* The columns that a table of results can have: those of results.csv, and a few made of them. */
#ifndef SIM_CLI_SHOW_COLUMN_H
#define SIM_CLI_SHOW_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/metrics_table.h"
#include "sim/engine/result.h"

enum { COLUMN_HEAD_BYTES = 48, COLUMN_TEXT_BYTES = 64 };

struct show_value {
    bool there;
    uint64_t count; /* of a counter; of the others, `number` alone */
    double number;
};

struct show_column {
    const char *name;                   /* as --columns and the CSV have it */
    char head[2][COLUMN_HEAD_BYTES];    /* two lines; the second has the unit of numbers that do not say it */
    const struct metric_column *metric; /* NULL: made by `value` */
    struct show_value (*value)(const struct metrics *metrics);
    const char *unit; /* "x", "%", "ns", "bytes", or what is counted */
    unsigned rank;    /* the higher, the sooner it makes room */
};

/** The columns of a table that nobody chose, in order. */
size_t show_default_count(void);
void show_default_column(size_t index, struct show_column *column);

/** A column by name. False: there is none. */
bool show_find_column(const char *name, struct show_column *column);
/** The name nearest to a wrong one, or NULL. */
const char *show_nearest_column(const char *name);

struct show_value show_value_of(const struct show_column *column, const struct metrics *metrics);
/** For people: "3.28 x", "1.7ms", "405504"; "-" for none. */
void show_value_text(const struct show_column *column, const struct show_value *value,
                     char text[COLUMN_TEXT_BYTES]);
/** From the least to the greatest of a group: "1.00..3.28 x". */
void show_range_text(const struct show_column *column, const struct show_value *least,
                     const struct show_value *most, char text[COLUMN_TEXT_BYTES]);
/** Exactly, as results.csv has it; "" for none. */
void show_value_csv(const struct show_column *column, const struct show_value *value,
                    char text[COLUMN_TEXT_BYTES]);

#endif
