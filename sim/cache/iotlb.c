#include "sim/cache/iotlb.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sim/base/memory.h"
#include "sim/cache/iotlb_front.h"
#include "sim/cache/iotlb_stack.h"
#include "sim/cache/iotlb_ways.h"

enum { TAGS_ALIGNMENT = 64 };

/* entries: 0, every request misses and nothing is kept. */
static size_t run_without(struct iotlb *iotlb, const struct iotlb_batch *batch)
{
    (void)iotlb;
    memset(batch->hits, 0, (batch->count + 63) / 64 * sizeof *batch->hits);
    for (size_t i = 0; i < batch->count; i++)
        batch->misses[i] = (uint32_t)i;
    return batch->count;
}

bool iotlb_init(struct iotlb *iotlb, const struct cell_config *config, struct error *error)
{
    *iotlb = (struct iotlb){.entries = config->iotlb.entries, .replacement = config->iotlb.replacement};
    if (iotlb->entries == 0) {
        iotlb->run = run_without;
        return true;
    }
    iotlb->ways = config->iotlb.ways == 0 ? iotlb->entries : config->iotlb.ways;
    iotlb->sets = iotlb->entries / iotlb->ways;
    bool ordered = iotlb->replacement == REPLACEMENT_LRU || iotlb->replacement == REPLACEMENT_FIFO;
    if (ordered && iotlb->ways <= IOTLB_FRONT_WAYS_MAX) {
        iotlb->tags_block = memory_zeroed(iotlb->entries * sizeof *iotlb->tags + TAGS_ALIGNMENT, 1, error);
        if (!iotlb->tags_block)
            return false;
        uintptr_t start = (uintptr_t)iotlb->tags_block;
        uintptr_t aligned = (start + TAGS_ALIGNMENT - 1) & ~(uintptr_t)(TAGS_ALIGNMENT - 1);
        iotlb->tags = (uint32_t *)(void *)((uint8_t *)iotlb->tags_block + (aligned - start));
        memset(iotlb->tags, 0xff, iotlb->entries * sizeof *iotlb->tags);
        iotlb->run = iotlb_front_choose(iotlb->ways, iotlb->replacement);
        return true;
    }
    iotlb->by_way = iotlb_ways_new(iotlb, config->seed, error);
    iotlb->run = iotlb_ways_run;
    return iotlb->by_way != NULL;
}

void iotlb_free(struct iotlb *iotlb)
{
    memory_free(iotlb->tags_block);
    iotlb_ways_free(iotlb->by_way);
    *iotlb = (struct iotlb){0};
}

bool iotlb_reserve(struct iotlb *iotlb, size_t heads, struct error *error)
{
    return !iotlb->by_way || iotlb_ways_reserve(iotlb->by_way, heads, error);
}

/* ---- one at a time ---- */

static inline uint32_t *set_of(const struct iotlb *iotlb, uint64_t number)
{
    return iotlb->tags + (size_t)((uint32_t)number & (uint32_t)(iotlb->sets - 1)) * iotlb->ways;
}

/* The way that holds the tag, or iotlb->ways. */
static inline size_t way_of(const struct iotlb *iotlb, const uint32_t *set, uint32_t tag)
{
    size_t way = 0;
#ifdef __SSE2__
    if (iotlb->ways == 8) { /* the usual shape, without a branch per way */
        __m128i wanted = _mm_set1_epi32((int)tag);
        const __m128i *ways = (const __m128i *)(const void *)set;
        __m128i low = _mm_cmpeq_epi32(_mm_load_si128(ways), wanted);
        __m128i high = _mm_cmpeq_epi32(_mm_load_si128(ways + 1), wanted);
        int found = _mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
        return (size_t)__builtin_ctz((unsigned)found | 0x100u);
    }
#endif
    while (way < iotlb->ways && set[way] != tag)
        way++;
    return way;
}

static inline void move_to_front(uint32_t *set, size_t way, uint32_t tag)
{
    for (; way > 0; way--)
        set[way] = set[way - 1];
    set[0] = tag;
}

bool iotlb_lookup(struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    if (iotlb->by_way)
        return iotlb_ways_lookup(iotlb, tag, number);
    if (!iotlb->tags) {
        assert(!iotlb->stack); /* its members run batches and drop entries, no more */
        return false;
    }
    uint32_t *set = set_of(iotlb, number);
    if (set[0] == tag)
        return true;
    size_t way = way_of(iotlb, set, tag);
    if (way == iotlb->ways)
        return false;
    if (iotlb->replacement == REPLACEMENT_LRU)
        move_to_front(set, way, tag);
    return true;
}

bool iotlb_holds(const struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    if (iotlb->by_way)
        return iotlb_ways_holds(iotlb, tag);
    return iotlb->tags && way_of(iotlb, set_of(iotlb, number), tag) < iotlb->ways;
}

uint32_t iotlb_fill(struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    if (iotlb->by_way)
        return iotlb_ways_fill(iotlb, tag, number);
    if (!iotlb->tags)
        return IOTLB_EMPTY;
    uint32_t *set = set_of(iotlb, number), victim = set[iotlb->ways - 1];
    move_to_front(set, iotlb->ways - 1, tag);
    iotlb->inserts++;
    return victim;
}

bool iotlb_replace(struct iotlb *iotlb, uint32_t tag, uint32_t now, uint64_t number)
{
    if (iotlb->by_way)
        return iotlb_ways_replace(iotlb, tag, now, number);
    if (!iotlb->tags)
        return false;
    uint32_t *set = set_of(iotlb, number);
    size_t way = way_of(iotlb, set, tag);
    if (way < iotlb->ways)
        move_to_front(set, way, now);
    return way < iotlb->ways;
}

/* Ways behind `way` move down by one. */
static inline void close_gap(const struct iotlb *iotlb, uint32_t *set, size_t way)
{
#ifdef __SSE2__
    if (iotlb->ways == 8) { /* the loop's end is not predictable */
        __m128i *ways = (__m128i *)(void *)set, low = _mm_load_si128(ways), high = _mm_load_si128(ways + 1);
        __m128i gap = _mm_set1_epi32((int)way);
        __m128i low_stays = _mm_cmplt_epi32(_mm_setr_epi32(0, 1, 2, 3), gap);
        __m128i high_stays = _mm_cmplt_epi32(_mm_setr_epi32(4, 5, 6, 7), gap);
        __m128i low_moved = _mm_or_si128(_mm_srli_si128(low, 4), _mm_slli_si128(high, 12));
        __m128i high_moved = _mm_or_si128(_mm_srli_si128(high, 4), _mm_setr_epi32(0, 0, 0, (int)IOTLB_EMPTY));
        _mm_store_si128(ways, _mm_or_si128(_mm_and_si128(low_stays, low), _mm_andnot_si128(low_stays, low_moved)));
        _mm_store_si128(ways + 1,
                        _mm_or_si128(_mm_and_si128(high_stays, high), _mm_andnot_si128(high_stays, high_moved)));
        return;
    }
#endif
    for (; way + 1 < iotlb->ways; way++)
        set[way] = set[way + 1];
    set[way] = IOTLB_EMPTY;
}

static inline bool forget_in_set(const struct iotlb *iotlb, uint32_t *set, uint32_t tag)
{
    size_t way = way_of(iotlb, set, tag);
    if (way == iotlb->ways)
        return false;
    close_gap(iotlb, set, way);
    return true;
}

uint64_t iotlb_forget_run(struct iotlb *iotlb, uint32_t tag, uint32_t step, uint64_t number, uint64_t count)
{
    uint64_t dropped = 0;
    if (iotlb->by_way)
        for (uint64_t i = 0; i < count; i++, tag += step)
            dropped += iotlb_ways_forget(iotlb, tag);
    else if (iotlb->tags)
        for (uint64_t i = 0; i < count; i++, tag += step, number++)
            dropped += forget_in_set(iotlb, set_of(iotlb, number), tag);
    else if (iotlb->stack)
        for (uint64_t i = 0; i < count; i++, tag += step, number++)
            dropped += iotlb_stack_forget(iotlb, tag, number);
    iotlb->dropped += dropped;
    return dropped;
}

bool iotlb_forget(struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    return iotlb_forget_run(iotlb, tag, 1, number, 1) == 1;
}

bool iotlb_rename(struct iotlb *iotlb, uint32_t tag, uint32_t now, uint64_t number)
{
    if (iotlb->by_way)
        return iotlb_ways_rename(iotlb, tag, now);
    if (!iotlb->tags)
        return false;
    uint32_t *set = set_of(iotlb, number);
    size_t way = way_of(iotlb, set, tag);
    if (way < iotlb->ways)
        set[way] = now;
    return way < iotlb->ways;
}

/* ---- many ---- */

uint64_t iotlb_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t tag), void *context)
{
    uint64_t dropped = 0;
    if (iotlb->by_way) {
        dropped = iotlb_ways_drop(iotlb, drops, context);
    } else if (iotlb->stack) {
        dropped = iotlb_stack_drop(iotlb, drops, context);
    } else if (iotlb->tags) {
        for (uint64_t set = 0; set < iotlb->sets; set++) {
            uint32_t *tags = iotlb->tags + set * iotlb->ways;
            uint64_t kept = 0;
            for (uint64_t way = 0; way < iotlb->ways && tags[way] != IOTLB_EMPTY; way++) {
                uint32_t tag = tags[way];
                tags[way] = IOTLB_EMPTY;
                if (drops(context, tag))
                    dropped++;
                else
                    tags[kept++] = tag;
            }
        }
    }
    iotlb->dropped += dropped;
    return dropped;
}

bool iotlb_knows_tiles(const struct iotlb *iotlb)
{
    return iotlb->by_way && iotlb_ways_knows_tiles(iotlb);
}

uint64_t iotlb_drop_tile(struct iotlb *iotlb, uint32_t tile, bool (*drops)(void *context, uint32_t tag), void *context)
{
    uint64_t dropped = iotlb_ways_drop_tile(iotlb, tile, drops, context);
    iotlb->dropped += dropped;
    return dropped;
}

uint64_t iotlb_drop_all(struct iotlb *iotlb)
{
    uint64_t dropped = 0;
    if (iotlb->by_way) {
        dropped = iotlb_ways_drop_all(iotlb);
    } else if (iotlb->stack) {
        dropped = iotlb_stack_drop(iotlb, NULL, NULL);
    } else if (iotlb->tags) {
        for (uint64_t i = 0; i < iotlb->entries; i++)
            dropped += iotlb->tags[i] != IOTLB_EMPTY;
        memset(iotlb->tags, 0xff, iotlb->entries * sizeof *iotlb->tags);
    }
    iotlb->dropped += dropped;
    return dropped;
}

void iotlb_visit(const struct iotlb *iotlb,
                 void (*visit)(void *context, uint32_t tag, uint64_t set, uint64_t place), void *context)
{
    assert(!iotlb->stack);
    if (iotlb->by_way)
        iotlb_ways_visit(iotlb, visit, context);
    for (uint64_t set = 0; iotlb->tags && set < iotlb->sets; set++) {
        const uint32_t *tags = iotlb->tags + set * iotlb->ways;
        for (uint64_t way = 0; way < iotlb->ways && tags[way] != IOTLB_EMPTY; way++)
            visit(context, tags[way], set, way);
    }
}

uint64_t iotlb_scan_places(const struct iotlb *iotlb)
{
    return iotlb->by_way ? iotlb_ways_places(iotlb) : iotlb->entries;
}

/* Every insert is still valid, was dropped, or was evicted. */
uint64_t iotlb_evictions(const struct iotlb *iotlb)
{
    uint64_t valid = 0;
    assert(!iotlb->stack);
    if (iotlb->by_way)
        valid = iotlb_ways_valid(iotlb);
    else if (iotlb->tags)
        for (uint64_t i = 0; i < iotlb->entries; i++)
            valid += iotlb->tags[i] != IOTLB_EMPTY;
    return iotlb->inserts - iotlb->dropped - valid;
}

uint64_t iotlb_bytes(const struct cell_config *config)
{
    return config->iotlb.entries * (config->iotlb.ways == 1 ? 48 : 24); /* in a stack a set is of 8 places at least */
}
