/* Which writes devices log (semantics.md 9, method device). */
#include "sim/base/memory.h"
#include "sim/state/leaves.h"

void leaves_log_writes(struct leaves *leaves, const uint32_t *page_keys, const uint16_t *devices, size_t count)
{
    struct device_log *log = leaves->device_log;
    const uint16_t logged = leaves->at_start ? PAGE_TRACKED | PAGE_AT_START : PAGE_TRACKED;
    const uint16_t *const state = leaves->state;
    struct device_log_row *row = NULL; /* of the tile and device before */
    uint32_t tile = TILE_NONE;
    uint16_t device = 0;
    uint64_t base = 0; /* of the tile */
    if (leaves->phase != PHASE_TRACKING)
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t page = page_keys[i] >> 1;
        if (!(page_keys[i] & 1) || (state[page] & logged) != logged)
            continue;
        if (page >> TILE_PAGES_LG2 != tile || devices[i] != device || !row) {
            tile = page >> TILE_PAGES_LG2;
            device = devices[i];
            base = leaves->tiles[tile].number << TILE_LG2;
            row = device_log_row(log, leaves->tiles[tile].domain, device, base);
            if (!row)
                return;
        }
        device_log_add(row, device_log_block(log, base | (uint64_t)(page & (TILE_PAGES - 1)) << PAGE_LG2));
    }
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
