/* dirtywalk list: what exists. */
#include <stdio.h>

#include "configs/list.h"
#include "configs/schema.h"
#include "sim/cli/cli.h"

struct list_options {
    const char *what;
    enum list_format format;
    bool schema;
};

static const struct argp_option options[] = {
    {"schema", CLI_KEY_SCHEMA, NULL, 0, "the JSON Schema of the experiment file", 1},
    {"markdown", CLI_KEY_MARKDOWN, NULL, 0, "as a page of documentation", 1},
    {"json", CLI_KEY_JSON, NULL, 0, "as JSON", 1},
    {"quiet", 'q', NULL, 0, "no effect here", 8},
    {"verbose", 'v', NULL, 0, "no effect here", 8},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct list_options *list = state->input;
    switch (key) {
    case CLI_KEY_SCHEMA:
        list->schema = true;
        return 0;
    case CLI_KEY_MARKDOWN:
        list->format = LIST_MARKDOWN;
        return 0;
    case CLI_KEY_JSON:
        list->format = LIST_JSON;
        return 0;
    case 'q':
    case 'v':
        return 0;
    case ARGP_KEY_ARG:
        if (list->what)
            argp_error(state, "one kind at a time: \"%s\" is one too many", argument);
        list->what = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp list_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "[KIND[/NAME]]",
    .doc = "Show what exists: every choice that YAML can name, every key, column and limit.\n"
           "\n"
           "  dirtywalk list                    everything\n"
           "  dirtywalk list models             the hardware designs\n"
           "  dirtywalk list keys/iotlb.entries one key\n"
           "  dirtywalk list columns --markdown the columns of results.csv, as a page\n"
           "  dirtywalk list --schema           for editors",
};

int cmd_list(int argc, char **argv)
{
    struct list_options list = {.format = LIST_PLAIN};
    struct error error = {0};
    if (!cli_parse(&list_argp, argc, argv, 0, &list))
        return EXIT_USAGE;
    bool good =
        list.schema ? schema_write(stdout, &error) : list_write(stdout, list.what, list.format, &error);
    return good ? EXIT_DONE : cli_fail(&error);
}
