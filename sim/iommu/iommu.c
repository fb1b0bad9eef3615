#include "sim/iommu/iommu.h"

#include <assert.h>
#include <string.h>

unsigned iommu_cover(uint64_t *first, uint64_t *last)
{
    assert(*first <= *last);
    uint64_t differ = *first ^ *last;
    unsigned lg2 = differ == 0 ? 0 : 64 - (unsigned)__builtin_clzll(differ);
    uint64_t inside = lg2 == 64 ? UINT64_MAX : (UINT64_C(1) << lg2) - 1;
    *first &= ~inside;
    *last |= inside;
    return lg2;
}

const struct iommu_vendor *iommu_vendor_find(const char *name)
{
    size_t i = 0;
    while (iommu_vendors[i] && strcmp(iommu_vendors[i]->name, name) != 0)
        i++;
    assert(iommu_vendors[i]);
    return iommu_vendors[i];
}
