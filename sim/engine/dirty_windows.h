/* Finding the dirty leaves that a harvest meets, window by window (semantics.md 7).
 *
 * Three kinds of dirty leaves exist: small ones (below 2 MiB) in touched tiles, large touched ones, and
 * leaves that are dirty since their map in memory that the trace never touched, which stay implicit as spans.
 */
#ifndef SIM_ENGINE_DIRTY_WINDOWS_H
#define SIM_ENGINE_DIRTY_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/state/ledger.h"
#include "sim/state/page_mask.h"

/* Heads of a tile that a window cleans. */
struct window_clear {
    uint32_t tile;
    struct page_mask heads;
};

/* A harvest window in which leaves were dirty. */
struct window {
    struct span bounds; /* the window itself; for the clear at start, everything */
    bool all_ranges;    /* the clear at start: leaves seen are those that overlap any tracked range */
    struct span hull;   /* from the first to the last byte of its dirty leaves, whole leaves */
    uint64_t dirty_leaves;
    const struct window_clear *clears; /* tiles of the touched ones */
    size_t clear_count;
};

/* Called after each window with dirty leaves, before they are cleaned: their heads still read dirty. */
typedef void window_flush(void *context, const struct window *window);

/* A tile of small leaves, some of them dirty. */
struct dirty_tile {
    uint32_t tile;
    struct page_mask heads;    /* dirty heads not yet visited (clearing) or all (not clearing) */
    struct page_mask leaves;   /* pages of the leaves that the harvest met */
    struct page_mask written;  /* of these, of leaves that a write made dirty */
    struct page_mask reported; /* pages inside the windows in which their leaves were met */
};

/* One large dirty leaf, or a run of untouched ones. */
struct dirty_piece {
    struct span span; /* whole leaves */
    uint8_t leaf_lg2;
    bool untouched, born;
    uint32_t head; /* unless untouched */
    uint64_t reported_pages, true_pages;
    bool holds_truth;
};

struct dirty_windows {
    struct dirty_tile *tiles; /* ascending */
    struct dirty_piece *pieces;
    struct window_clear *clears; /* of the current window */
    size_t tile_count, piece_count, clear_count;
    size_t tile_capacity, piece_capacity, clear_capacity;
    struct span_list reported; /* pieces' reported bytes; with a granule: blocks of everything reported */
    uint64_t met_leaves;       /* leaf and window pairs */
};

enum dirty_visit {
    VISIT_CLEAR, /* a harvest: windows, a flush after each, leaves cleaned */
    VISIT_PEEK,  /* no_clear: windows, nothing changes */
    VISIT_START  /* the clear at start: every range whole, one flush at the end */
};

/** List the active tiles, and visit all dirty leaves that overlap tracked ranges. */
bool dirty_windows_visit(struct dirty_windows *windows, struct ledger *ledger, enum dirty_visit visit,
                         window_flush *flush, void *context, struct error *error);
/** Whether the leaf with this head counts as dirty in the window. */
bool window_holds_dirty(const struct window *window, const struct ledger *ledger, uint32_t head);
void dirty_windows_free(struct dirty_windows *windows);

#endif
