#include "sim/engine/crew.h"

#include <time.h>

#include "sim/base/memory.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the source ---- */

static bool next_batch(struct crew_source *source, struct error *error)
{
    source->done += source->batch.count;
    if (source->store) {
        source->batch = trace_store_view(source->store, (size_t)source->done);
        return true;
    }
    return trace_next(source->trace, &source->batch, error);
}

/* Split the next piece; an empty one at the end. */
static bool produce(struct crew *crew, struct requests *piece, struct error *error)
{
    struct crew_source *source = crew->source;
    while (!requests_split(&source->cursor, &source->batch, crew->options->batch_records, piece, error)) {
        if (error->kind != ERROR_NONE || !next_batch(source, error))
            return false;
        if (source->batch.count == 0)
            return true; /* the piece is empty */
        if (crew->options->progress)
            crew->options->progress(crew->options->progress_context, source->done, source->records);
    }
    return true;
}

static bool interrupted(const struct crew *crew)
{
    return crew->options->interrupted &&
           atomic_load_explicit(crew->options->interrupted, memory_order_relaxed);
}

/* ---- the ring ---- */

static bool slot_is_free(const struct crew *crew)
{
    for (size_t w = 0; w < crew->worker_count; w++)
        if (crew->workers[w].consumed + crew->ring_count <= crew->produced)
            return false;
    return true;
}

/* The worker's next piece, or NULL at the end. Called and left with the mutex locked. */
static const struct requests *next_piece(struct crew *crew, const struct crew_worker *worker)
{
    while (worker->consumed == crew->produced && !crew->finished) {
        if (crew->producing || !slot_is_free(crew)) {
            pthread_cond_wait(&crew->changed, &crew->mutex);
            continue;
        }
        struct requests *piece = &crew->ring[crew->produced % crew->ring_count];
        struct error error = {0};
        crew->producing = true;
        pthread_mutex_unlock(&crew->mutex);
        bool good = produce(crew, piece, &error);
        pthread_mutex_lock(&crew->mutex);
        crew->producing = false;
        if (good && interrupted(crew))
            good = error_set(&error, ERROR_INTERRUPTED, "interrupted");
        if (!good)
            crew->error = error;
        if (!good || piece->record_count == 0)
            crew->finished = true;
        else
            crew->produced++;
        pthread_cond_broadcast(&crew->changed);
    }
    if (worker->consumed == crew->produced || crew->error.kind != ERROR_NONE)
        return NULL;
    return &crew->ring[worker->consumed % crew->ring_count];
}

/* ---- workers ---- */

static void group_fail(struct group *group, const struct error *error)
{
    group->failed = true;
    for (size_t i = 0; i < group->cell_count; i++)
        group->cells[i]->result->error = *error;
}

static void step_groups(struct crew_worker *worker, const struct requests *piece)
{
    double before = now_s();
    for (size_t g = 0; g < worker->group_count; g++) {
        struct group *group = worker->groups[g];
        struct error error = {0};
        if (group->failed)
            continue;
        if (!(piece ? group_step(group, piece, &error) : group_finish(group, &error)))
            group_fail(group, &error);
        double after = now_s();
        for (size_t i = 0; i < group->cell_count; i++)
            group->cells[i]->result->seconds += (after - before) / (double)group->cell_count;
        before = after;
    }
}

static void *work(void *context)
{
    struct crew_worker *worker = context;
    struct crew *crew = worker->crew;
    const struct requests *piece;
    pthread_mutex_lock(&crew->mutex);
    while ((piece = next_piece(crew, worker)) != NULL) {
        pthread_mutex_unlock(&crew->mutex);
        step_groups(worker, piece);
        pthread_mutex_lock(&crew->mutex);
        worker->consumed++;
        pthread_cond_broadcast(&crew->changed);
    }
    bool complete = crew->error.kind == ERROR_NONE;
    pthread_mutex_unlock(&crew->mutex);
    if (complete)
        step_groups(worker, NULL);
    return NULL;
}

bool crew_run(struct crew *crew, struct error *error)
{
    crew->ring_count = crew->worker_count > 1 ? CREW_RING : 1; /* alone, the one piece stays in cache */
    crew->ring = memory_zeroed(crew->ring_count, sizeof *crew->ring, error);
    if (!crew->ring)
        return false;
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->changed, NULL);
    size_t running = 1;
    for (; running < crew->worker_count; running++)
        if (pthread_create(&crew->workers[running].thread, NULL, work, &crew->workers[running]) != 0)
            break;
    if (running < crew->worker_count) {
        pthread_mutex_lock(&crew->mutex);
        error_set(&crew->error, ERROR_MEMORY, "cannot start a thread; use fewer --jobs");
        crew->finished = true;
        pthread_cond_broadcast(&crew->changed);
        pthread_mutex_unlock(&crew->mutex);
    }
    work(&crew->workers[0]);
    for (size_t w = 1; w < running; w++)
        pthread_join(crew->workers[w].thread, NULL);
    pthread_mutex_destroy(&crew->mutex);
    pthread_cond_destroy(&crew->changed);
    memory_free(crew->ring);
    return crew->error.kind == ERROR_NONE || error_set(error, crew->error.kind, "%s", crew->error.text);
}
