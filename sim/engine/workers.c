#include "sim/engine/workers.h"

#include <time.h>

#include "sim/base/memory.h"

enum { READER_SLOTS = WORKERS_RING_AHEAD / 2 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the source ---- */

static bool next_batch(struct workers_source *source, struct error *error)
{
    source->done += source->batch.count;
    if (source->store) {
        source->batch = trace_store_view(source->store, (size_t)source->done);
        return true;
    }
    if (!trace_next(source->trace, &source->batch, error))
        return false;
    if (source->counts)
        trace_facts_add(&source->seen, &source->batch);
    return true;
}

/* Split the next piece; an empty one at the end. */
static bool produce(struct workers *workers, struct requests *piece, struct error *error)
{
    struct workers_source *source = workers->source;
    while (!requests_split(&source->cursor, &source->batch, workers->options->batch_records, piece, error)) {
        if (error->kind != ERROR_NONE || !next_batch(source, error))
            return false;
        if (source->batch.count == 0)
            return true; /* the piece is empty */
        if (workers->options->progress)
            workers->options->progress(workers->options->progress_context, source->done, source->records);
    }
    return true;
}

/* ---- the ring ---- */

/* Whether so many slots of the ring are free. */
static bool has_room(const struct workers *workers, size_t slots)
{
    for (size_t w = 0; w < workers->count; w++)
        if (workers->items[w].consumed + workers->ring_count < workers->produced + slots)
            return false;
    return true;
}

/* Fill the next slot, which is free. Called and left with the mutex locked. */
static void fill_slot(struct workers *workers)
{
    struct requests *piece = &workers->ring[workers->produced % workers->ring_count];
    struct error error = {0};
    workers->producing = true;
    pthread_mutex_unlock(&workers->mutex);
    bool good = produce(workers, piece, &error);
    pthread_mutex_lock(&workers->mutex);
    workers->producing = false;
    if (good && pass_stopped(workers->options))
        good = error_set(&error, ERROR_INTERRUPTED, "interrupted");
    if (!good)
        workers->error = error;
    if (!good || piece->record_count == 0)
        workers->finished = true;
    else
        workers->produced++;
    pthread_cond_broadcast(&workers->changed);
}

/* The worker's next piece, or NULL at the end. Called and left with the mutex locked. */
static const struct requests *next_piece(struct workers *workers, const struct worker *worker)
{
    while (worker->consumed == workers->produced && !workers->finished) {
        if (workers->producing || !has_room(workers, 1))
            pthread_cond_wait(&workers->changed, &workers->mutex);
        else
            fill_slot(workers);
    }
    if (worker->consumed == workers->produced || workers->error.kind != ERROR_NONE)
        return NULL;
    return &workers->ring[worker->consumed % workers->ring_count];
}

/* ---- workers ---- */

static void cohort_fail(struct cohort *cohort, const struct error *error)
{
    cohort->failed = true;
    for (size_t i = 0; i < cohort->cell_count; i++)
        cohort->cells[i]->result->error = *error;
}

/* One piece, or with NULL the end, in every cohort. */
static void step_cohorts(struct worker *worker, const struct requests *piece)
{
    double before = now_s();
    struct error error = {0};
    bool learnt = !piece || requests_learn_tiles(&worker->tiles, piece, &error);
    for (size_t c = 0; c < worker->cohort_count; c++) {
        struct cohort *cohort = worker->cohorts[c];
        if (cohort->failed)
            continue;
        if (learnt)
            error = (struct error){0};
        if (!learnt || !(piece ? cohort_step(cohort, piece, &error) : cohort_finish(cohort, &error)))
            cohort_fail(cohort, &error);
        double after = now_s();
        for (size_t i = 0; i < cohort->cell_count; i++) {
            cohort->cells[i]->result->seconds += (after - before) / (double)cohort->cell_count;
            cohort->cells[i]->result->sharing = cohort->cell_count;
        }
        before = after;
    }
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct workers *workers = worker->all;
    const struct requests *piece;
    pthread_mutex_lock(&workers->mutex);
    while ((piece = next_piece(workers, worker)) != NULL) {
        pthread_mutex_unlock(&workers->mutex);
        step_cohorts(worker, piece);
        pthread_mutex_lock(&workers->mutex);
        worker->consumed++;
        pthread_cond_broadcast(&workers->changed);
        if (workers->ring_count == WORKERS_RING_AHEAD && has_room(workers, READER_SLOTS))
            pthread_cond_signal(&workers->room);
    }
    bool complete = workers->error.kind == ERROR_NONE;
    pthread_mutex_unlock(&workers->mutex);
    if (complete)
        step_cohorts(worker, NULL);
    return NULL;
}

/* A thread without cells reads ahead. It sleeps until there is much to do, so that it is not woken for every piece. */
static void *read_ahead(void *context)
{
    struct workers *workers = context;
    pthread_mutex_lock(&workers->mutex);
    while (!workers->finished) {
        if (!workers->producing && has_room(workers, 1))
            fill_slot(workers);
        else
            pthread_cond_wait(&workers->room, &workers->mutex);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

bool workers_run(struct workers *workers, struct error *error)
{
    bool reads_ahead = workers->options->threads > workers->count;
    workers->ring_count = reads_ahead          ? WORKERS_RING_AHEAD
                          : workers->count > 1 ? WORKERS_RING
                                               : 1; /* alone, the one piece stays in cache */
    workers->ring = memory_zeroed(workers->ring_count, sizeof *workers->ring, error);
    if (!workers->ring)
        return false;
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->changed, NULL);
    pthread_cond_init(&workers->room, NULL);
    pthread_t reader;
    size_t running = 1;
    for (; running < workers->count; running++)
        if (pthread_create(&workers->items[running].thread, NULL, work, &workers->items[running]) != 0)
            break;
    if (running < workers->count) {
        pthread_mutex_lock(&workers->mutex);
        error_set(&workers->error, ERROR_MEMORY, "cannot start a thread; use fewer --jobs");
        workers->finished = true;
        pthread_cond_broadcast(&workers->changed);
        pthread_mutex_unlock(&workers->mutex);
    }
    reads_ahead = reads_ahead && pthread_create(&reader, NULL, read_ahead, workers) == 0;
    work(&workers->items[0]);
    if (reads_ahead) {
        pthread_mutex_lock(&workers->mutex);
        pthread_cond_signal(&workers->room);
        pthread_mutex_unlock(&workers->mutex);
        pthread_join(reader, NULL);
    }
    for (size_t w = 1; w < running; w++)
        pthread_join(workers->items[w].thread, NULL);
    pthread_mutex_destroy(&workers->mutex);
    pthread_cond_destroy(&workers->changed);
    pthread_cond_destroy(&workers->room);
    memory_free(workers->ring);
    return workers->error.kind == ERROR_NONE || error_set(error, workers->error.kind, "%s", workers->error.text);
}
