/* The records of one block of a native trace as bytes: the payload that FORMAT.md, "Block payload", defines.
 * Memory only: no file, no compression. */
#ifndef TRACES_NATIVE_NATIVE_BLOCK_H
#define TRACES_NATIVE_NATIVE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traces/file/little_endian.h"
#include "traces/trace.h"

enum {
    NATIVE_BLOCK_RECORDS = 16384,
    NATIVE_KINDS = 256,
    NATIVE_PAYLOAD_BYTES_LIMIT = 1 << 20,
    /* A decoder may look this far past the end of a payload. */
    NATIVE_SLACK_BYTES = 8,
};

enum native_column_id {
    NATIVE_TIME = 1,
    NATIVE_IOVA,
    NATIVE_BYTES,   /* of records whose kind leaves the size open */
    NATIVE_DEVICE,  /* of records whose kind leaves the device open */
    NATIVE_ADDRESS, /* of map and map_ro */
    NATIVE_COLUMN_LIMIT
};

/* What a kind leaves open. */
enum { NATIVE_OPEN_BYTES = 1, NATIVE_OPEN_DEVICE = 2 };

enum {
    NATIVE_HEADER_BYTES = 40,
    NATIVE_COLUMN_BYTES = 24,
    NATIVE_KIND_BYTES = 24,
};

struct native_column {
    const uint8_t *control, *data; /* what is left of both */
    uint64_t mask[4];
    uint8_t length[4];
    uint32_t values, next;
};

/* A block being decoded. It points into the payload and keeps nothing else, so it needs no freeing. */
struct native_block {
    uint64_t first_record;
    uint32_t records, done;
    uint32_t open; /* whether any kind of this block leaves anything open; the address of a map counts */
    uint64_t time_ns, time_unit_ns;
    const uint8_t *kinds;
    struct native_column column[NATIVE_COLUMN_LIMIT];
    uint64_t kind_iova[NATIVE_KINDS]; /* of the last record of the kind */
    uint64_t kind_unit[NATIVE_KINDS]; /* iova differences of the kind are multiples of it */
    uint64_t kind_bytes[NATIVE_KINDS];
    uint64_t kind_offset[NATIVE_KINDS]; /* address - iova of the last record of the kind */
    uint16_t kind_device[NATIVE_KINDS];
    uint8_t kind_op[NATIVE_KINDS];
    uint8_t kind_open[NATIVE_KINDS];
};

/** Begin to decode `bytes` bytes at `payload`, of which NATIVE_SLACK_BYTES more may be read (any content).
 *  Everything that could lead outside of the payload is checked here. Errors: ERROR_TRACE "error: ...". */
bool native_block_open(struct native_block *block, const uint8_t *payload, size_t bytes, struct error *error);

/** Fill the arrays of `batch` with the next records, TRACE_BATCH_RECORDS at most; count 0 at the end.
 *  `first_record` is set. Cannot fail. */
void native_block_next(struct native_block *block, struct trace_batch *batch);

/* The records of a block on their way out. Marks have device and iova as given. */
struct native_records {
    uint32_t count;
    uint64_t time_ns[NATIVE_BLOCK_RECORDS];
    uint64_t iova[NATIVE_BLOCK_RECORDS];
    uint64_t bytes[NATIVE_BLOCK_RECORDS];
    uint64_t address[NATIVE_BLOCK_RECORDS];
    uint16_t device[NATIVE_BLOCK_RECORDS];
    uint8_t op[NATIVE_BLOCK_RECORDS];
};

struct native_encoder;

bool native_encoder_new(struct native_encoder **encoder, struct error *error);
void native_encoder_free(struct native_encoder *encoder);

/** Encode at least one record. The payload belongs to the encoder until the next call; its first
 *  `*incompressible` bytes are better stored than deflated. The same records always give the same bytes. */
const uint8_t *native_block_encode(struct native_encoder *encoder, const struct native_records *records,
                                   uint64_t first_record, size_t *payload_bytes, size_t *incompressible);

#endif
