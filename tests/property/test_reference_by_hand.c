/* The naive reference against scenarios small enough to count with a pencil. Each test names its section of
 * semantics.md. Default cell: 4 levels, 4 KiB leaves, start at 0, one harvest after the last record. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

Test(by_hand, section_2_splitting)
{
    struct scenario s = scenario("amd-v1", 2);
    access_bytes(&s, TRACE_WRITE, 0xFC0, 0x100); /* 0xFC0 ... 0x10BF */
    s.cell.max_payload_bytes = 128;              /* blocks 0xF80, 0x1000, 0x1080 */
    run(&s);
    EXPECT(requests, 3);
    EXPECT(write_bytes, 0x100);
    EXPECT(truth_pages, 2);
    s.cell.max_payload_bytes = 4096;
    run(&s);
    EXPECT(requests, 2);
    finish(&s);
}

Test(by_hand, section_2_events_before_a_record)
{
    struct scenario s = scenario("amd-v1", 1);
    experiment_add_record(&s.store, TRACE_WRITE, 1000, 0, 0, 1);
    experiment_add_record(&s.store, TRACE_WRITE, 1030, 0, 0, 1);
    experiment_set_policy(&s.cell, "periodic");
    s.cell.harvest.interval_ns = 10;
    s.cell.tracking.start_ns = 5;
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 25;
    run(&s); /* deadlines 15 and 25; then the stop at 25, whose final harvest would see nothing new */
    EXPECT(harvests, 2);
    EXPECT(context_updates, 2);
    EXPECT(truth_pages, 0); /* one write before the start, one after the stop */
    EXPECT(span_ns, 30);
    cr_assert(eq(sz, s.row_count, 2));
    cr_expect(eq(u64, s.rows[0].time_ns, 15));
    cr_expect(eq(u64, s.rows[1].time_ns, 25));
    cr_expect(eq(u64, s.rows[1].records, 1));
    finish(&s);
}

Test(by_hand, section_3_leaves_and_tables)
{
    struct scenario s = scenario("intel-ss", 0);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_add_region(&s.cell, PAGE, 4 * MIB, PAGE);
    run(&s); /* 511 of 4 KiB, [2 MiB, 4 MiB), one of 4 KiB; root, two above, two of level 0 */
    EXPECT(leaves, 513);
    EXPECT(leaves_mapped, 513);
    EXPECT(table_bytes, 5 * 4096);
    EXPECT(table_bytes_peak, 5 * 4096);
    s.cell.mapping.regions[0].address = 2 * PAGE; /* the 2 MiB leaf does not fit the output address */
    run(&s);
    EXPECT(leaves, 1024);
    EXPECT(table_bytes, 6 * 4096);
    finish(&s);
}

Test(by_hand, section_3_granules)
{
    struct scenario s = scenario("smmu-s1", 0);
    experiment_add_region(&s.cell, 0, 128 * 1024, 0);
    s.cell.iommu.granule_bytes = 65536;
    s.cell.mapping.page_sizes = 1 << 16;
    run(&s);
    EXPECT(leaves, 2);
    EXPECT(table_bytes, 3 * 65536);
    s.cell.iommu.granule_bytes = 16384;
    s.cell.mapping.page_sizes = 1 << 14;
    run(&s);
    EXPECT(leaves, 8);
    EXPECT(table_bytes, 4 * 16384);
    finish(&s);
}

Test(by_hand, section_3_touched)
{
    struct scenario s = scenario("amd-v1", 0);
    experiment_set_source(&s.cell, "touched");
    s.cell.mapping.extent_bytes = 2 * PAGE;
    write_page(&s, 1);                                  /* block 0 */
    read_page(&s, 4);                                   /* block 2 */
    access_bytes(&s, TRACE_READ, UINT64_C(1) << 48, 1); /* beyond the width */
    access_bytes(&s, TRACE_TRANSLATE, 64 * PAGE, PAGE); /* no access */
    run(&s);
    EXPECT(leaves, 4);
    EXPECT(faults_translation, 1);
    EXPECT(requests, 3);
    EXPECT(translates, 1);
    finish(&s);
}

static void read_letters(struct scenario *s, const char *letters)
{
    for (; *letters != '\0'; letters++)
        read_page(s, (uint64_t)(*letters - 'A'));
}

Test(by_hand, section_4_lru_and_fifo)
{
    struct scenario s = scenario("amd-v1", 8);
    s.cell.iotlb.entries = 2;
    s.cell.iotlb.ways = 0;
    read_letters(&s, "ABACAB");
    run(&s); /* A B miss, A hit, C evicts B, A hit, B evicts C */
    EXPECT(iotlb_hits, 2);
    EXPECT(iotlb_misses, 4);
    EXPECT(iotlb_evictions, 2);
    s.cell.iotlb.replacement = REPLACEMENT_FIFO;
    run(&s); /* C evicts A, A evicts B, B evicts C */
    EXPECT(iotlb_hits, 1);
    EXPECT(iotlb_misses, 5);
    EXPECT(iotlb_evictions, 3);
    finish(&s);
}

Test(by_hand, section_4_plru)
{
    struct scenario s = scenario("amd-v1", 8);
    s.cell.iotlb.entries = 4;
    s.cell.iotlb.ways = 4;
    s.cell.iotlb.replacement = REPLACEMENT_PLRU;
    /* After A B C D A the tree names way 2, so E evicts C; then it names way 1, so C evicts B. */
    read_letters(&s, "ABCDAECA");
    run(&s);
    EXPECT(iotlb_hits, 2);
    EXPECT(iotlb_misses, 6);
    EXPECT(iotlb_evictions, 2);
    finish(&s);
}

Test(by_hand, section_4_random)
{
    struct scenario s = scenario("amd-v1", 8);
    s.cell.iotlb.entries = 2;
    s.cell.iotlb.ways = 2;
    s.cell.iotlb.replacement = REPLACEMENT_RANDOM;
    /* splitmix64 from 1: 910a2dec89025cc1 beeb8da1658eec67 f893a2eefb32555e 71c18690ee42c90b: ways 1 1 0 1.
     * C evicts B, D evicts C, E evicts A, F evicts D. */
    read_letters(&s, "ABCADEDFE");
    run(&s);
    EXPECT(iotlb_hits, 3);
    EXPECT(iotlb_misses, 6);
    EXPECT(iotlb_evictions, 4);
    finish(&s);
}

Test(by_hand, section_4_sets)
{
    struct scenario s = scenario("amd-v1", 8);
    s.cell.iotlb.entries = 2;
    s.cell.iotlb.ways = 1;
    read_letters(&s, "ABCAB"); /* even pages share a set: C evicts A, A evicts C, B hits */
    run(&s);
    EXPECT(iotlb_hits, 1);
    EXPECT(iotlb_evictions, 2);
    finish(&s);
}

Test(by_hand, section_4_dirty_and_accessed)
{
    struct scenario s = scenario("amd-v1", 4);
    read_page(&s, 0);  /* A alone */
    write_page(&s, 1); /* A and D in one update */
    write_page(&s, 0); /* through a managed clean entry: recheck, then D */
    write_page(&s, 0); /* writes_pass */
    run(&s);
    EXPECT(access_updates, 1);
    EXPECT(dirty_updates, 2);
    EXPECT(dirty_rechecks, 1);
    EXPECT(walks, 2);
    EXPECT(walk_reads, 4 + 1 + 1);
    EXPECT(true_pages, 2);
    EXPECT(false_pages, 0);
    finish(&s);
}

Test(by_hand, section_4_without_iotlb)
{
    struct scenario s = scenario("smmu-s1", 4);
    s.cell.iotlb.entries = 0;
    write_page(&s, 0);
    write_page(&s, 0);
    run(&s);
    EXPECT(iotlb_misses, 2);
    EXPECT(dirty_updates, 1);
    EXPECT(dirty_rechecks, 0);
    EXPECT(access_updates, 0);
    finish(&s);
}

Test(by_hand, section_5_walk_reads)
{
    struct scenario s = scenario("amd-v1", 2);
    s.cell.iotlb.entries = 0;
    read_page(&s, 0);                                   /* 4 reads */
    read_page(&s, 1);                                   /* level 1 hit: 1 */
    read_page(&s, 2);                                   /* level 1 hit: an absent entry */
    access_bytes(&s, TRACE_READ, 2 * MIB, 1);           /* level 2 hit: an absent entry */
    access_bytes(&s, TRACE_READ, UINT64_C(1) << 48, 1); /* beyond the width: no walk */
    run(&s);
    EXPECT(walks, 4);
    EXPECT(walk_reads, 7);
    EXPECT(walk_cache_hits, 3);
    EXPECT(iotlb_misses, 5);
    EXPECT(faults_translation, 3);
    s.cell.walk_cache.entries = 0;
    run(&s); /* 4, 4, 4, and 3: the level-1 entry of 2 MiB is absent */
    EXPECT(walk_reads, 15);
    EXPECT(walk_cache_hits, 0);
    finish(&s);
}

Test(by_hand, section_5_walk_cache_victims)
{
    struct scenario s = scenario("amd-v1", 1);
    experiment_add_region(&s.cell, 2 * MIB, PAGE, 2 * MIB);
    s.cell.iotlb.entries = 0;
    s.cell.walk_cache.entries = 1;
    read_page(&s, 0);
    read_page(&s, 512); /* level 2 hit, replaces the level-1 pointer */
    read_page(&s, 0);   /* again */
    run(&s);
    EXPECT(walk_reads, 8);
    EXPECT(walk_cache_hits, 2);
    finish(&s);
}

Test(by_hand, section_5_large_leaf)
{
    struct scenario s = scenario("amd-v1", 512);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    s.cell.iotlb.entries = 0;
    read_page(&s, 0); /* levels 3, 2, 1 */
    read_page(&s, 9); /* a leaf is never cached: level 2 hit, one read */
    run(&s);
    EXPECT(leaves, 1);
    EXPECT(walk_reads, 4);
    EXPECT(walk_cache_hits, 1);
    finish(&s);
}

Test(by_hand, section_6_born_dirty_is_residue)
{
    struct scenario s = scenario("smmu-s2", 3);
    s.cell.tracking.clear_on_start = false;
    read_page(&s, 0);
    run(&s);
    EXPECT(born_dirty_leaves, 3);
    EXPECT(harvested_leaves, 3);
    EXPECT(cleared_entries, 3);
    EXPECT(scanned_entries, 1 + 1 + 1 + 3);
    EXPECT(scanned_tables, 4);
    EXPECT(reported_pages, 3);
    EXPECT(false_residue, 3);
    EXPECT(false_pages, 3);
    EXPECT(flush_commands, 1);
    EXPECT(flush_syncs, 1);
    EXPECT(flushes, 1);
    EXPECT(iotlb_invalidated, 1);
    EXPECT(flush_overreach, 0);
    finish(&s);
}

Test(by_hand, section_6_httu_off)
{
    struct scenario s = scenario("smmu-s1", 3);
    s.cell.iommu.hd = false;
    read_page(&s, 0);
    write_page(&s, 0); /* hit on an entry that is neither writable nor managed */
    write_page(&s, 1); /* miss */
    run(&s);
    EXPECT(born_dirty_leaves, 3);
    EXPECT(toggle_cleared_entries, 3);
    EXPECT(faults_permission, 2);
    EXPECT(iotlb_hits, 1);
    EXPECT(truth_pages, 0);
    EXPECT(reported_pages, 0);
    finish(&s);
}

Test(by_hand, section_6_dbm_off)
{
    struct scenario s = scenario("smmu-s1", 3);
    s.cell.iommu.dbm = DBM_OFF;
    write_page(&s, 0);
    run(&s);
    EXPECT(born_dirty_leaves, 0);
    EXPECT(toggle_scanned_entries, 6);
    EXPECT(context_updates, 0);
    EXPECT(dirty_updates, 0);
    EXPECT(missed_new_pages, 1);
    EXPECT(lost_pages, 1);
    finish(&s);
}

Test(by_hand, section_7_clear_on_start)
{
    struct scenario s = scenario("smmu-s1", 3);
    experiment_set_policy(&s.cell, "periodic"); /* no deadline is reached */
    s.cell.tracking.start_ns = 1;
    write_page(&s, 0); /* before the start: a stale entry, were it not flushed */
    write_page(&s, 1);
    write_page(&s, 0);
    run(&s);
    EXPECT(toggle_scanned_entries, 6);
    EXPECT(toggle_cleared_entries, 3);
    EXPECT(toggle_commands, 1); /* three pages: one range command */
    EXPECT(toggle_syncs, 1);
    EXPECT(toggle_invalidated, 1);
    EXPECT(dirty_updates, 2);
    EXPECT(reported_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(iotlb_misses, 3);
    finish(&s);
}

Test(by_hand, section_7_enable_rows)
{
    struct scenario s = scenario("amd-v1", 3);
    experiment_add_record(&s.store, TRACE_READ, 0, 7, 0, 1);
    experiment_add_record(&s.store, TRACE_READ, 1, 9, 0, 1);
    experiment_add_record(&s.store, TRACE_MARK, 2, 11, 0, 1);
    s.cell.tracking.start_ns = 1;
    run(&s);
    EXPECT(device_count, 2);
    EXPECT(context_updates, 2);
    EXPECT(toggle_commands, 3);
    EXPECT(toggle_syncs, 1);
    EXPECT(toggle_invalidated, 1);
    finish(&s);

    s = scenario("intel-ss", 3);
    experiment_add_record(&s.store, TRACE_READ, 0, 7, 0, 1);
    experiment_add_record(&s.store, TRACE_READ, 1, 9, 0, 1);
    run(&s);
    EXPECT(context_updates, 2);
    EXPECT(toggle_commands, 4);
    EXPECT(toggle_syncs, 4);
    finish(&s);
}

Test(by_hand, section_7_dynamic_dbm)
{
    struct scenario s = scenario("smmu-s2", 2);
    s.cell.iommu.dbm = DBM_DYNAMIC;
    experiment_add_range(&s.cell, PAGE, PAGE);
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 2;
    write_page(&s, 0); /* outside the range: DBM=0, passes untracked */
    write_page(&s, 1);
    write_page(&s, 1); /* after the stop */
    run(&s);
    EXPECT(born_dirty_leaves, 0);
    EXPECT(toggle_scanned_entries, 4 + 4);
    EXPECT(toggle_written_entries, 1 + 1);
    EXPECT(toggle_cleared_entries, 0);
    EXPECT(context_updates, 2);
    EXPECT(toggle_commands, 4);
    EXPECT(toggle_syncs, 2);
    EXPECT(dirty_updates, 1);
    EXPECT(truth_pages, 1);
    EXPECT(true_pages, 1);
    EXPECT(reported_pages, 1);
    EXPECT(iotlb_invalidated, 1);  /* page 1, by the final harvest at the stop */
    EXPECT(toggle_invalidated, 1); /* page 0, by the disable row */
    EXPECT(lost_pages, 0);
    finish(&s);
}

Test(by_hand, section_7_window_cuts_a_leaf)
{
    struct scenario s = scenario("amd-v1", 512);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    s.cell.harvest.chunk_bytes = MIB;
    write_page(&s, 0);
    write_page(&s, 300);
    run(&s);
    EXPECT(scanned_entries, 6);
    EXPECT(scanned_tables, 6);
    EXPECT(harvested_leaves, 1);
    EXPECT(cleared_entries, 1);
    EXPECT(flushes, 1);
    EXPECT(reported_pages, 256);
    EXPECT(true_pages, 1);
    EXPECT(false_leaf, 255);
    EXPECT(missed_new_pages, 1);
    EXPECT(lost_pages, 1);
    s.cell.harvest.no_clear = true;
    run(&s); /* both windows see it dirty */
    EXPECT(harvested_leaves, 2);
    EXPECT(cleared_entries, 0);
    EXPECT(flushes, 0);
    EXPECT(reported_pages, 512);
    EXPECT(lost_pages, 0);
    finish(&s);
}

Test(by_hand, section_7_flush_overreach)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1"};
    for (int i = 0; i < 3; i++) {
        struct scenario s = scenario(models[i], 4);
        s.cell.iommu.mamv = 1;
        read_page(&s, 0);
        write_page(&s, 1);
        write_page(&s, 2);
        read_page(&s, 3);
        run(&s); /* [4K, 12K): 16 KiB on amd, beyond mamv on intel, exactly the range on smmu */
        EXPECT(flush_commands, 1);
        EXPECT(iotlb_invalidated, i < 2 ? 4 : 2);
        EXPECT(flush_overreach, i < 2 ? 2 : 0);
        s.cell.harvest.flush = FLUSH_LEAF;
        run(&s);
        EXPECT(flush_commands, 2);
        EXPECT(flush_syncs, 1);
        EXPECT(iotlb_invalidated, 2);
        EXPECT(flush_overreach, 0);
        finish(&s);
    }
}

Test(by_hand, section_7_walk_caches_after_a_flush)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1"};
    for (int i = 0; i < 3; i++) {
        struct scenario s = scenario(models[i], 2);
        experiment_set_policy(&s.cell, "marks");
        write_page(&s, 0);
        mark(&s);
        write_page(&s, 0);
        run(&s); /* the second walk: an address-based flush leaves pointers alone */
        EXPECT(walk_reads, 5);
        s.cell.harvest.flush = FLUSH_DOMAIN;
        run(&s);
        EXPECT(walk_reads, 8);
        finish(&s);
    }
}

Test(by_hand, section_7_smmu_range_commands)
{
    static const struct {
        uint64_t pages, with_ril, without_ril;
    } rows[] = {{1, 1, 1}, {31, 1, 31}, {32, 1, 32}, {33, 2, 33}, {511, 2, 511}, {512, 1, 1}, {1023, 2, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scenario s = scenario("smmu-s1", rows[i].pages); /* born dirty, all of them */
        s.cell.tracking.clear_on_start = false;
        read_page(&s, 0);
        run(&s);
        EXPECT(flush_commands, rows[i].with_ril);
        s.cell.iommu.ril = false;
        run(&s);
        EXPECT(flush_commands, rows[i].without_ril);
        EXPECT(flush_syncs, 1);
        finish(&s);
    }
}

Test(by_hand, section_8_missed_and_late)
{
    struct scenario s = scenario("amd-v1", 2);
    s.cell.iotlb.entries = 1;
    s.cell.iotlb.ways = 1;
    s.cell.harvest.flush = FLUSH_NONE;
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 0);
    mark(&s); /* true */
    write_page(&s, 0);
    mark(&s); /* missed, new: the stale entry let it pass */
    mark(&s); /* missed, not new */
    read_page(&s, 1);
    write_page(&s, 0);
    mark(&s); /* true and late */
    run(&s);
    EXPECT(harvests, 4); /* the last mark's is the final one */
    EXPECT(truth_pages, 2);
    EXPECT(written_pages, 3); /* also what was written while it was missed */
    EXPECT(caught_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(missed_pages, 2);
    EXPECT(missed_new_pages, 1);
    EXPECT(late_pages, 1);
    EXPECT(lost_pages, 0);
    EXPECT(dirty_updates, 2);
    EXPECT(flush_commands, 0);
    cr_assert(eq(sz, s.row_count, 4));
    cr_expect(eq(u64, s.rows[1].missed_pages, 1));
    cr_expect(eq(u64, s.rows[3].late_pages, 1));
    cr_expect(eq(u64, s.rows[3].records, 8));
    cr_expect(eq(u64, s.rows[3].iotlb_misses, 2));
    cr_expect(eq(u64, s.rows[3].written_pages, 1));
    cr_expect(eq(u64, s.rows[3].caught_pages, 1));
    cr_expect(eq(u64, s.rows[3].time_ns, 7));
    finish(&s);
}

Test(by_hand, section_8_granule)
{
    struct scenario s = scenario("amd-v1", 4);
    s.cell.harvest.granule_bytes = 2 * PAGE;
    write_page(&s, 1);
    run(&s);
    EXPECT(reported_pages, 2);
    EXPECT(false_granule, 1);
    experiment_add_range(&s.cell, PAGE, 3 * PAGE); /* page 0 is not tracked */
    run(&s);
    EXPECT(reported_pages, 1);
    EXPECT(false_pages, 0);
    finish(&s);
}

Test(by_hand, section_8_no_clear)
{
    struct scenario s = scenario("intel-ss", 2);
    s.cell.harvest.no_clear = true;
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 0);
    mark(&s);
    read_page(&s, 1);
    run(&s);
    EXPECT(harvests, 2);
    EXPECT(truth_pages, 1);
    EXPECT(true_pages, 2);
    EXPECT(written_pages, 1);
    EXPECT(caught_pages, 1);
    EXPECT(cleared_entries, 0);
    EXPECT(flush_syncs, 0);
    EXPECT(lost_pages, 0);
    experiment_set_method(&s.cell, "none");
    run(&s);
    EXPECT(missed_pages, 2);
    EXPECT(missed_new_pages, 1);
    EXPECT(lost_pages, 1);
    finish(&s);
}

Test(by_hand, section_9_all_and_exact)
{
    struct scenario s = scenario("smmu-s1", 3);
    write_page(&s, 1);
    experiment_set_method(&s.cell, "all");
    run(&s);
    EXPECT(born_dirty_leaves, 0);
    EXPECT(dirty_updates, 0);
    EXPECT(reported_pages, 3);
    EXPECT(false_untracked, 2);
    EXPECT(scanned_entries, 0);
    EXPECT(toggle_scanned_entries, 0);
    experiment_set_method(&s.cell, "exact");
    s.cell.harvest.granule_bytes = 65536;
    run(&s);
    EXPECT(reported_pages, 1);
    EXPECT(true_pages, 1);
    EXPECT(flush_commands, 0);
    finish(&s);
}

Test(by_hand, section_12_rounding)
{
    struct scenario s = scenario("amd-v1", 1);
    write_page(&s, 0);
    s.cell.cost = (struct cost_model){.walk_read_ps = 125, .ad_update_ps = 499, .sync_ps = 1500};
    run(&s); /* 4 reads = 500 ps -> 1 ns; 499 ps -> 0 ns; one sync of each kind = 1500 ps -> 2 ns */
    EXPECT(walk_ns, 1);
    EXPECT(dirty_update_ns, 0);
    EXPECT(flush_ns, 2);
    EXPECT(toggle_ns, 2);
    EXPECT(harvest_ns, 0);
    finish(&s);
}
