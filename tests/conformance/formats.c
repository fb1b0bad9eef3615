#include "formats.h"

#include <criterion/criterion.h>
#include <string.h>

const struct pt_format *format_named(const char *name)
{
    for (size_t i = 0; pt_formats[i]; i++)
        if (strcmp(pt_formats[i]->name, name) == 0)
            return pt_formats[i];
    cr_assert_fail("no format %s", name);
    return NULL;
}

struct pt_geometry format_geometry(const struct pt_format *format, unsigned levels, unsigned granule_lg2,
                                   unsigned address_bits)
{
    struct cell_config config = {0};
    config.iommu.model = format;
    config.iommu.levels = levels;
    config.iommu.granule_bytes = UINT64_C(1) << granule_lg2;
    config.iommu.address_bits = address_bits;
    return format->geometry(&config);
}

bool format_has_dbm(const struct pt_format *format)
{
    return strcmp(format->vendor, "smmu") == 0;
}

size_t format_shapes(struct format_shape shapes[FORMAT_SHAPES_MAX])
{
    static const unsigned widths[] = {32, 36, 40, 42, 44, 48};
    size_t count = 0;
    for (size_t i = 0; pt_formats[i]; i++) {
        const struct pt_format *format = pt_formats[i];
        cr_assert(count + 24 <= FORMAT_SHAPES_MAX);
        for (unsigned levels = format->levels_min; levels > 0 && levels <= format->levels_max; levels++)
            shapes[count++] = (struct format_shape){format, format_geometry(format, levels, 12, 0)};
        for (unsigned granule_lg2 = 12; format->levels_max == 0 && granule_lg2 <= 16; granule_lg2 += 2)
            for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
                shapes[count++] =
                    (struct format_shape){format, format_geometry(format, 0, granule_lg2, widths[w])};
    }
    return count;
}

bool row_is_write(const struct table *table, size_t row)
{
    const char *access = table_text(table, row, "access");
    bool write = strcmp(access, "write") == 0;
    cr_assert(write || strcmp(access, "read") == 0, "%s:%u: access %s", table->name, table->lines[row],
              access);
    return write;
}

/* The index of the cell's text in a list. */
static size_t row_choice(const struct table *table, size_t row, const char *column, const char *const *names,
                         size_t count)
{
    const char *text = table_text(table, row, column);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    cr_assert_fail("%s:%u: %s %s", table->name, table->lines[row], column, text);
    return 0;
}

enum pt_outcome row_outcome(const struct table *table, size_t row)
{
    static const char *const names[] = {[PT_ALLOWED] = "ok",
                                        [PT_FAULT_TRANSLATION] = "translation",
                                        [PT_FAULT_PERMISSION] = "permission",
                                        [PT_FAULT_ACCESS] = "access"};
    return (enum pt_outcome)row_choice(table, row, "outcome", names, 4);
}

enum dbm row_dbm(const struct table *table, size_t row)
{
    static const char *const names[] = {
        [DBM_STATIC] = "static", [DBM_DYNAMIC] = "dynamic", [DBM_OFF] = "off"};
    return (enum dbm)row_choice(table, row, "dbm", names, 3);
}

enum phase row_phase(const struct table *table, size_t row)
{
    static const char *const names[] = {
        [PHASE_BEFORE] = "before", [PHASE_TRACKING] = "tracking", [PHASE_AFTER] = "after"};
    return (enum phase)row_choice(table, row, "phase", names, 3);
}
