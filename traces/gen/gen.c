#include "traces/gen/gen.h"

#include <stdarg.h>
#include <stdio.h>

enum { PAGE_BYTES = 4096, NVME_SLOT_BYTES = 64, NVME_COMPLETION_BYTES = 16 };

const char *const gen_pattern_names[GEN_PATTERN_COUNT] = {
    [GEN_UNIFORM] = "uniform", [GEN_SEQUENTIAL] = "sequential", [GEN_ZIPF] = "zipf",
    [GEN_STRIDED] = "strided", [GEN_NIC_RING] = "nic_ring",     [GEN_NVME] = "nvme",
};
const char *const gen_arrivals_names[GEN_ARRIVALS_COUNT] = {
    [GEN_CONSTANT] = "constant",
    [GEN_POISSON] = "poisson",
    [GEN_BURSTS] = "bursts",
};
const char *const gen_recycle_names[GEN_RECYCLE_COUNT] = {
    [GEN_FIXED] = "fixed",
    [GEN_FIFO] = "fifo",
    [GEN_LIFO] = "lifo",
    [GEN_RANDOM] = "random",
};

static uint64_t pages_bytes(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

uint64_t gen_stream_bytes(const struct gen_stream *stream)
{
    if (stream->pattern == GEN_NIC_RING)
        return pages_bytes(stream->entries * GEN_DESCRIPTOR_BYTES) + stream->buffers * stream->buffer_bytes;
    if (stream->pattern == GEN_NVME)
        return stream->queues *
                   (pages_bytes(stream->entries * NVME_SLOT_BYTES) +
                    pages_bytes(stream->entries * NVME_COMPLETION_BYTES) + stream->entries * PAGE_BYTES) +
               stream->size;
    return stream->size;
}

/* What a check finds; false for the caller to return. */
struct complaint {
    const char **key;
    char *text;
    size_t text_bytes;
};

static bool complain(const struct complaint *complaint, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool complain(const struct complaint *complaint, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint->text, complaint->text_bytes, format, arguments);
    va_end(arguments);
    *complaint->key = key;
    return false;
}

static bool check_access(const struct gen_stream *stream, const struct complaint *complaint)
{
    if (stream->bytes > stream->size)
        return complain(complaint, "size", "is less than one access (bytes)");
    if (stream->pattern != GEN_ZIPF)
        return true;
    if (stream->granule > stream->size)
        return complain(complaint, "granule", "is more than the size");
    if (stream->bytes > stream->granule)
        return complain(complaint, "granule", "is less than one access (bytes)");
    if (stream->size / stream->granule > GEN_ZIPF_ITEMS_LIMIT)
        return complain(complaint, "granule", "makes more than %d granules of the size; choose a larger one",
                        GEN_ZIPF_ITEMS_LIMIT);
    return true;
}

static bool check_ring(const struct gen_stream *stream, const struct complaint *complaint)
{
    uint64_t needed = stream->entries + (stream->recycle == GEN_FIXED ? 0 : stream->hold);
    if (stream->packet_bytes > stream->buffer_bytes)
        return complain(complaint, "packet", "does not fit in a buffer");
    if (stream->packet_least_bytes > stream->packet_bytes)
        return complain(complaint, "packet_least", "is more than packet");
    if (stream->buffers < needed)
        return complain(complaint, "buffers",
                        "must be at least %llu: entries, and hold unless recycle is fixed",
                        (unsigned long long)needed);
    if (stream->recycle == GEN_FIXED && stream->hold > 0)
        return complain(complaint, "hold", "has no meaning when each slot keeps its buffer (recycle: fixed)");
    if (stream->map && (stream->iova % PAGE_BYTES || stream->buffer_bytes % PAGE_BYTES))
        return complain(complaint, "map", "needs an iova and a buffer that are multiples of 4KiB");
    return true;
}

static bool check_nvme(const struct gen_stream *stream, const struct complaint *complaint)
{
    if (stream->iova % PAGE_BYTES || stream->size % PAGE_BYTES)
        return complain(complaint, stream->size % PAGE_BYTES ? "size" : "iova", "must be a multiple of 4KiB");
    if (stream->bytes > GEN_NVME_BYTES_LIMIT)
        return complain(complaint, "bytes", "of a command are 2MiB at most");
    if (stream->recycle == GEN_LIFO)
        return complain(complaint, "recycle", "of nvme is fixed, fifo or random");
    uint64_t commands = stream->recycle == GEN_FIXED ? stream->entries * stream->queues : 1;
    if (commands * pages_bytes(stream->bytes) > stream->size)
        return complain(complaint, "size", "must hold %llu commands of %llu bytes in whole pages",
                        (unsigned long long)commands, (unsigned long long)stream->bytes);
    return true;
}

bool gen_stream_check(const struct gen_stream *stream, const char **key, char *text, size_t text_bytes)
{
    const struct complaint complaint = {key, text, text_bytes};
    bool good = stream->pattern == GEN_NIC_RING ? check_ring(stream, &complaint)
                : stream->pattern == GEN_NVME   ? check_nvme(stream, &complaint)
                                                : check_access(stream, &complaint);
    if (good && gen_stream_bytes(stream) - 1 > UINT64_MAX - stream->iova)
        return complain(&complaint, "iova", "plus what the stream uses passes 2^64");
    return good;
}
