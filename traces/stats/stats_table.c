#include "traces/stats/stats_table.h"

#include "sim/base/memory.h"

enum { FIRST_SLOTS = 1024 };

static inline size_t hash(struct stats_key key, size_t slot_count)
{
    uint64_t mixed = (key.value ^ key.space * UINT64_C(0xd1342543de82ef95)) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed ^ mixed >> 32) & (slot_count - 1);
}

/* The slot of a key, or the empty one where it belongs. */
static inline size_t find(const struct stats_table *table, struct stats_key key)
{
    size_t slot = hash(key, table->slot_count);
    while (table->slots[slot]) {
        const struct stats_key *other = &table->keys[table->slots[slot] - 1];
        if (other->value == key.value && other->space == key.space)
            break;
        slot = (slot + 1) & (table->slot_count - 1);
    }
    return slot;
}

/* Half of the slots stay empty. */
static bool make_room(struct stats_table *table, struct error *error)
{
    if (table->count >= STATS_TABLE_LIMIT)
        return error_set(error, ERROR_MEMORY, "more than 2^31 different pages; look at a part of the trace");
    if (!memory_grow(&table->keys, &table->capacity, table->count + 1, sizeof *table->keys, error))
        return false;
    if (table->count < table->slot_count / 2)
        return true;
    size_t slot_count = table->slot_count ? table->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = memory_zeroed(slot_count, sizeof *slots, error);
    if (!slots)
        return false;
    memory_free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (size_t i = 0; i < table->count; i++)
        slots[find(table, table->keys[i])] = (uint32_t)i + 1;
    return true;
}

bool stats_table_find(const struct stats_table *table, struct stats_key key, uint32_t *number)
{
    uint32_t found = table->slot_count > 0 ? table->slots[find(table, key)] : 0;
    *number = found - 1;
    return found != 0;
}

bool stats_table_number(struct stats_table *table, struct stats_key key, uint32_t *number, bool *is_new,
                        struct error *error)
{
    *is_new = !stats_table_find(table, key, number);
    if (!*is_new)
        return true;
    if (!make_room(table, error))
        return false;
    *number = (uint32_t)table->count;
    table->slots[find(table, key)] = *number + 1;
    table->keys[table->count++] = key;
    return true;
}

void stats_table_free(struct stats_table *table)
{
    memory_free(table->keys);
    memory_free(table->slots);
    *table = (struct stats_table){0};
}
