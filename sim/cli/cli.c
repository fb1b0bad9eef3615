#include "sim/cli/cli.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/units.h"

/* ---- options ---- */

bool cli_parse_count(const char *text, uint64_t most, uint64_t *count)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *count = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *count <= most;
}

bool cli_parse_size(const char *text, uint64_t *bytes)
{
    return units_parse_size(text, bytes, NULL) && *bytes > 0;
}

static bool parse_shard(const char *text, struct cli_selection *selection)
{
    const char *slash = strchr(text, '/');
    char index[24];
    if (!slash || (size_t)(slash - text) >= sizeof index)
        return false;
    memcpy(index, text, (size_t)(slash - text));
    index[slash - text] = '\0';
    return cli_parse_count(slash + 1, UINT32_MAX, &selection->shard_count) &&
           cli_parse_count(index, UINT32_MAX, &selection->shard) && selection->shard < selection->shard_count;
}

static const struct argp_option selection_options[] = {
    {"set", 's', "KEY=VALUE", 0,
     "override one dotted key of the experiment; VALUE is read like YAML; repeats", 1},
    {"keep", 'k', "PATTERN", 0, "only cells whose label matches this glob, or has this plain word", 1},
    {"shard", 'S', "I/N", 0, "only the I-th, from 0, of N equal parts of the plan", 1},
    {"quiet", 'q', NULL, 0, "only errors and warnings", 8},
    {"verbose", 'v', NULL, 0, "say more about what is being done", 8},
    {0},
};

static error_t parse_selection(int key, char *argument, struct argp_state *state)
{
    struct cli_selection *selection = state->input;
    switch (key) {
    case 's': {
        const char *equals = strchr(argument, '=');
        if (!equals || equals == argument)
            argp_error(state, "--set %s: is not KEY=VALUE; write --set harvest.interval=10ms", argument);
        const char **grown = realloc(selection->sets, (selection->set_count + 1) * sizeof *grown);
        if (!grown)
            return ENOMEM;
        selection->sets = grown;
        selection->sets[selection->set_count++] = argument;
        return 0;
    }
    case 'k':
        selection->keep = argument;
        return 0;
    case 'S':
        if (!parse_shard(argument, selection))
            argp_error(state, "--shard %s: is not I/N with 0 <= I < N; write --shard 0/4 ... --shard 3/4",
                       argument);
        return 0;
    case 'q':
        selection->quiet = true;
        return 0;
    case 'v':
        selection->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        if (selection->experiment_path)
            argp_error(state, "one experiment at a time: \"%s\" is one too many", argument);
        selection->experiment_path = argument;
        return 0;
    case ARGP_KEY_END:
        if (!selection->experiment_path)
            argp_error(state, "which experiment? Name its YAML file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_selection_argp = {.options = selection_options, .parser = parse_selection};

void cli_selection_free(struct cli_selection *selection)
{
    free(selection->sets);
    selection->sets = NULL;
}

/* ---- errors ---- */

bool cli_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
    if (argp_parse(argp, argc, argv, flags, NULL, input) == 0)
        return true;
    fputs("dirtywalk: error: out of memory\n", stderr);
    return false;
}

int cli_fail(const struct error *error)
{
    if (strstr(error->text, "error: "))
        fprintf(stderr, "%s\n", error->text);
    else
        fprintf(stderr, "dirtywalk: error: %s\n", error->text);
    switch (error->kind) {
    case ERROR_TRACE:
        return EXIT_TRACE;
    case ERROR_RESULTS:
        return EXIT_RESULTS;
    case ERROR_CELL:
        return EXIT_CELLS_FAILED;
    case ERROR_NONE:
    case ERROR_EXPERIMENT:
    case ERROR_MEMORY:
    case ERROR_INTERRUPTED:
        break;
    }
    return EXIT_USAGE;
}

void cli_print_messages(const struct error_list *messages)
{
    size_t shown = error_list_shown(messages);
    for (size_t e = 0; e < shown; e++)
        fprintf(stderr, "%s\n", messages->errors[e].text);
    size_t hidden = messages->error_count - shown + messages->dropped;
    if (shown == 0 && hidden > 0)
        fputs("dirtywalk: error: out of memory\n", stderr);
    else if (hidden > 0)
        fprintf(stderr, "and %zu more errors\n", hidden);
    for (size_t w = 0; w < messages->warning_count; w++)
        fprintf(stderr, "%s\n", messages->warnings[w].text);
}

/* ---- the experiment ---- */

static bool load_plan(const struct cli_selection *selection, struct cli_loaded *loaded)
{
    struct error_list messages = {0};
    bool good = experiment_load(selection->experiment_path, selection->sets, selection->set_count,
                                &loaded->experiment, &messages) &&
                plan_build(loaded->experiment, &loaded->plan, &messages);
    cli_print_messages(&messages);
    error_list_free(&messages);
    return good;
}

bool cli_keeps(const char *pattern, const char *label)
{
    return strpbrk(pattern, "*?[\\") ? fnmatch(pattern, label, 0) == 0 : strstr(label, pattern) != NULL;
}

/* --keep first, then the parts, so that the shards of what is kept are equal. */
static bool select_rows(const struct cli_selection *selection, struct cli_loaded *loaded, struct error *error)
{
    const struct results *results = &loaded->results;
    loaded->selected = memory_zeroed(results->row_count, sizeof *loaded->selected, error);
    if (!loaded->selected)
        return false;
    uint64_t kept = 0;
    for (size_t r = 0; r < results->row_count; r++) {
        const char *label = loaded->plan->cells[results->rows[r].cell].label;
        loaded->selected[r] = !selection->keep || cli_keeps(selection->keep, label);
        kept += loaded->selected[r];
    }
    if (kept == 0)
        return error_set(
            error, ERROR_EXPERIMENT,
            "--keep %s: error: matches no label of the plan; the first label is \"%s\" (dirtywalk check "
            "--cells shows all)",
            selection->keep, loaded->plan->cells[0].label);
    uint64_t count = selection->shard_count ? selection->shard_count : 1;
    uint64_t first = kept * selection->shard / count, end = kept * (selection->shard + 1) / count;
    uint64_t at = 0;
    for (size_t r = 0; r < results->row_count; r++) {
        if (!loaded->selected[r])
            continue;
        loaded->selected[r] = at >= first && at < end;
        loaded->selected_count += loaded->selected[r];
        at++;
    }
    return true;
}

int cli_load(const struct cli_selection *selection, struct cli_loaded *loaded)
{
    *loaded = (struct cli_loaded){0};
    if (!load_plan(selection, loaded))
        return EXIT_USAGE;
    struct error error = {0};
    if (!results_init(&loaded->results, loaded->experiment, loaded->plan, &error) ||
        !select_rows(selection, loaded, &error))
        return cli_fail(&error);
    return EXIT_DONE;
}

void cli_loaded_free(struct cli_loaded *loaded)
{
    memory_free(loaded->selected);
    results_free(&loaded->results);
    plan_free(loaded->plan);
    experiment_free(loaded->experiment);
    *loaded = (struct cli_loaded){0};
}

size_t cli_find_row(const struct cli_loaded *loaded, const char *name)
{
    const struct results *results = &loaded->results;
    uint64_t index;
    for (size_t r = 0; r < results->row_count; r++)
        if (strcmp(results->rows[r].id, name) == 0 ||
            strcmp(loaded->plan->cells[results->rows[r].cell].label, name) == 0)
            return r;
    /* An id may be all digits, so numbers come last. */
    if (cli_parse_count(name, loaded->plan->cell_count - 1, &index))
        return (size_t)index * loaded->experiment->trace_count;
    return SIZE_MAX;
}

char *cli_output_folder(const char *given, const struct experiment *experiment)
{
    char *folder;
    if (given)
        folder = strdup(given);
    else if (asprintf(&folder, "results/%s", experiment->name) < 0)
        folder = NULL;
    /* A slash at the end would show in every message. */
    size_t length = folder ? strlen(folder) : 0;
    while (length > 1 && folder[length - 1] == '/')
        folder[--length] = '\0';
    return folder;
}
