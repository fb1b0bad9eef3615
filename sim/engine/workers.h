/* The threads of a pass: each steps its own groups through a ring of pieces that whoever runs dry splits
 * next. */
#ifndef SIM_ENGINE_CREW_H
#define SIM_ENGINE_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/engine/group.h"
#include "sim/engine/pass.h"
#include "sim/engine/requests.h"
#include "traces/trace.h"

enum { CREW_RING = 4 };

/* Where the records come from: memory, or a file read again. */
struct crew_source {
    const struct trace_store *store; /* or */
    struct trace *trace;
    uint64_t records; /* in total, for progress */
    uint64_t done;
    struct trace_batch batch;
    struct request_cursor cursor;
};

struct crew;

struct crew_worker {
    struct crew *crew;
    pthread_t thread;
    struct group **groups;
    size_t group_count;
    uint64_t consumed; /* pieces */
};

struct crew {
    const struct pass_options *options;
    struct crew_source *source;
    struct crew_worker *workers;
    size_t worker_count;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct requests *ring;
    size_t ring_count;
    uint64_t produced;
    bool producing, finished;
    struct error error; /* of the trace, or an interruption: ends the pass */
};

/** Step all groups of all workers through the whole source. A group that fails says so in its cells' results
 * and stops; false: the source failed or the user interrupted. */
bool crew_run(struct crew *crew, struct error *error);

#endif
