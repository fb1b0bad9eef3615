/* Section 3 of semantics.md, and the bits of section 6, leaf by leaf. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference.h"
#include "tests/reference/reference_machine.h"

#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"

bool reference_is_arm(const struct reference_machine *machine)
{
    return machine->model == REFERENCE_SMMU_S1 || machine->model == REFERENCE_SMMU_S2;
}

/* "Index bits per level: 9; ARM 16K: 11, 64K: 13. IOVA width: 12 + 9*levels (amd at 6 levels: 64), ARM 48."
 */
static struct reference_geometry geometry_of(const struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;
    struct reference_geometry geometry = {.table_bytes = 512 * 8};

    if (!reference_is_arm(machine)) {
        geometry.levels = config->iommu.levels;
        geometry.granule_lg2 = 12;
        geometry.index_bits = 9;
        geometry.iova_bits = 12 + 9 * geometry.levels;
        if (machine->model == REFERENCE_AMD_V1 && geometry.levels == 6)
            geometry.iova_bits = 64;
    } else if (config->iommu.granule_bytes == 4096) {
        geometry = (struct reference_geometry){.levels = 4, .granule_lg2 = 12, .index_bits = 9};
    } else if (config->iommu.granule_bytes == 16384) {
        geometry = (struct reference_geometry){.levels = 4, .granule_lg2 = 14, .index_bits = 11};
    } else {
        geometry = (struct reference_geometry){.levels = 3, .granule_lg2 = 16, .index_bits = 13};
    }
    if (reference_is_arm(machine)) {
        geometry.iova_bits = 48;
        geometry.table_bytes = config->iommu.granule_bytes;
    }
    geometry.entries_per_table = geometry.table_bytes / 8;
    return geometry;
}

bool reference_in_width(const struct reference_geometry *geometry, uint64_t address)
{
    return geometry->iova_bits >= 64 || address >> geometry->iova_bits == 0;
}

bool reference_overlap(struct reference_range a, struct reference_range b)
{
    return a.first <= b.last && b.first <= a.last;
}

struct reference_range reference_leaf_range(const struct reference_leaf *leaf)
{
    return (struct reference_range){leaf->iova, leaf->iova + ((UINT64_C(1) << leaf->lg2) - 1)};
}

static void *grown(void *array, size_t count, size_t item_bytes)
{
    /* Doubles at every power of two. */
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *bigger = realloc(array, (count == 0 ? 1 : 2 * count) * item_bytes);
    if (bigger == NULL)
        abort();
    return bigger;
}

static void add_leaf(struct reference_machine *machine, uint64_t iova, uint64_t output, unsigned lg2)
{
    const struct cell_config *config = machine->config;
    struct reference_leaf leaf = {
        .iova = iova,
        .output = output,
        .lg2 = lg2,
        .level = (lg2 - machine->geometry.granule_lg2) / machine->geometry.index_bits,
        .first_page = machine->page_count,
        .page_count = (size_t)((UINT64_C(1) << lg2) / REFERENCE_PAGE_BYTES),
    };

    /* Born: amd and intel with A=0 and D=0. ARM static: DBM=1 and writable, which is dirty; dynamic (tracking
     * is off now), off, and every method but hardware: DBM=0, writable. */
    leaf.write_permission = true;
    leaf.dbm =
        reference_is_arm(machine) && machine->method == REFERENCE_HARDWARE && config->iommu.dbm == DBM_STATIC;

    machine->leaves = grown(machine->leaves, machine->leaf_count, sizeof(leaf));
    machine->leaves[machine->leaf_count] = leaf;
    for (size_t i = 0; i < leaf.page_count; i++) {
        machine->pages = grown(machine->pages, machine->page_count, sizeof(struct reference_page));
        machine->pages[machine->page_count++] =
            (struct reference_page){.iova = iova + i * REFERENCE_PAGE_BYTES, .leaf = machine->leaf_count};
    }
    machine->metrics.leaves_mapped++;
    if (reference_dirty(machine, &leaf))
        machine->metrics.born_dirty_leaves++;
    machine->leaf_count++;
}

/* "walks up: at each point take the largest listed size s with iova mod s = 0, address mod s = 0 and s <=
 * what remains" */
static bool map_call(struct reference_machine *machine, uint64_t iova, uint64_t bytes, uint64_t address,
                     char *why, size_t why_bytes)
{
    const struct cell_config *config = machine->config;

    while (bytes > 0) {
        unsigned best = 0;
        for (unsigned i = 0; i < config->mapping.page_size_count; i++) {
            unsigned lg2 = config->mapping.page_sizes_lg2[i];
            uint64_t size = UINT64_C(1) << lg2;
            if (iova % size == 0 && address % size == 0 && size <= bytes && lg2 > best)
                best = lg2;
        }
        if (best == 0) {
            snprintf(why, why_bytes, "no listed size fits at iova %#llx", (unsigned long long)iova);
            return false;
        }
        if (machine->leaf_count >= REFERENCE_LEAVES_MAX ||
            machine->page_count + ((size_t)1 << (best - 12)) > REFERENCE_PAGES_MAX) {
            snprintf(why, why_bytes, "too many leaves or pages for the reference");
            return false;
        }
        add_leaf(machine, iova, address, best);
        iova += UINT64_C(1) << best;
        address += UINT64_C(1) << best;
        bytes -= UINT64_C(1) << best;
    }
    return true;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* The first address that is beyond the IOVA width or, as an output address, beyond 2^52. */
static uint64_t touched_limit(const struct reference_machine *machine)
{
    return UINT64_C(1) << (machine->geometry.iova_bits < 52 ? machine->geometry.iova_bits : 52);
}

/* "every extent-aligned block that a write or read touches is mapped, address = iova; each maximal run of
 * such blocks is one map call; blocks beyond the IOVA width or 2^52 are not mapped" */
static bool map_touched(struct reference_machine *machine, const struct trace_store *store, size_t records,
                        char *why, size_t why_bytes)
{
    uint64_t extent = machine->config->mapping.extent_bytes, limit = touched_limit(machine);
    uint64_t *blocks = NULL;
    size_t count = 0, kept = 0;
    bool ok = true;

    for (size_t r = 0; r < records; r++) {
        if (store->op[r] != TRACE_WRITE && store->op[r] != TRACE_READ)
            continue;
        uint64_t last = store->iova[r] + (store->bytes[r] - 1);
        for (uint64_t block = store->iova[r] / extent; block <= last / extent; block++) {
            if (block * extent >= limit)
                continue;
            blocks = grown(blocks, count, sizeof(*blocks));
            blocks[count++] = block;
        }
    }
    if (count > 0)
        qsort(blocks, count, sizeof(*blocks), compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || blocks[i] != blocks[i - 1])
            blocks[kept++] = blocks[i];
    for (size_t i = 0, next; i < kept && ok; i = next) {
        next = i + 1;
        while (next < kept && blocks[next] == blocks[next - 1] + 1)
            next++;
        /* An extent that is no power of two may cross the limit: what lies below it is mapped. */
        uint64_t first = blocks[i] * extent, bytes = (next - i) * extent;
        if (bytes > limit - first)
            bytes = limit - first;
        ok = map_call(machine, first, bytes, first, why, why_bytes);
    }
    free(blocks);
    return ok;
}

bool reference_table_exists(const struct reference_machine *machine, unsigned level, uint64_t address)
{
    for (size_t i = 0; i < machine->table_count; i++)
        if (machine->tables[i].level == level && machine->tables[i].first <= address &&
            address <= machine->tables[i].last)
            return true;
    return false;
}

static void add_table(struct reference_machine *machine, unsigned level, uint64_t address)
{
    const struct reference_geometry *geometry = &machine->geometry;
    unsigned span_lg2 = geometry->granule_lg2 + geometry->index_bits * (level + 1);
    if (level == geometry->levels - 1)
        span_lg2 = geometry->iova_bits;
    uint64_t mask = span_lg2 >= 64 ? UINT64_MAX : (UINT64_C(1) << span_lg2) - 1;

    machine->tables = grown(machine->tables, machine->table_count, sizeof(struct reference_table));
    machine->tables[machine->table_count++] =
        (struct reference_table){level, address & ~mask, address | mask};
}

/* The tables on the way to every leaf; the root stands even in an empty domain. */
static void build_tables(struct reference_machine *machine)
{
    unsigned root = machine->geometry.levels - 1;

    add_table(machine, root, 0);
    for (size_t i = 0; i < machine->leaf_count; i++) {
        const struct reference_leaf *leaf = &machine->leaves[i];
        for (unsigned level = leaf->level; level < root; level++) {
            /* Leaves ascend, so a table that exists is the last one made at its level. */
            if (!reference_table_exists(machine, level, leaf->iova))
                add_table(machine, level, leaf->iova);
        }
    }
    machine->metrics.table_bytes = machine->table_count * machine->geometry.table_bytes;
    machine->metrics.table_bytes_peak = machine->metrics.table_bytes;
    machine->metrics.leaves = machine->leaf_count;
}

static void add_range(struct reference_machine *machine, uint64_t first, uint64_t last)
{
    machine->ranges = grown(machine->ranges, machine->range_count, sizeof(struct reference_range));
    machine->ranges[machine->range_count++] = (struct reference_range){first, last};
}

/* "Default: the maximal runs of mapped pages of the domain"; else the list, cut at the IOVA width. The
 * mapping does not change in this model, so that taking the runs once is taking them anew each time. */
static void build_ranges(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    if (config->tracking.ranges == NULL) {
        for (size_t i = 0; i < machine->page_count; i++) {
            uint64_t first = machine->pages[i].iova, last = first + (REFERENCE_PAGE_BYTES - 1);
            if (i > 0 && machine->pages[i - 1].iova + REFERENCE_PAGE_BYTES == first)
                machine->ranges[machine->range_count - 1].last = last;
            else
                add_range(machine, first, last);
        }
    } else {
        for (size_t i = 0; i < config->tracking.range_count; i++) {
            uint64_t first = config->tracking.ranges[i].iova;
            uint64_t last = first + (config->tracking.ranges[i].bytes - 1);
            if (!reference_in_width(&machine->geometry, first))
                continue;
            if (!reference_in_width(&machine->geometry, last))
                last = (UINT64_C(1) << machine->geometry.iova_bits) - 1;
            add_range(machine, first, last);
        }
    }
    for (size_t i = 0; i < machine->page_count; i++)
        for (size_t r = 0; r < machine->range_count; r++)
            if (machine->ranges[r].first <= machine->pages[i].iova &&
                machine->pages[i].iova <= machine->ranges[r].last)
                machine->pages[i].tracked = true;
}

bool reference_tables_build(struct reference_machine *machine, const struct trace_store *store,
                            size_t records, char *why, size_t why_bytes)
{
    const struct cell_config *config = machine->config;

    machine->geometry = geometry_of(machine);
    if (strcmp(config->mapping.source->name, "touched") == 0) {
        if (!map_touched(machine, store, records, why, why_bytes))
            return false;
    } else {
        for (size_t i = 0; i < config->mapping.region_count; i++) {
            const struct config_region *region = &config->mapping.regions[i];
            assert(i == 0 ||
                   config->mapping.regions[i - 1].iova + (config->mapping.regions[i - 1].bytes - 1) <
                       region->iova);
            if (!map_call(machine, region->iova, region->bytes, region->address, why, why_bytes))
                return false;
        }
    }
    build_tables(machine);
    build_ranges(machine);
    return true;
}

void reference_tables_free(struct reference_machine *machine)
{
    free(machine->leaves);
    free(machine->pages);
    free(machine->tables);
    free(machine->ranges);
}

ptrdiff_t reference_find_leaf(const struct reference_machine *machine, uint64_t address)
{
    size_t low = 0, high = machine->leaf_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct reference_range range = reference_leaf_range(&machine->leaves[middle]);
        if (address < range.first)
            high = middle;
        else if (address > range.last)
            low = middle + 1;
        else
            return (ptrdiff_t)middle;
    }
    return REFERENCE_NOWHERE;
}

bool reference_managed(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    const struct cell_config *config = machine->config;

    if (machine->method != REFERENCE_HARDWARE)
        return false;
    if (!reference_is_arm(machine))
        return machine->hardware_on;
    /* CD.HA and CD.HD, or STE.S2HA and STE.S2HD: static always, dynamic while tracking, off never; `ha` and
     * `hd` can only take away. */
    bool httu =
        config->iommu.ha && config->iommu.hd &&
        (config->iommu.dbm == DBM_STATIC || (config->iommu.dbm == DBM_DYNAMIC && machine->hardware_on));
    return httu && leaf->dbm;
}

bool reference_dirty(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    if (reference_is_arm(machine))
        return leaf->dbm && leaf->write_permission;
    return leaf->dirty_bit;
}

bool reference_writable(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    return reference_is_arm(machine) ? leaf->write_permission : true;
}

void reference_make_dirty(struct reference_machine *machine, struct reference_leaf *leaf)
{
    if (reference_is_arm(machine)) {
        leaf->write_permission = true;
    } else {
        leaf->dirty_bit = true;
        leaf->accessed = true;
    }
    leaf->dirtied_by_write = true;
    machine->metrics.dirty_updates++;
}

void reference_make_clean(struct reference_machine *machine, struct reference_leaf *leaf)
{
    if (reference_is_arm(machine))
        leaf->write_permission = false;
    else
        leaf->dirty_bit = false;
}
