/* The loops of stacks: find the tag of each request in its set and bring it to the front. A set is a vector. A hole is
 * all ones, so that a comparison's mask turns a tag into one. */
#include "sim/cache/iotlb_lanes.h"
#include "sim/cache/iotlb_stack.h"

/* Brings the tag to the front of a set; returns the place where it was, or the width. */
typedef unsigned step_fn(uint32_t *places, uint32_t tag);

/* A repeat of the last tag changes nothing. */
INLINE void find(struct iotlb_stack *stack, const struct iotlb_batch *batch, int8_t *found, size_t width,
                 step_fn *step)
{
    uint32_t set_mask = (uint32_t)(stack->sets - 1), last = IOTLB_EMPTY;
    uint32_t *const tags = stack->tags; /* vector stores alias everything: fields would be read again */
    const uint32_t *const keys = batch->keys, *const numbers = batch->numbers;
    const size_t count = batch->count;
    for (size_t i = 0; i < count; i++) {
        uint32_t tag = keys[i] >> 1;
        unsigned place = 0;
        if (__builtin_expect(tag != last, true)) {
            place = step(tags + (size_t)(numbers[i] & set_mask) * width, tag);
            last = tag;
        }
        found[i] = (int8_t)place;
    }
}

#define LOOP(name, target, width, step)                                                                      \
    target static void name(struct iotlb_stack *stack, const struct iotlb_batch *batch, int8_t *found)       \
    {                                                                                                        \
        find(stack, batch, found, width, step);                                                              \
    }

/* ---- in the compiler's vectors: any processor ---- */

/* What lies behind the tag or the first hole stays where it is. Places are counted from the end, below 0: at 0 is none. */
INLINE unsigned step_quads(uint32_t *places, uint32_t tag, unsigned quads)
{
    const quad none = {0}, now = none + tag, empty = none + IOTLB_EMPTY, first = {0, 1, 2, 3};
    quad *const set = (quad *)(void *)places;
    quad stops = none, before = now, at = none;
    for (unsigned q = 0; q < quads; q++) {
        quad old = set[q], equal = (quad)(old == now);
        quad stop = equal | (quad)(old == empty);
        quad behind = __builtin_shufflevector(stop, none, 4, 0, 1, 2);
        behind |= __builtin_shufflevector(behind, none, 4, 0, 1, 2);
        behind |= __builtin_shufflevector(behind, none, 4, 4, 0, 1);
        quad stay = stops | behind;
        stops |= __builtin_shufflevector(behind | stop, none, 3, 3, 3, 3);
        quad moved = __builtin_shufflevector(old, before, 7, 0, 1, 2);
        at |= equal & (first + (q - quads) * 4);
        before = old;
        set[q] = ((old | equal) & stay) | (moved & ~stay);
    }
    at |= __builtin_shufflevector(at, at, 2, 3, 0, 1);
    return (at[0] | at[1]) + quads * 4;
}

INLINE unsigned step8(uint32_t *places, uint32_t tag) { return step_quads(places, tag, 2); }
INLINE unsigned step16(uint32_t *places, uint32_t tag) { return step_quads(places, tag, 4); }

LOOP(find8, , 8, step8)
LOOP(find16, , 16, step16)

#if defined(__x86_64__)

/* ---- AVX2 ---- */

CPU_TARGET_AVX2 INLINE unsigned step8_avx2(uint32_t *places, uint32_t tag)
{
    __m256i *set = (__m256i *)(void *)places;
    __m256i old = _mm256_load_si256(set), now = _mm256_set1_epi32((int)tag);
    __m256i equal = _mm256_cmpeq_epi32(old, now), empty = _mm256_cmpeq_epi32(old, _mm256_set1_epi32(-1));
    unsigned stop = mask8_avx2(_mm256_or_si256(equal, empty)), found = mask8_avx2(equal);
    unsigned from = 15 - (unsigned)__builtin_ctz(stop | 1u << 7);
    _mm256_store_si256(set, moved8_avx2(_mm256_or_si256(old, equal), now, from));
    return (unsigned)__builtin_ctz(found | 1u << 8);
}

/* In two halves: what falls out of the lower one enters the upper one. */
CPU_TARGET_AVX2 INLINE unsigned step16_avx2(uint32_t *places, uint32_t tag)
{
    __m256i *set = (__m256i *)(void *)places;
    const __m256i none = _mm256_set1_epi32(-1);
    __m256i low = _mm256_load_si256(set), high = _mm256_load_si256(set + 1), now = _mm256_set1_epi32((int)tag);
    __m256i low_equal = _mm256_cmpeq_epi32(low, now), high_equal = _mm256_cmpeq_epi32(high, now);
    unsigned found = mask8_avx2(low_equal) | mask8_avx2(high_equal) << 8;
    unsigned empty = mask8_avx2(_mm256_cmpeq_epi32(low, none)) | mask8_avx2(_mm256_cmpeq_epi32(high, none)) << 8;
    unsigned from = 15 - (unsigned)__builtin_ctz(found | empty | 1u << 15);
    __m256i fallen = _mm256_permutevar8x32_epi32(low, _mm256_set1_epi32(7));
    _mm256_store_si256(set, moved8_avx2(_mm256_or_si256(low, low_equal), now, from));
    _mm256_store_si256(set + 1, moved8_avx2(_mm256_or_si256(high, high_equal), fallen, from + 8));
    return (unsigned)__builtin_ctz(found | 1u << 16);
}

LOOP(find8_avx2, CPU_TARGET_AVX2, 8, step8_avx2)
LOOP(find16_avx2, CPU_TARGET_AVX2, 16, step16_avx2)

/* ---- AVX-512 ---- */

/* blsmsk: all lanes up to the lowest one set; of 0 all ones. */
CPU_TARGET_AVX512 INLINE unsigned step8_avx512(uint32_t *places, uint32_t tag)
{
    __m256i *set = (__m256i *)(void *)places;
    const __m256i none = _mm256_set1_epi32(-1);
    __m256i old = _mm256_load_si256(set), now = _mm256_set1_epi32((int)tag);
    unsigned found = (unsigned)_mm256_cmpeq_epi32_mask(old, now);
    unsigned stop = found | (unsigned)_mm256_cmpeq_epi32_mask(old, none);
    __m256i left = _mm256_mask_mov_epi32(old, (__mmask8)found, none);
    __m256i moved = _mm256_alignr_epi32(old, now, 7);
    _mm256_store_si256(set, _mm256_mask_mov_epi32(left, (__mmask8)_blsmsk_u32(stop), moved));
    return _tzcnt_u32(found | 1u << 8);
}

CPU_TARGET_AVX512 INLINE unsigned step16_avx512(uint32_t *places, uint32_t tag)
{
    __m512i *set = (__m512i *)(void *)places;
    const __m512i none = _mm512_set1_epi32(-1);
    __m512i old = _mm512_load_si512(set), now = _mm512_set1_epi32((int)tag);
    unsigned found = (unsigned)_mm512_cmpeq_epi32_mask(old, now);
    unsigned stop = found | (unsigned)_mm512_cmpeq_epi32_mask(old, none);
    __m512i left = _mm512_mask_mov_epi32(old, (__mmask16)found, none);
    __m512i moved = _mm512_alignr_epi32(old, now, 15);
    _mm512_store_si512(set, _mm512_mask_mov_epi32(left, (__mmask16)_blsmsk_u32(stop), moved));
    return _tzcnt_u32(found | 1u << 16);
}

LOOP(find8_avx512, CPU_TARGET_AVX512, 8, step8_avx512)
LOOP(find16_avx512, CPU_TARGET_AVX512, 16, step16_avx512)

#endif

/* Larger sets of instructions first. */
static const struct iotlb_stack_loop loops[] = {
#if defined(__x86_64__)
    {CPU_AVX512, 8, find8_avx512},
    {CPU_AVX512, 16, find16_avx512},
    {CPU_AVX2, 8, find8_avx2},
    {CPU_AVX2, 16, find16_avx2},
#endif
    {CPU_PLAIN, 8, find8},
    {CPU_PLAIN, 16, find16},
};

const struct iotlb_stack_loop *iotlb_stack_choose(uint64_t ways)
{
    const struct iotlb_stack_loop *loop = loops;
    while (loop->width < ways || loop->set > cpu_set())
        loop++;
    return loop;
}
