/* Native traces: what goes in comes out, from front to back, from the middle, by blocks and as a summary. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "tests/unit/test_native.h"

TestSuite(native, .fini = trace_test_clean);

static void expect_same(const struct trace_store *store, const char *path)
{
    struct trace_store back = trace_test_good(path);
    cr_expect_eq(back.count, store->count);
    cr_expect(trace_test_same(store, &back), "%s", path);
    trace_store_free(&back);
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(path, &file, &error), "%s", error.text);
    cr_expect(native_file_check(file, &error), "%s", error.text);
    native_file_close(file);
}

Test(native, records_come_back_as_they_were)
{
    /* Sizes around a batch and a block; few kinds, more than fit, more sizes than kinds, more devices. */
    static const struct {
        size_t count;
        uint64_t kinds, devices;
    } cases[] = {{0, 1, 1},         {1, 1, 1},
                 {2, 3, 2},         {3, 1, 1},
                 {4096, 4, 3},      {4097, 4, 3},
                 {16383, 9, 2},     {16384, 31, 1},
                 {16385, 33, 1},    {40000, 100, 4},
                 {20000, 50000, 9}, {20000, 1 << 30, 16},
                 {20000, 2, 65536}, {17000, 1 << 20, 65536}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trace_store store = {0};
        native_test_random(&store, cases[i].count, i + 1, cases[i].kinds, cases[i].devices);
        expect_same(&store, native_test_file(&store, ""));
        trace_store_free(&store);
    }
}

Test(native, times_and_addresses_of_any_size_come_back)
{
    struct trace_store store = {0};
    const uint64_t top = UINT64_MAX;
    native_test_add(&store, 0, 65535, TRACE_WRITE, top, 1, 0);
    native_test_add(&store, 0, 65535, TRACE_WRITE, 0, 1, 0);
    native_test_add(&store, top / 3, 65535, TRACE_WRITE, top, 1, 0);
    native_test_add(&store, top / 3, 65535, TRACE_WRITE, UINT64_C(1) << 63, 1, 0);
    native_test_add(&store, top, 0, TRACE_MAP_RO, 0, 4096, top - 4095);
    native_test_add(&store, top, 0, TRACE_MAP_RO, top - 4095, 4096, 0);
    native_test_add(&store, top, 0, TRACE_MARK, top, top, 0);
    native_test_add(&store, top, 0, TRACE_UNMAP, 0, top - 4095, 0);
    expect_same(&store, native_test_file(&store, "extremes"));
    trace_store_free(&store);
}

Test(native, an_empty_trace_is_a_file)
{
    struct trace_store store = {0};
    const char *path = native_test_file(&store, "");
    expect_same(&store, path);
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(path, &file, &error), "%s", error.text);
    cr_expect_eq(native_file_summary(file)->records, 0);
    cr_expect_eq(native_file_block_of_record(file, 0), 0);
    cr_expect_eq(native_file_block_of_time(file, 0), 0);
    native_file_close(file);
    struct trace *trace;
    struct trace_batch batch;
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    cr_assert(trace_seek(trace, 5, 5, &error), "%s", error.text);
    cr_assert(trace_next(trace, &batch, &error));
    cr_expect_eq(batch.count, 0);
    trace_close(trace);
}

Test(native, gzip_tools_accept_the_file_and_the_payload_has_the_stated_sha256)
{
    struct trace_store store = {0};
    native_test_random(&store, 50000, 77, 40, 3);
    const char *path = native_test_file(&store, "text");
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(path, &file, &error), "%s", error.text);
    const struct native_summary *summary = native_file_summary(file);
    char command[1000], line[200] = "";
    snprintf(command, sizeof command, "gzip -t <'%s' && zcat <'%s' | head -c %llu | sha256sum", path, path,
             (unsigned long long)summary->payload_bytes);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    cr_expect_not_null(fgets(line, sizeof line, pipe));
    cr_expect_eq(pclose(pipe), 0);
    cr_expect_eq(strncmp(line, summary->sha256, 64), 0, "%s%s", line, summary->sha256);
    native_file_close(file);
    trace_store_free(&store);
}

Test(native, the_summary_says_what_is_inside)
{
    struct trace_store store = native_test_few();
    const char *path = native_test_file(&store, "by hand\nsecond line");
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(path, &file, &error), "%s", error.text);
    const struct native_summary *s = native_file_summary(file);
    cr_expect_eq(s->records, 7);
    cr_expect_eq(s->blocks, 1);
    cr_expect_eq(s->first_time_ns, 1000);
    cr_expect_eq(s->last_time_ns, 10000);
    const uint64_t records[TRACE_OP_COUNT] = {3, 1, 1, 0, 1, 0, 0, 1};
    const uint64_t bytes[TRACE_OP_COUNT] = {192, 4096, 8192, 0, 8192, 0, 0, 0};
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++) {
        cr_expect_eq(s->records_by_op[op], records[op]);
        cr_expect_eq(s->bytes_by_op[op], bytes[op]);
    }
    cr_assert_eq(s->device_count, 2);
    cr_expect_eq(s->devices[0], 32);
    cr_expect_eq(s->devices[1], 40);
    cr_expect_eq(s->granule_shift, 12);
    cr_assert_eq(s->extent_count, 2);
    cr_expect_eq(s->extents[0].first, 1);
    cr_expect_eq(s->extents[0].count, 1);
    cr_expect_eq(s->extents[1].first, 0xfff80);
    cr_expect_eq(s->extents[1].count, 1);
    cr_expect_str_eq(s->provenance, "by hand\nsecond line");
    native_file_close(file);
    trace_store_free(&store);
}

/* Extents by their definition: try sizes until few enough granules are touched. */
static void expect_extents(const struct trace_store *store)
{
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(native_test_file(store, ""), &file, &error), "%s", error.text);
    const struct native_summary *s = native_file_summary(file);
    uint64_t total = 0;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        total += s->extents[i].count;
        cr_expect(i == 0 || s->extents[i].first > s->extents[i - 1].first + s->extents[i - 1].count);
    }
    cr_expect_leq(total, 1024);
    uint64_t finer = 0, *seen = calloc(4096, sizeof *seen);
    cr_assert_not_null(seen);
    for (size_t i = 0; i < store->count; i++) {
        if (store->op[i] >= TRACE_MAP && store->op[i] <= TRACE_UNMAP)
            continue;
        uint64_t last = store->iova[i] + store->bytes[i] - 1;
        uint64_t granule = store->iova[i] >> s->granule_shift, end = last >> s->granule_shift;
        bool inside = false;
        for (uint32_t k = 0; k < s->extent_count; k++)
            inside |= granule >= s->extents[k].first && end - s->extents[k].first < s->extents[k].count;
        cr_expect(inside);
        uint64_t half = s->granule_shift - 1;
        for (uint64_t g = store->iova[i] >> half; g <= last >> half && finer <= 2048; g++) {
            uint64_t k = 0;
            while (k < finer && seen[k] != g)
                k++;
            seen[k] = g;
            finer += k == finer;
        }
    }
    cr_expect(s->granule_shift == 12 || finer > 1024, "granules of 2^%u, %llu of half that", s->granule_shift,
              (unsigned long long)finer);
    free(seen);
    native_file_close(file);
}

Test(native, extents_are_as_fine_as_fits)
{
    for (unsigned spread = 12; spread < 60; spread += 7) {
        struct trace_store store = {0};
        uint64_t seed = spread;
        for (uint64_t i = 0; i < 1500; i++)
            native_test_add(&store, i, 1, (enum trace_op)(i % 7),
                            (rng_next(&seed) >> (64 - spread)) << 12 >> 1 & ~UINT64_C(4095),
                            i % 10 == 0 ? 40960 : 4096, 0);
        expect_extents(&store);
        trace_store_free(&store);
    }
    struct trace_store whole = {0};
    native_test_add(&whole, 0, 1, TRACE_MAP, 0, UINT64_MAX - 4095, 0);
    native_test_add(&whole, 0, 1, TRACE_READ, UINT64_MAX, 1, 0);
    expect_extents(&whole);
    trace_store_free(&whole);
}

Test(native, reading_can_begin_anywhere)
{
    struct trace_store store = {0};
    native_test_random(&store, 50000, 5, 40, 3);
    /* Many records at one time across a block's end. */
    for (size_t i = 16000; i < 17000; i++)
        store.time_ns[i] = store.time_ns[16000];
    size_t length;
    const char *path = native_test_file(&store, "");
    uint8_t *bytes = native_test_bytes(path, &length);
    struct trace *trace;
    struct error error = {0};
    cr_assert(trace_open(path, NULL, 49999, &trace, &error), "%s", error.text);
    uint64_t seed = 3;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t record = rng_next(&seed) % 51000, near = rng_next(&seed) % 50000;
        uint64_t time_ns = i % 3 == 0 ? 0 : store.time_ns[i % 7 == 0 ? 16500 : near] + i % 2;
        if (i % 5 == 0)
            record = i % 10 == 0 ? 0 : 16384;
        size_t expected = 0;
        while (expected < 49999 && (expected < record || store.time_ns[expected] < time_ns))
            expected++;
        struct trace_batch batch;
        cr_assert(trace_seek(trace, record, time_ns, &error), "%s", error.text);
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert_eq(batch.count == 0, expected == 49999);
        if (batch.count == 0)
            continue;
        cr_assert_eq(batch.first_record, expected);
        cr_assert_eq(batch.iova[0], store.iova[expected]);
        cr_assert_eq(batch.time_ns[batch.count - 1], store.time_ns[expected + batch.count - 1]);
        size_t next = expected + batch.count;
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert(next == 49999 ? batch.count == 0 : batch.first_record == next);
    }
    cr_assert(trace_rewind(trace, &error));
    struct trace_batch batch;
    cr_assert(trace_next(trace, &batch, &error));
    cr_expect_eq(batch.first_record, 0);
    trace_close(trace);
    free(bytes);
    trace_store_free(&store);
}

Test(native, a_csv_trace_can_be_entered_anywhere_too)
{
    size_t length;
    char *rows = trace_test_rows(10000, 9, &length);
    const char *path = trace_test_file(".csv", rows, length);
    struct trace_store store = trace_test_good(path);
    struct trace *trace;
    struct trace_batch batch;
    struct error error = {0};
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    const uint64_t places[] = {0, 1, 4095, 4096, 9999, 5, 10000};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        cr_assert(trace_seek(trace, places[i], 0, &error), "%s", error.text);
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert_eq(batch.count > 0, places[i] < 10000);
        cr_assert(batch.count == 0 ||
                  (batch.first_record == places[i] && batch.iova[0] == store.iova[places[i]]));
    }
    trace_close(trace);
    trace_store_free(&store);
    free(rows);
}

Test(native, the_facts_are_known_without_reading)
{
    struct trace_store store = {0};
    native_test_random(&store, 20000, 8, 10, 300);
    struct trace_facts *known = calloc(2, sizeof *known), *counted = known + 1;
    cr_assert_not_null(known);
    for (size_t i = 0; i < store.count; i += TRACE_BATCH_RECORDS) {
        struct trace_batch batch = trace_store_view(&store, i);
        trace_facts_add(counted, &batch);
    }
    const char *path = native_test_file(&store, "");
    struct trace *trace;
    struct error error = {0};
    cr_assert(trace_open(path, NULL, 20000, &trace, &error), "%s", error.text);
    cr_assert(trace_known_facts(trace, known));
    cr_expect_eq(memcmp(known, counted, sizeof *known), 0);
    trace_close(trace);
    cr_assert(trace_open(path, NULL, 19999, &trace, &error), "%s", error.text);
    cr_expect_not(trace_known_facts(trace, known));
    trace_close(trace);
    cr_assert(trace_open(trace_test_text(TRACE_TEST_HEADER), NULL, 19999, &trace, &error));
    cr_expect_not(trace_known_facts(trace, known));
    trace_close(trace);
    free(known);
    trace_store_free(&store);
}

Test(native, blocks_can_be_read_in_any_order)
{
    struct trace_store store = {0};
    native_test_random(&store, 70000, 12, 20, 3);
    struct native_file *file;
    struct native_cursor *cursor;
    struct error error = {0};
    cr_assert(native_file_open(native_test_file(&store, ""), &file, &error), "%s", error.text);
    cr_assert(native_cursor_new(file, &cursor, &error));
    static uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS];
    static uint16_t device[TRACE_BATCH_RECORDS];
    static uint8_t op[TRACE_BATCH_RECORDS];
    struct trace_batch batch = {
        .time_ns = time_ns, .iova = iova, .bytes = bytes, .address = address, .device = device, .op = op};
    const uint64_t order[] = {4, 0, 2, 2, 1, 3, 0};
    cr_expect_eq(native_file_summary(file)->blocks, 5);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        cr_assert(native_cursor_block(cursor, order[i], &error), "%s", error.text);
        size_t at = order[i] * 16384;
        while (native_cursor_next(cursor, &batch), batch.count > 0) {
            cr_assert_eq(batch.first_record, at);
            cr_assert_eq(memcmp(time_ns, store.time_ns + at, batch.count * 8), 0);
            cr_assert_eq(memcmp(iova, store.iova + at, batch.count * 8), 0);
            cr_assert_eq(memcmp(bytes, store.bytes + at, batch.count * 8), 0);
            cr_assert_eq(memcmp(address, store.address + at, batch.count * 8), 0);
            cr_assert_eq(memcmp(device, store.device + at, batch.count * 2), 0);
            cr_assert_eq(memcmp(op, store.op + at, batch.count), 0);
            at += batch.count;
        }
        cr_assert_eq(at, order[i] == 4 ? 70000 : (order[i] + 1) * 16384);
    }
    native_cursor_free(cursor);
    native_file_close(file);
    trace_store_free(&store);
}

/* Every second block, each on its own thread: the sum of all iovas and times. */
struct share {
    const struct native_file *file;
    uint64_t first, records, sum;
};

static void *read_share(void *context)
{
    struct share *share = context;
    struct native_cursor *cursor;
    struct error error = {0};
    uint64_t *columns = malloc(5 * TRACE_BATCH_RECORDS * sizeof *columns);
    if (!columns || !native_cursor_new(share->file, &cursor, &error))
        return NULL;
    struct trace_batch batch = {.time_ns = columns,
                                .iova = columns + TRACE_BATCH_RECORDS,
                                .bytes = columns + 2 * TRACE_BATCH_RECORDS,
                                .address = columns + 3 * TRACE_BATCH_RECORDS,
                                .device = (uint16_t *)(columns + 4 * TRACE_BATCH_RECORDS),
                                .op =
                                    (uint8_t *)(columns + 4 * TRACE_BATCH_RECORDS + TRACE_BATCH_RECORDS / 2)};
    uint64_t blocks = native_file_summary(share->file)->blocks;
    for (uint64_t b = share->first; b < blocks && native_cursor_block(cursor, b, &error); b += 2)
        while (native_cursor_next(cursor, &batch), batch.count > 0) {
            share->records += batch.count;
            for (size_t i = 0; i < batch.count; i++)
                share->sum += batch.iova[i] ^ batch.time_ns[i];
        }
    native_cursor_free(cursor);
    free(columns);
    return NULL;
}

Test(native, threads_read_one_file_together)
{
    struct trace_store store = {0};
    native_test_random(&store, 100000, 31, 20, 3);
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(native_test_file(&store, ""), &file, &error), "%s", error.text);
    struct share shares[2] = {{.file = file, .first = 0}, {.file = file, .first = 1}};
    pthread_t threads[2];
    for (size_t t = 0; t < 2; t++)
        cr_assert_eq(pthread_create(&threads[t], NULL, read_share, &shares[t]), 0);
    for (size_t t = 0; t < 2; t++)
        pthread_join(threads[t], NULL);
    uint64_t sum = 0;
    for (size_t i = 0; i < store.count; i++)
        sum += store.iova[i] ^ store.time_ns[i];
    cr_expect_eq(shares[0].records + shares[1].records, store.count);
    cr_expect_eq(shares[0].sum + shares[1].sum, sum);
    native_file_close(file);
    trace_store_free(&store);
}

Test(native, small_differences_take_little_room)
{
    /* Two rings and a clock in microseconds: what the format is made for. */
    struct trace_store store = {0};
    for (uint64_t i = 0; i < 100000; i++)
        native_test_add(&store, i / 3 * 1000, 32 + (unsigned)(i & 1) * 8, i & 1 ? TRACE_READ : TRACE_WRITE,
                        0x80000000 * (1 + (i & 1)) + i / 2 % 256 * 2048, i & 1 ? 16 : 1500, 0);
    size_t length;
    free(native_test_bytes(native_test_file(&store, ""), &length));
    cr_expect_lt(length, 100000 / 8, "%zu bytes", length);
    trace_store_free(&store);
}

Test(native, nothing_is_left_in_memory)
{
    uint64_t before = memory_used();
    struct trace_store store = {0};
    native_test_random(&store, 20000, 2, 5, 5);
    expect_same(&store, native_test_file(&store, ""));
    trace_store_free(&store);
    cr_expect_eq(memory_used(), before);
}
