/* The order in which harvests read slots, against a list of all slots sorted as semantics.md 13 says. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "sim/base/rng.h"
#include "sim/pt/slot_order.h"

#define BIT(n) (UINT64_C(1) << (n))

enum { SLOTS_MAX = 1 << 16 };

struct slot {
    uint64_t first, last;
    unsigned level;
};

static struct slot slots[SLOTS_MAX];
static size_t slot_count;

static void add_slots(const struct tables *tables, const struct pt_geometry *geometry, unsigned level,
                      struct span table)
{
    unsigned lg2 = pt_entry_lg2(geometry, level);
    for (uint64_t first = table.first;; first += BIT(lg2)) {
        struct slot slot = {first, first + (BIT(lg2) - 1), level};
        cr_assert_lt(slot_count, SLOTS_MAX);
        slots[slot_count++] = slot;
        if (level > 0 && tables_exists(tables, level - 1, first))
            add_slots(tables, geometry, level - 1, (struct span){slot.first, slot.last});
        if (slot.last == table.last)
            break;
    }
}

static int compare(const void *a, const void *b)
{
    const struct slot *left = a, *right = b;
    if (left->first != right->first)
        return left->first < right->first ? -1 : 1;
    return (left->level < right->level) - (left->level > right->level);
}

/* All slots of a window have their place in the list as their number. */
static void check_window(const struct slot_order *order, struct span window)
{
    struct slot_window at = slot_window_at(order, window.first);
    uint64_t before = 0;
    for (size_t i = 0; i < slot_count; i++) {
        if (slots[i].last < window.first || slots[i].first > window.last)
            continue;
        uint64_t number = slots_before(order, &at, slots[i].first, slots[i].level);
        cr_assert(number == before, "window %llx-%llx: slot %llx of level %u is %llu, by the list %llu",
                  (unsigned long long)window.first, (unsigned long long)window.last,
                  (unsigned long long)slots[i].first, slots[i].level, (unsigned long long)number,
                  (unsigned long long)before);
        before++;
    }
    cr_assert_eq(slots_until(order, &at, window.last), before);
}

static void check_shape(const struct pt_geometry *geometry, uint64_t sizes, uint64_t seed)
{
    struct error error = {.kind = ERROR_NONE};
    struct tables *tables = tables_new(geometry, sizes, FREE_COVERED, false, &error);
    struct tables_change change = {0};
    struct tables_birth birth = {.leaf = {LEAF_WRITABLE, LEAF_WRITABLE}};
    uint64_t top = BIT(geometry->iova_bits) - 1, at = 0;
    for (unsigned i = 0; i < 12 && at <= top; i++) {
        uint64_t first = (at + (rng_next(&seed) % BIT(geometry->iova_bits - 3))) >> 12 << 12;
        uint64_t last = first + BIT(12 + rng_next(&seed) % (geometry->iova_bits - 15)) - 1;
        if (last > top)
            break;
        cr_assert(tables_map(tables, (struct span){first, last}, rng_next(&seed) % 2 ? 0 : first, &birth,
                             &change, &error));
        at = last + 1;
    }
    struct slot_order order;
    cr_assert(slot_order_init(&order, tables, geometry, &error));
    slot_count = 0;
    add_slots(tables, geometry, geometry->levels - 1, (struct span){0, top});
    qsort(slots, slot_count, sizeof *slots, compare);
    check_window(&order, (struct span){0, top});
    for (unsigned i = 0; i < 40; i++) {
        uint64_t first = rng_next(&seed) % (top + 1) >> 12 << 12;
        uint64_t last = first + ((rng_next(&seed) % (top + 1 - first)) | 0xfff);
        check_window(&order, (struct span){first, last});
    }
    slot_order_free(&order);
    tables_change_free(&change);
    tables_free(tables);
}

Test(slot_order, equals_a_sorted_list)
{
    const struct pt_geometry narrow = {.levels = 4,
                                       .granule_lg2 = 12,
                                       .index_bits = 2,
                                       .iova_bits = 20,
                                       .table_bytes = 32,
                                       .root_bytes = 32,
                                       .plain_sizes = BIT(12) | BIT(14) | BIT(16),
                                       .sizes = BIT(20) - BIT(12)};
    const struct pt_geometry wide = {.levels = 3,
                                     .granule_lg2 = 12,
                                     .index_bits = 4,
                                     .iova_bits = 24,
                                     .table_bytes = 128,
                                     .root_bytes = 128,
                                     .plain_sizes = BIT(12) | BIT(16) | BIT(20),
                                     .sizes = BIT(12) | BIT(14) | BIT(16) | BIT(18) | BIT(20)};
    for (uint64_t seed = 1; seed <= 100; seed++) {
        check_shape(&narrow, BIT(19) - BIT(12), seed);
        check_shape(&wide, wide.sizes, seed + 1000);
    }
}
