/* What the tests of page-table formats share. */
#ifndef TESTS_CONFORMANCE_FORMATS_H
#define TESTS_CONFORMANCE_FORMATS_H

#include "sim/pt/pt.h"
#include "table.h"

/** The format of that name; it must exist. */
const struct pt_format *format_named(const char *name);

/* Every shape that a format can have. */
struct format_shape {
    const struct pt_format *format;
    struct pt_geometry geometry;
};
enum { FORMAT_SHAPES_MAX = 64 };
size_t format_shapes(struct format_shape shapes[FORMAT_SHAPES_MAX]);

/** The columns `access` (read, write) and `outcome` (ok, translation, permission, access) of a row.
 */
bool row_is_write(const struct table *table, size_t row);
enum pt_outcome row_outcome(const struct table *table, size_t row);

#endif
