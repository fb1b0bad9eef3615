/* dirtywalk trace gen: makes a synthetic trace from a spec. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/gen_spec.h"
#include "sim/base/interrupt_flag.h"
#include "sim/cli/cli.h"
#include "sim/cli/cmd_trace.h"

struct gen_options {
    struct trace_common common;
    const char *spec, *out;
    bool keys;
};

static const struct argp_option gen_argp_options[] = {
    {"keys", TRACE_KEY_KEYS, NULL, 0, "document every key of a spec, and end", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct gen_options *gen = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &gen->common;
        return 0;
    case TRACE_KEY_KEYS:
        gen->keys = true;
        return 0;
    case ARGP_KEY_ARG:
        if (gen->out)
            argp_error(state, "one spec and one output: \"%s\" is one too many", argument);
        if (gen->spec)
            gen->out = argument;
        else
            gen->spec = trace_input_path(argument);
        return 0;
    case ARGP_KEY_END:
        if (!gen->keys && !gen->out)
            argp_error(state, "name a spec and an output; - is standard input or output");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&trace_output_argp, 0, NULL, 0}, {0}};

static const struct argp gen_argp = {
    .options = gen_argp_options,
    .parser = parse,
    .args_doc = "SPEC.yaml OUT",
    .doc =
        "Make a synthetic trace: streams of accesses, receive rings and NVMe queues on one timeline. The "
        "same spec gives the same bytes (a native trace, with the same compression library). - is standard "
        "input or output.\n"
        "\n"
        "  dirtywalk trace gen configs/gen/nic.yaml nic.dwt\n"
        "  dirtywalk trace gen spec.yaml - | head\n"
        "  dirtywalk trace gen --keys\n",
    .children = children,
};

static bool write_all(struct gen *gen, struct trace_writer *writer, struct trace_meter *meter,
                      struct error *error)
{
    struct trace_batch batch;
    for (;;) {
        gen_next(gen, &batch);
        if (batch.count == 0)
            return interrupt_check(error);
        if (!trace_writer_add(writer, &batch, error) || !trace_meter_step(meter, batch.count, error))
            return false;
    }
}

/* The spec itself is the best description of where the records come from. */
static char *provenance_of(const char *path)
{
    enum { SHOWN_BYTES = 8192 };
    const char *const inputs[] = {path};
    char *text = trace_provenance("gen", inputs, 1, "generator spec", NULL, NULL), *whole = NULL;
    char spec[SHOWN_BYTES + 1] = "";
    FILE *file = fopen(path, "rb");
    if (file) {
        spec[fread(spec, 1, SHOWN_BYTES, file)] = '\0';
        fclose(file);
    }
    bool cut = strlen(spec) == SHOWN_BYTES;
    if (text && asprintf(&whole, "%s%s", text, cut ? "" : spec) < 0)
        whole = NULL;
    free(text);
    return whole;
}

static int generate(const struct gen_options *options, const struct gen_spec *spec)
{
    struct error error = {0};
    struct gen *gen = NULL;
    struct trace_writer *writer;
    struct trace_meter meter;
    if (!gen_new(spec, &gen, &error) ||
        !trace_writer_open(options->out, options->common.to, &writer, &error)) {
        gen_free(gen);
        return cli_fail(&error);
    }
    trace_meter_begin(&meter, &options->common, "gen", spec->records == UINT64_MAX ? 0 : spec->records);
    bool good = write_all(gen, writer, &meter, &error);
    gen_free(gen);
    char *provenance = provenance_of(options->spec);
    int code = trace_output_end(writer, good, options->out, provenance, &meter, &options->common, &error);
    free(provenance);
    return code;
}

int cmd_trace_gen(int argc, char **argv)
{
    struct gen_options options = {0};
    if (!cli_parse(&gen_argp, argc, argv, 0, &options))
        return EXIT_USAGE;
    if (options.keys) {
        gen_spec_print_keys(stdout);
        return EXIT_DONE;
    }
    struct error_list messages = {0};
    struct gen_spec *spec = NULL;
    int code = EXIT_USAGE;
    bool good = gen_spec_load(options.spec, &spec, &messages);
    cli_print_messages(&messages);
    error_list_free(&messages);
    if (good)
        code = generate(&options, spec);
    gen_spec_free(spec);
    return code;
}
