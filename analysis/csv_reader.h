/* Reads the CSV files of a results folder back, row by row, with libcsv. */
#ifndef ANALYSIS_CSV_READER_H
#define ANALYSIS_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

struct csv_reader;

/** Open a file and read its header. Errors here and below: ERROR_RESULTS with the path, the row and what is
 * wrong; ERROR_MEMORY. NULL on an error. */
struct csv_reader *csv_open(const char *path, struct error *error);
void csv_close(struct csv_reader *reader);

/** Read the next row; *end: there is none. A row that has not as many fields as the header is an error. */
bool csv_next(struct csv_reader *reader, bool *end, struct error *error);

/** Number of columns, and the index of one by name, SIZE_MAX when there is none. */
size_t csv_columns(const struct csv_reader *reader);
size_t csv_column(const struct csv_reader *reader, const char *name);
const char *csv_name(const struct csv_reader *reader, size_t column);

/** A field of the row read last; borrowed until the next is read. */
const char *csv_field(const struct csv_reader *reader, size_t column);
/** The same as a number. False: it is none. */
bool csv_number(const struct csv_reader *reader, size_t column, uint64_t *number);

#endif
