/* traces/sort.c on logs: the times that the log says, and what later lines complete. */
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_traces.h"
#include "traces/sort.h"

TestSuite(sort, .fini = trace_test_clean);

static struct trace_store sorted(const char *path)
{
    struct trace_store store = {0};
    struct error error = {0};
    char warning[TRACE_SORT_WARNING_BYTES];
    struct trace_missing missing = {0};
    cr_assert(trace_sorted(path, NULL, &store, warning, &missing, &error), "%s", error.text);
    return store;
}

Test(sort, logs_of_cpus_one_behind_the_other)
{
    static const char path[] = TEST_SOURCE_DIR "/tests/data/reports/08-per-cpu-concatenated.ftrace.txt.gz";
    struct trace_store store = sorted(path);
    cr_expect_eq(store.count, 400);
    for (size_t i = 0; i < store.count; i++)
        cr_expect_eq(store.time_ns[i], UINT64_C(100000000000) + i * 2500000, "record %zu", i);
    trace_store_free(&store);

    struct trace *trace;
    struct error error = {0};
    struct trace_batch batch = {.count = 1};
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error));
    while (batch.count > 0)
        cr_assert(trace_next(trace, &batch, &error));
    cr_expect(strstr(trace_warning(trace), "--sort"), "%s", trace_warning(trace));
    trace_close(trace);
}

Test(sort, a_rest_cuts_its_transfer_also_where_time_went_back)
{
    static const char log[] = "# as:0xa 00:04.0\n"
                              "1@9.000000:address_space_map as:0xa addr 0x1000:1000 write:1 attrs:0x0\n"
                              "1@1.000000:address_space_map as:0xa addr 0x3000:3000 write:1 attrs:0x0\n"
                              "1@1.000001:address_space_map as:0xa addr 0x4000:2000 write:1 attrs:0x0\n";
    struct trace_store store = sorted(trace_test_file(".qemu.log", log, sizeof log - 1));
    cr_assert_eq(store.count, 3);
    cr_expect_eq(store.time_ns[0], 1000000000);
    cr_expect_eq(store.bytes[0], 4096);
    cr_expect_eq(store.time_ns[1], 1000001000);
    cr_expect_eq(store.time_ns[2], 9000000000);
    trace_store_free(&store);
}
