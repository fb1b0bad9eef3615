/* What a trace holds, as far as `check` can tell within a few seconds. */
#ifndef SIM_CLI_TRACE_SCAN_H
#define SIM_CLI_TRACE_SCAN_H

#include <stdbool.h>

#include "configs/experiment.h"
#include "sim/base/error.h"
#include "traces/trace.h"

struct trace_scan {
    struct trace_facts facts;
    bool counted;   /* the facts are those of the whole trace; else of its beginning */
    double seconds; /* to decode the whole trace, or what was counted */
    char *remarks;  /* of the reader, lines for people, or NULL; owned */
};

/** Errors: as trace_next. */
bool trace_scan(const struct experiment_trace *given, struct trace_scan *scan, struct error *error);

#endif
