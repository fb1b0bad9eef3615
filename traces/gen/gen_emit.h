/* One stream in motion: what an event of its pattern looks like. */
#ifndef TRACES_GEN_GEN_EMIT_H
#define TRACES_GEN_GEN_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traces/gen/gen.h"
#include "traces/gen/gen_random.h"

/* Records on their way out: columns with room for a batch and one event more. */
struct gen_columns {
    size_t first, end; /* those not handed out yet */
    uint64_t *time_ns, *iova, *bytes, *address;
    uint16_t *device;
    uint8_t *op;
};

/* Receive buffers: each is posted in a slot, held by the receiver, or free. */
struct gen_ring {
    uint32_t *posted; /* by slot */
    uint32_t *held;   /* circular, stream->hold + 1 places */
    uint32_t *free;   /* circular when fifo, else from 0 */
    uint64_t held_first, held_count, free_first, free_count, free_places;
    bool begun; /* the first maps are made */
};

struct gen_motion {
    const struct gen_stream *stream;
    uint64_t rng;
    uint64_t burst_left; /* events of this burst still to come */
    uint64_t at;         /* sequential, strided: offset; rings: slot; nvme fifo: in next_page */
    uint64_t next_page, queue;
    uint64_t slots; /* uniform: places of an access; zipf: in a granule */
    struct gen_alias alias;
    struct gen_ring ring;
};

/** Most records that one event of the stream has. */
size_t gen_motion_event_records(const struct gen_stream *stream);

/** Errors: ERROR_MEMORY; gen_motion_free in any case. */
bool gen_motion_init(struct gen_motion *motion, const struct gen_stream *stream, struct error *error);
void gen_motion_free(struct gen_motion *motion);

/** Append the records of one event at `time_ns`. */
void gen_motion_event(struct gen_motion *motion, struct gen_columns *out, uint64_t time_ns);

#endif
