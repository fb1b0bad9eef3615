/* The naive reference against methods counted with a pencil: semantics.md 9. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

Test(by_hand, section_9_write_protect)
{
    struct scenario s = scenario("intel-ss", 4);
    experiment_set_method(&s.cell, "write-protect");
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 0); /* a miss finds the leaf protected: a fault; the restart is a second miss */
    write_page(&s, 0); /* a hit that passes */
    mark(&s);          /* reports page 0, protects it again, drops its entry */
    write_page(&s, 0); /* the same as at first */
    read_page(&s, 1);  /* a miss; the entry may not write */
    write_page(&s, 1); /* a hit on that, a fault; the restart is a miss */
    run(&s);
    EXPECT(faults_recoverable, 3);
    EXPECT(fault_ns, 60000);
    EXPECT(faults_permission, 0);
    EXPECT(requests, 5);
    EXPECT(iotlb_misses, 2 + 2 + 1 + 1);
    EXPECT(iotlb_hits, 1 + 1);
    EXPECT(walks, 6);
    EXPECT(dirty_updates, 0);
    EXPECT(context_updates, 0);
    EXPECT(toggle_scanned_entries, 3 + 4); /* three entries above, four leaves */
    EXPECT(toggle_written_entries, 4);
    EXPECT(toggle_commands, 1);
    EXPECT(toggle_syncs, 1);
    EXPECT(harvests, 2);
    EXPECT(scanned_entries, 0);
    EXPECT(scanned_tables, 0);
    EXPECT(harvested_leaves, 1 + 2);
    EXPECT(cleared_entries, 1 + 2);
    EXPECT(flush_commands, 1 + 1);
    EXPECT(iotlb_invalidated, 1 + 2);
    EXPECT(reported_pages, 3);
    EXPECT(true_pages, 3);
    finish(&s);
}

Test(by_hand, section_9_write_protect_what_is_no_recoverable_fault)
{
    struct scenario s = trace_scenario("amd-v1");
    experiment_set_method(&s.cell, "write-protect");
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    map_pages(&s, TRACE_MAP_RO, 0, 1, 0);
    write_page(&s, 0); /* mapped read-only: permission */
    read_page(&s, 0);  /* caches a read-only entry */
    unmap_pages(&s, 0, 1);
    write_page(&s, 0); /* nothing behind the stale entry: permission */
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    write_page(&s, 0); /* a protected leaf behind it: recoverable, and the entry goes */
    write_page(&s, 0); /* through the new entry */
    run(&s);
    EXPECT(faults_permission, 2);
    EXPECT(faults_recoverable, 1);
    EXPECT(iotlb_hits, 3);   /* two on the stale entry */
    EXPECT(iotlb_misses, 3); /* the first two accesses, the restart */
    EXPECT(truth_pages, 1);
    EXPECT(reported_pages, 1);
    EXPECT(born_dirty_leaves, 0);
    finish(&s);
}

Test(by_hand, section_9_write_protect_starts_and_stops)
{
    struct scenario s = scenario("riscv-g", 2);
    experiment_set_method(&s.cell, "write-protect");
    s.cell.tracking.start_ns = 1;
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 3;
    write_page(&s, 0); /* before the start: passes */
    write_page(&s, 0); /* a fault */
    write_page(&s, 0);
    write_page(&s, 0); /* after the stop: passes */
    write_page(&s, 1);
    run(&s);
    EXPECT(faults_recoverable, 1);
    EXPECT(truth_pages, 1);
    EXPECT(toggle_scanned_entries, 2 * (3 + 2));
    EXPECT(toggle_written_entries, 2 + 2); /* the final harvest protects page 0 again */
    EXPECT(toggle_commands, 2);
    EXPECT(toggle_invalidated, 1 + 0); /* the harvest has dropped the entry of page 0 before */
    EXPECT(iotlb_invalidated, 1);
    s.cell.harvest.final = false;
    run(&s);
    EXPECT(toggle_written_entries, 2 + 1); /* page 0 is writable at the stop */
    EXPECT(toggle_invalidated, 1 + 1);
    EXPECT(reported_pages, 0);
    EXPECT(lost_pages, 1);
    finish(&s);
}

/* A leaf of 2 MiB that two windows meet is clean when the second comes. */
Test(by_hand, section_9_write_protect_leaves_and_windows)
{
    struct scenario s = scenario("smmu-s1", 0);
    experiment_set_method(&s.cell, "write-protect");
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_add_region(&s.cell, 0, 2 * MIB, 0);
    s.cell.harvest.chunk_bytes = MIB;
    write_page(&s, 300); /* in the second window */
    run(&s);
    EXPECT(harvested_leaves, 1);
    EXPECT(reported_pages, 256); /* of the first */
    EXPECT(false_leaf, 256);
    EXPECT(missed_pages, 1);
    s.cell.harvest.no_clear = true; /* met by both */
    run(&s);
    EXPECT(harvested_leaves, 2);
    EXPECT(reported_pages, 512);
    EXPECT(true_pages, 1);
    EXPECT(cleared_entries, 0);
    EXPECT(flush_commands, 0);
    finish(&s);
}

Test(by_hand, section_9_device_logs)
{
    struct scenario s = scenario("amd-v1", 8);
    experiment_set_method(&s.cell, "device");
    experiment_set_policy(&s.cell, "marks");
    s.cell.device.granule_bytes = 2 * PAGE;
    write_page(&s, 0); /* device 0: block 0 */
    write_page(&s, 1); /* the same block */
    s.device = 1;
    write_page(&s, 1); /* device 1: block 0 too */
    write_page(&s, 7); /* block 3 */
    mark(&s);          /* reads three entries, reports pages 0, 1, 6, 7 */
    write_page(&s, 2); /* block 1; the harvest at the end reads one entry */
    run(&s);
    EXPECT(device_log_entries, 3 + 1);
    EXPECT(reported_pages, 4 + 2);
    EXPECT(true_pages, 3 + 1);
    EXPECT(false_granule, 1 + 1);
    EXPECT(scanned_entries, 0);
    EXPECT(dirty_updates, 0);
    EXPECT(toggle_commands, 0);
    EXPECT(flush_commands, 0);
    s.cell.harvest.no_clear = true; /* the logs are kept, and read again */
    run(&s);
    EXPECT(device_log_entries, 3 + 4);
    EXPECT(reported_pages, 4 + 6);
    s.cell.harvest.no_clear = false;
    s.cell.harvest.granule_bytes = 4 * PAGE; /* both granules: blocks 0-3 and 4-7, then 0-3 */
    run(&s);
    EXPECT(reported_pages, 8 + 4);
    experiment_add_range(&s.cell, PAGE, 6 * PAGE); /* pages 1 to 6 */
    run(&s); /* page 0 and page 7 are not tracked: only block 0 of both devices is logged, by page 1 */
    EXPECT(device_log_entries, 2 + 1);
    EXPECT(reported_pages, 3 + 3); /* pages 1, 2, 3, twice */
    EXPECT(truth_pages, 2);
    finish(&s);
}

Test(by_hand, section_9_device_ranges)
{
    struct scenario s = trace_scenario("smmu-s2");
    experiment_set_method(&s.cell, "device");
    s.cell.tracking.start_ns = 1;
    s.cell.device.granule_bytes = 4 * PAGE;
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    map_pages(&s, TRACE_MAP, 1, 1, 1); /* after the start */
    write_page(&s, 0);
    unmap_pages(&s, 0, 1);
    map_pages(&s, TRACE_MAP, 0, 1, 9); /* the same IOVA again */
    map_pages(&s, TRACE_MAP, 8, 1, 8);
    write_page(&s, 8);
    run(&s); /* blocks 0 (pages 0 and 1) and 2 (page 8) */
    EXPECT(device_log_entries, 2);
    EXPECT(reported_pages, 3);
    EXPECT(unmapped_dirty_pages, 1);
    EXPECT(true_pages, 1);
    EXPECT(lost_pages, 0);
    s.cell.device.ranges = DEVICE_START; /* page 8 was not mapped then */
    run(&s);
    EXPECT(device_log_entries, 1);
    EXPECT(reported_pages, 2);
    EXPECT(true_pages, 0);
    EXPECT(missed_pages, 1);
    EXPECT(lost_pages, 1);
    write_page(&s, 0); /* mapped again at the same IOVA it is logged; the page behind it is another */
    run(&s);
    EXPECT(device_log_entries, 1);
    EXPECT(true_pages, 1);
    finish(&s);
}

Test(by_hand, section_9_device_log_before_an_unmap)
{
    struct scenario s = trace_scenario("intel-ss");
    experiment_set_method(&s.cell, "device");
    s.cell.harvest.before_unmap = true;
    s.cell.device.granule_bytes = 4 * PAGE;
    map_pages(&s, TRACE_MAP, 0, 4, 0);
    write_page(&s, 1);
    unmap_pages(&s, 0, 2); /* reads pages 0 and 1; keeps the log, counts none of it */
    run(&s);               /* the harvest at the end reads it: pages 2 and 3, both false */
    EXPECT(device_log_entries, 1);
    EXPECT(reported_pages, 2 + 2);
    EXPECT(true_pages, 1);
    EXPECT(false_granule, 1 + 2);
    EXPECT(unmapped_dirty_pages, 0);
    finish(&s);
}

Test(by_hand, section_9_log)
{
    struct scenario s = scenario("intel-ss", 8);
    experiment_set_method(&s.cell, "log");
    experiment_set_policy(&s.cell, "marks");
    s.cell.log.entries = 2;
    write_page(&s, 0);
    write_page(&s, 0); /* dirty already: no append */
    write_page(&s, 3);
    mark(&s);          /* reads two entries */
    write_page(&s, 0); /* dirty again */
    write_page(&s, 1);
    write_page(&s, 2); /* the ring is full; the mark scans */
    mark(&s);
    write_page(&s, 5); /* one entry for the harvest at the end */
    run(&s);
    EXPECT(dirty_updates, 2 + 3 + 1);
    EXPECT(log_drained, 2 + 0 + 1);
    EXPECT(log_overflows, 1);
    EXPECT(scanned_entries, 3 + 8);
    EXPECT(scanned_tables, 4);
    EXPECT(harvested_leaves, 2 + 3 + 1);
    EXPECT(cleared_entries, 6);
    EXPECT(reported_pages, 6);
    EXPECT(true_pages, 6);
    EXPECT(context_updates, 1);
    EXPECT(harvest_ns, 111); /* 11 * 2.75 + 6 * 10 + 6 * 1 + 3 * 5 = 111.25 */
    s.cell.log.overflow = LOG_ALL;
    run(&s);
    EXPECT(scanned_entries, 0);
    EXPECT(harvested_leaves, 6);
    EXPECT(cleared_entries, 6);
    EXPECT(reported_pages, 2 + 8 + 1);
    EXPECT(false_untracked, 5);
    EXPECT(false_pages, 5);
    EXPECT(flush_commands, 3);
    finish(&s);
}

Test(by_hand, section_9_log_is_kept_under_no_clear)
{
    struct scenario s = scenario("riscv-g", 4);
    experiment_set_method(&s.cell, "log");
    experiment_set_policy(&s.cell, "marks");
    s.cell.harvest.no_clear = true;
    s.cell.log.entries = 1;
    write_page(&s, 0);
    mark(&s);          /* one entry read */
    write_page(&s, 1); /* the ring is full */
    mark(&s);          /* scans, as the harvest at the end */
    run(&s);
    EXPECT(log_drained, 1);
    EXPECT(log_overflows, 1); /* the second mark is the last record: no final harvest behind it */
    EXPECT(scanned_entries, 3 + 4);
    EXPECT(reported_pages, 1 + 2);
    read_page(&s, 0);
    run(&s);
    EXPECT(log_overflows, 2);
    EXPECT(reported_pages, 1 + 2 + 2);
    EXPECT(toggle_cleared_entries, 4); /* born dirty while GADE was off */
    finish(&s);
}

/* A leaf that is unmapped leaves its address behind, which occupies the ring and reports nothing; mapped
 * again it is born clean, also where static DBM lets leaves be born dirty, and its second address counts one
 * leaf. */
Test(by_hand, section_9_log_and_unmaps)
{
    struct scenario s = trace_scenario("smmu-s1");
    experiment_set_method(&s.cell, "log");
    experiment_add_range(&s.cell, 0, 4 * PAGE);
    map_pages(&s, TRACE_MAP, 0, 8, 0);
    write_page(&s, 0);
    write_page(&s, 1);
    write_page(&s, 6); /* outside the range */
    unmap_pages(&s, 0, 2);
    map_pages(&s, TRACE_MAP, 0, 2, 0);
    write_page(&s, 0);
    run(&s);
    EXPECT(born_dirty_leaves, 0);
    EXPECT(dirty_updates, 4);
    EXPECT(log_drained, 4); /* 0, 1, 6, 0 */
    EXPECT(harvested_leaves, 1);
    EXPECT(reported_pages, 1);
    EXPECT(unmapped_dirty_pages, 2);
    s.cell.harvest.before_unmap = true; /* reads pages 0 and 1 first, and counts no entry for it */
    run(&s);
    EXPECT(log_drained, 4);
    EXPECT(harvested_leaves, 2 + 1);
    EXPECT(reported_pages, 2 + 1);
    EXPECT(scanned_entries, 0);
    EXPECT(unmapped_dirty_pages, 0);
    finish(&s);
}

/* A window border cuts a leaf: the first window cleans it. */
Test(by_hand, section_9_log_in_windows)
{
    struct scenario s = scenario("amd-v1", 0);
    experiment_set_method(&s.cell, "log");
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_add_region(&s.cell, 0, 2 * MIB, 0);
    s.cell.harvest.chunk_bytes = MIB;
    write_page(&s, 300);
    run(&s);
    EXPECT(log_drained, 1);
    EXPECT(harvested_leaves, 1);
    EXPECT(reported_pages, 256);
    EXPECT(false_leaf, 256);
    EXPECT(missed_pages, 1);
    EXPECT(lost_pages, 1);
    finish(&s);
}
