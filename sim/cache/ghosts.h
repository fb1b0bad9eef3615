/* Ghosts: translations that stay in an IOTLB after their leaf has gone (semantics.md 4.4). While a leaf stands its
 * entry is named by the leaf's head; when it goes and a cache still holds it, the entry is renamed to a ghost, which
 * remembers what the entry says. There are never more ghosts than IOTLB entries. */
#ifndef SIM_CACHE_GHOSTS_H
#define SIM_CACHE_GHOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/span.h"

struct ghost {
    uint64_t first; /* IOVA */
    uint64_t shift; /* output address - IOVA */
    uint32_t domain;
    uint8_t lg2;      /* of its bytes; 0: no ghost */
    uint8_t contents; /* ENTRY_ bits (sim/engine/cell.h) */
};

struct ghosts {
    struct ghost *rows;
    uint32_t *free_rows;
    uint32_t *slots; /* hash table of row + 1, open addressing */
    uint32_t capacity, count, slot_mask;
};

/** Room for as many ghosts as the IOTLB has entries. */
bool ghosts_init(struct ghosts *ghosts, uint64_t entries, struct error *error);
void ghosts_free(struct ghosts *ghosts);
/** Each ghost is a row; there is none yet with the same domain, size and address. */
uint32_t ghosts_add(struct ghosts *ghosts, const struct ghost *ghost);
/** The row of the ghost with this key, or UINT32_MAX. */
uint32_t ghosts_find(const struct ghosts *ghosts, uint32_t domain, unsigned lg2, uint64_t first);
void ghosts_remove(struct ghosts *ghosts, uint32_t row);
void ghosts_clear(struct ghosts *ghosts);

static inline struct span ghost_span(const struct ghost *ghost)
{
    return (struct span){ghost->first, ghost->first | ((UINT64_C(1) << ghost->lg2) - 1)};
}

#endif
