/* traces/file/writer.c: what is written is what is read, whole or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "tests/unit/test_traces.h"
#include "traces/device.h"
#include "traces/file/gz_write.h"
#include "traces/file/writer.h"
#include "traces/sort.h"

TestSuite(writer, .fini = trace_test_clean);

/* Records with values of every length, all ops among them. */
static struct trace_store random_records(size_t count, uint64_t seed)
{
    enum { PAGE_MASK = 4095 };
    struct trace_store store = {0};
    uint64_t time_ns = 0;
    for (size_t i = 0; i < count; i++) {
        time_ns += rng_next(&seed) >> (30 + rng_next(&seed) % 34);
        uint8_t op = (uint8_t)(rng_next(&seed) % TRACE_OP_COUNT);
        uint16_t device = (uint16_t)rng_next(&seed);
        uint64_t iova = rng_next(&seed) >> rng_next(&seed) % 64;
        uint64_t most = op == TRACE_MARK                 ? UINT64_MAX
                        : UINT64_MAX - iova < UINT32_MAX ? UINT64_MAX - iova
                                                         : UINT32_MAX;
        uint64_t bytes = (rng_next(&seed) >> (1 + rng_next(&seed) % 63)) % most + 1;
        uint64_t address = iova;
        if (op == TRACE_MAP || op == TRACE_MAP_RO || op == TRACE_UNMAP) {
            iova &= ~(uint64_t)PAGE_MASK >> 1;
            iova &= ~(uint64_t)PAGE_MASK;
            bytes = 4096 * (1 + bytes % 1000);
            address = op == TRACE_UNMAP ? iova : (rng_next(&seed) & ~(uint64_t)PAGE_MASK);
        }
        struct trace_batch one = {.count = 1,
                                  .time_ns = &time_ns,
                                  .iova = &iova,
                                  .bytes = &bytes,
                                  .address = &address,
                                  .device = &device,
                                  .op = &op};
        cr_assert(trace_store_add(&store, &one, NULL));
    }
    return store;
}

static void write_all(const char *path, const char *format, const struct trace_store *store, size_t step)
{
    struct error error = {0};
    struct trace_writer *writer;
    cr_assert(trace_writer_open(path, format, &writer, &error), "%s", error.text);
    for (size_t first = 0; first < store->count; first += step) {
        struct trace_batch batch = trace_store_view(store, first);
        if (batch.count > step)
            batch.count = step;
        cr_assert(trace_writer_add(writer, &batch, &error), "%s", error.text);
    }
    cr_assert(trace_writer_close(writer, "made by a test", &error), "%s", error.text);
}

static char *file_bytes(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    char *bytes = malloc(1 << 24);
    cr_assert_not_null(bytes);
    *length = fread(bytes, 1, 1 << 24, file);
    fclose(file);
    return bytes;
}

Test(writer, every_format_gives_back_every_record)
{
    const char *suffixes[] = {".csv", ".csv.gz", ".dwt"};
    struct trace_store store = random_records(50000, 7);
    for (size_t s = 0; s < 3; s++) {
        const char *path = trace_test_file(suffixes[s], "old", 3);
        write_all(path, NULL, &store, TRACE_BATCH_RECORDS);
        struct trace_store read = trace_test_good(path);
        cr_expect(trace_test_same(&store, &read), "%s", suffixes[s]);
        trace_store_free(&read);
        /* However the records come, the bytes are the same. */
        const char *other = trace_test_file(suffixes[s], "", 0);
        write_all(other, NULL, &store, 777);
        size_t length, other_length;
        char *bytes = file_bytes(path, &length), *other_bytes = file_bytes(other, &other_length);
        cr_expect(length == other_length && memcmp(bytes, other_bytes, length) == 0, "%s", suffixes[s]);
        free(bytes);
        free(other_bytes);
    }
    trace_store_free(&store);
}

Test(writer, an_empty_trace_is_a_trace)
{
    const char *suffixes[] = {".csv", ".csv.gz", ".dwt"};
    struct trace_store none = {0};
    for (size_t s = 0; s < 3; s++) {
        const char *path = trace_test_file(suffixes[s], "", 0);
        write_all(path, NULL, &none, TRACE_BATCH_RECORDS);
        struct trace_store read = trace_test_good(path);
        cr_expect_eq(read.count, 0);
        trace_store_free(&read);
    }
}

Test(writer, abandoned_files_leave_what_was_there)
{
    const char *formats[] = {"csv", "csv.gz", "native"};
    struct trace_store store = random_records(30000, 8);
    for (size_t f = 0; f < 3; f++) {
        const char *path = trace_test_file(".old", "what was there", 14);
        struct error error = {0};
        struct trace_writer *writer;
        uint64_t used = memory_used();
        cr_assert(trace_writer_open(path, formats[f], &writer, &error), "%s", error.text);
        struct trace_batch batch = trace_store_view(&store, 0);
        cr_assert(trace_writer_add(writer, &batch, &error));
        trace_writer_abandon(writer);
        cr_expect_eq(memory_used(), used, "%s", formats[f]);
        size_t length;
        char *bytes = file_bytes(path, &length);
        cr_expect(length == 14 && memcmp(bytes, "what was there", 14) == 0, "%s", formats[f]);
        free(bytes);
    }
    trace_writer_abandon(NULL);
    gz_writer_abandon(NULL);
    trace_store_free(&store);
}

Test(writer, memory_that_is_short_is_an_error)
{
    const char *suffixes[] = {".csv", ".csv.gz", ".dwt"};
    for (size_t s = 0; s < 3; s++) {
        struct error error = {0};
        struct trace_writer *writer;
        const char *path = trace_test_file(suffixes[s], "", 0);
        memory_limit_set(memory_used() + 100);
        cr_expect_not(trace_writer_open(path, NULL, &writer, &error));
        cr_expect_eq(error.kind, ERROR_MEMORY, "%s", error.text);
        memory_limit_set(0);
    }
}

Test(writer, names_that_say_nothing_are_told_what_would)
{
    struct trace_writer *writer;
    struct error error = {0};
    cr_expect_not(trace_writer_open("x.txt", NULL, &writer, &error));
    cr_expect_eq(error.kind, ERROR_EXPERIMENT);
    cr_expect(strstr(error.text, ".dwt, .csv, .csv.gz"), "%s", error.text);
    error = (struct error){0};
    cr_expect_not(trace_writer_open("x.csv", "qemu", &writer, &error));
    cr_expect(strstr(error.text, "native, csv, csv.gz"), "%s", error.text);
}

Test(writer, large_pieces_and_small_ones_make_the_same_file)
{
    size_t length = 3 << 20;
    unsigned char *data = malloc(length);
    cr_assert_not_null(data);
    uint64_t seed = 9;
    for (size_t i = 0; i < length; i++)
        data[i] = (unsigned char)(rng_next(&seed) & 0xf);
    const char *whole = trace_test_file(".bin", "", 0), *pieces = trace_test_file(".bin", "", 0);
    struct gz_writer *writer;
    cr_assert(gz_writer_open(whole, false, &writer, NULL));
    cr_assert(gz_writer_put(writer, data, length, NULL) && gz_writer_close(writer, NULL));
    cr_assert(gz_writer_open(pieces, false, &writer, NULL));
    for (size_t at = 0, step = 1; at < length; at += step, step = rng_next(&seed) % 70000) {
        step = step < length - at ? step : length - at;
        cr_assert(gz_writer_put(writer, data + at, step, NULL));
    }
    cr_assert(gz_writer_close(writer, NULL));
    size_t whole_length, pieces_length;
    char *a = file_bytes(whole, &whole_length), *b = file_bytes(pieces, &pieces_length);
    cr_expect(whole_length == length && memcmp(a, data, length) == 0);
    cr_expect(pieces_length == length && memcmp(b, data, length) == 0);
    free(a);
    free(b);
    free(data);
}

Test(writer, sorting_is_stable_and_keeps_every_record)
{
    struct trace_store store = random_records(20000, 10), sorted = {0};
    uint64_t seed = 3;
    /* A few times only, so that there are many ties; bytes tell records apart. */
    for (size_t i = 0; i < store.count; i++) {
        store.time_ns[i] = rng_next(&seed) % 50;
        store.op[i] = TRACE_WRITE;
        store.iova[i] = 0;
        store.address[i] = 0;
        store.bytes[i] = i + 1;
    }
    const char *path = trace_test_file(".csv", "", 0);
    write_all(path, NULL, &store, TRACE_BATCH_RECORDS);
    char warning[TRACE_SORT_WARNING_BYTES];
    struct trace_missing missing = {0};
    struct error error = {0};
    cr_assert(trace_sorted(path, NULL, &sorted, warning, &missing, &error), "%s", error.text);
    cr_assert_eq(sorted.count, store.count);
    for (size_t i = 0; i < sorted.count; i++) {
        size_t from = (size_t)sorted.bytes[i] - 1;
        cr_assert(sorted.time_ns[i] == store.time_ns[from] && sorted.device[i] == store.device[from]);
        cr_assert(i == 0 || sorted.time_ns[i] > sorted.time_ns[i - 1] ||
                  (sorted.time_ns[i] == sorted.time_ns[i - 1] && sorted.bytes[i] > sorted.bytes[i - 1]));
    }
    trace_store_free(&store);
    trace_store_free(&sorted);
}

Test(writer, device_ids_in_both_forms)
{
    uint16_t device;
    char text[TRACE_DEVICE_TEXT_BYTES];
    for (unsigned id = 0; id < TRACE_DEVICES; id++)
        cr_assert(trace_device_parse(trace_device_format((uint16_t)id, text), &device) && device == id);
    cr_expect(trace_device_parse("0xffff", &device) && device == 0xffff);
    cr_expect(trace_device_parse("0001:FF:1f.7", &device) && device == 0xffff);
    const char *wrong[] = {"",       "65536",    "-1",    "00:20.0", "00:00.8",
                           "0:00.0", "00:00.0 ", "00:00", ":",       "g0:00.0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(trace_device_parse(wrong[i], &device), "%s", wrong[i]);
}
