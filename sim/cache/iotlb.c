#include "sim/cache/iotlb.h"

#include <string.h>

#include "sim/base/memory.h"
#include "sim/cache/iotlb_front.h"
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

uint64_t iotlb_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t head), void *context)
{
    uint64_t dropped = 0;
    if (iotlb->by_way) {
        dropped = iotlb_ways_drop(iotlb, drops, context);
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

static bool always(void *context, uint32_t head)
{
    (void)context;
    (void)head;
    return true;
}

uint64_t iotlb_drop_all(struct iotlb *iotlb)
{
    return iotlb_drop(iotlb, always, NULL);
}

/* Every insert is still valid, was dropped, or was evicted. */
uint64_t iotlb_evictions(const struct iotlb *iotlb)
{
    uint64_t valid = 0;
    if (iotlb->by_way)
        valid = iotlb_ways_valid(iotlb);
    else if (iotlb->tags)
        for (uint64_t i = 0; i < iotlb->entries; i++)
            valid += iotlb->tags[i] != IOTLB_EMPTY;
    return iotlb->inserts - iotlb->dropped - valid;
}

uint64_t iotlb_bytes(const struct cell_config *config)
{
    return config->iotlb.entries * 16;
}
