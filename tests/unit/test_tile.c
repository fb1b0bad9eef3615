/* Numbers of tiles against a plain list, with few domains and with many, whose directories have other shapes
 * (sim/state/tile.h). */
#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/state/tile.h"

enum { TILES_MAX = 600, STEPS = 8000 };

struct known {
    uint32_t domain;
    uint64_t number;
};

/* Near each other, a window apart, and at both ends of the address space. */
static uint64_t draw_number(uint64_t *rng)
{
    const uint64_t top = (UINT64_C(1) << (64 - TILE_LG2)) - 1;
    uint64_t bits = rng_next(rng), near = (bits >> 8) % 20;
    switch (bits % 4) {
    case 0:
        return near;
    case 1:
        return near << TILE_WINDOW_SMALL_LG2;
    case 2:
        return near << TILE_WINDOW_LG2 | 5;
    default:
        return top - near;
    }
}

static void compare(uint32_t domains)
{
    struct tile_index index;
    struct error error = {0};
    static struct known known[TILES_MAX];
    uint32_t count = 0;
    uint64_t rng = domains;
    cr_assert(tile_index_init(&index, domains, &error));
    for (size_t step = 0; step < STEPS; step++) {
        struct known at = {(uint32_t)(rng_next(&rng) % domains), draw_number(&rng)};
        if (domains > 100 && step % 2)
            at.domain %= 7;
        uint32_t id = 0;
        while (id < count && (known[id].domain != at.domain || known[id].number != at.number))
            id++;
        cr_assert_eq(tile_find(&index, at.domain, at.number), id < count ? id : TILE_NONE);
        if (id == count && count == TILES_MAX)
            continue;
        if (step % 3 == 0) {
            bool is_new = false;
            cr_assert_eq(tile_id(&index, at.domain, at.number, &is_new, &error), id);
            cr_assert_eq(is_new, id == count);
            if (is_new)
                known[count++] = at;
            cr_assert_eq(tile_find(&index, at.domain, at.number), id);
        }
        cr_assert_eq(index.count, count);
    }
    cr_assert_gt(count, 70);
    tile_index_free(&index);
}

Test(tile, numbers_behave_like_a_list)
{
    static const uint32_t domains[] = {1, 2, TILE_DOMAINS_FEW, TILE_DOMAINS_FEW + 1, TILE_DOMAINS_MANY, 5000};
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        compare(domains[i]);
    cr_assert_eq(memory_used(), 0);
}

Test(tile, a_window_that_does_not_fit_is_an_error)
{
    struct tile_index index;
    struct error error = {0};
    bool is_new;
    cr_assert(tile_index_init(&index, 1, &error));
    memory_limit_set(memory_used() + 4096);
    cr_assert_eq(tile_id(&index, 0, 7, &is_new, &error), TILE_NONE);
    memory_limit_set(0);
    cr_assert_eq(error.kind, ERROR_MEMORY);
    cr_assert_eq(tile_find(&index, 0, 7), TILE_NONE);
    error = (struct error){0};
    cr_assert_eq(tile_id(&index, 0, 7, &is_new, &error), 0);
    tile_index_free(&index);
}
