/* Payloads kept in memory: what is read again is what was read before, however much of it was kept. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "tests/unit/test_native.h"

TestSuite(native_kept, .fini = trace_test_clean);

enum { RECORDS = 100000 };

static bool read_on(struct trace *trace, struct trace_store *store, struct error *error)
{
    struct trace_batch batch = {.count = 1};
    while (batch.count > 0)
        if (!trace_next(trace, &batch, error) || !trace_store_add(store, &batch, error))
            return false;
    return true;
}

static void expect_again(struct trace *trace, const struct trace_store *expected)
{
    struct error error = {0};
    struct trace_store store = {0};
    cr_assert(read_on(trace, &store, &error), "%s", error.text);
    cr_expect(trace_test_same(&store, expected));
    trace_store_free(&store);
}

Test(native_kept, every_go_reads_the_same)
{
    static const uint64_t limits[] = {0, 1, 300000, 1000000, UINT64_MAX};
    struct trace_store store = {0};
    struct error error = {0};
    uint64_t rng = 5;
    native_test_random(&store, RECORDS, 13, 40, 30);
    const char *path = native_test_file(&store, "");
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        uint64_t used = memory_used();
        struct trace *trace;
        cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
        trace_keep(trace, limits[l]);
        expect_again(trace, &store);
        for (unsigned go = 0; go < 4; go++) {
            /* From a place inside, and not to the end, before it begins again. */
            uint64_t record = rng_next(&rng) % RECORDS;
            struct trace_batch batch;
            cr_assert(trace_seek(trace, record, 0, &error) && trace_next(trace, &batch, &error), "%s", error.text);
            cr_expect_eq(batch.first_record, record);
            cr_expect_eq(batch.iova[0], store.iova[record]);
            cr_assert(trace_rewind(trace, &error));
            for (uint64_t some = rng_next(&rng) % 20; some > 0; some--)
                cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
            cr_assert(trace_rewind(trace, &error));
            expect_again(trace, &store);
            cr_assert(trace_rewind(trace, &error));
        }
        trace_close(trace);
        cr_expect_eq(memory_used(), used);
    }
    trace_store_free(&store);
}

/* A first go that stops early keeps a beginning; the next keeps more. */
Test(native_kept, what_is_kept_grows)
{
    struct trace_store store = {0};
    struct error error = {0};
    struct trace_batch batch;
    native_test_random(&store, RECORDS, 14, 40, 30);
    const char *path = native_test_file(&store, "");
    struct trace *trace;
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    trace_keep(trace, UINT64_MAX);
    for (unsigned batches = 0; batches < 30; batches += 3) {
        for (unsigned b = 0; b < batches; b++)
            cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert(trace_rewind(trace, &error));
    }
    expect_again(trace, &store);
    cr_assert(trace_rewind(trace, &error));
    /* All of it: the file is not needed any more, but for its end. */
    expect_again(trace, &store);
    trace_close(trace);
    trace_store_free(&store);
}

/* A damaged block is told in the same words in every go, whatever is kept in front of it. */
Test(native_kept, damage_is_told_again)
{
    struct trace_store store = {0};
    native_test_random(&store, RECORDS, 15, 40, 30);
    const char *path = native_test_file(&store, "");
    size_t length;
    uint8_t *bytes = native_test_bytes(path, &length);
    bytes[length / 2] ^= 0x10;
    const char *damaged = trace_test_file(".dwt", bytes, length);
    char told[sizeof((struct error){0}).text] = "";
    for (uint64_t limit = 0; limit <= 4000000; limit += 400000) {
        struct trace *trace;
        struct error error = {0};
        cr_assert(trace_open(damaged, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
        trace_keep(trace, limit);
        for (unsigned go = 0; go < 3; go++) {
            struct trace_store read = {0};
            error = (struct error){0};
            cr_assert_not(read_on(trace, &read, &error));
            cr_expect_eq(error.kind, ERROR_TRACE);
            if (told[0] == '\0')
                memcpy(told, error.text, sizeof told);
            cr_expect_str_eq(error.text, told);
            cr_expect(read.count > 0 && read.count < store.count);
            trace_store_free(&read);
            cr_assert(trace_rewind(trace, &error));
        }
        trace_close(trace);
    }
    free(bytes);
    trace_store_free(&store);
}
