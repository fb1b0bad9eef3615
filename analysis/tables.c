/* The tables of a results folder, from plan.csv and the finished cells (folder.h). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/csv_reader.h"
#include "analysis/folder.h"
#include "analysis/metrics_table.h"
#include "analysis/outfile.h"

/* plan.csv begins with these columns; the parameters follow. */
enum { PLAN_CELL, PLAN_LABEL, PLAN_TRACE, PLAN_SHA256, PLAN_PARAMETERS };

struct tables {
    const struct folder *folder;
    struct csv_reader *plan;
    char *cells_folder;
    struct outfile results, intervals, timing, failed;
};

static bool open_plan(struct tables *tables, struct error *error)
{
    static const char *const names[] = {"cell", "label", "trace", "trace_sha256"};
    tables->cells_folder = outfile_join(tables->folder->path, "cells", error);
    char *path = tables->cells_folder ? outfile_join(tables->folder->path, "plan.csv", error) : NULL;
    tables->plan = path ? csv_open(path, error) : NULL;
    for (size_t c = 0; tables->plan && c < PLAN_PARAMETERS; c++) {
        if (csv_column(tables->plan, names[c]) == c)
            continue;
        error_set(error, ERROR_RESULTS,
                  "%s: error: column %zu is not \"%s\": no plan of this program; run the "
                  "experiment again to write it anew",
                  path, c + 1, names[c]);
        csv_close(tables->plan);
        tables->plan = NULL;
    }
    free(path);
    return tables->plan != NULL;
}

static bool open_tables(struct tables *tables, struct error *error)
{
    const char *folder = tables->folder->path;
    if (!open_plan(tables, error) || !outfile_open(&tables->results, folder, "results.csv", error) ||
        !outfile_open(&tables->timing, folder, "timing.csv", error) ||
        !outfile_open(&tables->failed, folder, "failed.csv", error) ||
        (tables->folder->intervals && !outfile_open(&tables->intervals, folder, "intervals.csv", error)))
        return false;
    FILE *file = tables->results.file;
    fputs("cell,label,trace,trace_sha256,status", file);
    for (size_t c = PLAN_PARAMETERS; c < csv_columns(tables->plan); c++)
        fprintf(file, ",%s", csv_name(tables->plan, c));
    for (size_t c = 0; c < metrics_table_count; c++)
        fprintf(file, ",%s", metrics_table[c].name);
    putc('\n', file);
    fputs("cell,label,trace,wall_s,cells_sharing,records_per_s,peak_rss_bytes,host,threads\n", tables->timing.file);
    fputs("cell,label,trace,message\n", tables->failed.file);
    if (tables->intervals.file) {
        fputs("cell,trace,interval", tables->intervals.file);
        for (size_t c = 0; c < intervals_table_count; c++)
            fprintf(tables->intervals.file, ",%s", intervals_table[c].name);
        putc('\n', tables->intervals.file);
    }
    return true;
}

static void print_fields(const struct tables *tables, size_t first, size_t end, FILE *file)
{
    for (size_t c = first; c < end; c++) {
        if (c > 0)
            putc(',', file);
        outfile_csv(file, csv_field(tables->plan, c));
    }
}

static void print_result(const struct tables *tables, const struct cell_record *record)
{
    FILE *file = tables->results.file;
    print_fields(tables, 0, PLAN_PARAMETERS, file);
    fprintf(file, ",%s", record->failed ? "failed" : "ok");
    print_fields(tables, PLAN_PARAMETERS, csv_columns(tables->plan), file);
    for (size_t c = 0; c < metrics_table_count; c++) {
        char text[METRIC_TEXT_BYTES] = "";
        if (!record->failed)
            metric_text(&metrics_table[c], &record->metrics, text);
        fprintf(file, ",%s", text);
    }
    putc('\n', file);
}

static void print_timing(const struct tables *tables, const struct cell_record *record)
{
    FILE *file = tables->timing.file;
    print_fields(tables, 0, PLAN_SHA256, file);
    double wall_s = record->timing.wall_s;
    fprintf(file, ",%.6f,%" PRIu64 ",", wall_s, record->timing.sharing);
    if (wall_s > 0)
        fprintf(file, "%.0f", (double)record->metrics.records / wall_s);
    fprintf(file, ",%" PRIu64 ",", record->timing.peak_rss_bytes);
    outfile_csv(file, record->timing.host);
    fprintf(file, ",%" PRIu64 "\n", record->timing.threads);
}

static void print_failure(const struct tables *tables, const struct cell_record *record)
{
    print_fields(tables, 0, PLAN_SHA256, tables->failed.file);
    putc(',', tables->failed.file);
    outfile_csv(tables->failed.file, record->message);
    putc('\n', tables->failed.file);
}

/* The cell's own rows behind the cell and the trace. */
static bool copy_intervals(const struct tables *tables, struct error *error)
{
    const char *id = csv_field(tables->plan, PLAN_CELL);
    char *path;
    if (asprintf(&path, "%s/%s/intervals.csv", tables->cells_folder, id) < 0)
        return error_set(error, ERROR_MEMORY, "error: no memory for a file name");
    FILE *from = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    bool good = from && getline(&line, &capacity, from) > 0;
    while (good && getline(&line, &capacity, from) > 0) {
        fprintf(tables->intervals.file, "%s,", id);
        outfile_csv(tables->intervals.file, csv_field(tables->plan, PLAN_TRACE));
        fprintf(tables->intervals.file, ",%s", line);
    }
    if (!good || !feof(from)) /* no line of its own reached the end: the file, or memory */
        good = outfile_error(error, path, "read it");
    if (from)
        fclose(from);
    free(line);
    free(path);
    return good;
}

static bool print_row(const struct tables *tables, const struct cell_record *record, struct error *error)
{
    print_result(tables, record);
    if (record->failed) {
        print_failure(tables, record);
        return true;
    }
    print_timing(tables, record);
    return !tables->intervals.file || !record->has_intervals || copy_intervals(tables, error);
}

static bool print_rows(const struct tables *tables, const bool *written,
                       void (*visit)(void *context, size_t row, const struct cell_record *record),
                       void *context, struct folder_rows *rows, struct error *error)
{
    *rows = (struct folder_rows){0};
    for (bool end;; rows->planned++) {
        if (!csv_next(tables->plan, &end, error))
            return false;
        if (end)
            return true;
        const char *id = csv_field(tables->plan, PLAN_CELL);
        struct cell_record record;
        if (!cell_record_read(tables->cells_folder, id, &record)) {
            if (record.kind == ERROR_MEMORY)
                return error_set(error, ERROR_MEMORY, "error: no memory to read %s/%s", tables->cells_folder,
                                 id);
            if (written && written[rows->planned])
                return error_set(error, ERROR_RESULTS,
                                 "%s/%s: error: cannot read it back; run again to resume",
                                 tables->cells_folder, id);
            rows->missing++;
            continue;
        }
        if (visit)
            visit(context, rows->planned, &record);
        if (!print_row(tables, &record, error))
            return false;
    }
}

/* Does results.csv, as it is, have a row? */
static bool has_results(const struct folder *folder)
{
    char *path = outfile_join(folder->path, "results.csv", NULL);
    struct csv_reader *kept = path ? csv_open(path, NULL) : NULL;
    bool end = true, good = kept && csv_next(kept, &end, NULL);
    csv_close(kept);
    free(path);
    return good && !end;
}

bool folder_write_tables(const struct folder *folder, const bool *written,
                         void (*visit)(void *context, size_t row, const struct cell_record *record),
                         void *context, struct folder_rows *rows, struct error *error)
{
    struct tables tables = {.folder = folder};
    bool good = open_tables(&tables, error) && print_rows(&tables, written, visit, context, rows, error);
    if (good && !written && rows->missing == rows->planned && has_results(folder))
        good = error_set(error, ERROR_RESULTS,
                         "%s: error: none of its cells can be read; results.csv stays as it is, `dirtywalk show` prints it; "
                         "run the experiment again for the cells",
                         folder->path);
    struct outfile *const files[] = {&tables.results, &tables.intervals, &tables.timing, &tables.failed};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        if (good && files[f]->file)
            good = outfile_commit(files[f], true, error);
        else
            outfile_abort(files[f]);
    }
    if (good && !folder->intervals) {
        /* An earlier form of the experiment may have asked for them: they would not be of these results. */
        char *stale = outfile_join(folder->path, "intervals.csv", NULL);
        if (stale)
            unlink(stale);
        free(stale);
    }
    csv_close(tables.plan);
    free(tables.cells_folder);
    return good;
}
