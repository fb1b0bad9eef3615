/* A table from 64-bit numbers to 64-bit ones, for what a log reader has to remember of earlier lines. */
#ifndef TRACES_LOG_LOG_TABLE_H
#define TRACES_LOG_LOG_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"

/* A hostile log must not take all memory: what would not fit is not remembered, which costs a device or a
 * pairing. A host has some thousand mappings at a time. */
enum { LOG_TABLE_ENTRIES = 1 << 20 };

struct log_table_entry;
struct log_table {
    struct log_table_entry *entries;
};

/** The value of `key`, or NULL. */
uint64_t *log_table_find(const struct log_table *table, uint64_t key);
/** Whether nothing new should be put in. */
bool log_table_full(const struct log_table *table);
/** The value of `key`, 0 if it is new; NULL and ERROR_MEMORY when there is no room. */
uint64_t *log_table_make(struct log_table *table, uint64_t key, struct error *error);
void log_table_remove(struct log_table *table, uint64_t key);
/** Remove everything; `release`, if not NULL, sees each value. */
void log_table_clear(struct log_table *table, void (*release)(uint64_t value));

#endif
