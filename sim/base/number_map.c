#include "sim/base/number_map.h"

#define HASH_NONFATAL_OOM 1 /* without memory hh.tbl is NULL after HASH_ADD */
#include <uthash.h>

#include "sim/base/memory.h"

struct number_map_entry {
    uint64_t key;
    uint32_t value;
    UT_hash_handle hh;
};

bool number_map_intern(struct number_map *map, uint64_t key, uint32_t fresh, uint32_t *value, bool *is_new,
                       struct error *error)
{
    struct number_map_entry *entry;
    HASH_FIND(hh, map->entries, &key, sizeof key, entry);
    *is_new = entry == NULL;
    if (!entry) {
        entry = memory_zeroed(1, sizeof *entry, error);
        if (!entry)
            return false;
        entry->key = key;
        entry->value = fresh;
        HASH_ADD(hh, map->entries, key, sizeof entry->key, entry);
        if (!entry->hh.tbl) {
            memory_free(entry);
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
    }
    *value = entry->value;
    return true;
}

bool number_map_find(const struct number_map *map, uint64_t key, uint32_t *value)
{
    struct number_map_entry *entry;
    HASH_FIND(hh, map->entries, &key, sizeof key, entry);
    if (entry)
        *value = entry->value;
    return entry != NULL;
}

void number_map_remove(struct number_map *map, uint64_t key)
{
    struct number_map_entry *entry;
    HASH_FIND(hh, map->entries, &key, sizeof key, entry);
    if (entry) {
        HASH_DEL(map->entries, entry);
        memory_free(entry);
    }
}

void number_map_free(struct number_map *map)
{
    struct number_map_entry *entry, *next;
    HASH_ITER(hh, map->entries, entry, next)
    {
        HASH_DEL(map->entries, entry);
        memory_free(entry);
    }
}
