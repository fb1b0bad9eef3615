/* Which writes devices log (semantics.md 9, method device). */
#include "sim/base/memory.h"
#include "sim/state/leaves.h"

static void log_write(struct leaves *leaves, uint32_t page, uint16_t device)
{
    const struct tile *tile = &leaves->tiles[page >> TILE_PAGES_LG2];
    uint16_t logged = leaves->at_start ? PAGE_TRACKED | PAGE_AT_START : PAGE_TRACKED;
    if ((leaves->state[page] & logged) == logged)
        device_log_add(leaves->device_log, tile->domain, device,
                       tile->number << TILE_LG2 | (uint64_t)(page & (TILE_PAGES - 1)) << PAGE_LG2);
}

void leaves_log_writes(struct leaves *leaves, const uint32_t *page_keys, const uint16_t *devices, size_t count)
{
    if (leaves->phase != PHASE_TRACKING)
        return;
    for (size_t i = 0; i < count; i++)
        if (page_keys[i] & 1)
            log_write(leaves, page_keys[i] >> 1, devices[i]);
}

static bool list_mapped(const struct leaves *leaves, uint32_t domain, struct span_list *spans,
                        struct error *error)
{
    struct span mapped;
    for (uint64_t at = 0; tables_mapped_lower(leaves->domains[domain].tables, at, &mapped); at = mapped.last + 1) {
        if (!span_append(spans, mapped.first, mapped.last, error))
            return false;
        if (mapped.last == UINT64_MAX)
            break;
    }
    return true;
}

bool leaves_fix_log_ranges(struct leaves *leaves, struct error *error)
{
    leaves->at_start = memory_zeroed(leaves->domain_count, sizeof *leaves->at_start, error);
    if (!leaves->at_start)
        return false;
    for (uint32_t d = 0; d < leaves->domain_count; d++)
        if (!list_mapped(leaves, d, &leaves->at_start[d], error))
            return false;
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        uint16_t *state = leaves_tile_state(leaves, id);
        struct page_mask mapped = mask_plane(state, PAGE_MAPPED);
        mask_set_bits(state, &mapped, PAGE_AT_START);
    }
    return true;
}
