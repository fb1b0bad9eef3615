/* What the parts of one random experiment share while it is drawn. Private to tests/property. */
#ifndef TESTS_PROPERTY_RANDOM_DRAFT_H
#define TESTS_PROPERTY_RANDOM_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/rng.h"
#include "tests/property/random_experiment.h"

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

enum { ANCHORS_MAX = 5, WILD_MAX = 4, LIVE_MAX = 48, DEAD_MAX = 8 };

/* What one map record of the trace mapped. */
struct extent {
    uint64_t iova, bytes, address;
    uint16_t device;
};

struct draft {
    uint64_t rng;
    uint64_t anchors[ANCHORS_MAX]; /* ascending */
    unsigned anchor_count;
    uint64_t wild[WILD_MAX]; /* stray addresses, any of 64 bits */
    struct trace_store *store;
    uint64_t device_count;

    /* A trace whose map and unmap records follow a small model of what is mapped. */
    bool maps;
    bool private_iovas; /* each device has a space of its own: lawful only with a domain per device */
    bool tidy;          /* no conflict, no leaf is cut */
    bool huge;          /* extents of up to 1 GiB */
    uint64_t unit;      /* all of its addresses and sizes are multiples of this */
    uint64_t last_mapped, last_output;
    struct extent live[LIVE_MAX], dead[DEAD_MAX]; /* dead[0]: unmapped last */
    unsigned live_count, dead_count;

    bool often; /* the cell being drawn harvests very often */
};

static inline uint64_t below(struct draft *draft, uint64_t limit)
{
    return rng_next(&draft->rng) % limit;
}

static inline bool chance(struct draft *draft, unsigned percent)
{
    return below(draft, 100) < percent;
}

/** Draw anchors and the trace into draft->store. */
void random_trace_draw(struct draft *draft);
/** Draw one cell over the trace. */
void random_cell_draw(struct draft *draft, struct cell_config *cell, uint64_t limit_records);
/** Turn accesses of the trace into translate records. */
void random_translates_draw(const struct draft *draft);
/** Draw what semantics.md 9 to 14 add, for a cell that maps at most `pages` and a replay of so many ns. */
void random_features_draw(const struct draft *draft, struct cell_config *cell, uint64_t pages, uint64_t span_ns);

#endif
