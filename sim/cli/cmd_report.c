/* dirtywalk report: tables and report.html of folders whose cells are finished. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/folder.h"
#include "analysis/report.h"
#include "sim/cli/cli.h"

struct report_command {
    const char **folders; /* owned array, borrowed texts */
    size_t count;
    const char *keep;
    bool quiet, verbose;
};

static const struct argp_option options[] = {
    {"keep", 'k', "PATTERN", 0, "only cells whose label matches this glob are in report.html", 1},
    {"quiet", 'q', NULL, 0, "only errors and warnings", 8},
    {"verbose", 'v', NULL, 0, "say more about what is being done", 8},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct report_command *command = state->input;
    switch (key) {
    case 'k':
        command->keep = argument;
        return 0;
    case 'q':
        command->quiet = true;
        return 0;
    case 'v':
        command->verbose = true;
        return 0;
    case ARGP_KEY_ARG: {
        const char **grown = realloc(command->folders, (command->count + 1) * sizeof *grown);
        if (!grown)
            return ENOMEM;
        command->folders = grown;
        command->folders[command->count++] = argument;
        return 0;
    }
    case ARGP_KEY_END:
        if (command->count == 0)
            argp_error(state, "which results? Name the folder that `dirtywalk run' wrote");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp report_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "RESULTS...",
    .doc = "Write the tables and report.html of results folders anew, from the cells that are finished. "
           "Nothing is "
           "computed again; a cell that cannot be read is left out and counted.\n"
           "\n"
           "  dirtywalk report results/first\n"
           "  dirtywalk report results/*                    all of them\n"
           "  dirtywalk report results/first -k '*smmu-s1*' a page of these cells alone",
};

static int report_folder(const struct report_command *command, const char *path)
{
    struct error error = {0};
    struct folder folder;
    struct report_options report = {.keep_pattern = command->keep, .keeps = cli_keeps};
    bool good = folder_open(&folder, path, &error) &&
                folder_write_tables(&folder, NULL, NULL, NULL, &report.rows, &error) &&
                report_write(&folder, &report, &error);
    if (good && !command->quiet)
        printf("report    %s/report.html%s\n", folder.path,
               report_has_charts() ? "" : "   (tables only: built without libjs-chart.js)");
    if (good && report.rows.missing > 0)
        fprintf(stderr,
                "warning   %s: %zu of the plan's %zu rows are not there yet or cannot be read; run the "
                "experiment "
                "again to complete them\n",
                folder.path, report.rows.missing, report.rows.planned);
    if (good && command->verbose)
        fprintf(stderr, "dirtywalk: %zu rows from the cells in %s/cells\n",
                report.rows.planned - report.rows.missing, folder.path);
    folder_close(&folder);
    return good ? EXIT_DONE : cli_fail(&error);
}

int cmd_report(int argc, char **argv)
{
    struct report_command command = {0};
    int code = EXIT_DONE;
    if (!cli_parse(&report_argp, argc, argv, 0, &command)) {
        free(command.folders);
        return EXIT_USAGE;
    }
    /* One folder that fails does not keep the others from theirs; the gravest code counts. */
    for (size_t f = 0; f < command.count; f++) {
        int one = report_folder(&command, command.folders[f]);
        if (one > code)
            code = one;
    }
    free(command.folders);
    return code;
}
