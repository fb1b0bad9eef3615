/* Native traces (`.dwt`): written here, read through trace.h, and for what trace.h has no word for - the
 * summary, blocks in any order and on any thread - here. FORMAT.md defines every byte. */
#ifndef TRACES_NATIVE_NATIVE_H
#define TRACES_NATIVE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traces/trace.h"

/* ---- writing ---- */

struct native_writer;

/** Begin to write `path`, or standard output for "-": a whole_file.h with a part, which blocks are taken over
 * from. Memory stays constant but for 32 bytes per 16384 records. Errors here and below: ERROR_RESULTS "PATH:
 * error: ..." if the file cannot be written; the path is there. */
bool native_writer_open(const char *path, struct native_writer **writer, struct error *error);

/** Add records in time order. ERROR_TRACE "PATH: record N: error: ..." for one against semantics.md 2; after
 *  any failure only native_writer_abandon may follow. */
bool native_writer_add(struct native_writer *writer, const struct trace_batch *batch, struct error *error);

/** Finish the file with a text that says where the records come from (UTF-8, up to 64 KiB, may be empty).
 *  Frees the writer, also on failure, which leaves no file but the part. */
bool native_writer_close(struct native_writer *writer, const char *provenance, struct error *error);

/** Where the blocks made so far stay on failure, as far as there are any, or NULL; valid as long as the
 * writer. */
const char *native_writer_part(const struct native_writer *writer);
/** Records that were not written but taken over from such a part, so far. */
uint64_t native_writer_reused(const struct native_writer *writer);

/** Give up: no file is left but the part. NULL is nothing to give up. */
void native_writer_abandon(struct native_writer *writer);

/* ---- what is in a file ---- */

struct native_summary {
    uint64_t records, blocks;
    uint64_t payload_bytes; /* of all blocks, inflated */
    char sha256[65];        /* of these, in hex */
    uint64_t first_time_ns, last_time_ns;
    uint64_t records_by_op[TRACE_OP_COUNT];
    uint64_t bytes_by_op[TRACE_OP_COUNT]; /* sum of `bytes`, at most 2^64 - 1; nothing for marks */
    uint32_t device_count;                /* distinct ids of all records but marks */
    uint32_t extent_count;
    unsigned granule_shift;        /* a granule has 1 << granule_shift bytes, at least 4 KiB */
    const uint16_t *devices;       /* ascending */
    struct trace_extent *extents; /* granules touched by write, read, translate and translate_w, ascending */
    const char *provenance;
};

/* An open file. Functions that take it const may be called by several threads at once. */
struct native_file;

/** Open a regular file and read its summary and index, nothing else.
 *  Errors here and below: ERROR_TRACE "error: ..." without the path. */
bool native_file_open(const char *path, struct native_file **file, struct error *error);
void native_file_close(struct native_file *file);

/** Valid as long as the file is open. */
const struct native_summary *native_file_summary(const struct native_file *file);

/** The block that holds record `record`, or the first record at `time_ns` or later if there is one; the
 * number of blocks past the end. The record itself is found by reading on. */
uint64_t native_file_block_of_record(const struct native_file *file, uint64_t record);
uint64_t native_file_block_of_time(const struct native_file *file, uint64_t time_ns);

/* One thread's place in a file. */
struct native_cursor;

bool native_cursor_new(const struct native_file *file, struct native_cursor **cursor, struct error *error);
void native_cursor_free(struct native_cursor *cursor);
/** Go to the first record of block number `index` < blocks. */
bool native_cursor_block(struct native_cursor *cursor, uint64_t index, struct error *error);
/** Fill the arrays of `batch`, TRACE_BATCH_RECORDS each, with the next records of the block; count 0 at its
 *  end. These records are not checked against semantics.md 2. */
void native_cursor_next(struct native_cursor *cursor, struct trace_batch *batch);

/** Decode the whole file, and compare it with its own summary and index. */
bool native_file_check(const struct native_file *file, struct error *error);

#endif
