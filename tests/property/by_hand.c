#include "tests/property/by_hand.h"

#include <criterion/criterion.h>

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

struct scenario scenario(const char *model, uint64_t pages)
{
    struct scenario s = {.cell = experiment_cell(model)};
    s.cell.mapping.page_sizes = 1 << 12;
    if (pages > 0)
        experiment_add_region(&s.cell, 0, pages * PAGE, 0);
    return s;
}

struct scenario trace_scenario(const char *model)
{
    struct scenario s = scenario(model, 0);
    experiment_set_source(&s.cell, "trace");
    return s;
}

void access_bytes(struct scenario *s, enum trace_op op, uint64_t iova, uint64_t bytes)
{
    experiment_add_record(&s->store, op, s->clock_ns++, s->device, iova, bytes);
}

void write_page(struct scenario *s, uint64_t page)
{
    access_bytes(s, TRACE_WRITE, page * PAGE, PAGE);
}

void read_page(struct scenario *s, uint64_t page)
{
    access_bytes(s, TRACE_READ, page * PAGE, PAGE);
}

void mark(struct scenario *s)
{
    access_bytes(s, TRACE_MARK, 0, 0);
}

void map_pages(struct scenario *s, enum trace_op op, uint64_t page, uint64_t count, uint64_t output_page)
{
    experiment_add_map(&s->store, op, s->clock_ns++, s->device, page * PAGE, count * PAGE,
                       output_page * PAGE);
}

void unmap_pages(struct scenario *s, uint64_t page, uint64_t count)
{
    access_bytes(s, TRACE_UNMAP, page * PAGE, count * PAGE);
}

void run(struct scenario *s)
{
    reference_result_free(&s->result);
    reference_run(&s->cell, &s->store, &s->result);
    cr_assert(s->result.outcome == REFERENCE_FINISHED, "%s", s->result.why);
    s->m = s->result.metrics;
    s->rows = s->result.intervals;
    s->row_count = s->result.interval_count;
}

void run_fails(struct scenario *s, uint64_t record)
{
    reference_result_free(&s->result);
    reference_run(&s->cell, &s->store, &s->result);
    cr_expect(s->result.outcome == REFERENCE_FAILED);
    cr_expect(s->result.failed_record == record, "record %llu: %s",
              (unsigned long long)s->result.failed_record, s->result.why);
}

void finish(struct scenario *s)
{
    reference_result_free(&s->result);
    experiment_cell_free(&s->cell);
    trace_store_free(&s->store);
}
