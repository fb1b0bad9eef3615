#include "sim/base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Atomic uint64_t used_bytes;
static _Atomic uint64_t limit_bytes, peak_bytes;

void memory_limit_set(uint64_t limit)
{
    atomic_store(&limit_bytes, limit);
}

uint64_t memory_limit_get(void)
{
    return atomic_load(&limit_bytes);
}

uint64_t memory_used(void)
{
    return atomic_load(&used_bytes);
}

uint64_t memory_peak(void)
{
    return atomic_load(&peak_bytes);
}

void memory_peak_restart(void)
{
    atomic_store(&peak_bytes, atomic_load(&used_bytes));
}

static void take(uint64_t bytes)
{
    uint64_t used = atomic_fetch_add(&used_bytes, bytes) + bytes, peak = atomic_load(&peak_bytes);
    while (used > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, used))
        ;
}

static bool admit(size_t count, size_t item_bytes, size_t *bytes, struct error *error)
{
    uint64_t limit = atomic_load(&limit_bytes);
    if (__builtin_mul_overflow(count, item_bytes, bytes))
        return error_set(error, ERROR_MEMORY, "%zu items of %zu bytes do not fit in memory", count,
                         item_bytes);
    if (limit != 0 && (*bytes > limit || atomic_load(&used_bytes) > limit - *bytes))
        return error_set(
            error, ERROR_MEMORY,
            "needs %zu KiB more than fit under the memory ceiling of %llu KiB; raise --memory, or "
            "use a shorter trace or smaller caches",
            (*bytes >> 10) + 1, (unsigned long long)(limit >> 10));
    return true;
}

/* Large blocks are walked page by page in step with a trace: fewer, larger pages cost fewer TLB misses. The advice is for
 * the whole mapping, with what the allocator keeps in front: a mapping of two kinds cannot be moved, and would be copied
 * and faulted in anew whenever it grows. Advice only. */
static void prefer_huge_pages(void *block)
{
    const size_t huge = (size_t)2 << 20, page = 4096;
    size_t bytes = malloc_usable_size(block), before = (uintptr_t)block & (page - 1);
    if (bytes >= huge)
        (void)madvise((uint8_t *)block - before, before + bytes, MADV_HUGEPAGE);
}

void *memory_zeroed(size_t count, size_t item_bytes, struct error *error)
{
    size_t bytes;
    if (!admit(count, item_bytes, &bytes, error))
        return NULL;
    void *block = calloc(count ? count : 1, item_bytes ? item_bytes : 1);
    if (!block) {
        error_set(error, ERROR_MEMORY, "out of memory (asked for %zu bytes)", bytes);
        return NULL;
    }
    take(malloc_usable_size(block));
    return block;
}

bool memory_grow(void *array, size_t *capacity, size_t needed, size_t item_bytes, struct error *error)
{
    if (needed <= *capacity)
        return true;
    size_t doubled = *capacity <= SIZE_MAX / 2 ? *capacity * 2 : SIZE_MAX;
    size_t wanted = doubled > needed ? doubled : needed;
    size_t bytes;
    void *old;
    memcpy(&old, array, sizeof old);
    size_t old_bytes = old ? malloc_usable_size(old) : 0;
    if (!admit(wanted, item_bytes, &bytes, error))
        return false;
    void *block = realloc(old, bytes ? bytes : 1);
    if (!block)
        return error_set(error, ERROR_MEMORY, "out of memory (asked for %zu bytes)", bytes);
    atomic_fetch_sub(&used_bytes, old_bytes);
    take(malloc_usable_size(block));
    prefer_huge_pages(block);
    memcpy(array, &block, sizeof block);
    *capacity = wanted;
    return true;
}

void memory_free(void *block)
{
    if (block)
        atomic_fetch_sub(&used_bytes, malloc_usable_size(block));
    free(block);
}
