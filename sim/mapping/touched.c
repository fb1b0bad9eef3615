#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/state/page_set.h"

enum { OUTPUT_LG2 = 52 };

/* Add [first, last], address = iova mod 2^52, cut where that wraps. */
static bool add_calls(struct config_region **calls, size_t *count, size_t *capacity, uint64_t first,
                      uint64_t last, struct error *error)
{
    const uint64_t mask = (UINT64_C(1) << OUTPUT_LG2) - 1;
    for (;; first = (first | mask) + 1) {
        uint64_t end = (first | mask) < last ? first | mask : last;
        if (!memory_grow(calls, capacity, *count + 1, sizeof **calls, error))
            return false;
        (*calls)[(*count)++] = (struct config_region){first, end - first + 1, first & mask};
        if (end == last)
            return true;
    }
}

/* Every maximal run of touched extents is one map call. What lies beyond the width is not mapped. */
static bool map_calls(const struct cell_config *config, const struct page_set *touched, uint16_t device,
                      uint64_t last_iova, struct config_region **calls, size_t *count, struct error *error)
{
    uint64_t extent = config->mapping.extent_bytes, first, last, from = 0, to = 0;
    size_t capacity = 0;
    bool open = false;
    *calls = NULL;
    *count = 0;
    for (struct page_set_cursor at = page_set_begin(touched, device);
         page_set_next_run(touched, &at, &first, &last);) {
        first = first / extent * extent;
        last = last / extent * extent;
        if (first > last_iova)
            break;
        last = last_iova - last < extent ? last_iova : last + (extent - 1);
        if (open && (to == UINT64_MAX || first <= to + 1)) {
            to = last > to ? last : to;
            continue;
        }
        if (open && !add_calls(calls, count, &capacity, from, to, error))
            return false;
        from = first;
        to = last;
        open = true;
    }
    return !open || add_calls(calls, count, &capacity, from, to, error);
}

const struct mapping_source mapping_touched = {
    .name = "touched",
    .summary =
        "every extent that a read or write of the trace touches, mapped to itself before the first record",
    .needs_touched = true,
    .map_calls = map_calls,
};
