/* Conformance tables: CSV without quoting, '#' comments, one header line. A broken table fails the
 * test that reads it. */
#ifndef TESTS_CONFORMANCE_TABLE_H
#define TESTS_CONFORMANCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_COLUMNS_MAX = 20, TABLE_ROWS_MAX = 2048, TABLE_TEXT_BYTES = 1 << 18 };

struct table {
    const char *name;
    size_t column_count, row_count;
    const char *columns[TABLE_COLUMNS_MAX];
    const char *cells[TABLE_ROWS_MAX][TABLE_COLUMNS_MAX];
    unsigned lines[TABLE_ROWS_MAX]; /* line numbers in the file, for messages */
    char text[TABLE_TEXT_BYTES];
};

/** Read tests/conformance/NAME, which must have exactly `row_count` rows. The result lives until
 * the next call. */
const struct table *table_read(const char *name, size_t row_count);

const char *table_text(const struct table *table, size_t row, const char *column);
/** The cell as a whole number; it must be one. */
uint64_t table_number(const struct table *table, size_t row, const char *column, int base);
/** The cell as 0 or 1; it must be one of them. */
bool table_flag(const struct table *table, size_t row, const char *column);

/** cr_expect that says which row it was about. */
#define table_expect(table, row, condition)                                                                  \
    cr_expect(condition, "%s:%u: %s", (table)->name, (table)->lines[row], #condition)

#endif
