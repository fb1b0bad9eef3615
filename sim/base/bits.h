/* Counting bits in plain C that compilers make vectors of: without a flag for one processor, the built-in is a call. */
#ifndef SIM_BASE_BITS_H
#define SIM_BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

/** How many bits each byte has, in its place. */
static inline uint64_t bits_of_bytes(uint64_t word)
{
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    return (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

/** The sum of a word's bytes. */
static inline uint64_t bits_sum_of_bytes(uint64_t bytes)
{
    bytes = (bytes & UINT64_C(0x00ff00ff00ff00ff)) + (bytes >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return (bytes * UINT64_C(0x0001000100010001)) >> 48;
}

enum { BITS_BLOCK = 16 }; /* words whose counts surely fit in bytes */

/** Bits of the words; `count` is at most BITS_BLOCK. */
static inline uint64_t bits_count_block(const uint64_t *words, size_t count)
{
    uint64_t bytes = 0;
    for (size_t w = 0; w < count; w++)
        bytes += bits_of_bytes(words[w]);
    return bits_sum_of_bytes(bytes);
}

/** Bits that are set in the words of both. */
static inline uint64_t bits_count_both(const uint64_t *a, const uint64_t *b, size_t count)
{
    uint64_t sum = 0;
    for (size_t from = 0; from < count; from += BITS_BLOCK) {
        size_t end = count - from < BITS_BLOCK ? count : from + BITS_BLOCK;
        uint64_t bytes = 0;
        for (size_t w = from; w < end; w++)
            bytes += bits_of_bytes(a[w] & b[w]);
        sum += bits_sum_of_bytes(bytes);
    }
    return sum;
}

#endif
