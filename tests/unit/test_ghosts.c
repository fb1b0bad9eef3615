/* Ghosts against a plain list (sim/cache/ghosts.h). */
#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/cache/ghosts.h"

enum { CAPACITY_MAX = 40, STEPS = 6000 };

struct listed {
    struct ghost ghost;
    uint32_t row;
};

struct list {
    struct listed items[CAPACITY_MAX];
    size_t count;
};

/* Few keys, so that they collide and come back. */
static struct ghost draw(uint64_t *rng)
{
    static const uint8_t sizes[] = {12, 13, 21, 30, 48, 63};
    uint64_t bits = rng_next(rng);
    uint8_t lg2 = sizes[bits % 6];
    uint64_t first = lg2 == 63 ? (bits >> 8 & 1) << 63 : (bits >> 8) % 7 << lg2;
    return (struct ghost){.first = first,
                          .shift = bits >> 20,
                          .domain = (uint32_t)(bits >> 16) % 3,
                          .lg2 = lg2,
                          .contents = (uint8_t)(bits >> 60)};
}

static size_t find(const struct list *list, const struct ghost *key)
{
    size_t i = 0;
    while (i < list->count &&
           !(list->items[i].ghost.first == key->first && list->items[i].ghost.lg2 == key->lg2 &&
             list->items[i].ghost.domain == key->domain))
        i++;
    return i;
}

static void compare(const struct ghosts *ghosts, const struct list *list)
{
    cr_assert_eq(ghosts->count, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct ghost *want = &list->items[i].ghost, *have = &ghosts->rows[list->items[i].row];
        cr_assert_eq(ghosts_find(ghosts, want->domain, want->lg2, want->first), list->items[i].row);
        cr_assert(have->shift == want->shift && have->contents == want->contents);
        cr_assert_eq(ghost_span(have).first, want->first);
        cr_assert_eq(ghost_span(have).last - want->first, (UINT64_C(1) << want->lg2) - 1);
    }
    size_t rows = 0;
    for (uint32_t row = 0; row < ghosts->capacity; row++)
        rows += ghosts->rows[row].lg2 != 0;
    cr_assert_eq(rows, list->count);
}

static void step(struct ghosts *ghosts, struct list *list, uint64_t *rng)
{
    struct ghost ghost = draw(rng);
    size_t at = find(list, &ghost);
    uint32_t row = ghosts_find(ghosts, ghost.domain, ghost.lg2, ghost.first);
    cr_assert_eq(row, at < list->count ? list->items[at].row : UINT32_MAX);
    if (rng_next(rng) % 500 == 0) {
        ghosts_clear(ghosts);
        list->count = 0;
    } else if (at < list->count) {
        ghosts_remove(ghosts, row);
        list->items[at] = list->items[--list->count];
    } else if (list->count < ghosts->capacity) {
        row = ghosts_add(ghosts, &ghost);
        cr_assert_lt(row, ghosts->capacity);
        list->items[list->count++] = (struct listed){ghost, row};
    }
}

Test(ghosts, behave_like_a_list)
{
    for (uint64_t capacity = 0; capacity <= CAPACITY_MAX; capacity = capacity * 3 + 1) {
        struct ghosts ghosts;
        struct list list = {.count = 0};
        struct error error = {0};
        uint64_t rng = capacity;
        cr_assert(ghosts_init(&ghosts, capacity, &error));
        for (size_t i = 0; i < STEPS; i++) {
            step(&ghosts, &list, &rng);
            compare(&ghosts, &list);
        }
        ghosts_free(&ghosts);
    }
    cr_assert_eq(memory_used(), 0);
}
