/* traces/gen/gen.h: the distributions are what they are said to be. All seeds are fixed; the bounds are such that
 * a right generator fails one of them for fewer than one seed in a million. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "traces/gen/gen.h"
#include "traces/gen/gen_random.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define PS_PER_US UINT64_C(1000000)

/* A stream with the defaults of a spec. */
static struct gen_stream stream_of(enum gen_pattern pattern)
{
    return (struct gen_stream){.pattern = pattern,
                               .device = 8,
                               .size = KIB(64 * 1024),
                               .bytes = 256,
                               .align = 64,
                               .write_share = GEN_SHARE_ONE,
                               .seed = 1234,
                               .interval_ps = PS_PER_US,
                               .burst = 32,
                               .burst_interval_ps = 10000,
                               .exponent = 0.99,
                               .granule = 4096,
                               .scatter = true,
                               .stride = 4096,
                               .entries = 256,
                               .queues = 1,
                               .buffers = 256,
                               .buffer_bytes = 2048,
                               .packet_bytes = 1500,
                               .packet_least_bytes = 1500};
}

/* All records of the streams, one phase. */
static struct trace_store run(struct gen_stream *streams, size_t count, uint64_t records,
                              uint64_t duration_ps)
{
    struct gen_phase phase = {.duration_ps = duration_ps, .streams = streams, .stream_count = count};
    struct gen_spec spec = {.records = records, .cycles = 1, .phases = &phase, .phase_count = 1};
    struct trace_store store = {0};
    struct error error = {0};
    struct gen *gen;
    const char *key;
    char text[256];
    for (size_t s = 0; s < count; s++)
        cr_assert(gen_stream_check(&streams[s], &key, text, sizeof text), "%s", text);
    cr_assert(gen_new(&spec, &gen, &error), "%s", error.text);
    struct trace_batch batch;
    uint64_t last_ns = 0;
    for (;;) {
        gen_next(gen, &batch);
        if (batch.count == 0)
            break;
        cr_assert_eq(batch.first_record, store.count);
        cr_assert(trace_batch_check(&batch, last_ns, &error), "%s", error.text);
        last_ns = batch.time_ns[batch.count - 1];
        cr_assert(trace_store_add(&store, &batch, NULL));
    }
    gen_free(gen);
    return store;
}

static struct trace_store run_one(const struct gen_stream *stream, uint64_t records)
{
    struct gen_stream copy = *stream;
    return run(&copy, 1, records, 0);
}

/* Pearson's statistic of counts against shares; with n - 1 degrees of freedom its mean is n - 1 and its
 * variance 2 (n - 1): five deviations are allowed. */
static void check_shares(const uint64_t *counts, const double *shares, size_t n, double total,
                         const char *what)
{
    double statistic = 0;
    for (size_t i = 0; i < n; i++) {
        double expected = shares[i] * total, off = (double)counts[i] - expected;
        cr_assert_gt(expected, 20);
        statistic += off * off / expected;
    }
    double freedom = (double)(n - 1);
    cr_expect(fabs(statistic - freedom) < 5 * sqrt(2 * freedom) + 5, "%s: chi-square %.1f for %.0f", what,
              statistic, freedom);
}

Test(gen, uniform_places_and_ops)
{
    enum { RECORDS = 200000, BINS = 1021 };
    struct gen_stream stream = stream_of(GEN_UNIFORM);
    stream.iova = 0x123000;
    stream.size = 64 * (BINS - 1) + 256;
    stream.write_share = GEN_SHARE_ONE * 3 / 10;
    struct trace_store store = run_one(&stream, RECORDS);
    cr_assert_eq(store.count, RECORDS);
    uint64_t counts[BINS] = {0}, ops[2] = {0};
    double shares[BINS], op_shares[2] = {0.3, 0.7};
    for (size_t i = 0; i < RECORDS; i++) {
        uint64_t offset = store.iova[i] - stream.iova;
        cr_assert(offset % 64 == 0 && offset / 64 < BINS && store.bytes[i] == 256 && store.device[i] == 8);
        counts[offset / 64]++;
        ops[store.op[i]]++;
    }
    for (size_t b = 0; b < BINS; b++)
        shares[b] = 1.0 / BINS;
    check_shares(counts, shares, BINS, RECORDS, "places");
    check_shares(ops, op_shares, 2, RECORDS, "ops");
    trace_store_free(&store);
}

Test(gen, zipf_weights_fall_with_the_rank)
{
    enum { RECORDS = 400000, ITEMS = 300 };
    const double exponents[] = {0, 0.6, 0.99, 1.3};
    for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++) {
        struct gen_stream stream = stream_of(GEN_ZIPF);
        stream.size = ITEMS * 4096 + 100;
        stream.bytes = stream.align = 4096;
        stream.exponent = exponents[e];
        stream.scatter = false;
        struct trace_store store = run_one(&stream, RECORDS);
        uint64_t counts[ITEMS] = {0};
        double shares[ITEMS], sum = 0;
        for (size_t i = 0; i < RECORDS; i++)
            counts[store.iova[i] / 4096]++;
        for (size_t i = 0; i < ITEMS; i++)
            sum += shares[i] = pow((double)(i + 1), -exponents[e]);
        for (size_t i = 0; i < ITEMS; i++)
            shares[i] /= sum;
        check_shares(counts, shares, ITEMS, RECORDS, "zipf");
        trace_store_free(&store);

        /* Scattered, the same weights lie elsewhere: as often, but not in ascending order. */
        stream.scatter = true;
        store = run_one(&stream, RECORDS);
        uint64_t scattered[ITEMS] = {0}, rises = 0, most = 0;
        for (size_t i = 0; i < RECORDS; i++)
            scattered[store.iova[i] / 4096]++;
        for (size_t i = 0; i < ITEMS; i++) {
            most = scattered[i] > most ? scattered[i] : most;
            rises += i > 0 && scattered[i] > scattered[i - 1];
        }
        double expected = shares[0] * RECORDS;
        cr_expect(fabs((double)most - expected) < 6 * sqrt(expected), "%f", exponents[e]);
        cr_expect(rises > ITEMS / 3 && rises < 2 * ITEMS / 3);
        trace_store_free(&store);
    }
}

Test(gen, zipf_places_in_a_granule_are_uniform)
{
    enum { RECORDS = 100000, PLACES = 61 };
    struct gen_stream stream = stream_of(GEN_ZIPF);
    struct trace_store store = run_one(&stream, RECORDS);
    uint64_t counts[PLACES] = {0};
    double shares[PLACES];
    for (size_t i = 0; i < RECORDS; i++) {
        cr_assert_lt(store.iova[i] % 4096 / 64, PLACES);
        counts[store.iova[i] % 4096 / 64]++;
    }
    for (size_t p = 0; p < PLACES; p++)
        shares[p] = 1.0 / PLACES;
    check_shares(counts, shares, PLACES, RECORDS, "places");
    trace_store_free(&store);
}

Test(gen, sequential_and_strided_go_round)
{
    struct gen_stream stream = stream_of(GEN_SEQUENTIAL);
    stream.size = 1000;
    struct trace_store store = run_one(&stream, 7);
    const uint64_t sequential[] = {0, 256, 512, 0, 256, 512, 0};
    cr_expect_arr_eq(store.iova, sequential, sizeof sequential);
    trace_store_free(&store);
    stream.pattern = GEN_STRIDED;
    stream.stride = 300;
    store = run_one(&stream, 7);
    const uint64_t strided[] = {0, 300, 600, 0, 300, 600, 0};
    cr_expect_arr_eq(store.iova, strided, sizeof strided);
    trace_store_free(&store);
}

/* ---- time ---- */

Test(gen, constant_arrivals_keep_fractions_of_a_nanosecond)
{
    struct gen_stream stream = stream_of(GEN_SEQUENTIAL);
    stream.interval_ps = 2750;
    stream.start_ps = 1000;
    struct trace_store store = run_one(&stream, 100000);
    for (uint64_t i = 0; i < store.count; i++)
        cr_assert_eq(store.time_ns[i], (1000 + i * 2750) / 1000);
    trace_store_free(&store);
}

/* Gaps are exponential: mean, variance, and the share in each tenth of the distribution. */
static void check_exponential(const double *gaps, size_t count, double mean, const char *what)
{
    enum { BINS = 10 };
    double sum = 0, squares = 0, n = (double)count, shares[BINS];
    uint64_t counts[BINS] = {0};
    for (size_t i = 0; i < count; i++) {
        sum += gaps[i];
        squares += gaps[i] * gaps[i];
        counts[(size_t)((1 - exp(-gaps[i] / mean)) * BINS)]++;
    }
    for (size_t b = 0; b < BINS; b++)
        shares[b] = 1.0 / BINS;
    cr_expect(fabs(sum / n - mean) < 5 * mean / sqrt(n), "%s: mean %f", what, sum / n);
    /* The variance of the squares is 20 mean^4. */
    cr_expect(fabs(squares / n - 2 * mean * mean) < 5 * sqrt(20 / n) * mean * mean, "%s: variance", what);
    check_shares(counts, shares, BINS, n, what);
}

Test(gen, poisson_gaps_are_exponential)
{
    enum { RECORDS = 200000 };
    struct gen_stream stream = stream_of(GEN_SEQUENTIAL);
    stream.arrivals = GEN_POISSON;
    struct trace_store store = run_one(&stream, RECORDS);
    double *gaps = calloc(RECORDS, sizeof *gaps);
    cr_assert_not_null(gaps);
    /* Times are cut to whole nanoseconds, which half a nanosecond makes up for. */
    for (size_t i = 1; i < RECORDS; i++)
        gaps[i - 1] = fabs((double)(store.time_ns[i] - store.time_ns[i - 1]));
    check_exponential(gaps, RECORDS - 1, 1000, "poisson");
    free(gaps);
    trace_store_free(&store);
}

Test(gen, exponential_draws_follow_the_logarithm)
{
    struct gen_log log;
    gen_log_init(&log);
    for (uint64_t seed = 0; seed < 100000; seed++) {
        uint64_t draw = seed, same = seed, mean = UINT64_C(1) << 40;
        uint64_t value = gen_exponential(&log, &draw, mean);
        double exact = -log1p((double)(rng_next(&same) | 1) * 0x1p-64 - 1) * (double)mean;
        cr_assert_float_eq((double)value, exact, 1e-6 * (double)mean, "seed %llu: %llu for %f",
                           (unsigned long long)seed, (unsigned long long)value, exact);
    }
}

Test(gen, bursts_have_their_length_and_pauses)
{
    enum { BURSTS = 40000, LENGTH = 5 };
    struct gen_stream stream = stream_of(GEN_SEQUENTIAL);
    stream.arrivals = GEN_BURSTS;
    stream.burst = LENGTH;
    stream.burst_interval_ps = 3000;
    stream.interval_ps = 50 * PS_PER_US;
    struct trace_store store = run_one(&stream, BURSTS * LENGTH);
    double *pauses = calloc(BURSTS, sizeof *pauses);
    cr_assert_not_null(pauses);
    uint64_t last_ns = 0;
    for (size_t i = 0; i < store.count; i++) {
        uint64_t gap_ns = store.time_ns[i] - last_ns;
        if (i % LENGTH == 0)
            pauses[i / LENGTH] = (double)gap_ns;
        else
            cr_assert_eq(gap_ns, 3);
        last_ns = store.time_ns[i];
    }
    check_exponential(pauses, BURSTS, 50000, "pauses");
    free(pauses);
    trace_store_free(&store);
}

Test(gen, streams_share_one_timeline)
{
    enum { STREAMS = 13 };
    struct gen_stream streams[STREAMS];
    uint64_t counts[STREAMS] = {0};
    for (uint16_t s = 0; s < STREAMS; s++) {
        streams[s] = stream_of(GEN_SEQUENTIAL);
        streams[s].device = s;
        streams[s].interval_ps = (s + 1) * PS_PER_US;
    }
    /* 27720 is a multiple of 1 to 12: at the start and there, all but the last come together, in order. */
    struct trace_store store = run(streams, STREAMS, UINT64_MAX, 27720 * PS_PER_US + 1);
    for (size_t i = 0; i < store.count; i++) {
        cr_assert(i == 0 || store.time_ns[i] > store.time_ns[i - 1] || store.device[i] > store.device[i - 1]);
        counts[store.device[i]]++;
    }
    for (uint64_t s = 0; s < STREAMS; s++)
        cr_expect_eq(counts[s], 27720 / (s + 1) + 1);
    trace_store_free(&store);
}

Test(gen, phases_follow_each_other)
{
    struct gen_stream first = stream_of(GEN_SEQUENTIAL), second[2] = {first, first};
    first.device = 1;
    second[0].device = 2;
    second[1].device = 3;
    second[1].start_ps = 1;
    struct gen_phase phases[] = {{.duration_ps = 3 * PS_PER_US, .streams = &first, .stream_count = 1},
                                 {.records = 5, .streams = second, .stream_count = 2}};
    struct gen_spec spec = {.records = UINT64_MAX, .cycles = 2, .phases = phases, .phase_count = 2};
    /* The second phase begins at 3 us and ends with its fifth record, at 5 us. */
    const uint64_t times[] = {0,    1000, 2000, 3000, 3000, 4000, 4000, 5000,
                              5000, 6000, 7000, 8000, 8000, 9000, 9000, 10000};
    const uint16_t devices[] = {1, 1, 1, 2, 3, 2, 3, 2, 1, 1, 1, 2, 3, 2, 3, 2};
    for (uint64_t records = 1; records <= 20; records++) {
        struct gen *gen;
        struct trace_batch batch;
        spec.records = records;
        cr_assert(gen_new(&spec, &gen, NULL));
        gen_next(gen, &batch);
        cr_assert_eq(batch.count, records < 16 ? records : 16);
        cr_expect_arr_eq(batch.time_ns, times, batch.count * sizeof *times);
        cr_expect_arr_eq(batch.device, devices, batch.count * sizeof *devices);
        /* Patterns go on where they were: no offset comes twice. */
        for (size_t i = 1; i < batch.count; i++)
            for (size_t j = 0; j < i; j++)
                cr_expect(batch.device[i] != batch.device[j] || batch.iova[i] != batch.iova[j]);
        gen_next(gen, &batch);
        cr_expect_eq(batch.count, 0);
        gen_free(gen);
    }
}

/* ---- rings ---- */

/* Every packet: the posted buffer is written between a read and a write of the descriptor, and no buffer is
 * posted twice or while it is held. Returns how many buffers were used. */
static size_t check_ring(const struct gen_stream *stream, const struct trace_store *store)
{
    uint64_t ring_bytes = (stream->entries * 16 + 4095) / 4096 * 4096;
    int64_t *last = malloc(stream->buffers * sizeof *last); /* packet that used it last */
    cr_assert_not_null(last);
    size_t used = 0;
    for (uint64_t b = 0; b < stream->buffers; b++)
        last[b] = -1;
    for (size_t i = 0; i + 2 < store->count; i += 3) {
        uint64_t packet = i / 3, descriptor = stream->iova + packet % stream->entries * 16;
        cr_assert(store->op[i] == TRACE_READ && store->iova[i] == descriptor && store->bytes[i] == 16);
        cr_assert(store->op[i + 2] == TRACE_WRITE && store->iova[i + 2] == descriptor);
        uint64_t buffer = (store->iova[i + 1] - stream->iova - ring_bytes) / stream->buffer_bytes;
        cr_assert(store->op[i + 1] == TRACE_WRITE && buffer < stream->buffers);
        cr_assert(store->bytes[i + 1] >= stream->packet_least_bytes &&
                  store->bytes[i + 1] <= stream->packet_bytes);
        /* Back again after the time that it is held and that a round of the ring takes. */
        int64_t round = (int64_t)(stream->entries + (stream->recycle == GEN_FIXED ? 0 : stream->hold));
        cr_assert(last[buffer] < 0 || (int64_t)packet - last[buffer] >= round);
        used += last[buffer] < 0;
        last[buffer] = (int64_t)packet;
    }
    free(last);
    return used;
}

Test(gen, rings_recycle_their_buffers)
{
    enum { PACKETS = 20000 };
    size_t used[GEN_RECYCLE_COUNT];
    for (unsigned recycle = 0; recycle < GEN_RECYCLE_COUNT; recycle++) {
        struct gen_stream stream = stream_of(GEN_NIC_RING);
        stream.iova = 0x10000;
        stream.entries = 100;
        stream.buffers = 1000;
        stream.packet_least_bytes = 60;
        stream.recycle = (enum gen_recycle)recycle;
        stream.hold = recycle == GEN_FIXED ? 0 : 50;
        struct trace_store store = run_one(&stream, PACKETS * 3);
        used[recycle] = check_ring(&stream, &store);
        trace_store_free(&store);
    }
    cr_expect_eq(used[GEN_FIXED], 100);
    cr_expect_eq(used[GEN_FIFO], 1000);
    cr_expect_eq(used[GEN_LIFO], 150);
    cr_expect_eq(used[GEN_RANDOM], 1000);
}

Test(gen, the_fewest_buffers_are_enough)
{
    for (unsigned recycle = GEN_FIFO; recycle < GEN_RECYCLE_COUNT; recycle++) {
        struct gen_stream stream = stream_of(GEN_NIC_RING);
        stream.entries = 7;
        stream.hold = 3;
        stream.buffers = 10;
        stream.recycle = (enum gen_recycle)recycle;
        struct trace_store store = run_one(&stream, 3000);
        cr_expect_eq(check_ring(&stream, &store), 10);
        trace_store_free(&store);
    }
}

/* Every access is to what is mapped, nothing is mapped twice, and only the posted buffers are. */
Test(gen, rings_map_what_is_posted)
{
    struct gen_stream stream = stream_of(GEN_NIC_RING);
    stream.entries = 300; /* two pages of descriptors; more than a batch of maps with the ring */
    stream.buffers = 800;
    stream.buffer_bytes = 8192;
    stream.packet_bytes = 8000;
    stream.recycle = GEN_RANDOM;
    stream.map = true;
    struct trace_store store = run_one(&stream, 50000);
    bool *mapped = calloc(2 + 800 * 2, sizeof *mapped);
    cr_assert_not_null(mapped);
    size_t pages = 0;
    for (size_t i = 0; i < store.count; i++) {
        for (uint64_t page = store.iova[i] / 4096; page <= (store.iova[i] + store.bytes[i] - 1) / 4096;
             page++) {
            cr_assert_eq(mapped[page], store.op[i] != TRACE_MAP, "record %zu", i);
            if (store.op[i] == TRACE_MAP || store.op[i] == TRACE_UNMAP) {
                mapped[page] = store.op[i] == TRACE_MAP;
                pages += store.op[i] == TRACE_MAP ? 1 : (size_t)-1;
            }
        }
        cr_assert_leq(pages, 2 + 300 * 2);
    }
    cr_expect_eq(store.op[301], TRACE_READ);
    free(mapped);
    trace_store_free(&store);
}

Test(gen, nvme_commands_have_their_parts)
{
    enum { COMMANDS = 4000, DEPTH = 70, QUEUES = 3, DATA_PAGES = 6 };
    const uint64_t pair = 8192 + 4096 + DEPTH * 4096, data = 0x40000 + QUEUES * pair;
    const enum gen_recycle policies[] = {GEN_FIXED, GEN_FIFO, GEN_RANDOM};
    for (size_t p = 0; p < 3; p++) {
        struct gen_stream stream = stream_of(GEN_NVME);
        stream.iova = 0x40000;
        stream.size = KIB(32768);
        stream.bytes = 5 * 4096 + 512;
        stream.entries = DEPTH;
        stream.queues = QUEUES;
        stream.recycle = policies[p];
        stream.write_share = GEN_SHARE_ONE / 4;
        struct trace_store store = run_one(&stream, COMMANDS * (DATA_PAGES + 3));
        uint64_t ops[2] = {0}, next = data;
        double shares[2] = {0.25, 0.75};
        for (size_t c = 0; c < COMMANDS; c++) {
            size_t i = c * (DATA_PAGES + 3), end = i + DATA_PAGES + 2;
            uint64_t queue = 0x40000 + c % QUEUES * pair, slot = c / QUEUES % DEPTH;
            cr_assert(store.op[i] == TRACE_READ && store.bytes[i] == 64 &&
                      store.iova[i] == queue + slot * 64);
            cr_assert(store.op[i + 1] == TRACE_READ && store.bytes[i + 1] == 5 * 8);
            cr_assert(store.iova[i + 1] == queue + 8192 + 4096 + slot * 4096);
            cr_assert(store.op[end] == TRACE_WRITE && store.bytes[end] == 16);
            cr_assert(store.iova[end] == queue + 8192 + slot * 16);
            ops[store.op[i + 2]]++;
            for (size_t d = i + 2; d < end; d++) {
                cr_assert(store.op[d] == store.op[i + 2] && store.bytes[d] == (d + 1 == end ? 512 : 4096));
                cr_assert(store.iova[d] % 4096 == 0 && store.iova[d] >= data &&
                          store.iova[d] < data + stream.size);
                if (policies[p] == GEN_FIFO) {
                    cr_assert_eq(store.iova[d], next);
                    next = next + 4096 == data + stream.size ? data : next + 4096;
                } else if (policies[p] == GEN_FIXED) {
                    cr_assert_eq(store.iova[d],
                                 data + ((c % QUEUES * DEPTH + slot) * DATA_PAGES + d - i - 2) * 4096);
                }
            }
        }
        check_shares(ops, shares, 2, COMMANDS, "directions");
        trace_store_free(&store);
    }
}

/* ---- all together ---- */

Test(gen, the_same_seed_gives_the_same_records_and_another_others)
{
    for (unsigned pattern = 0; pattern < GEN_PATTERN_COUNT; pattern++) {
        struct gen_stream stream = stream_of((enum gen_pattern)pattern);
        stream.arrivals = GEN_POISSON;
        struct trace_store one = run_one(&stream, 20000), same = run_one(&stream, 20000);
        stream.seed++;
        struct trace_store other = run_one(&stream, 20000);
        cr_assert(one.count == 20000 && same.count == 20000 && other.count == 20000);
        cr_expect_arr_eq(one.time_ns, same.time_ns, 20000 * sizeof *one.time_ns);
        cr_expect_arr_eq(one.iova, same.iova, 20000 * sizeof *one.iova);
        cr_expect(memcmp(one.time_ns, other.time_ns, 20000 * sizeof *one.time_ns) != 0);
        trace_store_free(&one);
        trace_store_free(&same);
        trace_store_free(&other);
    }
    cr_expect_eq(memory_used(), 0);
}

Test(gen, time_ends_without_going_round)
{
    struct gen_stream stream = stream_of(GEN_SEQUENTIAL);
    stream.interval_ps = GEN_TIME_LIMIT_PS / 3;
    struct trace_store store = run_one(&stream, 1000);
    cr_expect_eq(store.count, 4);
    trace_store_free(&store);
}

Test(gen, streams_that_cannot_be_are_told)
{
    struct wrong {
        struct gen_stream stream;
        const char *key;
    } wrong[] = {
        {stream_of(GEN_UNIFORM), "size"},     {stream_of(GEN_ZIPF), "granule"},
        {stream_of(GEN_ZIPF), "granule"},     {stream_of(GEN_NIC_RING), "packet"},
        {stream_of(GEN_NIC_RING), "buffers"}, {stream_of(GEN_NIC_RING), "hold"},
        {stream_of(GEN_NIC_RING), "map"},     {stream_of(GEN_NVME), "size"},
        {stream_of(GEN_NVME), "bytes"},       {stream_of(GEN_NVME), "recycle"},
        {stream_of(GEN_SEQUENTIAL), "iova"},  {stream_of(GEN_NIC_RING), "packet_least"},
    };
    wrong[0].stream.size = 255;
    wrong[1].stream.bytes = 4097;
    wrong[2].stream.size = UINT64_C(1) << 40;
    wrong[3].stream.packet_bytes = 2049;
    wrong[4].stream.buffers = 255;
    wrong[5].stream.hold = 1;
    wrong[6].stream.map = true;
    wrong[7].stream.size = 4096 * 255;
    wrong[8].stream.bytes = KIB(2048) + 1;
    wrong[9].stream.recycle = GEN_LIFO;
    wrong[10].stream.iova = UINT64_MAX - KIB(64 * 1024) + 2;
    wrong[11].stream.packet_least_bytes = 1501;
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        const char *key = "none";
        char text[256];
        cr_expect_not(gen_stream_check(&wrong[w].stream, &key, text, sizeof text), "%zu", w);
        cr_expect_str_eq(key, wrong[w].key, "%zu", w);
    }
    struct gen_stream edge = stream_of(GEN_SEQUENTIAL);
    edge.iova = UINT64_MAX - edge.size + 1;
    struct trace_store store = run_one(&edge, 1000);
    trace_store_free(&store);
}

Test(gen, memory_that_is_short_is_an_error)
{
    for (unsigned pattern = 0; pattern < GEN_PATTERN_COUNT; pattern++) {
        struct gen_stream stream = stream_of((enum gen_pattern)pattern);
        struct gen_phase phase = {.streams = &stream, .stream_count = 1};
        struct gen_spec spec = {.records = 10, .cycles = 1, .phases = &phase, .phase_count = 1};
        for (uint64_t limit = 100; limit < 300000; limit *= 3) {
            struct gen *gen;
            struct error error = {0};
            memory_limit_set(limit);
            if (gen_new(&spec, &gen, &error))
                gen_free(gen);
            else
                cr_expect_eq(error.kind, ERROR_MEMORY);
            cr_expect_eq(memory_used(), 0);
        }
        memory_limit_set(0);
    }
}
