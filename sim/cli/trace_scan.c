#include "sim/cli/trace_scan.h"

#include "sim/base/memory.h"
#include "sim/base/text_stream.h"
#include "sim/cli/progress.h"
#include "sim/cli/remarks.h"

static const double most_s = 10;

/* A summary says what was not read. */
static void take_known(const struct trace *trace, struct trace_scan *scan)
{
    struct trace_facts *facts = memory_zeroed(1, sizeof *facts, NULL);
    if (facts && trace_known_facts(trace, facts) && facts->records > 0) {
        scan->seconds *= (double)facts->records / (double)scan->facts.records;
        scan->facts = *facts;
        scan->counted = true;
    }
    memory_free(facts);
}

bool trace_scan(const struct experiment_trace *given, uint64_t limit_records, struct trace_scan *scan,
                struct error *error)
{
    struct trace *trace;
    *scan = (struct trace_scan){0};
    if (!trace_open(given->path, given->format, limit_records, &trace, error))
        return false;
    double start_s = progress_now_s();
    struct trace_batch batch;
    bool good;
    do {
        good = trace_next(trace, &batch, error);
        if (good)
            trace_facts_add(&scan->facts, &batch);
        scan->seconds = progress_now_s() - start_s;
    } while (good && batch.count > 0 && scan->seconds < most_s);
    scan->counted = good && batch.count == 0;
    if (good && !scan->counted)
        take_known(trace, scan);
    size_t bytes = 0;
    FILE *stream = good ? text_open(&scan->remarks, &bytes) : NULL;
    if (stream) {
        remarks_print(trace, "  warning     ", stream);
        text_close(stream, &scan->remarks);
    }
    trace_close(trace);
    return good;
}
