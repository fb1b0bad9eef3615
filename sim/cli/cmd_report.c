/* dirtywalk report: tables and report.html of folders whose cells are finished. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/folder.h"
#include "analysis/outfile.h"
#include "analysis/report.h"
#include "sim/cli/cli.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/verify.h"

struct report_command {
    const char **folders; /* owned array, borrowed texts */
    size_t count;
    const char *keep;
    bool quiet, verbose, verify;
};

static const struct argp_option options[] = {
    {"keep", 'k', "PATTERN", 0, "only cells whose label matches this glob, or has this plain word, are in report.html", 1},
    {"verify", CLI_KEY_VERIFY, NULL, 0,
     "compute every finished cell again from what its folder says, and tell what differs or does not belong "
     "(exit code 1)",
     1},
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
    case CLI_KEY_VERIFY:
        command->verify = true;
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
           "computed again unless it is asked for; a cell that cannot be read is left out and counted.\n"
           "\n"
           "  dirtywalk report results/first\n"
           "  dirtywalk report results/*                    all of them\n"
           "  dirtywalk report results/first -k '*smmu-s1*' a page of these cells alone\n"
           "  dirtywalk report results/first --verify       do the cells give these numbers?",
};

/* The tables as they were, "" where there was none; owned. */
struct old_tables {
    char *results, *intervals;
    size_t results_bytes, intervals_bytes;
};

static char *old_table(const struct folder *folder, const char *name, size_t *bytes)
{
    char *path = outfile_join(folder->path, name, NULL), *text = NULL;
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t capacity = 0;
    ssize_t length = file ? getdelim(&text, &capacity, '\0', file) : -1;
    *bytes = length > 0 ? (size_t)length : 0;
    if (file)
        fclose(file);
    free(path);
    return text;
}

static bool say_table(const struct folder *folder, const char *name, const char *before, size_t bytes)
{
    char *path = outfile_join(folder->path, name, NULL);
    size_t line = path ? verify_other_line(path, before, bytes) : 0;
    bool same = line == 0 || (line == SIZE_MAX && bytes == 0);
    if (!same && bytes == 0)
        fprintf(stderr, "differs   %s was not there to tell; it is written anew\n", path);
    else if (!same)
        fprintf(stderr, "differs   %s was not what the cells say, from line %zu on; it is written anew\n", path, line);
    free(path);
    return same;
}

static void print_outcome(const struct folder *folder, const struct verify_outcome *found)
{
    if (found->finished == 0)
        printf("verify    %s: no cell is finished, there is nothing to compute again", folder->path);
    else
        printf("verify    %s: %zu of %zu finished cells computed again give the same numbers", folder->path,
               found->same, found->finished);
    if (found->different > 0)
        printf(", %zu give%s others", found->different, found->different == 1 ? "s" : "");
    if (found->unable > 0)
        printf(", %zu cannot be computed", found->unable);
    if (found->strays > 0)
        printf("; %zu folder%s in cells/ %s to no row", found->strays, found->strays == 1 ? "" : "s",
               found->strays == 1 ? "belongs" : "belong");
    if (found->left > 0)
        printf("; %zu cell%s of another plan left alone", found->left, found->left == 1 ? "" : "s");
    putchar('\n');
}

/* The exit code. The tables have been written anew, unless nothing is known of those `before`. */
static int verify(const struct report_command *command, const struct folder *folder,
                  const struct old_tables *before, struct error *error)
{
    struct verify_outcome found;
    bool tables = !before || say_table(folder, "results.csv", before->results, before->results_bytes);
    if (before && folder->intervals)
        tables = say_table(folder, "intervals.csv", before->intervals, before->intervals_bytes) && tables;
    interrupt_catch();
    if (!verify_folder(folder, &found, error))
        return error->kind == ERROR_INTERRUPTED ? EXIT_SIGNAL + interrupt_signal() : cli_fail(error);
    if (!command->quiet)
        print_outcome(folder, &found);
    if (found.different > 0 || found.strays > 0 || found.finished == 0 || !tables)
        return EXIT_CELLS_FAILED;
    return found.unable > 0 ? EXIT_TRACE : EXIT_DONE;
}

/* Who verifies the results of others may not be allowed to change them. */
static bool is_read_only(const struct folder *folder)
{
    if (access(folder->path, W_OK) == 0)
        return false;
    fprintf(stderr, "warning   %s: cannot be written (%s): its tables and report.html stay as they are, not compared\n",
            folder->path, strerror(errno));
    return true;
}

static int report_folder(const struct report_command *command, const char *path)
{
    struct error error = {0};
    struct folder folder;
    struct report_options report = {.keep_pattern = command->keep, .keeps = cli_keeps};
    struct old_tables before = {0};
    bool good = folder_open(&folder, path, &error), writes = good && !(command->verify && is_read_only(&folder));
    if (writes && command->verify) {
        before.results = old_table(&folder, "results.csv", &before.results_bytes);
        before.intervals = old_table(&folder, "intervals.csv", &before.intervals_bytes);
    }
    if (writes)
        good = folder_write_tables(&folder, NULL, NULL, NULL, &report.rows, &error) &&
               report_write(&folder, &report, &error);
    writes = writes && good;
    if (writes && !command->quiet)
        printf("report    %s/report.html%s\n", folder.path,
               report_has_charts() ? "" : "   (tables only: built without libjs-chart.js)");
    if (good && report.rows.missing > 0)
        fprintf(stderr,
                "warning   %s: %zu of the plan's %zu rows are not there yet or cannot be read; run the "
                "experiment "
                "again to complete them\n",
                folder.path, report.rows.missing, report.rows.planned);
    if (writes && command->verbose)
        fprintf(stderr, "dirtywalk: %zu rows from the cells in %s/cells\n",
                report.rows.planned - report.rows.missing, folder.path);
    int code = !good             ? cli_fail(&error)
               : command->verify ? verify(command, &folder, writes ? &before : NULL, &error)
                                 : EXIT_DONE;
    free(before.results);
    free(before.intervals);
    folder_close(&folder);
    return code;
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
