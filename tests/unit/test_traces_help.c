#include "tests/unit/test_traces.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/rng.h"

enum { FILES_LIMIT = 64 };

static char files[FILES_LIMIT][256];
static size_t file_count;

void trace_test_clean(void)
{
    while (file_count > 0)
        unlink(files[--file_count]);
}

const char *trace_test_file(const char *suffix, const void *data, size_t length)
{
    cr_assert_lt(file_count, FILES_LIMIT);
    char *path = files[file_count++];
    snprintf(path, sizeof files[0], "%s/trace_test_%ld_%zu%s", TEST_BINARY_DIR, (long)getpid(), file_count,
             suffix);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(data, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
    return path;
}

const char *trace_test_text(const char *text)
{
    return trace_test_file(".csv", text, strlen(text));
}

unsigned char *trace_test_gzip(const void *data, size_t length, size_t *gzip_length)
{
    char command[600];
    snprintf(command, sizeof command, "gzip -9nc '%s'", trace_test_file(".raw", data, length));
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    unsigned char *bytes = malloc(length + 1024);
    cr_assert_not_null(bytes);
    *gzip_length = fread(bytes, 1, length + 1024, pipe);
    cr_assert_eq(pclose(pipe), 0);
    cr_assert_gt(*gzip_length, 18);
    unlink(files[--file_count]);
    return bytes;
}

char *trace_test_rows(size_t count, uint64_t seed, size_t *length)
{
    enum { ROW_BYTES = 100 };
    char *text = malloc((count + 1) * ROW_BYTES);
    cr_assert_not_null(text);
    size_t used = (size_t)sprintf(text, TRACE_TEST_HEADER);
    uint64_t time_ns = 1795326477142708000;
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = rng_next(&seed);
        time_ns += draw % 3000;
        used +=
            (size_t)sprintf(text + used, "%llu,%02x:%02x.%x,%s,0x%llx,%llu\n", (unsigned long long)time_ns,
                            (unsigned)(draw >> 20 & 3), (unsigned)(draw >> 22 & 31),
                            (unsigned)(draw >> 27 & 7), draw >> 30 & 1 ? "write" : "read",
                            (unsigned long long)(draw >> 31), (unsigned long long)(draw % 9973 + 1));
    }
    *length = used;
    return text;
}

bool trace_test_read(const char *path, uint64_t limit, struct trace_store *store, struct error *error)
{
    struct trace *trace;
    if (!trace_open(path, NULL, limit, &trace, error))
        return false;
    struct trace_batch batch = {.count = 1};
    bool good = true;
    while (good && batch.count > 0)
        good = trace_next(trace, &batch, error) && trace_store_add(store, &batch, error);
    trace_close(trace);
    return good;
}

bool trace_test_same(const struct trace_store *one, const struct trace_store *other)
{
    size_t count = one->count;
    if (count != other->count)
        return false;
    return count == 0 || (memcmp(one->time_ns, other->time_ns, count * sizeof *one->time_ns) == 0 &&
                          memcmp(one->iova, other->iova, count * sizeof *one->iova) == 0 &&
                          memcmp(one->bytes, other->bytes, count * sizeof *one->bytes) == 0 &&
                          memcmp(one->address, other->address, count * sizeof *one->address) == 0 &&
                          memcmp(one->device, other->device, count * sizeof *one->device) == 0 &&
                          memcmp(one->op, other->op, count * sizeof *one->op) == 0);
}

struct trace_store trace_test_good(const char *path)
{
    struct trace_store store = {0};
    struct error error = {0};
    cr_assert(trace_test_read(path, UINT64_MAX, &store, &error), "%s", error.text);
    cr_assert_eq(error.kind, ERROR_NONE);
    return store;
}

void trace_test_bad(const char *path, const char *text)
{
    struct trace_store store = {0};
    struct error error = {0};
    char expected[1024];
    snprintf(expected, sizeof expected, "%s: %s", path, text);
    cr_expect_not(trace_test_read(path, UINT64_MAX, &store, &error), "no error, but expected: %s", text);
    cr_expect_eq(error.kind, ERROR_TRACE);
    cr_expect_str_eq(error.text, expected, "\n  got      %s\n  expected %s", error.text, expected);
    trace_store_free(&store);
}
