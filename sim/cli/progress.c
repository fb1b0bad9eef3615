#include "sim/cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analysis/doc.h"
#include "sim/cli/human.h"

static const double bar_interval_s = 0.2, json_interval_s = 1, plain_interval_s = 10;
enum { BAR_WIDTH = 28 };

double progress_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- one line ---- */

struct state {
    double fraction, rate, eta_s; /* eta_s < 0: not known yet */
};

static struct state look(const struct progress *progress, double now_s)
{
    struct state state = {.eta_s = -1};
    double elapsed_s = now_s - progress->start_s;
    if (progress->weight_total > 0)
        state.fraction = (progress->weight_done + progress->weight_now) / progress->weight_total;
    if (state.fraction > 1)
        state.fraction = 1;
    if (elapsed_s > 0)
        state.rate = progress->cell_records / elapsed_s;
    if (state.fraction > 0.001)
        state.eta_s = elapsed_s * (1 - state.fraction) / state.fraction;
    return state;
}

/* "61%  154/252 cells  pass 3/4 web.csv.gz  38.1 M records x cells/s  eta 2m10s" */
static void print_text(const struct progress *progress, const struct state *state)
{
    char rate[HUMAN_BYTES], eta[HUMAN_BYTES] = "?";
    human_count(state->rate, rate);
    if (state->eta_s >= 0)
        human_seconds(state->eta_s, eta);
    const char *slash = progress->trace ? strrchr(progress->trace, '/') : NULL;
    fprintf(stderr, "%3.0f%%  %zu/%zu cells  pass %zu/%zu %s  %s records x cells/s  eta %s",
            state->fraction * 100, progress->cells_done, progress->cells, progress->passes_begun,
            progress->passes,
            slash             ? slash + 1
            : progress->trace ? progress->trace
                              : "",
            rate, eta);
}

static void print_bar(struct progress *progress, const struct state *state)
{
    char bar[BAR_WIDTH + 1];
    int filled = (int)(state->fraction * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r\033[K[%s] ", bar);
    print_text(progress, state);
    fflush(stderr);
    progress->line_open = true;
}

static void print_json(const struct progress *progress, const struct state *state)
{
    struct json_t *event = doc_put(doc_object(), "event", doc_string("progress"));
    event = doc_put(event, "cells_done", doc_integer(progress->cells_done));
    event = doc_put(event, "cells", doc_integer(progress->cells));
    event = doc_put(event, "fraction", doc_real(state->fraction));
    event = doc_put(event, "cell_records_per_s", doc_real(state->rate));
    event = doc_put(event, "eta_s", state->eta_s >= 0 ? doc_real(state->eta_s) : doc_null());
    doc_write(event, false, stderr);
}

static void print_if_due(struct progress *progress)
{
    double now_s = progress_now_s();
    double interval_s = progress->mode == PROGRESS_AUTO   ? bar_interval_s
                        : progress->mode == PROGRESS_JSON ? json_interval_s
                                                          : plain_interval_s;
    if (progress->mode == PROGRESS_NEVER || now_s - progress->printed_s < interval_s)
        return;
    progress->printed_s = now_s;
    struct state state = look(progress, now_s);
    if (progress->mode == PROGRESS_AUTO) {
        print_bar(progress, &state);
    } else if (progress->mode == PROGRESS_JSON) {
        print_json(progress, &state);
    } else {
        print_text(progress, &state);
        putc('\n', stderr);
    }
}

/* ---- events ---- */

void progress_begin(struct progress *progress, enum progress_mode mode, size_t cells, size_t resumed)
{
    const char *terminal = getenv("TERM");
    if (mode == PROGRESS_AUTO && (!isatty(STDERR_FILENO) || (terminal && strcmp(terminal, "dumb") == 0)))
        mode = PROGRESS_PLAIN;
    *progress = (struct progress){.mode = mode, .cells = cells};
    pthread_mutex_init(&progress->lock, NULL);
    progress->start_s = progress_now_s();
    progress->printed_s = progress->start_s;
    if (mode == PROGRESS_JSON) {
        struct json_t *event = doc_put(doc_object(), "event", doc_string("start"));
        event = doc_put(event, "cells", doc_integer(cells));
        doc_write(doc_put(event, "resumed", doc_integer(resumed)), false, stderr);
    }
}

void progress_pass_begin(struct progress *progress, struct progress_pass *pass, const char *trace,
                         size_t cells, double weight)
{
    pthread_mutex_lock(&progress->lock);
    *pass = (struct progress_pass){.progress = progress, .cells = cells, .weight = weight};
    progress->trace = trace;
    progress->passes_begun++;
    if (progress->passes < progress->passes_begun)
        progress->passes = progress->passes_begun; /* a pass that had to be repeated with fewer cells */
    if (progress->mode == PROGRESS_JSON) {
        struct json_t *event = doc_put(doc_object(), "event", doc_string("pass_start"));
        event = doc_put(event, "trace", doc_string(trace));
        doc_write(doc_put(event, "cells", doc_integer(cells)), false, stderr);
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_pass_step(void *context, uint64_t records_done, uint64_t records_total)
{
    struct progress_pass *pass = context;
    struct progress *progress = pass->progress;
    pthread_mutex_lock(&progress->lock);
    double cell_records = (double)records_done * (double)pass->cells;
    progress->cell_records += cell_records - pass->reported_cell_records;
    pass->reported_cell_records = cell_records;
    if (records_total > 0) {
        double weight = pass->weight * (double)records_done / (double)records_total;
        progress->weight_now += weight - pass->reported_weight;
        pass->reported_weight = weight;
    }
    print_if_due(progress);
    pthread_mutex_unlock(&progress->lock);
}

void progress_weigh(struct progress_pass *pass, double weight, double left)
{
    struct progress *progress = pass->progress;
    pthread_mutex_lock(&progress->lock);
    pass->weight = weight;
    progress->weight_total = progress->weight_done + left;
    pthread_mutex_unlock(&progress->lock);
}

void progress_deal(struct progress *progress, size_t passes, double left)
{
    pthread_mutex_lock(&progress->lock);
    progress->passes = progress->passes_begun + passes;
    progress->weight_total = progress->weight_done + left;
    pthread_mutex_unlock(&progress->lock);
}

void progress_pass_end(struct progress_pass *pass, bool done)
{
    struct progress *progress = pass->progress;
    pthread_mutex_lock(&progress->lock);
    progress->weight_now -= pass->reported_weight;
    if (done)
        progress->weight_done += pass->weight;
    print_if_due(progress);
    pthread_mutex_unlock(&progress->lock);
}

void progress_cell(struct progress *progress, const char *cell, const char *label, const char *trace,
                   const char *message)
{
    pthread_mutex_lock(&progress->lock);
    progress->cells_done++;
    progress->cells_failed += message != NULL;
    if (progress->mode == PROGRESS_JSON) {
        struct json_t *event =
            doc_put(doc_object(), "event", doc_string(message ? "cell_failed" : "cell_done"));
        event = doc_put(event, "cell", doc_string(cell));
        event = doc_put(event, "label", doc_string(label));
        event = doc_put(event, "trace", doc_string(trace));
        if (message)
            event = doc_put(event, "message", doc_string(message));
        doc_write(event, false, stderr);
    }
    pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress)
{
    if (progress->line_open)
        fputs("\r\033[K", stderr);
    if (progress->mode == PROGRESS_JSON) {
        struct json_t *event = doc_put(doc_object(), "event", doc_string("end"));
        event = doc_put(event, "cells_done", doc_integer(progress->cells_done));
        event = doc_put(event, "failed", doc_integer(progress->cells_failed));
        event = doc_put(event, "seconds", doc_real(progress_now_s() - progress->start_s));
        doc_write(event, false, stderr);
    }
    pthread_mutex_destroy(&progress->lock);
}
