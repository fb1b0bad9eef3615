/* dirtywalk check: explain what would run. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/machine.h"
#include "sim/base/memory.h"
#include "sim/cli/cli.h"
#include "sim/cli/estimate.h"
#include "sim/cli/foresight.h"
#include "sim/cli/human.h"
#include "sim/cli/run_plan.h"
#include "sim/cli/summary.h"
#include "sim/cli/trace_scan.h"
#include "sim/engine/pass.h"
#include "traces/trace.h"

struct check_options {
    struct cli_selection selection;
    bool cells;
    const char *resolved;
};

static const struct argp_option options[] = {
    {"cells", CLI_KEY_CELLS, NULL, 0, "print the plan as CSV", 2},
    {"resolved", CLI_KEY_RESOLVED, "CELL", 0,
     "print one cell as YAML with every default; CELL is an id, a label or a number from 0 of the plan", 2},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct check_options *check = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &check->selection;
        return 0;
    case CLI_KEY_CELLS:
        check->cells = true;
        return 0;
    case CLI_KEY_RESOLVED:
        check->resolved = argument;
        return 0;
    case ARGP_KEY_END:
        if (check->cells && check->resolved)
            argp_error(state, "--cells and --resolved: choose one");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_selection_argp, 0, NULL, 0}, {0}};

static const struct argp check_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "EXPERIMENT.yaml",
    .doc = "Read an experiment and its traces and say what would run: cells, memory, time. Nothing is run or "
           "written.\n"
           "\n"
           "  dirtywalk check exp.yaml\n"
           "  dirtywalk check exp.yaml --cells > plan.csv\n"
           "  dirtywalk check exp.yaml --resolved 0 > cell.yaml",
    .children = children,
};

/* ---- --resolved ---- */

static int print_resolved(const struct cli_loaded *loaded, const char *name)
{
    size_t row = cli_find_row(loaded, name);
    struct error error = {0};
    if (row == SIZE_MAX) {
        error_set(&error, ERROR_EXPERIMENT,
                  "--resolved %s: error: no such cell; name an id or a label (dirtywalk check --cells shows "
                  "them) or a "
                  "number from 0 to %zu",
                  name, loaded->plan->cell_count - 1);
        return cli_fail(&error);
    }
    /* An id means one trace; a label or number the cell on all of them. */
    const struct results_row *found = &loaded->results.rows[row];
    bool by_id = strcmp(found->id, name) == 0;
    char *yaml = plan_resolved_yaml(loaded->experiment, &loaded->plan->cells[found->cell],
                                    by_id ? found->trace : SIZE_MAX);
    if (!yaml) {
        error_set(&error, ERROR_MEMORY, "error: no memory to print a cell");
        return cli_fail(&error);
    }
    fputs(yaml, stdout);
    free(yaml);
    return EXIT_DONE;
}

/* ---- the estimate ---- */

static void print_estimate(const struct cli_loaded *loaded, const struct trace_scan *scans,
                           const struct run_passes *passes, struct foresight *foresight)
{
    struct estimate estimate = {0};
    struct estimate_watch watch = {foresight_tried, foresight};
    bool whole = true;
    if (passes->order_count == 0)
        printf("  estimate    nothing to do\n");
    for (size_t p = 0; p < passes->count; p++)
        whole = whole && (scans[passes->items[p].trace].counted ||
                          scans[passes->items[p].trace].facts.records >= passes->items[p].limit_records);
    if (passes->order_count > 0)
        estimate_run(&loaded->results, passes, scans, &watch, &estimate);
    char time[HUMAN_BYTES], memory[HUMAN_BYTES], disk[HUMAN_BYTES], records[HUMAN_BYTES];
    human_seconds(estimate.seconds, time);
    human_bytes(estimate.peak_bytes, memory);
    human_bytes(estimate.disk_bytes, disk);
    human_count((double)estimate.tried_records, records);
    const char *more = whole ? "" : "more than ";
    if (estimate.tried)
        printf("  estimate    %s%s on %u thread%s, %s%s of memory, %s%s on disk (up to %s records of %zu "
               "pass%s tried, as "
               "busy as the machine is now)\n",
               more, time, passes->concurrent * passes->threads,
               passes->concurrent * passes->threads == 1 ? "" : "s", more, memory, more, disk, records,
               estimate.tried_passes, estimate.tried_passes == 1 ? "" : "es");
    else if (passes->order_count > 0)
        printf("  estimate    none: the trial could not run\n");
}

/* ---- the page ---- */

static bool print_traces(const struct cli_loaded *loaded, struct trace_scan *scans, struct error *error)
{
    uint64_t bytes = 0, records = 0;
    bool whole = true;
    size_t known = 0, count = loaded->experiment->trace_count;
    for (size_t t = 0; t < count; t++) {
        if (!trace_scan(&loaded->experiment->traces[t], UINT64_MAX, &scans[t], error))
            return false;
        bytes += loaded->results.traces[t].bytes;
        records += scans[t].facts.records;
        whole = whole && scans[t].counted;
        known += loaded->experiment->traces[t].sha256 != NULL;
    }
    char size[HUMAN_BYTES], number[HUMAN_BYTES];
    human_bytes(bytes, size);
    human_count((double)records, number);
    printf("  traces      %zu file%s, %s%s records, %s, %zu with the SHA-256 that the experiment expects\n",
           count, count == 1 ? "" : "s", whole ? "" : "more than ", number, size, known);
    return true;
}

static void print_memory(const struct cli_loaded *loaded, const struct run_passes *passes)
{
    uint64_t most = 0;
    size_t longest = 0;
    if (passes->order_count == 0)
        return;
    for (size_t p = 0; p < passes->count; p++)
        longest = passes->items[p].count > longest ? passes->items[p].count : longest;
    for (size_t o = 0; o < passes->order_count; o++) {
        uint64_t bytes =
            pass_cell_bytes(&loaded->plan->cells[loaded->results.rows[passes->order[o]].cell].config);
        most = bytes > most ? bytes : most;
    }
    char each[HUMAN_BYTES], ceiling[HUMAN_BYTES];
    human_bytes(most, each);
    human_bytes(memory_limit_get(), ceiling);
    printf("  memory      from %s per cell, more with the pages it touches; up to %zu cells share a pass, "
           "%zu pass%s, "
           "ceiling %s\n",
           each, longest, passes->count, passes->count == 1 ? "" : "es", ceiling);
}

/* The cells of the plan that waiting rows belong to are looked for in the default folder. */
static bool look_for_finished(struct cli_loaded *loaded, struct run_outcome *outcome, struct error *refusal,
                              char **folder, struct error *error)
{
    bool exists = false;
    *folder = cli_output_folder(NULL, loaded->experiment);
    if (!*folder)
        return error_set(error, ERROR_MEMORY, "error: no memory to begin with");
    results_folder_fits(&loaded->results, *folder, false, &exists, refusal);
    return results_look_in_folder(&loaded->results, *folder, error) &&
           run_plan_look(&loaded->results, loaded->selected, !exists, outcome, error);
}

static bool explain(struct cli_loaded *loaded, struct trace_scan *scans, struct run_outcome *outcome,
                    struct run_passes *passes, struct error *error)
{
    struct machine machine;
    machine_look(&machine);
    memory_limit_set(machine.memory_bytes / 4 * 3);
    char *folder = NULL;
    struct error refusal = {0};
    bool good =
        look_for_finished(loaded, outcome, &refusal, &folder, error) &&
        run_passes_deal(&loaded->results, outcome, machine.cores, RUN_PASS_CELLS, NULL, passes, error);
    if (good) {
        printf("%s   %s\n", loaded->experiment->name, loaded->experiment->file);
        if (loaded->experiment->question)
            printf("  question    %s\n", loaded->experiment->question);
        good = print_traces(loaded, scans, error);
    }
    if (good) {
        printf("  cells       %zu x %zu trace%s = %zu; %zu chosen, %zu of them already done in %s\n",
               loaded->plan->cell_count, loaded->experiment->trace_count,
               loaded->experiment->trace_count == 1 ? "" : "s", loaded->results.row_count,
               loaded->selected_count, outcome->resumed, folder);
        print_memory(loaded, passes);
        struct foresight *foresight = foresight_new(&loaded->results);
        print_estimate(loaded, scans, passes, foresight);
        for (size_t t = 0; t < loaded->experiment->trace_count; t++)
            fputs(scans[t].remarks ? scans[t].remarks : "", stdout);
        if (refusal.kind != ERROR_NONE)
            printf("  note        `run` will refuse the folder: %s\n", refusal.text);
        foresight_print(foresight, passes, scans, stdout);
        foresight_free(foresight);
    }
    free(folder);
    return good;
}

static int check_loaded(const struct check_options *check, struct cli_loaded *loaded)
{
    struct error error = {0};
    if (check->resolved)
        return print_resolved(loaded, check->resolved);
    if (check->cells)
        return results_print_plan(&loaded->results, loaded->selected, stdout, &error) ? EXIT_DONE
                                                                                      : cli_fail(&error);
    struct run_outcome outcome = {0};
    struct run_passes passes = {0};
    struct trace_scan *scans = memory_zeroed(loaded->experiment->trace_count, sizeof *scans, &error);
    bool good = scans && explain(loaded, scans, &outcome, &passes, &error);
    run_passes_free(&passes);
    run_outcome_free(&outcome);
    for (size_t t = 0; scans && t < loaded->experiment->trace_count; t++)
        free(scans[t].remarks);
    memory_free(scans);
    return good ? EXIT_DONE : cli_fail(&error);
}

int cmd_check(int argc, char **argv)
{
    struct check_options check = {0};
    struct cli_loaded loaded = {0};
    if (!cli_parse(&check_argp, argc, argv, 0, &check))
        return EXIT_USAGE;
    int code = cli_load(&check.selection, &loaded);
    if (code == EXIT_DONE)
        code = check_loaded(&check, &loaded);
    cli_loaded_free(&loaded);
    cli_selection_free(&check.selection);
    return code;
}
