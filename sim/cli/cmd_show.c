/* dirtywalk show: tables of finished results, from their folder alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/doc.h"
#include "analysis/health.h"
#include "sim/cli/cli.h"
#include "sim/cli/show/show.h"

enum { WORDS_MAX = 64 };

struct show_command {
    const char *folder, *keep;
    char *by[WORDS_MAX], *columns[WORDS_MAX];
    size_t by_count, column_count;
    bool csv, health, json, quiet;
    struct health found;
};

static const struct argp_option options[] = {
    {"by", 'b', "KEY,KEY", 0,
     "a line for each combination of these keys (trace is one), ranges over the others", 1},
    {"columns", 'c', "C,C", 0,
     "these columns of results.csv, or iotlb_miss_rate, scanned_per_harvest, cost_ns", 1},
    {"keep", 'k', "PATTERN", 0, "only cells whose label matches this glob, or has this plain word", 1},
    {"csv", CLI_KEY_CSV, NULL, 0, "as CSV, with exact numbers and the units of results.csv", 2},
    {"health", CLI_KEY_HEALTH, NULL, 0, "what in the set-up of these results makes their numbers mean less",
     2},
    {"json", CLI_KEY_JSON, NULL, 0, "with --health: as JSON", 2},
    {"quiet", 'q', NULL, 0, "only errors and warnings", 8},
    {0},
};

/* The words between commas, which stay in `text`. */
static void split(char *text, char *words[WORDS_MAX], size_t *count, struct argp_state *state,
                  const char *option)
{
    for (char *next, *word = text; word; word = next) {
        next = strchr(word, ',');
        if (next)
            *next++ = '\0';
        if (!*word)
            argp_error(state, "%s: a name is missing; write %s ONE,OTHER", option, option);
        if (*count == WORDS_MAX)
            argp_error(state, "%s: more than %d names", option, WORDS_MAX);
        words[(*count)++] = word;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct show_command *command = state->input;
    switch (key) {
    case 'b':
        split(argument, command->by, &command->by_count, state, "--by");
        return 0;
    case 'c':
        split(argument, command->columns, &command->column_count, state, "--columns");
        return 0;
    case 'k':
        command->keep = argument;
        return 0;
    case CLI_KEY_CSV:
        command->csv = true;
        return 0;
    case CLI_KEY_HEALTH:
        command->health = true;
        return 0;
    case CLI_KEY_JSON:
        command->json = true;
        return 0;
    case 'q':
        command->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (command->folder)
            argp_error(state, "one results folder at a time: \"%s\" is one too many", argument);
        command->folder = argument;
        return 0;
    case ARGP_KEY_END:
        if (!command->folder)
            argp_error(state, "which results? Name the folder that `dirtywalk run' wrote");
        if (command->health && (command->csv || command->by_count || command->column_count))
            argp_error(state, "--health: is no table; leave --by, --columns and --csv out");
        if (command->json && !command->health)
            argp_error(state, "--json: belongs to --health; a table is printed as --csv");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp show_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "RESULTS",
    .doc =
        "Print a table of the results in a folder: what varies makes the lines, ranges stand for the rest. "
        "Nothing is "
        "computed again; a folder that is damaged or of another version is shown as far as it can be read.\n"
        "\n"
        "  dirtywalk show results/first\n"
        "  dirtywalk show results/first --by iommu.model,trace --columns missed_pages,flush_ns\n"
        "  dirtywalk show results/first --csv > table.csv\n"
        "  dirtywalk show results/first --health",
};

static bool keeps(void *context, size_t row, const char *label)
{
    const struct show_command *command = context;
    (void)row;
    return !command->keep || cli_keeps(command->keep, label);
}

static void visit(void *context, const char *id, const char *label, const char *trace,
                  const struct cell_record *record)
{
    struct show_command *command = context;
    health_visit(&command->found, id, label, trace, record);
}

/* The columns asked for, or those of a table that nobody chose. NULL: an error is in `error`. */
static struct show_column *choose_columns(const struct show_command *command, size_t *count,
                                          struct error *error)
{
    *count = command->column_count ? command->column_count : show_default_count();
    struct show_column *columns = calloc(*count, sizeof *columns);
    if (!columns)
        error_set(error, ERROR_MEMORY, "error: no memory for the table");
    for (size_t c = 0; columns && c < *count; c++) {
        if (command->column_count == 0) {
            show_default_column(c, &columns[c]);
        } else if (!show_find_column(command->columns[c], &columns[c])) {
            const char *nearest = show_nearest_column(command->columns[c]);
            error_set(error, ERROR_EXPERIMENT, "--columns %s: error: no such column%s%s%s",
                      command->columns[c],
                      nearest ? "; did you mean \"" : "; `dirtywalk list columns` has them all",
                      nearest ? nearest : "", nearest ? "\"?" : "");
            free(columns);
            columns = NULL;
        }
    }
    return columns;
}

static bool print_health(const struct show_command *command, const struct frame *frame, struct error *error)
{
    if (frame->from_table)
        return error_set(error, ERROR_RESULTS,
                         "%s: error: its cells cannot be read, and results.csv does not tell their health; what the "
                         "run found is under \"health\" in provenance.json",
                         command->folder);
    if (command->json && !doc_write(health_doc(&command->found), true, stdout) && !ferror(stdout))
        return error_set(error, ERROR_MEMORY, "error: no memory for the health of the results");
    if (!command->json && health_count(&command->found) == 0)
        puts(frame->failed < frame->row_count ? "nothing found that would make these results mean less"
                                              : "no cell was computed that could be looked at");
    else if (!command->json)
        health_print(&command->found, true, stdout);
    return true;
}

static int show_folder(struct show_command *command)
{
    struct error error = {0};
    struct frame frame = {0};
    struct frame_options how = {.keeps = keeps, .visit = visit, .context = command};
    struct show_column *columns = choose_columns(command, &how.column_count, &error);
    how.columns = columns;
    struct show_options table = {.by = command->by_count ? (const char *const *)command->by : NULL,
                                 .by_count = command->by_count,
                                 .columns_chosen = command->column_count > 0,
                                 .csv = command->csv};
    bool good = columns && frame_load(&frame, command->folder, &how, &error);
    if (good && frame.row_count == 0)
        good = error_set(&error, ERROR_EXPERIMENT, "%s: error: %s", command->folder,
                         command->keep && frame.planned > frame.missing
                             ? "--keep matches no label of its rows"
                             : "no cell is finished; run the experiment");
    good = good &&
           (command->health ? print_health(command, &frame, &error) : show_print(&frame, &table, stdout, &error));
    if (frame.note[0] && (good || frame.from_table))
        fprintf(stderr, "warning   %s\n", frame.note);
    if (good && frame.failed > 0 && !command->csv)
        fprintf(stderr, "failed    %zu of %zu rows: see failed.csv\n", frame.failed, frame.row_count);
    frame_free(&frame);
    free(columns);
    return good ? EXIT_DONE : cli_fail(&error);
}

int cmd_show(int argc, char **argv)
{
    struct show_command *command = calloc(1, sizeof *command);
    if (!command) {
        fputs("dirtywalk: error: no memory\n", stderr);
        return EXIT_USAGE;
    }
    int code = cli_parse(&show_argp, argc, argv, 0, command) ? show_folder(command) : EXIT_USAGE;
    free(command);
    return code;
}
