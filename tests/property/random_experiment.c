/* Random experiments. Addresses cluster round a few anchors, so that every cell maps some of what the trace
 * touches and every border (2 MiB, 1 GiB, the IOVA widths, 2^64) is met. */
#include "tests/property/random_experiment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/policy/policy.h"

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

enum {
    ANCHORS_MAX = 5,
    WILD_MAX = 4,
    RECORDS_MAX = 3000,
    RECORDS_LONG = 9500, /* rarely: more than two full batches */
    BYTES_MAX = 6 << 20, /* per trace: bounds the requests at 128 bytes each */
    PAGES_MAX = 1 << 20, /* mapped per cell */
    PAGE_HARVESTS_MAX = 12000000,
    WINDOWS_MAX = 1500 /* per harvest */
};

/* What the parts of one experiment share. */
struct draft {
    uint64_t rng;
    uint64_t anchors[ANCHORS_MAX]; /* ascending */
    unsigned anchor_count;
    uint64_t wild[WILD_MAX]; /* stray addresses, any of 64 bits */
    const struct trace_store *store;
    bool often; /* the cell being drawn harvests very often */
};

static uint64_t below(struct draft *draft, uint64_t limit)
{
    return rng_next(&draft->rng) % limit;
}

static bool chance(struct draft *draft, unsigned percent)
{
    return below(draft, 100) < percent;
}

/* ---- the trace ---- */

static int compare_addresses(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void draw_anchors(struct draft *draft)
{
    static const uint64_t borders[] = {0,
                                       0,
                                       0,
                                       2 * MIB,
                                       64 * MIB,
                                       GIB,
                                       GIB,
                                       3 * GIB,
                                       4 * GIB,
                                       4 * GIB,
                                       8 * GIB,
                                       512 * GIB,
                                       UINT64_C(1) << 47,
                                       UINT64_C(1) << 48,
                                       UINT64_C(1) << 51,
                                       0,
                                       2 * MIB,
                                       UINT64_C(1) << 57,
                                       UINT64_C(1) << 63};
    draft->anchor_count = 1 + (unsigned)below(draft, 1 + below(draft, ANCHORS_MAX));
    for (unsigned i = 0; i < draft->anchor_count; i++) {
        uint64_t border = borders[below(draft, sizeof(borders) / sizeof(*borders))];
        uint64_t shift = below(draft, 4) * 2 * MIB + below(draft, 40) * 4 * KIB;
        if (chance(draft, 30))
            draft->anchors[i] = below(draft, 256) * 16 * MIB + shift;
        else
            draft->anchors[i] = chance(draft, 50) ? border + shift : border - shift; /* may wrap */
    }
    qsort(draft->anchors, draft->anchor_count, sizeof(*draft->anchors), compare_addresses);
    for (unsigned i = 0; i < WILD_MAX; i++)
        draft->wild[i] = rng_next(&draft->rng) >> below(draft, 40);
}

static uint64_t draw_address(struct draft *draft)
{
    uint64_t anchor = draft->anchors[below(draft, draft->anchor_count)];
    uint64_t kind = below(draft, 100), page = 0;

    if (kind < 55) { /* few hot pages */
        uint64_t r = below(draft, 64);
        page = r * r / 64;
    } else if (kind < 75) {
        page = below(draft, 700);
    } else if (kind < 88) { /* round the 2 MiB borders */
        anchor = (anchor & ~(2 * MIB - 1)) + below(draft, 4) * 2 * MIB;
        page = below(draft, 4) - 2;
    } else if (kind < 93) {
        page = below(draft, 3) * 512 * 16 + below(draft, 64);
    } else if (kind < 97) {
        page = ~below(draft, 16); /* -1 ... -16 */
    } else if (kind < 99) {
        return draft->wild[below(draft, WILD_MAX)] + below(draft, 8 * KIB);
    } else {
        return UINT64_MAX - below(draft, 16 * KIB);
    }
    return anchor + page * 4 * KIB + (chance(draft, 50) ? 0 : below(draft, 4 * KIB));
}

static uint64_t draw_bytes(struct draft *draft)
{
    uint64_t kind = below(draft, 100);

    if (kind < 40)
        return 1 + below(draft, 512);
    if (kind < 65)
        return 4 * KIB;
    if (kind < 85)
        return 1 + below(draft, 16 * KIB);
    if (kind < 98)
        return 1 + below(draft, 96 * KIB);
    return 1 + below(draft, 3 * MIB);
}

static enum trace_op draw_op(struct draft *draft, unsigned write_percent, unsigned mark_percent)
{
    static const enum trace_op ignored[] = {TRACE_MAP, TRACE_MAP_RO, TRACE_UNMAP, TRACE_TRANSLATE,
                                            TRACE_TRANSLATE_W};
    if (chance(draft, mark_percent))
        return TRACE_MARK;
    if (chance(draft, 4))
        return ignored[below(draft, 5)];
    return chance(draft, write_percent) ? TRACE_WRITE : TRACE_READ;
}

static void draw_trace(struct draft *draft, struct trace_store *store)
{
    uint64_t count = below(draft, RECORDS_MAX + 1);
    uint64_t time_ns = below(draft, 3) == 0 ? rng_next(&draft->rng) >> 1 : below(draft, 1000);
    uint64_t step_max = UINT64_C(1) << below(draft, 20), left = BYTES_MAX;
    unsigned write_percent = chance(draft, 15) ? 100 : 20 + (unsigned)below(draft, 60);
    unsigned mark_percent = chance(draft, 30) ? 2 : 0;
    unsigned burst_percent = (unsigned)below(draft, 90);
    uint64_t devices = 1 + below(draft, 5);

    if (chance(draft, 2))
        mark_percent = 100;
    if (chance(draft, 10))
        count = below(draft, 12);
    else if (chance(draft, 3))
        count = below(draft, RECORDS_LONG);
    for (uint64_t i = 0; i < count; i++) {
        enum trace_op op = draw_op(draft, write_percent, mark_percent);
        uint64_t iova = draw_address(draft), bytes = draw_bytes(draft);
        uint16_t device =
            (uint16_t)(chance(draft, 5) ? below(draft, TRACE_DEVICES) : 256 * below(draft, devices));
        if (i > 0 && !chance(draft, burst_percent))
            time_ns += chance(draft, 2) ? 50 * step_max : 1 + below(draft, step_max);
        if (op == TRACE_MARK) {
            experiment_add_record(store, op, time_ns, device, 0, below(draft, 3));
            continue;
        }
        if (op == TRACE_MAP || op == TRACE_MAP_RO || op == TRACE_UNMAP) {
            iova &= ~(4 * KIB - 1);
            bytes = (bytes + 4 * KIB - 1) & ~(4 * KIB - 1);
        } else {
            bytes = bytes > left ? 1 + left / 2 : bytes;
            left -= bytes < left ? bytes : left;
        }
        /* iova + bytes may reach 2^64 and must not pass it. */
        if (iova != 0 && bytes - 1 > UINT64_MAX - iova)
            bytes = UINT64_MAX - iova + 1;
        experiment_add_record(store, op, time_ns, device, iova, bytes);
    }
}

/* ---- one cell ---- */

static unsigned width_of(const struct cell_config *cell)
{
    if (cell->iommu.levels == 0)
        return 48;
    return cell->iommu.levels == 6 ? 64 : 12 + 9 * cell->iommu.levels;
}

static void draw_model(struct draft *draft, struct cell_config *cell)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1", "smmu-s2"};
    static const uint64_t granules[] = {4 * KIB, 4 * KIB, 16 * KIB, 64 * KIB};
    static const uint8_t plain_lg2[][3] = {{12, 21, 30}, {14, 25, 0}, {16, 29, 0}};
    uint64_t model = below(draft, 4);

    *cell = experiment_cell(models[model]);
    if (model == 0)
        cell->iommu.levels = 3 + (unsigned)below(draft, 4);
    if (model == 1)
        cell->iommu.levels = 3 + (unsigned)below(draft, 3);
    if (model >= 2)
        cell->iommu.granule_bytes = granules[below(draft, 4)];
    cell->iommu.dbm = (enum dbm)(chance(draft, 50) ? DBM_STATIC : chance(draft, 80) ? DBM_DYNAMIC : DBM_OFF);
    cell->iommu.ha = !chance(draft, 5);
    cell->iommu.hd = !chance(draft, 5);
    cell->iommu.ril = chance(draft, 60);
    cell->iommu.mamv = chance(draft, 50) ? 18 : (unsigned)below(draft, 53);

    unsigned row = cell->iommu.granule_bytes == 4 * KIB ? 0 : cell->iommu.granule_bytes == 16 * KIB ? 1 : 2;
    cell->mapping.page_size_count = 0;
    uint64_t subset = 1 + below(draft, 7);
    for (unsigned i = 0; i < 3; i++) {
        bool big = plain_lg2[row][i] >= 29; /* 512 MiB and 1 GiB leaves are slow to follow page by page */
        if (plain_lg2[row][i] != 0 && (subset >> i & 1) != 0 && (!big || chance(draft, 12)))
            cell->mapping.page_sizes_lg2[cell->mapping.page_size_count++] = plain_lg2[row][i];
    }
    if (cell->mapping.page_size_count == 0)
        cell->mapping.page_sizes_lg2[cell->mapping.page_size_count++] = plain_lg2[row][0];
}

static uint64_t draw_output(struct draft *draft, uint64_t iova, uint64_t bytes, uint64_t unit)
{
    uint64_t limit = UINT64_C(1) << 52, output = iova;

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

/* Runs of leaves, holes and touching regions round each anchor. */
static uint64_t draw_regions(struct draft *draft, struct cell_config *cell)
{
    uint64_t unit = UINT64_C(1) << cell->mapping.page_sizes_lg2[0];
    uint64_t biggest = UINT64_C(1) << cell->mapping.page_sizes_lg2[cell->mapping.page_size_count - 1];
    uint64_t last_address = width_of(cell) == 64 ? UINT64_MAX : (UINT64_C(1) << width_of(cell)) - 1;
    uint64_t next = 0, pages = 0, budget = chance(draft, 8) ? PAGES_MAX : 40000;
    bool full = false; /* the last region ended at the end of a 64-bit space */

    for (unsigned a = 0; a < draft->anchor_count; a++) {
        uint64_t iova = draft->anchors[a] / unit * unit;
        if (biggest > unit && chance(draft, 60))
            iova = iova / biggest * biggest - below(draft, 4) % (iova / unit + 1) * unit;
        uint64_t parts = 1 + below(draft, 4);
        for (uint64_t p = 0; p < parts && !full; p++) {
            uint64_t bytes = (1 + below(draft, 1 + below(draft, biggest > unit ? 300 : 1200))) * unit;
            if (biggest > unit && chance(draft, 60))
                bytes = biggest * (1 + below(draft, 3)) + below(draft, 5) * unit;
            if (bytes / (4 * KIB) > PAGES_MAX)
                bytes = unit;
            if (iova < next)
                iova = next;
            if (iova > last_address || bytes - 1 > last_address - iova ||
                (pages > 0 && pages + bytes / (4 * KIB) > budget))
                break;
            experiment_add_region(cell, iova, bytes, draw_output(draft, iova, bytes, unit));
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

static uint64_t draw_mapping(struct draft *draft, struct cell_config *cell)
{
    uint64_t unit = UINT64_C(1) << cell->mapping.page_sizes_lg2[0];

    if (!chance(draft, 25))
        return draw_regions(draft, cell);
    uint64_t extent = unit << below(draft, 10);
    if (chance(draft, 15))
        extent = unit * (1 + below(draft, 40));
    while (extent > unit && touched_pages(draft, extent, cell->limit_records) > PAGES_MAX / 4)
        extent = extent / 2 / unit * unit;
    uint64_t pages = touched_pages(draft, extent, cell->limit_records);
    if (pages > PAGES_MAX)
        return draw_regions(draft, cell);
    experiment_set_source(cell, "touched");
    cell->mapping.extent_bytes = extent;
    return pages;
}

static void draw_caches(struct draft *draft, struct cell_config *cell)
{
    static const uint64_t ways[] = {1, 1, 2, 2, 4, 8, 16, 32, 3, 5, 6, 12, 20};
    cell->iotlb.replacement = (enum replacement)below(draft, 4);
    uint64_t sets = UINT64_C(1) << below(draft, chance(draft, 10) ? 10 : 5);
    uint64_t chosen = ways[below(draft, cell->iotlb.replacement == REPLACEMENT_PLRU ? 8 : 13)];
    cell->iotlb.entries = sets * chosen;
    cell->iotlb.ways = chosen;
    if (chance(draft, 30)) {
        cell->iotlb.ways = 0;
        if (cell->iotlb.replacement == REPLACEMENT_PLRU)
            cell->iotlb.entries = UINT64_C(1) << below(draft, 7);
        else
            cell->iotlb.entries = 1 + below(draft, chance(draft, 10) ? 1500 : 70);
    }
    if (chance(draft, 8))
        cell->iotlb.entries = 0;
    if (chance(draft, 4)) {
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
    draft->often = chance(draft, 8);
    uint64_t most = draft->often ? 1200 : 60;
    harvests = harvests < 1 ? 1 : harvests > most ? most : harvests;

    experiment_set_policy(cell, policies[below(draft, 5)]);
    if (harvests < 40 && strcmp(cell->harvest.policy->name, "marks") == 0)
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
    cell->tracking.clear_on_start = chance(draft, 75);
    cell->harvest.final = chance(draft, 80);
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
    }
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

static void draw_cell(struct draft *draft, struct cell_config *cell, uint64_t limit_records)
{
    static const char *const methods[] = {"all", "exact", "none"};

    draw_model(draft, cell);
    cell->limit_records = limit_records;
    cell->max_payload_bytes = UINT64_C(1) << (chance(draft, 50) ? 12 : 7 + below(draft, 6));
    if (chance(draft, 20))
        experiment_set_method(cell, methods[below(draft, 3)]);
    uint64_t pages = draw_mapping(draft, cell);
    draw_caches(draft, cell);
    draw_times(draft, cell, pages);
    draw_harvest(draft, cell, pages);
    draw_costs(draft, cell);
}

void random_experiment_make(struct random_experiment *experiment, uint64_t seed)
{
    static const size_t batches[] = {1, 7, TRACE_BATCH_RECORDS};
    struct draft draft = {.rng = seed * UINT64_C(0x2545F4914F6CDD1D) + 1};

    *experiment = (struct random_experiment){.seed = seed};
    draw_anchors(&draft);
    draw_trace(&draft, &experiment->store);
    draft.store = &experiment->store;
    experiment->batch_records = batches[below(&draft, 3)];
    experiment->threads = 1 + (unsigned)below(&draft, 2);
    experiment->cell_count = 1 + below(&draft, RANDOM_EXPERIMENT_CELLS_MAX);

    /* A store holds what limits.records lets through, as a trace opened with that limit would give. */
    uint64_t limit = chance(&draft, 15) ? 1 + below(&draft, experiment->store.count + 50) : UINT64_MAX;
    if (limit < experiment->store.count)
        experiment->store.count = (size_t)limit;
    for (size_t i = 0; i < experiment->cell_count; i++)
        draw_cell(&draft, &experiment->cells[i], limit);
}

void random_experiment_free(struct random_experiment *experiment)
{
    for (size_t i = 0; i < experiment->cell_count; i++)
        experiment_cell_free(&experiment->cells[i]);
    trace_store_free(&experiment->store);
}
