/* Tables are real memory images (semantics.md 3): the entries that leaves make on demand equal entries kept
 * one by one and changed by the format's own hardware and software steps, while leaves come and go. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/engine/cohort.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

enum { RECORDS = 600, HARVEST_RECORDS = 150, START_NS = 200, STOP_NS = 500, COMPARE_RECORDS = 50 };

extern const struct harvest_policy policy_records;
extern const struct mapping_source mapping_trace;
extern const struct tracking_method tracking_hardware;

/* 16 MiB with a few 4 KiB leaves at either end when larger leaves are allowed. */
static const struct config_region region = {.iova = 0x401fd000, .bytes = 0x1006000, .address = 0x1401fd000};
enum { PAGES = 0x1006, CHANGED_BYTES = 0x800000 };

/* The middle of the region is unmapped, mapped read-only to an output that allows no leaf above 64 KiB,
 * unmapped again, and mapped read-write: once before the start, once while tracking, once after the stop. */
static const uint64_t changed = 0x40800000, other_address = 0x1c0010000;

/* Entry images by page of the region: those of a leaf's entries at the first pages that they cover. */
struct images {
    const struct cell_config *config;
    struct pt_geometry geometry;
    uint64_t entry[PAGES];
    uint8_t lg2[PAGES]; /* of the leaf; 0: nothing is mapped */
    enum phase phase;
    uint64_t refused[2]; /* requests that found nothing, or were not permitted */
};

static size_t page_of(uint64_t iova)
{
    return (size_t)((iova - region.iova) >> PAGE_LG2);
}

static struct pt_leaf leaf_from(const struct images *images, size_t page, uint64_t shift, uint8_t bits)
{
    uint64_t iova = region.iova + ((uint64_t)page << PAGE_LG2);
    return (struct pt_leaf){.output = iova + shift,
                            .lg2 = images->lg2[page],
                            .readable = true,
                            .writable = (bits & LEAF_WRITABLE) != 0,
                            .dbm = (bits & LEAF_MANAGED) != 0,
                            .dirty = (bits & LEAF_DIRTY) != 0,
                            .accessed = (bits & LEAF_ACCESSED) != 0};
}

/* Pages that each entry of a leaf covers. */
static size_t entry_pages(const struct images *images, unsigned lg2)
{
    return (size_t)1 << (lg2 - pt_leaf_entries_lg2(&images->geometry, lg2) - PAGE_LG2);
}

/* Software writes the entries of leaves as the tables chose them. */
static void map(struct images *images, uint64_t iova, uint64_t bytes, const struct tables *tables,
                bool writable)
{
    uint8_t bits = images->config->iommu.model->born(images->config, true, images->phase, writable, true);
    for (uint64_t at = iova; at < iova + bytes;) {
        const struct leaf_run *run = tables_find(tables, at);
        cr_assert_not_null(run);
        size_t page = page_of(at), step = entry_pages(images, run->lg2);
        images->lg2[page] = run->lg2;
        struct pt_leaf leaf = leaf_from(images, page, run->shift, bits);
        for (size_t i = 0; i < (size_t)1 << (run->lg2 - PAGE_LG2); i++) {
            images->lg2[page + i] = run->lg2;
            if (i % step == 0)
                images->entry[page + i] =
                    images->config->iommu.model->leaf_entry(&images->geometry, &leaf, (unsigned)(i / step));
        }
        at += UINT64_C(1) << run->lg2;
    }
}

static void unmap(struct images *images, uint64_t iova, uint64_t bytes)
{
    memset(images->lg2 + page_of(iova), 0, bytes >> PAGE_LG2);
}

/* First page of the leaf that maps a page. */
static size_t first_page(const struct images *images, size_t page)
{
    uint64_t iova = region.iova + ((uint64_t)page << PAGE_LG2);
    return page_of(iova >> images->lg2[page] << images->lg2[page]);
}

/* The dynamic DBM walk rewrites every writable leaf. */
static void walk_dbm(struct images *images, bool on)
{
    const struct pt_format *format = images->config->iommu.model;
    if (!format->walks_entries(images->config))
        return;
    for (size_t page = 0; page < PAGES; page++) {
        struct pt_leaf leaf;
        unsigned level = images->lg2[page] ? pt_leaf_level(&images->geometry, images->lg2[page]) : 0;
        if (images->lg2[page] == 0 || first_page(images, page) != page)
            continue;
        cr_assert_eq(format->decode(&images->geometry, images->entry[page], level, &leaf), PT_LEAF);
        cr_assert_eq(leaf.lg2, images->lg2[page]);
        if (!leaf.writable)
            continue;
        leaf.dbm = on;
        leaf.dirty = false;
        size_t step = entry_pages(images, leaf.lg2);
        for (size_t i = 0; i < (size_t)1 << (leaf.lg2 - PAGE_LG2); i += step)
            images->entry[page + i] = format->leaf_entry(&images->geometry, &leaf, (unsigned)(i / step));
    }
}

static void clean_dirty(struct images *images)
{
    const struct pt_format *format = images->config->iommu.model;
    for (size_t page = 0; page < PAGES; page++)
        if (images->lg2[page] != 0 &&
            (page - first_page(images, page)) % entry_pages(images, images->lg2[page]) == 0 &&
            format->is_dirty(images->entry[page]))
            images->entry[page] = format->clean(images->entry[page]);
}

static void compare(const struct images *images, struct cohort *cohort, size_t record)
{
    for (size_t page = 0; page < PAGES; page++) {
        uint64_t iova = region.iova + ((uint64_t)page << PAGE_LG2), entry;
        bool mapped = leaves_entry(&cohort->leaves, cohort->tiles, 0, iova, &entry);
        cr_assert_eq(mapped, images->lg2[page] != 0, "record %zu page 0x%llx", record,
                     (unsigned long long)iova);
        if (!mapped)
            continue;
        size_t first = first_page(images, page);
        size_t kept = first + (page - first) / entry_pages(images, images->lg2[page]) *
                                  entry_pages(images, images->lg2[page]);
        cr_assert_eq(entry, images->entry[kept], "%s dbm %d record %zu page 0x%llx: 0x%llx, kept 0x%llx",
                     images->config->iommu.model->name, images->config->iommu.dbm, record,
                     (unsigned long long)iova, (unsigned long long)entry,
                     (unsigned long long)images->entry[kept]);
    }
    uint64_t none;
    cr_assert_not(leaves_entry(&cohort->leaves, cohort->tiles, 0, region.iova - 1, &none));
}

/* One access in every entry of its leaf: hardware keeps one dirty state for all of them (semantics.md 1). */
static void access_leaf(struct images *images, uint64_t iova, bool write)
{
    const struct pt_format *format = images->config->iommu.model;
    struct pt_switches switches = format->switches(images->config, true, images->phase);
    size_t page = page_of(iova);
    if (images->lg2[page] == 0) {
        images->refused[0]++;
        return;
    }
    size_t first = first_page(images, page), step = entry_pages(images, images->lg2[page]);
    enum pt_outcome outcome = PT_ALLOWED;
    for (size_t i = 0; i < (size_t)1 << (images->lg2[page] - PAGE_LG2); i += step)
        outcome = format->access(&images->entry[first + i], switches, write);
    images->refused[1] += outcome == PT_FAULT_PERMISSION;
    cr_assert(outcome == PT_ALLOWED || outcome == PT_FAULT_PERMISSION);
}

struct step {
    uint64_t iova, bytes, address;
    enum trace_op op;
};

static struct step choose_step(size_t r, uint64_t *rng)
{
    static const struct {
        size_t record;
        enum trace_op op;
    } changes[] = {{50, TRACE_UNMAP},  {80, TRACE_MAP_RO},  {110, TRACE_UNMAP}, {130, TRACE_MAP},
                   {260, TRACE_UNMAP}, {290, TRACE_MAP_RO}, {330, TRACE_UNMAP}, {340, TRACE_MAP},
                   {520, TRACE_UNMAP}, {530, TRACE_MAP_RO}, {550, TRACE_UNMAP}, {560, TRACE_MAP}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (changes[i].record == r)
            return (struct step){changed, CHANGED_BYTES, other_address, changes[i].op};
    uint64_t iova = region.iova + rng_next(rng) % (region.bytes / 64) * 64;
    return (struct step){iova, 64, 0, rng_next(rng) % 3 == 0 ? TRACE_WRITE : TRACE_READ};
}

static void apply(struct images *images, const struct cohort *cohort, const struct step *step)
{
    if (step->op <= TRACE_READ)
        access_leaf(images, step->iova, step->op == TRACE_WRITE);
    else if (step->op == TRACE_UNMAP)
        unmap(images, step->iova, step->bytes);
    else
        map(images, step->iova, step->bytes, cohort->leaves.domains[0].tables, step->op == TRACE_MAP);
}

/* One record at a time, record r at time r. */
static void replay(const struct cell_config *config, bool one_by_one)
{
    static struct images images;
    static struct requests piece;
    struct error error = {0};
    struct pass_result result = {0};
    struct config_region call = region;
    struct map_calls calls = {&call, 1};
    struct cohort_trace trace = {1, 1, 0, RECORDS - 1};
    struct request_cursor cursor = {.max_payload_bytes = 4096};
    struct cohort *cohort = memory_zeroed(1, sizeof *cohort, &error);
    cr_assert(cohort && tile_index_init(&cursor.tiles, 1, &error) &&
              cohort_init(cohort, config, &calls, 1, &trace, one_by_one, &cursor.tiles, &error) &&
              cohort_join(cohort, config, &result, false, &error));
    images = (struct images){.config = config, .geometry = cohort->leaves.geometry};
    map(&images, region.iova, region.bytes, cohort->leaves.domains[0].tables, true);
    uint64_t rng = 7;
    for (size_t r = 0; r < RECORDS; r++) {
        uint64_t time_ns = r;
        uint16_t device = 0;
        struct step step = choose_step(r, &rng);
        uint8_t op = (uint8_t)step.op;
        struct trace_batch batch = {1, r, &time_ns, &step.iova, &step.bytes, &step.address, &device, &op};
        if (r == START_NS || r == STOP_NS) {
            bool on = r == START_NS;
            if (!on || !config->iommu.model->walks_entries(config))
                clean_dirty(&images); /* the clear at start, the final harvest */
            walk_dbm(&images, on);
            images.phase = on ? PHASE_TRACKING : PHASE_AFTER;
        }
        cr_assert(requests_split(&cursor, &batch, 1, &piece, &error));
        cr_assert(cohort_step(cohort, &piece, &error), "%s", error.text);
        cr_assert_not(requests_split(&cursor, &batch, 1, &piece, &error));
        apply(&images, cohort, &step);
        if (images.phase == PHASE_TRACKING && (r + 1 - START_NS) % HARVEST_RECORDS == 0)
            clean_dirty(&images);
        if (r % COMPARE_RECORDS == 0 || r == START_NS || r == STOP_NS || step.op > TRACE_READ)
            compare(&images, cohort, r);
    }
    cr_assert_gt(cohort->leaves.dirty_updates + (config->iommu.dbm == DBM_OFF), 0);
    cr_assert_eq(cohort->cells[0]->metrics.faults_translation, images.refused[0]);
    cr_assert_eq(cohort->cells[0]->metrics.faults_permission, images.refused[1]);
    cr_assert_gt(images.refused[1], 0);
    tile_index_free(&cursor.tiles);
    cohort_free(cohort);
    memory_free(cohort);
}

static struct cell_config make_config(const struct pt_format *format, enum dbm dbm, uint64_t sizes)
{
    struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096};
    config.iommu.model = format;
    config.iommu.levels = format->levels_default;
    config.iommu.granule_bytes = 4096;
    config.iommu.address_bits = 48;
    config.iommu.dbm = dbm;
    config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
    config.mapping.source = &mapping_trace;
    config.mapping.page_sizes = sizes;
    config.iotlb.entries = 16;
    config.iotlb.ways = 4;
    config.walk_cache.entries = 4;
    config.tracking.method = &tracking_hardware;
    config.tracking.start_ns = START_NS;
    config.tracking.has_stop = true;
    config.tracking.stop_ns = STOP_NS;
    config.tracking.clear_on_start = true;
    config.harvest.policy = &policy_records;
    config.harvest.count = HARVEST_RECORDS;
    config.harvest.flush = FLUSH_RANGE;
    config.harvest.granule_bytes = 4096;
    config.harvest.final = true;
    return config;
}

/* Pages, two plain sizes, and every size below 1 GiB: contiguous groups, replicas and NAPOT too. */
Test(entry_images, equal_entries_kept_one_by_one)
{
    static const uint64_t choices[] = {UINT64_C(1) << 12, UINT64_C(1) << 12 | UINT64_C(1) << 21,
                                       (UINT64_C(1) << 30) - 1};
    for (size_t f = 0; pt_formats[f]; f++)
        for (enum dbm dbm = DBM_STATIC; dbm <= DBM_OFF; dbm++)
            for (size_t s = 0; s < sizeof choices / sizeof *choices; s++) {
                struct cell_config config = make_config(pt_formats[f], dbm, choices[s]);
                if (dbm != DBM_STATIC && !config_vendor_is(&config, "smmu"))
                    continue;
                config.mapping.page_sizes &= pt_formats[f]->geometry(&config).sizes;
                replay(&config, false);
                replay(&config, true);
            }
}
