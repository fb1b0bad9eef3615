/* Timed harvests small enough to count with a pencil (semantics.md 13). Prices are round: 10 ns a slot, 100 a
 * cleaned entry, 50 a reported page, 1000 a command, 500 a sync. */
#include <criterion/criterion.h>

#include "tests/property/random_experiment.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { PAGE = 4096, MIB = 1 << 20, NS = 1000 };

struct timed_case {
    struct cell_config cell;
    struct trace_store store;
    struct pass_result result;
};

static struct timed_case begin(const char *model, uint64_t bytes)
{
    struct timed_case c = {.cell = experiment_cell(model)};
    experiment_set_policy(&c.cell, "marks");
    experiment_add_region(&c.cell, 0, bytes, 0);
    c.cell.mapping.page_sizes = 1 << 12;
    c.cell.harvest.timing = TIMING_TIMED;
    c.cell.cost.scan_entry_ps = 10 * NS;
    c.cell.cost.clear_entry_ps = 100 * NS;
    c.cell.cost.report_page_ps = 50 * NS;
    c.cell.cost.command_ps = 1000 * NS;
    c.cell.cost.sync_ps = 500 * NS;
    return c;
}

static void add(struct timed_case *c, enum trace_op op, uint64_t time_ns, uint64_t page)
{
    experiment_add_record(&c->store, op, time_ns, 0, page * PAGE, op == TRACE_MARK ? 0 : 8);
}

static void run(struct timed_case *c, size_t batch)
{
    pass_result_free(&c->result);
    experiment_run(&c->store, &c->cell, 1, batch, 1, &c->result);
}

static void end(struct timed_case *c)
{
    pass_result_free(&c->result);
    trace_store_free(&c->store);
    experiment_cell_free(&c->cell);
}

#define EXPECT(name, value)                                                                                  \
    cr_expect(c.result.metrics.name == (uint64_t)(value), #name " is %llu, by hand %llu",                    \
              (unsigned long long)c.result.metrics.name, (unsigned long long)(value))
#define EXPECT_ROW(row, name, value)                                                                         \
    cr_expect(c.result.intervals[row].name == (uint64_t)(value), "row %d: " #name " is %llu, by hand %llu",  \
              row, (unsigned long long)c.result.intervals[row].name, (unsigned long long)(value))

/* Eight pages of 4 KiB: the window has 3 slots above level 0 and 8 in it, page k is read after 3 + k others.
 * The harvest begins at the mark, 1000. Page 2 is read at 1050, c = 1; page 3, dirty since 1049, at 1000 + 60
 * + 100 = 1160, c = 2; page 5 at 1000 + 80 + 200 = 1280, c = 3. Reading ends at 1000 + 110 + 300 = 1410, the
 * flush (one command) at 2910, the harvest at 2910 + 3 * 50 = 3060. Page 0 would have been read at 1030: the
 * write at 1050 comes too late, and stays for the next harvest. Page 2 is written at 1100 through its old
 * entry. The mark at 3059 is dropped; the final harvest begins at 3060, when the one before it ends, finds
 * page 0 and takes 110 + 100 + 1500 + 50. */
static struct timed_case eight_pages(enum copy copy)
{
    struct timed_case c = begin("intel-ss", 8 * PAGE);
    c.cell.harvest.copy = copy;
    add(&c, TRACE_WRITE, 0, 2);
    add(&c, TRACE_WRITE, 1, 5);
    add(&c, TRACE_MARK, 1000, 0);
    add(&c, TRACE_WRITE, 1049, 3);
    add(&c, TRACE_WRITE, 1050, 0);
    add(&c, TRACE_WRITE, 1100, 2);
    add(&c, TRACE_MARK, 3059, 0);
    return c;
}

Test(timed_by_hand, after_flush_loses_nothing)
{
    struct timed_case c = eight_pages(COPY_AFTER_FLUSH);
    for (size_t batch = 1; batch <= 8; batch++) {
        run(&c, batch);
        EXPECT(harvests, 2);
        EXPECT(harvest_overruns, 1);
        EXPECT(harvest_span_ns, 2060 + 1760);
        EXPECT(sneak_writes, 1);
        EXPECT(cleared_entries, 4);
        EXPECT(scanned_entries, 22);
        EXPECT(flushes, 2);
        EXPECT(truth_pages, 4); /* page 2 is in T when it is written again */
        EXPECT(reported_pages, 4);
        EXPECT(true_pages, 4);
        EXPECT(missed_pages, 0);
        EXPECT(lost_pages, 0);
        EXPECT(written_pages, 4);
        EXPECT(caught_pages, 4);
        cr_assert_eq(c.result.interval_count, 2);
        EXPECT_ROW(0, time_ns, 1000);
        EXPECT_ROW(0, records, 3); /* at its begin, as the next two */
        EXPECT_ROW(0, iotlb_misses, 2);
        EXPECT_ROW(0, written_pages, 2);
        EXPECT_ROW(0, caught_pages, 3);
        EXPECT_ROW(0, duration_ns, 2060);
        EXPECT_ROW(1, time_ns, 3059);
        EXPECT_ROW(1, records, 7);
        EXPECT_ROW(1, iotlb_misses, 2);
        EXPECT_ROW(1, written_pages, 2);
        EXPECT_ROW(1, duration_ns, 1760);
    }
    end(&c);
}

/* Page 2 is copied at 1050 and enters T and W again at 1100, through an entry that hides it from the next
 * harvest. */
Test(timed_by_hand, at_read_loses_what_sneaks)
{
    struct timed_case c = eight_pages(COPY_AT_READ);
    run(&c, 8);
    EXPECT(sneak_writes, 1);
    EXPECT(truth_pages, 5);
    EXPECT(reported_pages, 4);
    EXPECT(true_pages, 4);
    EXPECT(missed_pages, 1); /* by the final harvest */
    EXPECT(missed_new_pages, 1);
    EXPECT(lost_pages, 1);
    EXPECT(written_pages, 5);
    EXPECT(caught_pages, 4);
    EXPECT(harvest_span_ns, 2060 + 1760);
    end(&c);
}

/* One picosecond decides: page 2 is read at 1050 ns, or 1 ps later, behind the record of that time. */
Test(timed_by_hand, records_come_before_later_steps)
{
    for (unsigned later = 0; later < 2; later++) {
        struct timed_case c = begin("intel-ss", 8 * PAGE);
        c.cell.harvest.final = false;
        c.cell.cost.scan_entry_ps += later;
        add(&c, TRACE_WRITE, 0, 7); /* or nothing is mapped to look at */
        add(&c, TRACE_MARK, 1000, 0);
        add(&c, TRACE_WRITE, 1050, 2);
        run(&c, 8);
        EXPECT(harvested_leaves, 1 + later);
        end(&c);
    }
}

/* In windows of 16 KiB. The first is read from 1000 on: 3 + 4 slots, page 2 at 1050: 1070 + 100 = 1170,
 * flushed at 2670, copied until 2720. Then the second, whose first slots are those on the way to page 4, read
 * at 2750. Page 1 is written when the first is over: not its page any more, nor missed. Page 6 enters T at
 * 2700, before its window, clean by then; it is read at 2770 and found. */
Test(timed_by_hand, windows_follow_one_another)
{
    struct timed_case c = begin("intel-ss", 8 * PAGE);
    c.cell.harvest.chunk_bytes = 4 * PAGE;
    c.cell.harvest.final = false;
    add(&c, TRACE_WRITE, 0, 2);
    add(&c, TRACE_MARK, 1000, 0);
    add(&c, TRACE_WRITE, 2690, 1);
    add(&c, TRACE_WRITE, 2700, 6);
    add(&c, TRACE_WRITE, 2750, 4); /* too late: read at 2750 */
    add(&c, TRACE_READ, 9000, 0);
    run(&c, 8);
    EXPECT(harvests, 1);
    EXPECT(reported_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(missed_pages, 0);
    EXPECT(lost_pages, 2);
    EXPECT(flushes, 2);
    EXPECT(scanned_entries, 14);
    EXPECT(harvest_span_ns, (70 + 100 + 1500 + 50) * 2);
    end(&c);
}

/* Nothing is flushed. The second harvest begins at 10 000, finds page 3 in its first window, read until 10
 * 000 + 70 + 100 and copied until 10 220. Page 6, which the first harvest cleaned, is written at 10 200
 * through its old entry: when its window begins it is in T, its leaf is clean, it is missed. Written 20 ns
 * later it is no page of that window's. */
Test(timed_by_hand, missed_is_what_was_written_before_the_window)
{
    for (unsigned later = 0; later < 2; later++) {
        struct timed_case c = begin("intel-ss", 8 * PAGE);
        c.cell.harvest.chunk_bytes = 4 * PAGE;
        c.cell.harvest.flush = FLUSH_NONE;
        c.cell.harvest.final = false;
        add(&c, TRACE_WRITE, 0, 6);
        add(&c, TRACE_MARK, 1000, 0);
        add(&c, TRACE_WRITE, 5000, 3);
        add(&c, TRACE_MARK, 10000, 0);
        add(&c, TRACE_WRITE, 10200 + 20 * later, 6);
        add(&c, TRACE_READ, 90000, 0);
        run(&c, 8);
        EXPECT(harvested_leaves, 2);
        EXPECT(sneak_writes, 0); /* without a flush the window ends with its reading */
        EXPECT(missed_pages, 1 - later);
        EXPECT(written_pages, 3);
        EXPECT(caught_pages, 2);
        EXPECT(lost_pages, 1);
        end(&c);
    }
}

/* A domain per device, one after another: that of device 1 is read from where device 0's ends, 1000 + 110 +
 * 100 + 1500 + 50 = 2760. Its page 0 would be read at 2790. */
Test(timed_by_hand, domains_follow_one_another)
{
    struct timed_case c = begin("intel-ss", 8 * PAGE);
    c.cell.domains = DOMAINS_PER_DEVICE;
    c.cell.harvest.final = false;
    add(&c, TRACE_WRITE, 0, 0);
    add(&c, TRACE_MARK, 1000, 0);
    experiment_add_record(&c.store, TRACE_WRITE, 2789, 1, 0, 8);
    experiment_add_record(&c.store, TRACE_WRITE, 9000, 1, PAGE, 8);
    run(&c, 8);
    EXPECT(reported_pages, 2);
    EXPECT(harvest_span_ns, 2 * (110 + 100 + 1500 + 50));
    end(&c);
}

/* The stop at 1500 falls into a harvest that has read pages 2 (1050) and 4 (1170) and ends at 1310 + 1500 +
 * 100 = 2910. Page 0 came too late at 1200, so the final harvest follows at once. It finds page 0 and page 6,
 * which is written after the stop: reported, but no truth. It ends, and the disable row comes, at 2910 + 110
 * + 200 + 1500 + 100 = 4820. Until then hardware makes leaves dirty: page 1, not page 3. The mark at 4000
 * would begin no harvest, so it is not dropped. */
Test(timed_by_hand, records_go_on_while_tracking_stops)
{
    struct timed_case c = begin("intel-ss", 8 * PAGE);
    c.cell.tracking.has_stop = true;
    c.cell.tracking.stop_ns = 1500;
    add(&c, TRACE_WRITE, 0, 2);
    add(&c, TRACE_MARK, 1000, 0);
    add(&c, TRACE_WRITE, 1100, 4);
    add(&c, TRACE_WRITE, 1200, 0);
    add(&c, TRACE_WRITE, 1600, 6);
    add(&c, TRACE_MARK, 4000, 0);
    add(&c, TRACE_WRITE, 4819, 1);
    add(&c, TRACE_WRITE, 4820, 3);
    add(&c, TRACE_MARK, 9000, 0);
    for (size_t all = 9; all >= 6; all -= 3) { /* of six records none is left when the harvests end */
        c.store.count = all;
        run(&c, 8);
        EXPECT(context_updates, 2);
        EXPECT(harvests, 2);
        EXPECT(harvest_overruns, 0);
        EXPECT(dirty_updates, all == 9 ? 5 : 4);
        EXPECT(reported_pages, 4);
        EXPECT(true_pages, 3);
        EXPECT(false_leaf, 1);
        EXPECT(truth_pages, 3);
        EXPECT(lost_pages, 0);
        EXPECT_ROW(1, time_ns, 1500);
        EXPECT_ROW(1, records, 5);
        EXPECT_ROW(1, duration_ns, 1910);
    }
    end(&c);
}

/* Leaves of 2 MiB: 2 slots on the way, leaf k after 2 + k. One page of leaf 0 is written, its leaf is read at
 * 1020 and copied at 1000 + 40 + 100 + 1500: by then a second page has been written through the old entry,
 * and is true. With the copy at the read it is false, for the leaf's other page. */
Test(timed_by_hand, large_leaves)
{
    for (unsigned copy = COPY_AFTER_FLUSH; copy <= COPY_AT_READ; copy++) {
        struct timed_case c = begin("intel-ss", 4 * MIB);
        c.cell.mapping.page_sizes = 1 << 21;
        c.cell.harvest.copy = (enum copy)copy;
        c.cell.harvest.final = false;
        add(&c, TRACE_WRITE, 0, 3);
        add(&c, TRACE_MARK, 1000, 0);
        add(&c, TRACE_WRITE, 1020, 4);
        add(&c, TRACE_READ, 90000, 0);
        run(&c, 8);
        EXPECT(sneak_writes, 1);
        EXPECT(reported_pages, 512);
        EXPECT(true_pages, copy == COPY_AFTER_FLUSH ? 2 : 1);
        EXPECT(false_leaf, copy == COPY_AFTER_FLUSH ? 510 : 511);
        EXPECT(lost_pages, copy == COPY_AFTER_FLUSH ? 0 : 1);
        EXPECT(harvest_span_ns, 40 + 100 + 1500 + 512 * 50);
        end(&c);
    }
}

/* 8 MiB of 4 KiB leaves born dirty (smmu), nothing cleans them at the start, and 2 tables on the way: the
 * root's slot and those of levels 2 and 1 come before the first leaf, and one of level 1 before each further
 * table. Page p of table t is read at 1000 + (3 + t + 512 t + p) * 10 + (512 t + p) * 100. So page 600 (t =
 * 1, p = 88), untouched until 67 048, when its time, 1000 + 604 * 10 + 600 * 100 = 67 040, is over: its leaf
 * was clean by then, and the write, which a miss lets pass, makes it dirty again. */
Test(timed_by_hand, untouched_leaves_are_read_in_time)
{
    for (unsigned late = 0; late < 2; late++)
        for (size_t batch = 1; batch <= 8; batch += 7) {
            struct timed_case c = begin("smmu-s1", 8 * MIB);
            c.cell.tracking.clear_on_start = false;
            c.cell.harvest.final = false;
            add(&c, TRACE_READ, 0, 0);
            add(&c, TRACE_MARK, 1000, 0);
            add(&c, TRACE_WRITE, 67039 + late, 600);
            add(&c, TRACE_READ, 900000, 0);
            run(&c, batch);
            EXPECT(born_dirty_leaves, 2048);
            EXPECT(harvested_leaves, 2048);
            EXPECT(dirty_updates, late);
            EXPECT(reported_pages, 2048);
            EXPECT(true_pages, 1); /* of the copy */
            EXPECT(false_residue, 2047);
            EXPECT(lost_pages, 0);
            /* 2048 leaves and 3 + 3 slots above; one TLBI covers 8 MiB. */
            EXPECT(harvest_span_ns, 2054 * 10 + 2048 * 100 + 1500 + 2048 * 50);
            end(&c);
        }
}
