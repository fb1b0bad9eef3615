/* Random cells over a random trace: every key, biased to small caches and to what hurts. */
#include <stdlib.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "tests/property/random_draft.h"

enum {
    PAGES_MAX = 1 << 19, /* mapped per cell */
    PAGE_HARVESTS_MAX = 3000000,
    WINDOWS_MAX = 400, /* per harvest */
    REDRAWS_MAX = 30
};

/* ---- the model and its leaf sizes ---- */

static unsigned width_of(const struct cell_config *cell)
{
    const char *model = cell->iommu.model->name;

    if (strncmp(model, "smmu", 4) == 0)
        return cell->iommu.address_bits;
    if (strcmp(model, "riscv-g") == 0)
        return 14 + 9 * cell->iommu.levels;
    return cell->iommu.levels == 6 ? 64 : 12 + 9 * cell->iommu.levels;
}

static bool is_short_of_outputs(const struct cell_config *cell)
{
    return strncmp(cell->iommu.model->name, "smmu", 4) == 0 && cell->iommu.granule_bytes < 64 * KIB;
}

uint64_t experiment_sizes(const struct cell_config *cell, bool plain_only)
{
    const char *model = cell->iommu.model->name;
    uint64_t granule = cell->iommu.granule_bytes, plain, more = 0;

#define SIZE(lg2) (UINT64_C(1) << (lg2))
    plain = SIZE(12) | SIZE(21) | SIZE(30);
    if (strcmp(model, "amd-v1") == 0) {
        unsigned root_lg2 = 12 + 9 * cell->iommu.levels;
        unsigned largest = root_lg2 - 1 < 51 ? root_lg2 - 1 : 51;
        more = ((SIZE(largest + 1) - 1) & ~(SIZE(12) - 1)) & ~SIZE(39);
    } else if (strcmp(model, "riscv-g") == 0) {
        more = SIZE(16);
    } else if (strncmp(model, "smmu", 4) == 0) {
        plain = granule == 4 * KIB ? plain : granule == 16 * KIB ? SIZE(14) | SIZE(25) : SIZE(16) | SIZE(29);
        more = granule == 4 * KIB    ? SIZE(16) | SIZE(25) | SIZE(34)
               : granule == 16 * KIB ? SIZE(21) | SIZE(30)
                                     : SIZE(21) | SIZE(34);
        more &= SIZE(cell->iommu.address_bits) - 1;
    }
#undef SIZE
    return plain_only ? plain : plain | more;
}

unsigned experiment_lowest(uint64_t sizes)
{
    unsigned lg2 = 0;
    while ((sizes >> lg2 & 1) == 0)
        lg2++;
    return lg2;
}

static unsigned highest(uint64_t sizes)
{
    unsigned lg2 = 63;
    while ((sizes >> lg2 & 1) == 0)
        lg2--;
    return lg2;
}

/* Small sizes mostly; 512 MiB and more are slow to follow page by page. */
static uint64_t draw_sizes(struct draft *draft, const struct cell_config *cell)
{
    uint64_t lawful = experiment_sizes(cell, false), sizes = 0;
    unsigned wanted = 1 + (unsigned)below(draft, 4);

    if (chance(draft, 35))
        lawful = experiment_sizes(cell, true);
    if (chance(draft, 75))
        sizes = UINT64_C(1) << experiment_lowest(lawful);
    for (unsigned i = 0; i < 12 * wanted; i++) {
        unsigned lg2 = 12 + (unsigned)below(draft, 23);
        bool big = lg2 >= 29 && !draft->huge;
        if ((lawful >> lg2 & 1) != 0 && (!big || chance(draft, 3)) && chance(draft, 40))
            sizes |= UINT64_C(1) << lg2;
        if (sizes != 0 && chance(draft, 6))
            break;
    }
    return sizes != 0 ? sizes : UINT64_C(1) << experiment_lowest(lawful);
}

static void draw_model(struct draft *draft, struct cell_config *cell)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1", "smmu-s2", "riscv-g"};
    static const uint64_t granules[] = {4 * KIB, 4 * KIB, 16 * KIB, 64 * KIB};
    static const unsigned widths[] = {32, 36, 40, 42, 44, 48};
    uint64_t model = below(draft, 5);

    *cell = experiment_cell(models[model]);
    if (model == 0)
        cell->iommu.levels = 3 + (unsigned)below(draft, 4);
    if (model == 1 || model == 4)
        cell->iommu.levels = 3 + (unsigned)below(draft, 3);
    if (model == 2 || model == 3) {
        cell->iommu.granule_bytes = granules[below(draft, 4)];
        if (chance(draft, 60))
            cell->iommu.address_bits = widths[below(draft, 6)];
    }
    cell->iommu.dbm = (enum dbm)(chance(draft, 50) ? DBM_STATIC : chance(draft, 80) ? DBM_DYNAMIC : DBM_OFF);
    cell->iommu.ha = !chance(draft, 5);
    cell->iommu.hd = !chance(draft, 5);
    cell->iommu.ril = chance(draft, 60);
    cell->iommu.ril_cut = chance(draft, 50) ? RIL_LOOP : RIL_PAIR;
    cell->iommu.pde = chance(draft, 50) ? PDE_FREED : PDE_ALWAYS;
    cell->iommu.mamv = chance(draft, 50) ? 18 : (unsigned)below(draft, 53);
    cell->mapping.page_sizes = draw_sizes(draft, cell);
}

/* Can the cell follow what the trace maps? */
static bool follows(const struct draft *draft, const struct cell_config *cell)
{
    if (UINT64_C(1) << experiment_lowest(cell->mapping.page_sizes) > draft->unit)
        return false;
    if (draft->huge && (cell->mapping.page_sizes >> 20 & 0x3f) == 0)
        return false; /* as many leaves of 4 KiB as 1 GiB has pages would be slow to follow */
    if (width_of(cell) < 64 && draft->last_mapped >> width_of(cell) != 0)
        return false;
    return draft->last_output >> (is_short_of_outputs(cell) ? 48 : 52) == 0;
}

/* ---- the mapping ---- */

static uint64_t draw_output(struct draft *draft, const struct cell_config *cell, uint64_t iova,
                            uint64_t bytes, uint64_t unit)
{
    uint64_t limit = UINT64_C(1) << (is_short_of_outputs(cell) ? 48 : 52), output = iova;

    switch (below(draft, 4)) {
    case 0:
        output = iova + unit * (1 + below(draft, 600)); /* another congruence: leaves stay small */
        break;
    case 1:
        output = (rng_next(&draft->rng) >> 13) / unit * unit;
        break;
    case 2:
        output = iova + 2 * MIB * below(draft, 9);
        output = output / unit * unit;
        break;
    default:
        break;
    }
    if (output >= limit || bytes > limit - output)
        output = (iova % GIB) / unit * unit;
    return output;
}

/* Runs of leaves, holes and touching regions round each anchor. Returns the pages mapped. */
static uint64_t draw_regions(struct draft *draft, struct cell_config *cell, uint64_t budget)
{
    uint64_t unit = UINT64_C(1) << experiment_lowest(cell->mapping.page_sizes);
    uint64_t last_address = width_of(cell) == 64 ? UINT64_MAX : (UINT64_C(1) << width_of(cell)) - 1;
    uint64_t next = 0, pages = 0;
    bool full = false; /* the last region ended at the end of a 64-bit space */

    for (unsigned a = 0; a < draft->anchor_count; a++) {
        uint64_t iova = draft->anchors[a] / unit * unit;
        uint64_t parts = 1 + below(draft, 4);
        for (uint64_t p = 0; p < parts && !full; p++) {
            unsigned lg2 = 12 + (unsigned)below(draft, 24);
            bool listed = (cell->mapping.page_sizes >> lg2 & 1) != 0;
            uint64_t bytes = (1 + below(draft, 1 + below(draft, listed ? 300 : 1000))) * unit;
            uint64_t large = listed ? UINT64_C(1) << lg2 : UINT64_C(1) << highest(cell->mapping.page_sizes);
            if (large > unit && chance(draft, 60))
                bytes = large * (1 + below(draft, 3)) + below(draft, 5) * unit;
            if (large > unit && p == 0 && chance(draft, 60))
                iova = iova / large * large - below(draft, 4) % (iova / large * large / unit + 1) * unit;
            if (bytes / (4 * KIB) > budget)
                bytes = unit;
            if (iova < next)
                iova = next;
            if (iova > last_address || bytes - 1 > last_address - iova ||
                (pages > 0 && pages + bytes / (4 * KIB) > budget))
                break;
            experiment_add_region(cell, iova, bytes, draw_output(draft, cell, iova, bytes, unit));
            pages += bytes / (4 * KIB);
            next = iova + bytes;
            full = next == 0;
            iova = next + (chance(draft, 40) ? 0 : (1 + below(draft, 5)) * unit);
        }
    }
    if (cell->mapping.region_count == 0) {
        experiment_add_region(cell, 0, unit, 0);
        pages = unit / (4 * KIB);
    }
    return pages;
}

/* Pages that `touched` would map, at most. */
static uint64_t touched_pages(const struct draft *draft, uint64_t extent, uint64_t records)
{
    uint64_t seen[256], count = 0;

    for (size_t i = 0; i < draft->store->count && i < records; i++) {
        if (draft->store->op[i] > TRACE_READ)
            continue;
        uint64_t first = draft->store->iova[i] / extent;
        uint64_t last = (draft->store->iova[i] + (draft->store->bytes[i] - 1)) / extent;
        for (uint64_t block = first; block <= last; block++) {
            uint64_t j = 0;
            while (j < count && j < 256 && seen[j] != block)
                j++;
            if (j < 256 && j == count)
                seen[j] = block;
            count += j == count || j == 256;
        }
    }
    return count * (extent / (4 * KIB));
}

static uint64_t draw_static(struct draft *draft, struct cell_config *cell, uint64_t budget)
{
    uint64_t unit = UINT64_C(1) << experiment_lowest(cell->mapping.page_sizes);

    if (!chance(draft, 30))
        return draw_regions(draft, cell, budget);
    uint64_t extent = unit << below(draft, 10);
    if (chance(draft, 15))
        extent = unit * (1 + below(draft, 40));
    while (extent > unit && touched_pages(draft, extent, cell->limit_records) > budget)
        extent = extent / 2 / unit * unit;
    uint64_t pages = touched_pages(draft, extent, cell->limit_records);
    if (pages > budget)
        return draw_regions(draft, cell, budget);
    experiment_set_source(cell, "touched");
    cell->mapping.extent_bytes = extent;
    return pages;
}

/* Returns a bound of the pages mapped at any time, over all domains. */
static uint64_t draw_mapping(struct draft *draft, struct cell_config *cell)
{
    uint64_t domains =
        cell->domains == DOMAINS_PER_DEVICE && draft->device_count > 0 ? draft->device_count : 1;
    uint64_t budget = (chance(draft, 4) ? PAGES_MAX : 12000) / domains + 1;

    cell->mapping.unmap_flush = (enum unmap_flush)below(draft, 3);
    cell->mapping.free_tables = chance(draft, 60) ? FREE_COVERED : FREE_EMPTY;
    cell->mapping.conflicts = chance(draft, draft->tidy ? 30 : 92) ? CONFLICTS_COUNT : CONFLICTS_ERROR;
    if (!chance(draft, draft->maps ? 88 : 4) || (draft->huge && !follows(draft, cell)))
        return draw_static(draft, cell, budget) * domains;
    experiment_set_source(cell, "trace");
    uint64_t followed = draft->huge ? PAGES_MAX : draft->unit > 16 * KIB ? 24000 : 3000;
    if (!chance(draft, cell->mapping.conflicts == CONFLICTS_COUNT ? 20 : 2))
        return followed;
    uint64_t pages = draw_regions(draft, cell, budget < 3000 ? budget : 3000);
    return followed + pages * domains;
}

/* ---- caches, times, harvests ---- */

static void draw_caches(struct draft *draft, struct cell_config *cell)
{
    static const uint64_t ways[] = {1, 1, 2, 2, 4, 8, 16, 32, 3, 5, 6, 12, 20};
    cell->iotlb.replacement = (enum replacement)below(draft, 4);
    uint64_t sets = UINT64_C(1) << below(draft, chance(draft, 5) ? 9 : 4);
    uint64_t chosen = ways[below(draft, cell->iotlb.replacement == REPLACEMENT_PLRU ? 8 : 13)];
    cell->iotlb.entries = sets * chosen;
    cell->iotlb.ways = chosen;
    if (chance(draft, 30)) {
        cell->iotlb.ways = 0;
        if (cell->iotlb.replacement == REPLACEMENT_PLRU)
            cell->iotlb.entries = UINT64_C(1) << below(draft, 7);
        else
            cell->iotlb.entries = 1 + below(draft, chance(draft, 3) ? 4000 : 40);
    }
    if (chance(draft, 6))
        cell->iotlb.entries = 0;
    if (chance(draft, 3)) {
        cell->iotlb.entries = 1024;
        cell->iotlb.ways = 8;
    }

    cell->walk_cache.ways = 1 + below(draft, 4);
    cell->walk_cache.entries = cell->walk_cache.ways << below(draft, 4);
    if (chance(draft, 40)) {
        cell->walk_cache.ways = 0;
        cell->walk_cache.entries = 1 + below(draft, 32);
    }
    if (chance(draft, 20))
        cell->walk_cache.entries = 0;
    cell->seed = chance(draft, 50) ? 1 : rng_next(&draft->rng);
}

static void draw_times(struct draft *draft, struct cell_config *cell, uint64_t pages)
{
    static const char *const policies[] = {"periodic", "periodic", "records", "marks", "none"};
    const struct trace_store *store = draft->store;
    uint64_t records = store->count < cell->limit_records ? store->count : cell->limit_records;
    uint64_t span = records > 0 ? store->time_ns[records - 1] - store->time_ns[0] : 0;
    uint64_t harvests = PAGE_HARVESTS_MAX / (pages + 1);
    draft->often = chance(draft, 4);
    uint64_t most = draft->often ? 900 : 40;
    harvests = harvests < 1 ? 1 : harvests > most ? most : harvests;

    experiment_set_policy(cell, policies[below(draft, 5)]);
    if (harvests < 30 && strcmp(cell->harvest.policy->name, "marks") == 0)
        experiment_set_policy(cell, "periodic");
    harvests = 1 + below(draft, harvests);
    cell->harvest.interval_ns = span / harvests + (chance(draft, 50) ? 1 : 1 + below(draft, 50));
    cell->harvest.count = records / harvests + 1;

    uint64_t start = 0;
    if (chance(draft, 40) && records > 0)
        start = store->time_ns[below(draft, records)] - store->time_ns[0] + below(draft, 2);
    else if (chance(draft, 5))
        start = span + 1 + below(draft, 1000);
    else if (chance(draft, 1))
        start = UINT64_MAX - below(draft, 100);
    cell->tracking.start_ns = start;
    if (chance(draft, 40) && start < UINT64_MAX / 2) {
        cell->tracking.has_stop = true;
        cell->tracking.stop_ns = start + 1 + below(draft, span + 1);
        if (chance(draft, 30))
            cell->tracking.stop_ns = start + cell->harvest.interval_ns * (1 + below(draft, 3));
    }
    cell->tracking.clear_on_start = chance(draft, 70);
    cell->harvest.final = chance(draft, 80);
}

static int compare_addresses(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void draw_ranges(struct draft *draft, struct cell_config *cell)
{
    uint64_t points[24];
    unsigned count = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t point = draft->anchors[below(draft, draft->anchor_count)] / (4 * KIB) * 4 * KIB;
        if (cell->mapping.region_count > 0 && chance(draft, 80)) {
            const struct config_region *region =
                &cell->mapping.regions[below(draft, cell->mapping.region_count)];
            point = region->iova + (chance(draft, 50) ? region->bytes : 0);
        }
        if (chance(draft, 60))
            point += 4 * KIB * (below(draft, 1200) - 600); /* may wrap */
        points[count++] = point;
        if (chance(draft, 10))
            points[count++] = UINT64_C(1) << (30 + below(draft, 30));
    }
    if (chance(draft, 20))
        points[count++] = 0;
    qsort(points, count, sizeof(*points), compare_addresses);
    for (unsigned i = 0; i + 1 < count; i++)
        if (points[i] < points[i + 1] && chance(draft, 60))
            experiment_add_range(cell, points[i], points[i + 1] - points[i]);
}

static void draw_harvest(struct draft *draft, struct cell_config *cell, uint64_t pages)
{
    cell->harvest.flush = chance(draft, 20) ? FLUSH_NONE : (enum flush_mode)below(draft, 5);
    cell->harvest.no_clear = chance(draft, 12);
    cell->harvest.before_unmap = chance(draft, 40);
    if (chance(draft, 30))
        cell->harvest.granule_bytes = (4 * KIB) << below(draft, 19);
    if (chance(draft, 30))
        draw_ranges(draft, cell);
    if (!chance(draft, 40) || (draft->often && pages > 500))
        return;
    uint64_t span = pages * 4 * KIB;
    if (cell->tracking.ranges != NULL) {
        span = 0;
        for (size_t i = 0; i < cell->tracking.range_count; i++)
            span += cell->tracking.ranges[i].bytes / 2; /* halves: the sum stays below 2^64 */
        span = span > UINT64_MAX / 2 ? span : span * 2;
    } else if (strcmp(cell->mapping.source->name, "trace") == 0) {
        span = 256 * MIB;
    }
    if (draft->huge && span < 16 * GIB)
        span = 16 * GIB;
    uint64_t chunk = 4 * KIB * (1 + below(draft, 40));
    if (chance(draft, 40))
        chunk = (4 * KIB) << below(draft, 19);
    while (span / chunk > WINDOWS_MAX)
        chunk *= 2;
    cell->harvest.chunk_bytes = chunk;
}

static void draw_costs(struct draft *draft, struct cell_config *cell)
{
#define DRAW(name)                                                                                           \
    if (chance(draft, 20))                                                                                   \
        cell->cost.name##_ps = below(draft, 3) == 0 ? below(draft, 1500) : below(draft, 3000000);
    COST_KEYS(DRAW)
#undef DRAW
}

void random_cell_draw(struct draft *draft, struct cell_config *cell, uint64_t limit_records)
{
    static const char *const methods[] = {"all", "exact", "none"};
    bool must_follow = draft->maps && !chance(draft, 4);

    for (unsigned i = 0; i < REDRAWS_MAX; i++) {
        draw_model(draft, cell);
        if (!must_follow || follows(draft, cell))
            break;
    }
    cell->limit_records = limit_records;
    cell->max_payload_bytes = UINT64_C(1) << (chance(draft, 70) ? 12 : 7 + below(draft, 6));
    if (chance(draft, draft->device_count > 8 ? 2 : draft->private_iovas ? 85 : 35))
        cell->domains = DOMAINS_PER_DEVICE;
    if (chance(draft, 20))
        experiment_set_method(cell, methods[below(draft, 3)]);
    uint64_t pages = draw_mapping(draft, cell);
    draw_caches(draft, cell);
    draw_times(draft, cell, pages);
    draw_harvest(draft, cell, pages);
    draw_costs(draft, cell);
    const struct trace_store *store = draft->store;
    uint64_t records = store->count < limit_records ? store->count : limit_records;
    random_features_draw(draft, cell, pages, records > 0 ? store->time_ns[records - 1] - store->time_ns[0] : 0);
}
