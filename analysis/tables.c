/* The CSV files of a results folder, from the plan and the finished cells (results.h). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/datapackage.h"
#include "analysis/metrics_table.h"
#include "analysis/outfile.h"
#include "analysis/results.h"

/* ---- the parameters of one cell, made once for all its traces ---- */

struct parameters {
    size_t cell; /* SIZE_MAX: none yet */
    char **values;
};

static void parameters_free(const struct plan *plan, struct parameters *parameters)
{
    for (size_t c = 0; parameters->values && c < plan->column_count; c++)
        free(parameters->values[c]);
    free(parameters->values);
    *parameters = (struct parameters){.cell = SIZE_MAX};
}

static bool parameters_of(const struct plan *plan, size_t cell, struct parameters *parameters,
                          struct error *error)
{
    if (parameters->cell == cell)
        return true;
    parameters_free(plan, parameters);
    parameters->values = calloc(plan->column_count + 1, sizeof *parameters->values);
    bool good = parameters->values != NULL;
    for (size_t c = 0; good && c < plan->column_count; c++) {
        parameters->values[c] = plan_value(&plan->cells[cell], &plan->columns[c]);
        good = parameters->values[c] != NULL;
    }
    parameters->cell = cell;
    return good || error_set(error, ERROR_MEMORY, "error: no memory to print the plan");
}

static void print_parameters(const struct plan *plan, const struct parameters *parameters, FILE *file)
{
    for (size_t c = 0; c < plan->column_count; c++) {
        putc(',', file);
        outfile_csv(file, parameters->values[c]);
    }
}

/* `cell,label,trace`, with the trace's SHA-256 if asked for. */
static void print_identity(const struct results *results, size_t row, bool sha256, FILE *file)
{
    const struct results_row *at = &results->rows[row];
    fprintf(file, "%s,", at->id);
    outfile_csv(file, results->plan->cells[at->cell].label);
    putc(',', file);
    outfile_csv(file, results->traces[at->trace].name);
    if (sha256)
        fprintf(file, ",%s", results->traces[at->trace].sha256);
}

/* ---- before the run ---- */

bool results_print_plan(const struct results *results, const bool *keep, FILE *file, struct error *error)
{
    const struct plan *plan = results->plan;
    struct parameters parameters = {.cell = SIZE_MAX};
    fputs("cell,label,trace,trace_sha256", file);
    for (size_t c = 0; c < plan->column_count; c++)
        fprintf(file, ",%s", plan->columns[c].name);
    putc('\n', file);
    bool good = true;
    for (size_t r = 0; good && r < results->row_count; r++) {
        if (keep && !keep[r])
            continue;
        good = parameters_of(plan, results->rows[r].cell, &parameters, error);
        if (good) {
            print_identity(results, r, true, file);
            print_parameters(plan, &parameters, file);
            putc('\n', file);
        }
    }
    parameters_free(plan, &parameters);
    return good;
}

static bool write_experiment(const struct results *results, struct error *error)
{
    struct outfile out;
    if (!outfile_open(&out, results->folder, "experiment.yaml", error))
        return false;
    fwrite(results->experiment->text, 1, results->experiment->text_bytes, out.file);
    return outfile_commit(&out, true, error);
}

bool results_write_plan(const struct results *results, struct error *error)
{
    struct outfile out;
    if (!datapackage_write(results->folder, results->experiment, results->plan, error) ||
        !write_experiment(results, error) || !outfile_open(&out, results->folder, "plan.csv", error))
        return false;
    if (!results_print_plan(results, NULL, out.file, error)) {
        outfile_abort(&out);
        return false;
    }
    return outfile_commit(&out, true, error);
}

/* ---- after it ---- */

struct tables {
    struct outfile results, intervals, timing, failed;
    void (*visit)(void *context, size_t row, const struct cell_record *record);
    void *context;
};

static bool open_tables(const struct results *results, struct tables *tables, struct error *error)
{
    const char *folder = results->folder;
    if (!outfile_open(&tables->results, folder, "results.csv", error) ||
        !outfile_open(&tables->timing, folder, "timing.csv", error) ||
        !outfile_open(&tables->failed, folder, "failed.csv", error) ||
        (results->experiment->intervals && !outfile_open(&tables->intervals, folder, "intervals.csv", error)))
        return false;
    FILE *file = tables->results.file;
    fputs("cell,label,trace,trace_sha256,status", file);
    for (size_t c = 0; c < results->plan->column_count; c++)
        fprintf(file, ",%s", results->plan->columns[c].name);
    for (size_t c = 0; c < metrics_table_count; c++)
        fprintf(file, ",%s", metrics_table[c].name);
    putc('\n', file);
    fputs("cell,label,trace,wall_s,records_per_s,peak_rss_bytes,host,threads\n", tables->timing.file);
    fputs("cell,label,trace,message\n", tables->failed.file);
    if (tables->intervals.file) {
        fputs("cell,trace,interval", tables->intervals.file);
        for (size_t c = 0; c < intervals_table_count; c++)
            fprintf(tables->intervals.file, ",%s", intervals_table[c].name);
        putc('\n', tables->intervals.file);
    }
    return true;
}

static void print_result(const struct results *results, size_t row, const struct cell_record *record,
                         const struct parameters *parameters, FILE *file)
{
    print_identity(results, row, true, file);
    fprintf(file, ",%s", record->failed ? "failed" : "ok");
    print_parameters(results->plan, parameters, file);
    for (size_t c = 0; c < metrics_table_count; c++) {
        char text[METRIC_TEXT_BYTES] = "";
        if (!record->failed)
            metric_text(&metrics_table[c], &record->metrics, text);
        fprintf(file, ",%s", text);
    }
    putc('\n', file);
}

static void print_timing(const struct results *results, size_t row, const struct cell_record *record,
                         FILE *file)
{
    print_identity(results, row, false, file);
    double wall_s = record->timing.wall_s;
    fprintf(file, ",%.6f,", wall_s);
    if (wall_s > 0)
        fprintf(file, "%.0f", (double)record->metrics.records / wall_s);
    fprintf(file, ",%" PRIu64 ",", record->timing.peak_rss_bytes);
    outfile_csv(file, record->timing.host);
    fprintf(file, ",%" PRIu64 "\n", record->timing.threads);
}

static void print_failure(const struct results *results, size_t row, const struct cell_record *record,
                          FILE *file)
{
    print_identity(results, row, false, file);
    putc(',', file);
    outfile_csv(file, record->message);
    putc('\n', file);
}

/* The cell's own rows behind the cell and the trace. */
static bool copy_intervals(const struct results *results, size_t row, FILE *file, struct error *error)
{
    const struct results_row *at = &results->rows[row];
    char *path;
    if (asprintf(&path, "%s/%s/intervals.csv", results->cells_folder, at->id) < 0)
        return error_set(error, ERROR_MEMORY, "error: no memory for a file name");
    FILE *from = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    bool good = from && getline(&line, &capacity, from) > 0;
    while (good && getline(&line, &capacity, from) > 0) {
        fprintf(file, "%s,", at->id);
        outfile_csv(file, results->traces[at->trace].name);
        fprintf(file, ",%s", line);
    }
    if (!good || !feof(from)) /* no line of its own reached the end: the file, or memory */
        good = outfile_error(error, path, "read it");
    if (from)
        fclose(from);
    free(line);
    free(path);
    return good;
}

static bool print_rows(const struct results *results, const bool *written, struct tables *tables,
                       size_t *missing, struct error *error)
{
    struct parameters parameters = {.cell = SIZE_MAX};
    bool good = true;
    *missing = 0;
    for (size_t r = 0; good && r < results->row_count; r++) {
        struct cell_record record;
        if (!results_read_row(results, r, &record)) {
            if (written && written[r]) {
                good =
                    error_set(error, ERROR_RESULTS, "%s/%s: error: cannot read it back; run again to resume",
                              results->cells_folder, results->rows[r].id);
                break;
            }
            ++*missing;
            continue;
        }
        if (tables->visit)
            tables->visit(tables->context, r, &record);
        good = parameters_of(results->plan, results->rows[r].cell, &parameters, error);
        if (!good)
            break;
        print_result(results, r, &record, &parameters, tables->results.file);
        if (record.failed)
            print_failure(results, r, &record, tables->failed.file);
        else
            print_timing(results, r, &record, tables->timing.file);
        if (!record.failed && tables->intervals.file)
            good = copy_intervals(results, r, tables->intervals.file, error);
    }
    parameters_free(results->plan, &parameters);
    return good;
}

bool results_write_tables(const struct results *results, const bool *written,
                          void (*visit)(void *context, size_t row, const struct cell_record *record),
                          void *context, size_t *missing, struct error *error)
{
    struct tables tables = {.visit = visit, .context = context};
    bool good = open_tables(results, &tables, error) && print_rows(results, written, &tables, missing, error);
    struct outfile *const files[] = {&tables.results, &tables.intervals, &tables.timing, &tables.failed};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        if (good && files[f]->file)
            good = outfile_commit(files[f], true, error);
        else
            outfile_abort(files[f]);
    }
    if (good && !results->experiment->intervals) {
        /* An earlier form of the experiment may have asked for them: they would not be of these results. */
        char *stale = outfile_join(results->folder, "intervals.csv", NULL);
        if (stale)
            unlink(stale);
        free(stale);
    }
    return good;
}
