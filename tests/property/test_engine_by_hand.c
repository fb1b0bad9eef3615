/* The engine against write protection and ATS counted with a pencil (semantics.md 9 and 10): what random
 * experiments meet rarely, and what they cannot say in words. */
#include <criterion/criterion.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

static void replay(struct scenario *s)
{
    struct pass_result result = {0};
    experiment_run(&s->store, &s->cell, 1, 4096, 1, &result);
    s->m = result.metrics;
    pass_result_free(&result);
}

/* Two cells, so that they share leaves and go in passes. */
static void replay_two(struct scenario *s, struct metrics *other)
{
    struct cell_config cells[2] = {s->cell, s->cell};
    struct pass_result results[2] = {0};
    cells[1].iotlb.entries = 0;
    experiment_run(&s->store, cells, 2, 4096, 1, results);
    s->m = results[0].metrics;
    *other = results[1].metrics;
    for (int i = 0; i < 2; i++)
        pass_result_free(&results[i]);
}

/* ---- write protection ---- */

static struct scenario protected_scenario(const char *model, uint64_t pages)
{
    struct scenario s = scenario(model, pages);
    experiment_set_method(&s.cell, "write-protect");
    experiment_set_policy(&s.cell, "marks");
    return s;
}

Test(engine_by_hand, first_writes_fault_once)
{
    struct scenario s = protected_scenario("intel-ss", 3);
    struct metrics other;
    write_page(&s, 0); /* a miss that faults, and the miss that fills */
    write_page(&s, 0); /* a hit */
    read_page(&s, 1);  /* a miss */
    write_page(&s, 1); /* a hit that faults, and a miss */
    mark(&s);          /* protects pages 0 and 1 again */
    write_page(&s, 0);
    replay_two(&s, &other);
    EXPECT(requests, 5);
    EXPECT(faults_recoverable, 3);
    EXPECT(iotlb_hits, 2);
    EXPECT(iotlb_misses, 2 + 1 + 1 + 2);
    EXPECT(walks, 6);
    EXPECT(dirty_updates, 0);
    EXPECT(access_updates, 0);
    EXPECT(toggle_scanned_entries, 3 + 3); /* a slot of each level above, and three leaves */
    EXPECT(toggle_written_entries, 3);
    EXPECT(toggle_commands, 1);
    EXPECT(scanned_entries, 0);
    EXPECT(harvested_leaves, 3);
    EXPECT(cleared_entries, 3);
    EXPECT(flush_syncs, 2);
    EXPECT(true_pages, 3);
    EXPECT(lost_pages, 0);
    EXPECT(fault_ns, 3 * 20000);
    cr_expect_eq(other.faults_recoverable, 3);
    cr_expect_eq(other.iotlb_misses, 5 + 3);
    cr_expect_eq(other.true_pages, 3);
    finish(&s);
}

/* A read-only entry that outlives its leaf faults on what stands there now, marked already or not. */
Test(engine_by_hand, stale_read_only_entries_fault_again)
{
    struct scenario s = protected_scenario("smmu-s1", 0);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_set_source(&s.cell, "trace");
    s.cell.mapping.unmap_flush = UNMAP_NONE;
    s.cell.walk_cache.entries = 0; /* a pointer to the table that goes would end walks in an absent entry */
    map_pages(&s, TRACE_MAP, 0, 512, 1); /* leaves of 4 KiB; their table goes with them, unflushed */
    read_page(&s, 0);
    unmap_pages(&s, 0, 512);
    write_page(&s, 0); /* nothing behind the read-only entry: permission */
    map_pages(&s, TRACE_MAP, 0, 512, 0);
    write_page(&s, 1); /* the leaf of 2 MiB: marked, filled */
    write_page(&s, 0); /* the old entry of 4 KiB is found first, faults, and is dropped */
    write_page(&s, 0); /* a hit */
    replay(&s);
    EXPECT(faults_permission, 1);
    EXPECT(faults_recoverable, 2);
    EXPECT(iotlb_hits, 3);
    EXPECT(iotlb_misses, 1 + 2 + 1);
    EXPECT(stale_writes, 0);
    EXPECT(truth_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(false_leaf, 510);
    finish(&s);
}

Test(engine_by_hand, leaves_mapped_while_tracking_are_born_protected)
{
    struct scenario s = trace_scenario("riscv-g");
    experiment_set_method(&s.cell, "write-protect");
    experiment_add_range(&s.cell, 0, 2 * PAGE);
    s.cell.tracking.start_ns = 1;
    s.cell.tracking.has_stop = true;
    s.cell.tracking.stop_ns = 8;
    map_pages(&s, TRACE_MAP, 0, 1, 0); /* 0 ns, before the start: D is preset */
    map_pages(&s, TRACE_MAP, 1, 2, 1); /* page 1 protected, page 2 not tracked: D is preset */
    map_pages(&s, TRACE_MAP_RO, 3, 1, 3);
    write_page(&s, 1);
    write_page(&s, 2);
    write_page(&s, 3);
    read_page(&s, 0);
    unmap_pages(&s, 3, 1);
    write_page(&s, 0); /* 8 ns, after the stop */
    replay(&s);
    EXPECT(born_dirty_leaves, 2);
    EXPECT(faults_recoverable, 1);
    EXPECT(faults_permission, 1);
    EXPECT(truth_pages, 1);
    EXPECT(reported_pages, 1);
    EXPECT(toggle_written_entries, 1 + 2); /* the harvest at the stop has protected page 1 again */
    EXPECT(toggle_commands, 2);
    EXPECT(lost_pages, 0);
    finish(&s);
}

/* ---- ATS ---- */

static struct scenario ats_scenario(const char *model, uint64_t pages)
{
    struct scenario s = scenario(model, pages);
    s.cell.ats.enabled = true;
    experiment_set_policy(&s.cell, "marks");
    return s;
}

Test(engine_by_hand, an_atc_answers_until_it_is_told)
{
    struct scenario s = ats_scenario("intel-ss", 2);
    read_page(&s, 0);  /* ATC and IOTLB miss: read-only */
    write_page(&s, 0); /* the entry is skipped; the IOTLB's is read again and made dirty */
    write_page(&s, 0); /* ATC hit */
    s.device = 9;
    write_page(&s, 0); /* another device, another ATC */
    mark(&s);
    write_page(&s, 0); /* ATC and IOTLB miss */
    replay(&s);
    EXPECT(atc_hits, 1);
    EXPECT(atc_misses, 4);
    EXPECT(iotlb_hits, 2);
    EXPECT(iotlb_misses, 2);
    EXPECT(dirty_rechecks, 1);
    EXPECT(dirty_updates, 2);
    EXPECT(true_pages, 2);
    EXPECT(atc_commands, 2 * 3); /* two devices: enable row, two harvests */
    s.cell.ats.invalidate = false;
    replay(&s); /* the last write is not seen */
    EXPECT(atc_hits, 2);
    EXPECT(atc_commands, 0);
    EXPECT(dirty_updates, 1);
    EXPECT(missed_pages, 1);
    EXPECT(lost_pages, 1);
    finish(&s);
}

/* Cells with and without ATS in one pass: translate records make requests for one of them. */
Test(engine_by_hand, translate_records_ask_with_ats_only)
{
    struct scenario s = ats_scenario("amd-v1", 4);
    access_bytes(&s, TRACE_TRANSLATE_W, 0, 2 * PAGE);
    access_bytes(&s, TRACE_TRANSLATE, 3 * PAGE, 64);
    write_page(&s, 0);
    struct cell_config cells[2] = {s.cell, s.cell};
    struct pass_result results[2] = {0};
    cells[1].ats.enabled = false;
    cells[0].max_payload_bytes = cells[1].max_payload_bytes = 2048; /* of accesses only */
    experiment_run(&s.store, cells, 2, 1, 1, results);
    s.m = results[0].metrics;
    EXPECT(requests, 3 + 2);
    EXPECT(atc_hits, 2);
    EXPECT(translates, 2);
    EXPECT(false_ats, 1);
    EXPECT(true_pages, 1);
    cr_expect_eq(results[1].metrics.requests, 2);
    cr_expect_eq(results[1].metrics.translates, 2);
    cr_expect_eq(results[1].metrics.reported_pages, 1);
    cr_expect(results[1].seen.ignored_translates && !results[0].seen.ignored_translates);
    for (int i = 0; i < 2; i++)
        pass_result_free(&results[i]);
    finish(&s);
}

/* A leaf that the trace never touched is flushed too: what overlaps it goes, an entry of 1 GiB that has
 * outlived its leaf as well. */
Test(engine_by_hand, untouched_leaves_are_flushed)
{
    for (int ats = 0; ats < 2; ats++) {
        struct scenario s = trace_scenario("smmu-s1");
        s.cell.ats.enabled = ats;
        s.cell.mapping.page_sizes = 1 << 12 | 1 << 21 | 1 << 30;
        s.cell.mapping.unmap_flush = UNMAP_NONE;
        s.cell.harvest.flush = FLUSH_LEAF;
        experiment_set_policy(&s.cell, "marks");
        map_pages(&s, TRACE_MAP, 0, 1 << 18, 0);
        write_page(&s, 0);
        unmap_pages(&s, 0, 1 << 18);
        write_page(&s, 0);                       /* still translated */
        map_pages(&s, TRACE_MAP, 512, 512, 512); /* born dirty */
        mark(&s);
        write_page(&s, 0);
        replay(&s);
        EXPECT(stale_writes, 1);
        EXPECT(faults_translation, 1);
        EXPECT(iotlb_invalidated, 1);
        EXPECT(flush_overreach, 1);
        EXPECT(atc_commands, ats);
        finish(&s);
    }
}

Test(engine_by_hand, devices_that_never_ask_are_told_too)
{
    struct scenario s = ats_scenario("riscv-g", 1);
    s.cell.domains = DOMAINS_PER_DEVICE;
    write_page(&s, 0);
    s.device = 65535;
    unmap_pages(&s, 0, 1); /* a static mapping: nothing happens */
    mark(&s);
    replay(&s);
    EXPECT(device_count, 2);
    EXPECT(atc_commands,
           2 + 2 + 1); /* both domains: the clear at start, the enable row; the harvest of one */
    finish(&s);
}
