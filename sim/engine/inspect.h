/* One cell, stopped in the middle of a trace and looked at. */
#ifndef SIM_ENGINE_INSPECT_H
#define SIM_ENGINE_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/engine/cohort.h"
#include "sim/engine/survey.h"
#include "traces/trace.h"

#define INSPECT_END UINT64_MAX /* all records, and nothing after them: no final harvest */

/* What there is to see. */
struct inspection {
    struct cohort *cohort; /* with the one cell; leaves_sort_tiles has been called */
    const struct cell *cell;
    const struct trace_facts *facts;     /* of the whole trace */
    const struct attachment *attachment; /* which device has which domain */
    uint64_t time_ns;                    /* relative to the first record; with INSPECT_END that of the last */
};

typedef bool inspect_look_fn(void *context, const struct inspection *seen, struct error *error);

/** Replay one cell up to a time, relative to the first record, or INSPECT_END: every record before it, then
 * what is due at it (semantics.md 2), as if a record came then; then call `look`, which must change nothing.
 * Every request is taken in order, so that what entries hold is kept and not derived. `trace` was opened with
 * the cell's limit. Errors: of the trace; ERROR_CELL of a record that the cell cannot take; those of `look`.
 */
bool inspect_cell(struct trace *trace, const struct cell_config *config, uint64_t time_ns,
                  inspect_look_fn *look, void *context, struct error *error);

#endif
