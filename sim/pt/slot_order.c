#include "sim/pt/slot_order.h"

#include "sim/base/memory.h"

static uint64_t scan(const struct slot_order *order, uint64_t first, uint64_t last)
{
    uint64_t slots = 0, tables = 0;
    tables_scan(order->tables, (struct span){first, last}, &slots, &tables);
    return slots;
}

/* Slots that hold both an address and the one before it. */
static uint64_t cut_at(const struct slot_order *order, uint64_t address)
{
    uint64_t cut = 0;
    for (unsigned level = 0; level < order->geometry->levels; level++) {
        uint64_t mask = (UINT64_C(1) << pt_entry_lg2(order->geometry, level)) - 1;
        cut += (address & mask) != 0 && tables_exists(order->tables, level, address);
    }
    return cut;
}

/* Slots that begin at or before an address. */
static uint64_t begun(const struct slot_order *order, uint64_t address)
{
    size_t low = 0, high = order->count;
    while (low < high) { /* the first run behind it */
        size_t middle = low + (high - low) / 2;
        if (order->sums[middle].first <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return scan(order, 0, address);
    const struct slot_sum *sum = &order->sums[low - 1];
    return sum->ended + scan(order, sum->first, address);
}

static uint64_t ended_before(const struct slot_order *order, uint64_t address)
{
    return address == 0 ? 0 : begun(order, address - 1) - cut_at(order, address);
}

bool slot_order_init(struct slot_order *order, const struct tables *tables,
                     const struct pt_geometry *geometry, struct error *error)
{
    *order = (struct slot_order){.tables = tables, .geometry = geometry};
    for (const struct leaf_run *run = tables_lower(tables, 0); run; run = tables_next(run)) {
        if (!memory_grow(&order->sums, &order->capacity, order->count + 1, sizeof *order->sums, error))
            return false;
        order->sums[order->count] = (struct slot_sum){run->span.first, ended_before(order, run->span.first)};
        order->count++;
    }
    return true;
}

void slot_order_free(struct slot_order *order)
{
    memory_free(order->sums);
    *order = (struct slot_order){0};
}

struct slot_window slot_window_at(const struct slot_order *order, uint64_t first)
{
    return (struct slot_window){first, ended_before(order, first)};
}

uint64_t slots_until(const struct slot_order *order, const struct slot_window *window, uint64_t last)
{
    return begun(order, last) - window->ended;
}

uint64_t slots_before(const struct slot_order *order, const struct slot_window *window, uint64_t address,
                      unsigned level)
{
    const struct pt_geometry *geometry = order->geometry;
    uint64_t first = address >> pt_entry_lg2(geometry, level) << pt_entry_lg2(geometry, level);
    if (first <= window->first) /* only the way to it */
        return geometry->levels - 1 - level;
    uint64_t before = slots_until(order, window, first - 1);
    for (unsigned above = level + 1; above < geometry->levels; above++)
        before += (first & ((UINT64_C(1) << pt_entry_lg2(geometry, above)) - 1)) == 0;
    return before;
}
