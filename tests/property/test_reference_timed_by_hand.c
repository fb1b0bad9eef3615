/* The naive reference against timed harvests counted with a pencil: semantics.md 13. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { NS = 1000 };

/* Pages of 4 KiB from 0 on Intel, where a flush is one command and one sync; every price 0. Slots of one
 * window: one of each table above, then the pages. */
static struct scenario timed(uint64_t pages)
{
    struct scenario s = scenario("intel-ss", pages);
    s.cell.harvest.timing = TIMING_TIMED;
    s.cell.cost = (struct cost_model){0};
    return s;
}

static void write_at(struct scenario *s, uint64_t time_ns, uint64_t page)
{
    experiment_add_record(&s->store, TRACE_WRITE, time_ns, 0, page * PAGE, PAGE);
}

static void mark_at(struct scenario *s, uint64_t time_ns)
{
    experiment_add_record(&s->store, TRACE_MARK, time_ns, 0, 0, 0);
}

Test(by_hand, section_13_read_flush_copy)
{
    struct scenario s = timed(4);
    experiment_set_policy(&s.cell, "periodic");
    s.cell.harvest.interval_ns = 1000;
    s.cell.cost.scan_entry_ps = 1 * NS;
    s.cell.cost.clear_entry_ps = 10 * NS;
    s.cell.cost.command_ps = 100 * NS;
    s.cell.cost.sync_ps = 200 * NS;
    s.cell.cost.report_page_ps = 5 * NS;
    write_at(&s, 0, 0);
    write_at(&s, 1, 1);
    /* 1000: page 0 is read at 1003, page 1 at 1004 + 10, page 2 at 1005 + 20, page 3 at 1006 + 30; read to
     * 1037, flushed to 1337, three pages copied to 1352. */
    write_at(&s, 1010, 0); /* sneaks: its entry may write */
    write_at(&s, 1020, 2); /* in time */
    write_at(&s, 1036, 3); /* behind the read of its leaf */
    write_at(&s, 1337, 1); /* behind the flush: a miss */
    /* 2000: page 0 at 2003, page 1 at 2004, page 3 at 2006 + 10; to 2027, 2327, two pages: 2337. */
    write_at(&s, 2500, 0); /* then 7 + 10 + 300 + 5 */
    run(&s);
    EXPECT(harvests, 3);
    EXPECT(sneak_writes, 1);
    EXPECT(dirty_updates, 2 + 2 + 1 + 1);
    EXPECT(truth_pages, 6);
    EXPECT(written_pages, 6);
    EXPECT(reported_pages, 6);
    EXPECT(true_pages, 6);
    EXPECT(caught_pages, 6);
    EXPECT(missed_pages, 0);
    EXPECT(harvest_overruns, 0);
    EXPECT(harvest_span_ns, 352 + 337 + 322);
    cr_assert(eq(sz, s.row_count, 3));
    cr_expect(eq(u64, s.rows[0].duration_ns, 352));
    cr_expect(eq(u64, s.rows[0].records, 2));
    cr_expect(eq(u64, s.rows[0].written_pages, 2));
    cr_expect(eq(u64, s.rows[0].reported_pages, 3));
    cr_expect(eq(u64, s.rows[1].records, 6));
    cr_expect(eq(u64, s.rows[1].written_pages, 3)); /* pages 2, 3 and 1 */
    cr_expect(eq(u64, s.rows[1].iotlb_misses, 3));

    /* Page 0 is copied at 1003 and enters T again at 1010; its leaf is clean at 2003, dirty at the end. */
    s.cell.harvest.copy = COPY_AT_READ;
    run(&s);
    EXPECT(sneak_writes, 1);
    EXPECT(truth_pages, 6); /* at 2500 it is in T already */
    EXPECT(reported_pages, 6);
    EXPECT(true_pages, 6);
    EXPECT(missed_pages, 1);
    EXPECT(missed_new_pages, 1);
    EXPECT(late_pages, 1);
    EXPECT(lost_pages, 0);
    EXPECT(written_pages, 7);
    EXPECT(caught_pages, 6);
    cr_expect(eq(u64, s.rows[1].missed_pages, 1));
    finish(&s);
}

Test(by_hand, section_13_overruns_and_the_end)
{
    struct scenario s = timed(2);
    experiment_set_policy(&s.cell, "periodic");
    s.cell.harvest.interval_ns = 100;
    s.cell.cost.sync_ps = 250 * NS;
    write_at(&s, 0, 0);
    write_at(&s, 500, 1);
    run(&s); /* 100 to 350; 400; 500, before the record of that time; the final one, 500 to 750 */
    EXPECT(harvests, 4);
    EXPECT(harvest_overruns, 2); /* 200 and 300; 600 and 700 are behind the last record */
    EXPECT(harvest_span_ns, 500);
    EXPECT(true_pages, 2);
    cr_assert(eq(sz, s.row_count, 4));
    cr_expect(eq(u64, s.rows[1].time_ns, 400));
    cr_expect(eq(u64, s.rows[3].time_ns, 500));
    s.cell.cost.sync_ps = 300 * NS; /* the first harvest ends at a deadline, which is not before its end */
    run(&s);
    EXPECT(harvests, 4);
    EXPECT(harvest_overruns, 2);
    finish(&s);
}

Test(by_hand, section_13_marks_and_counts)
{
    struct scenario s = timed(2);
    experiment_set_policy(&s.cell, "marks");
    s.cell.cost.sync_ps = 250 * NS;
    write_at(&s, 0, 0);
    mark_at(&s, 10);  /* 10 to 260 */
    mark_at(&s, 100); /* dropped */
    mark_at(&s, 260); /* the last record: no final harvest */
    run(&s);
    EXPECT(harvests, 2);
    EXPECT(harvest_overruns, 1);
    experiment_set_policy(&s.cell, "records");
    s.cell.harvest.count = 2; /* at 10, and at 260 */
    run(&s);
    EXPECT(harvests, 2);
    EXPECT(harvest_overruns, 0);
    s.cell.harvest.count = 1; /* at 0 to 250, which drops 10 and 100; at 260 */
    run(&s);
    EXPECT(harvests, 2);
    EXPECT(harvest_overruns, 2);
    finish(&s);
}

Test(by_hand, section_13_stop)
{
    struct scenario s = timed(2);
    experiment_set_policy(&s.cell, "periodic");
    s.cell.harvest.interval_ns = 100;
    s.cell.cost.sync_ps = 250 * NS;
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 150;
    write_at(&s, 0, 0);   /* 100 to 350: page 0 */
    write_at(&s, 120, 1); /* behind the read; the final harvest, 350 to 600 */
    write_at(&s, 500, 0); /* behind the stop, before the disable row: no truth, but dirty */
    write_at(&s, 600, 1); /* behind the disable row: dirties nothing */
    run(&s);
    EXPECT(harvests, 2);
    EXPECT(harvest_overruns, 0); /* 200 and 300 are behind the stop */
    EXPECT(context_updates, 2);
    EXPECT(truth_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(dirty_updates, 3);
    EXPECT(harvest_span_ns, 500);
    cr_assert(eq(sz, s.row_count, 2));
    cr_expect(eq(u64, s.rows[1].time_ns, 150));
    cr_expect(eq(u64, s.rows[1].records, 2));
    finish(&s);
}

/* Windows of two pages; the tables above cover them from address 0, so they come first in both. */
Test(by_hand, section_13_windows)
{
    struct scenario s = timed(4);
    experiment_set_policy(&s.cell, "marks");
    s.cell.harvest.chunk_bytes = 2 * PAGE;
    s.cell.cost.scan_entry_ps = 1 * NS;
    s.cell.cost.sync_ps = 100 * NS;
    s.cell.cost.report_page_ps = 10 * NS;
    write_at(&s, 0, 0);
    mark_at(&s, 1); /* page 0 at 4; read to 6, flushed to 106, copied to 116; page 2 at 119, page 3 at 120 */
    write_at(&s, 118, 2); /* in time */
    write_at(&s, 120, 3); /* too late; read to 121, flushed to 221, copied to 231 */
    run(&s);              /* the final harvest: 231 to 236; to 241, 341, 351 */
    EXPECT(harvests, 2);
    EXPECT(scanned_entries, 4 * 5);
    EXPECT(harvest_span_ns, 230 + 120);
    EXPECT(true_pages, 3);
    cr_assert(eq(sz, s.row_count, 2));
    cr_expect(eq(u64, s.rows[0].reported_pages, 2));
    cr_expect(eq(u64, s.rows[1].time_ns, 120));
    finish(&s);
}

/* Slots by the first address that they cover: one for each table above, the leaves at 0 and 2 MiB, the
 * pointer at 4 MiB, the pages behind it. */
Test(by_hand, section_13_order_of_slots)
{
    struct scenario s = timed(0);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_add_region(&s.cell, 0, 4 * MIB + 2 * PAGE, 0);
    experiment_set_policy(&s.cell, "marks");
    s.cell.cost.scan_entry_ps = 1 * NS;
    mark_at(&s, 10);
    write_at(&s, 12, 512);  /* read at 10 + 3 */
    write_at(&s, 14, 1024); /* at 10 + 5 */
    write_at(&s, 16, 1025); /* at 10 + 6: too late */
    run(&s);
    EXPECT(harvests, 2);
    cr_assert(eq(sz, s.row_count, 2));
    cr_expect(eq(u64, s.rows[0].scanned_entries, 7));
    cr_expect(eq(u64, s.rows[0].harvested_leaves, 2));
    cr_expect(eq(u64, s.rows[0].true_pages, 2));
    cr_expect(eq(u64, s.rows[1].true_pages, 1));
    finish(&s);
}

/* "atc commands * atc_command": two devices; an ATC entry that may write sneaks too. */
Test(by_hand, section_13_ats)
{
    struct scenario s = timed(1);
    experiment_set_policy(&s.cell, "marks");
    s.cell.ats.enabled = true;
    s.cell.cost.atc_command_ps = 30 * NS;
    write_at(&s, 0, 0);
    mark_at(&s, 0);      /* read at 0, before the next record; flushed to 60 */
    write_at(&s, 59, 0); /* an ATC hit */
    experiment_add_record(&s.store, TRACE_READ, 60, 1, 0, 1);
    run(&s);
    EXPECT(atc_hits, 1);
    EXPECT(sneak_writes, 1);
    EXPECT(atc_commands, 2 + 2);
    EXPECT(harvest_span_ns, 60); /* the final harvest finds nothing */
    EXPECT(true_pages, 1);
    EXPECT(lost_pages, 0);
    finish(&s);
}

static void expect_equal(uint64_t seed, const struct reference_result *a, const struct reference_result *b)
{
    cr_assert(a->outcome == b->outcome, "seed %llu", (unsigned long long)seed);
    cr_expect(memcmp(&a->metrics, &b->metrics, sizeof a->metrics) == 0, "seed %llu",
              (unsigned long long)seed);
    cr_assert(a->interval_count == b->interval_count, "seed %llu", (unsigned long long)seed);
    cr_expect(a->interval_count == 0 ||
                  memcmp(a->intervals, b->intervals, a->interval_count * sizeof *a->intervals) == 0,
              "seed %llu", (unsigned long long)seed);
}

/* "With all prices 0 everything equals `instant`." */
Test(by_hand, section_13_without_prices, .timeout = 0)
{
    unsigned compared = 0;

    for (uint64_t seed = 0; seed < 150; seed++) {
        struct random_experiment experiment;
        random_experiment_make(&experiment, seed);
        for (size_t i = 0; i < experiment.cell_count; i++) {
            struct cell_config cell = experiment.cells[i];
            struct reference_result instant, timed;
            if (cell.mapping.source->follows_trace)
                continue;
            experiment_set_method(&cell, "hardware");
            experiment_set_policy(&cell, i % 2 == 0 ? "periodic" : "marks");
            cell.tracking.split = SPLIT_NONE;
            cell.harvest.granule_bytes = PAGE;
            cell.harvest.no_clear = false;
            cell.harvest.before_unmap = false;
            cell.cost = (struct cost_model){0};
            cell.harvest.timing = TIMING_INSTANT;
            reference_run(&cell, &experiment.store, &instant);
            cell.harvest.timing = TIMING_TIMED;
            reference_run(&cell, &experiment.store, &timed);
            expect_equal(seed, &timed, &instant);
            reference_result_free(&instant);
            reference_result_free(&timed);
            compared++;
        }
        random_experiment_free(&experiment);
    }
    cr_assert(compared > 100);
}
