/* Little-endian numbers of up to 8 bytes anywhere in memory. */
#ifndef TRACES_FILE_LITTLE_ENDIAN_H
#define TRACES_FILE_LITTLE_ENDIAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t le_get(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&value, at, bytes);
#else
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
#endif
    return value;
}

static inline void le_put(uint8_t *at, size_t bytes, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(at, &value, bytes);
#else
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
#endif
}

#endif
