#include "analysis/csv_reader.h"

#include <csv.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

/* The fields of one row, one after another in `text`. */
struct row {
    char *text;
    size_t *offsets;
    size_t text_bytes, text_capacity, count, capacity;
    bool complete;
    struct error error;
};

struct csv_reader {
    char *path;
    FILE *file;
    struct csv_parser parser;
    char *line;
    size_t line_capacity;
    struct row header, row;
    uint64_t number; /* of the row read last, from 1 */
};

/* ---- libcsv ---- */

/* Values are kept as they are: blanks around them too. */
static int never_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

static void take_field(void *field, size_t bytes, void *context)
{
    struct row *row = context;
    if (!memory_grow(&row->text, &row->text_capacity, row->text_bytes + bytes + 1, 1, &row->error) ||
        !memory_grow(&row->offsets, &row->capacity, row->count + 1, sizeof *row->offsets, &row->error))
        return;
    row->offsets[row->count++] = row->text_bytes;
    if (bytes > 0)
        memcpy(row->text + row->text_bytes, field, bytes);
    row->text[row->text_bytes + bytes] = '\0';
    row->text_bytes += bytes + 1;
}

static void end_row(int terminator, void *context)
{
    (void)terminator;
    ((struct row *)context)->complete = true;
}

/* ---- rows ---- */

static bool unreadable(const struct csv_reader *reader, struct error *error)
{
    return error_set(error, errno == ENOMEM ? ERROR_MEMORY : ERROR_RESULTS, "%s: error: cannot read it: %s",
                     reader->path, strerror(errno));
}

/* Lines are handed on until one completes a row: a quoted field may hold several. */
static bool read_row(struct csv_reader *reader, struct row *row, bool *end, struct error *error)
{
    row->count = row->text_bytes = 0;
    row->complete = *end = false;
    reader->number++;
    while (!row->complete) {
        errno = 0;
        ssize_t bytes = getline(&reader->line, &reader->line_capacity, reader->file);
        if (bytes < 0 && !feof(reader->file))
            return unreadable(reader, error);
        bool parsed = bytes < 0 ? csv_fini(&reader->parser, take_field, end_row, row) == 0
                                : csv_parse(&reader->parser, reader->line, (size_t)bytes, take_field, end_row,
                                            row) == (size_t)bytes;
        if (row->error.kind != ERROR_NONE || (!parsed && csv_error(&reader->parser) != CSV_EPARSE))
            return error_set(error, ERROR_MEMORY, "error: no memory to read %s", reader->path);
        if (!parsed)
            return error_set(error, ERROR_RESULTS,
                             "%s: row %" PRIu64 ": error: is no CSV: a quote stands where none may be; "
                             "run the experiment again to write it anew",
                             reader->path, reader->number);
        if (bytes < 0)
            break;
    }
    *end = !row->complete;
    return true;
}

struct csv_reader *csv_open(const char *path, struct error *error)
{
    struct csv_reader *reader = calloc(1, sizeof *reader);
    if (!reader || !(reader->path = strdup(path)) ||
        csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        if (reader)
            free(reader->path);
        free(reader);
        error_set(error, ERROR_MEMORY, "error: no memory to read %s", path);
        return NULL;
    }
    csv_set_space_func(&reader->parser, never_space);
    reader->file = fopen(path, "re");
    bool end;
    if (!reader->file)
        unreadable(reader, error);
    else if (read_row(reader, &reader->header, &end, error) && end)
        error_set(error, ERROR_RESULTS, "%s: error: is empty; run the experiment again to write it anew",
                  path);
    else if (reader->header.complete)
        return reader;
    csv_close(reader);
    return NULL;
}

void csv_close(struct csv_reader *reader)
{
    if (!reader)
        return;
    if (reader->file)
        fclose(reader->file);
    csv_free(&reader->parser);
    memory_free(reader->header.text);
    memory_free(reader->header.offsets);
    memory_free(reader->row.text);
    memory_free(reader->row.offsets);
    free(reader->line);
    free(reader->path);
    free(reader);
}

bool csv_next(struct csv_reader *reader, bool *end, struct error *error)
{
    if (!read_row(reader, &reader->row, end, error))
        return false;
    if (!*end && reader->row.count != reader->header.count)
        return error_set(error, ERROR_RESULTS,
                         "%s: row %" PRIu64
                         ": error: has %zu fields, the header %zu; run the experiment again to "
                         "write it anew",
                         reader->path, reader->number, reader->row.count, reader->header.count);
    return true;
}

size_t csv_columns(const struct csv_reader *reader)
{
    return reader->header.count;
}

const char *csv_name(const struct csv_reader *reader, size_t column)
{
    return reader->header.text + reader->header.offsets[column];
}

size_t csv_column(const struct csv_reader *reader, const char *name)
{
    for (size_t c = 0; c < reader->header.count; c++)
        if (strcmp(csv_name(reader, c), name) == 0)
            return c;
    return SIZE_MAX;
}

const char *csv_field(const struct csv_reader *reader, size_t column)
{
    return reader->row.text + reader->row.offsets[column];
}

bool csv_number(const struct csv_reader *reader, size_t column, uint64_t *number)
{
    const char *text = csv_field(reader, column);
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}
