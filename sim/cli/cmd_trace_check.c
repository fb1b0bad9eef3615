/* dirtywalk trace check: reads everything and says whether it is sound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/units.h"
#include "sim/cli/cli.h"
#include "sim/cli/cmd_trace.h"
#include "sim/cli/interrupt.h"
#include "traces/native/native.h"

struct check_options {
    struct trace_common common;
    char **files;
    size_t count;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    struct check_options *check = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &check->common;
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
    .parser = parse,
    .args_doc = "FILE...",
    .doc =
        "Read every record, checksum, index and summary of traces and say whether they are sound. Exit code "
        "3: at least one is not.\n"
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

static bool read_all(const char *path, struct trace *trace, struct trace_facts *facts,
                     struct trace_meter *meter, struct error *error)
{
    struct trace_batch batch;
    do {
        if (!trace_next(trace, &batch, error))
            return false;
        trace_facts_add(facts, &batch);
        if (!trace_meter_step(meter, batch.count, error))
            return false;
    } while (batch.count > 0);
    trace_input_warn(path, trace);
    return true;
}

static bool check_file(const struct check_options *options, const char *path, struct trace_facts *facts,
                       struct trace_meter *meter, struct error *error)
{
    struct trace *trace;
    const char *format = trace_input_format(path, options->common.from);
    if (!trace_input_open(path, &options->common, &trace, error))
        return false;
    bool good = read_all(path, trace, facts, meter, error);
    trace_close(trace);
    return good && (!format || strcmp(format, "native") != 0 || check_native(path, error));
}

int cmd_trace_check(int argc, char **argv)
{
    struct check_options options = {0};
    if (!cli_parse(&check_argp, argc, argv, 0, &options))
        return EXIT_USAGE;
    int code = EXIT_DONE;
    struct trace_facts *facts = calloc(1, sizeof *facts);
    if (!facts)
        return cli_fail(&(struct error){ERROR_MEMORY, "out of memory"});
    for (size_t f = 0; f < options.count; f++) {
        const char *path = options.files[f];
        struct error error = {0};
        struct trace_meter meter;
        memset(facts, 0, sizeof *facts);
        trace_meter_begin(&meter, &options.common, "check", 0);
        bool good = check_file(&options, path, facts, &meter, &error);
        trace_meter_end(&meter);
        if (!good && error.kind == ERROR_INTERRUPTED) {
            fputs("interrupted\n", stderr);
            code = EXIT_SIGNAL + interrupt_signal();
            break;
        }
        if (!good) {
            int failed = cli_fail(&error);
            code = failed == EXIT_TRACE || code == EXIT_DONE ? failed : code;
            continue;
        }
        char span[UNITS_TEXT_BYTES];
        if (!options.common.quiet)
            printf("%s: ok: %llu records, %llu devices, %s\n", path, (unsigned long long)facts->records,
                   (unsigned long long)facts->device_count,
                   units_format_time(facts->last_time_ns - facts->first_time_ns, span));
    }
    free(facts);
    return code;
}
