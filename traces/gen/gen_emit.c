#include "traces/gen/gen_emit.h"

#include "sim/base/memory.h"

enum {
    PAGE_BYTES = 4096,
    NVME_SLOT_BYTES = 64,
    NVME_COMPLETION_BYTES = 16,
    PRP_BYTES = 8,
};

static uint64_t pages_bytes(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static inline void put(struct gen_columns *out, uint64_t time_ns, uint16_t device, enum trace_op op,
                       uint64_t iova, uint64_t bytes)
{
    size_t i = out->end++;
    out->time_ns[i] = time_ns;
    out->iova[i] = iova;
    out->bytes[i] = bytes;
    out->address[i] = iova;
    out->device[i] = device;
    out->op[i] = (uint8_t)op;
}

/* ---- single accesses ---- */

static inline enum trace_op draw_op(struct gen_motion *motion)
{
    uint64_t share = motion->stream->write_share;
    if (share == GEN_SHARE_ONE)
        return TRACE_WRITE;
    return rng_next(&motion->rng) >> 32 < share ? TRACE_WRITE : TRACE_READ;
}

static inline uint64_t draw_offset(struct gen_motion *motion)
{
    const struct gen_stream *stream = motion->stream;
    uint64_t offset;
    switch (stream->pattern) {
    case GEN_UNIFORM:
        return gen_below(&motion->rng, motion->slots) * stream->align;
    case GEN_ZIPF:
        offset = gen_alias_draw(&motion->alias, &motion->rng) * stream->granule;
        return motion->slots > 1 ? offset + gen_below(&motion->rng, motion->slots) * stream->align : offset;
    default:
        offset = motion->at;
        motion->at += stream->pattern == GEN_STRIDED ? stream->stride : stream->bytes;
        if (motion->at > stream->size - stream->bytes || motion->at < offset)
            motion->at = 0;
        return offset;
    }
}

/* ---- receive rings ---- */

static uint64_t buffer_iova(const struct gen_stream *stream, uint32_t buffer)
{
    return stream->iova + pages_bytes(stream->entries * GEN_DESCRIPTOR_BYTES) +
           (uint64_t)buffer * stream->buffer_bytes;
}

static void release(struct gen_ring *ring, uint32_t buffer)
{
    ring->free[(ring->free_first + ring->free_count++) % ring->free_places] = buffer;
}

static uint32_t take_free(struct gen_motion *motion)
{
    struct gen_ring *ring = &motion->ring;
    uint32_t taken;
    if (motion->stream->recycle == GEN_FIFO) {
        taken = ring->free[ring->free_first];
        ring->free_first = (ring->free_first + 1) % ring->free_places;
        ring->free_count--;
        return taken;
    }
    uint64_t last = ring->free_count - 1, at = last;
    if (motion->stream->recycle == GEN_RANDOM)
        at = gen_below(&motion->rng, ring->free_count);
    taken = ring->free[at];
    ring->free[at] = ring->free[last];
    ring->free_count--;
    return taken;
}

/* The receiver gets a buffer, and gives back the one that it holds longest. */
static uint32_t next_buffer(struct gen_motion *motion, uint32_t received)
{
    const struct gen_stream *stream = motion->stream;
    struct gen_ring *ring = &motion->ring;
    if (stream->recycle == GEN_FIXED)
        return received;
    uint64_t places = stream->hold + 1;
    ring->held[(ring->held_first + ring->held_count++) % places] = received;
    if (ring->held_count > stream->hold) {
        release(ring, ring->held[ring->held_first]);
        ring->held_first = (ring->held_first + 1) % places;
        ring->held_count--;
    }
    return take_free(motion);
}

static void begin_ring(struct gen_motion *motion, struct gen_columns *out, uint64_t time_ns)
{
    const struct gen_stream *stream = motion->stream;
    motion->ring.begun = true;
    put(out, time_ns, stream->device, TRACE_MAP, stream->iova,
        pages_bytes(stream->entries * GEN_DESCRIPTOR_BYTES));
    for (uint64_t slot = 0; slot < stream->entries; slot++)
        put(out, time_ns, stream->device, TRACE_MAP, buffer_iova(stream, motion->ring.posted[slot]),
            stream->buffer_bytes);
}

/* A packet: the descriptor is read, the packet and then the descriptor are written, the slot gets a buffer.
 */
static void emit_packet(struct gen_motion *motion, struct gen_columns *out, uint64_t time_ns)
{
    const struct gen_stream *stream = motion->stream;
    if (stream->map && !motion->ring.begun)
        begin_ring(motion, out, time_ns);
    uint64_t slot = motion->at;
    motion->at = slot + 1 == stream->entries ? 0 : slot + 1;
    uint64_t descriptor = stream->iova + slot * GEN_DESCRIPTOR_BYTES, packet = stream->packet_bytes;
    uint32_t buffer = motion->ring.posted[slot];
    if (stream->packet_least_bytes < packet)
        packet =
            stream->packet_least_bytes + gen_below(&motion->rng, packet - stream->packet_least_bytes + 1);
    put(out, time_ns, stream->device, TRACE_READ, descriptor, GEN_DESCRIPTOR_BYTES);
    put(out, time_ns, stream->device, TRACE_WRITE, buffer_iova(stream, buffer), packet);
    put(out, time_ns, stream->device, TRACE_WRITE, descriptor, GEN_DESCRIPTOR_BYTES);
    if (stream->map)
        put(out, time_ns, stream->device, TRACE_UNMAP, buffer_iova(stream, buffer), stream->buffer_bytes);
    buffer = motion->ring.posted[slot] = next_buffer(motion, buffer);
    if (stream->map)
        put(out, time_ns, stream->device, TRACE_MAP, buffer_iova(stream, buffer), stream->buffer_bytes);
}

/* ---- NVMe ---- */

/* A command: its entry is read, its PRP list if it has more than two pages, data moves, the completion is
 * written. A queue pair lies together: submission queue, completion queue, a page for the PRP list of each
 * slot; the data pages lie behind all of them. */
static void emit_command(struct gen_motion *motion, struct gen_columns *out, uint64_t time_ns)
{
    const struct gen_stream *stream = motion->stream;
    uint64_t submission_bytes = pages_bytes(stream->entries * NVME_SLOT_BYTES);
    uint64_t completion_bytes = pages_bytes(stream->entries * NVME_COMPLETION_BYTES);
    uint64_t pair_bytes = submission_bytes + completion_bytes + stream->entries * PAGE_BYTES;
    uint64_t pair = stream->iova + motion->queue * pair_bytes, slot = motion->at;
    uint64_t data = stream->iova + stream->queues * pair_bytes, data_pages = stream->size / PAGE_BYTES;
    uint64_t pages = pages_bytes(stream->bytes) / PAGE_BYTES;
    uint64_t page =
        stream->recycle == GEN_FIXED ? (motion->queue * stream->entries + slot) * pages : motion->next_page;
    enum trace_op op = draw_op(motion);
    put(out, time_ns, stream->device, TRACE_READ, pair + slot * NVME_SLOT_BYTES, NVME_SLOT_BYTES);
    if (pages > 2)
        put(out, time_ns, stream->device, TRACE_READ,
            pair + submission_bytes + completion_bytes + slot * PAGE_BYTES, (pages - 1) * PRP_BYTES);
    for (uint64_t left = stream->bytes; left > 0;) {
        uint64_t bytes = left < PAGE_BYTES ? left : PAGE_BYTES;
        if (stream->recycle == GEN_RANDOM)
            page = gen_below(&motion->rng, data_pages);
        put(out, time_ns, stream->device, op, data + page * PAGE_BYTES, bytes);
        page = page + 1 == data_pages ? 0 : page + 1;
        left -= bytes;
    }
    motion->next_page = page;
    put(out, time_ns, stream->device, TRACE_WRITE, pair + submission_bytes + slot * NVME_COMPLETION_BYTES,
        NVME_COMPLETION_BYTES);
    /* The queues take turns. */
    if (++motion->queue == stream->queues) {
        motion->queue = 0;
        motion->at = slot + 1 == stream->entries ? 0 : slot + 1;
    }
}

/* ---- all ---- */

void gen_motion_event(struct gen_motion *motion, struct gen_columns *out, uint64_t time_ns)
{
    const struct gen_stream *stream = motion->stream;
    if (stream->pattern == GEN_NIC_RING) {
        emit_packet(motion, out, time_ns);
    } else if (stream->pattern == GEN_NVME) {
        emit_command(motion, out, time_ns);
    } else {
        uint64_t iova = stream->iova + draw_offset(motion);
        put(out, time_ns, stream->device, draw_op(motion), iova, stream->bytes);
    }
}

size_t gen_motion_event_records(const struct gen_stream *stream)
{
    enum { PACKET_RECORDS = 5, COMMAND_RECORDS = 3 };
    if (stream->pattern == GEN_NIC_RING)
        return PACKET_RECORDS + (stream->map ? (size_t)stream->entries + 1 : 0);
    if (stream->pattern == GEN_NVME)
        return COMMAND_RECORDS + (size_t)(pages_bytes(stream->bytes) / PAGE_BYTES);
    return 1;
}

/* Slot i begins with buffer i; the others are free in ascending order. */
static bool init_ring(struct gen_motion *motion, struct error *error)
{
    const struct gen_stream *stream = motion->stream;
    struct gen_ring *ring = &motion->ring;
    ring->free_places = stream->buffers - stream->entries + 1;
    if (!(ring->posted = memory_zeroed(stream->entries, sizeof *ring->posted, error)) ||
        !(ring->held = memory_zeroed(stream->hold + 1, sizeof *ring->held, error)) ||
        !(ring->free = memory_zeroed(ring->free_places, sizeof *ring->free, error)))
        return false;
    for (uint32_t buffer = 0; buffer < stream->buffers; buffer++) {
        if (buffer < stream->entries)
            ring->posted[buffer] = buffer;
        else
            release(ring, buffer);
    }
    return true;
}

bool gen_motion_init(struct gen_motion *motion, const struct gen_stream *stream, struct error *error)
{
    *motion = (struct gen_motion){.stream = stream, .rng = stream->seed, .slots = 1};
    if (stream->pattern == GEN_NIC_RING)
        return init_ring(motion, error);
    if (stream->pattern == GEN_UNIFORM)
        motion->slots = (stream->size - stream->bytes) / stream->align + 1;
    if (stream->pattern != GEN_ZIPF)
        return true;
    motion->slots = (stream->granule - stream->bytes) / stream->align + 1;
    return gen_alias_zipf(&motion->alias, stream->size / stream->granule, stream->exponent, stream->scatter,
                          &motion->rng, error);
}

void gen_motion_free(struct gen_motion *motion)
{
    gen_alias_free(&motion->alias);
    memory_free(motion->ring.posted);
    memory_free(motion->ring.held);
    memory_free(motion->ring.free);
}
