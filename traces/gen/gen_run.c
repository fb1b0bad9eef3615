/* The timeline: which stream comes next, and which phase. */
#include <assert.h>
#include <string.h>

#include "sim/base/interrupt_flag.h"
#include "sim/base/memory.h"
#include "traces/gen/gen_emit.h"

enum { PS_PER_NS = 1000 };

struct gen {
    const struct gen_spec *spec;
    struct gen_log log;
    struct gen_motion *motions; /* of all phases, one after another */
    uint64_t *next_ps;          /* of this phase's streams: time of the next event */
    uint32_t *winner;           /* node n > 0 of the tournament, whose children are 2 n and 2 n + 1 */
    size_t leaves;
    size_t phase;
    size_t phase_motions; /* index of the phase's first in `motions` */
    uint64_t cycle, records_left, phase_records_left;
    uint64_t phase_start_ps, phase_end_ps, last_ps;
    uint64_t handed_out; /* records */
    bool done;
    struct gen_columns columns;
};

/* ---- arrivals ---- */

static inline uint64_t later(uint64_t ps, uint64_t more_ps)
{
    return more_ps < GEN_TIME_LIMIT_PS - ps ? ps + more_ps : GEN_TIME_LIMIT_PS;
}

static inline uint64_t draw_pause(const struct gen *gen, struct gen_motion *motion)
{
    return gen_exponential(&gen->log, &motion->rng, motion->stream->interval_ps);
}

/* Time of the event after the one at `ps`. */
static inline uint64_t next_event(const struct gen *gen, struct gen_motion *motion, uint64_t ps)
{
    const struct gen_stream *stream = motion->stream;
    uint64_t more_ps = stream->interval_ps;
    if (stream->arrivals == GEN_POISSON) {
        more_ps = draw_pause(gen, motion);
    } else if (stream->arrivals == GEN_BURSTS) {
        if (--motion->burst_left > 0) {
            more_ps = stream->burst_interval_ps;
        } else {
            motion->burst_left = stream->burst;
            more_ps = draw_pause(gen, motion);
        }
    }
    return later(ps, more_ps);
}

/* ---- who is next: a tournament over the streams of the phase, without branches, as its outcome is random;
 * streams of the same time come in the order of the spec ---- */

/* Stream `index` has a new time: play its matches again, from its leaf to the top. */
static inline void replay(struct gen *gen, uint32_t index)
{
    uint64_t best = index, best_ps = gen->next_ps[index];
    for (size_t node = gen->leaves + index; node > 1; node /= 2) {
        uint64_t other = gen->winner[node ^ 1], other_ps = gen->next_ps[other];
        uint64_t loses = -(uint64_t)((other_ps < best_ps) | ((other_ps == best_ps) & (other < best)));
        best ^= (best ^ other) & loses;
        best_ps ^= (best_ps ^ other_ps) & loses;
        gen->winner[node / 2] = (uint32_t)best;
    }
}

/* All matches; streams there are none of are never next. */
static void play(struct gen *gen, size_t streams)
{
    gen->leaves = 1;
    while (gen->leaves < streams)
        gen->leaves *= 2;
    for (size_t s = 0; s < gen->leaves; s++) {
        gen->winner[gen->leaves + s] = (uint32_t)s;
        if (s >= streams)
            gen->next_ps[s] = UINT64_MAX;
    }
    for (size_t node = gen->leaves - 1; node > 0; node--) {
        uint32_t left = gen->winner[node * 2], right = gen->winner[node * 2 + 1];
        gen->winner[node] = gen->next_ps[right] < gen->next_ps[left] ? right : left;
    }
}

/* ---- phases ---- */

static void begin_phase(struct gen *gen)
{
    const struct gen_phase *phase = &gen->spec->phases[gen->phase];
    gen->phase_start_ps = gen->last_ps;
    gen->phase_end_ps = phase->duration_ps ? later(gen->last_ps, phase->duration_ps) : GEN_TIME_LIMIT_PS;
    gen->phase_records_left = phase->records ? phase->records : UINT64_MAX;
    for (size_t s = 0; s < phase->stream_count; s++) {
        struct gen_motion *motion = &gen->motions[gen->phase_motions + s];
        motion->burst_left = motion->stream->burst;
        gen->next_ps[s] = later(gen->phase_start_ps, motion->stream->start_ps);
        if (motion->stream->arrivals != GEN_CONSTANT)
            gen->next_ps[s] = later(gen->next_ps[s], draw_pause(gen, motion));
    }
    play(gen, phase->stream_count);
}

/* The end of time ends everything; a phase by records ends with its last record. */
static void end_phase(struct gen *gen)
{
    const struct gen_phase *phase = &gen->spec->phases[gen->phase];
    bool out_of_time = gen->phase_end_ps == GEN_TIME_LIMIT_PS && gen->phase_records_left > 0;
    if (gen->phase_records_left > 0)
        gen->last_ps = gen->phase_end_ps;
    gen->phase_motions += phase->stream_count;
    if (++gen->phase == gen->spec->phase_count) {
        gen->phase = gen->phase_motions = 0;
        gen->cycle++;
    }
    if (out_of_time || gen->cycle == gen->spec->cycles)
        gen->done = true;
    else
        begin_phase(gen);
}

/* Events of this phase until the columns hold a batch or the phase ends. */
static void run_phase(struct gen *gen)
{
    struct gen_columns *out = &gen->columns;
    while (out->end < TRACE_BATCH_RECORDS) {
        uint32_t next = gen->winner[1];
        struct gen_motion *motion = &gen->motions[gen->phase_motions + next];
        uint64_t now_ps = gen->next_ps[next];
        if (now_ps >= gen->phase_end_ps || gen->phase_records_left == 0) {
            end_phase(gen);
            return;
        }
        size_t begin = out->end;
        gen->last_ps = now_ps;
        gen_motion_event(motion, out, now_ps / PS_PER_NS);
        uint64_t made = out->end - begin;
        /* A limit may cut an event. */
        if (made > gen->phase_records_left)
            made = gen->phase_records_left;
        if (made >= gen->records_left) {
            made = gen->records_left;
            gen->done = true;
        }
        out->end = begin + (size_t)made;
        gen->phase_records_left -= made;
        gen->records_left -= made;
        if (gen->done)
            return;
        gen->next_ps[next] = next_event(gen, motion, now_ps);
        replay(gen, next);
    }
}

/* ---- the whole ---- */

static bool allocate_columns(struct gen_columns *columns, size_t room, struct error *error)
{
    return (columns->time_ns = memory_zeroed(room, sizeof *columns->time_ns, error)) &&
           (columns->iova = memory_zeroed(room, sizeof *columns->iova, error)) &&
           (columns->bytes = memory_zeroed(room, sizeof *columns->bytes, error)) &&
           (columns->address = memory_zeroed(room, sizeof *columns->address, error)) &&
           (columns->device = memory_zeroed(room, sizeof *columns->device, error)) &&
           (columns->op = memory_zeroed(room, sizeof *columns->op, error));
}

static bool allocate(struct gen *gen, struct error *error)
{
    size_t streams = 0, most = 0, event = 1;
    for (size_t p = 0; p < gen->spec->phase_count; p++) {
        const struct gen_phase *phase = &gen->spec->phases[p];
        assert(phase->stream_count > 0);
        streams += phase->stream_count;
        most = phase->stream_count > most ? phase->stream_count : most;
        for (size_t s = 0; s < phase->stream_count; s++) {
            size_t records = gen_motion_event_records(&phase->streams[s]);
            event = records > event ? records : event;
        }
    }
    gen->motions = memory_zeroed(streams, sizeof *gen->motions, error);
    /* Fewer than twice as many leaves, and as many nodes above them. */
    gen->next_ps = memory_zeroed(2 * most, sizeof *gen->next_ps, error);
    gen->winner = memory_zeroed(4 * most, sizeof *gen->winner, error);
    if (!gen->motions || !gen->next_ps || !gen->winner ||
        !allocate_columns(&gen->columns, TRACE_BATCH_RECORDS + event, error))
        return false;
    struct gen_motion *motion = gen->motions;
    for (size_t p = 0; p < gen->spec->phase_count; p++)
        for (size_t s = 0; s < gen->spec->phases[p].stream_count; s++)
            if (!gen_motion_init(motion++, &gen->spec->phases[p].streams[s], error))
                return false;
    return true;
}

bool gen_new(const struct gen_spec *spec, struct gen **gen, struct error *error)
{
    struct gen *made = memory_zeroed(1, sizeof *made, error);
    if (!made)
        return false;
    made->spec = spec;
    made->records_left = spec->records;
    gen_log_init(&made->log);
    if (!allocate(made, error)) {
        gen_free(made);
        return false;
    }
    made->done = spec->records == 0 || spec->cycles == 0;
    begin_phase(made);
    *gen = made;
    return true;
}

/* The records not handed out yet go to the front. */
static void move_up(struct gen_columns *columns)
{
    size_t first = columns->first, left = columns->end - first;
    memmove(columns->time_ns, columns->time_ns + first, left * sizeof *columns->time_ns);
    memmove(columns->iova, columns->iova + first, left * sizeof *columns->iova);
    memmove(columns->bytes, columns->bytes + first, left * sizeof *columns->bytes);
    memmove(columns->address, columns->address + first, left * sizeof *columns->address);
    memmove(columns->device, columns->device + first, left * sizeof *columns->device);
    memmove(columns->op, columns->op + first, left * sizeof *columns->op);
    columns->first = 0;
    columns->end = left;
}

void gen_next(struct gen *gen, struct trace_batch *batch)
{
    struct gen_columns *columns = &gen->columns;
    if (columns->end - columns->first < TRACE_BATCH_RECORDS) {
        move_up(columns);
        while (!gen->done && columns->end < TRACE_BATCH_RECORDS && interrupt_check(NULL))
            run_phase(gen); /* which may have no record, many times over */
    }
    size_t ready = columns->end - columns->first, first = columns->first;
    size_t count = ready < TRACE_BATCH_RECORDS ? ready : TRACE_BATCH_RECORDS;
    *batch = (struct trace_batch){.count = count,
                                  .first_record = gen->handed_out,
                                  .time_ns = columns->time_ns + first,
                                  .iova = columns->iova + first,
                                  .bytes = columns->bytes + first,
                                  .address = columns->address + first,
                                  .device = columns->device + first,
                                  .op = columns->op + first};
    columns->first += count;
    gen->handed_out += count;
}

void gen_free(struct gen *gen)
{
    if (!gen)
        return;
    size_t streams = 0;
    for (size_t p = 0; p < gen->spec->phase_count; p++)
        streams += gen->spec->phases[p].stream_count;
    for (size_t s = 0; gen->motions && s < streams; s++)
        gen_motion_free(&gen->motions[s]);
    memory_free(gen->motions);
    memory_free(gen->next_ps);
    memory_free(gen->winner);
    memory_free(gen->columns.time_ns);
    memory_free(gen->columns.iova);
    memory_free(gen->columns.bytes);
    memory_free(gen->columns.address);
    memory_free(gen->columns.device);
    memory_free(gen->columns.op);
    memory_free(gen);
}
