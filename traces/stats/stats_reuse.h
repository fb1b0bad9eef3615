/* Exact LRU stack distances: how many other pages were touched since the last touch of this one. A fully
 * associative LRU cache of n entries hits where the distance is less than n.
 *
 * Each page has the position of its last touch on a line of positions; a tree over them counts those in use
 * behind it (Bennett and Kruskal, 1975). When the line is used up, the positions move together. */
#ifndef TRACES_STATS_STATS_REUSE_H
#define TRACES_STATS_STATS_REUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

#define STATS_REUSE_COLD UINT64_MAX

/* Zero-initialise; stats_reuse_free at the end. */
struct stats_reuse {
    size_t pages;                /* touched so far */
    size_t next, line_positions; /* next free position, and how many there are */
    uint32_t *owner;             /* page at a position */
    uint64_t *used;              /* bit per position */
    uint32_t *tree;              /* Fenwick tree over the bits of 64 positions each, from index 1 */
    uint32_t *position;          /* of a page + 1, or 0 */
    size_t position_capacity;
};

/** Touch page `page` (numbers without gaps are best); its distance, or STATS_REUSE_COLD for the first touch.
 *  Errors: ERROR_MEMORY. */
bool stats_reuse_touch(struct stats_reuse *reuse, uint32_t page, uint64_t *distance, struct error *error);
void stats_reuse_free(struct stats_reuse *reuse);

#endif
