/* What the subcommands of `dirtywalk trace` share: inputs, outputs, progress. */
#ifndef SIM_CLI_CMD_TRACE_H
#define SIM_CLI_CMD_TRACE_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/cli/progress.h"
#include "traces/file/writer.h"
#include "traces/trace.h"

enum {
    TRACE_KEY_FROM = 512,
    TRACE_KEY_TO,
    TRACE_KEY_SORT,
    TRACE_KEY_START,
    TRACE_KEY_STOP,
    TRACE_KEY_SKIP,
    TRACE_KEY_RECORDS,
    TRACE_KEY_DEVICE,
    TRACE_KEY_OP,
    TRACE_KEY_REBASE,
    TRACE_KEY_WINDOW,
    TRACE_KEY_PER_DEVICE,
    TRACE_KEY_KEYS,
    TRACE_KEY_ALIGN,
    TRACE_KEY_DEVICES,
    TRACE_KEY_SPACING
};

/* Options that all of them have. */
struct trace_common {
    const char *from; /* format of the inputs, or NULL */
    const char *to;   /* format of the output, or NULL */
    enum progress_mode progress;
    bool quiet, verbose;
};

/* argp children; their input is a struct trace_common. Reading alone, reading and writing, writing alone. */
extern const struct argp trace_read_argp, trace_write_argp, trace_output_argp;

/* ---- inputs ---- */

/** Open a trace; "-" is standard input, CSV unless `common` says otherwise. Where that takes long, progress is
 *  shown. */
bool trace_input_open(const char *path, const struct trace_common *common, struct trace **trace,
                      struct error *error);
/** The path that trace_open gets for `path`, and the format it will choose. */
const char *trace_input_path(const char *path);
const char *trace_input_format(const char *path, const char *from);
/** What messages call it. */
const char *trace_input_shown(const char *path);
/** Print what `trace` warns of, if anything. */
void trace_input_warn(const char *path, const struct trace *trace);
/** Print what is missing from it. */
void trace_input_warn_missing(const char *path, const struct trace_missing *missing);

/* ---- records on their way ---- */

struct trace_meter {
    enum progress_mode mode;
    const char *doing;       /* "convert" */
    const char *unit;        /* "records" */
    uint64_t records, total; /* total 0: not known */
    double start_s, printed_s;
    bool line_open;
};

void trace_meter_begin(struct trace_meter *meter, const struct trace_common *common, const char *doing,
                       uint64_t total);
/** Count records; false when a signal asks to stop, with ERROR_INTERRUPTED. */
bool trace_meter_step(struct trace_meter *meter, uint64_t records, struct error *error);
void trace_meter_end(struct trace_meter *meter);

/** How a subcommand that writes ends: closes the writer with `provenance` (if good; NULL: it could not be
 * made) or abandons it, prints what happened, and returns the exit code. */
int trace_output_end(struct trace_writer *writer, bool good, const char *path, const char *provenance,
                     struct trace_meter *meter, const struct trace_common *common, struct error *error);

/* ---- provenance ---- */

/** Text to be freed with free(), or NULL: what was done ("convert"), to which inputs, with what is missing from
 *  each (NULL: nothing) and their own provenance behind. */
char *trace_provenance(const char *doing, const char *const inputs[], size_t count, const char *from,
                       const struct trace_missing missing[], const char *note);

/* Subcommands; argv[0] is "dirtywalk trace NAME". Each returns an exit code. */
int cmd_trace_convert(int argc, char **argv);
int cmd_trace_cut(int argc, char **argv);
int cmd_trace_check(int argc, char **argv);
int cmd_trace_info(int argc, char **argv);
int cmd_trace_gen(int argc, char **argv);
int cmd_trace_merge(int argc, char **argv);

#endif
