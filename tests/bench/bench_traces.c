/* How fast native traces are written and read, and how small they are, beside fixed 24-byte records timed in
 * the same run; how fast records are generated. Prints tables and writes the JSON file given as the first
 * argument; further arguments are traces to measure besides the synthetic ones, and generator specs (.yaml).
 * Never judges: machines differ and are noisy. */
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "configs/error_list.h"
#include "configs/gen_spec.h"
#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "traces/gen/gen.h"
#include "traces/native/native.h"
#include "traces/native/native_block.h"
#include "traces/native/native_gzip.h"

enum { RECORDS = 4000000, PAGES = 1 << 20, ROUNDS = 5, FIXED_BYTES = 24, THREADS = 2 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(bool good, const struct error *error)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

/* ---- traces ---- */

enum pattern { ZIPF, UNIFORM, SEQUENTIAL, RINGS, ANYTHING, PATTERNS };
static const char *const pattern_names[PATTERNS] = {"zipf", "uniform", "seq", "rings", "anything"};

static void make_record(struct trace_batch *b, size_t i, uint64_t n, enum pattern pattern, uint64_t *rng)
{
    uint64_t draw = rng_next(rng);
    double unit = (double)(draw >> 11) * 0x1p-53;
    uint64_t rank = (uint64_t)pow(PAGES, unit) - 1; /* density 1 / rank */
    uint64_t page = pattern == ZIPF      ? rank * 2654435761U % PAGES
                    : pattern == UNIFORM ? draw % PAGES
                                         : n % PAGES;
    b->time_ns[i] = n * 10;
    b->iova[i] = page << 12 | (rng_next(rng) & 0xf00);
    b->bytes[i] = 256;
    b->device[i] = 32;
    b->op[i] = rng_next(rng) % 10 < 3 ? TRACE_WRITE : TRACE_READ;
    if (pattern == RINGS) {
        /* Two devices with descriptor and buffer rings; buffers of three sizes. */
        b->device[i] = (uint16_t)(32 + n / 4 % 2 * 8);
        b->op[i] = n % 4 == 0 ? TRACE_READ : TRACE_WRITE;
        b->iova[i] = n % 4 == 0   ? UINT64_C(0xfff00000) + n / 8 % 256 * 16
                     : n % 4 == 3 ? UINT64_C(0xfff10000) + n / 8 % 256 * 16
                                  : UINT64_C(0xf0000000) + draw % 4096 * 2048;
        b->bytes[i] = n % 4 == 0 || n % 4 == 3 ? 16 : draw >> 32 & 7 ? 1500 : 64;
        b->time_ns[i] = n * 1000 / 3;
    } else if (pattern == ANYTHING) {
        b->iova[i] = rng_next(rng) >> 4;
        b->bytes[i] = draw % 65536 + 1;
        b->time_ns[i] = n * 1000 + draw % 1000;
    }
}

static void make_trace(struct trace_store *store, enum pattern pattern)
{
    static uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS];
    static uint16_t device[TRACE_BATCH_RECORDS];
    static uint8_t op[TRACE_BATCH_RECORDS];
    struct trace_batch b = {
        .time_ns = time_ns, .iova = iova, .bytes = bytes, .address = iova, .device = device, .op = op};
    uint64_t rng = 1;
    struct error error = {0};
    for (uint64_t n = 0; n < RECORDS; n += b.count) {
        b.count = RECORDS - n < TRACE_BATCH_RECORDS ? RECORDS - n : TRACE_BATCH_RECORDS;
        for (size_t i = 0; i < b.count; i++)
            make_record(&b, i, n + i, pattern, &rng);
        must(trace_store_add(store, &b, &error), &error);
    }
}

static void read_trace(struct trace_store *store, const char *path)
{
    struct trace *trace;
    struct trace_batch batch = {.count = 1};
    struct error error = {0};
    must(trace_open(path, NULL, UINT64_MAX, &trace, &error), &error);
    while (batch.count > 0) {
        must(trace_next(trace, &batch, &error), &error);
        must(trace_store_add(store, &batch, &error), &error);
    }
    trace_close(trace);
}

/* ---- native ---- */

static double write_native(const struct trace_store *store, const char *path)
{
    struct native_writer *writer;
    struct error error = {0};
    double before = now_s();
    must(native_writer_open(path, &writer, &error), &error);
    for (size_t i = 0; i < store->count; i += TRACE_BATCH_RECORDS) {
        struct trace_batch batch = trace_store_view(store, i);
        must(native_writer_add(writer, &batch, &error), &error);
    }
    must(native_writer_close(writer, "bench_traces", &error), &error);
    return (double)store->count / (now_s() - before);
}

static void expect_same(const struct trace_store *store, const struct trace_batch *batch)
{
    struct trace_batch expected = trace_store_view(store, batch->first_record);
    size_t n = batch->count;
    if (expected.count < n || memcmp(expected.time_ns, batch->time_ns, n * 8) != 0 ||
        memcmp(expected.iova, batch->iova, n * 8) != 0 || memcmp(expected.bytes, batch->bytes, n * 8) != 0 ||
        memcmp(expected.address, batch->address, n * 8) != 0 ||
        memcmp(expected.device, batch->device, n * 2) != 0 || memcmp(expected.op, batch->op, n) != 0) {
        fprintf(stderr, "the records from %llu on came back changed\n",
                (unsigned long long)batch->first_record);
        exit(1);
    }
}

/* As experiments read: every rule checked. */
static double read_native(const struct trace_store *store, const char *path, bool compare_all)
{
    struct trace *trace;
    struct trace_batch batch = {.count = 1};
    struct error error = {0};
    uint64_t records = 0;
    double before = now_s();
    must(trace_open(path, NULL, UINT64_MAX, &trace, &error), &error);
    while (batch.count > 0) {
        must(trace_next(trace, &batch, &error), &error);
        records += batch.count;
        if (compare_all && batch.count > 0)
            expect_same(store, &batch);
    }
    trace_close(trace);
    double rate = (double)records / (now_s() - before);
    assert(records == store->count);
    return rate;
}

struct columns {
    uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS];
    uint16_t device[TRACE_BATCH_RECORDS];
    uint8_t op[TRACE_BATCH_RECORDS];
};

static struct trace_batch batch_of(struct columns *c)
{
    return (struct trace_batch){.time_ns = c->time_ns,
                                .iova = c->iova,
                                .bytes = c->bytes,
                                .address = c->address,
                                .device = c->device,
                                .op = c->op};
}

struct job {
    const struct native_file *file;
    uint64_t first, step, records;
};

static void *run_job(void *context)
{
    struct job *job = context;
    struct native_cursor *cursor;
    struct error error = {0};
    struct columns *columns = malloc(sizeof *columns);
    assert(columns);
    struct trace_batch batch = batch_of(columns);
    must(native_cursor_new(job->file, &cursor, &error), &error);
    for (uint64_t b = job->first; b < native_file_summary(job->file)->blocks; b += job->step) {
        must(native_cursor_block(cursor, b, &error), &error);
        while (native_cursor_next(cursor, &batch), batch.count > 0)
            job->records += batch.count;
    }
    native_cursor_free(cursor);
    free(columns);
    return NULL;
}

/* Blocks by turns on one or two threads. */
static double read_blocks(const char *path, unsigned threads)
{
    struct native_file *file;
    struct error error = {0};
    struct job jobs[THREADS] = {0};
    pthread_t ids[THREADS];
    uint64_t records = 0;
    double before = now_s();
    must(native_file_open(path, &file, &error), &error);
    for (unsigned t = 0; t < threads; t++) {
        jobs[t] = (struct job){.file = file, .first = t, .step = threads};
        int failed = pthread_create(&ids[t], NULL, run_job, &jobs[t]);
        assert(!failed);
        (void)failed;
    }
    for (unsigned t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        records += jobs[t].records;
    }
    native_file_close(file);
    return (double)records / (now_s() - before);
}

/* ---- pieces in memory: payloads that need no inflating, and fixed records ---- */

struct piece {
    uint8_t *data;
    size_t bytes;
    struct native_member member; /* of a deflated piece */
};

static size_t piece_count(const struct trace_store *store)
{
    return (store->count + NATIVE_BLOCK_RECORDS - 1) / NATIVE_BLOCK_RECORDS;
}

static void keep(struct piece *piece, const uint8_t *data, size_t bytes)
{
    piece->data = malloc(bytes + NATIVE_SLACK_BYTES);
    assert(piece->data);
    memcpy(piece->data, data, bytes);
    piece->bytes = bytes;
}

static void free_pieces(struct piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(pieces[i].data);
    free(pieces);
}

/* The blocks' payloads, decoded without inflating: what a file stored whole would cost. */
static double decode_payloads(const struct trace_store *store, double *bytes_per_record)
{
    static struct native_records r;
    static struct columns columns;
    static struct native_block block;
    struct trace_batch batch = batch_of(&columns);
    struct native_encoder *encoder;
    struct error error = {0};
    size_t count = piece_count(store), total = 0;
    struct piece *pieces = calloc(count, sizeof *pieces);
    assert(pieces);
    must(native_encoder_new(&encoder, &error), &error);
    for (size_t p = 0; p < count; p++) {
        size_t from = p * NATIVE_BLOCK_RECORDS, left = store->count - from, bytes, incompressible;
        r.count = (uint32_t)(left < NATIVE_BLOCK_RECORDS ? left : NATIVE_BLOCK_RECORDS);
        memcpy(r.time_ns, store->time_ns + from, r.count * sizeof *r.time_ns);
        memcpy(r.iova, store->iova + from, r.count * sizeof *r.iova);
        memcpy(r.bytes, store->bytes + from, r.count * sizeof *r.bytes);
        memcpy(r.address, store->address + from, r.count * sizeof *r.address);
        memcpy(r.device, store->device + from, r.count * sizeof *r.device);
        memcpy(r.op, store->op + from, r.count * sizeof *r.op);
        const uint8_t *payload = native_block_encode(encoder, &r, from, &bytes, &incompressible);
        keep(&pieces[p], payload, bytes);
        total += bytes;
    }
    native_encoder_free(encoder);
    double rate[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        double before = now_s();
        for (size_t p = 0; p < count; p++) {
            must(native_block_open(&block, pieces[p].data, pieces[p].bytes, &error), &error);
            while (native_block_next(&block, &batch), batch.count > 0)
                continue;
        }
        rate[round] = (double)store->count / (now_s() - before);
    }
    free_pieces(pieces, count);
    *bytes_per_record = (double)total / (double)store->count;
    return median(rate);
}

static void fix(const struct trace_store *store, size_t i, uint8_t *at)
{
    le_put(at, 8, store->time_ns[i]);
    le_put(at + 8, 8, store->iova[i]);
    le_put(at + 16, 4, store->bytes[i]);
    le_put(at + 20, 2, store->device[i]);
    le_put(at + 22, 2, store->op[i]);
}

static void unfix(const uint8_t *at, size_t count, struct columns *columns)
{
    for (size_t i = 0; i < count; i++, at += FIXED_BYTES) {
        columns->time_ns[i] = le_get(at, 8);
        columns->iova[i] = columns->address[i] = le_get(at + 8, 8);
        columns->bytes[i] = le_get(at + 16, 4);
        columns->device[i] = (uint16_t)le_get(at + 20, 2);
        columns->op[i] = (uint8_t)le_get(at + 22, 2);
    }
}

/* 24-byte records deflated by the same library in blocks of the same number of records. */
static double fixed_records(const struct trace_store *store, double *bytes_per_record)
{
    static uint8_t payload[NATIVE_BLOCK_RECORDS * FIXED_BYTES];
    static struct columns columns;
    struct native_packer *packer;
    struct native_unpacker *unpacker;
    struct error error = {0};
    size_t count = piece_count(store), total = 0;
    struct piece *pieces = calloc(count, sizeof *pieces);
    assert(pieces);
    must(native_packer_new(&packer, &error) && native_unpacker_new(&unpacker, &error), &error);
    for (size_t p = 0; p < count; p++) {
        size_t from = p * NATIVE_BLOCK_RECORDS, n = 0, bytes;
        for (; n < NATIVE_BLOCK_RECORDS && from + n < store->count; n++)
            fix(store, from + n, payload + n * FIXED_BYTES);
        const uint8_t *member;
        must(
            native_pack(packer, NATIVE_MEMBER_BLOCK, 0, payload, n * FIXED_BYTES, 0, &member, &bytes, &error),
            &error);
        must(native_member_parse(member, &pieces[p].member, &error), &error);
        keep(&pieces[p], member, bytes);
        total += bytes;
    }
    double rate[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        double before = now_s();
        for (size_t p = 0; p < count; p++) {
            must(native_unpack(unpacker, &pieces[p].member, pieces[p].data, payload, &error), &error);
            size_t n = pieces[p].member.payload_bytes / FIXED_BYTES;
            for (size_t i = 0; i < n; i += TRACE_BATCH_RECORDS)
                unfix(payload + i * FIXED_BYTES, n - i < TRACE_BATCH_RECORDS ? n - i : TRACE_BATCH_RECORDS,
                      &columns);
        }
        rate[round] = (double)store->count / (now_s() - before);
    }
    native_packer_free(packer);
    native_unpacker_free(unpacker);
    free_pieces(pieces, count);
    *bytes_per_record = (double)total / (double)store->count;
    return median(rate);
}

/* ---- rows ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void bench(json_t *out, const char *name, const struct trace_store *store, const char *path)
{
    double written[ROUNDS], read[ROUNDS], blocks[ROUNDS], two[ROUNDS], raw, fixed;
    for (unsigned r = 0; r < ROUNDS; r++)
        written[r] = write_native(store, path);
    read_native(store, path, true);
    for (unsigned r = 0; r < ROUNDS; r++) {
        read[r] = read_native(store, path, false);
        blocks[r] = read_blocks(path, 1);
        two[r] = read_blocks(path, THREADS);
    }
    struct stat status;
    int failed = stat(path, &status);
    assert(!failed);
    (void)failed;
    unlink(path);
    double payload_rate = decode_payloads(store, &raw), fixed_rate = fixed_records(store, &fixed);
    double bytes = (double)status.st_size / (double)store->count;
    printf("%-22.22s %8.2f %6.2f %7.1f %7.1f %7.1f %7.1f | %6.2f %7.1f | %6.2f %7.1f\n", name,
           (double)store->count / 1e6, bytes, median(written) / 1e6, median(read) / 1e6, median(blocks) / 1e6,
           median(two) / 1e6, raw, payload_rate / 1e6, fixed, fixed_rate / 1e6);
    fflush(stdout);
    json_t *row = json_pack("{s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "records", (json_int_t)store->count,
                            "bytes_per_record", bytes, "written_per_s", median(written), "read_per_s",
                            median(read), "blocks_per_s", median(blocks), "two_threads_per_s", median(two),
                            "payload_bytes_per_record", raw, "payload_per_s", payload_rate,
                            "fixed_bytes_per_record", fixed, "fixed_per_s", fixed_rate);
    json_object_set_new(out, name, row);
}

/* ---- generators ---- */

static void bench_generator(json_t *out, const char *path)
{
    struct gen_spec *spec;
    struct gen *gen;
    struct error_list messages = {0};
    struct error error = {0};
    double rate[ROUNDS];
    if (!gen_spec_load(path, &spec, &messages)) {
        fprintf(stderr, "%s: no generator spec\n", path);
        exit(1);
    }
    for (unsigned r = 0; r < ROUNDS; r++) {
        must(gen_new(spec, &gen, &error), &error);
        uint64_t records = 0;
        struct trace_batch batch;
        double before = now_s();
        do {
            gen_next(gen, &batch);
            records += batch.count;
        } while (batch.count > 0 && records < RECORDS);
        rate[r] = (double)records / (now_s() - before);
        gen_free(gen);
    }
    gen_spec_free(spec);
    printf("%-22.22s %8.1f generated\n", base_name(path), median(rate) / 1e6);
    json_object_set_new(out, base_name(path), json_pack("{s:f}", "generated_per_s", median(rate)));
}

static bool is_spec(const char *path)
{
    return strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".yaml") == 0;
}

int main(int argc, char **argv)
{
    char path[64];
    snprintf(path, sizeof path, "bench_traces_%ld.dwt", (long)getpid());
    json_t *out = json_object();
    printf("M records/s, medians of %d; files in the page cache\n", ROUNDS);
    printf("%-22s %8s %6s %7s %7s %7s %7s | %14s | %14s\n", "", "records", "file", "", "read,", "blocks,",
           "blocks,", "not deflated", "24-byte records");
    printf("%-22s %8s %6s %7s %7s %7s %7s | %6s %7s | %6s %7s\n", "trace", "M", "B/rec", "written", "checked",
           "1 core", "2 cores", "B/rec", "read", "B/rec", "read");
    for (int i = 2; i < argc; i++) {
        if (is_spec(argv[i]))
            continue;
        struct trace_store store = {0};
        read_trace(&store, argv[i]);
        bench(out, base_name(argv[i]), &store, path);
        trace_store_free(&store);
    }
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) {
        struct trace_store store = {0};
        make_trace(&store, pattern);
        bench(out, pattern_names[pattern], &store, path);
        trace_store_free(&store);
    }
    for (int i = 2; i < argc; i++)
        if (is_spec(argv[i]))
            bench_generator(out, argv[i]);
    int failed = argc > 1 && json_dump_file(out, argv[1], JSON_INDENT(2)) != 0;
    if (failed)
        fprintf(stderr, "cannot write %s\n", argv[1]);
    json_decref(out);
    return failed;
}
