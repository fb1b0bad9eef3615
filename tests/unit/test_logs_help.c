#include "tests/unit/test_logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_traces.h"

static struct trace_store read_to_end(struct trace *trace)
{
    struct trace_store store = {0};
    struct trace_batch batch = {.count = 1};
    struct error error = {0};
    while (batch.count > 0) {
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert(trace_store_add(&store, &batch, &error));
    }
    return store;
}

static void print(const char *title, const struct trace_store *store)
{
    fprintf(stderr, "%s:\n", title);
    for (size_t i = 0; i < store->count; i++)
        fprintf(stderr, "%llu,%02x:%02x.%x,%s,0x%llx,%llu,0x%llx\n", (unsigned long long)store->time_ns[i],
                store->device[i] >> 8, store->device[i] >> 3 & 31U, store->device[i] & 7U,
                trace_op_names[store->op[i]], (unsigned long long)store->iova[i],
                (unsigned long long)store->bytes[i], (unsigned long long)store->address[i]);
}

/* A CSV map without address leads to its iova; other records have no address. */
static void compare(struct trace_store *log, struct trace_store *csv)
{
    for (size_t i = 0; i < csv->count; i++)
        if (csv->op[i] != TRACE_MAP && csv->op[i] != TRACE_MAP_RO)
            csv->address[i] = 0;
    bool same = trace_test_same(log, csv);
    if (!same) {
        print("log", log);
        print("expected", csv);
    }
    cr_expect(same, "the records of the log differ from the expected ones");
}

/* Expect that the trace warns of and misses what `remarks` says. */
static void check_remarks(const struct trace *trace, const char *remarks)
{
    char got[4096] = "", text[TRACE_MISSING_TEXT_BYTES];
    struct trace_missing missing = {0};
    const char *warning = trace_warning(trace);
    size_t used = (size_t)snprintf(got, sizeof got, "%s", warning ? warning : "");
    trace_add_missing(trace, &missing);
    for (unsigned i = 0; i < missing.count && used < sizeof got; i++)
        used += (size_t)snprintf(got + used, sizeof got - used, "%smissing: %s", used ? "; " : "",
                                 trace_missing_text(&missing.items[i], text));
    cr_expect_str_eq(got, remarks ? remarks : "", "\n  got      %s\n  expected %s", got,
                     remarks ? remarks : "");
}

static struct trace_store read_log(const char *path, const char *remarks)
{
    struct trace *trace;
    struct error error = {0};
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    struct trace_store store = read_to_end(trace);
    check_remarks(trace, remarks);
    cr_assert(trace_rewind(trace, &error), "%s", error.text);
    struct trace_store again = read_to_end(trace);
    cr_expect(trace_test_same(&store, &again), "the second pass differs");
    check_remarks(trace, remarks);
    trace_store_free(&again);
    trace_close(trace);
    return store;
}

void log_test(const char *suffix, const char *text, const char *rows, const char *remarks)
{
    log_test_bytes(suffix, text, strlen(text), rows, remarks);
}

static void test_path(const char *path, const char *rows, const char *remarks)
{
    static const char header[] = "time_ns,device,op,iova,bytes,address\n";
    char csv[8192];
    int length = snprintf(csv, sizeof csv, "%s%s", header, rows);
    cr_assert(length > 0 && (size_t)length < sizeof csv);
    struct trace_store log = read_log(path, remarks);
    struct trace_store expected = trace_test_good(trace_test_text(csv));
    compare(&log, &expected);
    trace_store_free(&log);
    trace_store_free(&expected);
}

void log_test_bytes(const char *suffix, const void *data, size_t bytes, const char *rows, const char *remarks)
{
    test_path(trace_test_file(suffix, data, bytes), rows, remarks);
}

void log_test_report(const char *name, const char *rows, const char *remarks)
{
    char path[512];
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/tests/data/reports/%s", name);
    test_path(path, rows, remarks);
}

size_t log_test_excerpt(const char *name, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/tests/data/logs/%s%s", name, suffix);
    struct trace *trace;
    struct error error = {0};
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    struct trace_store log = read_to_end(trace);
    trace_close(trace);
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/tests/data/logs/%s.csv", name);
    struct trace_store expected = trace_test_good(path);
    compare(&log, &expected);
    size_t count = log.count;
    trace_store_free(&log);
    trace_store_free(&expected);
    return count;
}

void log_test_bad(const char *suffix, const char *text, size_t records, const char *message)
{
    log_test_bad_bytes(suffix, text, strlen(text), records, message);
}

void log_test_bad_bytes(const char *suffix, const void *data, size_t bytes, size_t records,
                        const char *message)
{
    const char *path = trace_test_file(suffix, data, bytes);
    struct trace_store store = {0};
    struct error error = {0};
    char expected[1024];
    snprintf(expected, sizeof expected, "%s: %s", path, message);
    cr_expect_not(trace_test_read(path, UINT64_MAX, &store, &error), "no error, but expected: %s", message);
    cr_expect_eq(error.kind, ERROR_TRACE);
    cr_expect_str_eq(error.text, expected, "\n  got      %s\n  expected %s", error.text, expected);
    cr_expect_eq(store.count, records, "%zu records before the error", store.count);
    trace_store_free(&store);
}
