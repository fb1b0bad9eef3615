/* What the commands share: exit codes, common options, reading an experiment, choosing rows. Only this folder
 * prints and exits. Data goes to stdout, messages to stderr (interface.md 1). */
#ifndef SIM_CLI_CLI_H
#define SIM_CLI_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/results.h"
#include "configs/experiment.h"
#include "configs/plan.h"
#include "sim/base/error.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_CELLS_FAILED = 1,
    EXIT_USAGE = 2, /* usage or experiment error: nothing ran */
    EXIT_TRACE = 3,
    EXIT_RESULTS = 4,
    EXIT_SIGNAL = 128 /* + the signal's number */
};

/* Which rows of the plan, and with which overrides: options of run and check. */
struct cli_selection {
    const char *experiment_path;
    const char **sets; /* owned array, borrowed texts */
    size_t set_count;
    const char *keep;            /* glob on the label, or a word of it, or NULL */
    uint64_t shard, shard_count; /* 0 of 1: all */
    bool quiet, verbose;
};

enum {
    CLI_KEY_FRESH = 256,
    CLI_KEY_MEMORY,
    CLI_KEY_UPDATE,
    CLI_KEY_STOP,
    CLI_KEY_PROGRESS,
    CLI_KEY_CELLS,
    CLI_KEY_RESOLVED,
    CLI_KEY_SCHEMA,
    CLI_KEY_MARKDOWN,
    CLI_KEY_JSON,
    CLI_KEY_CELL,
    CLI_KEY_TRACE,
    CLI_KEY_AT,
    CLI_KEY_DOMAIN,
    CLI_KEY_RANGE,
    CLI_KEY_CSV,
    CLI_KEY_HEALTH,
    CLI_KEY_VERIFY
};

/** argp child for -s -k -S -q -v and the experiment's path; its input is a struct cli_selection. */
extern const struct argp cli_selection_argp;
void cli_selection_free(struct cli_selection *selection);

/* An experiment, its plan and its rows. */
struct cli_loaded {
    struct experiment *experiment;
    struct plan *plan;
    struct results results;
    bool *selected; /* by row */
    size_t selected_count;
};

/** Does --keep PATTERN keep the label? A glob matches it as a whole, a plain word anywhere. */
bool cli_keeps(const char *pattern, const char *label);

/** Read everything that `selection` names, saying what is wrong on stderr. Returns an exit code; EXIT_DONE:
 * all is there. cli_loaded_free in any case. */
int cli_load(const struct cli_selection *selection, struct cli_loaded *loaded);
void cli_loaded_free(struct cli_loaded *loaded);

/** The first row of a cell, named by id (of one trace), label or number from 0 of the plan. SIZE_MAX: there is none. */
size_t cli_find_row(const struct cli_loaded *loaded, const char *name);

/** argp_parse, saying on stderr when memory runs out; what is wrong with the arguments argp says itself, and
 * exits. */
bool cli_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input);

/** Print an error on stderr and return its exit code. */
int cli_fail(const struct error *error);

/** Print the errors that error_list_shown allows, how many more there are, and the warnings on stderr. */
void cli_print_messages(const struct error_list *messages);

/** "8GiB" in bytes. False: no size (sim/base/units.h), or 0. */
bool cli_parse_size(const char *text, uint64_t *bytes);
/** A decimal integer of at most `most`. */
bool cli_parse_count(const char *text, uint64_t most, uint64_t *count);

/** The results folder: as given, or results/NAME. To be freed with free(). */
char *cli_output_folder(const char *given, const struct experiment *experiment);

/* Commands; argv[0] is "dirtywalk COMMAND". Each returns an exit code. */
int cmd_run(int argc, char **argv, int full_argc, char **full_argv);
int cmd_check(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_tables(int argc, char **argv);
int cmd_trace(int argc, char **argv);

#endif
