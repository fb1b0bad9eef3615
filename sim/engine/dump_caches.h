/* What the caches of a cell hold of a domain, sorted by address, for sim/engine/dump.c. */
#ifndef SIM_ENGINE_DUMP_CACHES_H
#define SIM_ENGINE_DUMP_CACHES_H

#include "sim/engine/dump.h"

struct dump_caches { /* all 0 at first */
    const struct cell *cell;
    uint32_t domain;
    struct span range;
    struct error *error; /* of collecting */

    struct dump_cached *cached; /* ascending by first byte */
    uint64_t *reach;            /* per entry: the last byte that it or one before it translates */
    size_t count, capacity;
    const struct dump_cached **found; /* by dump_caches_find */
    size_t found_count, found_capacity;
    struct dump_pointer *pointers; /* by level, ascending; `stands` and `address` are left open */
    size_t pointer_count, pointer_capacity;
    struct dump_totals totals;
};

/** What overlaps `range`; `totals` counts everything. dump_caches_free in any case. */
bool dump_caches_collect(struct dump_caches *caches, const struct cell *cell, uint32_t domain,
                         struct span range, struct error *error);
/** List the IOTLB entries that translate any of the span in `found`, ascending. */
bool dump_caches_find(struct dump_caches *caches, struct span span, struct error *error);
void dump_caches_free(struct dump_caches *caches);

#endif
