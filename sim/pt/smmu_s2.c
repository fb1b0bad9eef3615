/* Arm SMMUv3 stage 2, direct permissions: S2AP[0] (bit 6) grants reading, S2AP[1] (bit 7) writing, so the
 * polarity is that of stage 1 reversed: dirty is S2AP[1] set. */
#include "sim/pt/arm_descriptor.h"

#define S2AP_READ (UINT64_C(1) << 6)
#define S2AP_WRITE (UINT64_C(1) << 7)

static inline bool permits_read(uint64_t entry)
{
    return (entry & S2AP_READ) != 0;
}

static inline bool permits_write(uint64_t entry)
{
    return (entry & S2AP_WRITE) != 0;
}

static inline uint64_t with_permissions(uint64_t entry, bool read, bool write)
{
    return (entry & ~(S2AP_READ | S2AP_WRITE)) | (read ? S2AP_READ : 0) | (write ? S2AP_WRITE : 0);
}

static inline const char *permission_word(uint64_t entry)
{
    static const char *const words[] = {"S2AP=00", "S2AP=01", "S2AP=10", "S2AP=11"};
    return words[entry >> 6 & 3];
}

/* Arm DDI 0487 D8.2: hardware of small address width need not support the top starting level, so software
 * concatenates. Widths are as large as the output addresses here (semantics.md 3). */
static inline unsigned levels_max(unsigned granule_lg2, unsigned address_bits)
{
    if (granule_lg2 == 12)
        return address_bits < 44 ? 3 : 4;
    return granule_lg2 == 14 && address_bits <= 40 ? 2 : 3;
}

const struct pt_format pt_smmu_s2 = {
    .name = "smmu-s2",
    .summary = "Arm SMMUv3 stage 2, granules 4K 16K 64K, dirty is S2AP[1] set in entries with DBM",
    .source = "Arm DDI 0487 D8.2, D8.3, D8.5; IHI 0070 3.13",
    .vendor = "smmu",
    .geometry = geometry,
    .leaf_entry = leaf_entry,
    .table_entry = table_entry,
    .decode = decode,
    .describe = describe,
    .access = entry_access,
    .is_dirty = entry_is_dirty,
    .clean = entry_clean,
    .accessed_switch = "STE.S2HA",
    .dirty_switch = "STE.S2HD",
    .switches = context_switches,
    .born = leaf_born,
    .walks_entries = walks_entries,
    .sets_accessed = false,
    .clean_refuses = true,
};
