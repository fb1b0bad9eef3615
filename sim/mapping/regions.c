#include "sim/mapping/regions.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

static int compare(const void *a, const void *b)
{
    const struct config_region *left = a, *right = b;
    return (left->iova > right->iova) - (left->iova < right->iova);
}

bool mapping_regions_calls(const struct cell_config *config, const struct page_set *touched, uint16_t device,
                           uint64_t last_iova, struct config_region **calls, size_t *count, struct error *error)
{
    (void)touched;
    (void)device;
    (void)last_iova; /* regions beyond the width are refused when the experiment is read */
    *count = config->mapping.region_count;
    *calls = memory_zeroed(*count, sizeof **calls, error);
    if (!*calls)
        return false;
    if (*count > 0) {
        memcpy(*calls, config->mapping.regions, *count * sizeof **calls);
        qsort(*calls, *count, sizeof **calls, compare);
    }
    return true;
}
