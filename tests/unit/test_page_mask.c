/* Bit planes of pages against bytes (sim/state/page_mask.h), leaves of 2^0 ... 2^9 pages. */
#include <criterion/criterion.h>

#include "sim/base/cpu.h"
#include "sim/base/rng.h"
#include "sim/state/page_mask.h"

enum { ROUNDS = 300 };

static bool bit(const struct page_mask *mask, unsigned page)
{
    return mask->word[page / 64] >> (page % 64) & 1;
}

/* From nearly empty to nearly full. */
static struct page_mask draw(uint64_t *rng)
{
    struct page_mask mask;
    uint64_t thinner = rng_next(rng) % 12;
    for (unsigned w = 0; w < MASK_WORDS; w++) {
        mask.word[w] = rng_next(rng);
        for (uint64_t i = 0; i < thinner; i++)
            mask.word[w] &= rng_next(rng);
        if (rng_next(rng) % 20 == 0)
            mask.word[w] = ~mask.word[w];
    }
    return mask;
}

Test(page_mask, leaves_of_every_size)
{
    uint64_t rng = 1;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned shift = 0; shift <= TILE_PAGES_LG2; shift++) {
            struct page_mask pages = draw(&rng), heads = mask_leaf_heads(pages, shift);
            struct page_mask whole = mask_leaf_pages(heads, shift);
            for (unsigned first = 0; first < TILE_PAGES; first += 1u << shift) {
                bool any = false;
                for (unsigned page = first; page < first + (1u << shift); page++)
                    any |= bit(&pages, page);
                for (unsigned page = first; page < first + (1u << shift); page++) {
                    cr_assert_eq(bit(&heads, page), any && page == first, "shift %u page %u", shift, page);
                    cr_assert_eq(bit(&whole, page), any, "shift %u page %u", shift, page);
                }
            }
        }
}

Test(page_mask, arithmetic)
{
    uint64_t rng = 2;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct page_mask a = draw(&rng), b = draw(&rng);
        struct page_mask both = mask_and(a, &b), either = mask_or(a, &b), only = mask_without(a, &b);
        unsigned first = (unsigned)(rng_next(&rng) % TILE_PAGES);
        unsigned last = first + (unsigned)(rng_next(&rng) % (TILE_PAGES - first));
        struct page_mask between = mask_pages(first, last);
        unsigned count = 0, lowest = TILE_PAGES, highest = 0;
        for (unsigned page = 0; page < TILE_PAGES; page++) {
            cr_assert_eq(bit(&both, page), bit(&a, page) && bit(&b, page));
            cr_assert_eq(bit(&either, page), bit(&a, page) || bit(&b, page));
            cr_assert_eq(bit(&only, page), bit(&a, page) && !bit(&b, page));
            cr_assert_eq(bit(&between, page), page >= first && page <= last);
            if (!bit(&a, page))
                continue;
            count++;
            lowest = lowest == TILE_PAGES ? page : lowest;
            highest = page;
        }
        cr_assert_eq(mask_count(&a), count);
        cr_assert_eq(mask_any(&a), count > 0);
        cr_assert(mask_equal(&a, &a) && mask_equal(&a, &b) == (!memcmp(&a, &b, sizeof a)));
        if (count > 0)
            cr_assert(mask_lowest(&a) == lowest && mask_highest(&a) == highest);
    }
}

Test(page_mask, counted_in_blocks)
{
    uint64_t rng = 4, a[100], b[100], both = 0;
    for (size_t i = 0; i < 100; i++) {
        a[i] = i < 40 ? UINT64_MAX : rng_next(&rng);
        b[i] = i < 40 ? UINT64_MAX : rng_next(&rng);
        both += (uint64_t)__builtin_popcountll(a[i] & b[i]);
        cr_assert_eq(bits_count_both(a, b, i + 1), both);
    }
    cr_assert_eq(bits_count_block(a, BITS_BLOCK), 64 * BITS_BLOCK);
}

Test(page_mask, planes_of_state_words)
{
    uint64_t rng = 3;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint16_t state[TILE_PAGES], changed[TILE_PAGES];
        for (unsigned page = 0; page < TILE_PAGES; page++)
            changed[page] = state[page] = (uint16_t)rng_next(&rng);
        for (unsigned b = 0; b < 16; b++) {
            cpu_limit((enum cpu_set)(round % CPU_SETS));
            struct page_mask plane = mask_plane(state, (uint16_t)(1u << b));
            for (unsigned page = 0; page < TILE_PAGES; page++)
                cr_assert_eq(bit(&plane, page), state[page] >> b & 1);
        }
        struct page_mask mask = draw(&rng);
        uint16_t bits = (uint16_t)rng_next(&rng);
        mask_set_bits(changed, &mask, bits);
        for (unsigned page = 0; page < TILE_PAGES; page++)
            cr_assert_eq(changed[page], bit(&mask, page) ? state[page] | bits : state[page]);
        mask_clear_bits(changed, &mask, bits);
        for (unsigned page = 0; page < TILE_PAGES; page++)
            cr_assert_eq(changed[page], bit(&mask, page) ? state[page] & ~bits : state[page]);
    }
}
