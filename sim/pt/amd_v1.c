/* AMD-Vi v1 host page table: AMD I/O Virtualization Technology (48882) 2.2.3, as Linux
 * drivers/iommu/generic_pt/fmt/amdv1.h reads it. FC (60) is left 0: coherence is not modelled. */
#define PT_PRESENT (UINT64_C(1) << 0) /* PR */
#define PT_ACCESSED (UINT64_C(1) << 5)
#define PT_DIRTY (UINT64_C(1) << 6)
#define PT_READ (UINT64_C(1) << 61)  /* IR */
#define PT_WRITE (UINT64_C(1) << 62) /* IW */
#include "sim/pt/ad_bits.h"

/* NextLevel, bits 11:9: 0 is a leaf of the level's own size, else the mode number of the child
 * table, which is the level of this entry as we count. 7 (leaves of other sizes) is not made here
 * and maps nothing. */
enum { NEXT_LEVEL_SHIFT = 9, NEXT_LEVEL_MASK = 7 };

static uint64_t leaf_entry(const struct pt_geometry *shape, const struct pt_leaf *leaf)
{
    return PT_PRESENT | leaf_bits(shape, leaf);
}

/* Permissions are ANDed down the walk: tables grant all, leaves decide. */
static uint64_t table_entry(const struct pt_geometry *shape, uint64_t output, unsigned level)
{
    (void)shape;
    assert(level >= 1 && level < shape->levels);
    assert(pt_output_fits(output, 12));
    return PT_PRESENT | (uint64_t)level << NEXT_LEVEL_SHIFT | output | PT_READ | PT_WRITE;
}

static enum pt_kind decode(const struct pt_geometry *shape, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf)
{
    unsigned next_level = entry >> NEXT_LEVEL_SHIFT & NEXT_LEVEL_MASK;
    if ((entry & PT_PRESENT) == 0)
        return PT_ABSENT;
    if (next_level != 0)
        return next_level == level ? PT_TABLE : PT_ABSENT;
    if (!pt_level_holds_leaf(shape, level))
        return PT_ABSENT;
    if (leaf)
        *leaf = leaf_of_bits(entry, level);
    return PT_LEAF;
}

const struct pt_format pt_amd_v1 = {
    .name = "amd-v1",
    .summary = "AMD-Vi v1 host table, 3 to 6 levels, dirty bit switched per device (DTE.HAD)",
    .source = "AMD 48882 2.2.3; Linux drivers/iommu/generic_pt/fmt/amdv1.h",
    .vendor = "amd",
    .control = PT_CONTROL_CONTEXT,
    .levels_min = 3,
    .levels_max = 6,
    .levels_default = 4,
    .geometry = geometry,
    .leaf_entry = leaf_entry,
    .table_entry = table_entry,
    .decode = decode,
    .access = entry_access,
    .is_dirty = entry_is_dirty,
    .clean = entry_clean,
};
