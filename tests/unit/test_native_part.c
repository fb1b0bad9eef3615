/* Going on with a native trace whose making was broken off: the result is the same whatever was left. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/rng.h"
#include "tests/unit/test_native.h"
#include "traces/native/native_block.h"

TestSuite(native_part, .fini = trace_test_clean);

enum { RECORDS = 5 * NATIVE_BLOCK_RECORDS + 1000 };

static struct fixture {
    struct trace_store store;
    char path[320], part[330];
    uint8_t *whole; /* what the file should be */
    size_t whole_bytes;
} f;

static void add(struct native_writer *writer, const struct trace_store *store, size_t first, size_t count)
{
    struct error error = {0};
    for (size_t i = first; i < first + count;) {
        struct trace_batch batch = trace_store_view(store, i);
        if (batch.count > first + count - i)
            batch.count = first + count - i;
        cr_assert(native_writer_add(writer, &batch, &error), "%s", error.text);
        i += batch.count;
    }
}

static struct native_writer *open_writer(void)
{
    struct native_writer *writer;
    struct error error = {0};
    cr_assert(native_writer_open(f.path, &writer, &error), "%s", error.text);
    return writer;
}

/* Make the file, of which `reused` records should come from the part. */
static void finish(struct native_writer *writer, size_t from, uint64_t reused)
{
    struct error error = {0};
    add(writer, &f.store, from, RECORDS - from);
    cr_expect_eq(native_writer_reused(writer), reused, "%llu taken over, expected %llu",
                 (unsigned long long)native_writer_reused(writer), (unsigned long long)reused);
    cr_assert(native_writer_close(writer, "x", &error), "%s", error.text);
    size_t length;
    uint8_t *bytes = native_test_bytes(f.path, &length);
    cr_expect(length == f.whole_bytes && memcmp(bytes, f.whole, length) == 0, "another file");
    free(bytes);
    cr_expect_neq(access(f.part, F_OK), 0);
    unlink(f.path);
}

static void write_part(const uint8_t *bytes, size_t length)
{
    int file = open(f.part, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, bytes, length), (ssize_t)length);
    close(file);
}

static void set_up(void)
{
    native_test_random(&f.store, RECORDS, 7, 300, 5);
    snprintf(f.path, sizeof f.path, "%s/native_part_%ld.dwt", TEST_BINARY_DIR, (long)getpid());
    snprintf(f.part, sizeof f.part, "%s.part", f.path);
    struct native_writer *writer = open_writer();
    struct error error = {0};
    add(writer, &f.store, 0, RECORDS);
    cr_assert(native_writer_close(writer, "x", &error), "%s", error.text);
    f.whole = native_test_bytes(f.path, &f.whole_bytes);
    unlink(f.path);
}

static void tear_down(void)
{
    unlink(f.part);
    free(f.whole);
    trace_store_free(&f.store);
}

Test(native_part, what_was_given_up_is_gone_on_with, .init = set_up, .fini = tear_down)
{
    const size_t stops[] = {NATIVE_BLOCK_RECORDS, 2 * NATIVE_BLOCK_RECORDS + 5, RECORDS};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct native_writer *writer = open_writer();
        add(writer, &f.store, 0, stops[i]);
        native_writer_abandon(writer);
        finish(open_writer(), 0, stops[i] / NATIVE_BLOCK_RECORDS * NATIVE_BLOCK_RECORDS);
    }
}

Test(native_part, giving_up_again_earlier_loses_nothing, .init = set_up, .fini = tear_down)
{
    struct native_writer *writer = open_writer();
    add(writer, &f.store, 0, 4 * NATIVE_BLOCK_RECORDS);
    native_writer_abandon(writer);
    for (size_t again = 0; again < 2; again++) {
        writer = open_writer();
        add(writer, &f.store, 0, again * NATIVE_BLOCK_RECORDS);
        native_writer_abandon(writer);
    }
    finish(open_writer(), 0, 4 * NATIVE_BLOCK_RECORDS);
}

Test(native_part, other_records_are_not_taken_over, .init = set_up, .fini = tear_down)
{
    struct native_writer *writer = open_writer();
    add(writer, &f.store, 0, 3 * NATIVE_BLOCK_RECORDS);
    native_writer_abandon(writer);
    /* One bit of one field of a record in the second block. */
    size_t i = NATIVE_BLOCK_RECORDS + 77;
    while (f.store.op[i] > TRACE_READ)
        i++;
    f.store.iova[i] ^= 64;
    writer = open_writer();
    add(writer, &f.store, 0, RECORDS);
    cr_expect_eq(native_writer_reused(writer), NATIVE_BLOCK_RECORDS);
    native_writer_abandon(writer);
    f.store.iova[i] ^= 64;
    finish(open_writer(), 0, NATIVE_BLOCK_RECORDS);
    /* The address of a map counts, that of another record does not. */
    for (unsigned map = 0; map < 2; map++) {
        writer = open_writer();
        add(writer, &f.store, 0, 3 * NATIVE_BLOCK_RECORDS);
        native_writer_abandon(writer);
        i = NATIVE_BLOCK_RECORDS + 77;
        while ((f.store.op[i] == TRACE_MAP) != map)
            i++;
        f.store.address[i] ^= 4096;
        writer = open_writer();
        add(writer, &f.store, 0, 3 * NATIVE_BLOCK_RECORDS);
        cr_expect_eq(native_writer_reused(writer), (map ? 1 : 3) * NATIVE_BLOCK_RECORDS);
        native_writer_abandon(writer);
        f.store.address[i] ^= 4096;
        unlink(f.part);
    }
}

Test(native_part, a_part_cut_or_damaged_anywhere_gives_the_same_file, .init = set_up, .fini = tear_down)
{
    uint64_t rng = 3;
    uint8_t *damaged = malloc(f.whole_bytes);
    for (unsigned round = 0; round < 40; round++) {
        memcpy(damaged, f.whole, f.whole_bytes);
        size_t at = 4 + rng_next(&rng) % (f.whole_bytes - 4);
        if (round % 2)
            damaged[at] ^= (uint8_t)(1U << rng_next(&rng) % 8);
        write_part(damaged, round % 2 ? f.whole_bytes : at);
        struct native_writer *writer = open_writer();
        add(writer, &f.store, 0, RECORDS);
        uint64_t reused = native_writer_reused(writer);
        native_writer_abandon(writer);
        cr_expect_leq(reused, 5 * NATIVE_BLOCK_RECORDS);
        write_part(damaged, round % 2 ? f.whole_bytes : at);
        finish(open_writer(), 0, reused);
    }
    free(damaged);
    /* A complete file under the part's name. */
    write_part(f.whole, f.whole_bytes);
    finish(open_writer(), 0, 5 * NATIVE_BLOCK_RECORDS);
}

Test(native_part, two_cannot_make_the_same_file, .init = set_up, .fini = tear_down)
{
    struct native_writer *writer = open_writer(), *second;
    char expected[500];
    add(writer, &f.store, 0, 2 * NATIVE_BLOCK_RECORDS);
    struct error error = {0};
    cr_expect_not(native_writer_open(f.path, &second, &error));
    cr_expect_eq(error.kind, ERROR_RESULTS);
    snprintf(expected, sizeof expected,
             "%s: error: another process is making it now; wait for it, or choose another name", f.path);
    cr_expect_str_eq(error.text, expected);
    finish(writer, 2 * NATIVE_BLOCK_RECORDS, 0);
}

Test(native_part, a_file_of_something_else_is_not_lost, .init = set_up, .fini = tear_down)
{
    static const uint8_t text[] = "my notes on the first part";
    struct native_writer *writer;
    char expected[1000];
    write_part(text, sizeof text);
    struct error error = {0};
    cr_expect_not(native_writer_open(f.path, &writer, &error));
    cr_expect_eq(error.kind, ERROR_RESULTS);
    snprintf(expected, sizeof expected,
             "%s: error: cannot write: %s is in the way, which is no beginning of a native trace; move it",
             f.path, f.part);
    cr_expect_str_eq(error.text, expected, "%s", error.text);
    size_t length;
    uint8_t *bytes = native_test_bytes(f.part, &length);
    cr_expect(length == sizeof text && memcmp(bytes, text, length) == 0);
    free(bytes);
}

Test(native_part, what_is_no_file_is_left_alone, .init = set_up, .fini = tear_down)
{
    for (unsigned kind = 0; kind < 3; kind++) {
        cr_assert_eq(kind == 0   ? mkfifo(f.part, 0600)
                     : kind == 1 ? symlink("/nowhere/else", f.part)
                                 : mkdir(f.part, 0700),
                     0);
        struct native_writer *writer;
        struct error error = {0};
        char expected[1000];
        cr_expect_not(native_writer_open(f.path, &writer, &error));
        snprintf(expected, sizeof expected,
                 "%s: error: cannot write: %s is in the way, which is no file; move it", f.path, f.part);
        cr_expect_str_eq(error.text, expected, "%s", error.text);
        cr_expect_eq(remove(f.part), 0);
    }
}

Test(native_part, through_a_link_the_part_is_beside_the_file, .init = set_up, .fini = tear_down)
{
    char link[340];
    snprintf(link, sizeof link, "%s.link", f.path);
    struct error error = {0};
    struct native_writer *writer = open_writer();
    add(writer, &f.store, 0, 100);
    cr_assert(native_writer_close(writer, "", &error), "%s", error.text);
    cr_assert_eq(symlink(f.path, link), 0);
    cr_assert(native_writer_open(link, &writer, &error), "%s", error.text);
    cr_expect_str_eq(native_writer_part(writer), f.part);
    add(writer, &f.store, 0, 2 * NATIVE_BLOCK_RECORDS);
    native_writer_abandon(writer);
    finish(open_writer(), 0, 2 * NATIVE_BLOCK_RECORDS);
    unlink(link);
}
