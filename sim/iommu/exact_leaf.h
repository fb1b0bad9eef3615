/* Vendors whose address-based invalidation of one leaf drops whatever overlaps it and no pointer (intel,
 * smmu, riscv), as a template. */
#ifndef SIM_IOMMU_EXACT_LEAF_H
#define SIM_IOMMU_EXACT_LEAF_H

#include "sim/iommu/iommu.h"

static struct iommu_invalidation leaf(const struct iommu_config *config, struct span span)
{
    (void)config;
    return (struct iommu_invalidation){.commands = 1, .span = span, .size_lg2_max = 64};
}

#endif
