/* Numbers the distinct keys it is asked for: 0, 1, 2, ... in the order of their first appearance. What
 * belongs to a key is in arrays of the user, by number. */
#ifndef TRACES_STATS_STATS_TABLE_H
#define TRACES_STATS_STATS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

enum { STATS_TABLE_LIMIT = INT32_MAX };

struct stats_key {
    uint64_t value;
    uint32_t space; /* keys of different spaces are different */
};

/* Zero-initialise; stats_table_free at the end. */
struct stats_table {
    struct stats_key *keys; /* by number */
    size_t count, capacity;
    uint32_t *slots; /* number + 1, or 0 */
    size_t slot_count;
};

/** Whether the key has a number, and which. */
bool stats_table_find(const struct stats_table *table, struct stats_key key, uint32_t *number);
/** The number of a key, and whether it is new. Errors: ERROR_MEMORY. */
bool stats_table_number(struct stats_table *table, struct stats_key key, uint32_t *number, bool *is_new,
                        struct error *error);
void stats_table_free(struct stats_table *table);

#endif
