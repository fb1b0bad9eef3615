/* dirtywalk trace convert and cut: records from one trace into a new one, all or some. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/units.h"
#include "sim/cli/cli.h"
#include "sim/cli/cmd_trace.h"
#include "traces/device.h"
#include "traces/sort.h"

struct copy_options {
    struct trace_common common;
    const char *in, *out;
    bool sort, cut;
    /* What to keep; times are relative to the first record. */
    uint64_t start_ns, stop_ns;
    uint64_t skip, records;
    bool stops, choose_devices, rebase;
    unsigned ops; /* bit per enum trace_op */
    uint8_t devices[TRACE_DEVICES / 8];
};

/* ---- options ---- */

static const struct argp_option convert_options[] = {
    {"sort", TRACE_KEY_SORT, NULL, 0,
     "put records in the order of time first; holds the whole trace in memory, 35 to 70 bytes a record", 1},
    {0},
};

static const struct argp_option cut_options[] = {
    {"start", TRACE_KEY_START, "TIME", 0, "from this time after the first record on, as 1500ms", 1},
    {"stop", TRACE_KEY_STOP, "TIME", 0, "up to this time after the first record, itself not included", 1},
    {"skip", TRACE_KEY_SKIP, "N", 0, "without the first N records of the input", 1},
    {"records", TRACE_KEY_RECORDS, "N", 0, "no further than N records of the input after those skipped", 1},
    {"device", TRACE_KEY_DEVICE, "ID,...", 0,
     "only these devices, as 00:04.0 or 32; marks, which have none, are kept; repeats", 1},
    {"op", TRACE_KEY_OP, "OP,...", 0,
     "only these ops: write read map map_ro unmap translate translate_w mark; repeats", 1},
    {"rebase", TRACE_KEY_REBASE, NULL, 0, "the first record kept gets time 0 (default: times as recorded)",
     2},
    {0},
};

static void take_device(struct copy_options *copy, const char *word, struct argp_state *state)
{
    uint16_t device;
    if (!trace_device_parse(word, &device))
        argp_error(state, "--device %s: is neither 0 to 65535 nor a PCI address as 00:04.0", word);
    copy->devices[device / 8] |= (uint8_t)(1U << device % 8);
    copy->choose_devices = true;
}

static void take_op(struct copy_options *copy, const char *word, struct argp_state *state)
{
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++)
        if (strcmp(word, trace_op_names[op]) == 0) {
            copy->ops |= 1U << op;
            return;
        }
    argp_error(state, "--op %s: is none of write read map map_ro unmap translate translate_w mark", word);
}

/* Each word between commas. */
static void take_list(struct copy_options *copy, char *list, struct argp_state *state,
                      void (*take)(struct copy_options *, const char *, struct argp_state *))
{
    for (char *word = list, *next; word; word = next) {
        next = strchr(word, ',');
        if (next)
            *next++ = '\0';
        if (!*word)
            argp_error(state, "there is nothing before or behind a comma of the list");
        take(copy, word, state);
    }
}

static void take_time(const char *name, const char *text, uint64_t *ns, struct argp_state *state)
{
    struct error cause = {0};
    if (!units_parse_time(text, ns, &cause))
        argp_error(state, "%s: %s", name, cause.text);
}

static error_t parse_cut(struct copy_options *copy, int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case TRACE_KEY_START:
        take_time("--start", argument, &copy->start_ns, state);
        return 0;
    case TRACE_KEY_STOP:
        take_time("--stop", argument, &copy->stop_ns, state);
        copy->stops = true;
        return 0;
    case TRACE_KEY_SKIP:
        if (!cli_parse_count(argument, UINT64_MAX, &copy->skip))
            argp_error(state, "--skip %s: is no number of records", argument);
        return 0;
    case TRACE_KEY_RECORDS:
        if (!cli_parse_count(argument, UINT64_MAX, &copy->records))
            argp_error(state, "--records %s: is no number of records", argument);
        return 0;
    case TRACE_KEY_DEVICE:
        take_list(copy, argument, state, take_device);
        return 0;
    case TRACE_KEY_OP:
        take_list(copy, argument, state, take_op);
        return 0;
    case TRACE_KEY_REBASE:
        copy->rebase = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct copy_options *copy = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &copy->common;
        return 0;
    case TRACE_KEY_SORT:
        copy->sort = true;
        return 0;
    case ARGP_KEY_ARG:
        if (copy->out)
            argp_error(state, "one input and one output: \"%s\" is one too many", argument);
        *(copy->in ? &copy->out : &copy->in) = argument;
        return 0;
    case ARGP_KEY_END:
        if (!copy->out)
            argp_error(state, "name an input and an output; - is standard input or output");
        if (copy->ops == 0)
            copy->ops = ~0U;
        return 0;
    default:
        return parse_cut(copy, key, argument, state);
    }
}

static const struct argp_child children[] = {{&trace_write_argp, 0, NULL, 0}, {0}};

static const struct argp convert_argp = {
    .options = convert_options,
    .parser = parse,
    .args_doc = "IN OUT",
    .doc = "Write a trace in another format. The end of the name of OUT chooses it: .dwt, .csv or .csv.gz.\n"
           "\n"
           "  dirtywalk trace convert web.csv.gz web.dwt\n"
           "  dirtywalk trace convert qemu.log.gz vm.dwt --from qemu\n"
           "  recorder | dirtywalk trace convert - web.dwt --sort\n",
    .children = children,
};

static const struct argp cut_argp = {
    .options = cut_options,
    .parser = parse,
    .args_doc = "IN OUT",
    .doc = "Write a part of a trace: what all of the options given allow. Maps made before the part are not "
           "in it.\n"
           "\n"
           "  dirtywalk trace cut web.dwt second.dwt --start 1s --stop 2s --rebase\n"
           "  dirtywalk trace cut web.dwt - --records 20\n"
           "  dirtywalk trace cut web.dwt nic.dwt --device 00:05.0 --op write,read\n",
    .children = children,
};

/* ---- what to keep ---- */

struct filter {
    const struct copy_options *options;
    bool begun, kept_any, past; /* past: nothing more can be kept */
    uint64_t first_time_ns, rebase_ns;
};

/* Move the records to keep to the front of the batch, whose arrays belong to the reader until the next batch.
 */
static void filter_batch(struct filter *filter, struct trace_batch *b)
{
    const struct copy_options *options = filter->options;
    if (!filter->begun && b->count > 0) {
        filter->begun = true;
        filter->first_time_ns = b->time_ns[0];
    }
    size_t kept = 0;
    uint64_t next = b->first_record + b->count;
    for (size_t i = 0; i < b->count; i++) {
        uint64_t index = b->first_record + i, time_ns = b->time_ns[i] - filter->first_time_ns;
        if ((options->stops && time_ns >= options->stop_ns) ||
            (index >= options->skip && index - options->skip >= options->records)) {
            filter->past = true;
            break;
        }
        uint16_t device = b->device[i];
        if (index < options->skip || time_ns < options->start_ns || !(options->ops >> b->op[i] & 1) ||
            (options->choose_devices && b->op[i] != TRACE_MARK &&
             !(options->devices[device / 8] >> device % 8 & 1)))
            continue;
        if (!filter->kept_any && options->rebase)
            filter->rebase_ns = b->time_ns[i];
        filter->kept_any = true;
        b->time_ns[kept] = b->time_ns[i] - filter->rebase_ns;
        b->iova[kept] = b->iova[i];
        b->bytes[kept] = b->bytes[i];
        b->address[kept] = b->address[i];
        b->device[kept] = device;
        b->op[kept++] = b->op[i];
    }
    b->count = kept;
    /* What is behind the last record wanted may be damaged. */
    if (next >= options->skip && next - options->skip >= options->records)
        filter->past = true;
}

/* Where the file says when it begins, and can jump, what is before the part is not read. */
static bool jump(struct filter *filter, struct trace *trace, struct error *error)
{
    const struct copy_options *options = filter->options;
    struct trace_facts *facts = memory_zeroed(1, sizeof *facts, error);
    if (!facts)
        return false;
    bool good = true;
    if ((options->start_ns > 0 || options->skip > 0) && trace_known_facts(trace, facts) &&
        options->start_ns <= UINT64_MAX - facts->first_time_ns) {
        filter->begun = true;
        filter->first_time_ns = facts->first_time_ns;
        good = trace_seek(trace, options->skip, facts->first_time_ns + options->start_ns, error);
    }
    memory_free(facts);
    return good;
}

/* ---- copying ---- */

static bool copy_trace(const struct copy_options *options, struct trace *trace, struct trace_writer *writer,
                       struct trace_meter *meter, struct error *error)
{
    struct filter filter = {.options = options};
    struct trace_batch batch;
    if (!jump(&filter, trace, error))
        return false;
    while (!filter.past) {
        if (!trace_next(trace, &batch, error))
            return false;
        if (batch.count == 0)
            break;
        filter_batch(&filter, &batch);
        if ((batch.count > 0 && !trace_writer_add(writer, &batch, error)) ||
            !trace_meter_step(meter, batch.count, error))
            return false;
    }
    return true;
}

static bool copy_store(const struct trace_store *store, struct trace_writer *writer,
                       struct trace_meter *meter, struct error *error)
{
    for (size_t first = 0; first < store->count; first += TRACE_BATCH_RECORDS) {
        struct trace_batch batch = trace_store_view(store, first);
        if (!trace_writer_add(writer, &batch, error) || !trace_meter_step(meter, batch.count, error))
            return false;
    }
    return true;
}

/* Everything between an open writer and its end. */
static bool copy_all(const struct copy_options *options, struct trace_writer *writer, char *warning,
                     struct trace_missing *missing, struct trace_meter *meter, struct error *error)
{
    const char *from = trace_input_format(options->in, options->common.from);
    if (options->sort) {
        struct trace_store store = {0};
        bool good = trace_sorted(trace_input_path(options->in), from, &store, warning, missing, error) &&
                    copy_store(&store, writer, meter, error);
        trace_store_free(&store);
        return good;
    }
    struct trace *trace;
    if (!trace_input_open(options->in, &options->common, &trace, error))
        return false;
    bool good = copy_trace(options, trace, writer, meter, error);
    const char *said = trace_warning(trace);
    snprintf(warning, TRACE_SORT_WARNING_BYTES, "%s", said ? said : "");
    trace_add_missing(trace, missing);
    trace_close(trace);
    return good;
}

/* A wrong record or damage ends the copy; what is before it need not be lost. What was inflated before a
 * checksum failed may be wrong, but in a native trace, whose blocks have their own. */
static void say_remedy(const struct copy_options *options, const struct error *error, uint64_t good)
{
    const char *format = trace_input_format(options->in, options->common.from);
    bool native = format && strcmp(format, "native") == 0;
    if (good > 0 && !strstr(error->text, "time goes backwards") &&
        (native || !strstr(error->text, "gzip data is corrupt")))
        fprintf(stderr,
                "%s: note: the records before it are sound; dirtywalk trace cut --records %llu keeps them\n",
                trace_input_shown(options->in), (unsigned long long)good);
}

static int copy(const struct copy_options *options, const char *doing)
{
    struct error error = {0};
    struct trace_writer *writer;
    if (!trace_writer_open(options->out, options->common.to, &writer, &error))
        return cli_fail(&error);
    char warning[TRACE_SORT_WARNING_BYTES] = "";
    struct trace_missing missing = {0};
    struct trace_meter meter;
    trace_meter_begin(&meter, &options->common, doing, 0);
    bool good = copy_all(options, writer, warning, &missing, &meter, &error);
    if (warning[0])
        fprintf(stderr, "%s: warning: %s\n", trace_input_shown(options->in), warning);
    trace_input_warn_missing(options->in, &missing);
    const char *const inputs[] = {options->in};
    char *provenance =
        good ? trace_provenance(doing, inputs, 1, options->common.from, &missing, warning) : NULL;
    int code = trace_output_end(writer, good, options->out, provenance, &meter, &options->common, &error);
    if (code == EXIT_TRACE && !options->sort)
        say_remedy(options, &error, options->cut ? 0 : meter.records);
    free(provenance);
    return code;
}

static int run(int argc, char **argv, const struct argp *argp, const char *doing)
{
    struct copy_options options = {.records = UINT64_MAX, .cut = argp == &cut_argp};
    if (!cli_parse(argp, argc, argv, 0, &options))
        return EXIT_USAGE;
    return copy(&options, doing);
}

int cmd_trace_convert(int argc, char **argv)
{
    return run(argc, argv, &convert_argp, "convert");
}

int cmd_trace_cut(int argc, char **argv)
{
    return run(argc, argv, &cut_argp, "cut");
}
