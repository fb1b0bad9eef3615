#include "sim/cli/run_plan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/health.h"
#include "analysis/machine.h"
#include "sim/base/memory.h"
#include "sim/base/text_stream.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/remarks.h"
#include "sim/cli/run_pace.h"
#include "sim/engine/pass.h"
#include "traces/trace.h"

/* What the workers share; `lock` guards everything below it. */
struct run {
    const struct run_settings *settings;
    const struct results *results;
    struct run_passes passes;
    bool crowded; /* cells that run out of memory are tried again with less company */
    struct progress progress;
    struct pace pace;
    char host[65];
    pthread_mutex_t lock;
    struct run_outcome *outcome;
    size_t next_pass;
    struct error fatal; /* results cannot be written: everything stops */
};

bool run_plan_look(const struct results *results, const bool *selected, bool fresh,
                   struct run_outcome *outcome, struct error *error)
{
    *outcome = (struct run_outcome){0};
    outcome->states = memory_zeroed(results->row_count, sizeof *outcome->states, error);
    outcome->traces = results->experiment->trace_count;
    outcome->remarks = memory_zeroed(outcome->traces, sizeof *outcome->remarks, error);
    outcome->trace_records = memory_zeroed(outcome->traces, sizeof *outcome->trace_records, error);
    if (!outcome->states || !outcome->remarks || !outcome->trace_records)
        return false;
    for (size_t r = 0; r < results->row_count; r++) {
        size_t leader = results->rows[r].same_as;
        if (!selected[r])
            continue;
        /* Rows before r may have been looked at already: a twin makes its leader wait even if that was left
         * out. */
        if (leader != r)
            outcome->states[r] = ROW_TWIN;
        if (outcome->states[leader] != ROW_LEFT_OUT && leader != r)
            continue;
        struct cell_record record;
        bool finished = !fresh && results_read_row(results, leader, &record) && !record.failed;
        outcome->states[leader] = finished ? ROW_RESUMED : ROW_WAITING;
        outcome->resumed += finished;
        outcome->cells++;
        uint64_t *records = &outcome->trace_records[results->rows[leader].trace];
        if (finished && record.trace_records > *records)
            *records = record.trace_records;
    }
    return true;
}

void run_outcome_free(struct run_outcome *outcome)
{
    memory_free(outcome->states);
    for (size_t t = 0; outcome->remarks && t < outcome->traces; t++)
        free(outcome->remarks[t]);
    memory_free(outcome->remarks);
    memory_free(outcome->trace_records);
    outcome->states = NULL;
    outcome->remarks = NULL;
    outcome->trace_records = NULL;
}

/* ---- one cell ---- */

/* Take one result: write the cell, count it. False: the results folder fails. */
static bool keep_result(struct run *run, size_t row, const struct pass_result *result, uint64_t trace_records)
{
    const struct results *results = run->results;
    struct cell_record record = {
        .failed = result->error.kind != ERROR_NONE,
        .kind = result->error.kind,
        .metrics = result->metrics,
        .seen = result->seen,
        .trace_records = trace_records,
        .has_intervals = results->experiment->intervals,
        .interval_count = result->interval_count,
    };
    snprintf(record.message, sizeof record.message, "%s", result->error.text);
    record.timing.wall_s = result->seconds;
    record.timing.sharing = result->sharing;
    record.timing.peak_rss_bytes = machine_peak_rss_bytes();
    record.timing.threads = run->passes.threads;
    memcpy(record.timing.host, run->host, sizeof record.timing.host);
    struct error error = {0};
    health_look(&results->plan->cells[results->rows[row].cell].config, &record);
    if (!results_write_row(results, row, &record, result->intervals, &error)) {
        pthread_mutex_lock(&run->lock);
        if (run->fatal.kind == ERROR_NONE)
            run->fatal = error;
        pthread_mutex_unlock(&run->lock);
        atomic_store(&interrupt_flag, true);
        return false;
    }
    pthread_mutex_lock(&run->lock);
    run->outcome->states[row] = record.failed ? ROW_FAILED : ROW_DONE;
    run->outcome->done += !record.failed;
    run->outcome->failed += record.failed;
    run->outcome->trace_failed |= record.kind == ERROR_TRACE;
    pthread_mutex_unlock(&run->lock);
    progress_cell(&run->progress, results->rows[row].id, results->plan->cells[results->rows[row].cell].label,
                  results->traces[results->rows[row].trace].name, record.failed ? record.message : NULL);
    if (record.failed && run->settings->stop_on_error)
        atomic_store(&interrupt_flag, true);
    return true;
}

/* ---- one pass ---- */

/* The bar moves on while a log is read a first time. */
static void watch_first_pass(void *watch, uint64_t lines)
{
    (void)lines;
    pace_watch_step(watch, 0, 0);
}

/* Each pass over a trace meets the same ones. */
static void keep_remarks(struct run *run, size_t index, const struct trace *trace)
{
    char *text = NULL, lead[128];
    size_t bytes = 0;
    FILE *stream = text_open(&text, &bytes);
    if (!stream)
        return;
    snprintf(lead, sizeof lead, "warning   %.100s: ", run->results->traces[index].name);
    remarks_print(trace, lead, stream);
    if (!text_close(stream, &text))
        return;
    pthread_mutex_lock(&run->lock);
    if (!run->outcome->remarks[index]) {
        run->outcome->remarks[index] = text;
        text = NULL;
    }
    pthread_mutex_unlock(&run->lock);
    free(text);
}

static bool trace_and_run(struct run *run, const struct run_pass *pass,
                          const struct cell_config *const cells[], struct pace_watch *watch,
                          struct pass_result results[], struct trace_facts *facts, struct error *error)
{
    const struct experiment_trace *given = &run->results->experiment->traces[pass->trace];
    struct trace *trace;
    trace_watch(watch_first_pass, watch);
    bool good = trace_open(given->path, given->format, pass->limit_records, &trace, error);
    trace_watch(NULL, NULL);
    if (!good)
        return false;
    uint64_t left = UINT64_MAX;
    if (run->passes.budget_bytes != UINT64_MAX)
        left = run->passes.budget_bytes > pass->cell_bytes ? run->passes.budget_bytes - pass->cell_bytes : 0;
    struct pass_options options = {
        .threads = run->passes.threads,
        .batch_records = run->settings->batch_records,
        .intervals = run->results->experiment->intervals,
        /* Half, because cells grow with what they touch; none when memory was short before. */
        .store_bytes = run->crowded ? left / 2 : 0,
        .interrupted = &interrupt_flag,
        .abandoned = &watch->abandoned,
        .progress = pace_watch_step,
        .progress_context = watch,
    };
    good = pass_run(&options, trace, cells, pass->count, results, facts, error);
    keep_remarks(run, pass->trace, trace);
    trace_close(trace);
    return good;
}

/* A pass that gave nothing: its cells fail with its error, or wait for less company. */
static void fail_pass(struct run *run, const struct run_pass *pass, const struct error *error)
{
    bool again = error->kind == ERROR_MEMORY && run->crowded;
    if (error->kind == ERROR_INTERRUPTED || again)
        return;
    struct pass_result failed = {.error = *error};
    for (size_t c = 0; c < pass->count; c++)
        if (!keep_result(run, run->passes.order[pass->first + c], &failed, 0))
            return;
}

static void keep_results(struct run *run, const struct run_pass *pass, struct pass_result results[],
                         const struct trace_facts *facts)
{
    bool writable = true;
    for (size_t c = 0; c < pass->count; c++) {
        const struct pass_result *result = &results[c];
        bool again = result->error.kind == ERROR_MEMORY && run->crowded;
        if (writable && !again && result->error.kind != ERROR_INTERRUPTED)
            writable = keep_result(run, run->passes.order[pass->first + c], result, facts->records);
        if (result->error.kind == ERROR_NONE) {
            pthread_mutex_lock(&run->lock);
            run->outcome->cell_records += (double)facts->records;
            pthread_mutex_unlock(&run->lock);
        }
        pass_result_free(&results[c]);
    }
}

static void run_one_pass(struct run *run, struct run_pass *pass)
{
    struct error error = {0};
    struct pass_result *results = memory_zeroed(pass->count, sizeof *results, &error);
    const struct cell_config **cells = memory_zeroed(pass->count, sizeof(struct cell_config *), &error);
    struct trace_facts *facts = memory_zeroed(1, sizeof *facts, &error);
    struct pace_watch watch;
    pace_watch_begin(&watch, &run->pace, &run->progress, &run->passes, pass);
    for (size_t c = 0; cells && c < pass->count; c++)
        cells[c] =
            &run->results->plan->cells[run->results->rows[run->passes.order[pass->first + c]].cell].config;
    if (results && cells && facts && trace_and_run(run, pass, cells, &watch, results, facts, &error))
        keep_results(run, pass, results, facts);
    else
        fail_pass(run, pass, &error);
    bool abandoned = atomic_load(&watch.abandoned);
    pthread_mutex_lock(&run->pace.lock);
    pass->ended = !abandoned;
    pthread_mutex_unlock(&run->pace.lock);
    progress_pass_end(&watch.step, !abandoned);
    memory_free(facts);
    memory_free(cells);
    memory_free(results);
}

/* ---- all passes ---- */

static void *work(void *context)
{
    struct run *run = context;
    for (;;) {
        pthread_mutex_lock(&run->lock);
        size_t mine = run->next_pass < run->passes.count ? run->next_pass++ : SIZE_MAX;
        run->outcome->passes += mine != SIZE_MAX;
        pthread_mutex_unlock(&run->lock);
        if (mine == SIZE_MAX || atomic_load(&interrupt_flag))
            return NULL;
        /* Passes that turned out to be too long wait to be dealt anew. */
        if (!pace_is_too_long(&run->pace, &run->passes.items[mine]))
            run_one_pass(run, &run->passes.items[mine]);
    }
}

static void run_all_passes(struct run *run)
{
    pthread_t helpers[256];
    unsigned count = 0;
    run->next_pass = 0;
    while (count + 1 < run->passes.concurrent && count < sizeof helpers / sizeof *helpers &&
           pthread_create(&helpers[count], NULL, work, run) == 0)
        count++;
    work(run);
    for (unsigned h = 0; h < count; h++)
        pthread_join(helpers[h], NULL);
}

static bool deal(struct run *run, size_t cells_most, struct error *error)
{
    run_passes_free(&run->passes);
    return run_passes_deal(run->results, run->outcome, run->settings->jobs, cells_most, run->pace.cells_most, &run->passes,
                           error);
}

/* Until no pass is given up because it would take too long. */
static bool run_in_time(struct run *run, size_t cells_most, bool alone, struct error *error)
{
    for (bool again = true; again && !atomic_load(&interrupt_flag);) {
        if (!deal(run, cells_most, error))
            return false;
        if (alone) {
            run->passes.concurrent = 1;
            run->passes.threads = cells_most > 1 ? run->settings->jobs : 1;
        }
        progress_deal(&run->progress, run->passes.count, pace_left(&run->pace, &run->passes));
        run_all_passes(run);
        again = false;
        for (size_t p = 0; p < run->passes.count; p++)
            again |= pace_is_too_long(&run->pace, &run->passes.items[p]) && !run->passes.items[p].ended;
    }
    return true;
}

/* Cells that the ceiling stopped in company are tried in ever smaller passes, one after the other: whether a
 * cell fails must depend on the cell and the ceiling alone. */
static bool run_in_memory(struct run *run, struct error *error)
{
    size_t cells_most = RUN_PASS_CELLS;
    bool good = run_in_time(run, cells_most, false, error);
    while (good && run->crowded && !atomic_load(&interrupt_flag)) {
        size_t waiting = 0;
        for (size_t r = 0; r < run->results->row_count; r++)
            waiting += run->outcome->states[r] == ROW_WAITING;
        if (waiting == 0)
            break;
        if (cells_most > waiting)
            cells_most = waiting;
        cells_most = cells_most > 1 ? cells_most / 2 : 1;
        run->crowded = cells_most > 1;
        good = run_in_time(run, cells_most, true, error);
    }
    return good;
}

bool run_plan(const struct run_settings *settings, const struct results *results, struct run_outcome *outcome,
              struct error *error)
{
    struct run run = {.settings = settings, .results = results, .outcome = outcome, .crowded = true};
    struct machine machine;
    machine_look(&machine);
    memcpy(run.host, machine.host, sizeof run.host);
    bool good = pace_init(&run.pace, results, outcome->trace_records, settings->pass_seconds, error);
    size_t waiting = outcome->cells - outcome->resumed;
    if (good && waiting > 0) {
        pthread_mutex_init(&run.lock, NULL);
        progress_begin(&run.progress, settings->progress, waiting, outcome->resumed);
        good = run_in_memory(&run, error);
        progress_end(&run.progress);
        outcome->seconds = progress_now_s() - run.progress.start_s;
        pthread_mutex_destroy(&run.lock);
    }
    pace_free(&run.pace);
    if (run.fatal.kind != ERROR_NONE) {
        *error = run.fatal;
        good = false;
    }
    run_passes_free(&run.passes);
    return good;
}
