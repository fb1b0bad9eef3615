/* Any bytes as a trace of the format FUZZ_FORMAT: an error with a message, or records that keep the rules, twice the same;
 * or an error, or the records in order, when they are sorted. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/memory.h"
#include "tests/fuzz/fuzz.h"
#include "traces/sort.h"
#include "traces/trace.h"

enum { LIMIT_RECORDS = 200000, LIMIT_BYTES = 256 << 20 };

/* Reads to the end; returns a sum over all fields and whether it went well. */
static bool read_all(struct trace *trace, uint64_t *sum, uint64_t *records, struct error *error)
{
    struct trace_batch batch;
    uint64_t last_ns = 0;
    *sum = *records = 0;
    do {
        if (!trace_next(trace, &batch, error))
            return false;
        for (size_t i = 0; i < batch.count; i++) {
            if (batch.op[i] >= TRACE_OP_COUNT || batch.time_ns[i] < last_ns)
                abort();
            last_ns = batch.time_ns[i];
            *sum = *sum * 31 + batch.time_ns[i] + batch.iova[i] + batch.bytes[i] + batch.device[i] + batch.op[i];
        }
        *records += batch.count;
    } while (batch.count > 0);
    return true;
}

static void sort_all(const char *path)
{
    struct trace_store store = {0};
    struct error error = {0};
    static char warning[TRACE_SORT_WARNING_BYTES];
    struct trace_missing missing = {0};
    if (trace_sorted(path, FUZZ_FORMAT, &store, warning, &missing, &error)) {
        for (size_t i = 1; i < store.count; i++)
            if (store.time_ns[i] < store.time_ns[i - 1])
                abort();
    } else if (strlen(error.text) == 0) {
        abort();
    }
    trace_store_free(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    int file = fuzz_file(data, bytes, path);
    struct trace *trace = NULL;
    struct error error = {0};
    memory_limit_set(LIMIT_BYTES);
    if (trace_open(path, FUZZ_FORMAT, LIMIT_RECORDS, &trace, &error)) {
        uint64_t sum[2], records[2];
        bool good = read_all(trace, &sum[0], &records[0], &error);
        struct error again = {0};
        if (good && (!trace_rewind(trace, &again) || !read_all(trace, &sum[1], &records[1], &again) ||
                     sum[0] != sum[1] || records[0] != records[1]))
            abort();
        trace_close(trace);
    }
    sort_all(path);
    if (error.kind != ERROR_NONE && strlen(error.text) == 0)
        abort();
    if (memory_used() != 0)
        abort();
    close(file);
    return 0;
}
