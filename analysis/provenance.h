/* provenance.json: everything needed to repeat a run, or to see why two differ (interface.md 4). */
#ifndef ANALYSIS_PROVENANCE_H
#define ANALYSIS_PROVENANCE_H

#include <stdbool.h>
#include <time.h>

#include "analysis/health.h"
#include "analysis/results.h"
#include "sim/base/error.h"

struct provenance_run {
    int argc;
    char *const *argv;
    time_t start, end;
    unsigned jobs;
    uint64_t memory_ceiling_bytes;
    size_t cells_run, cells_resumed, cells_failed; /* rows of this run */
    const struct health *health; /* of all finished rows */
};

/** Write FOLDER/provenance.json: this version, host and traces, and one entry for each run that added to the
 * folder, the earlier ones taken from the file that is there. */
bool provenance_write(const struct results *results, const struct provenance_run *run, struct error *error);

#endif
