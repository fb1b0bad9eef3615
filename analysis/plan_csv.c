/* plan.csv and what else stands in a results folder before the first cell runs (results.h). */
#include <stdlib.h>
#include <string.h>

#include "analysis/datapackage.h"
#include "analysis/outfile.h"
#include "analysis/results.h"

/* The parameters of one cell, made once for all its traces. */

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

static void print_identity(const struct results *results, size_t row, FILE *file)
{
    const struct results_row *at = &results->rows[row];
    fprintf(file, "%s,", at->id);
    outfile_csv(file, results->plan->cells[at->cell].label);
    putc(',', file);
    outfile_csv(file, results->traces[at->trace].name);
    fprintf(file, ",%s", results->traces[at->trace].sha256);
}

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
            print_identity(results, r, file);
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
    if (!datapackage_write(results->folder, results->experiment, results->plan, true, error) ||
        !write_experiment(results, error) || !outfile_open(&out, results->folder, "plan.csv", error))
        return false;
    if (!results_print_plan(results, NULL, out.file, error)) {
        outfile_abort(&out);
        return false;
    }
    return outfile_commit(&out, true, error);
}
