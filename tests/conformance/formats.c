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

size_t format_shapes(struct format_shape shapes[FORMAT_SHAPES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; pt_formats[i]; i++) {
        const struct pt_format *format = pt_formats[i];
        bool by_granule = format->levels_max == 0;
        unsigned lowest = by_granule ? 12 : format->levels_min;
        unsigned highest = by_granule ? 16 : format->levels_max;
        for (unsigned choice = lowest; choice <= highest; choice += by_granule ? 2 : 1) {
            cr_assert(count < FORMAT_SHAPES_MAX);
            shapes[count++] = (struct format_shape){format, by_granule ? format->geometry(0, choice)
                                                                       : format->geometry(choice, 12)};
        }
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

enum pt_outcome row_outcome(const struct table *table, size_t row)
{
    static const char *const names[] = {[PT_ALLOWED] = "ok",
                                        [PT_FAULT_TRANSLATION] = "translation",
                                        [PT_FAULT_PERMISSION] = "permission",
                                        [PT_FAULT_ACCESS] = "access"};
    const char *text = table_text(table, row, "outcome");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], text) == 0)
            return (enum pt_outcome)i;
    cr_assert_fail("%s:%u: outcome %s", table->name, table->lines[row], text);
    return PT_ALLOWED;
}
