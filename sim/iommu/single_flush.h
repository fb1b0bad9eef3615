/* Vendors that flush once after a change (amd, intel, riscv), as a template: a vendor file defines its
 * `range`, includes this header once, and has `change` for its ops. */
#ifndef SIM_IOMMU_SINGLE_FLUSH_H
#define SIM_IOMMU_SINGLE_FLUSH_H

#include "sim/iommu/iommu.h"

static struct iommu_invalidation range(const struct iommu_config *config, struct span span,
                                       enum iommu_reason reason);

/* Everything between the first and the last byte that went. */
static void change(const struct iommu_config *config, const struct iommu_change *change, iommu_emit *emit,
                   void *context)
{
    struct iommu_invalidation invalidation =
        range(config, change->hull, change->table_count > 0 ? IOMMU_TABLES_GONE : IOMMU_LEAVES_GONE);
    emit(context, &invalidation);
}

#endif
