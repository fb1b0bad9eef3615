/* Writing a trace: open, add batches, close - or abandon. The counterpart of trace.h, for the formats that
 * can be written: csv, csv.gz and native (.dwt).
 *
 * What is written by one format and read back has the same records, but for addresses of records that are no
 * map, which mean nothing (trace.h). The same records always give the same bytes. */
#ifndef TRACES_FILE_WRITER_H
#define TRACES_FILE_WRITER_H

#include <stdbool.h>

#include "sim/base/error.h"
#include "traces/trace.h"

struct trace_writer;

/* A format as a writer; what the functions promise is what those below say. */
struct trace_writer_format {
    const char *name;
    const char *suffix; /* the file name ending that chooses it */
    bool (*open)(const char *path, void **state, struct error *error);
    bool (*add)(void *state, const struct trace_batch *batch, struct error *error);
    bool (*close)(void *state, const char *provenance, struct error *error);
    void (*abandon)(void *state);
    const char *(*part)(const void *state); /* NULL: leaves nothing to go on from */
    uint64_t (*reused)(const void *state);  /* the same */
};

/** All formats, NULL-terminated. */
extern const struct trace_writer_format *const trace_writer_formats[];

/** Begin to write `path`, or standard output for "-". `format` is a name of trace_writer_formats, or NULL to
 *  choose by the end of the path; standard output is csv then. A regular file appears under its name when
 *  trace_writer_close has succeeded, whole and complete; what was there stays until then (whole_file.h).
 *  Errors: ERROR_EXPERIMENT for a format or name that says nothing; ERROR_RESULTS "PATH: error: ..." here and
 *  below when the file cannot be written; ERROR_MEMORY. */
bool trace_writer_open(const char *path, const char *format, struct trace_writer **writer,
                       struct error *error);

/** Add records that keep semantics.md 2, in time order. After a failure only trace_writer_abandon may follow.
 */
bool trace_writer_add(struct trace_writer *writer, const struct trace_batch *batch, struct error *error);

/** Finish the file. `provenance` says where the records come from (UTF-8, may be empty); CSV has no place for
 *  it. Frees the writer, also on failure, which leaves no file but the part. */
bool trace_writer_close(struct trace_writer *writer, const char *provenance, struct error *error);

/** Give up: no file is left but the part. NULL is nothing to give up. */
void trace_writer_abandon(struct trace_writer *writer);

/** The file in which what was made stays on failure, as far as it is of use to who makes the same file again,
 * or NULL for formats without; valid as long as the writer. */
const char *trace_writer_part(const struct trace_writer *writer);
/** Records that were taken over from such a part so far. */
uint64_t trace_writer_reused(const struct trace_writer *writer);

/* ---- for writer.c alone ---- */

extern const struct trace_writer_format trace_writer_csv, trace_writer_csv_gz;

#endif
