/* One bit per page of a tile: bit planes of the pages' state words, and arithmetic on leaves of 2^shift pages. */
#ifndef SIM_STATE_PAGE_MASK_H
#define SIM_STATE_PAGE_MASK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sim/base/bits.h"
#include "sim/state/tile.h"

enum { MASK_WORDS = TILE_PAGES / 64 };

struct page_mask {
    uint64_t word[MASK_WORDS];
};

/** Which of 64 state words have `flag`, a single bit, set: a word of `bits` for each of `groups` groups of 64. */
void mask_of_words(const uint16_t *words, size_t groups, uint16_t flag, uint64_t *bits);

/** Which of the tile's pages have `flag`, a single bit, set. */
static inline struct page_mask mask_plane(const uint16_t *state, uint16_t flag)
{
    struct page_mask mask;
    mask_of_words(state, MASK_WORDS, flag, mask.word);
    return mask;
}

static inline bool mask_any(const struct page_mask *mask)
{
    uint64_t any = 0;
    for (unsigned w = 0; w < MASK_WORDS; w++)
        any |= mask->word[w];
    return any != 0;
}

static inline uint64_t mask_count(const struct page_mask *mask)
{
    return bits_count_block(mask->word, MASK_WORDS);
}

static inline struct page_mask mask_and(struct page_mask a, const struct page_mask *b)
{
    for (unsigned w = 0; w < MASK_WORDS; w++)
        a.word[w] &= b->word[w];
    return a;
}

static inline struct page_mask mask_or(struct page_mask a, const struct page_mask *b)
{
    for (unsigned w = 0; w < MASK_WORDS; w++)
        a.word[w] |= b->word[w];
    return a;
}

/** a ∖ b */
static inline struct page_mask mask_without(struct page_mask a, const struct page_mask *b)
{
    for (unsigned w = 0; w < MASK_WORDS; w++)
        a.word[w] &= ~b->word[w];
    return a;
}

static inline bool mask_equal(const struct page_mask *a, const struct page_mask *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static inline bool mask_has(const struct page_mask *mask, unsigned page)
{
    return mask->word[page / 64] >> (page % 64) & 1;
}

static inline void mask_add(struct page_mask *mask, unsigned page)
{
    mask->word[page / 64] |= UINT64_C(1) << (page % 64);
}

/** Pages first ... last of a tile. */
static inline struct page_mask mask_pages(unsigned first, unsigned last)
{
    struct page_mask mask;
    for (unsigned w = 0; w < MASK_WORDS; w++) {
        unsigned low = w * 64, high = low + 63;
        if (last < low || first > high) {
            mask.word[w] = 0;
            continue;
        }
        uint64_t word = ~UINT64_C(0);
        if (first > low)
            word &= ~UINT64_C(0) << (first - low);
        if (last < high)
            word &= ~UINT64_C(0) >> (high - last);
        mask.word[w] = word;
    }
    return mask;
}

/** All pages of the leaves of 2^shift pages whose heads, their first pages, are set (shift <= TILE_PAGES_LG2). */
static inline struct page_mask mask_leaf_pages(struct page_mask heads, unsigned shift)
{
    for (unsigned s = 0; s < shift && s < 6; s++)
        for (unsigned w = 0; w < MASK_WORDS; w++)
            heads.word[w] |= heads.word[w] << (1u << s);
    for (unsigned s = 6; s < shift; s++)
        for (unsigned w = MASK_WORDS; w-- > 1u << (s - 6);)
            heads.word[w] |= heads.word[w - (1u << (s - 6))];
    return heads;
}

/** The heads of the leaves of 2^shift pages that have any page set. */
static inline struct page_mask mask_leaf_heads(struct page_mask pages, unsigned shift)
{
    static const uint64_t first_of[7] = {UINT64_C(0xffffffffffffffff),
                                         UINT64_C(0x5555555555555555),
                                         UINT64_C(0x1111111111111111),
                                         UINT64_C(0x0101010101010101),
                                         UINT64_C(0x0001000100010001),
                                         UINT64_C(0x0000000100000001),
                                         1};
    for (unsigned s = 0; s < shift && s < 6; s++)
        for (unsigned w = 0; w < MASK_WORDS; w++)
            pages.word[w] |= pages.word[w] >> (1u << s);
    for (unsigned s = 6; s < shift; s++)
        for (unsigned w = 0; w + (1u << (s - 6)) < MASK_WORDS; w++)
            pages.word[w] |= pages.word[w + (1u << (s - 6))];
    for (unsigned w = 0; w < MASK_WORDS; w++)
        pages.word[w] &= shift <= 6 ? first_of[shift] : (uint64_t)(w % (1u << (shift - 6)) == 0);
    return pages;
}

/** Index of the lowest, of the highest page; the mask must not be empty. */
static inline unsigned mask_lowest(const struct page_mask *mask)
{
    unsigned w = 0;
    while (mask->word[w] == 0)
        w++;
    return w * 64 + (unsigned)__builtin_ctzll(mask->word[w]);
}

static inline unsigned mask_highest(const struct page_mask *mask)
{
    unsigned w = MASK_WORDS - 1;
    while (mask->word[w] == 0)
        w--;
    return w * 64 + 63 - (unsigned)__builtin_clzll(mask->word[w]);
}

/** Clear `bits` in the words of the pages of the mask. */
static inline void mask_clear_bits(uint16_t *state, const struct page_mask *mask, uint16_t bits)
{
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = mask->word[w]; left != 0; left &= left - 1)
            state[w * 64 + (unsigned)__builtin_ctzll(left)] &= (uint16_t)~bits;
}

/** Set `bits` in the words of the pages of the mask. */
static inline void mask_set_bits(uint16_t *state, const struct page_mask *mask, uint16_t bits)
{
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = mask->word[w]; left != 0; left &= left - 1)
            state[w * 64 + (unsigned)__builtin_ctzll(left)] |= bits;
}

#endif
