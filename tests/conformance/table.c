#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cut one line at its commas, in place. */
static size_t split(char *line, const char *cells[TABLE_COLUMNS_MAX])
{
    size_t count = 0;
    for (char *cell = line; cell;) {
        cr_assert(count < TABLE_COLUMNS_MAX);
        cells[count++] = cell;
        char *comma = strchr(cell, ',');
        if (comma)
            *comma++ = '\0';
        cell = comma;
    }
    return count;
}

static void take_line(struct table *table, char *line, unsigned line_number)
{
    if (line[0] == '#' || line[0] == '\0')
        return;
    if (table->column_count == 0) {
        table->column_count = split(line, table->columns);
        return;
    }
    cr_assert(table->row_count < TABLE_ROWS_MAX, "%s: too many rows", table->name);
    size_t cells = split(line, table->cells[table->row_count]);
    cr_assert_eq(cells, table->column_count, "%s:%u: %zu cells under %zu columns", table->name, line_number,
                 cells, table->column_count);
    table->lines[table->row_count++] = line_number;
}

const struct table *table_read(const char *name, size_t row_count)
{
    static struct table table;
    char path[4096];
    memset(&table, 0, sizeof table);
    table.name = name;
    snprintf(path, sizeof path, "%s/tests/conformance/%s", TEST_SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    cr_assert(file, "cannot open %s", path);
    size_t bytes = fread(table.text, 1, sizeof table.text - 1, file);
    cr_assert(feof(file), "%s: longer than %d bytes", name, TABLE_TEXT_BYTES - 1);
    fclose(file);
    cr_assert(bytes > 0 && table.text[bytes - 1] == '\n', "%s: does not end with a line", name);

    unsigned line_number = 0;
    for (char *line = table.text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        take_line(&table, line, ++line_number);
    }
    cr_assert_eq(table.row_count, row_count, "%s: %zu rows, not %zu", name, table.row_count, row_count);
    return &table;
}

const char *table_text(const struct table *table, size_t row, const char *column)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i], column) == 0)
            return table->cells[row][i];
    cr_assert_fail("%s: no column %s", table->name, column);
    return NULL;
}

uint64_t table_number(const struct table *table, size_t row, const char *column, int base)
{
    const char *text = table_text(table, row, column);
    char *end = NULL;
    uint64_t number = strtoull(text, &end, base);
    cr_assert(end != text && *end == '\0', "%s:%u: %s is '%s', not a number", table->name, table->lines[row],
              column, text);
    return number;
}

bool table_flag(const struct table *table, size_t row, const char *column)
{
    uint64_t number = table_number(table, row, column, 10);
    cr_assert(number <= 1, "%s:%u: %s is neither 0 nor 1", table->name, table->lines[row], column);
    return number == 1;
}
