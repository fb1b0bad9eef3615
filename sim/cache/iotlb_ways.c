#include "sim/cache/iotlb_ways.h"

#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/state/tile.h"

enum { CHAINED_LEAST = 2048 };

/* Slot = set * ways + way. Valid slots of a set form a ring in order of age; `newest` of the set starts it,
 * the one before it is the oldest. */
struct iotlb_ways {
    uint64_t valid;
    uint32_t *tag;   /* per slot, IOTLB_EMPTY if invalid */
    uint32_t *older; /* ring: the next older slot; of the oldest, the newest */
    uint32_t *newer;
    uint8_t *tree;       /* plru: ways bits per set in heap order, index 0 unused */
    uint32_t *newest;    /* per set, meaningful if used[set] > 0 */
    uint32_t *used;      /* per set: valid ways */
    uint32_t *free_from; /* per set: no way below this one is invalid */
    uint32_t *slot_of;   /* per head: slot + 1, 0 = not cached */
    uint32_t *ghost_slot; /* the same per ghost; there are never more than entries */
    /* Only of many entries, as it costs time: a small IOTLB is looked through as fast. */
    uint32_t *in_tile;       /* per tile: slot + 1 of an entry whose head is in it, 0 = none; the others are chained: */
    uint32_t *next, *before; /* per slot, slot + 1; NULL: no chains */
    size_t slot_of_capacity, heads, in_tile_capacity;
    uint32_t reach; /* no slot from here on is valid */
    uint64_t random;
};

struct iotlb_ways *iotlb_ways_new(const struct iotlb *iotlb, uint64_t seed, struct error *error)
{
    struct iotlb_ways *ways = memory_zeroed(1, sizeof *ways, error);
    if (!ways)
        return NULL;
    ways->random = seed;
    ways->tag = memory_zeroed(iotlb->entries, sizeof *ways->tag, error);
    ways->older = memory_zeroed(iotlb->entries, sizeof *ways->older, error);
    ways->newer = memory_zeroed(iotlb->entries, sizeof *ways->newer, error);
    ways->tree = memory_zeroed(iotlb->entries, sizeof *ways->tree, error);
    ways->ghost_slot = memory_zeroed(iotlb->entries, sizeof *ways->ghost_slot, error);
    ways->newest = memory_zeroed(iotlb->sets, sizeof *ways->newest, error);
    ways->used = memory_zeroed(iotlb->sets, sizeof *ways->used, error);
    ways->free_from = memory_zeroed(iotlb->sets, sizeof *ways->free_from, error);
    if (iotlb->entries >= CHAINED_LEAST) {
        ways->next = memory_zeroed(iotlb->entries, sizeof *ways->next, error);
        ways->before = memory_zeroed(iotlb->entries, sizeof *ways->before, error);
    }
    if (!ways->tag || !ways->older || !ways->newer || !ways->tree || !ways->ghost_slot || !ways->newest || !ways->used ||
        !ways->free_from || (iotlb->entries >= CHAINED_LEAST && (!ways->next || !ways->before))) {
        iotlb_ways_free(ways);
        return NULL;
    }
    memset(ways->tag, 0xff, iotlb->entries * sizeof *ways->tag);
    return ways;
}

void iotlb_ways_free(struct iotlb_ways *ways)
{
    if (!ways)
        return;
    memory_free(ways->tag);
    memory_free(ways->older);
    memory_free(ways->newer);
    memory_free(ways->tree);
    memory_free(ways->newest);
    memory_free(ways->used);
    memory_free(ways->free_from);
    memory_free(ways->slot_of);
    memory_free(ways->ghost_slot);
    memory_free(ways->in_tile);
    memory_free(ways->next);
    memory_free(ways->before);
    memory_free(ways);
}

bool iotlb_ways_reserve(struct iotlb_ways *ways, size_t heads, struct error *error)
{
    if (!memory_grow(&ways->slot_of, &ways->slot_of_capacity, heads, sizeof *ways->slot_of, error))
        return false;
    if (ways->next) {
        size_t tiles = (heads + TILE_PAGES - 1) / TILE_PAGES, old = (ways->heads + TILE_PAGES - 1) / TILE_PAGES;
        if (!memory_grow(&ways->in_tile, &ways->in_tile_capacity, tiles, sizeof *ways->in_tile, error))
            return false;
        memset(ways->in_tile + old, 0, (tiles - old) * sizeof *ways->in_tile);
    }
    memset(ways->slot_of + ways->heads, 0, (heads - ways->heads) * sizeof *ways->slot_of);
    ways->heads = heads;
    return true;
}

static inline uint32_t *slot_ref(const struct iotlb_ways *ways, uint32_t tag)
{
    return tag < IOTLB_GHOST ? &ways->slot_of[tag] : &ways->ghost_slot[tag - IOTLB_GHOST];
}

static inline void enter_tile(struct iotlb_ways *ways, uint32_t slot, uint32_t tag)
{
    if (!ways->next || tag >= IOTLB_GHOST)
        return;
    uint32_t *first = &ways->in_tile[tag >> TILE_PAGES_LG2];
    ways->next[slot] = *first;
    ways->before[slot] = 0;
    if (*first != 0)
        ways->before[*first - 1] = slot + 1;
    *first = slot + 1;
}

static inline void leave_tile(struct iotlb_ways *ways, uint32_t slot, uint32_t tag)
{
    if (!ways->next || tag >= IOTLB_GHOST)
        return;
    uint32_t next = ways->next[slot], before = ways->before[slot];
    if (before != 0)
        ways->next[before - 1] = next;
    else
        ways->in_tile[tag >> TILE_PAGES_LG2] = next;
    if (next != 0)
        ways->before[next - 1] = before;
}

static void ring_remove(struct iotlb_ways *ways, uint32_t set, uint32_t slot)
{
    uint32_t older = ways->older[slot], newer = ways->newer[slot];
    ways->newer[older] = newer;
    ways->older[newer] = older;
    if (ways->newest[set] == slot)
        ways->newest[set] = older;
    ways->used[set]--;
}

static void ring_insert(struct iotlb_ways *ways, uint32_t set, uint32_t slot)
{
    if (ways->used[set]++ == 0) {
        ways->older[slot] = ways->newer[slot] = slot;
    } else {
        uint32_t first = ways->newest[set], oldest = ways->newer[first];
        ways->older[slot] = first;
        ways->newer[slot] = oldest;
        ways->newer[first] = slot;
        ways->older[oldest] = slot;
    }
    ways->newest[set] = slot;
}

/* Point the bits on the way's path to the other half. */
static void tree_touch(uint8_t *tree, uint32_t ways, uint32_t way)
{
    uint32_t node = 1;
    for (uint32_t half = ways / 2; half > 0; half /= 2) {
        uint32_t upper = (way & half) != 0;
        tree[node] = (uint8_t)!upper;
        node = node * 2 + upper;
    }
}

static uint32_t tree_victim(const uint8_t *tree, uint32_t ways)
{
    uint32_t node = 1;
    while (node < ways)
        node = node * 2 + tree[node];
    return node - ways;
}

/* The slot to fill: an invalid one of lowest index, else the victim, which leaves its set; *victim is its tag. */
static uint32_t take_slot(struct iotlb *iotlb, struct iotlb_ways *ways, uint32_t set, uint32_t *victim)
{
    uint32_t count = (uint32_t)iotlb->ways, base = set * count;
    *victim = IOTLB_EMPTY;
    if (ways->used[set] < count) {
        uint32_t way = ways->free_from[set];
        while (ways->tag[base + way] != IOTLB_EMPTY)
            way++;
        ways->free_from[set] = way + 1;
        ways->valid++;
        if (base + way >= ways->reach)
            ways->reach = base + way + 1;
        return base + way;
    }
    uint32_t slot;
    if (iotlb->replacement == REPLACEMENT_RANDOM)
        slot = base + (uint32_t)(rng_next(&ways->random) % count);
    else if (iotlb->replacement == REPLACEMENT_PLRU)
        slot = base + tree_victim(ways->tree + base, count);
    else
        slot = ways->newer[ways->newest[set]];
    *victim = ways->tag[slot];
    *slot_ref(ways, *victim) = 0;
    leave_tile(ways, slot, *victim);
    ring_remove(ways, set, slot);
    return slot;
}

static inline void hit_slot(struct iotlb *iotlb, struct iotlb_ways *ways, uint32_t set, uint32_t slot)
{
    uint32_t count = (uint32_t)iotlb->ways;
    if (iotlb->replacement == REPLACEMENT_LRU && ways->newest[set] != slot) {
        ring_remove(ways, set, slot);
        ring_insert(ways, set, slot);
    } else if (iotlb->replacement == REPLACEMENT_PLRU) {
        tree_touch(ways->tree + (size_t)set * count, count, slot - set * count);
    }
}

static inline uint32_t fill_slot(struct iotlb *iotlb, struct iotlb_ways *ways, uint32_t set, uint32_t tag)
{
    uint32_t victim, count = (uint32_t)iotlb->ways, slot = take_slot(iotlb, ways, set, &victim);
    ways->tag[slot] = tag;
    *slot_ref(ways, tag) = slot + 1;
    enter_tile(ways, slot, tag);
    ring_insert(ways, set, slot);
    iotlb->inserts++;
    if (iotlb->replacement == REPLACEMENT_PLRU)
        tree_touch(ways->tree + (size_t)set * count, count, slot - set * count);
    return victim;
}

size_t iotlb_ways_run(struct iotlb *iotlb, const struct iotlb_batch *batch)
{
    struct iotlb_ways *ways = iotlb->by_way;
    uint32_t set_mask = (uint32_t)(iotlb->sets - 1);
    size_t missed = 0;
    memset(batch->hits, 0, (batch->count + 63) / 64 * sizeof *batch->hits);
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t head = batch->keys[i] >> 1, set = batch->numbers[i] & set_mask;
        uint32_t slot = ways->slot_of[head];
        if (slot != 0) {
            batch->hits[i >> 6] |= UINT64_C(1) << (i & 63);
            hit_slot(iotlb, ways, set, slot - 1);
        } else {
            batch->misses[missed++] = (uint32_t)i;
            fill_slot(iotlb, ways, set, head);
        }
    }
    return missed;
}

/* ---- one at a time ---- */

static uint32_t set_of(const struct iotlb *iotlb, uint64_t number)
{
    return (uint32_t)number & (uint32_t)(iotlb->sets - 1);
}

bool iotlb_ways_lookup(struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    uint32_t slot = *slot_ref(iotlb->by_way, tag);
    if (slot == 0)
        return false;
    hit_slot(iotlb, iotlb->by_way, set_of(iotlb, number), slot - 1);
    return true;
}

bool iotlb_ways_holds(const struct iotlb *iotlb, uint32_t tag)
{
    return *slot_ref(iotlb->by_way, tag) != 0;
}

uint32_t iotlb_ways_fill(struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    return fill_slot(iotlb, iotlb->by_way, set_of(iotlb, number), tag);
}

static void drop_slot(struct iotlb *iotlb, struct iotlb_ways *ways, uint32_t slot)
{
    uint32_t set = slot / (uint32_t)iotlb->ways, way = slot % (uint32_t)iotlb->ways;
    *slot_ref(ways, ways->tag[slot]) = 0;
    leave_tile(ways, slot, ways->tag[slot]);
    ways->tag[slot] = IOTLB_EMPTY;
    ring_remove(ways, set, slot);
    if (way < ways->free_from[set])
        ways->free_from[set] = way;
    ways->valid--;
}

bool iotlb_ways_forget(struct iotlb *iotlb, uint32_t tag)
{
    uint32_t slot = *slot_ref(iotlb->by_way, tag);
    if (slot != 0)
        drop_slot(iotlb, iotlb->by_way, slot - 1);
    return slot != 0;
}

bool iotlb_ways_rename(struct iotlb *iotlb, uint32_t tag, uint32_t now)
{
    struct iotlb_ways *ways = iotlb->by_way;
    uint32_t slot = *slot_ref(ways, tag);
    if (slot == 0)
        return false;
    *slot_ref(ways, tag) = 0;
    *slot_ref(ways, now) = slot;
    leave_tile(ways, slot - 1, tag);
    enter_tile(ways, slot - 1, now);
    ways->tag[slot - 1] = now;
    return true;
}

bool iotlb_ways_replace(struct iotlb *iotlb, uint32_t tag, uint32_t now, uint64_t number)
{
    struct iotlb_ways *ways = iotlb->by_way;
    uint32_t set = set_of(iotlb, number), count = (uint32_t)iotlb->ways;
    if (!iotlb_ways_rename(iotlb, tag, now))
        return false;
    uint32_t slot = *slot_ref(ways, now) - 1;
    if (ways->newest[set] != slot) {
        ring_remove(ways, set, slot);
        ring_insert(ways, set, slot);
    }
    if (iotlb->replacement == REPLACEMENT_PLRU)
        tree_touch(ways->tree + (size_t)set * count, count, slot - set * count);
    return true;
}

/* ---- many ---- */

static bool any(void *context, uint32_t tag)
{
    (void)context;
    (void)tag;
    return true;
}

uint64_t iotlb_ways_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t tag), void *context)
{
    struct iotlb_ways *ways = iotlb->by_way;
    uint64_t dropped = 0;
    uint32_t reach = 0;
    for (uint32_t slot = 0; slot < ways->reach; slot++) {
        if (ways->tag[slot] == IOTLB_EMPTY)
            continue;
        if (drops(context, ways->tag[slot])) {
            drop_slot(iotlb, ways, slot);
            dropped++;
        } else {
            reach = slot + 1;
        }
    }
    ways->reach = reach;
    return dropped;
}

bool iotlb_ways_knows_tiles(const struct iotlb *iotlb)
{
    return iotlb->by_way->next != NULL;
}

uint64_t iotlb_ways_drop_tile(struct iotlb *iotlb, uint32_t tile, bool (*drops)(void *context, uint32_t tag),
                              void *context)
{
    struct iotlb_ways *ways = iotlb->by_way;
    uint64_t dropped = 0;
    for (uint32_t slot = ways->in_tile[tile], next; slot != 0; slot = next) {
        next = ways->next[slot - 1];
        if (!drops(context, ways->tag[slot - 1]))
            continue;
        drop_slot(iotlb, ways, slot - 1);
        dropped++;
    }
    return dropped;
}

uint64_t iotlb_ways_drop_all(struct iotlb *iotlb)
{
    return iotlb->by_way->valid == 0 ? 0 : iotlb_ways_drop(iotlb, any, NULL);
}

void iotlb_ways_visit(const struct iotlb *iotlb,
                      void (*visit)(void *context, uint32_t tag, uint64_t set, uint64_t place), void *context)
{
    const struct iotlb_ways *ways = iotlb->by_way;
    bool by_age = iotlb->replacement == REPLACEMENT_LRU || iotlb->replacement == REPLACEMENT_FIFO;
    for (uint32_t set = 0; set < iotlb->sets; set++) {
        uint32_t slot = ways->newest[set];
        for (uint32_t age = 0; by_age && age < ways->used[set]; age++, slot = ways->older[slot])
            visit(context, ways->tag[slot], set, age);
        for (uint64_t way = 0; !by_age && way < iotlb->ways; way++)
            if (ways->tag[set * iotlb->ways + way] != IOTLB_EMPTY)
                visit(context, ways->tag[set * iotlb->ways + way], set, way);
    }
}

uint64_t iotlb_ways_places(const struct iotlb *iotlb)
{
    return iotlb->by_way->reach;
}

uint64_t iotlb_ways_valid(const struct iotlb *iotlb)
{
    return iotlb->by_way->valid;
}
