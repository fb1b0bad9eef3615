/* Tables are real memory images (semantics.md 3): the entries that the ledger makes on demand equal entries
 * kept one by one and changed by the format's own hardware and software steps. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/engine/group.h"
#include "sim/policy/policy.h"
#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

enum { LEAVES_MAX = 8192, RECORDS = 600, HARVEST_RECORDS = 150, START_NS = 200, STOP_NS = 500 };

extern const struct harvest_policy policy_records;
extern const struct tracking_method tracking_hardware;

/* 16 MiB with a few 4 KiB leaves at either end when larger leaves are allowed. */
static const struct config_region region = {.iova = 0x401fd000, .bytes = 0x1006000, .address = 0x1401fd000};

struct images {
    const struct cell_config *config;
    struct pt_geometry geometry;
    const struct layout *layout;
    size_t count;
    uint64_t iova[LEAVES_MAX], entry[LEAVES_MAX];
};

static bool per_entry(const struct images *images)
{
    return images->config->iommu.model->control == PT_CONTROL_ENTRY;
}

static uint64_t written_by_software(const struct images *images, uint64_t iova, bool dbm, bool dirty)
{
    const struct leaf_run *run = layout_find(images->layout, iova);
    struct pt_leaf leaf = {.output = iova + run->shift,
                           .level = run->level,
                           .readable = true,
                           .writable = true,
                           .dbm = dbm,
                           .dirty = dirty,
                           .accessed = per_entry(images)};
    return images->config->iommu.model->leaf_entry(&images->geometry, &leaf);
}

static void map_all(struct images *images)
{
    bool dbm = per_entry(images) && images->config->iommu.dbm == DBM_STATIC;
    for (uint64_t at = region.iova; at < region.iova + region.bytes;) {
        const struct leaf_run *run = layout_find(images->layout, at);
        cr_assert(run && images->count < LEAVES_MAX);
        images->iova[images->count] = at;
        images->entry[images->count++] = written_by_software(images, at, dbm, dbm);
        at += UINT64_C(1) << run->leaf_lg2;
    }
}

static size_t find(const struct images *images, uint64_t iova)
{
    size_t i = 0;
    while (i + 1 < images->count && images->iova[i + 1] <= iova)
        i++;
    return i;
}

static void walk_dbm(struct images *images, bool on)
{
    if (per_entry(images) && images->config->iommu.dbm == DBM_DYNAMIC)
        for (size_t i = 0; i < images->count; i++)
            images->entry[i] = written_by_software(images, images->iova[i], on, !on);
}

static void clean_dirty(struct images *images)
{
    const struct pt_format *format = images->config->iommu.model;
    for (size_t i = 0; i < images->count; i++)
        if (format->is_dirty(images->entry[i]))
            images->entry[i] = format->clean(images->entry[i]);
}

static void compare(const struct images *images, const struct group *group, size_t record)
{
    for (size_t i = 0; i < images->count; i++) {
        uint64_t entry;
        cr_assert(ledger_leaf_entry(&group->ledger, images->iova[i], &entry));
        cr_assert_eq(entry, images->entry[i], "%s dbm %d record %zu leaf 0x%llx: 0x%llx, kept 0x%llx",
                     images->config->iommu.model->name, images->config->iommu.dbm, record,
                     (unsigned long long)images->iova[i], (unsigned long long)entry,
                     (unsigned long long)images->entry[i]);
    }
    uint64_t none;
    cr_assert_not(ledger_leaf_entry(&group->ledger, region.iova - 1, &none));
}

static struct pt_switches switches(const struct images *images, bool tracking)
{
    bool on = !per_entry(images) ? tracking
                                 : images->config->iommu.dbm == DBM_STATIC ||
                                       (images->config->iommu.dbm == DBM_DYNAMIC && tracking);
    return (struct pt_switches){.accessed = on, .dirty = on};
}

/* One request at a time, record r at time r. */
static void replay(const struct cell_config *config)
{
    static struct images images;
    static struct requests piece;
    struct error error = {0};
    struct pass_result result = {0};
    struct group *group = memory_zeroed(1, sizeof *group, &error);
    cr_assert(group && group_init(group, config, &region, 1, 1, 0, RECORDS - 1, &error) &&
              group_join(group, config, &result, false, &error));
    images = (struct images){
        .config = config, .geometry = group->ledger.layout.geometry, .layout = &group->ledger.layout};
    map_all(&images);
    struct request_cursor cursor = {.max_payload_bytes = 4096};
    uint64_t rng = 7;
    bool tracking = false;
    size_t since_start = 0;
    for (size_t r = 0; r < RECORDS; r++) {
        uint64_t time_ns = r, bytes = 64, iova = region.iova + rng_next(&rng) % (region.bytes / 64) * 64;
        uint16_t device = 0;
        uint8_t op = rng_next(&rng) % 3 == 0 ? TRACE_WRITE : TRACE_READ;
        struct trace_batch batch = {1, r, &time_ns, &iova, &bytes, &iova, &device, &op};
        if (r == START_NS) {
            clean_dirty(&images);
            walk_dbm(&images, true);
            tracking = true;
        } else if (r == STOP_NS) {
            clean_dirty(&images); /* the final harvest */
            walk_dbm(&images, false);
            tracking = false;
        }
        cr_assert(requests_split(&cursor, &batch, 1, &piece, &error));
        cr_assert(group_step(group, &piece, &error), "%s", error.text);
        cr_assert_not(requests_split(&cursor, &batch, 1, &piece, &error));
        cr_assert_eq(config->iommu.model->access(&images.entry[find(&images, iova)],
                                                 switches(&images, tracking), op == TRACE_WRITE),
                     PT_ALLOWED);
        if (tracking && ++since_start % HARVEST_RECORDS == 0)
            clean_dirty(&images);
        if (r % 50 == 0 || r == START_NS || r == STOP_NS)
            compare(&images, group, r);
    }
    cr_assert_gt(group->ledger.dirty_updates + (config->iommu.dbm == DBM_OFF), 0);
    tile_index_free(&cursor.tiles);
    group_free(group);
    memory_free(group);
}

Test(entry_images, equal_entries_kept_one_by_one)
{
    for (size_t f = 0; pt_formats[f]; f++)
        for (enum dbm dbm = DBM_STATIC; dbm <= DBM_OFF; dbm++)
            for (unsigned sizes = 1; sizes <= 2; sizes++) {
                bool arm = pt_formats[f]->control == PT_CONTROL_ENTRY;
                if (!arm && dbm != DBM_STATIC)
                    continue;
                struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096};
                config.iommu.model = pt_formats[f];
                config.iommu.levels = arm ? 0 : 4;
                config.iommu.granule_bytes = 4096;
                config.iommu.dbm = dbm;
                config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
                config.mapping.page_sizes_lg2[0] = 12;
                config.mapping.page_sizes_lg2[1] = 21;
                config.mapping.page_size_count = sizes;
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
                replay(&config);
            }
}
