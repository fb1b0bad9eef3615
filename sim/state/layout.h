/* Where leaves and tables are, as arithmetic (semantics.md 3 and 7).
 *
 * A layout holds the leaves that map calls choose as runs of equal neighbours, so that 64 TiB of 4 KiB leaves
 * are one run. Tables, their memory and the entries a scan visits follow from the runs; no table is ever
 * built. */
#ifndef SIM_STATE_LAYOUT_H
#define SIM_STATE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/pt/pt.h"

/* [first, last] in bytes, inclusive. */
struct span {
    uint64_t first, last;
};

/* Leaves of 2^leaf_lg2 bytes that map a span to output addresses iova + shift (mod 2^64).
 */
struct leaf_run {
    struct span span;
    uint64_t shift;
    uint8_t leaf_lg2;
    uint8_t level;
};

struct span_list {
    struct span *spans; /* ascending, disjoint, not touching unless stated */
    size_t count, capacity;
};

struct layout {
    struct pt_geometry geometry;
    struct leaf_run *runs; /* ascending */
    size_t run_count, run_capacity;
    struct span_list mapped;                /* maximal runs of mapped pages */
    struct span_list tables[PT_LEVELS_MAX]; /* per level: spans covered by existing tables, maximal runs */
    uint64_t leaf_count, table_count, table_bytes;
};

/** Lay out the leaves of `calls` (ascending, disjoint, inside the IOVA width) with the allowed leaf sizes. */
bool layout_build(struct layout *layout, const struct pt_geometry *geometry, const uint8_t *page_sizes_lg2,
                  unsigned page_size_count, const struct config_region *calls, size_t call_count,
                  struct error *error);
void layout_free(struct layout *layout);

/** The run that maps `iova`, or NULL. */
const struct leaf_run *layout_find(const struct layout *layout, uint64_t iova);
/** The first run that ends at or after `iova`: an index, run_count if there is none. */
size_t layout_lower(const struct layout *layout, uint64_t iova);

/** The level of the entry at which a walk for `iova` ends: the leaf's, or that of the absent entry. */
unsigned layout_terminal_level(const struct layout *layout, uint64_t iova);

/** What visiting every table that overlaps [first, last] counts: entry slots and tables. Adds to both. */
void layout_scan(const struct layout *layout, uint64_t first, uint64_t last, uint64_t *entries,
                 uint64_t *tables);

/** Leaves that overlap any of the spans, each counted once. */
uint64_t layout_leaves_in(const struct layout *layout, const struct span_list *spans);

/** Index of the first span that ends at or after `address`; count if there is none. */
size_t span_lower(const struct span_list *list, uint64_t address);
/** Append, joining with the last span where they touch; spans must come in ascending order. */
bool span_append(struct span_list *list, uint64_t first, uint64_t last, struct error *error);
/** out = a ∩ b, built anew. */
bool span_intersect(const struct span_list *a, const struct span_list *b, struct span_list *out,
                    struct error *error);
/** Pages of 4 KiB in the list (all ends are page-aligned). */
uint64_t span_pages(const struct span_list *list);
void span_free(struct span_list *list);

#endif
