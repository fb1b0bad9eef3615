#include "sim/cli/run_pace.h"

#include "sim/base/memory.h"

/* A pass is judged after this part of what it may take, and given up if it will take half as long again. */
static const double judged_after = 1.0 / 30, too_long = 1.5;
/* Of traces whose records nobody has counted, when there is none to compare with. */
static const double records_per_byte = 0.25;

bool pace_init(struct pace *pace, const struct results *results, const uint64_t known_records[],
               double pass_seconds, struct error *error)
{
    size_t traces = results->experiment->trace_count;
    *pace = (struct pace){.results = results, .pass_seconds = pass_seconds};
    pthread_mutex_init(&pace->lock, NULL);
    pace->records = memory_zeroed(traces, sizeof *pace->records, error);
    pace->cells_most = memory_zeroed(traces, sizeof *pace->cells_most, error);
    for (size_t t = 0; t < traces && pace->records && pace->cells_most; t++) {
        pace->records[t] = known_records[t];
        pace->cells_most[t] = SIZE_MAX;
    }
    return pace->records && pace->cells_most;
}

void pace_free(struct pace *pace)
{
    pthread_mutex_destroy(&pace->lock);
    memory_free(pace->records);
    memory_free(pace->cells_most);
}

/* Called with the lock. */
static double weight_of(const struct pace *pace, const struct run_pass *pass)
{
    double records = 0, bytes = 0;
    if (pace->records[pass->trace] > 0) {
        records = (double)pace->records[pass->trace];
    } else {
        for (size_t t = 0; t < pace->results->experiment->trace_count; t++) {
            records += (double)pace->records[t];
            bytes += pace->records[t] > 0 ? (double)pace->results->traces[t].bytes : 0;
        }
        records = (double)pace->results->traces[pass->trace].bytes *
                  (bytes > 0 ? records / bytes : records_per_byte);
    }
    return (double)pass->count *
           (records < (double)pass->limit_records ? records : (double)pass->limit_records);
}

static double left(const struct pace *pace, const struct run_passes *passes)
{
    double weight = 0;
    for (size_t p = 0; p < passes->count; p++)
        if (!passes->items[p].ended)
            weight += weight_of(pace, &passes->items[p]);
    return weight;
}

double pace_left(struct pace *pace, const struct run_passes *passes)
{
    pthread_mutex_lock(&pace->lock);
    double weight = left(pace, passes);
    pthread_mutex_unlock(&pace->lock);
    return weight;
}

bool pace_is_too_long(struct pace *pace, const struct run_pass *pass)
{
    pthread_mutex_lock(&pace->lock);
    bool more = pass->count > pace->cells_most[pass->trace];
    pthread_mutex_unlock(&pace->lock);
    return more;
}

/* ---- a pass under way ---- */

void pace_watch_begin(struct pace_watch *watch, struct pace *pace, struct progress *progress,
                      const struct run_passes *passes, const struct run_pass *pass)
{
    *watch = (struct pace_watch){.pace = pace, .passes = passes, .pass = pass};
    pthread_mutex_lock(&pace->lock);
    double weight = weight_of(pace, pass);
    pthread_mutex_unlock(&pace->lock);
    progress_pass_begin(progress, &watch->step, pace->results->traces[pass->trace].name, pass->count, weight);
}

/* The trace has been read once. */
static void learn(struct pace_watch *watch, uint64_t records)
{
    struct pace *pace = watch->pace;
    const struct run_pass *pass = watch->pass;
    pthread_mutex_lock(&pace->lock);
    if (records < pass->limit_records || pace->records[pass->trace] < records)
        pace->records[pass->trace] = records;
    double weight = weight_of(pace, pass), all = left(pace, watch->passes);
    pthread_mutex_unlock(&pace->lock);
    progress_weigh(&watch->step, weight, all);
    watch->from_s = progress_now_s();
}

/* Once, early on: with fewer cells, would less be lost? Fewer cells than threads take as long as these. */
static void judge(struct pace_watch *watch, double part)
{
    struct pace *pace = watch->pace;
    double took_s = progress_now_s() - watch->from_s;
    size_t threads = watch->passes->threads;
    if (took_s < pace->pass_seconds * judged_after)
        return;
    watch->decided = true;
    double will_take_s = took_s / part;
    if (will_take_s < pace->pass_seconds * too_long || watch->pass->count <= threads)
        return;
    size_t cells =
        (size_t)((double)watch->pass->count * pace->pass_seconds / will_take_s) / threads * threads;
    pthread_mutex_lock(&pace->lock);
    pace->cells_most[watch->pass->trace] = cells > threads ? cells : threads;
    pthread_mutex_unlock(&pace->lock);
    atomic_store(&watch->abandoned, true);
}

void pace_watch_step(void *context, uint64_t records_done, uint64_t records_total)
{
    struct pace_watch *watch = context;
    progress_pass_step(&watch->step, records_done, records_total);
    if (records_total == 0)
        return;
    if (watch->from_s <= 0)
        learn(watch, records_total);
    else if (!watch->decided && records_done > 0)
        judge(watch, (double)records_done / (double)records_total);
}
