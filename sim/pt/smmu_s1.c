/* Arm SMMUv3 stage 1, direct permissions: AP[2] (bit 7) set is read-only, so dirty is AP[2] cleared. */
#include "sim/pt/arm_descriptor.h"

#define AP2 (UINT64_C(1) << 7)

static inline bool permits_read(uint64_t entry)
{
    (void)entry; /* a valid stage 1 leaf can always be read */
    return true;
}

static inline bool permits_write(uint64_t entry)
{
    return (entry & AP2) == 0;
}

static inline uint64_t with_permissions(uint64_t entry, bool read, bool write)
{
    assert(read);
    (void)read;
    return write ? entry & ~AP2 : entry | AP2;
}

static inline const char *permission_word(uint64_t entry)
{
    return permits_write(entry) ? "AP[2]=0" : "AP[2]=1";
}

static inline unsigned levels_max(unsigned granule_lg2, unsigned address_bits)
{
    (void)granule_lg2;
    (void)address_bits;
    return PT_LEVELS_MAX; /* nothing is concatenated */
}

const struct pt_format pt_smmu_s1 = {
    .name = "smmu-s1",
    .summary = "Arm SMMUv3 stage 1, granules 4K 16K 64K, dirty is AP[2] cleared in entries with DBM",
    .source = "Arm DDI 0487 D8.3, D8.5; IHI 0070 3.13; Linux drivers/iommu/io-pgtable-arm.c",
    .vendor = "smmu",
    .geometry = geometry,
    .leaf_entry = leaf_entry,
    .table_entry = table_entry,
    .decode = decode,
    .describe = describe,
    .access = entry_access,
    .is_dirty = entry_is_dirty,
    .clean = entry_clean,
    .accessed_switch = "CD.HA",
    .dirty_switch = "CD.HD",
    .switches = context_switches,
    .born = leaf_born,
    .walks_entries = walks_entries,
    .sets_accessed = false,
    .clean_refuses = true,
};
