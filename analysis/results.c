#include "analysis/results.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/claim.h"
#include "analysis/outfile.h"
#include "sim/base/memory.h"
#include "traces/trace.h"

/* ---- rows ---- */

/* The path as the experiment file would write it: without the folder of that file in front. */
static char *trace_name(const char *path, const char *experiment_file)
{
    const char *slash = strrchr(experiment_file, '/');
    size_t length = slash ? (size_t)(slash - experiment_file) + 1 : 0;
    if (strncmp(path, experiment_file, length) == 0)
        return strdup(path + length);
    return strdup(path);
}

static bool identify_trace(struct results *results, size_t t, struct error *error)
{
    const struct experiment_trace *given = &results->experiment->traces[t];
    struct results_trace *trace = &results->traces[t];
    struct stat status;
    trace->path = given->path;
    trace->name = trace_name(given->path, results->experiment->file);
    if (!trace->name)
        return error_set(error, ERROR_MEMORY, "error: no memory for the list of traces");
    if (stat(given->path, &status) != 0)
        return error_set(error, ERROR_TRACE, "%s: error: cannot read it: %s", given->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_TRACE, "%s: error: is no regular file; name a trace file", given->path);
    trace->bytes = (uint64_t)status.st_size;
    for (size_t before = 0; before < t; before++) {
        if (strcmp(results->traces[before].path, given->path) == 0) {
            memcpy(trace->sha256, results->traces[before].sha256, sizeof trace->sha256);
            break;
        }
    }
    if (!trace->sha256[0] && !trace_file_sha256(given->path, trace->sha256, error))
        return false;
    if (given->sha256 && strcmp(given->sha256, trace->sha256) != 0)
        return error_set(
            error, ERROR_TRACE,
            "%s: error: its SHA-256 is %s, the experiment expects %s; take the right file or correct "
            "`sha256:`",
            given->path, trace->sha256, given->sha256);
    return true;
}

static int compare_rows(const void *left, const void *right)
{
    const struct results_row *const *a = left, *const *b = right;
    int order = strcmp((*a)->id, (*b)->id);
    return order ? order : (*a < *b ? -1 : *a > *b);
}

static struct results_row **sorted_rows(const struct results *results, struct error *error)
{
    struct results_row **sorted = memory_zeroed(results->row_count, sizeof(struct results_row *), error);
    if (!sorted)
        return NULL;
    for (size_t r = 0; r < results->row_count; r++)
        sorted[r] = &results->rows[r];
    qsort(sorted, results->row_count, sizeof *sorted, compare_rows);
    return sorted;
}

/* 48 bits of hash: two rows of one id must be the same cell on the same bytes. */
static bool find_twins(struct results *results, struct error *error)
{
    struct results_row **sorted = sorted_rows(results, error);
    bool good = sorted != NULL;
    if (good)
        sorted[0]->same_as = (size_t)(sorted[0] - results->rows);
    for (size_t r = 1; good && r < results->row_count; r++) {
        const struct results_row *a = sorted[r - 1];
        struct results_row *b = sorted[r];
        b->same_as = (size_t)(b - results->rows);
        if (strcmp(a->id, b->id) != 0)
            continue;
        b->same_as = a->same_as;
        const struct plan_cell *cell_a = &results->plan->cells[a->cell],
                               *cell_b = &results->plan->cells[b->cell];
        char *text_a = plan_canonical(cell_a), *text_b = plan_canonical(cell_b);
        if (!text_a || !text_b)
            good = error_set(error, ERROR_MEMORY, "error: no memory to compare cells");
        else if (strcmp(text_a, text_b) != 0 ||
                 strcmp(results->traces[a->trace].sha256, results->traces[b->trace].sha256) != 0)
            good = error_set(error, ERROR_EXPERIMENT,
                             "error: cells %s and %s have the same id %s; run them as two experiments",
                             cell_a->label, cell_b->label, a->id);
        free(text_a);
        free(text_b);
    }
    memory_free(sorted);
    return good;
}

bool results_init(struct results *results, const struct experiment *experiment, const struct plan *plan,
                  struct error *error)
{
    *results = (struct results){.experiment = experiment, .plan = plan, .lock = CLAIM_NONE};
    results->traces = memory_zeroed(experiment->trace_count, sizeof *results->traces, error);
    if (!results->traces)
        return false;
    for (size_t t = 0; t < experiment->trace_count; t++)
        if (!identify_trace(results, t, error))
            return false;
    if (plan->cell_count > SIZE_MAX / experiment->trace_count)
        return error_set(error, ERROR_MEMORY, "error: too many cells");
    results->row_count = plan->cell_count * experiment->trace_count;
    results->rows = memory_zeroed(results->row_count, sizeof *results->rows, error);
    if (!results->rows)
        return false;
    for (size_t r = 0; r < results->row_count; r++) {
        struct results_row *row = &results->rows[r];
        row->cell = r / experiment->trace_count;
        row->trace = r % experiment->trace_count;
        if (!plan_cell_id(&plan->cells[row->cell], results->traces[row->trace].sha256, row->id))
            return error_set(error, ERROR_MEMORY, "error: no memory for cell ids");
    }
    return find_twins(results, error);
}

void results_free(struct results *results)
{
    if (results->traces)
        for (size_t t = 0; t < results->experiment->trace_count; t++)
            free(results->traces[t].name);
    memory_free(results->traces);
    memory_free(results->rows);
    claim_drop(results->lock);
    free(results->folder);
    free(results->cells_folder);
    *results = (struct results){.lock = CLAIM_NONE};
}

/* ---- the folder ---- */

bool results_look_in_folder(struct results *results, const char *folder, struct error *error)
{
    results->folder = strdup(folder);
    results->cells_folder = outfile_join(folder, "cells", error);
    if (!results->folder || !results->cells_folder)
        return error_set(error, ERROR_MEMORY, "error: no memory for a file name");
    return true;
}

static int compare_id(const void *key, const void *member)
{
    const struct results_row *const *row = member;
    return strcmp(key, (*row)->id);
}

size_t results_stray_cells(const struct results *results)
{
    size_t strays = 0;
    struct results_row **sorted = sorted_rows(results, NULL);
    DIR *list = sorted ? opendir(results->cells_folder) : NULL;
    for (struct dirent *entry; list && (entry = readdir(list));)
        if (entry->d_name[0] != '.' &&
            !bsearch(entry->d_name, sorted, results->row_count, sizeof *sorted, compare_id))
            strays++;
    if (list)
        closedir(list);
    memory_free(sorted);
    return strays;
}

/* ---- cells ---- */

bool results_read_row(const struct results *results, size_t row, struct cell_record *record)
{
    return cell_record_read(results->cells_folder, results->rows[row].id, record) &&
           (record->failed || record->has_intervals || !results->experiment->intervals);
}

bool results_write_row(const struct results *results, size_t row, struct cell_record *record,
                       const struct interval *intervals, struct error *error)
{
    const struct results_row *at = &results->rows[row];
    const struct plan_cell *cell = &results->plan->cells[at->cell];
    memcpy(record->id, at->id, sizeof record->id);
    record->label = cell->label;
    record->trace = results->traces[at->trace].name;
    record->trace_sha256 = results->traces[at->trace].sha256;
    char *yaml = plan_resolved_yaml(results->experiment, cell, at->trace);
    if (!yaml)
        return error_set(error, ERROR_MEMORY, "error: no memory to write cell %s", cell->label);
    bool written = cell_record_write(results->cells_folder, record, yaml, intervals, error);
    free(yaml);
    return written;
}
