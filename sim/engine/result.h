/* The metrics table: every integer that a cell measures, once, in the order of results.csv
 * (interface.md 4). From these rows come struct metrics, the columns, the data dictionary and `list columns`. */
#ifndef SIM_ENGINE_RESULT_H
#define SIM_ENGINE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

/* X(name, unit, section of semantics.md, meaning). A ratio is no counter; the results writer places
 * those between the groups. */
#define METRICS_VOLUME(X)                                                                          \
    X(records, "records", "2", "records replayed")                                                 \
    X(writes, "records", "2", "write records")                                                     \
    X(reads, "records", "2", "read records")                                                       \
    X(maps, "records", "2", "map and map_ro records")                                              \
    X(unmaps, "records", "2", "unmap records")                                                     \
    X(translates, "records", "2", "translate and translate_w records")                             \
    X(marks, "records", "2", "mark records")                                                       \
    X(write_bytes, "bytes", "2", "bytes of write records")                                         \
    X(read_bytes, "bytes", "2", "bytes of read records")                                           \
    X(span_ns, "ns", "2", "time of the last record minus time of the first")                       \
    X(device_count, "devices", "2", "distinct device ids")                                         \
    X(domain_count, "domains", "2", "I/O page tables")                                             \
    X(requests, "requests", "2", "translation requests after splitting")                           \
    X(faults_translation, "requests", "4", "requests that met no leaf")                            \
    X(faults_permission, "requests", "4", "requests that the leaf forbids")                        \
    X(faults_recoverable, "requests", "9", "writes stopped by write protection and resumed")       \
    X(stale_writes, "requests", "4", "writes that a stale entry let pass to an unmapped page")     \
    X(map_conflicts, "records", "3", "maps over mapped pages, unmaps of unmapped ones")            \
    X(unmap_overreach, "leaves", "3", "leaves that an unmap cut and removed whole")

#define METRICS_TABLES(X)                                                                          \
    X(leaves, "leaves", "3", "leaves at the end")                                                  \
    X(leaves_mapped, "leaves", "3", "leaves ever installed")                                       \
    X(born_dirty_leaves, "leaves", "3", "leaves installed dirty")                                  \
    X(table_bytes, "bytes", "3", "page-table memory at the end")                                   \
    X(table_bytes_peak, "bytes", "3", "largest page-table memory at any time")

#define METRICS_TRANSLATION(X)                                                                     \
    X(iotlb_hits, "requests", "4", "requests answered by the IOTLB")                               \
    X(iotlb_misses, "requests", "4", "requests that were not")                                     \
    X(iotlb_evictions, "entries", "4", "valid entries replaced by a fill")                         \
    X(iotlb_invalidated, "entries", "7", "valid entries dropped by harvest flushes")               \
    X(flush_overreach, "entries", "7", "of these, entries of no leaf dirty in that window")        \
    X(toggle_invalidated, "entries", "7", "valid entries dropped at start and stop")               \
    X(unmap_invalidated, "entries", "7", "valid entries dropped by unmaps, and by maps that freed tables") \
    X(walks, "walks", "5", "page-table walks begun")                                               \
    X(walk_reads, "reads", "5", "table entries read by walks and dirty rechecks")                  \
    X(walk_cache_hits, "hits", "5", "walks shortened by a cached table pointer")                   \
    X(atc_hits, "requests", "10", "requests answered by a device's ATC")                           \
    X(atc_misses, "requests", "10", "ATS translation requests")

#define METRICS_DIRTY(X)                                                                           \
    X(dirty_updates, "updates", "4", "times that hardware made a leaf dirty")                      \
    X(dirty_rechecks, "reads", "4", "leaf entries read again for a write through a clean entry")   \
    X(access_updates, "updates", "4", "times that hardware set the accessed bit alone")

#define METRICS_TOGGLE(X)                                                                          \
    X(context_updates, "entries", "7", "DTE, PASID, CD or STE entries rewritten at start and stop") \
    X(toggle_scanned_entries, "entries", "7", "entry slots visited at start and stop")             \
    X(toggle_cleared_entries, "entries", "7", "entries cleaned by the clear at start")             \
    X(toggle_written_entries, "entries", "7", "entries rewritten by a DBM or protection walk")     \
    X(toggle_commands, "commands", "7", "invalidation commands at start and stop")                 \
    X(toggle_syncs, "syncs", "7", "waits for them")                                                \
    X(split_leaves, "leaves", "14", "leaves split into smaller ones")                              \
    X(split_tables, "tables", "14", "tables made for that")                                        \
    X(split_entries, "entries", "14", "entries written for that")

#define METRICS_HARVEST(X)                                                                         \
    X(harvests, "harvests", "7", "harvests, one for all domains")                                  \
    X(scanned_entries, "entries", "7", "entry slots visited by harvests")                          \
    X(scanned_tables, "tables", "7", "tables visited by harvests")                                 \
    X(harvested_leaves, "leaves", "7", "dirty leaves met by harvests")                             \
    X(cleared_entries, "entries", "7", "entries cleaned by harvests")                              \
    X(flushes, "windows", "7", "harvest windows that issued a command")                            \
    X(flush_commands, "commands", "7", "invalidation commands of harvests")                        \
    X(flush_syncs, "syncs", "7", "waits for them")                                                 \
    X(unmap_commands, "commands", "7", "invalidation commands of unmaps, and of tables that maps freed") \
    X(unmap_syncs, "syncs", "7", "waits for them")                                                 \
    X(atc_commands, "commands", "10", "ATC invalidations sent to devices")                         \
    X(log_drained, "entries", "9", "hardware log entries read by harvests")                        \
    X(log_overflows, "rings", "9", "overflowed rings that harvests met, one for each domain")      \
    X(device_log_entries, "entries", "9", "blocks in device logs that harvests read, over all devices") \
    X(harvest_overruns, "harvests", "13", "deadlines, marks and counts dropped because a harvest was under way") \
    X(harvest_span_ns, "ns", "13", "begin to end of all harvests")

#define METRICS_JUDGEMENT(X)                                                                       \
    X(truth_pages, "pages", "8", "times that a page entered T: truly dirty from then on")          \
    X(reported_pages, "pages", "8", "pages reported by harvests")                                  \
    X(true_pages, "pages", "8", "reported and truly dirty")                                        \
    X(false_pages, "pages", "8", "reported and not truly dirty")                                   \
    X(missed_pages, "pages", "8", "truly dirty and not reported, at each harvest")                 \
    X(missed_new_pages, "pages", "8", "of these, not missed before since they became dirty")       \
    X(late_pages, "pages", "8", "true pages that an earlier harvest had missed")                   \
    X(lost_pages, "pages", "8", "truly dirty pages that no harvest has reported at the end")       \
    X(unmapped_dirty_pages, "pages", "8", "truly dirty pages that an unmap took away")             \
    X(written_pages, "pages", "8", "pages written between harvests, whatever was reported")        \
    X(caught_pages, "pages", "8", "of these, reported by the next harvest")                        \
    X(sneak_writes, "requests", "13", "writes to a leaf that the harvest under way had cleaned and not flushed") \
    X(false_untracked, "pages", "8", "false because the method reports everything")                \
    X(false_granule, "pages", "8", "false because of the report granule or the device log")        \
    X(false_leaf, "pages", "8", "false because a larger leaf was written")                         \
    X(false_ats, "pages", "8", "false because a translation request dirtied the leaf")             \
    X(false_residue, "pages", "8", "false because the leaf is dirty since before the start")       \
    X(false_born, "pages", "8", "false because the leaf was mapped dirty after the start")

/* Of cells whose policy migrates; empty columns in others. */
#define METRICS_MIGRATION(X)                                                                       \
    X(rounds, "rounds", "11", "pre-copy rounds, round 0 included")                                 \
    X(precopy_bytes, "bytes", "11", "bytes sent by the rounds")                                    \
    X(stop_bytes, "bytes", "11", "bytes of the stop-copy")                                         \
    X(downtime_ns, "ns", "11", "stop-copy time and the fixed part")                                \
    X(migration_ns, "ns", "11", "all rounds and the downtime")                                     \
    X(converged, "0 or 1", "11", "the last set fitted the downtime limit")                         \
    X(trace_exhausted, "0 or 1", "11", "the trace ended before the stop")

#define METRICS_COST(X)                                                                            \
    X(walk_ns, "ns", "12", "walk reads, walk-cache hits, IOTLB hits and ATC misses")               \
    X(dirty_update_ns, "ns", "12", "accessed and dirty updates by hardware")                       \
    X(harvest_ns, "ns", "12", "scanning, cleaning and reporting by harvests")                      \
    X(flush_ns, "ns", "12", "invalidations after harvests, and every ATC invalidation")            \
    X(unmap_ns, "ns", "12", "invalidations after unmaps, and of tables that maps freed")           \
    X(toggle_ns, "ns", "12", "switching tracking on and off")                                      \
    X(fault_ns, "ns", "12", "recoverable faults")                                                  \
    X(split_ns, "ns", "14", "splitting leaves")

#define METRICS_COUNTERS(X)                                                                        \
    METRICS_VOLUME(X) METRICS_TABLES(X) METRICS_TRANSLATION(X) METRICS_DIRTY(X)                    \
    METRICS_TOGGLE(X) METRICS_HARVEST(X) METRICS_JUDGEMENT(X)

#define METRICS_MEMBER(name, unit, section, meaning) uint64_t name;
struct metrics {
    METRICS_COUNTERS(METRICS_MEMBER)
    METRICS_MIGRATION(METRICS_MEMBER)
    METRICS_COST(METRICS_MEMBER)
    bool migrates; /* do the migration columns mean anything? */
};

/* What a cell saw that is no metric, but tells whether its results mean anything. */
#define OBSERVATIONS(X)                                                                            \
    X(first_unmapped)      /* IOVA of the first request that met no leaf, if faults_translation */ \
    X(first_refused)       /* IOVA of the first one that its leaf forbids, if faults_permission */ \
    X(writes_before_start) /* write records */                                                     \
    X(writes_after_stop)                                                                           \
    X(untouched_regions)   /* mapping.regions that no access reached when the trace ended, */      \
    X(first_untouched)     /* and the IOVA of the first */                                         \
    X(aliased_maps)        /* maps of one device where another one maps something else, */         \
    X(first_aliased)       /* and the IOVA of the first */                                         \
    X(beyond_width)        /* touched pages that no table of the model reaches */                  \
    X(short_trace)         /* limits.records was not reached */                                    \
    X(ignored_map_records) /* there were map or unmap records, and the mapping does not follow */  \
    X(ignored_translates)  /* there were translate records, and no ATS */

#define OBSERVATIONS_MEMBER(name) uint64_t name;
struct observations {
    OBSERVATIONS(OBSERVATIONS_MEMBER)
};

/* One harvest, one row of intervals.csv. Counts are this harvest's alone; `records` is the number of records
 * replayed so far, the triggering one included; `iotlb_misses` and `written_pages` count since the previous
 * row. */
#define METRICS_INTERVAL(X)                                                                        \
    X(time_ns, "ns", "7", "deadline, triggering record or end, relative to the first record")      \
    X(records, "records", "2", "records replayed so far")                                          \
    X(scanned_entries, "entries", "7", "entry slots visited")                                      \
    X(harvested_leaves, "leaves", "7", "dirty leaves met")                                         \
    X(reported_pages, "pages", "8", "pages reported")                                              \
    X(true_pages, "pages", "8", "reported and truly dirty")                                        \
    X(false_pages, "pages", "8", "reported and not truly dirty")                                   \
    X(missed_pages, "pages", "8", "truly dirty and not reported")                                  \
    X(late_pages, "pages", "8", "true pages that an earlier harvest had missed")                   \
    X(flush_commands, "commands", "7", "invalidation commands")                                    \
    X(iotlb_misses, "requests", "4", "IOTLB misses since the previous row")                        \
    X(written_pages, "pages", "8", "pages written since the previous row")                         \
    X(caught_pages, "pages", "8", "of these, reported")                                            \
    X(duration_ns, "ns", "13", "begin to end; 0 where a harvest takes no time")

struct interval {
    METRICS_INTERVAL(METRICS_MEMBER)
};

#endif
