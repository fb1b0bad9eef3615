#include "sim/cache/iotlb_front.h"

#include <string.h>

#include "sim/cache/iotlb_lanes.h"

/* ---- any width ---- */

static size_t run_any(struct iotlb *iotlb, const struct iotlb_batch *batch)
{
    size_t ways = iotlb->ways, missed = 0;
    uint32_t set_mask = (uint32_t)(iotlb->sets - 1);
    bool moves = iotlb->replacement == REPLACEMENT_LRU;
    memset(batch->hits, 0, (batch->count + 63) / 64 * sizeof *batch->hits);
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t tag = batch->keys[i] >> 1;
        uint32_t *set = iotlb->tags + (size_t)(batch->numbers[i] & set_mask) * ways;
        size_t way = 0;
        while (way < ways && set[way] != tag)
            way++;
        bool hit = way < ways;
        if (hit)
            batch->hits[i >> 6] |= UINT64_C(1) << (i & 63);
        else
            batch->misses[missed++] = (uint32_t)i;
        if (!hit || moves) {
            for (size_t w = hit ? way : ways - 1; w > 0; w--)
                set[w] = set[w - 1];
            set[0] = tag;
        }
    }
    iotlb->inserts += missed;
    return missed;
}

/* ---- one width: a set is a vector ---- */

/* Looks the tag up in the set's ways and makes it the first one if the policy says so; whether it was there. */
typedef uint64_t step_fn(uint32_t *ways, uint32_t tag);

/* The loop around one set's step. A repeat of the last tag changes nothing, and skipping it spares sequential
 * traces the wait for the vector just stored. */
INLINE size_t run(struct iotlb *iotlb, const struct iotlb_batch *batch, size_t ways, step_fn *step)
{
    size_t missed = 0;
    uint32_t set_mask = (uint32_t)(iotlb->sets - 1), last = IOTLB_EMPTY;
    uint32_t *const tags = iotlb->tags; /* vector stores alias everything: fields would be read again */
    uint32_t *const misses = batch->misses;
    const uint32_t *const keys = batch->keys, *const numbers = batch->numbers;
    uint64_t *const hits = batch->hits;
    const size_t count = batch->count;
    for (size_t base = 0; base < count; base += 64) {
        size_t end = count - base < 64 ? count : base + 64;
        uint64_t word = 0;
        for (size_t i = base; i < end; i++) {
            uint32_t tag = keys[i] >> 1;
            uint64_t hit = 1;
            if (__builtin_expect(tag != last, true)) {
                hit = step(tags + (size_t)(numbers[i] & set_mask) * ways, tag);
                last = tag;
            }
            word |= hit << (i - base);
            misses[missed] = (uint32_t)i;
            missed += 1 - hit;
        }
        hits[base >> 6] = word;
    }
    iotlb->inserts += missed;
    return missed;
}

#define LOOP(name, target, ways, step)                                                                       \
    target static size_t name(struct iotlb *iotlb, const struct iotlb_batch *batch)                          \
    {                                                                                                        \
        return run(iotlb, batch, ways, step);                                                                \
    }

/* ---- in the compiler's vectors: any processor ---- */

/* A set of 4, 8 or 16 ways. Ways behind one that holds the tag stay where they are; the others move up by one. */
INLINE uint64_t step_quads(uint32_t *ways, uint32_t tag, unsigned quads, bool moves)
{
    const quad now = (quad){0} + tag, places = {1, 2, 3, 4};
    quad *const set = (quad *)(void *)ways;
    quad old[4], up[4], place = {0};
    for (unsigned q = 0; q < quads; q++) {
        old[q] = set[q];
        if (q > 0) /* read again: shifting through two vectors takes three instructions where there is no other */
            memcpy(&up[q], ways + 4 * q - 1, sizeof *up);
        place |= (quad)(old[q] == now) & (places + 4 * q);
    }
    place |= __builtin_shufflevector(place, place, 2, 3, 0, 1);
    unsigned found = place[0] | place[1]; /* its way + 1, or 0 */
    unsigned none = 0 - (unsigned)(found == 0), moving = (none & (quads * 4)) | (moves ? found : 0); /* no branch */
    const int32_t *lanes = lanes_set + (16 - moving);
    up[0] = __builtin_shufflevector(old[0], now, 7, 0, 1, 2);
    for (unsigned q = 0; q < quads; q++) {
        quad takes;
        memcpy(&takes, lanes + 4 * q, sizeof takes);
        set[q] = (old[q] & ~takes) | (up[q] & takes);
    }
    return found != 0;
}

INLINE uint64_t lru4(uint32_t *ways, uint32_t tag) { return step_quads(ways, tag, 1, true); }
INLINE uint64_t lru8(uint32_t *ways, uint32_t tag) { return step_quads(ways, tag, 2, true); }
INLINE uint64_t lru16(uint32_t *ways, uint32_t tag) { return step_quads(ways, tag, 4, true); }
INLINE uint64_t fifo4(uint32_t *ways, uint32_t tag) { return step_quads(ways, tag, 1, false); }
INLINE uint64_t fifo8(uint32_t *ways, uint32_t tag) { return step_quads(ways, tag, 2, false); }
INLINE uint64_t fifo16(uint32_t *ways, uint32_t tag) { return step_quads(ways, tag, 4, false); }

LOOP(run_lru4, , 4, lru4)
LOOP(run_lru8, , 8, lru8)
LOOP(run_lru16, , 16, lru16)
LOOP(run_fifo4, , 4, fifo4)
LOOP(run_fifo8, , 8, fifo8)
LOOP(run_fifo16, , 16, fifo16)

#if defined(__x86_64__)

/* ---- AVX2 ---- */

/* Where lanes_set begins for the ways that move up: all up to the one found, or with fifo none if one was. */
INLINE unsigned lanes_moved(unsigned found, unsigned ways, bool moves)
{
    if (moves)
        return 15 - (unsigned)__builtin_ctz(found | 1u << (ways - 1));
    return found ? 16 : 16 - ways;
}

CPU_TARGET_AVX2 INLINE unsigned equal8_avx2(__m256i old, __m256i now)
{
    return mask8_avx2(_mm256_cmpeq_epi32(old, now));
}

CPU_TARGET_AVX2 INLINE uint64_t step8_avx2(uint32_t *ways, uint32_t tag, bool moves)
{
    __m256i *set = (__m256i *)(void *)ways;
    __m256i old = _mm256_load_si256(set), now = _mm256_set1_epi32((int)tag);
    unsigned found = equal8_avx2(old, now);
    _mm256_store_si256(set, moved8_avx2(old, now, lanes_moved(found, 8, moves)));
    return found != 0;
}

/* In two halves: what falls out of the lower one enters the upper one. */
CPU_TARGET_AVX2 INLINE uint64_t step16_avx2(uint32_t *ways, uint32_t tag, bool moves)
{
    __m256i *set = (__m256i *)(void *)ways;
    __m256i low = _mm256_load_si256(set), high = _mm256_load_si256(set + 1), now = _mm256_set1_epi32((int)tag);
    unsigned found = equal8_avx2(low, now) | equal8_avx2(high, now) << 8;
    unsigned from = lanes_moved(found, 16, moves);
    __m256i fallen = _mm256_permutevar8x32_epi32(low, _mm256_set1_epi32(7));
    _mm256_store_si256(set, moved8_avx2(low, now, from));
    _mm256_store_si256(set + 1, moved8_avx2(high, fallen, from + 8));
    return found != 0;
}

CPU_TARGET_AVX2 INLINE uint64_t step4_avx2(uint32_t *ways, uint32_t tag, bool moves)
{
    __m128i *set = (__m128i *)(void *)ways;
    __m128i old = _mm_load_si128(set), now = _mm_set1_epi32((int)tag);
    unsigned found = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(old, now)));
    const int32_t *lanes = lanes_set + lanes_moved(found, 4, moves);
    __m128i moved = _mm_blend_epi32(_mm_shuffle_epi32(old, 0x93), now, 1);
    _mm_store_si128(set, _mm_blendv_epi8(old, moved, _mm_loadu_si128((const __m128i *)(const void *)lanes)));
    return found != 0;
}

CPU_TARGET_AVX2 INLINE uint64_t lru4_avx2(uint32_t *ways, uint32_t tag) { return step4_avx2(ways, tag, true); }
CPU_TARGET_AVX2 INLINE uint64_t lru8_avx2(uint32_t *ways, uint32_t tag) { return step8_avx2(ways, tag, true); }
CPU_TARGET_AVX2 INLINE uint64_t lru16_avx2(uint32_t *ways, uint32_t tag) { return step16_avx2(ways, tag, true); }
CPU_TARGET_AVX2 INLINE uint64_t fifo4_avx2(uint32_t *ways, uint32_t tag) { return step4_avx2(ways, tag, false); }
CPU_TARGET_AVX2 INLINE uint64_t fifo8_avx2(uint32_t *ways, uint32_t tag) { return step8_avx2(ways, tag, false); }
CPU_TARGET_AVX2 INLINE uint64_t fifo16_avx2(uint32_t *ways, uint32_t tag) { return step16_avx2(ways, tag, false); }

LOOP(run_lru4_avx2, CPU_TARGET_AVX2, 4, lru4_avx2)
LOOP(run_lru8_avx2, CPU_TARGET_AVX2, 8, lru8_avx2)
LOOP(run_lru16_avx2, CPU_TARGET_AVX2, 16, lru16_avx2)
LOOP(run_fifo4_avx2, CPU_TARGET_AVX2, 4, fifo4_avx2)
LOOP(run_fifo8_avx2, CPU_TARGET_AVX2, 8, fifo8_avx2)
LOOP(run_fifo16_avx2, CPU_TARGET_AVX2, 16, fifo16_avx2)

/* ---- AVX-512 ---- */

/* With mask registers no table is needed: shift all ways by one behind the tag, and keep the shift up to the way found
 * (all of it when none was: blsmsk of 0 is all ones), or with fifo only if none was. */
CPU_TARGET_AVX512 INLINE unsigned kept_shift(unsigned found, bool moves)
{
    return moves ? _blsmsk_u32(found) : (unsigned)(found != 0) - 1;
}

CPU_TARGET_AVX512 INLINE uint64_t step8_avx512(uint32_t *ways, uint32_t tag, bool moves)
{
    __m256i *set = (__m256i *)(void *)ways;
    __m256i old = _mm256_load_si256(set), now = _mm256_set1_epi32((int)tag);
    unsigned found = (unsigned)_mm256_cmpeq_epi32_mask(old, now);
    __m256i shifted = _mm256_alignr_epi32(old, now, 7);
    _mm256_store_si256(set, _mm256_mask_mov_epi32(old, (__mmask8)kept_shift(found, moves), shifted));
    return found != 0;
}

CPU_TARGET_AVX512 INLINE uint64_t step16_avx512(uint32_t *ways, uint32_t tag, bool moves)
{
    __m512i *set = (__m512i *)(void *)ways;
    __m512i old = _mm512_load_si512(set), now = _mm512_set1_epi32((int)tag);
    unsigned found = (unsigned)_mm512_cmpeq_epi32_mask(old, now);
    __m512i shifted = _mm512_alignr_epi32(old, now, 15);
    _mm512_store_si512(set, _mm512_mask_mov_epi32(old, (__mmask16)kept_shift(found, moves), shifted));
    return found != 0;
}

CPU_TARGET_AVX512 INLINE uint64_t lru8_avx512(uint32_t *ways, uint32_t tag) { return step8_avx512(ways, tag, true); }
CPU_TARGET_AVX512 INLINE uint64_t lru16_avx512(uint32_t *ways, uint32_t tag) { return step16_avx512(ways, tag, true); }
CPU_TARGET_AVX512 INLINE uint64_t fifo8_avx512(uint32_t *ways, uint32_t tag) { return step8_avx512(ways, tag, false); }
CPU_TARGET_AVX512 INLINE uint64_t fifo16_avx512(uint32_t *ways, uint32_t tag) { return step16_avx512(ways, tag, false); }

LOOP(run_lru8_avx512, CPU_TARGET_AVX512, 8, lru8_avx512)
LOOP(run_lru16_avx512, CPU_TARGET_AVX512, 16, lru16_avx512)
LOOP(run_fifo8_avx512, CPU_TARGET_AVX512, 8, fifo8_avx512)
LOOP(run_fifo16_avx512, CPU_TARGET_AVX512, 16, fifo16_avx512)

#endif

/* Larger sets of instructions first. */
static const struct iotlb_front_loop loops[] = {
#if defined(__x86_64__)
    {CPU_AVX512, 8, REPLACEMENT_LRU, run_lru8_avx512},
    {CPU_AVX512, 16, REPLACEMENT_LRU, run_lru16_avx512},
    {CPU_AVX512, 8, REPLACEMENT_FIFO, run_fifo8_avx512},
    {CPU_AVX512, 16, REPLACEMENT_FIFO, run_fifo16_avx512},
    {CPU_AVX2, 4, REPLACEMENT_LRU, run_lru4_avx2},
    {CPU_AVX2, 8, REPLACEMENT_LRU, run_lru8_avx2},
    {CPU_AVX2, 16, REPLACEMENT_LRU, run_lru16_avx2},
    {CPU_AVX2, 4, REPLACEMENT_FIFO, run_fifo4_avx2},
    {CPU_AVX2, 8, REPLACEMENT_FIFO, run_fifo8_avx2},
    {CPU_AVX2, 16, REPLACEMENT_FIFO, run_fifo16_avx2},
#endif
    {CPU_PLAIN, 4, REPLACEMENT_LRU, run_lru4},
    {CPU_PLAIN, 8, REPLACEMENT_LRU, run_lru8},
    {CPU_PLAIN, 16, REPLACEMENT_LRU, run_lru16},
    {CPU_PLAIN, 4, REPLACEMENT_FIFO, run_fifo4},
    {CPU_PLAIN, 8, REPLACEMENT_FIFO, run_fifo8},
    {CPU_PLAIN, 16, REPLACEMENT_FIFO, run_fifo16},
    {CPU_PLAIN, 0, REPLACEMENT_LRU, run_any},
    {CPU_PLAIN, 0, REPLACEMENT_FIFO, run_any},
};

const struct iotlb_front_loop *iotlb_front_loops(size_t *count)
{
    *count = sizeof loops / sizeof *loops;
    return loops;
}

iotlb_run_fn *iotlb_front_choose(uint64_t ways, enum replacement replacement)
{
    const struct iotlb_front_loop *loop = loops;
    while (loop->replacement != replacement || (loop->ways != 0 && loop->ways != ways) || loop->set > cpu_set())
        loop++;
    return loop->run;
}
