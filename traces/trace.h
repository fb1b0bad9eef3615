/* What happened: recorded DMA traces as batches of records in columns (semantics.md 2, interface.md 3).
 *
 * A trace is read through `struct trace`: open, read batches until one is empty, close. A file format is
 * one file in this folder that defines a `const struct trace_format`; the build lists them. */
#ifndef TRACES_TRACE_H
#define TRACES_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/missing.h"

enum trace_op {
    TRACE_WRITE,
    TRACE_READ,
    TRACE_MAP,
    TRACE_MAP_RO,
    TRACE_UNMAP,
    TRACE_TRANSLATE,
    TRACE_TRANSLATE_W,
    TRACE_MARK,
    TRACE_OP_COUNT
};

/** The word of each op in a CSV trace, indexed by enum trace_op. */
extern const char *const trace_op_names[TRACE_OP_COUNT];

enum { TRACE_BATCH_RECORDS = 4096, TRACE_DEVICES = 65536 };

/* Up to TRACE_BATCH_RECORDS records in time order, one array per field. The arrays belong to whoever filled
 * the struct. `address` is meaningful for map and map_ro only; a mark has its number in `bytes`. */
struct trace_batch {
    size_t count;
    uint64_t first_record; /* index of record 0 in the whole trace, from 0 */
    uint64_t *time_ns;     /* as recorded, never decreasing */
    uint64_t *iova;
    uint64_t *bytes;
    uint64_t *address;
    uint16_t *device;
    uint8_t *op; /* enum trace_op */
};

/* What a whole trace contains. */
struct trace_facts {
    uint64_t records;
    uint64_t records_by_op[TRACE_OP_COUNT];
    uint64_t first_time_ns, last_time_ns;
    uint64_t device_count;              /* distinct ids of all records but marks */
    uint8_t devices[TRACE_DEVICES / 8]; /* bit per id */
};

struct trace;

/* Errors below read "PATH: error: ..." or, for one record, "PATH: record N: error: ..." where N counts the
 * records of the file from 1 as a person does (header, comments and blank lines are no records), so N is
 * index + 1. Once a call has failed, trace_next repeats the error until trace_rewind. */

/** Open `path` for reading. `format` is a name of trace_formats, or NULL to choose by the file name
 *  (interface.md 3). `limit_records` ends the trace early (UINT64_MAX: never). The caller closes.
 *  Errors: ERROR_TRACE "PATH: error: ..."; ERROR_EXPERIMENT when name or format say nothing. */
bool trace_open(const char *path, const char *format, uint64_t limit_records, struct trace **trace,
                struct error *error);

/** Whom the opening of traces on this thread tells how far it is, where a file must be read before its first
 * record is known: `tell` gets the lines or records looked at so far. NULL: nobody. */
void trace_watch(void (*tell)(void *context, uint64_t lines), void *context);

/** Next batch into `*batch`, whose arrays stay valid until the next call; count 0 at the end.
 *  Every record is checked against semantics.md 2. Errors: ERROR_TRACE with "PATH: record N: error: ...". */
bool trace_next(struct trace *trace, struct trace_batch *batch, struct error *error);

/** Before the first record: the trace will be read again from its beginning. What it takes pains to get may then be kept
 *  in memory, `bytes` of it at most; where that pays and there is room, it is. */
void trace_keep(struct trace *trace, uint64_t bytes);

/** Start again at the first record. */
bool trace_rewind(struct trace *trace, struct error *error);

/** Go to the first record whose index is `record` or more and whose time is `time_ns` or more: the next batch
 *  begins with it, or is empty if there is none. Formats with an index go there directly, the others read the
 *  records before it. */
bool trace_seek(struct trace *trace, uint64_t record, uint64_t time_ns, struct error *error);

/** What the whole trace contains, when the file says so and no limit cuts it short; false: read it and see.
 */
bool trace_known_facts(const struct trace *trace, struct trace_facts *facts);

/* A run of touched granules: iova from first * granule_bytes on, count * granule_bytes long. */
struct trace_extent {
    uint64_t first, count;
};

/* All granules that writes, reads, translates and translate_ws touch, ascending; they belong to the trace. */
struct trace_extents {
    unsigned granule_shift; /* a granule has 1 << granule_shift bytes */
    size_t count;
    const struct trace_extent *items;
};

/** The same of what it touches. */
bool trace_known_extents(const struct trace *trace, struct trace_extents *extents);

/** Warnings met so far (ignored columns), or NULL: one line without the path; owned by the trace. */
const char *trace_warning(const struct trace *trace);

/** Add what is missing from the trace, as far as it was read. */
void trace_add_missing(const struct trace *trace, struct trace_missing *missing);

void trace_close(struct trace *trace);

/** SHA-256 of the bytes of the file as stored, in hex. Errors: ERROR_TRACE. */
bool trace_file_sha256(const char *path, char hex[65], struct error *error);

/** Whether every record keeps semantics.md 2, and its time follows `last_time_ns`. Errors: ERROR_TRACE
 *  "record N: error: ...", without the path. */
bool trace_batch_check(const struct trace_batch *batch, uint64_t last_time_ns, struct error *error);

/** Report `cause`, which reading `path` met and whose text has no path yet; where a file is damaged as a
 * whole, or no trace but in a form that another command reads (foreign.h), that is the news. `format` may be
 * NULL. */
bool trace_fail(const char *path, const char *format, const struct error *cause, struct error *error);

/** Add a batch to the facts (zeroed at first). */
void trace_facts_add(struct trace_facts *facts, const struct trace_batch *batch);

/* A whole trace kept decoded in memory, to be replayed many times (TRACE_STORE_RECORD_BYTES each). */
enum { TRACE_STORE_RECORD_BYTES = 35 };
struct trace_store {
    size_t count, capacity;
    uint64_t *time_ns, *iova, *bytes, *address;
    uint16_t *device;
    uint8_t *op;
};

bool trace_store_add(struct trace_store *store, const struct trace_batch *batch, struct error *error);
/** A view of up to TRACE_BATCH_RECORDS records from index `first` on; count 0 past the end. */
struct trace_batch trace_store_view(const struct trace_store *store, size_t first);
void trace_store_free(struct trace_store *store);

/* ---- for the files that implement a format ---- */

struct trace_format {
    const char *name;            /* as in `format:` */
    const char *summary;         /* one sentence for `dirtywalk list` */
    const char *const *suffixes; /* file name endings that choose it, NULL-terminated */
    const char *limits; /* what such a trace cannot show, in clauses; NULL: whatever its origin did not */
    /** Allocate the reader's state for `path`, or leave `*state` alone. Errors here and below: ERROR_TRACE
     *  "error: ..." or "record N: error: ...", in front of which trace.c puts the path; or ERROR_MEMORY. */
    bool (*open)(const char *path, void **state, struct error *error);
    /** Fill up to TRACE_BATCH_RECORDS records; the arrays of `batch` are allocated. count 0 at the end. The
     *  records before a wrong one are returned first, so that a limit or an earlier error comes before it. */
    bool (*read)(void *state, struct trace_batch *batch, struct error *error);
    bool (*rewind)(void *state, struct error *error);
    /** As trace_keep. NULL: nothing is worth it. */
    void (*keep)(void *state, uint64_t bytes);
    /** Go to any record `*first` from which on reading meets the first one at or after both `record` and
     *  `time_ns`. May be NULL: then trace.c reads from the beginning. */
    bool (*seek)(void *state, uint64_t record, uint64_t time_ns, uint64_t *first, struct error *error);
    /** What the whole file contains, or false if that is not known without reading it. May be NULL. */
    bool (*facts)(const void *state, struct trace_facts *facts);
    /** What it touches: known when the facts are. May be NULL. */
    bool (*extents)(const void *state, struct trace_extents *extents);
    /** Called once behind `open` by who sorts: hand out records at the times that the file says, also when
     * they go backwards, where they would else be raised or mended. NULL: that is so anyway. */
    void (*keep_times)(void *state);
    const char *(*warning)(const void *state); /* may be NULL */
    /** Add what is missing from what was read. May be NULL. */
    void (*missing)(const void *state, struct trace_missing *missing);
    void (*close)(void *state);
};

/** From `open` of a format that reads the file before its first record: so many lines were looked at. */
void trace_preparing(uint64_t lines);

/** All formats, NULL-terminated (generated by the build from this folder). */
extern const struct trace_format *const trace_formats[];

#endif
