#include "sim/state/page_mask.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "sim/base/cpu.h"

static void words_plain(const uint16_t *words, size_t groups, uint16_t flag, uint64_t *bits)
{
    const unsigned bit = (unsigned)__builtin_ctz(flag);
    for (size_t g = 0; g < groups; g++, words += 64) {
        uint8_t set[64];
        uint64_t word = 0;
        for (unsigned i = 0; i < 64; i++)
            set[i] = (uint8_t)(words[i] >> bit & 1);
        for (unsigned q = 0; q < 8; q++) {
            uint64_t part;
            memcpy(&part, set + q * 8, sizeof part);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
            part = __builtin_bswap64(part);
#endif
            word |= part * UINT64_C(0x0102040810204080) >> 56 << (q * 8);
        }
        bits[g] = word;
    }
}

#if defined(__x86_64__)

CPU_TARGET_AVX2 static void words_avx2(const uint16_t *words, size_t groups, uint16_t flag, uint64_t *bits)
{
    const __m128i shift = _mm_cvtsi32_si128(15 - __builtin_ctz(flag)); /* up to the sign, which packing keeps */
    for (size_t g = 0; g < groups; g++, words += 64) {
        uint64_t word = 0;
        for (unsigned half = 0; half < 2; half++) {
            __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(words + half * 32));
            __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(words + half * 32 + 16));
            low = _mm256_packs_epi16(_mm256_sll_epi16(low, shift), _mm256_sll_epi16(high, shift));
            low = _mm256_permute4x64_epi64(low, 0xd8); /* packing takes turns by 128 bits */
            word |= (uint64_t)(uint32_t)_mm256_movemask_epi8(low) << (half * 32);
        }
        bits[g] = word;
    }
}

CPU_TARGET_AVX512 static void words_avx512(const uint16_t *words, size_t groups, uint16_t flag, uint64_t *bits)
{
    const __m512i wanted = _mm512_set1_epi16((short)flag);
    for (size_t g = 0; g < groups; g++, words += 64) {
        uint64_t low = _mm512_test_epi16_mask(_mm512_loadu_si512(words), wanted);
        uint64_t high = _mm512_test_epi16_mask(_mm512_loadu_si512(words + 32), wanted);
        bits[g] = low | high << 32;
    }
}

#endif

void mask_of_words(const uint16_t *words, size_t groups, uint16_t flag, uint64_t *bits)
{
#if defined(__x86_64__)
    enum cpu_set set = cpu_set();
    if (set == CPU_AVX512) {
        words_avx512(words, groups, flag, bits);
        return;
    }
    if (set == CPU_AVX2) {
        words_avx2(words, groups, flag, bits);
        return;
    }
#endif
    words_plain(words, groups, flag, bits);
}
