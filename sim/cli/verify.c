#include "sim/cli/verify.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/cell_record.h"
#include "analysis/csv_reader.h"
#include "analysis/machine.h"
#include "analysis/metrics_table.h"
#include "analysis/outfile.h"
#include "configs/experiment.h"
#include "configs/plan.h"
#include "sim/base/memory.h"
#include "sim/base/text_stream.h"
#include "sim/cli/interrupt.h"
#include "sim/engine/pass.h"
#include "traces/trace.h"

/* A finished row of plan.csv. */
struct row {
    char id[PLAN_ID_BYTES], sha256[65];
    size_t order;
};

/* What a cell's folder says that it is. */
struct cell {
    const struct row *row;
    struct experiment *experiment;
    struct plan *plan;
    struct cell_record record;
};

/* So many cells share a pass. */
enum { TOGETHER = 64 };

struct verification {
    const struct folder *folder;
    struct verify_outcome *outcome;
    char *cells_folder;
    struct row *rows;
    size_t row_count, row_capacity;
    unsigned threads;
    char hashed_path[4096], hashed[65]; /* the trace hashed last */
    char cause[1024];                   /* why the last cell could not be computed, */
    size_t alike;                       /* and how many more for the same reason */
    struct cell cells[TOGETHER];
    size_t cell_count;
};

/* ---- rows ---- */

static bool add_row(struct verification *at, const char *id, const char *sha256, size_t order,
                    struct error *error)
{
    if (!memory_grow(&at->rows, &at->row_capacity, at->row_count + 1, sizeof *at->rows, error))
        return false;
    struct row *row = &at->rows[at->row_count++];
    *row = (struct row){.order = order};
    snprintf(row->id, sizeof row->id, "%s", id);
    snprintf(row->sha256, sizeof row->sha256, "%s", sha256);
    return true;
}

static bool read_plan(struct verification *at, struct error *error)
{
    char *path = outfile_join(at->folder->path, "plan.csv", error);
    struct csv_reader *plan = path ? csv_open(path, error) : NULL;
    size_t id = plan ? csv_column(plan, "cell") : SIZE_MAX,
           sha256 = plan ? csv_column(plan, "trace_sha256") : SIZE_MAX;
    bool good = plan != NULL, end = false;
    if (good && (id == SIZE_MAX || sha256 == SIZE_MAX))
        good = error_set(error, ERROR_RESULTS,
                         "%s: error: has no columns cell and trace_sha256: no plan of this program", path);
    for (size_t order = 0; good && !end; order++) {
        good = csv_next(plan, &end, error);
        if (good && !end)
            good = add_row(at, csv_field(plan, id), csv_field(plan, sha256), order, error);
    }
    csv_close(plan);
    free(path);
    return good;
}

static int by_trace(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = strcmp(a->sha256, b->sha256);
    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int by_id(const void *left, const void *right)
{
    return strcmp(((const struct row *)left)->id, ((const struct row *)right)->id);
}

static int by_key_id(const void *id, const void *row)
{
    return strcmp(id, ((const struct row *)row)->id);
}

/* Leaves the rows sorted by id, and twins alone: two traces of the same bytes have one folder. */
static void drop_twins(struct verification *at)
{
    size_t kept = 0;
    if (at->row_count > 0)
        qsort(at->rows, at->row_count, sizeof *at->rows, by_id);
    for (size_t r = 0; r < at->row_count; r++)
        if (kept == 0 || strcmp(at->rows[kept - 1].id, at->rows[r].id) != 0)
            at->rows[kept++] = at->rows[r];
    at->row_count = kept;
}

/* A whole record of no row is one that `run --update` left, for the day its plan comes back. */
static void find_strays(struct verification *at)
{
    struct cell_record record;
    DIR *list = opendir(at->cells_folder);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        if (entry->d_name[0] == '.' ||
            bsearch(entry->d_name, at->rows, at->row_count, sizeof *at->rows, by_key_id))
            continue;
        if (strlen(entry->d_name) < sizeof record.id && cell_record_read(at->cells_folder, entry->d_name, &record)) {
            at->outcome->left++;
            continue;
        }
        fprintf(stderr, "stray     %s/%s belongs to no row of plan.csv\n", at->cells_folder, entry->d_name);
        at->outcome->strays++;
    }
    if (list)
        closedir(list);
}

/* ---- what a cell is ---- */

static void cell_free(struct cell *cell)
{
    plan_free(cell->plan);
    experiment_free(cell->experiment);
    *cell = (struct cell){0};
}

/* The same file is hashed once for all cells in a row. */
static bool hash_trace(struct verification *at, const char *path, struct error *error)
{
    if (strcmp(at->hashed_path, path) == 0)
        return true;
    at->hashed_path[0] = '\0';
    if (!trace_file_sha256(path, at->hashed, error))
        return false;
    snprintf(at->hashed_path, sizeof at->hashed_path, "%s", path); /* cut short, it equals none */
    return true;
}

static bool load_cell(struct verification *at, const struct row *row, struct cell *cell, struct error *error)
{
    struct error_list messages = {0};
    char id[PLAN_ID_BYTES], *path = NULL;
    *cell = (struct cell){.row = row};
    bool good = asprintf(&path, "%s/%s/cell.yaml", at->cells_folder, row->id) >= 0;
    if (!good)
        return error_set(error, ERROR_MEMORY, "error: no memory for a file name");
    if (!experiment_load(path, NULL, 0, &cell->experiment, &messages) ||
        !plan_build(cell->experiment, &cell->plan, &messages))
        good = error_list_first(&messages, error);
    else if (cell->plan->cell_count != 1 || cell->experiment->trace_count != 1)
        good = error_set(error, ERROR_EXPERIMENT, "%s: error: is not one cell on one trace", path);
    else if (hash_trace(at, cell->experiment->traces[0].path, error)) {
        if (strcmp(at->hashed, row->sha256) != 0)
            good = error_set(error, ERROR_TRACE,
                             "%s: error: is another trace, its SHA-256 is %s; put the one with %s there",
                             cell->experiment->traces[0].path, at->hashed, row->sha256);
        else if (!plan_cell_id(&cell->plan->cells[0], at->hashed, id))
            good = error_set(error, ERROR_MEMORY, "error: no memory for a cell's id");
        else if (strcmp(id, row->id) != 0)
            good = error_set(error, ERROR_EXPERIMENT,
                             "%s: error: describes cell %s; run the experiment again", path, id);
    } else
        good = false;
    error_list_free(&messages);
    free(path);
    return good;
}

/* ---- comparing ---- */

__attribute__((format(printf, 3, 4))) static void differs(struct verification *at, const struct cell *cell,
                                                          const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "differs   %s (%s): ", cell->row->id, cell->plan->cells[0].label);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    at->outcome->different++;
}

static bool compare_metrics(struct verification *at, const struct cell *cell, const struct metrics *again)
{
    const struct metrics *kept = &cell->record.metrics;
    size_t wrong = 0, first = 0;
    for (size_t c = 0; c < metrics_table_count; c++) {
        bool counted = metric_is_counted(&metrics_table[c], kept);
        if (metrics_table[c].kind == METRIC_RATIO ||
            (counted == metric_is_counted(&metrics_table[c], again) &&
             (!counted || metric_count(&metrics_table[c], kept) == metric_count(&metrics_table[c], again))))
            continue;
        first = wrong++ == 0 ? c : first;
    }
    if (wrong == 0)
        return true;
    differs(at, cell, "%s is %" PRIu64 ", computed again %" PRIu64 "; %zu column%s in all",
            metrics_table[first].name, metric_count(&metrics_table[first], kept),
            metric_count(&metrics_table[first], again), wrong, wrong == 1 ? "" : "s");
    return false;
}

size_t verify_other_line(const char *path, const char *text, size_t bytes)
{
    FILE *file = fopen(path, "re");
    size_t line = 1, at = 0;
    if (!file)
        return SIZE_MAX;
    for (int character; (character = getc_unlocked(file)) != EOF; at++) {
        if (at >= bytes || (unsigned char)text[at] != character)
            break;
        line += character == '\n';
    }
    bool alike = at == bytes && feof(file);
    fclose(file);
    return alike ? 0 : line;
}

static bool compare_intervals(struct verification *at, const struct cell *cell,
                              const struct pass_result *again, struct error *error)
{
    char *text = NULL, *path = NULL;
    size_t bytes = 0;
    FILE *out = text_open(&text, &bytes);
    if (out)
        cell_record_print_intervals(again->intervals, again->interval_count, out);
    bool good = out && text_close(out, &text) &&
                asprintf(&path, "%s/%s/intervals.csv", at->cells_folder, cell->row->id) >= 0;
    size_t line = good ? verify_other_line(path, text, bytes) : 0;
    if (!good)
        error_set(error, ERROR_MEMORY, "error: no memory to compare cell %s", cell->row->id);
    else if (line > 0)
        differs(at, cell, "intervals.csv is another from line %zu on", line);
    at->outcome->same += good && line == 0;
    free(text);
    free(path);
    return good;
}

static bool compare(struct verification *at, const struct cell *cell, const struct pass_result *again,
                    struct error *error)
{
    const struct cell_record *kept = &cell->record;
    if (again->error.kind == ERROR_INTERRUPTED) {
        *error = again->error;
        return false;
    }
    if (kept->failed && again->error.kind != ERROR_NONE)
        at->outcome->same++;
    else if (kept->failed)
        differs(at, cell, "it failed and does no longer; run the experiment with --fresh");
    else if (again->error.kind != ERROR_NONE)
        differs(at, cell, "it fails now: %s", again->error.text);
    else if (!compare_metrics(at, cell, &again->metrics))
        return true;
    else if (kept->has_intervals)
        return compare_intervals(at, cell, again, error);
    else
        at->outcome->same++;
    return true;
}

/* ---- passes ---- */

/* A trace that cannot be read to its end: the cells that failed for that are as they were. */
static bool trace_failed(struct verification *at, const struct error *cause, struct error *error)
{
    if (cause->kind != ERROR_TRACE) {
        *error = *cause;
        return false;
    }
    struct pass_result failed = {.error = *cause};
    for (size_t c = 0; c < at->cell_count; c++)
        if (!compare(at, &at->cells[c], &failed, error))
            return false;
    return true;
}

static bool replay(struct verification *at, struct error *error)
{
    const struct experiment_trace *given = &at->cells[0].experiment->traces[0];
    const struct cell_config *configs[TOGETHER];
    struct pass_result *results = memory_zeroed(at->cell_count, sizeof *results, error);
    struct trace_facts *facts = results ? memory_zeroed(1, sizeof *facts, error) : NULL;
    struct error cause = {0};
    struct trace *trace = NULL;
    bool good = facts != NULL;
    for (size_t c = 0; c < at->cell_count; c++)
        configs[c] = &at->cells[c].plan->cells[0].config;
    struct pass_options options = {.threads = at->threads,
                                   .batch_records = TRACE_BATCH_RECORDS,
                                   .intervals = true,
                                   .store_bytes = UINT64_C(1) << 30,
                                   .interrupted = &interrupt_flag};
    if (good && trace_open(given->path, given->format, configs[0]->limit_records, &trace, &cause) &&
        pass_run(&options, trace, configs, at->cell_count, results, facts, &cause)) {
        for (size_t c = 0; c < at->cell_count; c++) {
            good = good && compare(at, &at->cells[c], &results[c], error);
            pass_result_free(&results[c]);
        }
    } else if (good)
        good = trace_failed(at, &cause, error);
    trace_close(trace);
    memory_free(facts);
    memory_free(results);
    for (size_t c = 0; c < at->cell_count; c++)
        cell_free(&at->cells[c]);
    at->cell_count = 0;
    return good;
}

/* Whether a cell can be in one pass with those that wait. */
static bool fits(const struct verification *at, const struct cell *cell)
{
    const struct cell *first = &at->cells[0];
    return at->cell_count == 0 ||
           (at->cell_count < TOGETHER && strcmp(first->row->sha256, cell->row->sha256) == 0 &&
            first->plan->cells[0].config.limit_records == cell->plan->cells[0].config.limit_records);
}

static void say_how_many_more(struct verification *at)
{
    if (at->alike > 0)
        fprintf(stderr, "          and %zu more cell%s for the same reason\n", at->alike,
                at->alike == 1 ? "" : "s");
    at->alike = 0;
}

/* Cells of one trace follow one another: what is wrong with it is said once. */
static void say_unable(struct verification *at, const struct row *row, const struct error *cause)
{
    const char *reason = strstr(cause->text, "error: ");
    reason = reason ? reason : cause->text;
    if (at->outcome->unable++ > 0 && strncmp(at->cause, reason, sizeof at->cause - 1) == 0) {
        at->alike++;
        return;
    }
    say_how_many_more(at);
    fprintf(stderr, "unable    %s: %s\n", row->id, cause->text);
    snprintf(at->cause, sizeof at->cause, "%s", reason);
}

static bool verify_row(struct verification *at, const struct row *row, struct error *error)
{
    struct cell cell;
    struct cell_record record;
    struct error cause = {0};
    if (!cell_record_read(at->cells_folder, row->id, &record))
        return record.kind != ERROR_MEMORY ||
               error_set(error, ERROR_MEMORY, "error: no memory to read %s/%s", at->cells_folder, row->id);
    at->outcome->finished++;
    if (!load_cell(at, row, &cell, &cause)) {
        cell_free(&cell);
        if (cause.kind == ERROR_MEMORY) {
            *error = cause;
            return false;
        }
        say_unable(at, row, &cause);
        return true;
    }
    cell.record = record;
    if (!fits(at, &cell) && !replay(at, error)) {
        cell_free(&cell);
        return false;
    }
    at->cells[at->cell_count++] = cell;
    return true;
}

bool verify_folder(const struct folder *folder, struct verify_outcome *outcome, struct error *error)
{
    struct machine machine;
    machine_look(&machine);
    *outcome = (struct verify_outcome){0};
    struct verification *at = memory_zeroed(1, sizeof *at, error);
    if (!at)
        return false;
    at->folder = folder;
    at->outcome = outcome;
    at->threads = machine.cores;
    at->cells_folder = outfile_join(folder->path, "cells", error);
    bool good = at->cells_folder && read_plan(at, error);
    if (good) {
        drop_twins(at);
        find_strays(at);
        if (at->row_count > 0)
            qsort(at->rows, at->row_count, sizeof *at->rows, by_trace);
    }
    for (size_t r = 0; good && r < at->row_count; r++)
        good = verify_row(at, &at->rows[r], error);
    say_how_many_more(at);
    good = good && (at->cell_count == 0 || replay(at, error));
    for (size_t c = 0; c < at->cell_count; c++)
        cell_free(&at->cells[c]);
    memory_free(at->rows);
    free(at->cells_folder);
    memory_free(at);
    return good;
}
