/* How much of a run is left, and whether a pass takes longer than may be lost in it. Work is records x cells; how many
 * records a trace has is known once it has been read, and guessed from its size before. */
#ifndef SIM_CLI_RUN_PACE_H
#define SIM_CLI_RUN_PACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/results.h"
#include "sim/base/error.h"
#include "sim/cli/progress.h"
#include "sim/cli/run_plan.h"

struct pace {
    const struct results *results;
    double pass_seconds;
    pthread_mutex_t lock; /* of what follows */
    uint64_t *records;    /* by trace; 0: not known yet */
    size_t *cells_most;   /* by trace: so many take about pass_seconds, as far as is known */
};

/** `known_records`: by trace, of earlier runs; 0 where there was none. pace_free in any case. */
bool pace_init(struct pace *pace, const struct results *results, const uint64_t known_records[], double pass_seconds,
               struct error *error);
void pace_free(struct pace *pace);
/** Work of the passes that have not ended. */
double pace_left(struct pace *pace, const struct run_passes *passes);
/** Has the pass more cells than its trace should have by now? */
bool pace_is_too_long(struct pace *pace, const struct run_pass *pass);

/* A pass under way. */
struct pace_watch {
    struct pace *pace;
    const struct run_passes *passes;
    const struct run_pass *pass;
    struct progress_pass step;
    double from_s; /* when its cells began to be stepped, 0: not yet */
    bool decided;
    _Atomic bool abandoned; /* it would take too long: its cells are to be dealt anew */
};

void pace_watch_begin(struct pace_watch *watch, struct pace *pace, struct progress *progress,
                      const struct run_passes *passes, const struct run_pass *pass);
/** For pass_options.progress: `context` is a struct pace_watch. */
void pace_watch_step(void *context, uint64_t records_done, uint64_t records_total);

#endif
