/* RISC-V IOMMU: IODIR.INVAL_DDT per device, IOTINVAL.GVMA by address or for the domain, IOFENCE.C (RISC-V
 * IOMMU 3.1; Linux drivers/iommu/riscv). */
#include <assert.h>

#include "sim/iommu/exact_leaf.h"
#include "sim/iommu/single_flush.h"

enum { COMMANDS_MAX = 512 }; /* above it the domain is cheaper */

/* GADE is never switched off: clean leaves would fault (semantics.md 7). */
static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices, bool enable)
{
    (void)config;
    if (!enable)
        return (struct iommu_toggle){0};
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = devices + 1,
        .syncs = 1,
        .drops_domain = true,
    };
}

/* One command for every leaf that could be there. Cached pointers go only with the domain. */
static struct iommu_invalidation range(const struct iommu_config *config, struct span span,
                                       enum iommu_reason reason)
{
    assert(span.first <= span.last && span.first % 4096 == 0 && span.last % 4096 == 4095);
    uint64_t leaves = ((span.last - span.first) >> config->smallest_leaf_lg2) + 1;
    if (reason == IOMMU_TABLES_GONE || leaves > COMMANDS_MAX)
        return iommu_domain();
    return (struct iommu_invalidation){.commands = leaves, .syncs = 1, .span = span, .size_lg2_max = 64};
}

const struct iommu_vendor iommu_riscv = {
    .name = "riscv",
    .summary = "one command for each smallest leaf of a range, or the domain above 512 and when tables went",
    .toggle = toggle,
    .range = range,
    .leaf = leaf,
    .change = change,
};
