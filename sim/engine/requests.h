/* Splitting records into translation requests, once for all cells of a replay (semantics.md 2). */
#ifndef SIM_ENGINE_REQUESTS_H
#define SIM_ENGINE_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/state/tile.h"
#include "traces/trace.h"

enum { REQUESTS_MAX = 2 * TRACE_BATCH_RECORDS };

/* A map or unmap record of a piece. */
struct table_record {
    uint32_t record; /* its index in the piece */
    uint32_t domain;
    enum trace_op op;
    uint64_t iova, bytes, address;
};

/* What records count, whatever they find (semantics.md 2 and interface.md 4). */
struct volume {
    uint64_t records, writes, reads, maps, unmaps, translates, marks, write_bytes, read_bytes;
};

/* A piece of the trace: records and their requests. A record with very many requests spans several pieces. */
struct requests {
    size_t record_count;                     /* 0: nothing left */
    uint64_t first_record;                   /* index of record 0 in the whole trace */
    bool continued;                          /* record 0 began in the piece before */
    bool unfinished;                         /* the last record goes on in the next piece */
    const uint64_t *time_ns, *bytes;         /* per record */
    const uint8_t *op;
    bool one_each;                           /* every record is one request, and first is not filled */
    uint32_t first[TRACE_BATCH_RECORDS + 1]; /* requests of record r: first[r] ... first[r + 1] - 1 */
    struct volume volume;                    /* of the records that end in this piece */

    size_t count;
    uint32_t key[REQUESTS_MAX];  /* dense page << 1 | write (of a translate record: asks for permission to) */
    uint32_t page[REQUESTS_MAX]; /* low 32 bits of iova >> 12, for set indices */
    const uint16_t *device;      /* of each request; NULL unless the cursor wants devices */
    const uint8_t *request_op;   /* enum trace_op of each request's record; NULL unless with ATS */

    size_t mark_count;
    uint32_t marks[TRACE_BATCH_RECORDS]; /* indices of mark records in the piece */
    size_t table_count;
    struct table_record tables[TRACE_BATCH_RECORDS];

    size_t new_tile_count; /* tiles first touched here take the next ids */
    struct tile_name {
        uint64_t number; /* iova >> TILE_LG2 */
        uint32_t domain;
    } new_tiles[REQUESTS_MAX];

    /* Where time_ns, bytes and op point if the batch does not outlive the piece. */
    uint64_t time_copy[TRACE_BATCH_RECORDS], bytes_copy[TRACE_BATCH_RECORDS];
    uint8_t op_copy[TRACE_BATCH_RECORDS];
    uint16_t device_copy[REQUESTS_MAX];
    uint8_t request_op_copy[REQUESTS_MAX];
};

/** The first request of a record of the piece; of record_count, the number of requests. */
static inline size_t requests_first(const struct requests *piece, size_t record)
{
    return piece->one_each ? record : piece->first[record];
}

/** The volume of the first records of a piece, `continued` ones among them. */
struct volume requests_volume(const struct requests *piece, size_t records);

/* Where the splitting of a trace stands. */
struct request_cursor {
    struct tile_index tiles;
    const uint32_t *domain_of; /* per device id; NULL: all in domain 0 */
    uint64_t max_payload_bytes;
    bool wants_devices;
    bool ats;      /* translate records make requests (semantics.md 10) */
    bool stable;   /* batches stay valid as long as their pieces */
    size_t record; /* next record of the batch */
    uint64_t done; /* bytes of it that are split already */
};

/** Fill `piece` from the batch, from where the cursor stands; at most `record_limit` records. False with
 *  error->kind ERROR_NONE: the batch is used up (the cursor is back at 0 for the next batch). */
bool requests_split(struct request_cursor *cursor, const struct trace_batch *batch, size_t record_limit,
                    struct requests *piece, struct error *error);

/** Number the tiles that a piece brings in another index, which has taken every piece before. */
bool requests_learn_tiles(struct tile_index *tiles, const struct requests *piece, struct error *error);

#endif
