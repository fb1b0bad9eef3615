/* dirtywalk tables: a cell's page tables and caches at a time. */
#include "sim/cli/cmd_tables.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/units.h"
#include "sim/cli/remarks.h"
#include "traces/device.h"
#include "traces/trace.h"

struct tables_options {
    struct cli_selection selection;
    const char *cell, *trace; /* or NULL */
    uint64_t time_ns;         /* INSPECT_END: the end of the trace */
    bool has_device;
    uint16_t device; /* whose domain */
    bool has_range;
    struct span range;
    bool json;
};

/* ---- options ---- */

static const struct argp_option options[] = {
    {"cell", CLI_KEY_CELL, "CELL", 0,
     "an id, a label or a number from 0 of the plan (default: the first that --keep leaves)", 2},
    {"trace", CLI_KEY_TRACE, "PATTERN", 0,
     "the first trace whose name matches or holds this (default: the first)", 2},
    {"at", CLI_KEY_AT, "TIME", 0,
     "after the first record, as 250ms (default: the end of the trace, before the final harvest)", 2},
    {"domain", CLI_KEY_DOMAIN, "DEVICE", 0,
     "the domain of this device: 4, 0x20 or 00:04.0 (default: the first)", 2},
    {"range", CLI_KEY_RANGE, "IOVA,SIZE", 0, "only what overlaps this, as 0x40000000,2MiB", 2},
    {"json", CLI_KEY_JSON, NULL, 0, "one JSON document", 2},
    {0},
};

static void parse_range(const char *text, struct tables_options *tables, struct argp_state *state)
{
    char iova[UNITS_TEXT_BYTES];
    const char *comma = strchr(text, ',');
    struct error cause = {0};
    uint64_t bytes = 0;
    if (!comma || (size_t)(comma - text) >= sizeof iova)
        argp_error(state, "--range %s: is not IOVA,SIZE; write --range 0x40000000,2MiB", text);
    memcpy(iova, text, (size_t)(comma - text));
    iova[comma - text] = '\0';
    if (!units_parse_address(iova, &tables->range.first, &cause) ||
        !units_parse_size(comma + 1, &bytes, &cause))
        argp_error(state, "--range %s: %s", text, cause.text);
    if (bytes == 0 || bytes - 1 > UINT64_MAX - tables->range.first)
        argp_error(state, "--range %s: %s", text,
                   bytes == 0 ? "holds no byte; write --range 0x40000000,2MiB" : "reaches beyond 2^64");
    tables->range.last = tables->range.first + (bytes - 1);
    tables->has_range = true;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct tables_options *tables = state->input;
    struct error cause = {0};
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &tables->selection;
        return 0;
    case CLI_KEY_CELL:
        tables->cell = argument;
        return 0;
    case CLI_KEY_TRACE:
        tables->trace = argument;
        return 0;
    case CLI_KEY_AT:
        if (!units_parse_time(argument, &tables->time_ns, &cause))
            argp_error(state, "--at: %s", cause.text);
        return 0;
    case CLI_KEY_DOMAIN:
        if (!trace_device_parse(argument, &tables->device))
            argp_error(state,
                       "--domain %s: is not a device; write a number to 65535 or an address as 00:04.0",
                       argument);
        tables->has_device = true;
        return 0;
    case CLI_KEY_RANGE:
        parse_range(argument, tables, state);
        return 0;
    case CLI_KEY_JSON:
        tables->json = true;
        return 0;
    case ARGP_KEY_END:
        if (tables->cell && tables->selection.keep)
            argp_error(state, "--cell and --keep: choose one");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&cli_selection_argp, 0, NULL, 0}, {0}};

static const struct argp tables_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "EXPERIMENT.yaml",
    .doc =
        "Replay one cell up to a time and show its page tables as they stand then, level by level, each "
        "entry "
        "as its 64-bit image and in words, and what IOTLB and walk caches hold. Nothing is written.\n"
        "\n"
        "  dirtywalk tables exp.yaml\n"
        "  dirtywalk tables exp.yaml --at 250ms --range 0x40000000,2MiB\n"
        "  dirtywalk tables exp.yaml --cell 3 --domain 00:04.0 --json\n"
        "\v"
        "At TIME every record before it has been replayed, and what is due at it has been done as if a "
        "record "
        "came then: deferred flushes, the start, harvests, the stop. Equal neighbours are one line; absent "
        "entries are shown only where the IOTLB still translates. Tables have no address in the simulator: "
        "they are given made-up ones, the root its own size, the others in order of the list.",
    .children = children,
};

/* ---- what is looked at ---- */

static bool matches_trace(const struct cli_loaded *loaded, size_t row, const char *pattern)
{
    const char *name = loaded->results.traces[loaded->results.rows[row].trace].name;
    return !pattern || fnmatch(pattern, name, 0) == 0 || strstr(name, pattern);
}

/* Of a cell named by id the trace is chosen with it. */
static bool choose_row(const struct tables_options *tables, const struct cli_loaded *loaded, size_t *row,
                       struct error *error)
{
    const struct results *results = &loaded->results;
    size_t first = tables->cell ? cli_find_row(loaded, tables->cell) : 0;
    if (first == SIZE_MAX)
        return error_set(
            error, ERROR_EXPERIMENT,
            "--cell %s: error: no such cell; name an id or a label (dirtywalk check --cells shows "
            "them) or a number from 0 to %zu",
            tables->cell, loaded->plan->cell_count - 1);
    bool by_id = tables->cell && strcmp(results->rows[first].id, tables->cell) == 0;
    for (size_t r = first; r < results->row_count; r++) {
        bool wanted = !tables->cell ? loaded->selected[r]
                      : by_id       ? r == first
                                    : results->rows[r].cell == results->rows[first].cell;
        if (wanted && matches_trace(loaded, r, tables->trace)) {
            *row = r;
            return true;
        }
    }
    return error_set(error, ERROR_EXPERIMENT,
                     "--trace %s: error: matches no trace of the cell; the first of the experiment is \"%s\"",
                     tables->trace ? tables->trace : "*", results->traces[0].name);
}

bool tables_is_attached(const struct tables_view *view, uint16_t device)
{
    const struct inspection *seen = view->seen;
    const struct attachment *attachment = seen->attachment;
    if (attachment->devices)
        return attachment->devices[view->domain] == device;
    return (seen->facts->devices[device / 8] >> (device % 8) & 1) != 0 ||
           (seen->facts->device_count == 0 && device == 0);
}

const char *tables_cause(uint8_t leaf)
{
    switch (leaf & LEAF_CAUSE) {
    case CAUSE_ATS:
        return "ats";
    case CAUSE_RESIDUE:
        return "residue";
    case CAUSE_BORN:
        return "born";
    default:
        return "written";
    }
}

/* The domain of the device that was asked for. */
static bool choose_domain(const struct tables_options *tables, struct tables_view *view, struct error *error)
{
    const struct attachment *attachment = view->seen->attachment;
    if (!tables->has_device)
        return true;
    for (view->domain = 0; view->domain < attachment->trace.domain_count; view->domain++)
        if (tables_is_attached(view, tables->device))
            return true;
    view->domain = 0;
    uint32_t first = 0;
    while (first < UINT16_MAX && !tables_is_attached(view, (uint16_t)first))
        first++;
    char text[TRACE_DEVICE_TEXT_BYTES], there[TRACE_DEVICE_TEXT_BYTES];
    return error_set(
        error, ERROR_EXPERIMENT,
        "--domain %u (%s): error: the trace has no record of this device; its first of %llu is %u (%s)",
        tables->device, trace_device_format(tables->device, text),
        (unsigned long long)attachment->trace.device_count, first,
        trace_device_format((uint16_t)first, there));
}

/* ---- looking ---- */

struct looking {
    const struct tables_options *options;
    const struct cli_loaded *loaded;
    size_t row;
};

static bool look(void *context, const struct inspection *seen, struct error *error)
{
    const struct looking *looking = context;
    const struct tables_options *tables = looking->options;
    struct tables_view view = {.loaded = looking->loaded,
                               .row = looking->row,
                               .seen = seen,
                               .at_end = tables->time_ns == INSPECT_END,
                               .range_given = tables->has_range,
                               .range = tables->range};
    return choose_domain(tables, &view, error) &&
           (tables->json ? tables_print_json(&view, error) : tables_print_text(&view, error));
}

static bool show_row(const struct tables_options *tables, const struct cli_loaded *loaded, size_t row,
                     struct error *error)
{
    const struct results_row *place = &loaded->results.rows[row];
    const struct experiment_trace *given = &loaded->experiment->traces[place->trace];
    const struct cell_config *config = &loaded->plan->cells[place->cell].config;
    struct looking looking = {tables, loaded, row};
    struct trace *trace;
    if (!trace_open(given->path, given->format, config->limit_records, &trace, error))
        return false;
    bool good = inspect_cell(trace, config, tables->time_ns, look, &looking, error);
    char lead[PATH_MAX + 16];
    snprintf(lead, sizeof lead, "%s: warning: ", given->path);
    if (good)
        remarks_print(trace, lead, stderr);
    trace_close(trace);
    return good;
}

int cmd_tables(int argc, char **argv)
{
    struct tables_options tables = {.time_ns = INSPECT_END, .range = {0, UINT64_MAX}};
    struct cli_loaded loaded = {0};
    struct error error = {0};
    size_t row = 0;
    if (!cli_parse(&tables_argp, argc, argv, 0, &tables))
        return EXIT_USAGE;
    int code = cli_load(&tables.selection, &loaded);
    if (code == EXIT_DONE &&
        !(choose_row(&tables, &loaded, &row, &error) && show_row(&tables, &loaded, row, &error)))
        code = cli_fail(&error);
    cli_loaded_free(&loaded);
    cli_selection_free(&tables.selection);
    return code;
}
