/* dirtywalk trace: looks at traces and makes new ones. */
#include "sim/cli/cmd_trace.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/doc.h"
#include "dirtywalk_version.h"
#include "sim/base/text_stream.h"
#include "sim/cli/cli.h"
#include "sim/cli/human.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/remarks.h"
#include "traces/native/native.h"

/* ---- common options ---- */

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
    static const char *const modes[] = {"auto", "plain", "json", "never"};
    struct trace_common *common = state->input;
    switch (key) {
    case TRACE_KEY_FROM:
        common->from = argument;
        return 0;
    case TRACE_KEY_TO:
        common->to = argument;
        return 0;
    case CLI_KEY_PROGRESS:
        for (unsigned m = 0; m < sizeof modes / sizeof *modes; m++)
            if (strcmp(argument, modes[m]) == 0) {
                common->progress = (enum progress_mode)m;
                return 0;
            }
        argp_error(state, "--progress %s: is not auto, plain, json or never", argument);
        return 0;
    case 'q':
        common->quiet = true;
        return 0;
    case 'v':
        common->verbose = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const char from_help[] =
    "format of the input (default: by the file name, csv for -); dirtywalk list formats shows all";
static const char progress_help[] =
    "on stderr; auto is a line that moves on a terminal, else a line each 10 s";

static const struct argp_option read_options[] = {
    {"from", TRACE_KEY_FROM, "NAME", 0, from_help, 5},
    {"progress", CLI_KEY_PROGRESS, "auto|plain|json|never", 0, progress_help, 6},
    {"quiet", 'q', NULL, 0, "only errors and warnings", 8},
    {"verbose", 'v', NULL, 0, "no effect here", 8},
    {0},
};
static const struct argp_option write_options[] = {
    {"from", TRACE_KEY_FROM, "NAME", 0, from_help, 5},
    {"to", TRACE_KEY_TO, "NAME", 0,
     "format of the output: native, csv or csv.gz (default: by the file name, csv for -)", 5},
    {"progress", CLI_KEY_PROGRESS, "auto|plain|json|never", 0, progress_help, 6},
    {"quiet", 'q', NULL, 0, "only errors and warnings", 8},
    {"verbose", 'v', NULL, 0, "also print the origin that a native trace would hold", 8},
    {0},
};

const struct argp trace_read_argp = {.options = read_options, .parser = parse_common};
const struct argp trace_output_argp = {.options = write_options + 1, .parser = parse_common};
const struct argp trace_write_argp = {.options = write_options, .parser = parse_common};

/* ---- inputs ---- */

const char *trace_input_path(const char *path)
{
    return strcmp(path, "-") == 0 ? "/dev/stdin" : path;
}

const char *trace_input_shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

const char *trace_input_format(const char *path, const char *from)
{
    if (from)
        return from;
    if (strcmp(path, "-") == 0)
        return "csv";
    size_t length = strlen(path);
    for (size_t f = 0; trace_formats[f]; f++)
        for (const char *const *suffix = trace_formats[f]->suffixes; *suffix; suffix++)
            if (length > strlen(*suffix) && strcmp(path + length - strlen(*suffix), *suffix) == 0)
                return trace_formats[f]->name;
    return NULL; /* trace_open says what is wrong with the name */
}

void trace_input_warn(const char *path, const struct trace *trace)
{
    const char *warning = trace_warning(trace);
    if (warning)
        fprintf(stderr, "%s: warning: %s\n", trace_input_shown(path), warning);
}

void trace_input_warn_missing(const char *path, const struct trace_missing *missing)
{
    char lead[PATH_MAX + 64];
    snprintf(lead, sizeof lead, "%s: warning: " TRACE_MISSING_WORD, trace_input_shown(path));
    remarks_print_missing(missing, lead, stderr);
}

/* ---- progress ---- */

static const double line_interval_s = 0.2, json_interval_s = 1, plain_interval_s = 10;

void trace_meter_begin(struct trace_meter *meter, const struct trace_common *common, const char *doing,
                       uint64_t total)
{
    *meter =
        (struct trace_meter){.mode = common->progress, .doing = doing, .unit = "records", .total = total};
    if (common->quiet)
        meter->mode = PROGRESS_NEVER;
    else if (meter->mode == PROGRESS_AUTO && !isatty(STDERR_FILENO))
        meter->mode = PROGRESS_PLAIN;
    meter->start_s = meter->printed_s = progress_now_s();
}

static void print_json(const struct trace_meter *meter, const char *event, double elapsed_s)
{
    struct json_t *line = doc_put(doc_object(), "event", doc_string(event));
    line = doc_put(line, meter->unit, doc_integer(meter->records));
    if (meter->total > 0)
        line = doc_put(line, "fraction", doc_real((double)meter->records / (double)meter->total));
    char rate[32];
    snprintf(rate, sizeof rate, "%s_per_s", meter->unit);
    line = doc_put(line, rate, doc_real(elapsed_s > 0 ? (double)meter->records / elapsed_s : 0));
    doc_write(line, false, stderr);
}

static void print_line(struct trace_meter *meter, double elapsed_s)
{
    char records[HUMAN_BYTES], rate[HUMAN_BYTES], eta[HUMAN_BYTES];
    double per_s = elapsed_s > 0 ? (double)meter->records / elapsed_s : 0;
    human_count((double)meter->records, records);
    human_count(per_s, rate);
    fprintf(stderr, "%s%s  %s %s  %s/s", meter->mode == PROGRESS_AUTO ? "\r\033[K" : "", meter->doing,
            records, meter->unit, rate);
    if (meter->total > meter->records && per_s > 0) {
        human_seconds((double)(meter->total - meter->records) / per_s, eta);
        fprintf(stderr, "  %.0f%%  eta %s", 100.0 * (double)meter->records / (double)meter->total, eta);
    }
    meter->line_open = meter->mode == PROGRESS_AUTO;
    if (meter->line_open)
        fflush(stderr);
    else
        putc('\n', stderr);
}

bool trace_meter_step(struct trace_meter *meter, uint64_t records, struct error *error)
{
    meter->records += records;
    if (!interrupt_check(error))
        return false;
    if (meter->mode == PROGRESS_NEVER)
        return true;
    double now_s = progress_now_s();
    double interval_s = meter->mode == PROGRESS_AUTO   ? line_interval_s
                        : meter->mode == PROGRESS_JSON ? json_interval_s
                                                       : plain_interval_s;
    if (now_s - meter->printed_s < interval_s)
        return true;
    meter->printed_s = now_s;
    if (meter->mode == PROGRESS_JSON)
        print_json(meter, "progress", now_s - meter->start_s);
    else
        print_line(meter, now_s - meter->start_s);
    return true;
}

void trace_meter_end(struct trace_meter *meter)
{
    if (meter->line_open)
        fputs("\r\033[K", stderr);
    meter->line_open = false;
    if (meter->mode == PROGRESS_JSON)
        print_json(meter, "end", progress_now_s() - meter->start_s);
}

/* ---- opening ---- */

/* The first pass of formats that read a file twice: nobody sees its records yet. */
static void watch_first_pass(void *context, uint64_t lines)
{
    struct trace_meter *meter = context;
    meter->records = lines;
    trace_meter_step(meter, 0, NULL);
}

bool trace_input_open(const char *path, const struct trace_common *common, struct trace **trace,
                      struct error *error)
{
    struct trace_meter meter;
    trace_meter_begin(&meter, common, "first pass", 0);
    meter.unit = "lines";
    trace_watch(watch_first_pass, &meter);
    bool good =
        trace_open(trace_input_path(path), trace_input_format(path, common->from), UINT64_MAX, trace, error);
    trace_watch(NULL, NULL);
    if (meter.line_open)
        trace_meter_end(&meter);
    return good;
}

/* ---- outputs ---- */

static int say_interrupted(const char *path)
{
    if (strcmp(path, "-") == 0)
        fputs("interrupted: standard output has only a part\n", stderr);
    else
        fprintf(stderr, "interrupted: %s was not written\n", path);
    return EXIT_SIGNAL + interrupt_signal();
}

static void say_done(const struct trace_meter *meter, const char *path, uint64_t reused, const char *part)
{
    double took_s = progress_now_s() - meter->start_s;
    char took[HUMAN_BYTES], rate[HUMAN_BYTES];
    human_seconds(took_s, took);
    human_count(took_s > 0 ? (double)meter->records / took_s : 0, rate);
    fprintf(stderr, "%s: %llu records in %s (%s/s)", strcmp(path, "-") == 0 ? "standard output" : path,
            (unsigned long long)meter->records, took, rate);
    if (reused > 0)
        fprintf(stderr, ", %llu of them taken over from %s", (unsigned long long)reused, part);
    putc('\n', stderr);
}

int trace_output_end(struct trace_writer *writer, bool good, const char *path, const char *provenance,
                     struct trace_meter *meter, const struct trace_common *common, struct error *error)
{
    const char *name = trace_writer_part(writer);
    char *part = name ? strdup(name) : NULL; /* the writer's goes with it */
    uint64_t reused = trace_writer_reused(writer);
    if (good && !provenance)
        good = error_set(error, ERROR_MEMORY, "out of memory: the inputs of %s cannot be described", path);
    if (good)
        good = trace_writer_close(writer, provenance, error);
    else
        trace_writer_abandon(writer);
    trace_meter_end(meter);
    int code = EXIT_DONE;
    if (good) {
        if (common->verbose)
            fputs(provenance, stderr);
        if (!common->quiet && meter->mode != PROGRESS_JSON)
            say_done(meter, path, reused, part);
    } else {
        code = error->kind == ERROR_INTERRUPTED ? say_interrupted(path) : cli_fail(error);
        if (part && access(part, F_OK) == 0)
            fprintf(stderr,
                    "note: %s keeps what was made; the same command goes on from there, or remove it\n",
                    part);
    }
    free(part);
    return code;
}

/* ---- provenance ---- */

/* What a native input says of itself, each line indented; what is missing was said before. */
static void add_history(FILE *text, const char *path)
{
    struct native_file *file;
    if (!native_file_open(path, &file, NULL))
        return;
    const char *line = native_file_summary(file)->provenance;
    while (line && *line) {
        size_t length = strcspn(line, "\n");
        if (!trace_missing_is_line(line))
            fprintf(text, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    native_file_close(file);
}

static void add_missing(FILE *text, const struct trace_missing *missing)
{
    char kind[TRACE_MISSING_TEXT_BYTES];
    for (unsigned i = 0; missing && i < missing->count; i++)
        fprintf(text, "%s%s\n", TRACE_MISSING_WORD, trace_missing_text(&missing->items[i], kind));
}

/* False: the file cannot be read any more. */
static bool add_input(FILE *text, const char *input, const char *from, const struct trace_missing *missing)
{
    bool good = true, pipe = strcmp(input, "-") == 0;
    const char *slash = strrchr(input, '/'), *format = trace_input_format(input, from);
    struct stat status;
    fprintf(text, "from %s (%s)", pipe ? "standard input" : slash ? slash + 1 : input, format ? format : "?");
    if (!pipe && stat(input, &status) == 0 && S_ISREG(status.st_mode)) {
        char sha256[65] = "";
        good = trace_file_sha256(input, sha256, NULL);
        fprintf(text, ", SHA-256 %s", sha256);
    }
    putc('\n', text);
    add_missing(text, missing);
    if (pipe)
        return true;
    for (size_t f = 0; format && trace_formats[f]; f++)
        if (strcmp(trace_formats[f]->name, format) == 0 && trace_formats[f]->limits)
            fprintf(text, "not seen: %s\n", trace_formats[f]->limits);
    if (format && strcmp(format, "native") == 0)
        add_history(text, input);
    return good;
}

char *trace_provenance(const char *doing, const char *const inputs[], size_t count, const char *from,
                       const struct trace_missing missing[], const char *note)
{
    char *provenance = NULL;
    size_t bytes = 0;
    bool good = true;
    FILE *text = text_open(&provenance, &bytes);
    if (!text)
        return NULL;
    fprintf(text, "made by dirtywalk %s trace %s\n", DIRTYWALK_VERSION, doing);
    if (note && *note)
        fprintf(text, "%s\n", note);
    for (size_t i = 0; i < count; i++)
        good = add_input(text, inputs[i], from, missing ? &missing[i] : NULL) && good;
    if (!text_close(text, &provenance) || !good) {
        free(provenance);
        return NULL;
    }
    /* The place for it in a native trace has an end; what is oldest goes. */
    enum { PROVENANCE_BYTES_LIMIT = 16 * 1024 };
    if (bytes > PROVENANCE_BYTES_LIMIT) {
        while ((provenance[bytes = PROVENANCE_BYTES_LIMIT] & 0xc0) == 0x80)
            provenance[--bytes] = '\0';
        provenance[bytes] = '\0';
    }
    return provenance;
}

/* ---- the command ---- */

static const struct subcommand {
    const char *name, *arguments, *help;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"info", "FILE...", "describe: pages, windows, sizes, reuse, maps", cmd_trace_info},
    {"convert", "IN OUT", "to another format; importers read logs of other tools", cmd_trace_convert},
    {"cut", "IN OUT", "keep some times, records, devices or ops", cmd_trace_cut},
    {"check", "FILE...", "read everything and say whether it is sound", cmd_trace_check},
    {"gen", "SPEC.yaml OUT", "make a synthetic trace", cmd_trace_gen},
    {"merge", "IN IN... OUT", "several onto one timeline", cmd_trace_merge},
};
enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static void print_help(FILE *out)
{
    fputs("Usage: dirtywalk trace COMMAND [OPTION...] FILE...\nLook at traces and make new ones.\n\n", out);
    for (unsigned s = 0; s < SUBCOMMANDS; s++) {
        char usage[64];
        snprintf(usage, sizeof usage, "%s %s", subcommands[s].name, subcommands[s].arguments);
        fprintf(out, "  %-20s %s\n", usage, subcommands[s].help);
    }
    fputs("\n  dirtywalk trace convert qemu.log.gz run.dwt --from qemu\n"
          "  dirtywalk trace cut run.dwt short.dwt --start 1s --stop 2s --device 00:04.0\n"
          "  zcat run.csv.gz | dirtywalk trace convert - - --sort | head\n"
          "\n`dirtywalk trace COMMAND --help' shows the options of one command.\n",
          out);
}

int cmd_trace(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name || strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "--usage") == 0) {
        print_help(name ? stdout : stderr);
        return name ? EXIT_DONE : EXIT_USAGE;
    }
    if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
        puts(argp_program_version);
        return EXIT_DONE;
    }
    for (unsigned s = 0; s < SUBCOMMANDS; s++) {
        if (strcmp(name, subcommands[s].name) != 0)
            continue;
        char full[64];
        snprintf(full, sizeof full, "dirtywalk trace %s", name);
        argv[1] = full;
        interrupt_catch();
        return subcommands[s].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "dirtywalk trace: error: unknown command \"%s\"; there are", name);
    for (unsigned s = 0; s < SUBCOMMANDS; s++)
        fprintf(stderr, " %s", subcommands[s].name);
    fputs(" (dirtywalk trace --help)\n", stderr);
    return EXIT_USAGE;
}
