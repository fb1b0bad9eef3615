/* Arm SMMUv3: TLBI by range (RIL) or by entry, CMD_SYNC (IHI 0070 4.4; Linux
 * drivers/iommu/arm/arm-smmu-v3). */
#include <assert.h>

#include "sim/iommu/iommu.h"

/* HTTU is on from the start unless DBM is set entry by entry; then HD changes in each CD or STE:
 * CFGI per device and one TLBI for all that was cached without it. */
static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices)
{
    if (!config->per_entry)
        return (struct iommu_toggle){0};
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = devices + 1,
        .syncs = 1,
        .drops_domain = true,
    };
}

/* A range command covers (NUM + 1) * 2^SCALE granules, NUM below 31 (semantics.md 7): cut from the
 * lowest bit up. */
static uint64_t range_commands(uint64_t granules)
{
    uint64_t commands = 0;
    while (granules > 0) {
        unsigned scale = (unsigned)__builtin_ctzll(granules);
        uint64_t count = granules >> scale & 31;
        granules -= count << scale;
        commands++;
    }
    return commands;
}

static struct iommu_flush range(const struct iommu_config *config, uint64_t first, uint64_t last)
{
    unsigned unit_lg2 = config->ril ? config->granule_lg2 : config->smallest_leaf_lg2;
    assert(first <= last && first % (UINT64_C(1) << unit_lg2) == 0 &&
           (last + 1) % (UINT64_C(1) << unit_lg2) == 0);
    uint64_t units = ((last - first) >> unit_lg2) + 1;
    struct iommu_flush flush = {.syncs = 1, .first = first, .last = last};
    if (config->ril)
        flush.commands = range_commands(units);
    else if (units < config->entries_per_table)
        flush.commands = units;
    else
        flush = (struct iommu_flush){.commands = 1, .syncs = 1, .whole_domain = true, .last = UINT64_MAX};
    return flush;
}

const struct iommu_vendor iommu_smmu = {
    .name = "smmu",
    .summary = "exactly the range in range commands (RIL), else one command per entry or the domain",
    .address_flush_drops_pointers = false,
    .toggle = toggle,
    .range = range,
};
