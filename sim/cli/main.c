/* dirtywalk COMMAND: finds the command and hands over (interface.md 1). */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirtywalk_version.h"
#include "sim/cli/cli.h"

const char *argp_program_version = "dirtywalk " DIRTYWALK_VERSION " (" DIRTYWALK_COMMIT ")";

static const char doc[] =
    "Replay recorded DMA traces through IOMMU page tables and dirty-tracking designs.\n"
    "\n"
    "  dirtywalk run configs/examples/first.yaml      a first result in seconds\n"
    "  dirtywalk check configs/examples/first.yaml    what would run, and how long\n"
    "  dirtywalk run exp.yaml -s harvest.interval=1s  the same with one key changed\n"
    "  dirtywalk list models                          the hardware designs\n"
    "\n"
    "Commands\n"
    "  run EXPERIMENT.yaml     replay, write a results folder, print a summary\n"
    "  check EXPERIMENT.yaml   explain what would run; run nothing\n"
    "  show RESULTS            tables of finished results\n"
    "  tables EXPERIMENT.yaml  a cell's page tables and caches at a time\n"
    "  report RESULTS...       make the tables and report.html again from finished cells\n"
    "  list [KIND[/NAME]]      models, methods, policies, keys, columns, limits\n"
    "  trace COMMAND FILE...   look at traces and make new ones (dirtywalk trace --help)\n"
    "\v"
    "`dirtywalk COMMAND --help' shows the options of one command.\n"
    "Exit codes: 0 all done, 1 some cells failed, 2 usage or experiment error, 3 a trace cannot be read or "
    "is "
    "corrupt, 4 results cannot be written, 130 and 143 interrupted (run again to resume).";

static const char *const commands[] = {"run", "check", "show", "tables", "report", "list", "trace"};

struct command_line {
    int command_index; /* in argv */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    struct command_line *line = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        /* The rest belongs to the command. */
        line->command_index = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_state_help(state, stderr, ARGP_HELP_STD_ERR);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp main_argp = {.parser = parse, .args_doc = "COMMAND [ARG...]", .doc = doc};

/* The command whose first letters agree best, for a mistyped one. */
static const char *nearest_command(const char *given)
{
    const char *best = NULL;
    size_t best_common = 0;
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        size_t common = 0;
        while (given[common] && given[common] == commands[c][common])
            common++;
        if (common > best_common) {
            best_common = common;
            best = commands[c];
        }
    }
    return best;
}

static int unknown_command(const char *name)
{
    const char *nearest = nearest_command(name);
    fprintf(stderr, "dirtywalk: error: unknown command \"%s\"", name);
    if (nearest)
        fprintf(stderr, "; did you mean \"%s\"?\n", nearest);
    else
        fprintf(stderr, "; there are run, check, show, tables, report, list and trace (dirtywalk --help)\n");
    return EXIT_USAGE;
}

static int run_command(int argc, char **argv, int at)
{
    char name[64];
    const char *command = argv[at];
    snprintf(name, sizeof name, "dirtywalk %s", command);
    /* argp takes the name for its messages from argv[0]. */
    char **rest = calloc((size_t)(argc - at) + 1, sizeof *rest);
    if (!rest) {
        fputs("dirtywalk: error: no memory\n", stderr);
        return EXIT_USAGE;
    }
    memcpy(rest, argv + at, (size_t)(argc - at) * sizeof *rest);
    rest[0] = name;
    int code;
    if (strcmp(command, "run") == 0)
        code = cmd_run(argc - at, rest, argc, argv);
    else if (strcmp(command, "check") == 0)
        code = cmd_check(argc - at, rest);
    else if (strcmp(command, "show") == 0)
        code = cmd_show(argc - at, rest);
    else if (strcmp(command, "tables") == 0)
        code = cmd_tables(argc - at, rest);
    else if (strcmp(command, "report") == 0)
        code = cmd_report(argc - at, rest);
    else if (strcmp(command, "list") == 0)
        code = cmd_list(argc - at, rest);
    else if (strcmp(command, "trace") == 0)
        code = cmd_trace(argc - at, rest);
    else
        code = unknown_command(command);
    free(rest);
    return code;
}

int main(int argc, char **argv)
{
    struct command_line line = {0};
    argp_err_exit_status = EXIT_USAGE;
    if (!cli_parse(&main_argp, argc, argv, ARGP_IN_ORDER, &line) || line.command_index == 0)
        return EXIT_USAGE;
    int code = run_command(argc, argv, line.command_index);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("dirtywalk: error: cannot write to standard output\n", stderr);
        return code == EXIT_DONE ? EXIT_RESULTS : code;
    }
    return code;
}
