/* Harvests: which leaves are dirty in which window, what is reported, and how that compares with the truth
 * (semantics.md 7 and 8). Work grows with what is dirty, never with what is mapped. */
#ifndef SIM_ENGINE_JUDGE_H
#define SIM_ENGINE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/engine/dirty_windows.h"
#include "sim/state/ledger.h"

struct judge; /* scratch space kept between harvests */

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
bool judge_harvest(struct judge *judge, struct ledger *ledger, window_flush *flush, void *context,
                   struct harvest_report *report, struct error *error);

/** The clear at start: cleans every dirty covered leaf, one flush for all ranges; returns the cleaned
 * entries. */
bool judge_clear(struct judge *judge, struct ledger *ledger, window_flush *flush, void *context,
                 uint64_t *cleared_entries, struct error *error);

/** |T| at the end of the run; with no_clear without what the last harvest reported. */
bool judge_lost(struct judge *judge, struct ledger *ledger, uint64_t *lost_pages, struct error *error);

#endif
