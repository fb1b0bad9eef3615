/* Intel VT-d: page-selective IOTLB invalidation with address mask AM, domain-selective beyond MAMV; IH=1
 * keeps cached pointers unless tables went. Switching SSADE takes a PASID-cache and a domain-selective IOTLB
 * invalidation per device, each waited for (VT-d 6.5; Linux drivers/iommu/intel/). */
#include <assert.h>

#include "sim/iommu/exact_leaf.h"
#include "sim/iommu/single_flush.h"

static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices, bool enable)
{
    (void)config;
    (void)enable;
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = 2 * devices,
        .syncs = 2 * devices,
        .drops_domain = true,
    };
}

static struct iommu_invalidation range(const struct iommu_config *config, struct span span,
                                       enum iommu_reason reason)
{
    assert(span.first % 4096 == 0 && span.last % 4096 == 4095);
    unsigned lg2;
    struct span block = iommu_cover(span, &lg2);
    if (lg2 > 12 + config->mamv)
        return iommu_domain();
    return (struct iommu_invalidation){
        .commands = 1,
        .syncs = 1,
        .span = block,
        .size_lg2_max = 64,
        .pointers = reason == IOMMU_TABLES_GONE,
    };
}

const struct iommu_vendor iommu_intel = {
    .name = "intel",
    .summary = "one command for the power-of-two block around a range, or the domain above MAMV",
    .toggle = toggle,
    .range = range,
    .leaf = leaf,
    .change = change,
};
