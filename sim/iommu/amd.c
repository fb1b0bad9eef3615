/* AMD-Vi: INVALIDATE_DEVTAB_ENTRY per device, INVALIDATE_IOMMU_PAGES with the size in the address field,
 * COMPLETION_WAIT (AMD 48882 2.4; Linux drivers/iommu/amd/iommu.c). The command drops no IOTLB entry and,
 * with PDE=1, no cached pointer that covers more than its block; PDE=0 drops no pointer. */
#include <assert.h>

#include "sim/iommu/single_flush.h"

static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices, bool enable)
{
    (void)config;
    (void)enable;
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = devices + 1,
        .syncs = 1,
        .drops_domain = true,
    };
}

static struct iommu_invalidation range(const struct iommu_config *config, struct span span,
                                       enum iommu_reason reason)
{
    assert(span.first % 4096 == 0 && span.last % 4096 == 4095);
    struct iommu_invalidation invalidation = {.commands = 1, .syncs = 1};
    invalidation.span = iommu_cover(span, &invalidation.size_lg2_max);
    invalidation.pointers = config->pde_always || reason == IOMMU_TABLES_GONE;
    return invalidation;
}

/* A leaf is its own block. */
static struct iommu_invalidation leaf(const struct iommu_config *config, struct span span)
{
    struct iommu_invalidation invalidation = range(config, span, IOMMU_HARVEST);
    assert(invalidation.span.first == span.first && invalidation.span.last == span.last);
    invalidation.syncs = 0;
    return invalidation;
}

const struct iommu_vendor iommu_amd = {
    .name = "amd",
    .summary = "one command for the power-of-two block around a range; entries larger than it stay",
    .toggle = toggle,
    .range = range,
    .leaf = leaf,
    .change = change,
};
