/* Harvests: which leaves are dirty in which window, what is reported, and how that compares with the truth
 * (semantics.md 7 and 8). Work grows with what is dirty, never with what is mapped. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/layout.h"

struct ledger;
struct window_clear;
struct judge; /* scratch space kept between harvests */

/* A harvest window in which leaves were dirty. */
struct window {
    struct span bounds; /* the window itself; for the clear at start, everything */
    bool all_ranges;    /* the clear at start: leaves seen are those that overlap any tracked range */
    struct span hull;   /* from the first to the last byte of its dirty leaves, whole leaves */
    uint64_t dirty_leaves;
    const struct window_clear *clears; /* tiles of the touched ones (sim/dirty_windows.h) */
    size_t clear_count;
};

/* Called after each window with dirty leaves, before they are cleaned: their heads still read dirty. */
typedef void judge_flush(void *context, const struct window *window);

/* What one harvest counts. */
struct harvest_report {
    uint64_t scanned_entries, scanned_tables, harvested_leaves, cleared_entries;
    uint64_t reported_pages, true_pages, false_pages, missed_pages, missed_new_pages, late_pages;
    uint64_t false_untracked, false_granule, false_leaf, false_residue;
};

struct judge *judge_new(struct error *error);
void judge_free(struct judge *judge);

/** One harvest of every tracked range (semantics.md 7), judged against T (8). `flush` is not called with
 * no_clear or by methods that do not touch the tables. */
bool judge_harvest(struct ledger *ledger, judge_flush *flush, void *context, struct harvest_report *report,
                   struct error *error);

/** The clear at start: cleans every dirty covered leaf, one flush for all ranges; returns the cleaned
 * entries. */
bool judge_clear(struct ledger *ledger, judge_flush *flush, void *context, uint64_t *cleared_entries,
                 struct error *error);

/** |T| at the end of the run; with no_clear without what the last harvest reported. */
bool judge_lost(struct ledger *ledger, uint64_t *lost_pages, struct error *error);

/** no_clear: a tile appears after the last harvest; what that harvest reported of it. */
void judge_snapshot_new_tile(struct ledger *ledger, uint32_t tile);

/** Whether the leaf with this head counts as dirty in the window. */
bool judge_dirty_in(const struct ledger *ledger, uint32_t head, const struct window *window);

#endif
