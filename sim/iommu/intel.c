/* Intel VT-d: page-selective IOTLB invalidation with address mask AM and IH=1, domain-selective
 * beyond MAMV; switching SSADE takes a PASID-cache and a domain-selective IOTLB invalidation per
 * device, each waited for (VT-d 6.5; Linux drivers/iommu/intel/). */
#include <assert.h>

#include "sim/iommu/iommu.h"

static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices)
{
    (void)config;
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = 2 * devices,
        .syncs = 2 * devices,
        .drops_domain = true,
    };
}

static struct iommu_flush range(const struct iommu_config *config, uint64_t first, uint64_t last)
{
    assert(first % 4096 == 0 && last % 4096 == 4095);
    struct iommu_flush flush = {.commands = 1, .syncs = 1, .first = first, .last = last};
    unsigned lg2 = iommu_cover(&flush.first, &flush.last);
    if (lg2 > 12 + config->mamv)
        flush = (struct iommu_flush){.commands = 1, .syncs = 1, .whole_domain = true, .last = UINT64_MAX};
    return flush;
}

const struct iommu_vendor iommu_intel = {
    .name = "intel",
    .summary = "one command for the power-of-two block around a range, or the domain above MAMV",
    .address_flush_drops_pointers = false,
    .toggle = toggle,
    .range = range,
};
