/* What a run will take: time, memory, disk. Some of its passes are tried on the beginning of their traces. */
#ifndef SIM_CLI_ESTIMATE_H
#define SIM_CLI_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/results.h"
#include "sim/cli/run_plan.h"
#include "sim/cli/trace_scan.h"
#include "sim/engine/pass.h"

struct estimate {
    bool tried;
    double seconds;
    uint64_t peak_bytes, disk_bytes;
    uint64_t tried_records; /* at most, of a trace */
    size_t tried_passes;
};

/* Who wants to see what the trials gave. `tried` gets each row of a trial after `records` records of its
 * trace; trials of a row go over more and more of them. */
struct estimate_watch {
    void (*tried)(void *context, size_t row, uint64_t records, const struct pass_result *result);
    void *context;
};

/** `scans`: of all traces of the experiment. Without memory or traces that can be read nothing is tried. */
void estimate_run(const struct results *results, const struct run_passes *passes,
                  const struct trace_scan scans[], const struct estimate_watch *watch,
                  struct estimate *estimate);

#endif
