#include "sim/cache/ghosts.h"

#include <assert.h>
#include <string.h>

#include "sim/base/memory.h"

bool ghosts_init(struct ghosts *ghosts, uint64_t entries, struct error *error)
{
    uint64_t slots = 4;
    while (slots < entries * 2)
        slots *= 2;
    *ghosts = (struct ghosts){.capacity = (uint32_t)entries, .slot_mask = (uint32_t)(slots - 1)};
    ghosts->rows = memory_zeroed(entries + 1, sizeof *ghosts->rows, error);
    ghosts->free_rows = memory_zeroed(entries + 1, sizeof *ghosts->free_rows, error);
    ghosts->slots = memory_zeroed(slots, sizeof *ghosts->slots, error);
    if (!ghosts->rows || !ghosts->free_rows || !ghosts->slots)
        return false;
    ghosts_clear(ghosts);
    return true;
}

void ghosts_free(struct ghosts *ghosts)
{
    memory_free(ghosts->rows);
    memory_free(ghosts->free_rows);
    memory_free(ghosts->slots);
    *ghosts = (struct ghosts){0};
}

void ghosts_clear(struct ghosts *ghosts)
{
    ghosts->count = 0;
    for (uint32_t row = 0; row < ghosts->capacity; row++) {
        ghosts->rows[row].lg2 = 0;
        ghosts->free_rows[row] = ghosts->capacity - 1 - row;
    }
    memset(ghosts->slots, 0, ((size_t)ghosts->slot_mask + 1) * sizeof *ghosts->slots);
}

static uint32_t home_of(const struct ghosts *ghosts, uint32_t domain, unsigned lg2, uint64_t first)
{
    uint64_t key = (first >> lg2) * UINT64_C(0x9e3779b97f4a7c15) + domain * UINT64_C(0xd6e8feb86659fd93) + lg2;
    return (uint32_t)(key ^ key >> 32) & ghosts->slot_mask;
}

static bool is_key(const struct ghost *ghost, uint32_t domain, unsigned lg2, uint64_t first)
{
    return ghost->first == first && ghost->domain == domain && ghost->lg2 == lg2;
}

uint32_t ghosts_find(const struct ghosts *ghosts, uint32_t domain, unsigned lg2, uint64_t first)
{
    uint32_t slot = home_of(ghosts, domain, lg2, first);
    for (; ghosts->slots[slot] != 0; slot = (slot + 1) & ghosts->slot_mask)
        if (is_key(&ghosts->rows[ghosts->slots[slot] - 1], domain, lg2, first))
            return ghosts->slots[slot] - 1;
    return UINT32_MAX;
}

uint32_t ghosts_add(struct ghosts *ghosts, const struct ghost *ghost)
{
    assert(ghosts->count < ghosts->capacity);
    uint32_t row = ghosts->free_rows[ghosts->capacity - 1 - ghosts->count++];
    uint32_t slot = home_of(ghosts, ghost->domain, ghost->lg2, ghost->first);
    ghosts->rows[row] = *ghost;
    while (ghosts->slots[slot] != 0)
        slot = (slot + 1) & ghosts->slot_mask;
    ghosts->slots[slot] = row + 1;
    return row;
}

void ghosts_remove(struct ghosts *ghosts, uint32_t row)
{
    struct ghost *ghost = &ghosts->rows[row];
    uint32_t slot = home_of(ghosts, ghost->domain, ghost->lg2, ghost->first);
    while (ghosts->slots[slot] != row + 1)
        slot = (slot + 1) & ghosts->slot_mask;
    /* Close the gap: move back what was displaced over it. */
    for (uint32_t next = slot;;) {
        ghosts->slots[slot] = 0;
        for (;;) {
            next = (next + 1) & ghosts->slot_mask;
            if (ghosts->slots[next] == 0)
                goto closed;
            const struct ghost *moved = &ghosts->rows[ghosts->slots[next] - 1];
            uint32_t home = home_of(ghosts, moved->domain, moved->lg2, moved->first);
            if (((next - home) & ghosts->slot_mask) >= ((next - slot) & ghosts->slot_mask))
                break;
        }
        ghosts->slots[slot] = ghosts->slots[next];
        slot = next;
    }
closed:
    ghost->lg2 = 0;
    ghosts->free_rows[ghosts->capacity - ghosts->count--] = row;
}
