/* The naive reference against ATS counted with a pencil: semantics.md 10. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/property/by_hand.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

static struct scenario ats_scenario(const char *model, uint64_t pages)
{
    struct scenario s = scenario(model, pages);
    s.cell.ats.enabled = true;
    experiment_set_policy(&s.cell, "marks");
    return s;
}

static void translate(struct scenario *s, enum trace_op op, uint64_t page)
{
    access_bytes(s, op, page * PAGE, PAGE);
}

Test(by_hand, section_10_hits_misses_costs)
{
    struct scenario s = ats_scenario("intel-ss", 2);
    read_page(&s, 0);  /* ATC and IOTLB miss; NW=1: a read-only answer */
    read_page(&s, 0);  /* ATC hit */
    write_page(&s, 0); /* the entry is skipped; the IOTLB hits, re-reads the leaf, makes it dirty */
    write_page(&s, 0); /* ATC hit */
    mark(&s);          /* reports page 0; drops it from IOTLB and ATC */
    write_page(&s, 0); /* ATC and IOTLB miss */
    run(&s);           /* a harvest at the end */
    EXPECT(requests, 5);
    EXPECT(atc_hits, 2);
    EXPECT(atc_misses, 3);
    EXPECT(iotlb_hits, 1);
    EXPECT(iotlb_misses, 2);
    EXPECT(dirty_rechecks, 1);
    EXPECT(dirty_updates, 2);
    EXPECT(access_updates, 1);
    EXPECT(reported_pages, 2);
    EXPECT(true_pages, 2);
    EXPECT(atc_commands, 1 + 1 + 1); /* the enable row, two harvests */
    EXPECT(flush_ns, 2 * 66 + 2 * 1060 + 4200);
    EXPECT(walk_reads, 4 + 1 + 1);
    EXPECT(walk_ns, 6 * 70 + 5 + 2 + 3 * 900); /* one walk-cache hit, one IOTLB hit */
    finish(&s);
}

Test(by_hand, section_10_translations_dirty_leaves)
{
    struct scenario s = ats_scenario("amd-v1", 4);
    s.cell.ats.no_write = false;
    read_page(&s, 0);                                  /* NW=0: dirty */
    translate(&s, TRACE_TRANSLATE, 1);                 /* NW=1: accessed only */
    translate(&s, TRACE_TRANSLATE_W, 2);               /* NW=0: dirty */
    access_bytes(&s, TRACE_TRANSLATE, 2 * PAGE, 5000); /* pages 2 (a hit) and 3 */
    run(&s);
    EXPECT(requests, 5);
    EXPECT(translates, 3);
    EXPECT(atc_hits, 1);
    EXPECT(dirty_updates, 2);
    EXPECT(access_updates, 2);
    EXPECT(truth_pages, 0);
    EXPECT(reported_pages, 2);
    EXPECT(false_ats, 2);
    EXPECT(false_pages, 2);
    s.cell.ats.no_write = true;
    run(&s);
    EXPECT(dirty_updates, 1);
    EXPECT(false_ats, 1);
    s.cell.ats.enabled = false; /* translate records do nothing */
    run(&s);
    EXPECT(requests, 1);
    EXPECT(translates, 3);
    EXPECT(reported_pages, 0);
    finish(&s);
}

/* The first cause that fits: a leaf that holds a page of T is too large, whoever made it dirty. */
Test(by_hand, section_10_false_leaf_before_false_ats)
{
    struct scenario s = ats_scenario("smmu-s1", 0);
    s.cell.mapping.page_sizes = 1 << 12 | 1 << 21;
    experiment_add_region(&s.cell, 0, 4 * MIB, 0);
    translate(&s, TRACE_TRANSLATE_W, 0);
    translate(&s, TRACE_TRANSLATE_W, 512);
    write_page(&s, 513); /* an ATC hit: the entry of 2 MiB may write */
    run(&s);
    EXPECT(atc_hits, 1);
    EXPECT(dirty_updates, 2);
    EXPECT(true_pages, 1);
    EXPECT(false_ats, 512);
    EXPECT(false_leaf, 511);
    finish(&s);
}

Test(by_hand, section_10_read_only_leaves)
{
    struct scenario s = trace_scenario("riscv-g");
    s.cell.ats.enabled = true;
    s.cell.ats.no_write = false;
    map_pages(&s, TRACE_MAP_RO, 0, 1, 0);
    translate(&s, TRACE_TRANSLATE_W, 0); /* answered read-only, filled */
    write_page(&s, 0);                   /* skipped; IOTLB hit; permission */
    translate(&s, TRACE_TRANSLATE_W, 0); /* skipped; IOTLB hit; read-only again */
    read_page(&s, 0);                    /* ATC hit */
    write_page(&s, 1);                   /* no leaf */
    run(&s);
    EXPECT(faults_permission, 1);
    EXPECT(faults_translation, 1);
    EXPECT(atc_hits, 1);
    EXPECT(atc_misses, 4);
    EXPECT(iotlb_hits, 2);
    EXPECT(iotlb_misses, 2);
    EXPECT(truth_pages, 0);
    finish(&s);
}

Test(by_hand, section_10_without_invalidations)
{
    struct scenario s = ats_scenario("smmu-s1", 1);
    s.cell.ats.invalidate = false;
    write_page(&s, 0);
    mark(&s);
    write_page(&s, 0); /* an ATC hit that may write: nothing is dirty */
    run(&s);
    EXPECT(atc_hits, 1);
    EXPECT(atc_commands, 0);
    EXPECT(true_pages, 1);
    EXPECT(missed_pages, 1);
    EXPECT(lost_pages, 1);
    finish(&s);
}

/* Each device of a domain gets a command; those of other domains keep what they have. */
Test(by_hand, section_10_devices_and_domains)
{
    struct scenario s = ats_scenario("smmu-s2", 3);
    s.cell.harvest.flush = FLUSH_GLOBAL;
    write_page(&s, 0);
    s.device = 1;
    read_page(&s, 1); /* static DBM was cleaned at the start: NW=1 is answered read-only */
    mark(&s);         /* page 0 is reported */
    read_page(&s, 1);
    run(&s);
    EXPECT(atc_commands,
           2 + 2); /* the clear at the start cleaned three leaves; the mark; nothing at the end */
    EXPECT(atc_hits, 0);
    s.cell.domains = DOMAINS_PER_DEVICE;
    run(&s); /* two starts of one device each; domain 0 alone is flushed at the mark */
    EXPECT(atc_commands, 2 + 1);
    EXPECT(atc_hits, 1);
    EXPECT(iotlb_invalidated, 2); /* all domains' */
    finish(&s);
}

/* `leaf`: one command per leaf; `range`: the cover of pages 1 to 2 is pages 0 to 3. */
Test(by_hand, section_10_covers)
{
    struct scenario s = ats_scenario("intel-ss", 8);
    read_page(&s, 0);
    read_page(&s, 4);
    write_page(&s, 1);
    write_page(&s, 2);
    mark(&s);
    read_page(&s, 0);
    read_page(&s, 4);
    run(&s);
    EXPECT(atc_commands, 1 + 1);
    EXPECT(atc_hits, 1);
    s.cell.harvest.flush = FLUSH_LEAF;
    run(&s);
    EXPECT(atc_commands, 1 + 2);
    EXPECT(atc_hits, 2);
    s.cell.harvest.flush = FLUSH_DOMAIN;
    run(&s);
    EXPECT(atc_commands, 1 + 1);
    EXPECT(atc_hits, 0);
    s.cell.harvest.flush = FLUSH_NONE;
    run(&s);
    EXPECT(atc_commands, 1);
    EXPECT(atc_hits, 2);
    finish(&s);
}

Test(by_hand, section_10_write_protect)
{
    struct scenario s = ats_scenario("amd-v1", 1);
    experiment_set_method(&s.cell, "write-protect");
    read_page(&s, 0);                    /* a read-only answer */
    translate(&s, TRACE_TRANSLATE_W, 0); /* skipped in the ATC; an IOTLB hit; read-only, no fault */
    write_page(&s, 0);                   /* the same, a recoverable fault, a miss, an answer that may write */
    write_page(&s, 0);                   /* ATC hit */
    run(&s);
    EXPECT(faults_recoverable, 1);
    EXPECT(faults_permission, 0);
    EXPECT(atc_misses, 3);
    EXPECT(atc_hits, 1);
    EXPECT(iotlb_hits, 2);
    EXPECT(iotlb_misses, 2);
    EXPECT(true_pages, 1);
    EXPECT(atc_commands, 2); /* the start, the harvest */
    finish(&s);
}

/* An ATC of two ways: the least recently used goes. */
Test(by_hand, section_10_replacement)
{
    struct scenario s = ats_scenario("amd-v1", 3);
    s.cell.ats.entries = 2;
    read_page(&s, 0);
    read_page(&s, 1);
    read_page(&s, 0); /* hit */
    read_page(&s, 2); /* page 1 goes */
    read_page(&s, 0); /* hit */
    read_page(&s, 1); /* page 2 goes */
    run(&s);
    EXPECT(atc_hits, 2);
    EXPECT(atc_misses, 4);
    EXPECT(iotlb_hits, 1);
    s.cell.ats.entries = 0;
    run(&s);
    EXPECT(atc_hits, 0);
    EXPECT(atc_misses, 6);
    finish(&s);
}

/* ---- states of a RISC-V leaf, run on the reference model of its IOMMU by others ---- */

struct state {
    unsigned gade, writable, accessed, dirty, updates, then_updates;
    char request[16], outcome[8], then_write[8];
};

/* The leaf in that state, then the request; false: it cannot be (semantics.md 6: A=1, read-only leaves D=0, a
 * writable one D=1 while GADE is off). */
static bool state_scenario(const struct state *state, struct scenario *s)
{
    bool ats = strncmp(state->request, "ats", 3) == 0;

    if (!state->accessed || (!state->writable && state->dirty) ||
        (state->writable && !state->gade && !state->dirty))
        return false;
    *s = trace_scenario("riscv-g");
    s->cell.harvest.final = false;
    s->cell.ats.enabled = ats;
    s->cell.tracking.start_ns = state->gade ? 1 : 1000000;
    s->cell.tracking.clear_on_start = !state->dirty;
    map_pages(s, state->writable ? TRACE_MAP : TRACE_MAP_RO, 0, 1, 0);
    access_bytes(s,
                 ats ? (strcmp(state->request, "ats-ro") == 0 ? TRACE_TRANSLATE : TRACE_TRANSLATE_W)
                     : (strcmp(state->request, "read") == 0 ? TRACE_READ : TRACE_WRITE),
                 0, PAGE);
    return true;
}

/* The request, then a write with nothing invalidated in between. What an ATS request that sets D answers is a
 * quirk of that model, and walks are not compared. */
Test(by_hand, section_10_riscv_states)
{
    FILE *file = fopen(TEST_SOURCE_DIR "/tests/conformance/riscv_g_states.csv", "r");
    char line[256];
    unsigned compared = 0;

    cr_assert(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        struct state state;
        struct scenario s;
        unsigned after;
        if (sscanf(line, "%u,%u,%u,%u,%15[^,],%7[^,],%u,%u,%u,%7[^,],%u,%u,%u", &state.gade, &state.writable,
                   &state.accessed, &state.dirty, state.request, state.outcome, &after, &after,
                   &state.updates, state.then_write, &after, &after, &state.then_updates) != 13 ||
            !state_scenario(&state, &s))
            continue;
        run(&s);
        bool fault = strcmp(state.outcome, "fault") == 0, then_fault = strcmp(state.then_write, "fault") == 0;
        cr_expect(s.m.faults_permission == fault, "%s", line);
        cr_expect(s.m.dirty_updates + s.m.access_updates == state.updates, "%s", line);
        write_page(&s, 0);
        run(&s);
        cr_expect(s.m.faults_permission == (uint64_t)fault + then_fault, "%s", line);
        cr_expect(s.m.dirty_updates + s.m.access_updates == state.updates + state.then_updates, "%s", line);
        finish(&s);
        compared++;
    }
    fclose(file);
    cr_expect(compared == 5 * 4, "%u rows", compared);
}
