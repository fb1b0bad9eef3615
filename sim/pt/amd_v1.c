/* AMD-Vi v1 host page table: AMD I/O Virtualization Technology (48882) 2.2.3, as Linux
 * drivers/iommu/generic_pt/fmt/amdv1.h reads it. FC (60) is left 0: coherence is not modelled. */
#define PT_PRESENT (UINT64_C(1) << 0) /* PR */
#define PT_ACCESSED (UINT64_C(1) << 5)
#define PT_DIRTY (UINT64_C(1) << 6)
#define PT_READ (UINT64_C(1) << 61)  /* IR */
#define PT_WRITE (UINT64_C(1) << 62) /* IW */
#include "sim/pt/ad_bits.h"

/* NextLevel, bits 11:9: 0 is a leaf of the level's own size, SIZED a leaf whose address says its size, else
 * the mode number of the child table, which is the level of this entry as we count. */
enum { NEXT_LEVEL_SHIFT = 9, NEXT_LEVEL_MASK = 7, NEXT_LEVEL_SIZED = 7 };

enum { LEAF_LG2_MAX = 51, LEAF_LG2_BROKEN = 39 }; /* hardware gets leaves of 512 GiB wrong */

/* Leaves of every power of two up to half of what the root spans; the root of 6 levels holds none, and so
 * holds nothing above 2^51 either (semantics.md 3). */
static struct pt_geometry geometry(const struct cell_config *config)
{
    struct pt_geometry geometry = plain_geometry(config->iommu.levels);
    for (unsigned lg2 = 12; lg2 <= LEAF_LG2_MAX && lg2 < geometry.iova_bits; lg2++)
        if (lg2 != LEAF_LG2_BROKEN)
            geometry.sizes |= UINT64_C(1) << lg2;
    return geometry;
}

/* The size of a leaf of 2^n bytes as address bits: 1 in n-2:12, 0 in n-1. */
static uint64_t size_field(unsigned lg2)
{
    return ((UINT64_C(1) << (lg2 - 1)) - 1) & PT_ADDRESS;
}

static unsigned size_of_field(uint64_t entry)
{
    return 13 + (unsigned)__builtin_ctzll(~(entry & PT_ADDRESS) >> 12);
}

/* The replicas of a leaf are identical. */
static uint64_t leaf_entry(const struct pt_geometry *geometry, const struct pt_leaf *leaf, unsigned index)
{
    assert(index < 1U << pt_leaf_entries_lg2(geometry, leaf->lg2));
    (void)index;
    uint64_t entry = PT_PRESENT | leaf_bits(geometry, leaf);
    if (pt_leaf_entries_lg2(geometry, leaf->lg2) > 0)
        entry |= (uint64_t)NEXT_LEVEL_SIZED << NEXT_LEVEL_SHIFT | size_field(leaf->lg2);
    return entry;
}

/* Permissions are ANDed down the walk: tables grant all, leaves decide. */
static uint64_t table_entry(const struct pt_geometry *geometry, uint64_t output, unsigned level)
{
    assert(level >= 1 && level < geometry->levels);
    assert(pt_output_fits(geometry, output, 12));
    (void)geometry;
    return PT_PRESENT | (uint64_t)level << NEXT_LEVEL_SHIFT | output | PT_READ | PT_WRITE;
}

static unsigned next_level_of(uint64_t entry)
{
    return entry >> NEXT_LEVEL_SHIFT & NEXT_LEVEL_MASK;
}

static enum pt_kind decode(const struct pt_geometry *geometry, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf)
{
    unsigned next_level = next_level_of(entry);
    if ((entry & PT_PRESENT) == 0)
        return PT_ABSENT;
    if (next_level != 0 && next_level != NEXT_LEVEL_SIZED)
        return next_level == level ? PT_TABLE : PT_ABSENT;
    unsigned entry_lg2 = pt_entry_lg2(geometry, level);
    unsigned lg2 = next_level == 0 ? entry_lg2 : size_of_field(entry);
    bool takes_several = lg2 > entry_lg2 && lg2 < entry_lg2 + geometry->index_bits;
    if ((next_level == NEXT_LEVEL_SIZED && !takes_several) || lg2 > LEAF_LG2_MAX ||
        (geometry->sizes >> lg2 & 1) == 0)
        return PT_ABSENT;
    if (leaf)
        *leaf = leaf_of_bits(entry, lg2);
    return PT_LEAF;
}

static void describe(const struct pt_geometry *geometry, uint64_t entry, unsigned level, char *text,
                     size_t bytes)
{
    static const struct pt_word words[] = {
        {PT_PRESENT, PT_PRESENT, "PR"}, {PT_ACCESSED, PT_ACCESSED, "A"}, {PT_DIRTY, PT_DIRTY, "D"},
        {PT_READ, PT_READ, "IR"},       {PT_WRITE, PT_WRITE, "IW"},
    };
    assert(bytes > 0);
    text[0] = '\0';
    if (decode(geometry, entry, level, NULL) == PT_ABSENT)
        pt_say(text, bytes, "absent");
    pt_say_words(text, bytes, entry, words, sizeof words / sizeof words[0]);
    if ((entry & PT_PRESENT) != 0) {
        char next_level[] = "NextLevel=0";
        next_level[sizeof next_level - 2] = (char)('0' + next_level_of(entry));
        pt_say(text, bytes, next_level);
    }
}

const struct pt_format pt_amd_v1 = {
    .name = "amd-v1",
    .summary = "AMD-Vi v1 host table, 3 to 6 levels, leaves of any power of two, dirty bit switched per "
               "device (DTE.HAD)",
    .source = "AMD 48882 2.2.3; Linux drivers/iommu/generic_pt/fmt/amdv1.h",
    .vendor = "amd",
    .levels_min = 3,
    .levels_max = 6,
    .levels_default = 4,
    .geometry = geometry,
    .leaf_entry = leaf_entry,
    .table_entry = table_entry,
    .decode = decode,
    .describe = describe,
    .access = entry_access,
    .is_dirty = entry_is_dirty,
    .clean = entry_clean,
    .accessed_switch = "DTE.HAD",
    .dirty_switch = "DTE.HAD",
    .switches = context_switches,
    .born = leaf_born,
    .walks_entries = walks_entries,
    .sets_accessed = true,
    .clean_refuses = false,
};
