/* Cells that share a ledger, and the one schedule of starts, harvests and stops that they then have in common
 * (semantics.md 2 and 7). Usually a group is one cell. */
#ifndef SIM_ENGINE_GROUP_H
#define SIM_ENGINE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/engine/cell.h"
#include "sim/engine/judge.h"
#include "sim/state/ledger.h"
#include "sim/engine/requests.h"

struct group {
    const struct cell_config *config; /* of the first cell: what is shared is equal in all */
    struct ledger ledger;
    struct judge *judge;
    struct cell **cells;
    size_t cell_count;
    bool failed;
    uint64_t devices; /* in the domain */

    uint64_t first_time_ns, last_time_ns; /* of the trace */
    uint64_t next_harvest_ns;             /* relative; UINT64_MAX: none */
    uint64_t records;                     /* replayed so far */
    uint64_t records_since_start;

    /* scratch of one run of requests */
    uint32_t page_keys[REQUESTS_MAX], leaf_keys[REQUESTS_MAX], numbers[REQUESTS_MAX];
    uint32_t fault_keys[REQUESTS_MAX], fault_at[REQUESTS_MAX];
    uint64_t dirtied[REQUESTS_MAX / 64], no_insert[REQUESTS_MAX / 64];
};

/** Prepare a group of one cell; more join with group_join if ledger_shareable. `calls` are the map calls
 * before the first record, `devices` and the times come from the whole trace. */
bool group_init(struct group *group, const struct cell_config *config, const struct config_region *calls,
                size_t call_count, uint64_t devices, uint64_t first_time_ns, uint64_t last_time_ns,
                struct error *error);
bool group_join(struct group *group, const struct cell_config *config, struct pass_result *result,
                bool keeps_intervals, struct error *error);
void group_free(struct group *group);

/** Step all cells through a piece of the trace. */
bool group_step(struct group *group, const struct requests *piece, struct error *error);

/** After the last record: the final harvest and the results. */
bool group_finish(struct group *group, struct error *error);

#endif
