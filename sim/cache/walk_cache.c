#include "sim/cache/walk_cache.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

bool walk_cache_init(struct walk_cache *cache, const struct cell_config *config, unsigned levels,
                     struct error *error)
{
    *cache = (struct walk_cache){.levels = levels, .entries = config->walk_cache.entries};
    if (cache->entries == 0)
        return true;
    cache->ways = config->walk_cache.ways == 0 ? cache->entries : config->walk_cache.ways;
    cache->sets = cache->entries / cache->ways;
    for (unsigned l = 1; l < levels; l++) {
        struct walk_level *level = &cache->level[l];
        level->node = memory_zeroed(cache->entries, sizeof *level->node, error);
        level->older = memory_zeroed(cache->entries, sizeof *level->older, error);
        level->newer = memory_zeroed(cache->entries, sizeof *level->newer, error);
        level->newest = memory_zeroed(cache->sets, sizeof *level->newest, error);
        level->used = memory_zeroed(cache->entries, sizeof *level->used, error);
        level->roomy = cache->sets == 1;
        if (!level->node || !level->older || !level->newer || !level->newest || !level->used)
            return false;
    }
    walk_cache_drop_all(cache);
    return true;
}

void walk_cache_free(struct walk_cache *cache)
{
    for (unsigned l = 0; l < PT_LEVELS_MAX; l++) {
        memory_free(cache->level[l].slot_of);
        memory_free(cache->level[l].node);
        memory_free(cache->level[l].older);
        memory_free(cache->level[l].newer);
        memory_free(cache->level[l].newest);
        memory_free(cache->level[l].used);
    }
    *cache = (struct walk_cache){0};
}

void walk_cache_drop_all(struct walk_cache *cache)
{
    if (cache->entries == 0)
        return;
    for (unsigned l = 1; l < cache->levels; l++) {
        struct walk_level *level = &cache->level[l];
        for (uint64_t slot = 0; slot < cache->entries; slot++) {
            uint64_t set = slot / cache->ways * cache->ways, way = slot - set;
            level->node[slot] = NODE_NONE;
            level->older[slot] = (uint32_t)(set + (way + 1) % cache->ways);
            level->newer[slot] = (uint32_t)(set + (way + cache->ways - 1) % cache->ways);
        }
        for (uint64_t set = 0; set < cache->sets; set++)
            level->newest[set] = (uint32_t)(set * cache->ways);
        if (level->nodes > 0)
            memset(level->slot_of, 0, level->nodes * sizeof *level->slot_of);
    }
}

/* Take a slot out of its ring and put it before `next`: newest if next is, oldest if the caller keeps
 * `newest`. */
static inline void ring_move(struct walk_level *level, uint32_t slot, uint32_t next)
{
    uint32_t older = level->older[slot], newer = level->newer[slot];
    level->newer[older] = newer;
    level->older[newer] = older;
    uint32_t before = level->newer[next];
    level->newer[slot] = before;
    level->older[slot] = next;
    level->older[before] = slot;
    level->newer[next] = slot;
}

struct slot_use {
    uint64_t used;
    uint32_t slot;
};

static int compare_use(const void *a, const void *b)
{
    const struct slot_use *left = a, *right = b;
    return (left->used > right->used) - (left->used < right->used);
}

/* Order the one ring of a fully associative level by time of use; empty slots are the oldest. */
static bool order_ring(struct walk_level *level, uint64_t entries, struct error *error)
{
    struct slot_use *uses = memory_zeroed(entries, sizeof *uses, error);
    if (!uses)
        return false;
    for (uint32_t slot = 0; slot < entries; slot++)
        uses[slot] = (struct slot_use){level->node[slot] == NODE_NONE ? 0 : level->used[slot], slot};
    qsort(uses, entries, sizeof *uses, compare_use);
    for (uint64_t i = 0; i < entries; i++) {
        uint32_t older = uses[(i + entries - 1) % entries].slot;
        level->older[uses[i].slot] = older;
        level->newer[older] = uses[i].slot;
    }
    level->newest[0] = uses[entries - 1].slot;
    memory_free(uses);
    return true;
}

bool walk_cache_reserve(struct walk_cache *cache, const struct leaves *leaves, struct error *error)
{
    for (unsigned l = 1; l < cache->levels && cache->entries > 0; l++) {
        struct walk_level *level = &cache->level[l];
        size_t nodes = leaves->nodes[l].count;
        if (!memory_grow(&level->slot_of, &level->slot_of_capacity, nodes, sizeof *level->slot_of, error))
            return false;
        if (nodes > level->nodes)
            memset(level->slot_of + level->nodes, 0, (nodes - level->nodes) * sizeof *level->slot_of);
        level->nodes = nodes;
        if (level->roomy && nodes > cache->entries) {
            level->roomy = false;
            if (!order_ring(level, cache->entries, error))
                return false;
        }
    }
    return true;
}

static inline void touch(struct walk_cache *cache, struct walk_level *level, uint32_t set, uint32_t slot)
{
    if (level->roomy) {
        level->used[slot] = ++cache->clock;
        return;
    }
    uint32_t first = level->newest[set];
    if (slot == first)
        return;
    if (level->newer[first] != slot) /* the oldest need not move: the ring turns */
        ring_move(level, slot, first);
    level->newest[set] = slot;
}

/* The oldest slot, empty or not, becomes the newest. */
static inline void insert(struct walk_cache *cache, struct walk_level *level, uint32_t set, uint32_t node)
{
    uint32_t slot = level->newer[level->newest[set]];
    if (level->node[slot] != NODE_NONE)
        level->slot_of[level->node[slot]] = 0;
    level->node[slot] = node;
    level->slot_of[node] = slot + 1;
    level->newest[set] = slot;
    level->used[slot] = ++cache->clock;
}

static void drop_slot(struct walk_level *level, uint32_t set, uint32_t slot)
{
    level->slot_of[level->node[slot]] = 0;
    level->node[slot] = NODE_NONE;
    uint32_t first = level->newest[set];
    if (slot == first)
        level->newest[set] = level->older[first]; /* what was newest is now the last of the ring */
    else
        ring_move(level, slot, first);
}

static void drop_node(struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint32_t node)
{
    struct walk_level *level = &cache->level[l];
    if (level->slot_of[node] != 0)
        drop_slot(level, (uint32_t)(leaves->nodes[l].key[node] & (cache->sets - 1)), level->slot_of[node] - 1);
}

/* Pointers with these keys, from first to last: looked up, or found among the slots if these are fewer. */
static void drop_keys(struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint64_t first,
                      uint64_t last)
{
    struct walk_level *level = &cache->level[l];
    uint32_t node;
    if (last - first < cache->entries / 4) {
        for (uint64_t key = first; key <= last; key++)
            if (number_map_find(&leaves->node_index[l], key, &node))
                drop_node(cache, leaves, l, node);
        return;
    }
    for (uint32_t slot = 0; slot < cache->entries; slot++) {
        if (level->node[slot] == NODE_NONE)
            continue;
        uint64_t key = leaves->nodes[l].key[level->node[slot]];
        if (key >= first && key <= last)
            drop_slot(level, (uint32_t)(slot / cache->ways), slot);
    }
}

void walk_cache_drop(struct walk_cache *cache, const struct leaves *leaves, uint32_t domain, struct span span,
                     unsigned size_lg2_max)
{
    for (unsigned l = 1; l < cache->levels && cache->entries > 0; l++) {
        unsigned lg2 = pt_entry_lg2(&leaves->geometry, l);
        uint64_t base = tile_key(domain, 0);
        if (lg2 <= size_lg2_max)
            drop_keys(cache, leaves, l, base | span.first >> lg2, base | span.last >> lg2);
    }
}

/* Reads of one walk from the pointer `node` at level `l` on: the entry where it ends and every pointer above
 * it that is not cached. */
static inline uint64_t walk(struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint32_t node,
                            uint64_t set_mask)
{
    uint64_t reads = 1;
    for (; node != NODE_NONE; l++, reads++) {
        struct walk_level *level = &cache->level[l];
        uint32_t set = set_mask == 0 ? 0 : (uint32_t)(leaves->nodes[l].key[node] & set_mask);
        uint32_t slot = level->slot_of[node];
        if (slot != 0) {
            cache->hits++;
            touch(cache, level, set, slot - 1);
            break;
        }
        insert(cache, level, set, node);
        node = leaves->nodes[l].parent[node];
    }
    return reads;
}

/* Nearly every walk ends at level 0 and is decided by the level-1 cache, so that one is kept in registers; the
 * few pointers above it are nearly always cached and need only their time of use. */
static void run_fully_associative(struct walk_cache *cache, const struct leaves *leaves, const uint32_t *keys,
                                  const uint32_t *indices, size_t count)
{
    struct walk_level *one = &cache->level[1], *two = &cache->level[2];
    uint32_t *const slot_of = one->slot_of, *const node_in = one->node;
    uint32_t *const newer = one->newer;
    const uint32_t *const start = leaves->walk_start, *const parent = leaves->nodes[1].parent;
    const bool fast_above = cache->levels > 2 && two->roomy && !one->roomy;
    uint32_t newest = one->newest[0];
    uint64_t hits = 0, reads = 0, walks = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = start[keys[indices[i]] >> (TILE_PAGES_LG2 + 1)];
        uint32_t node = at & WALK_NODE_NONE, level = at >> WALK_NODE_BITS;
        if (__builtin_expect(level != 1 || node == WALK_NODE_NONE, false)) {
            one->newest[0] = newest;
            reads += walk(cache, leaves, level, node == WALK_NODE_NONE ? NODE_NONE : node, 0);
            newest = one->newest[0];
            walks++;
            continue;
        }
        walks++;
        uint32_t slot = slot_of[node];
        if (slot != 0) {
            hits++;
            reads++;
            if (--slot != newest || one->roomy) {
                one->newest[0] = newest;
                touch(cache, one, 0, slot);
                newest = one->newest[0];
            }
            continue;
        }
        newest = newer[newest]; /* the oldest */
        uint32_t old = node_in[newest];
        if (old != NODE_NONE)
            slot_of[old] = 0;
        node_in[newest] = node;
        slot_of[node] = newest + 1;
        uint32_t above = parent[node];
        if (fast_above && two->slot_of[above] != 0) {
            two->used[two->slot_of[above] - 1] = ++cache->clock;
            hits++;
            reads += 2;
            continue;
        }
        one->used[newest] = ++cache->clock;
        reads += 1 + walk(cache, leaves, 2, above, 0);
    }
    one->newest[0] = newest;
    cache->hits += hits;
    cache->reads += reads;
    cache->walks += walks;
}

static void run_any(struct walk_cache *cache, const struct leaves *leaves, const uint32_t *keys,
                    const uint32_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t at = leaves->walk_start[keys[indices[i]] >> (TILE_PAGES_LG2 + 1)];
        uint32_t node = at & WALK_NODE_NONE, level = at >> WALK_NODE_BITS;
        cache->walks++;
        cache->reads += cache->entries == 0 ? cache->levels - (level - 1)
                                            : walk(cache, leaves, level, node == WALK_NODE_NONE ? NODE_NONE : node,
                                                   cache->sets - 1);
    }
}

bool walk_cache_walk(struct walk_cache *cache, const struct leaves *leaves, const struct tile *tile,
                     unsigned terminal)
{
    uint32_t places[PT_LEVELS_MAX], node = tile->node;
    unsigned root = cache->levels - 1, level = root;
    cache->walks++;
    if (cache->entries == 0) {
        cache->reads += root - terminal + 1;
        return true;
    }
    for (unsigned l = 1; l <= root; l++) {
        places[l] = node;
        node = leaves->nodes[l].parent[node];
        uint32_t slot = cache->level[l].slot_of[places[l]];
        if (slot == 0)
            continue;
        uint32_t set = (uint32_t)(leaves->nodes[l].key[places[l]] & (cache->sets - 1));
        cache->hits++;
        touch(cache, &cache->level[l], set, slot - 1);
        level = l - 1;
        break;
    }
    for (;; level--) {
        cache->reads++;
        if (level <= terminal)
            return level == terminal;
        uint32_t set = (uint32_t)(leaves->nodes[level].key[places[level]] & (cache->sets - 1));
        insert(cache, &cache->level[level], set, places[level]);
    }
}

void walk_cache_run(struct walk_cache *cache, const struct leaves *leaves, const uint32_t *keys,
                    const uint32_t *indices, size_t count)
{
    if (cache->sets == 1)
        run_fully_associative(cache, leaves, keys, indices, count);
    else
        run_any(cache, leaves, keys, indices, count);
}

void walk_cache_visit(const struct walk_cache *cache,
                      void (*visit)(void *context, unsigned level, uint32_t node), void *context)
{
    for (unsigned l = 1; l < cache->levels; l++)
        for (uint64_t slot = 0; slot < cache->entries; slot++)
            if (cache->level[l].node[slot] != NODE_NONE)
                visit(context, l, cache->level[l].node[slot]);
}

uint64_t walk_cache_bytes(const struct cell_config *config)
{
    return config->walk_cache.entries * 20 * (PT_LEVELS_MAX - 1);
}
