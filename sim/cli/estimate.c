#include "sim/cli/estimate.h"

#include <math.h>

#include "analysis/report.h"
#include "sim/base/memory.h"
#include "sim/cli/progress.h"
#include "sim/engine/pass.h"
#include "traces/trace.h"

enum { TRIALS = 4, FIRST_RECORDS = 1000 };
/* A trial grows until it says enough. */
static const double trial_s = 0.5;
/* What keeping a cell takes, and a row of its harvests, in its folder and in the tables. Measured. */
static const double cell_write_s = 0.0015, row_write_s = 1e-6;
enum {
    CELL_BYTES = 7500,
    ROW_BYTES = 180,
    FOLDER_BYTES = 55000
}; /* FOLDER: besides the page of report.html */

/* One pass over the first `records` of its trace. */
struct trial {
    uint64_t records;
    double seconds, span_ns, rows; /* rows: harvests of all its cells */
    double peak_bytes;             /* without the decoded trace */
};

static const struct cell_config **configs_of(const struct results *results, const struct run_passes *passes,
                                             const struct run_pass *pass)
{
    const struct cell_config **cells = memory_zeroed(pass->count, sizeof(struct cell_config *), NULL);
    for (size_t c = 0; cells && c < pass->count; c++)
        cells[c] = &results->plan->cells[results->rows[passes->order[pass->first + c]].cell].config;
    return cells;
}

static bool try_pass(const struct results *results, const struct run_passes *passes,
                     const struct run_pass *pass, uint64_t records, const struct estimate_watch *watch,
                     struct trial *trial)
{
    const struct experiment_trace *given = &results->experiment->traces[pass->trace];
    const struct cell_config **cells = configs_of(results, passes, pass);
    struct pass_result *found = memory_zeroed(pass->count, sizeof *found, NULL);
    struct trace_facts *facts = memory_zeroed(1, sizeof *facts, NULL);
    struct trace *trace;
    struct pass_options options = {.threads = passes->threads,
                                   .batch_records = TRACE_BATCH_RECORDS,
                                   .intervals = results->experiment->intervals,
                                   .store_bytes = UINT64_C(1) << 30};
    bool good = cells && found && facts && trace_open(given->path, given->format, records, &trace, NULL);
    if (good) {
        memory_peak_restart();
        double used = (double)memory_used(), begin_s = progress_now_s();
        good = pass_run(&options, trace, cells, pass->count, found, facts, NULL);
        *trial = (struct trial){.records = facts->records, .seconds = progress_now_s() - begin_s};
        trial->span_ns = (double)(facts->last_time_ns - facts->first_time_ns);
        trial->peak_bytes =
            (double)memory_peak() - used - (double)(facts->records * TRACE_STORE_RECORD_BYTES);
        for (size_t c = 0; c < pass->count; c++) {
            trial->rows += (double)found[c].interval_count;
            if (good && found[c].error.kind == ERROR_NONE)
                watch->tried(watch->context, passes->order[pass->first + c], facts->records, &found[c]);
            pass_result_free(&found[c]);
        }
        trace_close(trace);
    }
    memory_free(facts);
    memory_free(found);
    memory_free(cells);
    return good && trial->records > 0;
}

/* From the last two trials on in a straight line: what is done once is not counted for every record. */
static double line(double x1, double y1, double x2, double y2, double x)
{
    if (x <= x2 || x2 <= x1)
        return x2 > 0 ? y2 * (x <= x2 ? 1 : x / x2) : y2;
    double slope = y2 > y1 ? (y2 - y1) / (x2 - x1) : 0;
    return y2 + slope * (x - x2);
}

/* Time is spent on records and on harvests, which come at a pace of their own: how much on each, from two
 * trials. Where they do not tell, all of it is the records'. */
static double seconds_of(const struct trial *before, const struct trial *now, double records, double rows)
{
    double r1 = (double)before->records, r2 = (double)now->records, w1 = before->rows, w2 = now->rows;
    double determinant = r1 * w2 - r2 * w1;
    if (fabs(determinant) > 0.05 * r2 * w2) {
        double each_record = (before->seconds * w2 - now->seconds * w1) / determinant;
        double each_row = (r1 * now->seconds - r2 * before->seconds) / determinant;
        if (each_record >= 0 && each_row >= 0)
            return each_record * records + each_row * rows;
        if (each_record < 0)
            return now->seconds / w2 * rows;
    }
    return line(r1, before->seconds, r2, now->seconds, records);
}

/* What the whole pass will take. */
static bool foresee(const struct results *results, const struct run_passes *passes,
                    const struct run_pass *pass, const struct trace_scan *scan,
                    const struct estimate_watch *watch, struct trial *whole, struct estimate *estimate)
{
    struct trial before = {0}, now = {0};
    uint64_t records = scan->facts.records < pass->limit_records ? scan->facts.records : pass->limit_records;
    for (uint64_t part = FIRST_RECORDS;; part *= 2) {
        before = now;
        if (!try_pass(results, passes, pass, part < records ? part : records, watch, &now))
            return false;
        if (now.records > estimate->tried_records)
            estimate->tried_records = now.records;
        if (part >= records || now.seconds >= trial_s)
            break;
    }
    *whole = now;
    if (now.records >= records)
        return true;
    double x1 = (double)before.records, x2 = (double)now.records, x = (double)records;
    double span_ns =
        (double)(scan->facts.last_time_ns - scan->facts.first_time_ns) * (x / (double)scan->facts.records);
    /* Harvests go with the time of the trace, but those at marks and at counts of records, which are few. */
    whole->rows = line(before.span_ns, before.rows, now.span_ns, now.rows, span_ns);
    whole->seconds = seconds_of(&before, &now, x, whole->rows);
    whole->peak_bytes = line(x1, before.peak_bytes, x2, now.peak_bytes, x);
    double kept_bytes = results->experiment->intervals ? sizeof(struct interval) : 0;
    if (whole->rows - now.rows > x - x2) /* their rows are what grows */
        whole->peak_bytes = now.peak_bytes + (whole->rows - now.rows) * kept_bytes;
    return true;
}

static uint64_t records_of(const struct run_pass *pass, const struct trace_scan scans[])
{
    uint64_t records = scans[pass->trace].facts.records;
    return records < pass->limit_records ? records : pass->limit_records;
}

/* The decoded trace is kept if half of what is left holds it; else it is decoded twice. */
static bool is_kept(const struct run_passes *passes, uint64_t records)
{
    return records <= passes->budget_bytes / 2 / TRACE_STORE_RECORD_BYTES;
}

void estimate_run(const struct results *results, const struct run_passes *passes,
                  const struct trace_scan scans[], const struct estimate_watch *watch,
                  struct estimate *estimate)
{
    *estimate = (struct estimate){.disk_bytes = FOLDER_BYTES + report_page_bytes()};
    double seconds = 0, rows = 0, peak = 0;
    size_t trials = passes->count < TRIALS ? passes->count : TRIALS;
    /* Every pass is like the one of its part of the plan that was tried, but for its length. */
    for (size_t t = 0; t < trials; t++) {
        size_t first = t * passes->count / trials, end = (t + 1) * passes->count / trials,
               middle = (first + end) / 2;
        const struct run_pass *sample = &passes->items[middle];
        struct trial whole;
        uint64_t records = records_of(sample, scans);
        if (records == 0)
            continue;
        if (!foresee(results, passes, sample, &scans[sample->trace], watch, &whole, estimate))
            return;
        estimate->tried_passes++;
        for (size_t p = first; p < end; p++) {
            const struct run_pass *pass = &passes->items[p];
            double part = (double)records_of(pass, scans) / (double)records * (double)pass->count /
                          (double)sample->count;
            bool kept = is_kept(passes, records_of(pass, scans));
            seconds += whole.seconds * part + (kept ? 0 : scans[pass->trace].seconds);
            rows += results->experiment->intervals ? whole.rows * part : 0;
            double bytes = whole.peak_bytes * part +
                           (kept ? (double)records_of(pass, scans) * TRACE_STORE_RECORD_BYTES : 0);
            peak = bytes > peak ? bytes : peak;
        }
    }
    double cells = (double)passes->order_count;
    estimate->tried = true;
    estimate->seconds = seconds / passes->concurrent + cells * cell_write_s + rows * row_write_s;
    estimate->peak_bytes = (uint64_t)(peak * passes->concurrent) + memory_used();
    estimate->disk_bytes += (uint64_t)(cells * CELL_BYTES + rows * ROW_BYTES);
}
