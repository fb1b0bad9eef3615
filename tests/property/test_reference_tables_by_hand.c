/* The naive reference by hand: tables that change, domains, and the formats' shapes. Each test names its
 * section of semantics.md. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { LEAVES_4K_2M = 1 << 12 | 1 << 21 };

static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1", "smmu-s2", "riscv-g"};

Test(by_hand_tables, section_3_conflicts)
{
    struct scenario s = trace_scenario("amd-v1");
    map_pages(&s, TRACE_MAP, 0, 4, 0);
    map_pages(&s, TRACE_MAP, 2, 4, 2); /* 2 and 3 are mapped */
    unmap_pages(&s, 5, 4);             /* 6, 7, 8 are not */
    unmap_pages(&s, 100, 1);
    run_fails(&s, 1);
    s.cell.mapping.conflicts = CONFLICTS_COUNT;
    run(&s);
    EXPECT(map_conflicts, 3);
    EXPECT(leaves_mapped, 6);
    EXPECT(leaves, 5);
    EXPECT(unmap_overreach, 0);
    EXPECT(unmap_commands, 1); /* the unmap that removed nothing flushes nothing */
    finish(&s);
}

Test(by_hand_tables, section_3_records_that_stop_the_cell)
{
    struct scenario s = trace_scenario("smmu-s1");
    map_pages(&s, TRACE_MAP, 0, 1, UINT64_C(1) << 36); /* 2^48 */
    run_fails(&s, 0);
    s.cell = experiment_cell("amd-v1");
    experiment_set_source(&s.cell, "trace");
    run(&s);
    map_pages(&s, TRACE_MAP_RO, 1, 1, UINT64_C(1) << 40);
    run_fails(&s, 1);
    finish(&s);

    s = trace_scenario("intel-ss");
    map_pages(&s, TRACE_MAP, 0, 4, 0);
    map_pages(&s, TRACE_MAP, UINT64_C(1) << 36, 1, 0); /* one page beyond the width */
    run_fails(&s, 1);
    s.cell.mapping.page_sizes = 1 << 21;
    run_fails(&s, 0);
    finish(&s);
}

Test(by_hand_tables, section_3_unmap_cuts_a_leaf)
{
    struct scenario s = trace_scenario("amd-v1");
    s.cell.mapping.page_sizes = LEAVES_4K_2M;
    map_pages(&s, TRACE_MAP, 0, 1024, 0);
    write_page(&s, 3);
    unmap_pages(&s, 0, 1);
    read_page(&s, 3);
    read_page(&s, 512);
    run(&s);
    EXPECT(leaves_mapped, 2);
    EXPECT(leaves, 1);
    EXPECT(unmap_overreach, 1);
    EXPECT(map_conflicts, 0);
    EXPECT(truth_pages, 1);
    EXPECT(unmapped_dirty_pages, 1);
    EXPECT(lost_pages, 0);
    EXPECT(unmap_commands, 1); /* the hull is the whole leaf, so the command reaches its entry */
    EXPECT(unmap_syncs, 1);
    EXPECT(unmap_invalidated, 1);
    EXPECT(faults_translation, 1);
    EXPECT(table_bytes, 3 * PAGE);
    finish(&s);
}

Test(by_hand_tables, section_3_free_tables)
{
    struct scenario s = trace_scenario("intel-ss");
    map_pages(&s, TRACE_MAP, 0, 1024, 1); /* two tables of level 0 */
    unmap_pages(&s, 0, 512);              /* covers one */
    unmap_pages(&s, 512, 256);
    unmap_pages(&s, 768, 256);
    run(&s);
    EXPECT(table_bytes_peak, 5 * PAGE);
    EXPECT(table_bytes, 4 * PAGE);
    s.cell.mapping.free_tables = FREE_EMPTY;
    run(&s);
    EXPECT(table_bytes, PAGE); /* the root */
    finish(&s);

    s = trace_scenario("smmu-s1");
    map_pages(&s, TRACE_MAP, 0, UINT64_C(1) << 27, 0); /* 512 GiB of 1 GiB */
    s.cell.mapping.page_sizes = 1 << 30 | 1 << 12;
    unmap_pages(&s, 0, UINT64_C(1) << 27);
    run(&s);
    EXPECT(table_bytes, 2 * PAGE); /* 512 GiB is no block: its table stays */
    finish(&s);
}

Test(by_hand_tables, section_3_table_freed_by_a_map)
{
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
        struct scenario s = trace_scenario(models[i]);
        s.cell.mapping.page_sizes = LEAVES_4K_2M;
        s.cell.mapping.unmap_flush = UNMAP_NONE;
        map_pages(&s, TRACE_MAP, 0, 512, 1); /* leaves of 4 KiB */
        read_page(&s, 0);
        unmap_pages(&s, 0, 256);
        unmap_pages(&s, 256, 256);           /* the table of level 0 stays, empty */
        map_pages(&s, TRACE_MAP, 0, 512, 0); /* its place is for a leaf of 2 MiB now */
        read_page(&s, 0);
        run(&s);
        uint64_t root = i == 4 ? 4 * PAGE : PAGE;
        EXPECT(table_bytes_peak, root + 3 * PAGE);
        EXPECT(table_bytes, root + 2 * PAGE);
        EXPECT(unmap_commands, 1);
        EXPECT(unmap_syncs, 1);
        EXPECT(unmap_invalidated, 1);
        EXPECT(iotlb_misses, 2);
        /* amd keeps pointers to larger tables, the others drop all that overlap */
        EXPECT(walk_reads, i == 0 ? 4 + 1 : 4 + 3);
        EXPECT(faults_translation, 0);
        finish(&s);
    }
}

Test(by_hand_tables, section_3_touched_beyond_2_52)
{
    struct scenario s = scenario("amd-v1", 0);
    s.cell.iommu.levels = 6;
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 13;
    s.cell.mapping.extent_bytes = 3 * PAGE; /* block 2^40 / 3 holds the pages 2^40 - 1, 2^40, 2^40 + 1 */
    experiment_set_source(&s.cell, "touched");
    write_page(&s, UINT64_C(1) << 40);
    run(&s); /* the run is cut at 2^52: one leaf before, one of 8 KiB behind */
    EXPECT(leaves, 2);
    EXPECT(faults_translation, 0);
    finish(&s);
}

Test(by_hand_tables, section_3_shapes)
{
    static const struct {
        const char *model;
        uint64_t granule, root_bytes;
        unsigned levels, bits, reads;
    } rows[] = {{"smmu-s2", 4096, 2 * 4096, 0, 40, 3},   {"smmu-s2", 4096, 8 * 4096, 0, 42, 3},
                {"smmu-s1", 4096, 4096, 0, 42, 4},       {"smmu-s2", 4096, 4096, 0, 44, 4},
                {"smmu-s1", 4096, 4096, 0, 36, 3},       {"smmu-s2", 16384, 16 * 16384, 0, 40, 2},
                {"smmu-s2", 16384, 2 * 16384, 0, 48, 3}, {"smmu-s1", 16384, 16384, 0, 48, 4},
                {"smmu-s2", 65536, 65536, 0, 48, 3},     {"smmu-s1", 65536, 65536, 0, 32, 2},
                {"riscv-g", 4096, 16384, 3, 41, 3},      {"riscv-g", 4096, 16384, 5, 59, 5},
                {"amd-v1", 4096, 4096, 6, 64, 6}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scenario s = scenario(rows[i].model, 0);
        s.cell.iommu.granule_bytes = rows[i].granule;
        s.cell.iommu.levels = rows[i].levels;
        s.cell.iommu.address_bits = rows[i].bits;
        s.cell.mapping.page_sizes = rows[i].granule;
        experiment_add_region(&s.cell, 0, rows[i].granule, 0);
        read_page(&s, 0);
        if (rows[i].bits < 64) {
            access_bytes(&s, TRACE_READ, (UINT64_C(1) << rows[i].bits) - 1, 1); /* the root says no */
            access_bytes(&s, TRACE_READ, UINT64_C(1) << rows[i].bits, 1);       /* no walk */
        }
        run(&s);
        EXPECT(table_bytes, rows[i].root_bytes + (rows[i].reads - 1) * rows[i].granule);
        EXPECT(walk_reads, rows[i].reads + (rows[i].bits < 64));
        EXPECT(walks, rows[i].bits < 64 ? 2 : 1);
        finish(&s);
    }
}

Test(by_hand_tables, section_3_leaves_of_several_entries)
{
    struct scenario s = scenario("smmu-s1", 16);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 16;
    write_page(&s, 3);
    read_page(&s, 5);
    run(&s);
    EXPECT(leaves, 1);
    EXPECT(toggle_cleared_entries, 16);
    EXPECT(iotlb_hits, 1);
    EXPECT(dirty_updates, 1);
    EXPECT(scanned_entries, 1 + 1 + 1 + 16);
    EXPECT(harvested_leaves, 1);
    EXPECT(cleared_entries, 16);
    EXPECT(reported_pages, 16);
    EXPECT(false_leaf, 15);
    EXPECT(flush_commands, 1);
    finish(&s);

    s = scenario("amd-v1", 2048);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 23; /* four replicas in a table of level 1 */
    write_page(&s, 3);
    run(&s);
    EXPECT(leaves, 1);
    EXPECT(walk_reads, 3);
    EXPECT(scanned_entries, 1 + 1 + 4);
    EXPECT(cleared_entries, 4);
    EXPECT(reported_pages, 2048);
    EXPECT(table_bytes, 3 * PAGE);
    finish(&s);
}

Test(by_hand_tables, section_4_stale_hits_and_writes)
{
    struct scenario s = trace_scenario("intel-ss");
    s.cell.mapping.unmap_flush = UNMAP_DEFERRED;
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    write_page(&s, 0);
    unmap_pages(&s, 0, 1); /* at 2 ns */
    read_page(&s, 0);      /* translates all the same */
    write_page(&s, 0);     /* and lands in a page that is not mapped */
    s.clock_ns = 2 + 9999999;
    read_page(&s, 0);
    read_page(&s, 0); /* 10 ms later: flushed before this record */
    run(&s);
    EXPECT(iotlb_hits, 3);
    EXPECT(iotlb_misses, 2);
    EXPECT(stale_writes, 1);
    EXPECT(truth_pages, 1);
    EXPECT(written_pages, 1);
    EXPECT(unmapped_dirty_pages, 1);
    EXPECT(lost_pages, 0);
    EXPECT(unmap_commands, 1);
    EXPECT(unmap_syncs, 1);
    EXPECT(unmap_invalidated, 1);
    EXPECT(walk_reads, 4 + 4); /* the domain's pointers went too; the tables stand */
    EXPECT(faults_translation, 1);
    EXPECT(leaves, 0);
    EXPECT(scanned_entries, 0); /* nothing is mapped at the end */
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    run(&s);
    EXPECT(iotlb_hits, 4);
    EXPECT(unmap_commands, 0);
    finish(&s);
}

Test(by_hand_tables, section_4_recheck_after_a_remap)
{
    for (uint64_t output = 0; output < 2; output++) {
        struct scenario s = trace_scenario("intel-ss");
        s.cell.mapping.unmap_flush = UNMAP_NONE;
        map_pages(&s, TRACE_MAP, 0, 1, 0);
        read_page(&s, 0); /* a managed clean entry */
        unmap_pages(&s, 0, 1);
        map_pages(&s, TRACE_MAP, 0, 1, 5 * output);
        write_page(&s, 0);
        run(&s);
        EXPECT(iotlb_hits, 1);
        EXPECT(dirty_rechecks, 1);
        EXPECT(iotlb_misses, 1 + output);
        EXPECT(walk_reads, 4 + 1 + output); /* the restart finds the pointer to level 0 */
        EXPECT(dirty_updates, 1);
        EXPECT(iotlb_evictions, 0);
        EXPECT(unmap_invalidated, 0);
        EXPECT(true_pages, 1);
        EXPECT(false_pages, 0);
        finish(&s);
    }
}

Test(by_hand_tables, section_4_recheck_of_a_leaf_that_is_gone)
{
    struct scenario s = trace_scenario("riscv-g");
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    read_page(&s, 0);
    unmap_pages(&s, 0, 1);
    write_page(&s, 0);
    run(&s);
    EXPECT(dirty_rechecks, 1);
    EXPECT(iotlb_misses, 2);
    EXPECT(walk_reads, 4 + 1 + 1);
    EXPECT(faults_translation, 1);
    EXPECT(stale_writes, 0);
    finish(&s);
}

Test(by_hand_tables, section_4_entries_of_two_sizes)
{
    struct scenario s = trace_scenario("smmu-s1");
    s.cell.mapping.page_sizes = LEAVES_4K_2M;
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    map_pages(&s, TRACE_MAP, 0, 512, 0);
    read_page(&s, 0); /* an entry of 2 MiB, born dirty, so writes pass */
    unmap_pages(&s, 0, 512);
    map_pages(&s, TRACE_MAP_RO, 0, 1, 0);
    write_page(&s, 0); /* hits the old entry: the read-only page is written, and is tracked */
    run(&s);
    EXPECT(iotlb_hits, 1);
    EXPECT(faults_permission, 0);
    EXPECT(stale_writes, 0);
    EXPECT(truth_pages, 1);
    EXPECT(reported_pages, 0);
    EXPECT(missed_new_pages, 1);
    EXPECT(lost_pages, 1);
    finish(&s);
}

Test(by_hand_tables, section_4_read_only_leaves)
{
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
        struct scenario s = trace_scenario(models[i]);
        map_pages(&s, TRACE_MAP_RO, 0, 1, 0);
        write_page(&s, 0); /* on a miss */
        read_page(&s, 0);
        write_page(&s, 0); /* on a hit */
        run(&s);
        EXPECT(faults_permission, 2);
        EXPECT(iotlb_misses, 2);
        EXPECT(iotlb_hits, 1);
        EXPECT(walk_reads, 4 + 1);
        EXPECT(access_updates, i < 2 ? 1 : 0);
        EXPECT(born_dirty_leaves, 0);
        EXPECT(reported_pages, 0);
        finish(&s);
    }
}

Test(by_hand_tables, section_5_stale_pointer)
{
    struct scenario s = trace_scenario("intel-ss");
    s.cell.mapping.page_sizes = LEAVES_4K_2M;
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    map_pages(&s, TRACE_MAP, 0, 512, 1);
    read_page(&s, 0);
    unmap_pages(&s, 0, 512);             /* frees the table of level 0 */
    map_pages(&s, TRACE_MAP, 0, 512, 0); /* a leaf in its place */
    read_page(&s, 1);                    /* the pointer to level 0 leads nowhere */
    read_page(&s, 0);                    /* a stale hit */
    run(&s);
    EXPECT(unmap_commands, 0);
    EXPECT(walk_cache_hits, 1);
    EXPECT(walk_reads, 4 + 1);
    EXPECT(faults_translation, 1);
    EXPECT(iotlb_hits, 1);
    s.cell.mapping.unmap_flush = UNMAP_STRICT; /* a table was freed: pointers that overlap go */
    run(&s);
    EXPECT(unmap_commands, 1);
    EXPECT(unmap_invalidated, 1);
    EXPECT(walk_cache_hits, 0);
    EXPECT(walk_reads, 4 + 3);
    EXPECT(faults_translation, 0);
    finish(&s);
}

Test(by_hand_tables, section_2_domain_per_device)
{
    struct scenario s = trace_scenario("intel-ss");
    s.cell.domains = DOMAINS_PER_DEVICE;
    s.device = 9;
    map_pages(&s, TRACE_MAP, 0, 1, 10);
    read_page(&s, 0);
    s.device = 7;
    map_pages(&s, TRACE_MAP, 0, 1, 20);
    read_page(&s, 0); /* another tag: misses, and walks from its own root */
    write_page(&s, 0);
    s.device = 9;
    write_page(&s, 0);
    run(&s);
    EXPECT(device_count, 2);
    EXPECT(domain_count, 2);
    EXPECT(iotlb_misses, 2);
    EXPECT(iotlb_hits, 2);
    EXPECT(walk_reads, 4 + 4 + 1 + 1);
    EXPECT(context_updates, 2);
    EXPECT(toggle_commands, 4);
    EXPECT(toggle_syncs, 4);
    EXPECT(truth_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(harvests, 1);
    EXPECT(scanned_entries, 4 + 4);
    EXPECT(flush_commands, 2);
    EXPECT(iotlb_invalidated, 2);
    EXPECT(flush_overreach, 0);
    EXPECT(table_bytes, 8 * PAGE);
    s.cell.harvest.flush = FLUSH_GLOBAL; /* the first domain's flush takes the other's entry along */
    run(&s);
    EXPECT(iotlb_invalidated, 2);
    EXPECT(flush_overreach, 1);
    s.cell.domains = DOMAINS_SHARED;
    run_fails(&s, 2);
    finish(&s);
}

Test(by_hand_tables, section_6_born)
{
    struct scenario s = trace_scenario("smmu-s1");
    map_pages(&s, TRACE_MAP, 0, 2, 0); /* tracking is on */
    write_page(&s, 0);
    run(&s);
    EXPECT(born_dirty_leaves, 2);
    EXPECT(dirty_updates, 0);
    EXPECT(reported_pages, 2);
    EXPECT(true_pages, 1);
    EXPECT(false_born, 1);
    s.cell.iommu.dbm = DBM_DYNAMIC;
    run(&s);
    EXPECT(born_dirty_leaves, 0);
    EXPECT(dirty_updates, 1);
    EXPECT(reported_pages, 1);
    s.cell.iommu.dbm = DBM_STATIC;
    s.cell.tracking.start_ns = 1; /* mapped before */
    s.cell.tracking.clear_on_start = false;
    run(&s);
    EXPECT(false_residue, 1);
    EXPECT(false_born, 0);
    finish(&s);
}

Test(by_hand_tables, section_6_riscv)
{
    struct scenario s = trace_scenario("riscv-g");
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    map_pages(&s, TRACE_MAP, 1, 1, 1);
    write_page(&s, 0);
    write_page(&s, 1);
    s.cell.tracking.start_ns = 1; /* the first leaf is older, the second born clean */
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 3;
    run(&s);
    EXPECT(born_dirty_leaves, 1);
    EXPECT(toggle_cleared_entries, 1);
    EXPECT(context_updates, 1);     /* nothing at the stop */
    EXPECT(toggle_commands, 1 + 2); /* the clear's flush, IODIR and IOTINVAL */
    EXPECT(toggle_syncs, 2);
    EXPECT(dirty_updates, 2); /* GADE stays on behind the stop */
    EXPECT(truth_pages, 1);
    EXPECT(true_pages, 1);
    EXPECT(access_updates, 0);
    experiment_set_method(&s.cell, "all");
    run(&s);
    EXPECT(born_dirty_leaves, 2);
    EXPECT(dirty_updates, 0);
    finish(&s);
}

Test(by_hand_tables, section_7_amd_pointers)
{
    struct scenario s = scenario("amd-v1", 1024);
    experiment_set_policy(&s.cell, "marks");
    write_page(&s, 0);
    write_page(&s, 512);
    mark(&s); /* the block is [0, 4 MiB) */
    write_page(&s, 0);
    run(&s);
    EXPECT(walk_reads, 4 + 2 + 1);
    s.cell.iommu.pde = PDE_ALWAYS;
    run(&s); /* both pointers to level 0 go, those to larger tables stay */
    EXPECT(walk_reads, 4 + 2 + 2);
    finish(&s);
}

Test(by_hand_tables, section_7_smmu_pair)
{
    static const struct {
        uint64_t pages, loop, pair;
    } rows[] = {{32, 1, 1}, {33, 2, 2}, {64, 1, 1}, {1057, 3, 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scenario s = scenario("smmu-s1", rows[i].pages);
        s.cell.tracking.clear_on_start = false;
        read_page(&s, 0);
        run(&s);
        EXPECT(flush_commands, rows[i].loop);
        s.cell.iommu.ril_cut = RIL_PAIR;
        run(&s);
        EXPECT(flush_commands, rows[i].pair);
        finish(&s);
    }
}

Test(by_hand_tables, section_7_smmu_unmap)
{
    struct scenario s = trace_scenario("smmu-s1");
    s.cell.mapping.page_sizes = LEAVES_4K_2M;
    map_pages(&s, TRACE_MAP, 0, 1024, 0);      /* two leaves of 2 MiB */
    map_pages(&s, TRACE_MAP, 1024, 512, 1025); /* 512 of 4 KiB: one table */
    unmap_pages(&s, 0, 1536);
    run(&s); /* the table: 512 pages; then one run of three blocks of 2 MiB */
    EXPECT(unmap_commands, 1 + 1);
    EXPECT(unmap_syncs, 2);
    s.cell.iommu.ril = false;
    run(&s); /* the table: the domain; the run: three commands */
    EXPECT(unmap_commands, 1 + 3);
    EXPECT(unmap_syncs, 2);
    finish(&s);
}

Test(by_hand_tables, section_7_riscv_unmap)
{
    struct scenario s = trace_scenario("riscv-g");
    map_pages(&s, TRACE_MAP, 0, 1024, 0);
    unmap_pages(&s, 1, 511); /* 511 commands */
    unmap_pages(&s, 0, 1);   /* 1 */
    unmap_pages(&s, 512, 512);
    run(&s); /* the last one frees a table: the domain, by one */
    EXPECT(unmap_commands, 511 + 1 + 1);
    EXPECT(unmap_syncs, 3);
    finish(&s);
}

Test(by_hand_tables, section_7_deferred_after_256)
{
    for (unsigned count = 255; count <= 256; count++) {
        struct scenario s = trace_scenario("intel-ss");
        s.cell.mapping.unmap_flush = UNMAP_DEFERRED;
        for (unsigned i = 0; i < count; i++) {
            map_pages(&s, TRACE_MAP, 0, 1, 0);
            unmap_pages(&s, 0, 1);
        }
        mark(&s);
        run(&s);
        EXPECT(unmap_commands, count - 255);
        EXPECT(unmap_syncs, count - 255);
        finish(&s);
    }
}

Test(by_hand_tables, section_8_before_unmap)
{
    struct scenario s = trace_scenario("amd-v1");
    map_pages(&s, TRACE_MAP, 0, 4, 0);
    write_page(&s, 1);
    write_page(&s, 2);
    unmap_pages(&s, 0, 2);
    run(&s);
    EXPECT(unmapped_dirty_pages, 1);
    EXPECT(true_pages, 1);
    EXPECT(written_pages, 2);
    EXPECT(caught_pages, 1);
    s.cell.harvest.before_unmap = true;
    run(&s); /* a window of two pages, then one of the two that are left */
    EXPECT(unmapped_dirty_pages, 0);
    EXPECT(harvests, 1);
    EXPECT(scanned_entries, 5 + 5);
    EXPECT(scanned_tables, 4 + 4);
    EXPECT(harvested_leaves, 2);
    EXPECT(cleared_entries, 1);
    EXPECT(true_pages, 2);
    EXPECT(false_pages, 0);
    EXPECT(caught_pages, 2);
    cr_assert(eq(sz, s.row_count, 1));
    cr_expect(eq(u64, s.rows[0].reported_pages, 1));
    cr_expect(eq(u64, s.rows[0].scanned_entries, 5));
    cr_expect(eq(u64, s.rows[0].caught_pages, 1));
    cr_expect(eq(u64, s.rows[0].written_pages, 2));
    s.cell.harvest.granule_bytes = 4 * PAGE;
    run(&s); /* does not spread beyond the record's range */
    EXPECT(reported_pages, 4);
    EXPECT(false_granule, 2);
    finish(&s);
}

Test(by_hand_tables, section_8_lost_under_no_clear)
{
    struct scenario s = trace_scenario("amd-v1");
    experiment_set_policy(&s.cell, "marks");
    s.cell.harvest.no_clear = true;
    s.cell.harvest.final = false;
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    write_page(&s, 0);
    mark(&s);              /* reports it; it stays in T */
    unmap_pages(&s, 0, 1); /* leaves T */
    map_pages(&s, TRACE_MAP, 0, 1, 0);
    write_page(&s, 0); /* through the old entry */
    run(&s);           /* the last harvest reported this page, so it is not lost */
    EXPECT(unmapped_dirty_pages, 1);
    EXPECT(truth_pages, 2);
    EXPECT(lost_pages, 0);
    finish(&s);
}

Test(by_hand_tables, section_7_no_harvest_right_behind_another)
{
    struct scenario s = scenario("amd-v1", 1);
    experiment_set_policy(&s.cell, "records");
    s.cell.harvest.count = 2;
    write_page(&s, 0);
    write_page(&s, 0);
    run(&s); /* the second record's harvest is the last */
    EXPECT(harvests, 1);
    read_page(&s, 0);
    run(&s);
    EXPECT(harvests, 2);
    finish(&s);
}
