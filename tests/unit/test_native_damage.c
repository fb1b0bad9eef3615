/* Damaged and hostile native traces: every one is an error or reads as the same records. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <zlib.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "tests/unit/test_native.h"
#include "traces/native/native_block.h"

TestSuite(native_damage, .fini = trace_test_clean);

enum { HEADER = 38, END = 48 };

/* Read the bytes as a file that is already there, or from a pipe, which they must fit in. */
static bool read_bytes(const char *path, const uint8_t *bytes, size_t length, bool pipe_it,
                       struct trace_store *store, struct error *error)
{
    char name[64];
    int ends[2] = {-1, -1};
    if (pipe_it) {
        cr_assert_eq(pipe(ends), 0);
        cr_assert_eq(write(ends[1], bytes, length), (ssize_t)length);
        close(ends[1]);
        snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
    } else {
        int file = open(path, O_WRONLY | O_TRUNC);
        cr_assert_geq(file, 0);
        cr_assert_eq(write(file, bytes, length), (ssize_t)length);
        close(file);
    }
    struct trace *trace;
    bool good = trace_open(pipe_it ? name : path, "native", UINT64_MAX, &trace, error);
    struct trace_batch batch = {.count = 1};
    bool opened = good;
    while (good && batch.count > 0)
        good = trace_next(trace, &batch, error) && trace_store_add(store, &batch, error);
    if (opened)
        trace_close(trace);
    if (pipe_it)
        close(ends[0]);
    return good;
}

/* A file of a few records, which is stored, or of some more, which are deflated. */
static uint8_t *small_file(bool deflated, struct trace_store *store, const char **path, size_t *length)
{
    *store = native_test_few();
    for (unsigned i = 0; deflated && i < 250; i++)
        native_test_add(store, 10000 + i * 1000, 32, TRACE_WRITE, 0x5000 + i % 7 * 64, 64, 0);
    *path = native_test_file(store, "small");
    return native_test_bytes(*path, length);
}

Test(native_damage, a_file_cut_anywhere_is_an_error)
{
    struct trace_store store;
    const char *path;
    size_t length;
    for (unsigned deflated = 0; deflated < 2; deflated++) {
        uint8_t *bytes = small_file(deflated, &store, &path, &length);
        for (size_t cut = 0; cut < length; cut++)
            for (unsigned pipe_it = 0; pipe_it < 2; pipe_it++) {
                struct trace_store back = {0};
                struct error error = {0};
                cr_expect_not(read_bytes(path, bytes, cut, pipe_it, &back, &error), "cut at %zu", cut);
                cr_expect_eq(error.kind, ERROR_TRACE);
                trace_store_free(&back);
            }
        free(bytes);
        trace_store_free(&store);
    }
}

Test(native_damage, every_flipped_bit_is_an_error_or_harmless)
{
    struct trace_store store;
    const char *path;
    size_t length;
    for (unsigned deflated = 0; deflated < 2; deflated++) {
        uint8_t *bytes = small_file(deflated, &store, &path, &length);
        size_t harmless = 0;
        for (size_t bit = 0; bit < length * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            for (unsigned pipe_it = 0; pipe_it < 2; pipe_it++) {
                struct trace_store back = {0};
                struct error error = {0};
                bool good = read_bytes(path, bytes, length, pipe_it, &back, &error);
                cr_expect(good ? trace_test_same(&store, &back) : error.kind == ERROR_TRACE, "bit %zu", bit);
                harmless += good;
                trace_store_free(&back);
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        /* Padding bits of deflate streams are all that does not count. */
        cr_expect_lt(harmless, 64, "%zu", harmless);
        free(bytes);
        trace_store_free(&store);
    }
}

Test(native_damage, a_file_with_something_behind_it_is_an_error)
{
    struct trace_store store;
    const char *path;
    size_t length;
    uint8_t *bytes = small_file(false, &store, &path, &length), *twice = malloc(2 * length);
    cr_assert_not_null(twice);
    memcpy(twice, bytes, length);
    memcpy(twice + length, bytes, length);
    const size_t lengths[] = {length + 1, length + 40, 2 * length};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (unsigned pipe_it = 0; pipe_it < 2; pipe_it++) {
            struct trace_store back = {0};
            struct error error = {0};
            cr_expect_not(read_bytes(path, twice, lengths[i], pipe_it, &back, &error));
            cr_expect_eq(error.kind, ERROR_TRACE);
            trace_store_free(&back);
        }
    free(twice);
    free(bytes);
    trace_store_free(&store);
}

Test(native_damage, a_missing_or_exchanged_block_is_an_error)
{
    struct trace_store store = {0};
    native_test_random(&store, 40000, 4, 3, 2);
    const char *path = native_test_file(&store, "");
    struct native_file *file;
    struct error error = {0};
    cr_assert(native_file_open(path, &file, &error), "%s", error.text);
    native_file_close(file);
    size_t length;
    uint8_t *bytes = native_test_bytes(path, &length);
    size_t first = le_get(bytes + 20, 4), second = le_get(bytes + first + 20, 4);
    uint8_t *changed = malloc(length);
    cr_assert_not_null(changed);
    memcpy(changed, bytes, first);
    memcpy(changed + first, bytes + first + second, length - first - second);
    struct trace_store back = {0};
    cr_expect_not(read_bytes(path, changed, length - second, false, &back, &error));
    cr_expect_eq(error.kind, ERROR_TRACE);
    memcpy(changed, bytes + first, second);
    memcpy(changed + second, bytes, first);
    memcpy(changed + first + second, bytes + first + second, length - first - second);
    struct error exchanged = {0};
    cr_expect_not(read_bytes(path, changed, length, false, &back, &exchanged));
    cr_expect_eq(exchanged.kind, ERROR_TRACE);
    trace_store_free(&back);
    free(changed);
    free(bytes);
    trace_store_free(&store);
}

/* ---- hostile contents behind right checksums ---- */

/* Put the checksums of the stored member at `at` right again. */
static void seal(uint8_t *member)
{
    size_t bytes = le_get(member + 20, 4), payload_bytes = le_get(member + 24, 4);
    le_put(member + 36, 2, crc32(0, member, 36) & 0xffff);
    if (bytes == HEADER + 5 + payload_bytes + 8)
        le_put(member + bytes - 8, 4, crc32(0, member + HEADER + 5, (uInt)payload_bytes));
}

struct change {
    size_t at; /* in the payload, or in the header when `header` */
    unsigned bytes;
    uint64_t value;
    bool header;
};

/* The few-record file is stored, so a payload is changed in place. `member` is where its member begins. */
static void expect_refused(const char *path, const uint8_t *bytes, size_t length, size_t member,
                           const struct change *change)
{
    uint8_t *changed = malloc(length);
    cr_assert_not_null(changed);
    memcpy(changed, bytes, length);
    size_t at = member + change->at + (change->header ? 0 : HEADER + 5);
    cr_assert_neq(le_get(changed + at, change->bytes), change->value, "nothing changes at %zu", change->at);
    le_put(changed + at, change->bytes, change->value);
    seal(changed + member);
    for (unsigned pipe_it = 0; pipe_it < 2; pipe_it++) {
        struct trace_store back = {0};
        struct error error = {0};
        cr_expect_not(read_bytes(path, changed, length, pipe_it, &back, &error), "at %zu, value %llx",
                      change->at, (unsigned long long)change->value);
        cr_expect_eq(error.kind, ERROR_TRACE, "%s", error.text);
        trace_store_free(&back);
    }
    free(changed);
}

Test(native_damage, contradictions_behind_right_checksums_are_errors)
{
    struct trace_store store;
    const char *path;
    size_t length;
    uint8_t *bytes = small_file(false, &store, &path, &length);
    size_t summary = le_get(bytes + 20, 4);
    cr_assert_eq(summary, HEADER + 5 + le_get(bytes + 24, 4) + 8, "the block is not stored");
    memory_limit_set(memory_used() + (64 << 20));
    const struct change block[] = {
        {16, 1, 2, true},           {17, 1, 'X', true},         {18, 2, 1, true},
        {20, 4, 0, true},           {20, 4, UINT32_MAX, true},  {24, 4, UINT32_MAX, true},
        {24, 4, 0, true},           {28, 8, 1, true},           {0, 4, 0, false},
        {0, 4, 8, false},           {0, 4, 16385, false},       {0, 4, UINT32_MAX, false},
        {4, 2, 0, false},           {4, 2, 257, false},         {4, 2, UINT16_MAX, false},
        {6, 1, 0, false},           {6, 1, 2, false},           {6, 1, 255, false},
        {7, 1, 1, false},           {8, 8, 1, false},           {8, 8, UINT64_MAX, false},
        {16, 8, UINT64_MAX, false}, {32, 4, UINT32_MAX, false}, {32, 4, 1 << 19, false},
        {36, 4, 1, false},          {40, 4, 0, false},          {40, 4, 6, false},
        {40, 4, 2, false},          {44, 1, 9, false},          {47, 1, 255, false},
        {48, 4, 6, false},          {48, 4, UINT32_MAX, false}, {52, 4, UINT32_MAX, false},
        {56, 4, UINT32_MAX, false}, {60, 4, UINT32_MAX, false}, {60, 4, 0, false},
    };
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        expect_refused(path, bytes, length, 0, &block[i]);
    /* The first kind, behind three columns. */
    const size_t kind = 40 + 3 * 24;
    cr_assert_eq(bytes[HEADER + 5 + 6], 3);
    const struct change kinds[] = {{kind + 18, 1, 8, false}, {kind + 18, 1, 255, false},
                                   {kind + 19, 1, 1, false}, {kind + 19, 1, 2, false},
                                   {kind + 19, 1, 4, false}, {kind + 20, 1, 64, false},
                                   {kind + 21, 1, 1, false}, {kind + 8, 8, 0, false}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        expect_refused(path, bytes, length, 0, &kinds[i]);
    const struct change end[] = {{0, 8, 0, false},
                                 {0, 8, 6, false},
                                 {8, 8, 0, false},
                                 {8, 8, UINT64_MAX, false},
                                 {64, 8, 0, false},
                                 {72, 8, UINT64_MAX, false},
                                 {200, 4, 11, false},
                                 {200, 4, 64, false},
                                 {204, 4, 65537, false},
                                 {208, 4, UINT32_MAX, false},
                                 {212, 4, 65537, false},
                                 {212, 4, UINT32_MAX, false},
                                 {216, 8, 1, false},
                                 {224, 2, 40, false},
                                 {228, 8, UINT64_MAX, false},
                                 {236, 8, 0, false},
                                 {236, 8, UINT64_MAX, false},
                                 {244, 8, 2, false},
                                 {24, 4, UINT32_MAX, true},
                                 {20, 4, UINT32_MAX, true},
                                 {28, 8, 0, true}};
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        expect_refused(path, bytes, length, summary, &end[i]);
    const struct change last[] = {{28, 8, 0, true},
                                  {28, 8, UINT64_MAX, true},
                                  {28, 8, length, true},
                                  {20, 4, 49, true},
                                  {24, 4, 1, true}};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        expect_refused(path, bytes, length, length - END, &last[i]);
    memory_limit_set(0);
    free(bytes);
    trace_store_free(&store);
}

Test(native_damage, a_check_finds_a_summary_that_lies)
{
    struct trace_store store;
    const char *path;
    size_t length;
    uint8_t *bytes = small_file(false, &store, &path, &length);
    size_t summary = le_get(bytes + 20, 4);
    /* The SHA-256, a sum, the granules, a device, an extent, and the summary as it is. */
    const size_t places[] = {24, 136, 200, 224, 228, 0};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t *changed = malloc(length);
        cr_assert_not_null(changed);
        memcpy(changed, bytes, length);
        if (places[i] != 0)
            changed[summary + HEADER + 5 + places[i]]++;
        seal(changed + summary);
        const char *lying = trace_test_file(".dwt", changed, length);
        struct native_file *file;
        struct error error = {0};
        cr_assert(native_file_open(lying, &file, &error), "%s", error.text);
        bool good = native_file_check(file, &error);
        cr_expect_eq(good, places[i] == 0, "at %zu", places[i]);
        if (!good)
            cr_expect_str_eq(error.text, "error: the summary does not describe the records; make or copy the "
                                         "file again");
        native_file_close(file);
        free(changed);
    }
    free(bytes);
    trace_store_free(&store);
}

Test(native_damage, a_payload_of_random_bytes_never_leads_outside)
{
    /* Random changes of a right payload; the sanitizers watch. */
    struct trace_store store = {0};
    native_test_random(&store, 300, 21, 1 << 20, 65536);
    const char *path = native_test_file(&store, "");
    size_t length;
    uint8_t *bytes = native_test_bytes(path, &length);
    size_t payload_bytes = le_get(bytes + 24, 4);
    uint8_t *payload = malloc(payload_bytes + NATIVE_SLACK_BYTES);
    cr_assert_not_null(payload);
    static uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], sizes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS];
    static uint16_t device[TRACE_BATCH_RECORDS];
    static uint8_t op[TRACE_BATCH_RECORDS];
    static struct native_block block;
    struct trace_batch batch = {
        .time_ns = time_ns, .iova = iova, .bytes = sizes, .address = address, .device = device, .op = op};
    uint64_t seed = 99, opened = 0;
    struct native_encoder *encoder;
    struct error none = {0};
    static struct native_records records;
    cr_assert(native_encoder_new(&encoder, &none));
    records.count = (uint32_t)store.count;
    memcpy(records.time_ns, store.time_ns, store.count * 8);
    memcpy(records.iova, store.iova, store.count * 8);
    memcpy(records.bytes, store.bytes, store.count * 8);
    memcpy(records.address, store.address, store.count * 8);
    memcpy(records.device, store.device, store.count * 2);
    memcpy(records.op, store.op, store.count);
    size_t raw_bytes, incompressible;
    const uint8_t *raw = native_block_encode(encoder, &records, 0, &raw_bytes, &incompressible);
    cr_assert_eq(raw_bytes, payload_bytes);
    for (unsigned i = 0; i < 20000; i++) {
        memcpy(payload, raw, raw_bytes);
        for (uint64_t changes = 1 + rng_next(&seed) % 3; changes > 0; changes--) {
            uint64_t at = rng_next(&seed) % (i % 2 ? 240 : raw_bytes);
            payload[at] = (uint8_t)rng_next(&seed);
        }
        struct error error = {0};
        if (!native_block_open(&block, payload, raw_bytes, &error))
            continue;
        opened++;
        while (native_block_next(&block, &batch), batch.count > 0)
            cr_assert_leq(batch.count, TRACE_BATCH_RECORDS);
    }
    cr_expect(opened > 100 && opened < 19000, "%llu", (unsigned long long)opened);
    native_encoder_free(encoder);
    free(payload);
    free(bytes);
    trace_store_free(&store);
}

Test(native_damage, other_files_are_not_native_traces)
{
    trace_test_bad(trace_test_file(".dwt", "", 0), "error: the file is truncated; make or copy it again");
    char text[200];
    memset(text, 'x', sizeof text);
    trace_test_bad(trace_test_file(".dwt", text, sizeof text),
                   "error: not a native trace, or truncated: its end is missing; make or copy it again");
    struct error error = {0};
    struct native_file *file;
    cr_expect_not(native_file_open("/nowhere/x.dwt", &file, &error));
    cr_expect_str_eq(error.text, "error: cannot open: No such file or directory");
    struct error folder = {0};
    cr_expect_not(native_file_open("/", &file, &folder));
    cr_expect_str_eq(folder.text, "error: is a directory; name a trace file in it");
}
