/* The naive reference against splitting counted with a pencil: semantics.md 14. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

/* Two leaves of 2 MiB from 0. */
static struct scenario two_leaves(const char *model)
{
    struct scenario s = scenario(model, 0);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_add_region(&s.cell, 0, 4 * MIB, 0);
    experiment_set_policy(&s.cell, "marks");
    return s;
}

Test(by_hand, section_14_start)
{
    struct scenario s = two_leaves("smmu-s1");
    s.cell.tracking.split = SPLIT_START;
    write_page(&s, 0);
    write_page(&s, 700);
    run(&s);
    EXPECT(split_leaves, 2);
    EXPECT(split_tables, 2);
    EXPECT(split_entries, 2 * 512 + 2);
    EXPECT(split_ns, 1026 * 60);
    EXPECT(leaves, 1024);
    EXPECT(leaves_mapped, 2 + 1024);
    EXPECT(born_dirty_leaves, 2); /* static DBM: at the map, not the parts */
    EXPECT(table_bytes, 5 * 4096);
    EXPECT(table_bytes_peak, 5 * 4096);
    /* The clear at the start reads the parts, which are dirty as the leaf was: 1 + 1 + 2 + 1024 slots. */
    EXPECT(toggle_scanned_entries, 1028);
    EXPECT(toggle_cleared_entries, 1024);
    EXPECT(toggle_commands, 1 + 1); /* the split's domain flush; 1024 pages at once */
    EXPECT(toggle_syncs, 2);
    EXPECT(reported_pages, 2);
    EXPECT(true_pages, 2);
    s.cell.tracking.clear_on_start = false;
    run(&s);
    EXPECT(toggle_commands, 1);
    EXPECT(false_residue, 1022);                /* the cause is copied */
    s.cell.tracking.split_size_bytes = 2 * MIB; /* nothing is larger */
    run(&s);
    EXPECT(split_leaves, 0);
    EXPECT(toggle_commands, 0);
    EXPECT(leaves, 2);
    finish(&s);
}

/* Only leaves that overlap a range; a read-only or clean one too. */
Test(by_hand, section_14_start_in_ranges)
{
    struct scenario s = two_leaves("amd-v1");
    s.cell.tracking.split = SPLIT_START;
    s.cell.tracking.start_ns = 1;
    experiment_add_range(&s.cell, MIB, PAGE);
    read_page(&s, 0); /* before the start: an entry of 2 MiB, which the split drops */
    read_page(&s, 0);
    run(&s);
    EXPECT(split_leaves, 1);
    EXPECT(leaves, 513);
    EXPECT(toggle_commands, 1 + 2); /* and the enable row */
    EXPECT(toggle_syncs, 1 + 1);
    EXPECT(toggle_invalidated, 1);
    EXPECT(iotlb_misses, 2);
    finish(&s);
}

Test(by_hand, section_14_dirty)
{
    struct scenario s = two_leaves("intel-ss");
    s.cell.tracking.split = SPLIT_DIRTY;
    write_page(&s, 0);
    mark(&s);          /* reads 1 + 1 + 2 slots; one leaf, 512 pages, then split */
    write_page(&s, 1); /* the flush has dropped the entry of 2 MiB */
    write_page(&s, 600);
    mark(&s);            /* reads 1 + 1 + 2 + 512 slots; a page, and the other leaf, then split */
    write_page(&s, 601); /* a harvest at the end reads 1 + 1 + 2 + 1024 */
    run(&s);
    EXPECT(split_leaves, 2);
    EXPECT(split_tables, 2);
    EXPECT(split_entries, 2 * 513);
    EXPECT(scanned_entries, 4 + 516 + 1028);
    EXPECT(harvested_leaves, 1 + 2 + 1);
    EXPECT(reported_pages, 512 + 1 + 512 + 1);
    EXPECT(true_pages, 4);
    EXPECT(false_leaf, 511 + 511);
    EXPECT(flush_commands, 3);
    EXPECT(leaves, 1024);
    EXPECT(leaves_mapped, 2 + 1024);
    s.cell.harvest.no_clear = true;
    run(&s);
    EXPECT(split_leaves, 0);
    finish(&s);
}

/* Without a flush the entry of 2 MiB stays and lets pass what it did. (A managed clean one of a leaf that was
 * harvested does not exist: the write that made the leaf dirty went through it.) */
Test(by_hand, section_14_stale_entries)
{
    struct scenario s = two_leaves("intel-ss");
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.harvest.flush = FLUSH_NONE;
    write_page(&s, 0);
    read_page(&s, 512); /* a clean entry of the other leaf */
    mark(&s);
    write_page(&s, 1);   /* passes through the stale entry: nothing is dirty */
    write_page(&s, 513); /* makes the other leaf dirty */
    mark(&s);            /* reports it, splits it */
    read_page(&s, 514);  /* a hit on the stale entry of 2 MiB */
    run(&s);
    EXPECT(split_leaves, 2);
    EXPECT(iotlb_hits, 1 + 1 + 1);
    EXPECT(iotlb_misses, 2);
    EXPECT(dirty_rechecks, 1);
    EXPECT(missed_pages, 1 + 1); /* page 1, at the mark and at the end */
    EXPECT(lost_pages, 1);
    finish(&s);
}

/* A leaf that a window border cuts is split behind the first window: the second one reads its parts. A page
 * that a part holds alone is false because the whole leaf held a page of T. */
Test(by_hand, section_14_windows_and_causes)
{
    struct scenario s = two_leaves("smmu-s2");
    s.cell.tracking.split = SPLIT_DIRTY;
    s.cell.tracking.clear_on_start = false; /* both leaves are dirty from the map */
    s.cell.harvest.chunk_bytes = MIB;
    write_page(&s, 300); /* in the second window */
    mark(&s);
    run(&s);
    /* Windows: 1 + 1 + 1 slots; then 1 + 1 + 1 + 256; the same of the other leaf. */
    EXPECT(scanned_entries, 3 + 259 + 3 + 259);
    EXPECT(harvested_leaves, 2);
    EXPECT(split_leaves, 2);
    EXPECT(reported_pages, 512);
    EXPECT(true_pages, 0);
    EXPECT(missed_pages, 1);
    EXPECT(false_leaf, 256);
    EXPECT(false_residue, 256);
    finish(&s);
}

/* Leaves of several entries: a group of the same level needs no table, one above needs one for each entry. */
Test(by_hand, section_14_groups)
{
    struct scenario s = scenario("smmu-s1", 0);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 16 | 1 << 25;
    experiment_add_region(&s.cell, 0, 32 * MIB, 0);
    experiment_add_region(&s.cell, 64 * MIB, 65536, 64 * MIB);
    s.cell.tracking.split = SPLIT_START;
    read_page(&s, 0);
    run(&s);
    EXPECT(split_leaves, 2);
    EXPECT(split_tables, 16);
    EXPECT(split_entries, 16 * 512 + 16 + 16);
    EXPECT(leaves, 8192 + 16);
    s.cell.tracking.split_size_bytes = 2 * MIB; /* the group of 64 KiB is smaller */
    run(&s);
    EXPECT(split_leaves, 1);
    EXPECT(split_tables, 0);
    EXPECT(split_entries, 16);
    EXPECT(leaves, 16 + 1);
    finish(&s);

    s = scenario("riscv-g", 0);
    s.cell.mapping.page_sizes = 1 << 30;
    experiment_add_region(&s.cell, 0, 1 << 30, 0);
    s.cell.tracking.split = SPLIT_START;
    read_page(&s, 0);
    run(&s); /* one table of 2 MiB entries, 512 below */
    EXPECT(split_tables, 513);
    EXPECT(split_entries, 513 * 512 + 1);
    EXPECT(leaves, 512 * 512);
    finish(&s);
}

/* riscv counts the smallest listed size, and split_size is one. */
Test(by_hand, section_14_the_size_is_listed)
{
    struct scenario s = scenario("riscv-g", 0);
    s.cell.mapping.page_sizes = 1 << 21;
    experiment_add_region(&s.cell, 0, 4 * MIB, 0);
    write_page(&s, 0);
    write_page(&s, 512);
    run(&s);
    EXPECT(flush_commands, 2); /* two of 2 MiB */
    s.cell.tracking.split = SPLIT_DIRTY;
    run(&s);
    EXPECT(flush_commands, 1); /* 1024 of 4 KiB are too many: the domain */
    finish(&s);
}
