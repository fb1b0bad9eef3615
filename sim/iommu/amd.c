/* AMD-Vi: INVALIDATE_DEVTAB_ENTRY per device, INVALIDATE_IOMMU_PAGES with the size in the address
 * field and PDE=1, COMPLETION_WAIT (AMD 48882 2.4; Linux drivers/iommu/amd/iommu.c). */
#include <assert.h>

#include "sim/iommu/iommu.h"

static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices)
{
    (void)config;
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = devices + 1,
        .syncs = 1,
        .drops_domain = true,
    };
}

static struct iommu_flush range(const struct iommu_config *config, uint64_t first, uint64_t last)
{
    (void)config;
    assert(first % 4096 == 0 && last % 4096 == 4095);
    struct iommu_flush flush = {.commands = 1, .syncs = 1, .first = first, .last = last};
    iommu_cover(&flush.first, &flush.last);
    return flush;
}

const struct iommu_vendor iommu_amd = {
    .name = "amd",
    .summary = "one command for the power-of-two block around a range, walk caches included",
    .address_flush_drops_pointers = true,
    .toggle = toggle,
    .range = range,
};
