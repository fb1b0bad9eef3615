/* dirtywalk run: replay the traces of an experiment and write its results. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/folder.h"
#include "analysis/machine.h"
#include "analysis/provenance.h"
#include "analysis/report.h"
#include "sim/base/memory.h"
#include "sim/cli/cli.h"
#include "sim/cli/human.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/run_plan.h"
#include "sim/cli/summary.h"
#include "traces/trace.h"

enum { JOBS_MOST = 1024 };

struct run_options {
    struct cli_selection selection;
    struct run_settings settings;
    const char *output;
    uint64_t jobs;         /* 0: one per core */
    uint64_t memory_bytes; /* 0: three quarters of the machine's */
    bool update;
    int argc;              /* of the whole command line, for provenance */
    char **argv;
};

/* ---- options ---- */

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "results folder (default: results/NAME)", 0},
    {"jobs", 'j', "N", 0, "worker threads; 0, the default: one per core", 0},
    {"fresh", CLI_KEY_FRESH, NULL, 0, "run finished cells again (default: resume)", 2},
    {"update", CLI_KEY_UPDATE, NULL, 0,
     "the folder's plan may change to this one: finished cells that both have are kept, results.csv follows the new plan", 2},
    {"memory", CLI_KEY_MEMORY, "SIZE", 0,
     "ceiling, as 8GiB; decides how many cells share a pass over a trace (default: 3/4 of the machine's)", 2},
    {"stop-on-error", CLI_KEY_STOP, NULL, 0, "stop at the first cell that fails (default: finish the others)",
     2},
    {"progress", CLI_KEY_PROGRESS, "auto|plain|json|never", 0,
     "on stderr; auto is a bar on a terminal, else a line each 10 s", 2},
    {0},
};

static enum progress_mode parse_progress(const char *text, struct argp_state *state)
{
    static const char *const names[] = {"auto", "plain", "json", "never"};
    for (unsigned m = 0; m < sizeof names / sizeof *names; m++)
        if (strcmp(text, names[m]) == 0)
            return (enum progress_mode)m;
    argp_error(state, "--progress %s: is not auto, plain, json or never", text);
    return PROGRESS_NEVER;
}

/* The size of batches must not change a single result; the tests use this to prove it. */
static void parse_batch(struct run_options *run, struct argp_state *state)
{
    const char *text = getenv("DIRTYWALK_BATCH_RECORDS");
    uint64_t records = TRACE_BATCH_RECORDS;
    if (text && (!cli_parse_count(text, TRACE_BATCH_RECORDS, &records) || records == 0))
        argp_error(state, "DIRTYWALK_BATCH_RECORDS=%s: is not a number from 1 to %d", text,
                   TRACE_BATCH_RECORDS);
    run->settings.batch_records = (size_t)records;
}

/* So that tests need not wait for passes that take long. */
static void parse_pass_seconds(struct run_options *run, struct argp_state *state)
{
    const char *text = getenv("DIRTYWALK_PASS_SECONDS");
    char *end = NULL;
    run->settings.pass_seconds = text ? strtod(text, &end) : RUN_PASS_SECONDS;
    if (text && (end == text || *end || !(run->settings.pass_seconds > 0)))
        argp_error(state, "DIRTYWALK_PASS_SECONDS=%s: is not a positive number", text);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct run_options *run = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &run->selection;
        return 0;
    case 'o':
        if (!argument[0])
            argp_error(state, "--output: needs the name of a folder");
        run->output = argument;
        return 0;
    case 'j':
        if (!cli_parse_count(argument, JOBS_MOST, &run->jobs))
            argp_error(state, "--jobs %s: is not a number from 0 to %d", argument, JOBS_MOST);
        return 0;
    case CLI_KEY_FRESH:
        run->settings.fresh = true;
        return 0;
    case CLI_KEY_UPDATE:
        run->update = true;
        return 0;
    case CLI_KEY_MEMORY:
        if (!cli_parse_size(argument, &run->memory_bytes))
            argp_error(state, "--memory %s: is not a size; write 512MiB or 8GiB", argument);
        return 0;
    case CLI_KEY_STOP:
        run->settings.stop_on_error = true;
        return 0;
    case CLI_KEY_PROGRESS:
        run->settings.progress = parse_progress(argument, state);
        return 0;
    case ARGP_KEY_END:
        parse_batch(run, state);
        parse_pass_seconds(run, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_selection_argp, 0, NULL, 0}, {0}};

static const struct argp run_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "EXPERIMENT.yaml",
    .doc = "Replay the traces of an experiment through its cells, write a results folder with a report, and print "
           "a summary table. "
           "Finished cells are not run again.\n"
           "\n"
           "  dirtywalk run exp.yaml -j4 --memory 8GiB\n"
           "  dirtywalk run exp.yaml -s harvest.interval=10ms -o results/fast\n"
           "  dirtywalk run exp.yaml -k '*smmu-s1*'\n"
           "  dirtywalk run exp.yaml -S 0/4      the first of four parts in one folder\n"
           "\v"
           "The environment variable DIRTYWALK_BATCH_RECORDS=N (1 to 4096) sets how many records are decoded "
           "at a time, "
           "DIRTYWALK_PASS_SECONDS=S how long a pass over a trace may take if fewer cells could share it (30; that is "
           "what an interruption loses). They are for tests: results do not depend on them.",
    .children = children,
};

/* ---- the end of a run ---- */

static bool print_end(const struct run_options *run, const struct cli_loaded *loaded,
                      const struct run_outcome *outcome, const struct summary *summary, size_t missing,
                      struct error *error)
{
    char took[HUMAN_BYTES], rate[HUMAN_BYTES];
    human_seconds(outcome->seconds, took);
    human_count(outcome->seconds > 0 ? outcome->cell_records / outcome->seconds : 0, rate);
    if (!run->selection.quiet) {
        if (!interrupt_signal() && !summary_print_table(summary, stdout, error))
            return false;
        size_t cells = outcome->resumed + outcome->done + outcome->failed;
        printf("\ndone      %zu cell%s (%zu failed, %zu resumed) in %s, %u thread%s, %s records x cells/s\n",
               cells, cells == 1 ? "" : "s", outcome->failed, outcome->resumed, took, run->settings.jobs,
               run->settings.jobs == 1 ? "" : "s", rate);
        printf("results   %s/results.csv\n", loaded->results.folder);
        if (missing > 0)
            printf("          %zu of the plan's %zu rows are not there yet\n", missing,
                   loaded->results.row_count);
        if (interrupt_signal())
            printf("report    `dirtywalk show %s` and `dirtywalk report %s` make tables and the report of what is kept\n",
                   loaded->results.folder, loaded->results.folder);
        else
            printf("report    %s/report.html%s\n", loaded->results.folder,
                   report_has_charts() ? "" : "   (tables only: built without libjs-chart.js)");
        fflush(stdout);
    }
    for (size_t t = 0; t < outcome->traces; t++)
        fputs(outcome->remarks[t] ? outcome->remarks[t] : "", stderr);
    summary_print_warnings(summary, run->selection.quiet, stderr);
    size_t strays = run->selection.quiet ? 0 : results_stray_cells(&loaded->results);
    if (strays > 0)
        fprintf(
            stderr,
            "note      %s/cells has %zu cell%s that no longer belong to the experiment; nothing is removed\n",
            loaded->results.folder, strays, strays == 1 ? "" : "s");
    return true;
}

static bool write_provenance(const struct run_options *run, const struct cli_loaded *loaded,
                             const struct run_outcome *outcome, const struct health *health, time_t start,
                             struct error *error)
{
    struct provenance_run entry = {
        .argc = run->argc,
        .argv = run->argv,
        .start = start,
        .end = time(NULL),
        .jobs = run->settings.jobs,
        .memory_ceiling_bytes = run->memory_bytes,
        .cells_run = outcome->done + outcome->failed,
        .cells_resumed = outcome->resumed,
        .cells_failed = outcome->failed,
        .health = health,
    };
    return provenance_write(&loaded->results, &entry, error);
}

/* What was asked for and what became of it, as one exit code: the gravest first. */
static int exit_code(const struct cli_loaded *loaded, const struct run_outcome *outcome)
{
    if (interrupt_signal()) {
        size_t kept = outcome->resumed + outcome->done;
        fprintf(stderr,
                "interrupted: %zu of %zu cells are kept in %s, %zu of them from this run; %zu are left: run the same "
                "command again to go on\n",
                kept, outcome->cells, loaded->results.folder, outcome->done, outcome->cells - kept);
        return EXIT_SIGNAL + interrupt_signal();
    }
    if (outcome->trace_failed)
        return EXIT_TRACE;
    return outcome->failed > 0 ? EXIT_CELLS_FAILED : EXIT_DONE;
}

/* ---- the run ---- */

/* Rows whose cells are in the folder. NULL: memory. */
static bool *list_written(const struct cli_loaded *loaded, const struct run_outcome *outcome,
                          struct error *error)
{
    const struct results *results = &loaded->results;
    bool *written = memory_zeroed(results->row_count, sizeof *written, error);
    for (size_t r = 0; written && r < results->row_count; r++) {
        enum row_state state = outcome->states[results->rows[r].same_as];
        written[r] = state == ROW_RESUMED || state == ROW_DONE || state == ROW_FAILED;
    }
    return written;
}

/* The tables, where they come from, and the report of both, which an interrupted run has no time for. */
static bool write_all(const struct run_options *run, const struct cli_loaded *loaded,
                      const struct run_outcome *outcome, struct summary *summary, time_t start,
                      struct report_options *report, struct error *error)
{
    struct folder folder = {0};
    bool *written = list_written(loaded, outcome, error);
    bool good = written && folder_open(&folder, loaded->results.folder, error) &&
                folder_write_tables(&folder, written, summary_visit, summary, &report->rows, error) &&
                write_provenance(run, loaded, outcome, &summary->everything, start, error) &&
                (interrupt_signal() || report_write(&folder, report, error));
    folder_close(&folder);
    memory_free(written);
    return good;
}

static int run_rows(struct run_options *run, struct cli_loaded *loaded, struct run_outcome *outcome,
                    struct summary *summary)
{
    struct error error = {0};
    time_t start = time(NULL);
    struct report_options report = {0};
    if (!run_plan_look(&loaded->results, loaded->selected, run->settings.fresh, outcome, &error) ||
        !results_write_plan(&loaded->results, &error))
        return cli_fail(&error);
    if (run->selection.verbose)
        fprintf(stderr, "dirtywalk: %zu cells, %zu of them done already, in %s\n", outcome->cells,
                outcome->resumed, loaded->results.folder);
    /* The ceiling is for the cells; writing the tables needs little, and must not fail for what cells used
     * up. */
    memory_limit_set(run->memory_bytes);
    bool good = run_plan(&run->settings, &loaded->results, outcome, &error);
    memory_limit_set(0);
    summary->results = &loaded->results;
    summary->selected = loaded->selected;
    if (!good || !write_all(run, loaded, outcome, summary, start, &report, &error) ||
        !print_end(run, loaded, outcome, summary, report.rows.missing, &error))
        return cli_fail(&error);
    return exit_code(loaded, outcome);
}

static int run_loaded(struct run_options *run, struct cli_loaded *loaded)
{
    struct machine machine;
    machine_look(&machine);
    run->settings.jobs = run->jobs ? (unsigned)run->jobs : machine.cores;
    if (run->memory_bytes == 0)
        run->memory_bytes = machine.memory_bytes / 4 * 3;
    struct error error = {0};
    char *folder = cli_output_folder(run->output, loaded->experiment);
    struct summary *summary = calloc(1, sizeof *summary);
    struct results_terms terms = {.shard = run->selection.shard_count > 0, .update = run->update};
    struct run_outcome outcome = {0};
    int code;
    if (!folder || !summary) {
        error_set(&error, ERROR_MEMORY, "error: no memory to begin with");
        code = cli_fail(&error);
    } else if (!results_open_folder(&loaded->results, folder, &terms, &error)) {
        code = cli_fail(&error);
    } else {
        interrupt_catch();
        code = run_rows(run, loaded, &outcome, summary);
    }
    run_outcome_free(&outcome);
    free(summary);
    free(folder);
    return code;
}

int cmd_run(int argc, char **argv, int full_argc, char **full_argv)
{
    struct run_options run = {.argc = full_argc, .argv = full_argv};
    struct cli_loaded loaded = {0};
    if (!cli_parse(&run_argp, argc, argv, 0, &run))
        return EXIT_USAGE;
    if (run.selection.quiet)
        run.settings.progress = PROGRESS_NEVER;
    int code = cli_load(&run.selection, &loaded);
    if (code == EXIT_DONE)
        code = run_loaded(&run, &loaded);
    cli_loaded_free(&loaded);
    cli_selection_free(&run.selection);
    return code;
}
