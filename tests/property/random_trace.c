/* Random traces. Addresses cluster round a few anchors, so that every cell maps some of what the trace
 * touches and every border (2 MiB, 1 GiB, the IOVA widths, 2^64) is met. Some traces map and unmap by a small
 * model of their own, reuse few addresses at several sizes, and go on writing to what they have just
 * unmapped. */
#include <stdlib.h>

#include "tests/property/random_draft.h"

enum {
    RECORDS_MAX = 2400,
    RECORDS_LONG = 9500, /* rarely: more than two full batches */
    BYTES_MAX = 6 << 20, /* per trace: bounds the requests at 128 bytes each */
    EXTENT_MAX = 6 << 20 /* mostly: bounds the leaves of 4 KiB */
};

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
                                       UINT64_C(1) << 40,
                                       UINT64_C(1) << 42,
                                       UINT64_C(1) << 47,
                                       UINT64_C(1) << 48,
                                       UINT64_C(1) << 51,
                                       UINT64_C(1) << 52,
                                       0,
                                       2 * MIB,
                                       UINT64_C(1) << 57,
                                       UINT64_C(1) << 59,
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

/* ---- maps and unmaps that know what is mapped ---- */

/* Sets what a trace with maps is like; its anchors lie where most cells can map. */
static void draw_map_style(struct draft *draft)
{
    static const uint64_t units[] = {4 * KIB, 4 * KIB,  4 * KIB,  4 * KIB,
                                     8 * KIB, 16 * KIB, 64 * KIB, 2 * MIB};
    uint64_t kind = below(draft, 100);
    uint64_t limit = kind < 60 ? 2 * GIB : kind < 90 ? 128 * GIB : UINT64_MAX / 2;

    draft->private_iovas = chance(draft, 35);
    draft->tidy = chance(draft, 60);
    draft->huge = chance(draft, 5);
    draft->unit = draft->huge ? 2 * MIB : units[below(draft, 8)];
    for (unsigned i = 0; i < draft->anchor_count; i++)
        draft->anchors[i] = draft->anchors[i] % limit / draft->unit * draft->unit;
}

static uint64_t draw_map_output(struct draft *draft, uint64_t iova, uint64_t bytes)
{
    uint64_t kind = below(draft, 100), address = iova;

    if (draft->huge)
        address = iova + below(draft, 3) * GIB;
    else if (kind < 25)
        address = iova + below(draft, 9) * 2 * MIB;
    else if (kind < 40)
        address = iova + below(draft, 3) * GIB;
    else if (kind < 55)
        address = iova + draft->unit * (1 + below(draft, 600)); /* another congruence: leaves stay small */
    else if (kind < 62)
        address = rng_next(&draft->rng) >> (18 + below(draft, 12));
    address = address / draft->unit * draft->unit;
    return address + bytes > UINT64_C(1) << 48 ? iova % GIB : address;
}

static struct extent draw_extent(struct draft *draft, uint16_t device)
{
    uint64_t anchor = draft->anchors[below(draft, draft->anchor_count)], unit = draft->unit;
    uint64_t kind = below(draft, 100);
    struct extent extent = {.device = device};

    if (draft->huge && chance(draft, 50)) {
        extent.bytes = chance(draft, 50) ? 512 * MIB : GIB;
        extent.iova = anchor / GIB * GIB + below(draft, 2) * 512 * MIB;
    } else if (kind < 45) {
        extent.bytes = (1 + below(draft, 1 + below(draft, 16))) * unit;
        extent.iova = anchor + below(draft, 32) * unit;
    } else if (kind < 70) {
        extent.bytes = (1 + below(draft, 2)) * 2 * MIB + (chance(draft, 50) ? 0 : below(draft, 3) * unit);
        extent.iova = anchor / (2 * MIB) * 2 * MIB + below(draft, 4) * 2 * MIB;
    } else if (kind < 90) { /* one leaf of an odd size */
        extent.bytes = UINT64_C(1) << (12 + below(draft, kind < 89 ? 10 : 14));
        extent.bytes = extent.bytes < unit ? unit : extent.bytes;
        extent.iova = anchor / extent.bytes * extent.bytes + below(draft, 4) * extent.bytes;
    } else { /* across a 2 MiB border */
        uint64_t border = anchor / (2 * MIB) * 2 * MIB + (1 + below(draft, 3)) * 2 * MIB;
        extent.bytes = (1 + below(draft, 12)) * unit;
        extent.iova = border - below(draft, 8) * unit % (border / unit * unit + unit);
    }
    if (!draft->huge && extent.bytes > EXTENT_MAX)
        extent.bytes = unit;
    if (draft->dead_count > 0 && chance(draft, 60)) {
        const struct extent *old = &draft->dead[below(draft, draft->dead_count)];
        extent.iova = old->iova;
        extent.device = old->device;
        if (chance(draft, 60))
            extent.bytes = old->bytes;
        if (chance(draft, 30)) {
            extent.address = old->address;
            return extent;
        }
    }
    extent.address = draw_map_output(draft, extent.iova, extent.bytes);
    return extent;
}

static bool is_free(const struct draft *draft, const struct extent *extent)
{
    for (unsigned i = 0; i < draft->live_count; i++)
        if ((!draft->private_iovas || draft->live[i].device == extent->device) &&
            draft->live[i].iova < extent->iova + extent->bytes &&
            extent->iova < draft->live[i].iova + draft->live[i].bytes)
            return false;
    return true;
}

static bool draw_map(struct draft *draft, uint64_t time_ns, uint16_t device)
{
    struct extent extent = draw_extent(draft, device);
    unsigned live_max = draft->unit > 16 * KIB ? LIVE_MAX / 4 : LIVE_MAX;
    bool lawful = draft->live_count < live_max && is_free(draft, &extent);

    if (draft->live_count >= live_max || (!lawful && (draft->tidy || chance(draft, 60))))
        return false;
    experiment_add_map(draft->store, chance(draft, 20) ? TRACE_MAP_RO : TRACE_MAP, time_ns, extent.device,
                       extent.iova, extent.bytes, extent.address);
    if (extent.iova + extent.bytes - 1 > draft->last_mapped)
        draft->last_mapped = extent.iova + extent.bytes - 1;
    if (extent.address + extent.bytes - 1 > draft->last_output)
        draft->last_output = extent.address + extent.bytes - 1;
    if (lawful)
        draft->live[draft->live_count++] = extent;
    return true;
}

static void bury(struct draft *draft, unsigned index)
{
    for (unsigned i = DEAD_MAX - 1; i > 0; i--)
        draft->dead[i] = draft->dead[i - 1];
    draft->dead[0] = draft->live[index];
    draft->dead_count += draft->dead_count < DEAD_MAX;
    draft->live[index] = draft->live[--draft->live_count];
}

/* A whole extent, a run of touching ones, a part of one, or more than one. */
static bool draw_unmap(struct draft *draft, uint64_t time_ns)
{
    if (draft->live_count == 0)
        return false;
    unsigned index = (unsigned)below(draft, draft->live_count);
    struct extent extent = draft->live[index];

    bury(draft, index);
    for (unsigned i = 0; i < draft->live_count && chance(draft, 60); i++)
        if (draft->live[i].device == extent.device && draft->live[i].iova == extent.iova + extent.bytes) {
            extent.bytes += draft->live[i].bytes;
            bury(draft, i);
            i = 0;
        }
    if (!draft->tidy && chance(draft, 35)) {
        uint64_t units = extent.bytes / draft->unit, skipped = below(draft, units);
        extent.iova += skipped * draft->unit;
        extent.bytes = (1 + below(draft, units - skipped)) * draft->unit;
    } else if (!draft->tidy && chance(draft, 25)) {
        uint64_t block = chance(draft, 80) ? 2 * MIB : GIB;
        extent.iova = extent.iova / block * block;
        extent.bytes = (extent.bytes / block + 1) * block;
    }
    experiment_add_record(draft->store, TRACE_UNMAP, time_ns, extent.device, extent.iova, extent.bytes);
    return true;
}

/* A record that stops every cell that follows the trace, or nearly every. */
static void draw_poison(struct draft *draft, uint64_t time_ns, uint16_t device)
{
    switch (below(draft, 4)) {
    case 0:
        experiment_add_map(draft->store, TRACE_MAP, time_ns, device, 60 * MIB, draft->unit,
                           UINT64_C(1) << 52);
        break;
    case 1:
        experiment_add_map(draft->store, TRACE_MAP, time_ns, device, 60 * MIB, draft->unit,
                           UINT64_C(1) << 48);
        break;
    case 2:
        experiment_add_map(draft->store, TRACE_MAP_RO, time_ns, device,
                           UINT64_C(1) << (32 + below(draft, 26)), draft->unit, 0);
        break;
    default:
        experiment_add_record(draft->store, TRACE_UNMAP, time_ns, device, 4 * KIB, 12 * KIB);
        break;
    }
}

/* Where a trace with maps reads and writes: what is mapped, or was until a moment ago. */
static uint64_t draw_mapped_address(struct draft *draft, uint16_t *device)
{
    const struct extent *extent = NULL;

    if (draft->dead_count > 0 && chance(draft, 25))
        extent = &draft->dead[chance(draft, 70) ? 0 : below(draft, draft->dead_count)];
    else if (draft->live_count > 0 && !chance(draft, 8))
        extent = &draft->live[below(draft, draft->live_count)];
    if (extent == NULL)
        return draw_address(draft);
    if (!chance(draft, 10))
        *device = extent->device;
    uint64_t pages = extent->bytes / (4 * KIB), page = below(draft, pages < 9 ? pages : 9);
    if (chance(draft, 25))
        page = below(draft, pages);
    return extent->iova + page * 4 * KIB + (chance(draft, 50) ? 0 : below(draft, 4 * KIB));
}

/* ---- the whole ---- */

/* What the records of one trace are like. */
struct habit {
    unsigned write_percent, mark_percent, map_percent, stray_percent;
    uint64_t left; /* bytes */
};

static void draw_access(struct draft *draft, struct habit *habit, uint64_t time_ns, uint16_t device)
{
    static const enum trace_op stray[] = {TRACE_MAP, TRACE_MAP_RO, TRACE_UNMAP, TRACE_TRANSLATE,
                                          TRACE_TRANSLATE_W};
    enum trace_op op = chance(draft, habit->write_percent) ? TRACE_WRITE : TRACE_READ;
    uint64_t iova = draft->maps ? draw_mapped_address(draft, &device) : draw_address(draft);
    uint64_t bytes = draw_bytes(draft);

    if (chance(draft, habit->stray_percent))
        op = stray[draft->maps ? 3 + below(draft, 2) : below(draft, 5)];
    if (op == TRACE_MAP || op == TRACE_MAP_RO || op == TRACE_UNMAP) {
        iova &= ~(4 * KIB - 1);
        bytes = (bytes + 4 * KIB - 1) & ~(4 * KIB - 1);
    } else {
        bytes = bytes > habit->left ? 1 + habit->left / 2 : bytes;
        habit->left -= bytes < habit->left ? bytes : habit->left;
    }
    /* iova + bytes may reach 2^64 and must not pass it. */
    if (iova != 0 && bytes - 1 > UINT64_MAX - iova)
        bytes = UINT64_MAX - iova + 1;
    experiment_add_record(draft->store, op, time_ns, device, iova, bytes);
}

static void draw_records(struct draft *draft, struct habit *habit, uint64_t count)
{
    uint64_t time_ns = below(draft, 3) == 0 ? rng_next(&draft->rng) >> 1 : below(draft, 1000);
    uint64_t step_max = UINT64_C(1) << below(draft, 20);
    uint64_t poisoned = draft->maps && chance(draft, 6) ? below(draft, count + 1) : UINT64_MAX;
    unsigned burst_percent = (unsigned)below(draft, 90), stranger_percent = chance(draft, 15) ? 4 : 0;
    uint64_t devices = 1 + below(draft, 5);

    for (uint64_t i = 0; i < count; i++) {
        uint16_t device = (uint16_t)(chance(draft, stranger_percent) ? below(draft, TRACE_DEVICES)
                                                                     : 256 * below(draft, devices));
        if (i > 0 && !chance(draft, burst_percent))
            time_ns += chance(draft, 2) ? 50 * step_max : 1 + below(draft, step_max);
        if (i == poisoned)
            draw_poison(draft, time_ns, device);
        else if (chance(draft, habit->mark_percent))
            experiment_add_record(draft->store, TRACE_MARK, time_ns, device, 0, below(draft, 3));
        else if (!chance(draft, habit->map_percent) ||
                 !(chance(draft, 55) ? draw_map(draft, time_ns, device) : draw_unmap(draft, time_ns)))
            draw_access(draft, habit, time_ns, device);
    }
}

static void count_devices(struct draft *draft)
{
    bool *seen = calloc(TRACE_DEVICES, sizeof(*seen));

    if (seen == NULL)
        abort();
    for (size_t i = 0; i < draft->store->count; i++)
        if (draft->store->op[i] != TRACE_MARK && !seen[draft->store->device[i]]) {
            seen[draft->store->device[i]] = true;
            draft->device_count++;
        }
    free(seen);
}

void random_trace_draw(struct draft *draft)
{
    struct habit habit = {.left = BYTES_MAX, .stray_percent = 4};

    draw_anchors(draft);
    draft->maps = chance(draft, 50);
    if (draft->maps) {
        draw_map_style(draft);
        habit.map_percent = 4 + (unsigned)below(draft, chance(draft, 10) ? 90 : 40);
    }
    uint64_t count = below(draft, draft->maps ? RECORDS_MAX / 2 : RECORDS_MAX + 1);
    habit.write_percent = chance(draft, 15) ? 100 : 20 + (unsigned)below(draft, 60);
    habit.mark_percent = chance(draft, 30) ? 2 : 0;
    if (chance(draft, 2))
        habit.mark_percent = 100;
    if (chance(draft, 10))
        count = below(draft, 12);
    else if (chance(draft, 2))
        count = below(draft, RECORDS_LONG);
    draw_records(draft, &habit, count);
    random_translates_draw(draft);
    count_devices(draft);
}
