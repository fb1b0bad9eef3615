/* Cells whose tables, pages and schedule of starts, harvests and stops provably go the same way, so that they are
 * computed once (semantics.md 2 and 7). Usually a cohort is one cell. */
#ifndef SIM_ENGINE_COHORT_H
#define SIM_ENGINE_COHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/engine/cell.h"
#include "sim/engine/harvest.h"
#include "sim/engine/requests.h"
#include "sim/engine/score.h"
#include "sim/engine/timed.h"
#include "sim/policy/policy.h"
#include "sim/state/leaves.h"

/* Unmaps of a domain that wait for their flush (mapping.unmap_flush: deferred). */
struct deferred {
    uint32_t unmaps;
    uint64_t oldest_ns; /* relative to the first record */
};

/* What a whole trace says before its replay. */
struct cohort_trace {
    uint64_t device_count;               /* at least 1 */
    uint32_t domain_count;               /* 1, or a domain per device */
    uint64_t first_time_ns, last_time_ns;
};

struct cohort {
    const struct cell_config *config; /* of the first cell: what is shared is equal in all */
    struct leaves leaves;
    struct harvest harvest;
    struct score score;
    struct tile_index *tiles; /* those that the leaves have, by address; of the worker */
    struct tables_change change;
    struct span_list windows; /* of a read before an unmap */
    struct span_list splits;  /* where leaves are split */
    struct cell **cells;
    size_t cell_count;
    struct iotlb_stack **stacks; /* of cells whose IOTLBs differ in ways alone (sim/engine/stacks.c) */
    size_t stack_count;
    bool one_by_one; /* every request in order, by sim/engine/request.c: the only cell depends on what is cached */
    bool failed;
    struct cohort_trace trace;

    struct timed *timed; /* harvest.timing: timed; else NULL */
    struct policy_state policy;
    struct volume volume;    /* replayed so far */
    uint64_t last_record_ns; /* of the last record replayed, relative */
    uint64_t records_since_start;
    uint64_t writes_before_start, writes_after_stop; /* records */
    uint64_t written_at_row; /* written_pages at the previous harvest */
    bool quiet;              /* a harvest came, and no record since */
    struct deferred *deferred;
    uint64_t deferred_due_ns; /* UINT64_MAX: nothing waits; 0: 256 wait somewhere */

    /* scratch of one run of requests */
    uint32_t leaf_keys[REQUESTS_MAX], numbers[REQUESTS_MAX];
    uint64_t dirtied[REQUESTS_MAX / 64];
};

/** Prepare a cohort of one cell; more join with cohort_join if cohort_shareable. `calls` are the map calls before
 *  the first record, one list or one for each domain. */
bool cohort_init(struct cohort *cohort, const struct cell_config *config, const struct map_calls *calls,
                 size_t call_lists, const struct cohort_trace *trace, bool one_by_one,
                 struct tile_index *tiles, struct error *error);
/** Whether cells of these configurations can be in one cohort. */
bool cohort_shareable(const struct cell_config *a, const struct cell_config *b);
bool cohort_join(struct cohort *cohort, const struct cell_config *config, struct pass_result *result,
                 bool keeps_intervals, struct error *error);
void cohort_free(struct cohort *cohort);

/** Step all cells through a piece of the trace, whose tiles the tile index knows. */
bool cohort_step(struct cohort *cohort, const struct requests *piece, struct error *error);
/** Do what is due before a time (relative to the first record), as if a record came then. */
bool cohort_advance(struct cohort *cohort, uint64_t time_ns, struct error *error);

/** After the last record: the final harvest and the results. */
bool cohort_finish(struct cohort *cohort, struct error *error);

/* ---- sim/engine/visit.c ---- */

/** Domains in ascending order, as far as anything can be dirty, written or missed there: all windows, scored but for the
 *  clear at start. The tiles to look at are listed (leaves_list_active). */
bool cohort_visit_domains(struct cohort *cohort, enum harvest_kind kind, struct harvest_report *report,
                          struct error *error);
/** The same where devices log what they write (method device). */
bool cohort_read_device_logs(struct cohort *cohort, struct harvest_report *report, struct error *error);

/* ---- sim/engine/split.c ---- */

/** Split every leaf that overlaps a tracked range (tracking.split: start), and flush. */
bool cohort_split_all(struct cohort *cohort, struct error *error);
/** Split the leaves that the harvest of a domain has met and cleaned (tracking.split: dirty). Adds what its later
 *  windows scan for that. */
bool cohort_split_harvested(struct cohort *cohort, struct harvest_report *report, struct error *error);

/* ---- sim/engine/cohort_fill.c ---- */

/** Volume, span and migration columns of a cell; `exhausted`: the trace ended before the policy did. */
void cohort_fill(const struct cohort *cohort, const struct cell_config *config, bool exhausted, struct metrics *m);

/* ---- for timed harvests ---- */

/** A request of the piece that passes cannot take: every cell, in order. */
void cohort_request(struct cohort *cohort, const struct requests *piece, size_t request);

/** A harvest begins: what its row of intervals counts since the previous one. */
struct leaves_marks cohort_begin_row(struct cohort *cohort);
/** The enable or disable row of semantics.md 7, and the walk over entries where the format needs one. */
bool cohort_toggle(struct cohort *cohort, enum phase phase, struct error *error);

/* ---- sim/engine/stacks.c ---- */

/** Whether cells of these configurations can be in one cohort, and their IOTLBs in one stack (sim/cache/iotlb_stack.h). */
bool cohort_stackable(const struct cell_config *a, const struct cell_config *b);
/** Before the first record, when all cells have joined: put IOTLBs into stacks where that is exact. It may change the
 *  order of cells. */
bool cohort_stack(struct cohort *cohort, struct error *error);
/** Every cell goes on alone: at the end, or before a write that a leaf refuses. */
void cohort_unstack(struct cohort *cohort);

/* ---- sim/engine/observe.c ---- */

/** Count the writes among records from ... end - 1, which come before the start or after the stop. */
void cohort_observe_records(struct cohort *cohort, const struct requests *piece, size_t from, size_t end);
/** At the end: mapped regions in which no access of the trace fell into any tile. */
bool cohort_observe_regions(struct cohort *cohort, struct observations *seen, struct error *error);

/* ---- sim/engine/change.c ---- */

/** A map or unmap record under source: trace (semantics.md 3). `number`: of the record in the trace, from 0. */
bool cohort_change_tables(struct cohort *cohort, const struct table_record *record, uint64_t number,
                          uint64_t time_ns, struct error *error);
/** Flush the domains whose unmaps have waited long enough. */
void cohort_flush_deferred(struct cohort *cohort, uint64_t time_ns);

#endif
