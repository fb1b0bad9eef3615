/* What a dump tells as one is alike, what it leaves out is absent, and it tells everything once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/engine/dump.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/state/leaves.h"
#include "sim/tracking/tracking.h"
#include "test_traces.h"

enum { RECORDS = 400, SEEDS = 12, ALIKE_LOOKED_AT = 40, NUMBERS = 4 };

extern const struct harvest_policy policy_records;
extern const struct mapping_source mapping_trace;
extern const struct tracking_method tracking_hardware;

/* Far more than a trace of this length touches. */
static struct config_region region = {
    .iova = UINT64_C(1) << 36, .bytes = UINT64_C(1) << 36, .address = 0x10000000};

/* ---- what is dumped ---- */

/* Accesses, maps and unmaps of a few pages to a few MiB, in and around what is mapped already. */
static char *random_trace(uint64_t seed)
{
    static const uint64_t bases[NUMBERS] = {0, UINT64_C(1) << 36, (UINT64_C(1) << 37) - 0x400000, 0x40000000};
    static const char *const ops[] = {"write", "read", "write", "read", "map", "map_ro", "unmap", "write"};
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    fputs("time_ns,device,op,iova,bytes,address\n", file);
    for (unsigned r = 0; r < RECORDS; r++) {
        uint64_t number = rng_next(&seed);
        const char *op = ops[number % 8];
        uint64_t page = number >> 8 & (number >> 62 ? 31 : 2047), most = number >> 60 & 1 ? 1024 : 32;
        uint64_t pages = op[0] == 'w' || op[0] == 'r' ? 1 : 1 + (number >> 32) % most;
        uint64_t iova = bases[number >> 3 & (NUMBERS - 1)] + (page << 12);
        uint64_t shift = number >> 50 & 1 ? 0x800000 : 0x3000;
        fprintf(file, "%u,%u,%s,0x%llx,%llu,0x%llx\n", r, (unsigned)(number >> 5 & 1), op,
                (unsigned long long)iova, (unsigned long long)(pages << 12),
                (unsigned long long)(iova + shift));
    }
    fclose(file);
    return text;
}

static struct cell_config make_config(const struct pt_format *format, uint64_t seed)
{
    struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096};
    config.domains = seed & 1 ? DOMAINS_PER_DEVICE : DOMAINS_SHARED;
    config.iommu.model = format;
    config.iommu.levels = format->levels_default;
    config.iommu.granule_bytes = 4096;
    config.iommu.address_bits = 48;
    config.iommu.dbm = seed & 2 ? DBM_STATIC : DBM_DYNAMIC;
    config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
    config.mapping.source = &mapping_trace;
    config.mapping.regions = &region;
    config.mapping.region_count = 1;
    config.mapping.page_sizes =
        seed & 4 ? 1 << 12 : ((UINT64_C(1) << 31) - 1) & format->geometry(&config).sizes;
    config.mapping.conflicts = CONFLICTS_COUNT;
    config.mapping.unmap_flush = seed & 1 ? UNMAP_NONE : UNMAP_DEFERRED;
    config.mapping.free_tables = seed & 2 ? FREE_EMPTY : FREE_COVERED;
    config.iotlb.entries = 64;
    config.iotlb.ways = seed & 8 ? 0 : 4;
    config.iotlb.replacement = seed & 4 ? REPLACEMENT_RANDOM : REPLACEMENT_LRU;
    config.walk_cache.entries = 4;
    config.ats.enabled = seed & 1;
    config.ats.entries = 16;
    config.ats.invalidate = seed & 2;
    config.tracking.method = &tracking_hardware;
    config.tracking.start_ns = RECORDS / 4;
    config.tracking.clear_on_start = true;
    config.harvest.policy = &policy_records;
    config.harvest.count = RECORDS / 6;
    config.harvest.flush = seed & 4 ? FLUSH_NONE : FLUSH_RANGE;
    config.harvest.granule_bytes = 4096;
    return config;
}

/* ---- what must hold ---- */

struct looking {
    const struct inspection *seen;
    struct leaves *leaves;
    uint32_t domain;
    struct dump_table table;
    uint64_t next; /* first slot of the table that was not told yet */
    uint64_t tables, leaf_count, next_address;
    uint64_t shown, cached, pointers, stale; /* caches */
    uint64_t atc_entries, atc_shown, atc_stale, atc_unseen;
    uint16_t device; /* of the last ATC entry */
    uint64_t folded_tables, absent;          /* so that the test can see that there were such */
};

static const struct tables *tables_of(const struct looking *looking)
{
    return looking->leaves->domains[looking->domain].tables;
}

static uint64_t slot_iova(const struct looking *looking, uint64_t slot)
{
    return looking->table.span.first + (slot << looking->table.entry_lg2);
}

/* Slots that were passed over map nothing and point nowhere. */
static void check_absent(struct looking *looking, uint64_t end)
{
    for (; looking->next < end && looking->table.count == 1; looking->next++) {
        uint64_t iova = slot_iova(looking, looking->next), slot = UINT64_C(1) << looking->table.entry_lg2;
        const struct leaf_run *run = tables_lower(tables_of(looking), iova);
        cr_assert(!run || run->span.first > iova + (slot - 1));
        cr_assert(looking->table.level == 0 ||
                  !tables_exists(tables_of(looking), looking->table.level - 1, iova));
    }
    looking->next = end;
}

static void end_table(struct looking *looking)
{
    if (looking->tables > 0)
        check_absent(looking, looking->table.entries);
}

static void look_at_table(void *context, const struct dump_table *table)
{
    struct looking *looking = context;
    end_table(looking);
    cr_assert(looking->next_address == 0 || table->address == looking->next_address);
    cr_assert(tables_exists(tables_of(looking), table->level, table->span.first));
    cr_assert(tables_exists(tables_of(looking), table->level, table->span.last));
    const struct pt_geometry *geometry = &looking->leaves->geometry;
    looking->next_address =
        table->address + (table->root ? geometry->root_bytes : table->count * geometry->table_bytes);
    looking->table = *table;
    looking->tables += table->count;
    looking->folded_tables += table->count > 1;
    looking->next = 0;
}

/* The entry at an IOVA, and the leaf that it says, are those of a leaf like the first one. */
static void check_leaf(const struct looking *looking, const struct dump_entry *entry, uint64_t iova,
                       uint64_t offset)
{
    const struct pt_format *format = looking->leaves->format;
    const struct pt_geometry *geometry = &looking->leaves->geometry;
    struct pt_leaf first, here;
    uint64_t image;
    cr_assert(leaves_entry(looking->leaves, looking->seen->cohort->tiles, looking->domain, iova, &image));
    cr_assert_eq(format->decode(geometry, entry->image, entry->level, &first), PT_LEAF);
    cr_assert_eq(format->decode(geometry, image, entry->level, &here), PT_LEAF);
    cr_assert_eq(here.lg2, entry->lg2);
    cr_assert_eq(first.output, entry->output);
    cr_assert_eq(here.output, (entry->output + offset) >> entry->lg2 << entry->lg2);
    cr_assert(here.writable == first.writable && here.dirty == first.dirty && here.dbm == first.dbm &&
              here.accessed == first.accessed);
    cr_assert(offset != 0 || image == entry->image);
}

static void look_at_leaves(struct looking *looking, const struct dump_entry *entry)
{
    uint64_t slot = UINT64_C(1) << looking->table.entry_lg2, last, image;
    const struct pt_geometry *geometry = &looking->leaves->geometry;
    cr_assert_eq(entry->entries, entry->count * entry->entries_each);
    for (uint64_t i = 0; i < entry->entries; i++)
        check_leaf(looking, entry, entry->span.first + i * slot, i * slot);
    last = entry->span.last & ~(slot - 1);
    cr_assert(leaves_entry(looking->leaves, looking->seen->cohort->tiles, looking->domain, last, &image));
    cr_assert_eq(image, entry->image_last);
    for (uint64_t n = 0; n < looking->table.count && looking->table.count > 1;
         n += 1 + looking->table.count / ALIKE_LOOKED_AT) {
        uint64_t offset = n << pt_entry_lg2(geometry, entry->level + 1);
        check_leaf(looking, entry, entry->span.first + offset, offset);
    }
    looking->leaf_count += entry->count * looking->table.count;
    cr_assert(entry->count == 1 || (entry->true_pages | entry->written_pages | entry->missed_pages) == 0);
}

static void look_at_entry(void *context, const struct dump_entry *entry)
{
    struct looking *looking = context;
    uint64_t slot = UINT64_C(1) << looking->table.entry_lg2;
    cr_assert_eq(entry->span.first, slot_iova(looking, entry->index));
    cr_assert_geq(entry->index, looking->next);
    check_absent(looking, entry->index);
    if (entry->kind == PT_LEAF) {
        look_at_leaves(looking, entry);
    } else if (entry->kind == PT_TABLE) {
        for (uint64_t i = 0; i < entry->count; i++)
            cr_assert(tables_exists(tables_of(looking), entry->level - 1, entry->span.first + i * slot));
        cr_assert_eq(
            looking->leaves->format->decode(&looking->leaves->geometry, entry->image, entry->level, NULL),
            PT_TABLE);
    } else {
        cr_assert_gt(entry->cached_count, 0);
        check_absent(looking, entry->index + entry->entries);
        looking->absent++;
    }
    looking->next = entry->index + entry->entries;
}

static void look_at_caches(void *context, const struct dump_totals *totals)
{
    struct looking *looking = context;
    end_table(looking);
    looking->cached = totals->cached;
    looking->pointers = totals->pointers;
    looking->atc_entries = totals->atc_entries;
}

static void look_at_cached(void *context, const struct dump_cached *cached)
{
    struct looking *looking = context;
    uint64_t image;
    struct pt_leaf leaf;
    looking->shown++;
    looking->stale += cached->stale;
    if (cached->stale)
        return;
    cr_assert(leaves_leaf(looking->leaves, looking->seen->cohort->tiles, looking->domain,
                          cached->key.span.first, &leaf));
    cr_assert(leaves_entry(looking->leaves, looking->seen->cohort->tiles, looking->domain,
                           cached->key.span.first, &image));
    cr_assert(leaf.lg2 == cached->key.lg2 && leaf.output == cached->output);
}

static void look_at_atc(void *context, const struct dump_atc *atc)
{
    struct looking *looking = context;
    struct pt_leaf leaf;
    cr_assert(looking->atc_shown == 0 || atc->device >= looking->device);
    looking->device = atc->device;
    looking->atc_shown++;
    looking->atc_stale += atc->stale;
    looking->atc_unseen += atc->unseen;
    bool mapped = leaves_leaf(looking->leaves, looking->seen->cohort->tiles, looking->domain,
                              atc->key.span.first, &leaf);
    cr_assert_eq(atc->stale, !mapped || leaf.lg2 != atc->key.lg2 || leaf.output != atc->output);
}

static void look_at_pointer(void *context, const struct dump_pointer *pointer)
{
    struct looking *looking = context;
    cr_assert_eq(pointer->stands, tables_exists(tables_of(looking), pointer->level - 1, pointer->span.first));
    cr_assert_eq(pointer->stands, pointer->address != 0);
}

struct sums {
    uint64_t folded_tables, absent, stale, atc_stale, atc_unseen;
};

static bool look(void *context, const struct inspection *seen, struct error *error)
{
    struct sums *sums = context;
    uint64_t shown = 0, all = 0, atc_shown = 0, atc_all = 0;
    for (uint32_t domain = 0; domain < seen->cohort->leaves.domain_count; domain++) {
        struct looking looking = {.seen = seen, .leaves = &seen->cohort->leaves, .domain = domain};
        struct dump_visitor visitor = {&looking,       look_at_table,  look_at_entry,
                                       look_at_caches, look_at_cached, look_at_atc, look_at_pointer};
        cr_assert(dump_domain(seen, domain, (struct span){0, UINT64_MAX}, &visitor, error));
        const struct tables_count *count = tables_count(seen->cohort->leaves.domains[domain].tables);
        cr_assert_eq(looking.tables, count->tables);
        cr_assert_eq(looking.leaf_count, count->leaves);
        shown += looking.shown;
        all = looking.cached;
        atc_shown += looking.atc_shown;
        atc_all = looking.atc_entries;
        sums->atc_stale += looking.atc_stale;
        sums->atc_unseen += looking.atc_unseen;
        sums->folded_tables += looking.folded_tables;
        sums->absent += looking.absent;
        sums->stale += looking.stale;
    }
    cr_assert_eq(shown, all);
    cr_assert_eq(atc_shown, atc_all);
    return true;
}

Test(dump, tells_everything_once, .fini = trace_test_clean)
{
    struct sums sums = {0};
    for (size_t f = 0; pt_formats[f]; f++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct cell_config config = make_config(pt_formats[f], seed);
            struct error error = {0};
            struct trace *trace;
            char *text = random_trace(seed);
            cr_assert(trace_open(trace_test_text(text), NULL, UINT64_MAX, &trace, &error), "%s", error.text);
            uint64_t times[] = {0, RECORDS / 3, INSPECT_END};
            for (unsigned t = 0; t < sizeof times / sizeof *times; t++) {
                cr_assert(trace_rewind(trace, &error));
                cr_assert(inspect_cell(trace, &config, times[t], look, &sums, &error), "%s", error.text);
            }
            trace_close(trace);
            free(text);
        }
    cr_assert(sums.folded_tables > 0 && sums.absent > 0 && sums.stale > 0);
    cr_assert(sums.atc_stale > 0 && sums.atc_unseen > 0);
}
