/* What the tests of page-table formats share. */
#ifndef TESTS_CONFORMANCE_FORMATS_H
#define TESTS_CONFORMANCE_FORMATS_H

#include "sim/config.h"
#include "sim/pt/pt.h"
#include "table.h"

/** The format of that name; it must exist. */
const struct pt_format *format_named(const char *name);
/** The shape of a format: levels where it chooses, else granule and address width. */
struct pt_geometry format_geometry(const struct pt_format *format, unsigned levels, unsigned granule_lg2,
                                   unsigned address_bits);
/** Does the format say entry by entry what hardware may make dirty? */
bool format_has_dbm(const struct pt_format *format);

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
/** The columns `dbm` and `phase` in words. */
enum dbm row_dbm(const struct table *table, size_t row);
enum phase row_phase(const struct table *table, size_t row);

#endif
