#include "sim/iommu/iommu.h"

#include <assert.h>
#include <string.h>

struct span iommu_cover(struct span span, unsigned *lg2)
{
    assert(span.first <= span.last);
    uint64_t differ = span.first ^ span.last;
    unsigned block_lg2 = differ == 0 ? 0 : 64 - (unsigned)__builtin_clzll(differ);
    uint64_t inside = block_lg2 == 64 ? UINT64_MAX : (UINT64_C(1) << block_lg2) - 1;
    if (lg2)
        *lg2 = block_lg2;
    return (struct span){span.first & ~inside, span.last | inside};
}

struct iommu_invalidation iommu_domain(void)
{
    return (struct iommu_invalidation){
        .commands = 1,
        .syncs = 1,
        .whole_domain = true,
        .span = {0, UINT64_MAX},
        .size_lg2_max = 64,
        .pointers = true,
    };
}

const struct iommu_vendor *iommu_vendor_find(const char *name)
{
    size_t i = 0;
    while (iommu_vendors[i] && strcmp(iommu_vendors[i]->name, name) != 0)
        i++;
    assert(iommu_vendors[i]);
    return iommu_vendors[i];
}
