/* What requests change: the pass that applies many, and the single steps (semantics.md 4.4, 4.5, 8). */
#include <assert.h>
#include <string.h>

#include "sim/base/cpu.h"
#include "sim/state/leaves.h"

enum { ENABLES_LG2 = 2 }; /* from a bit that permits down to the bit that a write then sets */
_Static_assert(PAGE_TRACKED >> ENABLES_LG2 == (PAGE_IN_T | PAGE_IN_W) &&
                   STATE_MANAGED >> ENABLES_LG2 == STATE_DIRTY,
               "one shift finds all that a write sets");

/* The state word after a request: what a write may act on enables what it sets. */
static inline uint32_t after(uint32_t old, uint32_t touched, uint32_t written)
{
    return old | touched | (old & written) >> ENABLES_LG2;
}

/* Requests whose changes are counted together: right behind a request its change could not be read as part of a
 * vector without waiting. */
enum { BLOCK = 1024 };

enum { AHEAD = 32 }; /* requests whose state words are fetched before their turn */

/* How many requests of a block changed what. */
struct sums {
    uint16_t entered, written, dirtied, accessed; /* accessed: and did not make dirty; one update sets both */
};

/* Vectors of words that are added as they are. */
static inline __attribute__((always_inline)) struct sums sum_changes_in(const uint16_t changed[BLOCK], size_t count)
{
    struct sums sums = {0};
    for (size_t i = 0; i < count; i++) {
        uint16_t change = changed[i];
        sums.entered += change & PAGE_IN_T;
        sums.written += change & PAGE_IN_W;
        sums.dirtied += change >> STATE_LEAF & LEAF_DIRTY;
        sums.accessed += (change & ~(change << 1)) >> STATE_LEAF & LEAF_ACCESSED;
    }
    return (struct sums){sums.entered / PAGE_IN_T, sums.written / PAGE_IN_W, sums.dirtied,
                         sums.accessed / LEAF_ACCESSED};
}
_Static_assert(BLOCK * PAGE_IN_T <= UINT16_MAX && BLOCK * LEAF_ACCESSED <= UINT16_MAX && LEAF_DIRTY == 1 &&
                   LEAF_DIRTY << 1 == LEAF_ACCESSED,
               "sums of a block fit in words");

#if defined(__x86_64__)
CPU_TARGET_AVX2 static struct sums sum_changes_avx2(const uint16_t changed[BLOCK], size_t count)
{
    return sum_changes_in(changed, count);
}
#endif

static struct sums sum_changes(const uint16_t changed[BLOCK], size_t count)
{
#if defined(__x86_64__)
    if (cpu_set() >= CPU_AVX2)
        return sum_changes_avx2(changed, count);
#endif
    return sum_changes_in(changed, count);
}

/* Count what up to BLOCK requests changed in state words; `dirtied` becomes which of them made a leaf dirty. */
static void count_changes(struct leaves *leaves, uint16_t changed[BLOCK], size_t count, uint64_t *dirtied)
{
    size_t words = (count + 63) / 64;
    struct sums sums = sum_changes(changed, count);
    leaves->truth_pages += sums.entered;
    leaves->true_count += sums.entered;
    leaves->written_pages += sums.written;
    leaves->dirty_updates += sums.dirtied;
    leaves->access_updates += sums.accessed;
    if (sums.dirtied == 0) {
        memset(dirtied, 0, words * sizeof *dirtied);
        return;
    }
    memset(changed + count, 0, (words * 64 - count) * sizeof *changed);
    mask_of_words(changed, words, STATE_DIRTY, dirtied);
}

/* Requests from ... to - 1 of a block, without branches on what changes: whether a write is the first is not
 * predictable. */
static inline __attribute__((always_inline)) void step_part(struct leaves *leaves, const uint32_t *keys, size_t from,
                                                            size_t to, bool fetches, uint16_t changed[BLOCK])
{
    uint16_t *const state = leaves->state;
    uint8_t *const active = leaves->active + 1;
    const uint32_t touched = leaves->touch_bits, written[2] = {0, leaves->write_bits};
    for (size_t i = from; i < to; i++) {
        uint32_t key = keys[i], write = key & 1, old = state[key >> 1];
        uint32_t now = after(old, touched, written[write]);
        if (fetches)
            __builtin_prefetch(&state[keys[i + AHEAD] >> 1], 1);
        state[key >> 1] = (uint16_t)now;
        changed[i] = (uint16_t)(now ^ old);
        active[(ptrdiff_t)(key >> (TILE_PAGES_LG2 + 1)) | ((ptrdiff_t)write - 1)] = 1; /* of a read: the dummy, -1 */
    }
}

static void step_one_page_leaves(struct leaves *leaves, const uint32_t *keys, size_t count, uint64_t *dirtied)
{
    for (size_t base = 0, n; base < count; base += n) {
        uint16_t changed[BLOCK];
        n = count - base < BLOCK ? count - base : BLOCK;
        size_t left = count - base < AHEAD ? 0 : count - base - AHEAD, fetching = left < n ? left : n;
        step_part(leaves, keys + base, 0, fetching, true, changed);
        step_part(leaves, keys + base, fetching, n, false, changed);
        count_changes(leaves, changed, n, dirtied + base / 64);
    }
}

static void step_any_leaves(struct leaves *leaves, const uint32_t *page_keys, const uint32_t *leaf_keys,
                            size_t count, uint64_t *dirtied)
{
    enum { OF_PAGE = (1 << STATE_LEAF) - 1, OF_LEAF = 0xffff & ~OF_PAGE };
    uint16_t *const state = leaves->state;
    uint8_t *const active = leaves->active;
    const uint32_t touched = leaves->touch_bits, written = leaves->write_bits;
    for (size_t base = 0, n; base < count; base += n) {
        uint16_t changed[BLOCK];
        n = count - base < BLOCK ? count - base : BLOCK;
        for (size_t i = 0; i < n; i++) {
            uint32_t key = page_keys[base + i], page = key >> 1, write = 0 - (key & 1);
            uint32_t head = leaf_keys[base + i] >> 1;
            uint32_t old = state[page], now = after(old, 0, written & write & OF_PAGE), change = now ^ old;
            state[page] = (uint16_t)now;
            active[((page >> TILE_PAGES_LG2) + 1) & write] = 1;
            old = state[head];
            now = after(old, touched, written & write & OF_LEAF);
            if (__builtin_expect(now != old, false)) { /* few leaves: the next request need not wait */
                state[head] = (uint16_t)now;
                change |= now ^ old;
                active[((head >> TILE_PAGES_LG2) + 1) & write] = 1;
            }
            changed[i] = (uint16_t)change;
        }
        count_changes(leaves, changed, n, dirtied + base / 64);
    }
}

/* To the rings of their domains (semantics.md 9, method log). */
static void append(struct leaves *leaves, const uint32_t *leaf_keys, size_t count, const uint64_t *dirtied)
{
    for (size_t w = 0; w < (count + 63) / 64; w++)
        if (leaves->domain_count == 1)
            leaves->domains[0].appended += (uint64_t)__builtin_popcountll(dirtied[w]);
        else
            for (uint64_t left = dirtied[w]; left != 0; left &= left - 1) {
                uint32_t head = leaf_keys[w * 64 + (unsigned)__builtin_ctzll(left)] >> 1;
                leaves->domains[leaves->tiles[head >> TILE_PAGES_LG2].domain].appended++;
            }
}

void leaves_step(struct leaves *leaves, const uint32_t *page_keys, const uint32_t *leaf_keys, size_t count,
                 uint64_t *dirtied)
{
    if (page_keys == leaf_keys)
        step_one_page_leaves(leaves, page_keys, count, dirtied);
    else
        step_any_leaves(leaves, page_keys, leaf_keys, count, dirtied);
    if (leaves->keeps_rings)
        append(leaves, leaf_keys, count, dirtied);
}

void leaves_written(struct leaves *leaves, uint32_t page)
{
    uint32_t old = leaves->state[page];
    uint32_t now = after(old, 0, leaves->write_bits & PAGE_TRACKED), change = now ^ old;
    leaves->state[page] = (uint16_t)now;
    leaves->active[(page >> TILE_PAGES_LG2) + 1] = 1;
    leaves->truth_pages += (change & PAGE_IN_T) != 0;
    leaves->true_count += (change & PAGE_IN_T) != 0;
    leaves->written_pages += (change & PAGE_IN_W) != 0;
    if (leaves->device_log)
        leaves_log_writes(leaves, &(uint32_t){page << 1 | 1}, &leaves->device, 1);
}

void leaves_dirtied(struct leaves *leaves, uint32_t head, uint8_t cause)
{
    assert(!(leaves->state[head] & STATE_DIRTY));
    leaves->state[head] &= (uint16_t)~STATE_CAUSE;
    leaves->state[head] |= (uint16_t)(STATE_DIRTY | leaves->touch_bits | cause << STATE_LEAF);
    leaves->active[(head >> TILE_PAGES_LG2) + 1] = 1;
    leaves->dirty_updates++;
    if (leaves->keeps_rings)
        leaves->domains[leaves->tiles[head >> TILE_PAGES_LG2].domain].appended++;
}
