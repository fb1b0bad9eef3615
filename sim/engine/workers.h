/* The threads of a pass: each steps its own cohorts through a ring of pieces that whoever runs dry splits
 * next; where there are more threads than cells, another one reads ahead. */
#ifndef SIM_ENGINE_WORKERS_H
#define SIM_ENGINE_WORKERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/engine/cohort.h"
#include "sim/engine/pass.h"
#include "sim/engine/requests.h"
#include "traces/trace.h"

enum { WORKERS_RING = 4, WORKERS_RING_AHEAD = 8 };

/* Where the records come from: memory, or a file read again. */
struct workers_source {
    const struct trace_store *store; /* or */
    struct trace *trace;
    uint64_t records; /* in total, for progress */
    bool counts;      /* gather what the records are, to compare with what was told */
    bool as_told;     /* all replays so far found just that */
    struct trace_facts seen;
    uint64_t done;
    struct trace_batch batch;
    struct request_cursor cursor;
};

struct workers;

struct worker {
    struct workers *all;
    pthread_t thread;
    struct cohort **cohorts;
    size_t cohort_count;
    struct tile_index tiles; /* those of the pieces it has taken, by address */
    uint64_t consumed; /* pieces */
};

struct workers {
    const struct pass_options *options;
    struct workers_source *source;
    struct worker *items;
    size_t count;

    pthread_mutex_t mutex;
    pthread_cond_t changed, room; /* room: for the thread that reads ahead */
    struct requests *ring;
    size_t ring_count;
    uint64_t produced;
    bool producing, finished;
    struct error error; /* of the trace, or an interruption: ends the pass */
};

/** Step all cohorts of all workers through the whole source. A cohort that fails says so in its cells' results
 * and stops; false: the source failed or the user interrupted. */
bool workers_run(struct workers *workers, struct error *error);

#endif
