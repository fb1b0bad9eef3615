/* What a trace holds, as far as `check` can tell within a few seconds. */
#ifndef SIM_CLI_TRACE_SCAN_H
#define SIM_CLI_TRACE_SCAN_H

#include <stdbool.h>

#include "configs/experiment.h"
#include "sim/base/error.h"
#include "traces/trace.h"

struct trace_scan {
    struct trace_facts facts;
    bool counted;   /* the facts are those of all records in the limit; else of their beginning */
    double seconds; /* to decode the whole trace, or what was counted */
    char *remarks;  /* of the reader, lines for people, or NULL; owned */
};

/** Scan its first `limit_records` (UINT64_MAX: all). Errors: as trace_next. */
bool trace_scan(const struct experiment_trace *given, uint64_t limit_records, struct trace_scan *scan,
                struct error *error);

#endif
