/* A harvest of one domain: which leaves are dirty in which window (semantics.md 7). It is an iterator, so that the
 * caller flushes between a window's reading and its cleaning. Work grows with what is dirty, never with what is
 * mapped.
 *
 * Three kinds of dirty leaves exist: those of at most 2 MiB in touched tiles, larger touched ones, and leaves that
 * are dirty since their map in memory that the trace never touched, which stay implicit as spans. */
#ifndef SIM_ENGINE_HARVEST_H
#define SIM_ENGINE_HARVEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/state/leaves.h"

/* Heads of a tile that a window cleans. */
struct window_clear {
    uint32_t tile;
    struct page_mask heads;
};

/* What a timed harvest remembers of a tile while a window is under way (semantics.md 13). */
struct window_marks {
    struct page_mask cleaned;                  /* heads of the leaves that the window has cleaned */
    struct page_mask into_truth, into_written; /* pages that entered T, W since it began */
};

/* A harvest window in which leaves were dirty. */
struct window {
    uint32_t domain;
    struct span bounds; /* the window itself; for the clear at start, everything */
    bool all_ranges;    /* the clear at start: leaves seen are those that overlap any tracked range */
    struct span hull;   /* from the first to the last byte of its dirty leaves, whole leaves */
    uint64_t dirty_leaves, dirty_entries;
    const struct window_clear *clears; /* tiles of the touched ones */
    size_t clear_count;
    const struct window_marks *marks; /* per tile, where its leaves were cleaned before the flush; else NULL */
    const struct span_list *untouched; /* the others, as bytes; NULL of timed harvests, whose leaves never change */
};

/* A tile of leaves of at most 2 MiB, some of them dirty. */
struct dirty_tile {
    uint32_t tile;
    struct page_mask heads;    /* dirty heads not yet visited (clearing) or all (not clearing) */
    struct page_mask by_cause[4]; /* pages of dirty leaves by LEAF_CAUSE >> 4 */
    struct page_mask leaves;   /* pages of the leaves that the harvest met */
    struct page_mask reported; /* pages inside the windows in which their leaves were met */
    uint32_t met;              /* leaf and window pairs */
};

/* One larger dirty leaf, or a run of untouched ones. */
struct dirty_piece {
    struct span span; /* whole leaves */
    uint8_t lg2;
    uint8_t cause;
    bool untouched;
    uint32_t head; /* unless untouched */
    uint64_t reported_pages, true_pages;
    bool holds_truth;
};

enum harvest_kind {
    HARVEST_CLEAR, /* windows, a flush after each, leaves cleaned */
    HARVEST_PEEK,  /* no_clear, before_unmap: windows, nothing changes */
    HARVEST_START  /* the clear at start: every range whole, one flush at the end of a domain */
};

struct harvest {
    struct leaves *leaves;
    enum harvest_kind kind;
    uint32_t domain;
    const struct span_list *limits; /* the windows of a read before an unmap; NULL: the tracked ranges */

    struct dirty_tile *tiles; /* ascending */
    struct dirty_piece *pieces;
    struct window_clear *clears; /* of the current window */
    size_t tile_count, piece_count, clear_count;
    size_t tile_capacity, piece_capacity, clear_capacity;
    struct span_list untouched; /* leaves of the current window that no tile stands for */
    struct span_list reported; /* pieces' reported bytes; with a granule or device logs: blocks of everything reported */
    bool reports_all; /* every tracked page is reported, whatever leaves are dirty */
    uint64_t met_leaves, met_entries; /* leaf and window pairs */
    struct span_list blocks, limited; /* that devices logged; of these, those inside limits */

    /* where the iterator stands */
    struct window window;
    bool open, pending;
    size_t tile_at, piece_at;
    bool in_item, item_is_tile;
    struct span left; /* of the current item */
    struct span part, bounds; /* the pending part */
};

/** Collect what is dirty in the domain among the given tiles (ascending) and the untouched leaves. */
bool harvest_domain(struct harvest *harvest, struct leaves *leaves, enum harvest_kind kind, uint32_t domain,
                    const struct tile_place *tiles, size_t tile_count, const struct span_list *limits,
                    struct error *error);
/** Collect what the devices of the domain logged instead: in harvest->reported, spread to the granule. *at: place of the
 *  domain's first row in the log's order, moved behind its last. */
bool harvest_device_logs(struct harvest *harvest, struct leaves *leaves, uint32_t domain, size_t *at,
                         const struct span_list *limits, struct error *error);
/** The next window in which leaves are dirty; *window is NULL at the end. Its leaves still read dirty. */
bool harvest_window(struct harvest *harvest, const struct window **window, struct error *error);
/** After the last window: the domain reports everything that is tracked (a ring overflowed). */
bool harvest_report_all(struct harvest *harvest, struct error *error);
/** Make the leaves of the window clean (in tiles; untouched ones at harvest_end). */
void harvest_clean(struct harvest *harvest);
/** After the last window of the domain: the tables learn which untouched leaves are clean now. Of tables that
 *  domains share that is done once for all of them, by harvest_end_shared. */
bool harvest_end(struct harvest *harvest, struct error *error);
bool harvest_end_shared(struct leaves *leaves, struct error *error);
/** Whether the leaf with this head counts as dirty in the window. */
bool window_holds_dirty(const struct window *window, const struct leaves *leaves, uint32_t head);
/** Pages of the leaves with these dirty heads, added to those of their causes. */
void harvest_add_causes(const struct leaves *leaves, uint32_t tile, const struct page_mask *heads,
                        struct page_mask by_cause[4]);
/** Entries of the leaves with these heads. */
void harvest_free(struct harvest *harvest);

#endif
