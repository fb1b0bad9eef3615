/* Progress of a run on stderr: a bar on a terminal, a line each ten seconds elsewhere, or one JSON object per
 * event (interface.md 1).
 *
 * JSON events, one per line:
 *   {"event": "start", "cells", "resumed"}
 *   {"event": "pass_start", "trace", "cells"}
 *   {"event": "progress", "cells_done", "cells", "fraction", "cell_records_per_s", "eta_s"}
 *   {"event": "cell_done" or "cell_failed", "cell", "label", "trace", "message" when failed}
 *   {"event": "end", "cells_done", "failed", "seconds"} */
#ifndef SIM_CLI_PROGRESS_H
#define SIM_CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NEVER };

struct progress {
    enum progress_mode mode; /* AUTO: the bar */
    pthread_mutex_t lock;
    double start_s, printed_s;
    bool line_open; /* the bar stands on the current line */
    size_t cells, cells_done, cells_failed, passes, passes_begun;
    double weight_total, weight_done; /* records x cells, the measure of how much is left */
    double weight_now;                /* of the passes under way */
    double cell_records;
    const char *trace;
};

/* One pass under way; the context of pass_options.progress. */
struct progress_pass {
    struct progress *progress;
    size_t cells;
    double weight, reported_weight, reported_cell_records;
};

double progress_now_s(void);
/** `auto` becomes the bar or plain lines, by what stderr is. */
void progress_begin(struct progress *progress, enum progress_mode mode, size_t cells, size_t resumed);
void progress_pass_begin(struct progress *progress, struct progress_pass *pass, const char *trace,
                         size_t cells, double weight);
/** For pass_options.progress: `context` is a struct progress_pass. Any thread. */
void progress_pass_step(void *context, uint64_t records_done, uint64_t records_total);
/** The pass weighs something else than was thought; `left`: all passes that have not ended. */
void progress_weigh(struct progress_pass *pass, double weight, double left);
/** `done`: or given up, and to be done again in parts. */
void progress_pass_end(struct progress_pass *pass, bool done);
/** Passes that begin now are others than were said, and weigh this. */
void progress_deal(struct progress *progress, size_t passes, double left);
/** `message` is NULL for a cell that finished. */
void progress_cell(struct progress *progress, const char *cell, const char *label, const char *trace,
                   const char *message);
void progress_end(struct progress *progress);

#endif
