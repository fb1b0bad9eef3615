/* The naive reference against migrations counted with a pencil: semantics.md 11. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

static void write_at(struct scenario *s, uint64_t time_ns, uint64_t page)
{
    experiment_add_record(&s->store, TRACE_WRITE, time_ns, 0, page * PAGE, PAGE);
}

/* Ten pages; the link sends one in 100 ns. */
static struct scenario migration(void)
{
    struct scenario s = scenario("amd-v1", 10);
    experiment_set_policy(&s.cell, "precopy");
    s.cell.harvest.link_rate = 40960000000;
    s.cell.harvest.downtime_limit_ns = 100;
    s.cell.harvest.downtime_fixed_ns = 7;
    return s;
}

Test(by_hand, section_11_rounds)
{
    struct scenario s = migration();
    s.cell.tracking.start_ns = 50;
    write_at(&s, 0, 9);  /* before the start */
    write_at(&s, 60, 0); /* round 0: ten pages, 50 to 1050 */
    write_at(&s, 61, 1);
    write_at(&s, 1049, 2);
    write_at(&s, 1050, 3); /* behind the harvest; round 1: three pages, 1050 to 1350 */
    write_at(&s, 1200, 4);
    write_at(&s, 1400, 5); /* round 2: two pages, 1350 to 1550; page 5 alone fits into 100 ns */
    write_at(&s, 1550, 6); /* not replayed */
    run(&s);
    EXPECT(rounds, 3);
    EXPECT(precopy_bytes, 15 * PAGE);
    EXPECT(stop_bytes, PAGE);
    EXPECT(downtime_ns, 107);
    EXPECT(migration_ns, 1500 + 107);
    EXPECT(converged, 1);
    EXPECT(trace_exhausted, 0);
    EXPECT(records, 7);
    EXPECT(span_ns, 1400);
    EXPECT(harvests, 3);
    EXPECT(true_pages, 6);
    EXPECT(lost_pages, 0);
    EXPECT(toggle_commands, 2); /* the enable row; no disable row */
    cr_expect(s.m.migrates);
    cr_assert(eq(sz, s.row_count, 3));
    cr_expect(eq(u64, s.rows[0].time_ns, 1050));
    cr_expect(eq(u64, s.rows[1].time_ns, 1350));
    cr_expect(eq(u64, s.rows[2].time_ns, 1550));
    s.cell.harvest.max_rounds = 2; /* stops at 1350 with two pages that do not fit */
    run(&s);
    EXPECT(rounds, 2);
    EXPECT(stop_bytes, 2 * PAGE);
    EXPECT(downtime_ns, 207);
    EXPECT(migration_ns, 1300 + 207);
    EXPECT(converged, 0);
    EXPECT(records, 6);
    finish(&s);
}

Test(by_hand, section_11_the_trace_ends_first)
{
    struct scenario s = migration();
    write_at(&s, 0, 0);
    write_at(&s, 1, 1);
    run(&s); /* round 0 to 1000; two pages to 1200; nothing then: the stop */
    EXPECT(rounds, 2);
    EXPECT(precopy_bytes, 12 * PAGE);
    EXPECT(stop_bytes, 0);
    EXPECT(downtime_ns, 7);
    EXPECT(migration_ns, 1207);
    EXPECT(converged, 1);
    EXPECT(trace_exhausted, 1);
    EXPECT(harvests, 2);
    experiment_set_method(&s.cell, "all"); /* never fits: 30 rounds of ten pages */
    run(&s);
    EXPECT(rounds, 30);
    EXPECT(stop_bytes, 10 * PAGE);
    EXPECT(migration_ns, 30 * 1000 + 1007);
    EXPECT(converged, 0);
    EXPECT(trace_exhausted, 1);
    s.cell.tracking.start_ns = 2; /* behind the trace */
    run(&s);
    EXPECT(trace_exhausted, 1);
    EXPECT(rounds, 0);
    EXPECT(migration_ns, 0);
    EXPECT(downtime_ns, 0);
    EXPECT(converged, 0);
    EXPECT(harvests, 0);
    finish(&s);
}

/* Times are rounded up. */
Test(by_hand, section_11_odd_rates)
{
    struct scenario s = migration();
    s.cell.harvest.link_rate = 3000000000; /* 40960 bytes: 13653.3 ns */
    s.cell.harvest.downtime_limit_ns = 1365;
    write_at(&s, 0, 0);
    write_at(&s, 13654, 1); /* the harvest comes before it */
    run(&s); /* one page: 1365.3 ns, up to 1366, which does not fit; two rounds of one page, then nothing */
    EXPECT(rounds, 3);
    EXPECT(migration_ns, 13654 + 1366 + 1366 + 7);
    EXPECT(converged, 1);
    EXPECT(trace_exhausted, 1);
    EXPECT(records, 2);
    s.cell.harvest.downtime_limit_ns = 1366; /* fits at 13654, before the record of that time */
    run(&s);
    EXPECT(rounds, 1);
    EXPECT(downtime_ns, 1366 + 7);
    EXPECT(trace_exhausted, 0);
    EXPECT(records, 1);
    finish(&s);
}
