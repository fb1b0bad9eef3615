/* Intel VT-d first stage, which has the entries of x86-64: VT-d 3.6 and 9.7. Present means readable. An
 * example of how a format is added: tracking is switched as the second stage's is, where real first stages
 * set A and D always. */
#define PT_READ (UINT64_C(1) << 0) /* P */
#define PT_WRITE (UINT64_C(1) << 1)
#define PT_PRESENT PT_READ
#define PT_ACCESSED (UINT64_C(1) << 5)
#define PT_DIRTY (UINT64_C(1) << 6)
#include "sim/pt/ad_bits.h"

#define USER_BIT (UINT64_C(1) << 2)      /* US: requests of devices are user accesses */
#define PAGE_SIZE_BIT (UINT64_C(1) << 7) /* PS: a leaf above level 0 */

static struct pt_geometry geometry(const struct cell_config *config)
{
    return plain_geometry(config->iommu.levels);
}

static uint64_t leaf_entry(const struct pt_geometry *geometry, const struct pt_leaf *leaf, unsigned index)
{
    assert(leaf->readable && index == 0);
    (void)index;
    return leaf_bits(geometry, leaf) | USER_BIT | (leaf->lg2 > 12 ? PAGE_SIZE_BIT : 0);
}

static uint64_t table_entry(const struct pt_geometry *geometry, uint64_t output, unsigned level)
{
    assert(level >= 1 && level < geometry->levels);
    assert(pt_output_fits(geometry, output, 12));
    (void)geometry;
    (void)level;
    return output | PT_READ | PT_WRITE | USER_BIT;
}

static enum pt_kind decode(const struct pt_geometry *geometry, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf)
{
    if ((entry & PT_PRESENT) == 0)
        return PT_ABSENT;
    if (level > 0 && (entry & PAGE_SIZE_BIT) == 0)
        return PT_TABLE;
    if (!pt_level_holds_leaf(geometry, level))
        return PT_ABSENT; /* PS is reserved there */
    if (leaf)
        *leaf = leaf_of_bits(entry, pt_entry_lg2(geometry, level));
    return PT_LEAF;
}

static void describe(const struct pt_geometry *geometry, uint64_t entry, unsigned level, char *text,
                     size_t bytes)
{
    static const struct pt_word words[] = {
        {PT_READ, PT_READ, "P"},         {PT_WRITE, PT_WRITE, "RW"}, {USER_BIT, USER_BIT, "US"},
        {PT_ACCESSED, PT_ACCESSED, "A"}, {PT_DIRTY, PT_DIRTY, "D"},  {PAGE_SIZE_BIT, PAGE_SIZE_BIT, "PS"},
    };
    assert(bytes > 0);
    text[0] = '\0';
    if (decode(geometry, entry, level, NULL) == PT_ABSENT)
        pt_say(text, bytes, "absent");
    pt_say_words(text, bytes, entry, words, sizeof words / sizeof words[0]);
}

const struct pt_format pt_intel_fs = {
    .name = "intel-fs",
    .summary =
        "Intel VT-d first stage (x86-64 entries), 3 to 5 levels, dirty bit switched as the second stage's",
    .source = "Intel VT-d 3.6, 9.7",
    .vendor = "intel",
    .levels_min = 3,
    .levels_max = 5,
    .levels_default = 4,
    .geometry = geometry,
    .leaf_entry = leaf_entry,
    .table_entry = table_entry,
    .decode = decode,
    .describe = describe,
    .access = entry_access,
    .is_dirty = entry_is_dirty,
    .clean = entry_clean,
    .accessed_switch = "SSADE",
    .dirty_switch = "SSADE",
    .switches = context_switches,
    .born = leaf_born,
    .walks_entries = walks_entries,
    .sets_accessed = true,
    .clean_refuses = false,
};
