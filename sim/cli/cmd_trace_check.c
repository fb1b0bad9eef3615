/* dirtywalk trace check: reads everything and says whether it is sound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/doc.h"
#include "sim/base/units.h"
#include "sim/cli/cli.h"
#include "sim/cli/cmd_trace.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/remarks.h"
#include "traces/native/native.h"

struct check_options {
    struct trace_common common;
    bool json;
    char **files;
    size_t count;
};

/* One file, read. */
struct checked {
    struct trace_facts facts;
    struct trace_missing missing;
    char warning[1024]; /* "" for none */
};

static const struct argp_option check_options[] = {
    {"json", CLI_KEY_JSON, NULL, 0, "a JSON array with one object per file", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    struct check_options *check = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &check->common;
        return 0;
    case CLI_KEY_JSON:
        check->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        check->files = state->argv + state->next;
        check->count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which trace? Name its file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&trace_read_argp, 0, NULL, 0}, {0}};

static const struct argp check_argp = {
    .options = check_options,
    .parser = parse,
    .args_doc = "FILE...",
    .doc = "Read every record, checksum, index and summary of traces and say whether they are sound, and "
           "what is "
           "missing from them. Exit code 3: at least one is not sound.\n"
           "\n"
           "  dirtywalk trace check *.dwt web.csv.gz\n",
    .children = children,
};

/* A native trace also has a summary and an index, which reading from front to back does not need. */
static bool check_native(const char *path, struct error *error)
{
    struct stat status;
    struct native_file *file;
    struct error cause = {0};
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    bool good = native_file_open(path, &file, &cause);
    if (good) {
        good = native_file_check(file, &cause);
        native_file_close(file);
    }
    return good || error_set(error, cause.kind, "%s: %s", path, cause.text);
}

static bool read_all(struct trace *trace, struct checked *checked, struct trace_meter *meter,
                     struct error *error)
{
    struct trace_batch batch;
    do {
        if (!trace_next(trace, &batch, error))
            return false;
        trace_facts_add(&checked->facts, &batch);
        if (!trace_meter_step(meter, batch.count, error))
            return false;
    } while (batch.count > 0);
    const char *warning = trace_warning(trace);
    snprintf(checked->warning, sizeof checked->warning, "%s", warning ? warning : "");
    trace_add_missing(trace, &checked->missing);
    return true;
}

static bool check_file(const struct check_options *options, const char *path, struct checked *checked,
                       struct error *error)
{
    struct trace *trace;
    struct trace_meter meter;
    const char *format = trace_input_format(path, options->common.from);
    if (!trace_input_open(path, &options->common, &trace, error))
        return false;
    trace_meter_begin(&meter, &options->common, "check", 0);
    bool good = read_all(trace, checked, &meter, error);
    trace_meter_end(&meter);
    trace_close(trace);
    return good && (!format || strcmp(format, "native") != 0 || check_native(path, error));
}

static void print_text(const struct check_options *options, const char *path, const struct checked *checked)
{
    const struct trace_facts *facts = &checked->facts;
    char span[UNITS_TEXT_BYTES];
    if (checked->warning[0])
        fprintf(stderr, "%s: warning: %s\n", trace_input_shown(path), checked->warning);
    if (options->common.quiet) {
        trace_input_warn_missing(path, &checked->missing);
        return;
    }
    printf("%s: ok: %llu records, %llu devices, %s\n", path, (unsigned long long)facts->records,
           (unsigned long long)facts->device_count,
           units_format_time(facts->last_time_ns - facts->first_time_ns, span));
    if (checked->missing.count > 0)
        puts("  what is missing");
    remarks_print_missing(&checked->missing, "    ", stdout);
}

static struct json_t *describe(const char *path, const struct checked *checked, const struct error *error)
{
    const struct trace_facts *facts = &checked->facts;
    struct json_t *object = doc_put(doc_object(), "path", doc_string(path));
    object = doc_put(object, "sound", doc_boolean(error->kind == ERROR_NONE));
    if (error->kind != ERROR_NONE)
        return doc_put(object, "error", doc_string(error->text));
    object = doc_put(object, "records", doc_integer(facts->records));
    object = doc_put(object, "devices", doc_integer(facts->device_count));
    object = doc_put(object, "span_ns", doc_integer(facts->last_time_ns - facts->first_time_ns));
    object = doc_put(object, "warning", checked->warning[0] ? doc_string(checked->warning) : doc_null());
    return doc_put(object, "missing", remarks_missing_doc(&checked->missing));
}

static int check_all(const struct check_options *options, struct checked *checked, struct json_t **all)
{
    int code = EXIT_DONE;
    for (size_t f = 0; f < options->count; f++) {
        const char *path = options->files[f];
        struct error error = {0};
        memset(checked, 0, sizeof *checked);
        bool good = check_file(options, path, checked, &error);
        if (!good && error.kind == ERROR_INTERRUPTED) {
            fputs("interrupted\n", stderr);
            return EXIT_SIGNAL + interrupt_signal();
        }
        if (options->json)
            *all = doc_add(*all, describe(path, checked, &error));
        else if (good)
            print_text(options, path, checked);
        if (good)
            continue;
        int failed = cli_fail(&error);
        code = failed == EXIT_TRACE || code == EXIT_DONE ? failed : code;
    }
    return code;
}

int cmd_trace_check(int argc, char **argv)
{
    struct check_options options = {0};
    if (!cli_parse(&check_argp, argc, argv, 0, &options))
        return EXIT_USAGE;
    struct checked *checked = calloc(1, sizeof *checked);
    if (!checked)
        return cli_fail(&(struct error){ERROR_MEMORY, "out of memory"});
    struct json_t *all = options.json ? doc_array() : NULL;
    int code = check_all(&options, checked, &all);
    if (options.json && !doc_write(all, true, stdout))
        code = EXIT_RESULTS;
    free(checked);
    return code;
}
