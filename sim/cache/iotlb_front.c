#include "sim/cache/iotlb_front.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- any width, any processor ---- */

static size_t run_scalar(struct iotlb *iotlb, const struct iotlb_batch *batch)
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

#if defined(__x86_64__)

/* Lane order after the way at index k moves to the front: lane 0 is overwritten by the tag. */
#define FRONT8(k)                                                                                  \
    {0, (k) >= 1 ? 0 : 1, (k) >= 2 ? 1 : 2, (k) >= 3 ? 2 : 3, (k) >= 4 ? 3 : 4, (k) >= 5 ? 4 : 5,    \
     (k) >= 6 ? 5 : 6, (k) >= 7 ? 6 : 7}
static const uint32_t front8[8][8] __attribute__((aligned(32))) = {
    FRONT8(0), FRONT8(1), FRONT8(2), FRONT8(3), FRONT8(4), FRONT8(5), FRONT8(6), FRONT8(7)};

/* The loop around one set's step. A repeat of the last tag changes nothing, and skipping it spares sequential
 * traces the wait for the vector just stored. */
#define FRONT_LOOP(STEP)                                                                           \
    size_t missed = 0;                                                                             \
    uint32_t set_mask = (uint32_t)(iotlb->sets - 1), last = IOTLB_EMPTY;                           \
    uint32_t *tags = iotlb->tags;                                                                  \
    uint32_t *const misses = batch->misses; /* vector stores alias everything: fields would be read again */ \
    const uint32_t *const keys = batch->keys, *const numbers = batch->numbers;                     \
    uint64_t *const hits = batch->hits;                                                            \
    const size_t count = batch->count;                                                             \
    for (size_t base = 0; base < count; base += 64) {                                              \
        size_t end = count - base < 64 ? count : base + 64;                                        \
        uint64_t word = 0;                                                                         \
        for (size_t i = base; i < end; i++) {                                                      \
            uint32_t tag = keys[i] >> 1;                                                           \
            uint64_t hit = 1;                                                                      \
            if (__builtin_expect(tag != last, true)) {                                             \
                uint32_t set = numbers[i] & set_mask;                                       \
                STEP                                                                               \
                last = tag;                                                                        \
            }                                                                                      \
            word |= hit << (i - base);                                                             \
            misses[missed] = (uint32_t)i;                                                          \
            missed += 1 - hit;                                                                     \
        }                                                                                          \
        hits[base >> 6] = word;                                                                    \
    }                                                                                              \
    iotlb->inserts += missed;                                                                      \
    return missed;

#define STEP8                                                                                      \
    __m256i *line = (__m256i *)(void *)(tags + (size_t)set * 8);                                    \
    __m256i old = _mm256_load_si256(line);                                                         \
    __m256i now = _mm256_set1_epi32((int)tag);                                                     \
    unsigned found = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(old, now))); \
    hit = found != 0;                                                                              \
    unsigned way = (unsigned)__builtin_ctz(found | 0x80u);                                         \
    __m256i order = _mm256_load_si256((const __m256i *)(const void *)front8[way]);                 \
    _mm256_store_si256(line, _mm256_blend_epi32(_mm256_permutevar8x32_epi32(old, order), now, 1));

__attribute__((target("avx2,bmi,bmi2"))) static size_t run_lru8_avx2(struct iotlb *iotlb,
                                                                const struct iotlb_batch *batch)
{
    FRONT_LOOP(STEP8)
}

/* 16 ways in two halves: what falls out of the lower half enters the upper one. */
#define STEP16_HALVES                                                                              \
    __m256i *line = (__m256i *)(void *)(tags + (size_t)set * 16);                                   \
    __m256i low = _mm256_load_si256(line), high = _mm256_load_si256(line + 1);                     \
    __m256i now = _mm256_set1_epi32((int)tag);                                                     \
    unsigned found =                                                                               \
        (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(low, now))) |          \
        (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(high, now))) << 8;     \
    hit = found != 0;                                                                              \
    unsigned way = (unsigned)__builtin_ctz(found | 0x8000u);                                       \
    __m256i order = _mm256_load_si256((const __m256i *)(const void *)front8[way < 8 ? way : 7]);   \
    if (way >= 8) {                                                                                \
        __m256i fallen = _mm256_permutevar8x32_epi32(low, _mm256_set1_epi32(7));                   \
        __m256i upper = _mm256_load_si256((const __m256i *)(const void *)front8[way - 8]);         \
        _mm256_store_si256(line + 1,                                                               \
                           _mm256_blend_epi32(_mm256_permutevar8x32_epi32(high, upper), fallen, 1)); \
    }                                                                                              \
    _mm256_store_si256(line, _mm256_blend_epi32(_mm256_permutevar8x32_epi32(low, order), now, 1));

__attribute__((target("avx2,bmi,bmi2"))) static size_t run_lru16_avx2(struct iotlb *iotlb,
                                                                 const struct iotlb_batch *batch)
{
    FRONT_LOOP(STEP16_HALVES)
}

/* With mask registers no table is needed: shift all ways by one behind the tag, and keep the shift up to the way found (all
 * of it when none was: blsmsk of 0 is all ones). */
#define STEP8_MASKED                                                                               \
    __m256i *line = (__m256i *)(void *)(tags + (size_t)set * 8);                                    \
    __m256i old = _mm256_load_si256(line);                                                         \
    __m256i now = _mm256_set1_epi32((int)tag);                                                     \
    unsigned found = (unsigned)_mm256_cmpeq_epi32_mask(old, now);                                  \
    __m256i shifted = _mm256_alignr_epi32(old, now, 7);                                            \
    hit = found != 0;                                                                              \
    _mm256_store_si256(line, _mm256_mask_mov_epi32(old, (__mmask8)_blsmsk_u32(found), shifted));

__attribute__((target("avx512f,avx512vl,bmi,bmi2"))) static size_t run_lru8_avx512(struct iotlb *iotlb,
                                                                              const struct iotlb_batch *batch)
{
    FRONT_LOOP(STEP8_MASKED)
}

#define STEP16_MASKED                                                                              \
    __m512i *line = (__m512i *)(void *)(tags + (size_t)set * 16);                                   \
    __m512i old = _mm512_load_si512(line);                                                         \
    __m512i now = _mm512_set1_epi32((int)tag);                                                     \
    unsigned found = (unsigned)_mm512_cmpeq_epi32_mask(old, now);                                  \
    __m512i shifted = _mm512_alignr_epi32(old, now, 15);                                           \
    hit = found != 0;                                                                              \
    _mm512_store_si512(line, _mm512_mask_mov_epi32(old, (__mmask16)_blsmsk_u32(found), shifted));

__attribute__((target("avx512f,bmi,bmi2"))) static size_t run_lru16_avx512(struct iotlb *iotlb,
                                                                      const struct iotlb_batch *batch)
{
    FRONT_LOOP(STEP16_MASKED)
}

/* 4 ways in half a vector. */
#define STEP4                                                                                      \
    __m128i *line = (__m128i *)(void *)(tags + (size_t)set * 4);                                    \
    __m128i old = _mm_load_si128(line);                                                            \
    __m128i now = _mm_set1_epi32((int)tag);                                                        \
    unsigned found = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(old, now)));       \
    hit = found != 0;                                                                              \
    unsigned way = (unsigned)__builtin_ctz(found | 8u);                                            \
    __m128i order = _mm_load_si128((const __m128i *)(const void *)front8[way]);                    \
    __m128i moved = _mm_castps_si128(_mm_permutevar_ps(_mm_castsi128_ps(old), order));             \
    _mm_store_si128(line, _mm_blend_epi32(moved, now, 1));

__attribute__((target("avx2,bmi,bmi2"))) static size_t run_lru4_avx2(struct iotlb *iotlb,
                                                                const struct iotlb_batch *batch)
{
    FRONT_LOOP(STEP4)
}

#endif

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static bool has_masks(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#endif

static bool always(void)
{
    return true;
}

/* Fastest first. */
static const struct iotlb_front_loop loops[] = {
#if defined(__x86_64__)
    {"lru, 16 ways, AVX-512", 16, REPLACEMENT_LRU, has_masks, run_lru16_avx512},
    {"lru, 16 ways, AVX2", 16, REPLACEMENT_LRU, has_avx2, run_lru16_avx2},
    {"lru, 8 ways, AVX-512", 8, REPLACEMENT_LRU, has_masks, run_lru8_avx512},
    {"lru, 8 ways, AVX2", 8, REPLACEMENT_LRU, has_avx2, run_lru8_avx2},
    {"lru, 4 ways, AVX2", 4, REPLACEMENT_LRU, has_avx2, run_lru4_avx2},
#endif
    {"lru, any ways", 0, REPLACEMENT_LRU, always, run_scalar},
    {"fifo, any ways", 0, REPLACEMENT_FIFO, always, run_scalar},
};

const struct iotlb_front_loop *iotlb_front_loops(size_t *count)
{
    *count = sizeof loops / sizeof *loops;
    return loops;
}

iotlb_run_fn *iotlb_front_choose(uint64_t ways, enum replacement replacement)
{
    const struct iotlb_front_loop *loop = loops;
    while (loop->replacement != replacement || (loop->ways != 0 && loop->ways != ways) || !loop->runs_here())
        loop++;
    return loop->run;
}
