/* One bit per page of a tile: bit planes of the pages' state words, and arithmetic on leaves of 2^shift pages. */
#ifndef SIM_STATE_PAGE_MASK_H
#define SIM_STATE_PAGE_MASK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sim/state/tile.h"

enum { MASK_WORDS = TILE_PAGES / 64 };

struct page_mask {
    uint64_t word[MASK_WORDS];
};

/** Which of 64 bytes have `flag`, a single bit, set. */
static inline uint64_t mask_of_64(const uint8_t *bytes, uint8_t flag)
{
    unsigned bit = (unsigned)__builtin_ctz(flag);
    uint64_t word = 0;
#ifdef __SSE2__
    for (unsigned q = 0; q < 4; q++) {
        __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(bytes + q * 16));
        /* Shifting 16-bit lanes is fine: only the top bit of each byte is taken. */
        part = _mm_sll_epi16(part, _mm_cvtsi32_si128((int)(7 - bit)));
        word |= (uint64_t)(uint16_t)_mm_movemask_epi8(part) << (q * 16);
    }
#else
    for (unsigned q = 0; q < 8; q++) {
        uint64_t part;
        memcpy(&part, bytes + q * 8, sizeof part);
        part = part >> bit & UINT64_C(0x0101010101010101);
        word |= (part * UINT64_C(0x0102040810204080) >> 56) << (q * 8);
    }
#endif
    return word;
}

/** Which of 64 state words have `flag`, a single bit, set. */
static inline uint64_t mask_of_64_words(const uint16_t *words, uint16_t flag)
{
    unsigned bit = (unsigned)__builtin_ctz(flag);
    uint64_t word = 0;
#ifdef __SSE2__
    const __m128i shift = _mm_cvtsi32_si128((int)(15 - bit));
    for (unsigned q = 0; q < 4; q++) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(words + q * 16));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(words + q * 16 + 8));
        low = _mm_packs_epi16(_mm_sll_epi16(low, shift), _mm_sll_epi16(high, shift)); /* keeps the sign */
        word |= (uint64_t)(uint16_t)_mm_movemask_epi8(low) << (q * 16);
    }
#else
    for (unsigned q = 0; q < 64; q++)
        word |= (uint64_t)(words[q] >> bit & 1) << q;
#endif
    return word;
}

/** Which of the tile's pages have `flag`, a single bit, set. */
static inline struct page_mask mask_plane(const uint16_t *state, uint16_t flag)
{
    struct page_mask mask;
    for (unsigned w = 0; w < MASK_WORDS; w++)
        mask.word[w] = mask_of_64_words(state + w * 64, flag);
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
    uint64_t count = 0;
    for (unsigned w = 0; w < MASK_WORDS; w++)
        count += (uint64_t)__builtin_popcountll(mask->word[w]);
    return count;
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
