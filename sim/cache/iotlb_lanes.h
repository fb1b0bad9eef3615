/* What the loops over sets of tags share (iotlb_front.c, iotlb_stack_loops.c): a set is a vector, or some. */
#ifndef SIM_CACHE_IOTLB_LANES_H
#define SIM_CACHE_IOTLB_LANES_H

#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "sim/base/cpu.h"

#define INLINE static inline __attribute__((always_inline))

/* A vector of the compiler's, for any processor. */
typedef uint32_t quad __attribute__((vector_size(16), may_alias));

/* Lanes from `from` on: those below 16 - `from` are set. */
static const int32_t lanes_set[32] __attribute__((aligned(64))) = {-1, -1, -1, -1, -1, -1, -1, -1,
                                                                   -1, -1, -1, -1, -1, -1, -1, -1};

#if defined(__x86_64__)

/** Lanes of lanes_set + `from` hold what was one lane below, the first of them what `before` has there; the others stay. */
CPU_TARGET_AVX2 INLINE __m256i moved8_avx2(__m256i old, __m256i before, unsigned from)
{
    const __m256i up = _mm256_set_epi32(6, 5, 4, 3, 2, 1, 0, 7);
    __m256i mask = _mm256_loadu_si256((const __m256i *)(const void *)(lanes_set + from));
    __m256i moved = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(old, up), before, 1);
    return _mm256_blendv_epi8(old, moved, mask);
}

/** A bit per lane. */
CPU_TARGET_AVX2 INLINE unsigned mask8_avx2(__m256i lanes)
{
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(lanes));
}

#endif

#endif
