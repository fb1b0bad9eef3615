/* An ordered set of disjoint spans that join where they touch, for sets that change all the time: O(log
 * spans) each. All ends are 4 KiB-aligned. sim/base/span.h has the lists that are built once. */
#ifndef SIM_BASE_SPAN_SET_H
#define SIM_BASE_SPAN_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/pool.h"
#include "sim/base/span.h"

struct span_node;
struct span_set { /* all 0 at first */
    struct span_node *root;
    struct pool pool;
    uint64_t count; /* spans */
    uint64_t pages; /* of 4 KiB, in all of them */
};

/** Add a span that overlaps none of the set. False: memory; the set is as it was. */
bool span_set_add(struct span_set *set, struct span span, struct error *error);
/** Take out whatever overlaps `span`. False: memory; the set is as it was. */
bool span_set_remove(struct span_set *set, struct span span, struct error *error);
/** The first span that ends at or after `address`. False: there is none. */
bool span_set_lower(const struct span_set *set, uint64_t address, struct span *span);
/** Does a span hold `address`? */
bool span_set_holds(const struct span_set *set, uint64_t address);
/** Fill `copy`, which must be empty. False: memory. */
bool span_set_copy(struct span_set *copy, const struct span_set *set, struct error *error);
/** Free the set, which is empty afterwards. */
void span_set_free(struct span_set *set);

#endif
