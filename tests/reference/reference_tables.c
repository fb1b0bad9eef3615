/* Section 3's geometry, leaves and tables, and the bits of section 6, leaf by leaf. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

void *reference_allocate(void *old, size_t bytes)
{
    void *block = realloc(old, bytes);
    if (block == NULL)
        abort();
    return block;
}

bool reference_is_arm(const struct reference_machine *machine)
{
    return machine->model == REFERENCE_SMMU_S1 || machine->model == REFERENCE_SMMU_S2;
}

/* "it has ceil((bits - granule lg2)/index bits) levels, and the root has only the entries that the width
 * leaves it. Stage 2 concatenates roots where the architecture demands it (4K at 40 and 42 bits, 16K at 40
 * and 48): one level less, and the root is as many tables of the next level as the root would have had
 * entries" */
static struct reference_geometry arm_geometry(const struct reference_machine *machine)
{
    uint64_t granule = machine->config->iommu.granule_bytes;
    unsigned bits = machine->config->iommu.address_bits;
    bool is_4k = granule == 4096, is_16k = granule == 16384;
    struct reference_geometry geometry = {
        .granule_lg2 = is_4k    ? 12
                       : is_16k ? 14
                                : 16,
        .index_bits = is_4k    ? 9
                      : is_16k ? 11
                               : 13,
        .iova_bits = bits,
        .output_bits = is_4k || is_16k ? 48 : 52,
        .table_bytes = granule,
        .root_bytes = granule,
    };
    unsigned number_bits = bits - geometry.granule_lg2;

    geometry.levels = (number_bits + geometry.index_bits - 1) / geometry.index_bits;
    if (machine->model == REFERENCE_SMMU_S2 &&
        ((is_4k && (bits == 40 || bits == 42)) || (is_16k && (bits == 40 || bits == 48)))) {
        geometry.levels--;
        geometry.root_bytes = granule << (number_bits - geometry.index_bits * geometry.levels);
    }
    return geometry;
}

/* "Index bits per level: 9. IOVA width: 12 + 9*levels (amd at 6 levels: 64), riscv 2 more (its root has 2048
 * entries, 16 KiB, and is one table)" */
struct reference_geometry reference_geometry_of(const struct reference_machine *machine)
{
    if (reference_is_arm(machine))
        return arm_geometry(machine);
    struct reference_geometry geometry = {
        .levels = machine->config->iommu.levels,
        .granule_lg2 = 12,
        .index_bits = 9,
        .iova_bits = 12 + 9 * machine->config->iommu.levels,
        .output_bits = 52,
        .table_bytes = 4096,
        .root_bytes = 4096,
    };
    if (machine->model == REFERENCE_AMD_V1 && geometry.levels == 6)
        geometry.iova_bits = 64;
    if (machine->model == REFERENCE_RISCV_G) {
        geometry.iova_bits += 2;
        geometry.root_bytes = 16384;
    }
    return geometry;
}

unsigned reference_entry_lg2(const struct reference_geometry *geometry, unsigned level)
{
    return geometry->granule_lg2 + geometry->index_bits * level;
}

uint64_t reference_leaf_entries(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    return UINT64_C(1) << (leaf->lg2 - reference_entry_lg2(&machine->geometry, leaf->level));
}

bool reference_in_width(const struct reference_geometry *geometry, uint64_t address)
{
    return geometry->iova_bits >= 64 || address >> geometry->iova_bits == 0;
}

/* ---- ranges ---- */

bool reference_overlap(struct reference_range a, struct reference_range b)
{
    return a.first <= b.last && b.first <= a.last;
}

struct reference_range reference_common(struct reference_range a, struct reference_range b)
{
    return (struct reference_range){a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last};
}

void reference_add_range(struct reference_range_list *list, uint64_t first, uint64_t last)
{
    list->ranges = reference_allocate(list->ranges, (list->count + 1) * sizeof(*list->ranges));
    list->ranges[list->count++] = (struct reference_range){first, last};
}

/* "Default: the maximal runs of mapped pages of the domain (touching leaves join, whatever call mapped
 * them)"; else the list, "cut at the IOVA width". */
struct reference_range_list reference_take_ranges(const struct reference_machine *machine,
                                                  const struct reference_domain *domain)
{
    const struct cell_config *config = machine->config;
    struct reference_range_list list = {0};

    if (config->tracking.ranges == NULL) {
        for (size_t i = 0; i < domain->leaf_count; i++) {
            struct reference_range leaf = reference_leaf_range(&domain->leaves[i]);
            if (list.count > 0 && list.ranges[list.count - 1].last + 1 == leaf.first)
                list.ranges[list.count - 1].last = leaf.last;
            else
                reference_add_range(&list, leaf.first, leaf.last);
        }
        return list;
    }
    for (size_t i = 0; i < config->tracking.range_count; i++) {
        uint64_t first = config->tracking.ranges[i].iova;
        uint64_t last = first + (config->tracking.ranges[i].bytes - 1);
        if (!reference_in_width(&machine->geometry, first))
            continue;
        if (!reference_in_width(&machine->geometry, last))
            last = (UINT64_C(1) << machine->geometry.iova_bits) - 1;
        reference_add_range(&list, first, last);
    }
    return list;
}

bool reference_overlaps_range(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    const struct cell_config *config = machine->config;

    for (size_t i = 0; i < config->tracking.range_count; i++) {
        uint64_t first = config->tracking.ranges[i].iova;
        uint64_t last = first + (config->tracking.ranges[i].bytes - 1);
        if (reference_overlap(reference_leaf_range(leaf), (struct reference_range){first, last}))
            return true;
    }
    return config->tracking.ranges == NULL;
}

bool reference_uses_hardware(const struct reference_machine *machine)
{
    return machine->method == REFERENCE_HARDWARE || machine->method == REFERENCE_LOG;
}

bool reference_is_tracked(const struct reference_machine *machine, uint64_t address)
{
    const struct cell_config *config = machine->config;

    if (config->tracking.ranges == NULL)
        return true;
    for (size_t i = 0; i < config->tracking.range_count; i++) {
        uint64_t first = config->tracking.ranges[i].iova;
        if (first <= address && address - first < config->tracking.ranges[i].bytes)
            return true;
    }
    return false;
}

/* ---- leaves and tables ---- */

struct reference_range reference_leaf_range(const struct reference_leaf *leaf)
{
    return (struct reference_range){leaf->iova, leaf->iova + ((UINT64_C(1) << leaf->lg2) - 1)};
}

size_t reference_first_leaf(const struct reference_domain *domain, uint64_t address)
{
    size_t low = 0, high = domain->leaf_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reference_leaf_range(&domain->leaves[middle]).last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct reference_leaf *reference_find_leaf(const struct reference_domain *domain, uint64_t address)
{
    size_t index = reference_first_leaf(domain, address);

    if (index == domain->leaf_count || domain->leaves[index].iova > address)
        return NULL;
    return &domain->leaves[index];
}

struct reference_page *reference_page(struct reference_leaf *leaf, uint64_t address)
{
    if (leaf->pages == NULL) {
        leaf->pages = calloc((size_t)1 << (leaf->lg2 - 12), sizeof(*leaf->pages));
        if (leaf->pages == NULL)
            abort();
    }
    return &leaf->pages[(address - leaf->iova) / REFERENCE_PAGE_BYTES];
}

bool reference_table_exists(const struct reference_domain *domain, unsigned level, uint64_t address)
{
    /* From the end: the tables made last are asked for most while mapping. */
    for (size_t i = domain->table_count; i-- > 0;)
        if (domain->tables[i].level == level && domain->tables[i].span.first <= address &&
            address <= domain->tables[i].span.last)
            return true;
    return false;
}

void reference_add_table(struct reference_machine *machine, struct reference_domain *domain, unsigned level,
                         uint64_t address)
{
    const struct reference_geometry *geometry = &machine->geometry;
    bool is_root = level == geometry->levels - 1;
    unsigned span_lg2 = is_root ? geometry->iova_bits : reference_entry_lg2(geometry, level + 1);
    uint64_t mask = span_lg2 >= 64 ? UINT64_MAX : (UINT64_C(1) << span_lg2) - 1;

    domain->tables = reference_allocate(domain->tables, (domain->table_count + 1) * sizeof(*domain->tables));
    domain->tables[domain->table_count++] =
        (struct reference_table){level, {address & ~mask, address | mask}};
    machine->metrics.table_bytes += is_root ? geometry->root_bytes : geometry->table_bytes;
}

/* ---- the bits of section 6 ---- */

bool reference_managed(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    const struct cell_config *config = machine->config;

    if (!reference_uses_hardware(machine))
        return false;
    if (!reference_is_arm(machine))
        return machine->hardware_on && leaf->granted;
    /* CD.HA and CD.HD, or STE.S2HA and STE.S2HD: static always, dynamic while tracking, off never; `ha` and
     * `hd` can only take away. */
    bool httu =
        config->iommu.ha && config->iommu.hd &&
        (config->iommu.dbm == DBM_STATIC || (config->iommu.dbm == DBM_DYNAMIC && machine->hardware_on));
    return httu && leaf->dbm;
}

bool reference_dirty(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    if (machine->method == REFERENCE_WRITE_PROTECT)
        return leaf->marked;
    if (reference_is_arm(machine))
        return leaf->dbm && leaf->write_permission;
    return leaf->dirty_bit;
}

bool reference_writable(const struct reference_machine *machine, const struct reference_leaf *leaf)
{
    if (leaf->is_protected)
        return false;
    if (reference_is_arm(machine))
        return leaf->write_permission;
    /* riscv: "software must preset it or writes fault" while GADE is off. */
    if (machine->model == REFERENCE_RISCV_G)
        return leaf->granted && (leaf->dirty_bit || machine->hardware_on);
    return leaf->granted;
}

/* The last column of the table of section 6, "ARM `iommu.dbm`", and 9: "Under every other method ARM rw
 * leaves are DBM=0, writable". */
void reference_born(const struct reference_machine *machine, struct reference_leaf *leaf)
{
    bool hardware = reference_uses_hardware(machine);
    bool tracking = machine->started && !machine->stopped;

    leaf->cause = machine->started ? REFERENCE_BORN : REFERENCE_RESIDUE;
    leaf->accessed = machine->model == REFERENCE_RISCV_G;
    if (!leaf->granted)
        return; /* D=0; DBM=0 and AP[2]=1 or S2AP=01 */
    /* "writable leaves mapped while tracking that overlap a range are born so, clean" */
    leaf->is_protected =
        machine->method == REFERENCE_WRITE_PROTECT && tracking && reference_overlaps_range(machine, leaf);
    if (machine->model == REFERENCE_RISCV_G)
        leaf->dirty_bit = !machine->hardware_on && !leaf->is_protected;
    if (!reference_is_arm(machine))
        return;
    leaf->write_permission = !leaf->is_protected;
    if (hardware && machine->config->iommu.dbm == DBM_STATIC) {
        leaf->dbm = true;
        /* "log: leaves mapped while on are born clean on all models" */
        leaf->write_permission = !(machine->method == REFERENCE_LOG && tracking);
    }
    if (hardware && machine->config->iommu.dbm == DBM_DYNAMIC && tracking &&
        reference_overlaps_range(machine, leaf)) {
        leaf->dbm = true;
        leaf->write_permission = false;
    }
}

void reference_make_dirty(struct reference_machine *machine, struct reference_domain *domain,
                          struct reference_leaf *leaf, enum reference_cause cause)
{
    if (reference_is_arm(machine)) {
        leaf->write_permission = true;
    } else {
        leaf->dirty_bit = true;
        leaf->accessed = true;
    }
    leaf->cause = cause;
    machine->metrics.dirty_updates++;
    if (machine->method == REFERENCE_LOG && machine->started && !machine->stopped)
        reference_append_to_ring(machine, domain, leaf);
}

void reference_make_clean(struct reference_machine *machine, struct reference_leaf *leaf)
{
    if (machine->method == REFERENCE_WRITE_PROTECT) { /* "protects them again" */
        leaf->marked = false;
        leaf->is_protected = true;
    }
    if (reference_is_arm(machine))
        leaf->write_permission = false;
    else
        leaf->dirty_bit = false;
}
