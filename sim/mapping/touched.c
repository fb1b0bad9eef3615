#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/state/page_set.h"

enum { OUTPUT_LG2 = 52 };

/* Every maximal run of touched extents is one map call, address = iova. What lies beyond the width or 2^52 is
 * not mapped. */
static bool map_calls(const struct cell_config *config, const struct page_set *touched, uint64_t limit,
                      struct config_region **calls, size_t *count, struct error *error)
{
    uint64_t extent = config->mapping.extent_bytes, first, last;
    size_t capacity = 0;
    *calls = NULL;
    *count = 0;
    if (limit == 0 || limit > UINT64_C(1) << OUTPUT_LG2)
        limit = UINT64_C(1) << OUTPUT_LG2;
    for (struct page_set_cursor at = {0}; page_set_next_run(touched, &at, &first, &last);) {
        first = first / extent * extent;
        last = last / extent * extent + (extent - 1);
        if (first >= limit)
            break;
        if (last >= limit)
            last = limit - 1;
        struct config_region *tail = *count > 0 ? &(*calls)[*count - 1] : NULL;
        if (tail && first <= tail->iova + tail->bytes) {
            if (last >= tail->iova + tail->bytes)
                tail->bytes = last - tail->iova + 1;
            continue;
        }
        if (!memory_grow(calls, &capacity, *count + 1, sizeof **calls, error))
            return false;
        (*calls)[(*count)++] = (struct config_region){first, last - first + 1, first};
    }
    return true;
}

const struct mapping_source mapping_touched = {
    .name = "touched",
    .summary =
        "every extent that a read or write of the trace touches, mapped to itself before the first record",
    .needs_touched = true,
    .map_calls = map_calls,
};
