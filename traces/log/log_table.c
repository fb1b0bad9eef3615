#include "traces/log/log_table.h"

/* Keys are 64-bit numbers. */
#define HASH_FUNCTION(key, bytes, hash) ((hash) = hash_of(*(const uint64_t *)(key)))
#define HASH_KEYCMP(a, b, bytes) (*(const uint64_t *)(a) != *(const uint64_t *)(b))
#define HASH_NONFATAL_OOM 1 /* without memory hh.tbl is NULL after HASH_ADD */
#include <uthash.h>

#include "sim/base/memory.h"

struct log_table_entry {
    uint64_t key, value;
    UT_hash_handle hh;
};

static unsigned hash_of(uint64_t key)
{
    return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct log_table_entry *find(const struct log_table *table, uint64_t key)
{
    struct log_table_entry *entry;
    HASH_FIND(hh, table->entries, &key, sizeof key, entry);
    return entry;
}

bool log_table_full(const struct log_table *table)
{
    return HASH_COUNT(table->entries) >= LOG_TABLE_ENTRIES;
}

uint64_t *log_table_find(const struct log_table *table, uint64_t key)
{
    struct log_table_entry *entry = find(table, key);
    return entry ? &entry->value : NULL;
}

uint64_t *log_table_make(struct log_table *table, uint64_t key, struct error *error)
{
    struct log_table_entry *entry = find(table, key);
    if (!entry) {
        entry = memory_zeroed(1, sizeof *entry, error);
        if (!entry)
            return NULL;
        entry->key = key;
        HASH_ADD(hh, table->entries, key, sizeof entry->key, entry);
        if (!entry->hh.tbl) {
            memory_free(entry);
            error_set(error, ERROR_MEMORY, "out of memory");
            return NULL;
        }
    }
    return &entry->value;
}

void log_table_remove(struct log_table *table, uint64_t key)
{
    struct log_table_entry *entry = find(table, key);
    if (!entry)
        return;
    HASH_DEL(table->entries, entry);
    memory_free(entry);
}

void log_table_clear(struct log_table *table, void (*release)(uint64_t value))
{
    struct log_table_entry *entry, *next;
    HASH_ITER(hh, table->entries, entry, next)
    {
        HASH_DEL(table->entries, entry);
        if (release)
            release(entry->value);
        memory_free(entry);
    }
}
