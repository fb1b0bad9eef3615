/* Which cells may share tables, or have IOTLBs with the same traffic: those that agree in every key not marked otherwise. */
#include <string.h>

#include "sim/base/key_row.h"
#include "sim/config.h"

static const void *field(const struct cell_config *config, size_t offset)
{
    return (const unsigned char *)config + offset;
}

static bool same_regions(const struct cell_config *a, const struct cell_config *b, const struct key *key)
{
    const struct config_region *x, *y;
    size_t x_count, y_count;
    memcpy(&x, field(a, key->offset), sizeof x);
    memcpy(&y, field(b, key->offset), sizeof y);
    memcpy(&x_count, field(a, key->count_offset), sizeof x_count);
    memcpy(&y_count, field(b, key->count_offset), sizeof y_count);
    return x_count == y_count && (x_count == 0 || memcmp(x, y, x_count * sizeof *x) == 0);
}

static bool is_first(const struct cell_config *config, const struct key *key)
{
    const unsigned char *bytes = field(config, key->offset);
    for (size_t i = 0; i < key->field_bytes; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static bool same_value(const struct cell_config *a, const struct cell_config *b, const struct key *key)
{
    if (key->field_bytes == 0)
        return true;
    if (key->type == KEY_REGIONS || key->type == KEY_RANGES)
        return same_regions(a, b, key);
    if (key->present_offset != 0 &&
        memcmp(field(a, key->present_offset), field(b, key->present_offset), sizeof(bool)) != 0)
        return false;
    return memcmp(field(a, key->offset), field(b, key->offset), key->field_bytes) == 0;
}

static bool same_for_tables(const struct cell_config *a, const struct cell_config *b, const struct key *key)
{
    if (key->sharing == KEY_PRIVATE_UNLESS_FIRST && key->field_bytes != 0)
        return is_first(a, key) == is_first(b, key);
    return key->sharing != KEY_SHARED || same_value(a, b, key);
}

static bool same_for_traffic(const struct cell_config *a, const struct cell_config *b, const struct key *key)
{
    return key->sharing == KEY_PRIVATE_SAME_TRAFFIC || same_value(a, b, key);
}

static bool same_in_all(const struct cell_config *a, const struct cell_config *b,
                        bool (*same)(const struct cell_config *, const struct cell_config *, const struct key *))
{
    for (size_t list = 0; key_row_lists[list]; list++) {
        for (size_t i = 0; i < key_row_lists[list]->count; i++) {
            if (!same(a, b, &key_row_lists[list]->rows[i]))
                return false;
        }
    }
    return true;
}

bool config_same_tables(const struct cell_config *a, const struct cell_config *b)
{
    return same_in_all(a, b, same_for_tables);
}

bool config_same_traffic(const struct cell_config *a, const struct cell_config *b)
{
    return same_in_all(a, b, same_for_traffic);
}
