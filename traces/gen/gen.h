/* Synthetic traces: streams of accesses, each with a pattern in space and arrivals in time, merged onto one
 * timeline; phases of such mixtures after each other. The same spec gives the same records everywhere: all
 * draws are splitmix64 (sim/base/rng.h) and integers.
 *
 * A stream makes events. An event is one access (uniform, sequential, zipf, strided), one received packet
 * (nic_ring) or one command (nvme); all records of an event have its time. */
#ifndef TRACES_GEN_GEN_H
#define TRACES_GEN_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/trace.h"

enum gen_pattern {
    GEN_UNIFORM,
    GEN_SEQUENTIAL,
    GEN_ZIPF,
    GEN_STRIDED,
    GEN_NIC_RING,
    GEN_NVME,
    GEN_PATTERN_COUNT
};
enum gen_arrivals { GEN_CONSTANT, GEN_POISSON, GEN_BURSTS, GEN_ARRIVALS_COUNT };
/* Which buffer comes next: the slot's own; the one longest free; the one freed last; any free one. */
enum gen_recycle { GEN_FIXED, GEN_FIFO, GEN_LIFO, GEN_RANDOM, GEN_RECYCLE_COUNT };

extern const char *const gen_pattern_names[GEN_PATTERN_COUNT];
extern const char *const gen_arrivals_names[GEN_ARRIVALS_COUNT];
extern const char *const gen_recycle_names[GEN_RECYCLE_COUNT];

#define GEN_SHARE_ONE (UINT64_C(1) << 32)
/* Times stay below this: 106 days. */
#define GEN_TIME_LIMIT_PS (UINT64_C(1) << 63)

enum {
    GEN_STREAMS_LIMIT = 4096,
    GEN_ENTRIES_LIMIT = 65536,
    GEN_BUFFERS_LIMIT = 1 << 24,
    GEN_ZIPF_ITEMS_LIMIT = 1 << 24,
    GEN_NVME_BYTES_LIMIT = 2 << 20, /* one page of PRP entries */
    GEN_DESCRIPTOR_BYTES = 16,
};

/* What the keys of a spec mean: configs/gen_spec.c. */
struct gen_stream {
    enum gen_pattern pattern;
    uint16_t device;
    uint64_t iova, size, bytes, align;
    uint64_t write_share; /* of GEN_SHARE_ONE */
    uint64_t seed;
    enum gen_arrivals arrivals;
    uint64_t start_ps, interval_ps, burst, burst_interval_ps;
    double exponent;
    uint64_t granule, stride;
    bool scatter;
    uint64_t entries, queues, buffers, buffer_bytes, packet_bytes, packet_least_bytes, hold;
    enum gen_recycle recycle;
    bool map;
};

struct gen_phase {
    uint64_t duration_ps; /* 0: until `records` */
    uint64_t records;     /* 0: until `duration_ps` */
    struct gen_stream *streams;
    size_t stream_count;
};

/* The whole trace: the phases one after another, `cycles` times; ends early after `records`. */
struct gen_spec {
    uint64_t records; /* UINT64_MAX: no limit */
    uint64_t cycles;
    struct gen_phase *phases;
    size_t phase_count;
};

/** Is the stream possible? If not, `*key` is the key to blame and `text` says why. */
bool gen_stream_check(const struct gen_stream *stream, const char **key, char *text, size_t text_bytes);
/** Bytes from stream->iova on that a stream that passed gen_stream_check uses. */
uint64_t gen_stream_bytes(const struct gen_stream *stream);

struct gen;

/** Begin. The spec, whose streams passed gen_stream_check, must outlive the generator. Errors: ERROR_MEMORY.
 */
bool gen_new(const struct gen_spec *spec, struct gen **gen, struct error *error);
/** The next records, valid until the next call; count 0 at the end, or after an interrupt (interrupt_flag.h).
 */
void gen_next(struct gen *gen, struct trace_batch *batch);
void gen_free(struct gen *gen);

#endif
