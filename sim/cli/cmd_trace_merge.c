/* dirtywalk trace merge: several traces onto one timeline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/text_stream.h"
#include "sim/base/units.h"
#include "sim/cli/cli.h"
#include "sim/cli/cmd_trace.h"
#include "traces/device.h"
#include "traces/merge.h"

struct merge_command {
    struct trace_common common;
    struct merge_options options;
    char **files; /* the last one is the output */
    size_t inputs;
};

static const struct argp_option merge_argp_options[] = {
    {"align", TRACE_KEY_ALIGN, "start|recorded", 0,
     "start, the default: every input begins at time 0; recorded: keep the times, which have one origin", 1},
    {"devices", TRACE_KEY_DEVICES, "remap|keep", 0,
     "remap, the default: the second input's devices move up by one PCI bus, the third's by two, or further "
     "where an id is taken; keep: equal ids are one device",
     1},
    {"spacing", TRACE_KEY_SPACING, "SIZE", 0,
     "move the iovas of the second input, and where its maps lead, up by SIZE, of the third by twice that, "
     "and so on",
     1},
    {0},
};

static bool choose(const char *argument, const char *yes, const char *no, bool *value)
{
    *value = strcmp(argument, yes) == 0;
    return *value || strcmp(argument, no) == 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    enum { LEAST = 2, PAGE_BYTES = 4096 };
    struct merge_command *merge = state->input;
    struct error cause = {0};
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &merge->common;
        return 0;
    case TRACE_KEY_ALIGN:
        if (!choose(argument, "start", "recorded", &merge->options.align_starts))
            argp_error(state, "--align %s: is neither start nor recorded", argument);
        return 0;
    case TRACE_KEY_DEVICES:
        if (!choose(argument, "remap", "keep", &merge->options.remap_devices))
            argp_error(state, "--devices %s: is neither remap nor keep", argument);
        return 0;
    case TRACE_KEY_SPACING:
        if (!units_parse_size(argument, &merge->options.spacing_bytes, &cause))
            argp_error(state, "--spacing: %s", cause.text);
        if (merge->options.spacing_bytes % PAGE_BYTES != 0)
            argp_error(state, "--spacing %s: is no multiple of 4KiB", argument);
        return 0;
    case ARGP_KEY_ARGS:
        merge->files = state->argv + state->next;
        merge->inputs = (size_t)(state->argc - state->next) - 1;
        if (merge->inputs < LEAST)
            argp_error(state, "name two or more inputs and an output");
        for (size_t i = 0, pipes = 0; i < merge->inputs; i++)
            if (strcmp(merge->files[i], "-") == 0 && pipes++ > 0)
                argp_error(state, "standard input can be one input only");
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name two or more inputs and an output");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&trace_write_argp, 0, NULL, 0}, {0}};

static const struct argp merge_argp = {
    .options = merge_argp_options,
    .parser = parse,
    .args_doc = "IN IN... OUT",
    .doc = "Put the records of several traces onto one timeline: devices or virtual machines that share an "
           "IOMMU. "
           "Records of the same time come in the order of the inputs.\n"
           "\n"
           "  dirtywalk trace merge vm1.dwt vm2.dwt both.dwt --spacing 64GiB\n"
           "  dirtywalk trace merge nic.csv disk.csv host.dwt --align recorded --devices keep\n",
    .children = children,
};

static bool copy(struct merge *merge, struct trace_writer *writer, struct trace_meter *meter,
                 struct error *error)
{
    struct trace_batch batch;
    for (;;) {
        if (!merge_next(merge, &batch, error))
            return false;
        if (batch.count == 0)
            return true;
        if (!trace_writer_add(writer, &batch, error) || !trace_meter_step(meter, batch.count, error))
            return false;
    }
}

/* "b.csv: 00:04.0 is 01:04.0" for each id that has changed; to be freed with free(). */
static char *describe(const struct merge_command *command, const struct merge *merge)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = text_open(&text, &bytes);
    if (!out)
        return NULL;
    for (size_t i = 0; i < command->inputs; i++)
        for (unsigned device = 0; device < TRACE_DEVICES; device++) {
            uint16_t becomes;
            char from[TRACE_DEVICE_TEXT_BYTES], to[TRACE_DEVICE_TEXT_BYTES];
            if (merge_device(merge, i, (uint16_t)device, &becomes) && becomes != device)
                fprintf(out, "%s: device %s is %s\n", command->files[i],
                        trace_device_format((uint16_t)device, from), trace_device_format(becomes, to));
        }
    return text_close(out, &text) ? text : NULL;
}

static int run(const struct merge_command *command, struct trace *const traces[])
{
    struct error error = {0};
    struct merge *merge = NULL;
    struct trace_writer *writer;
    struct trace_meter meter;
    const char *out = command->files[command->inputs];
    if (!merge_new(&command->options, traces, command->inputs, &merge, &error) ||
        !trace_writer_open(out, command->common.to, &writer, &error)) {
        merge_free(merge);
        return cli_fail(&error);
    }
    trace_meter_begin(&meter, &command->common, "merge", 0);
    bool good = copy(merge, writer, &meter, &error);
    char *changes = good ? describe(command, merge) : NULL;
    struct trace_missing *missing = good ? calloc(command->inputs, sizeof *missing) : NULL;
    for (size_t i = 0; missing && i < command->inputs; i++) {
        trace_add_missing(traces[i], &missing[i]);
        trace_input_warn(command->files[i], traces[i]);
        trace_input_warn_missing(command->files[i], &missing[i]);
    }
    char *provenance = missing ? trace_provenance("merge", (const char *const *)command->files,
                                                  command->inputs, command->common.from, missing, changes)
                               : NULL;
    if (good && changes && !command->common.quiet)
        fputs(changes, stderr);
    merge_free(merge);
    int code = trace_output_end(writer, good, out, provenance, &meter, &command->common, &error);
    free(changes);
    free(missing);
    free(provenance);
    return code;
}

int cmd_trace_merge(int argc, char **argv)
{
    struct merge_command command = {.options = {.align_starts = true, .remap_devices = true}};
    if (!cli_parse(&merge_argp, argc, argv, 0, &command))
        return EXIT_USAGE;
    struct trace **traces = calloc(command.inputs, sizeof *traces);
    struct error error = {0};
    bool good = traces != NULL;
    if (!good)
        error_set(&error, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; good && i < command.inputs; i++)
        good = trace_input_open(command.files[i], &command.common, &traces[i], &error);
    int code = good ? run(&command, traces) : cli_fail(&error);
    for (size_t i = 0; traces && i < command.inputs; i++)
        trace_close(traces[i]);
    free(traces);
    return code;
}
