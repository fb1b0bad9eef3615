/* The allocator of everything that grows with the input: checked sizes, one ceiling, one message. */
#ifndef SIM_BASE_MEMORY_H
#define SIM_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

/** Ceiling for all memory taken here, in bytes; 0 = none. Thread-safe, as everything in this file. */
void memory_limit_set(uint64_t limit_bytes);
uint64_t memory_limit_get(void);
/** Bytes taken here and not yet freed. */
uint64_t memory_used(void);
/** The most that was taken at a time since memory_peak_restart. */
uint64_t memory_peak(void);
void memory_peak_restart(void);

/** `count` zeroed items; free with memory_free. NULL and ERROR_MEMORY on overflow, ceiling or exhaustion. */
void *memory_zeroed(size_t count, size_t item_bytes, struct error *error);

/** Make room for at least `needed` items in the array at `*array` (NULL at first), at least doubling.
 *  `array` is the address of a pointer of any object type. The items beyond the old capacity are not
 * initialised. On failure the array stays as it was. */
bool memory_grow(void *array, size_t *capacity, size_t needed, size_t item_bytes, struct error *error);

void memory_free(void *block);

#endif
