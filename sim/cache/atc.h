/* The ATC: translations that one device keeps for itself (semantics.md 10).
 *
 * Entries are found by a hash of their key, whatever the shape; each set is a ring in order of use. Which way
 * holds an entry cannot be seen under LRU, so a set has a count and no ways. Memory grows with what is held.
 */
#ifndef SIM_CACHE_ATC_H
#define SIM_CACHE_ATC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/span.h"

/* What an entry translates: `number` is iova >> lg2. */
struct atc_entry {
    uint64_t number;
    uint64_t shift; /* output address - IOVA; 0 unless somebody looks */
    uint8_t lg2;
    bool may_write;
};

struct atc_row;
struct atc {
    uint64_t entries, ways, sets;
    struct atc_row *rows;
    uint32_t *buckets; /* chains of rows, as row + 1 */
    uint32_t *newest;  /* per set: row + 1; 0: empty */
    uint32_t *filled;  /* per set: its entries */
    size_t capacity, bucket_count;
    uint32_t used, free_rows; /* rows ever taken since it was empty; chain of those given back */
    uint32_t count;
};

/** `ways` 0: fully associative; `entries` 0: nothing is kept. */
bool atc_init(struct atc *atc, uint64_t entries, uint64_t ways, struct error *error);
void atc_free(struct atc *atc);

/** Is there an entry with this key that may write, if `write`? A hit: it is the newest of its set. */
bool atc_lookup(struct atc *atc, unsigned lg2, uint64_t number, bool write);
/** Insert, in the place of an entry with the same key if there is one. False: memory. */
bool atc_fill(struct atc *atc, const struct atc_entry *entry, struct error *error);
/** Drop every entry that overlaps the span; `sizes`: bit n, there may be entries of 2^n bytes. */
void atc_drop(struct atc *atc, struct span span, uint64_t sizes);
void atc_drop_all(struct atc *atc);
/** Show every entry, set by set; `age` is 0 for the newest of a set. */
void atc_visit(const struct atc *atc,
               void (*visit)(void *context, const struct atc_entry *entry, uint64_t set, uint64_t age),
               void *context);

#endif
