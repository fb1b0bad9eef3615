/* The cost model: counters times prices (semantics.md 12). The terms are data, so that the data dictionary, lists and
 * reports can show and recompute what the program adds up. */
#ifndef SIM_ENGINE_COST_H
#define SIM_ENGINE_COST_H

#include <stddef.h>

#include "sim/config.h"
#include "sim/engine/result.h"

/* X(column, counter, price): column += counter * price. The terms of a column follow one another. */
#define COST_TERMS(X)                                                                              \
    X(walk_ns, walk_reads, walk_read)                                                              \
    X(walk_ns, walk_cache_hits, walk_cache_hit)                                                    \
    X(walk_ns, iotlb_hits, iotlb_hit)                                                              \
    X(walk_ns, atc_misses, atc_miss)                                                               \
    X(dirty_update_ns, dirty_updates, ad_update)                                                   \
    X(dirty_update_ns, access_updates, ad_update)                                                  \
    X(harvest_ns, scanned_entries, scan_entry)                                                     \
    X(harvest_ns, cleared_entries, clear_entry)                                                    \
    X(harvest_ns, reported_pages, report_page)                                                     \
    X(harvest_ns, log_drained, log_read)                                                           \
    X(flush_ns, flush_commands, command)                                                           \
    X(flush_ns, flush_syncs, sync)                                                                 \
    X(flush_ns, atc_commands, atc_command)                                                         \
    X(unmap_ns, unmap_commands, command)                                                           \
    X(unmap_ns, unmap_syncs, sync)                                                                 \
    X(toggle_ns, context_updates, context_update)                                                  \
    X(toggle_ns, toggle_scanned_entries, scan_entry)                                               \
    X(toggle_ns, toggle_cleared_entries, clear_entry)                                              \
    X(toggle_ns, toggle_written_entries, clear_entry)                                              \
    X(toggle_ns, toggle_commands, command)                                                         \
    X(toggle_ns, toggle_syncs, sync)                                                               \
    X(fault_ns, faults_recoverable, fault)                                                         \
    X(split_ns, split_entries, split_entry)

__extension__ typedef unsigned __int128 picoseconds;

struct cost_term {
    const char *column, *counter, *price; /* of results.csv; a key below cost. */
    size_t column_offset, counter_offset; /* of uint64_t members of struct metrics */
    size_t price_offset;                  /* of a uint64_t member of struct cost_model, in ps */
};

extern const struct cost_term cost_terms[];
extern const size_t cost_term_count;

/** Rounded to ns as semantics.md 12 says; UINT64_MAX if it is more. */
uint64_t cost_ns(picoseconds time);

/** Fill the cost columns from the counters. */
void cost_apply(const struct cost_model *cost, struct metrics *metrics);

/** "fault_ns": "faults_recoverable * fault". Empty for a column that is no sum of costs. */
void cost_formula(const char *column, char *text, size_t bytes);

#endif
