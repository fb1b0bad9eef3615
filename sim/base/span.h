/* Spans of addresses, and sorted lists of them. */
#ifndef SIM_BASE_SPAN_H
#define SIM_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

/* [first, last] in bytes, inclusive, so that the end of 2^64 can be named. */
struct span {
    uint64_t first, last;
};

struct span_list {
    struct span *spans; /* ascending, disjoint, not touching unless stated */
    size_t count, capacity;
};

static inline bool span_overlaps(struct span a, struct span b)
{
    return a.first <= b.last && b.first <= a.last;
}

/** What both share; they must overlap. */
static inline struct span span_common(struct span a, struct span b)
{
    return (struct span){a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last};
}

/** Index of the first span that ends at or after `address`; count if there is none. */
size_t span_lower(const struct span_list *list, uint64_t address);
/** Append, joining with the last span where they touch; spans must come in ascending order. */
bool span_append(struct span_list *list, uint64_t first, uint64_t last, struct error *error);
/** out = a ∩ b, built anew. */
bool span_intersect(const struct span_list *a, const struct span_list *b, struct span_list *out,
                    struct error *error);
void span_free(struct span_list *list);

#endif
