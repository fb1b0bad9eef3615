#include "sim/cache/walk_cache.h"

#include <string.h>

#include "sim/base/memory.h"

enum { CHUNK = 512, LOG_LG2_ONE_SET = 10, LOG_LG2_LEAST = 3 };

_Static_assert(CHUNK * 2 <= 1 << LOG_LG2_ONE_SET, "half a log takes a chunk of walks");

/* Half of the log is more than what can be cached, so that making room is rare. */
static unsigned log_lg2_of(uint64_t ways, uint64_t sets)
{
    unsigned lg2 = sets == 1 ? LOG_LG2_ONE_SET : LOG_LG2_LEAST;
    while (UINT64_C(1) << lg2 < ways * 2)
        lg2++;
    return lg2;
}

bool walk_cache_init(struct walk_cache *cache, const struct cell_config *config, unsigned levels,
                     struct error *error)
{
    *cache = (struct walk_cache){
        .levels = levels, .entries = config->walk_cache.entries, .time_max = UINT32_C(1) << 31};
    if (cache->entries == 0)
        return true;
    cache->ways = config->walk_cache.ways == 0 ? cache->entries : config->walk_cache.ways;
    cache->sets = cache->entries / cache->ways;
    cache->log_lg2 = log_lg2_of(cache->ways, cache->sets);
    for (unsigned l = 1; l < levels; l++) {
        struct walk_level *level = &cache->level[l];
        level->sets = memory_zeroed(cache->sets, sizeof *level->sets, error);
        level->log = memory_zeroed(cache->sets << cache->log_lg2, sizeof *level->log, error);
        if (!level->sets || !level->log)
            return false;
        for (uint64_t set = 0; set < cache->sets; set++)
            level->sets[set] = (struct walk_set){.from = 1, .head = 1, .limit = 1};
    }
    return true;
}

void walk_cache_free(struct walk_cache *cache)
{
    for (unsigned l = 0; l < PT_LEVELS_MAX; l++) {
        memory_free(cache->level[l].last);
        memory_free(cache->level[l].sets);
        memory_free(cache->level[l].log);
    }
    *cache = (struct walk_cache){0};
}

bool walk_cache_reserve(struct walk_cache *cache, const struct leaves *leaves, struct error *error)
{
    for (unsigned l = 1; l < cache->levels && cache->entries > 0; l++) {
        struct walk_level *level = &cache->level[l];
        size_t nodes = leaves->nodes[l].count;
        if (!memory_grow(&level->last, &level->last_capacity, nodes, sizeof *level->last, error))
            return false;
        if (nodes > level->nodes)
            memset(level->last + level->nodes, 0, (nodes - level->nodes) * sizeof *level->last);
        level->nodes = nodes;
    }
    return true;
}

/* ---- sets ---- */

static inline uint32_t set_of(const struct walk_cache *cache, const struct leaves *leaves, unsigned l,
                              uint32_t node)
{
    return cache->sets == 1 ? 0 : (uint32_t)(leaves->nodes[l].key[node] & (cache->sets - 1));
}

static inline uint32_t *log_of(const struct walk_cache *cache, const struct walk_level *level, uint32_t set)
{
    return level->log + ((size_t)set << cache->log_lg2);
}

static inline uint32_t log_mask(const struct walk_cache *cache)
{
    return (UINT32_C(1) << cache->log_lg2) - 1;
}

/* Keep the cached nodes only, at the times just before `head`, so that at least half a log has room. */
static void make_room(struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint32_t s)
{
    struct walk_level *level = &cache->level[l];
    struct walk_set *set = &level->sets[s];
    const uint32_t mask = log_mask(cache);
    uint32_t *const log = log_of(cache, level, s), first = set->head - set->live;
    for (uint32_t time = set->head, to = set->head; to != first;) {
        uint32_t node = log[--time & mask];
        if (level->last[node] != time)
            continue;
        log[--to & mask] = node;
        level->last[node] = to;
    }
    set->from = first;
    if (set->head > cache->time_max) {
        uint32_t back = first - (first & mask) - (mask + 1); /* places in the ring stay */
        for (uint32_t node = 0; node < level->nodes; node++)
            if (set_of(cache, leaves, l, node) == s)
                level->last[node] = level->last[node] < first ? 0 : level->last[node] - back;
        set->from -= back;
        set->head -= back;
    }
    set->limit = set->from + mask + 1;
}

/* ---- one pointer at a time ---- */

static inline bool holds(const struct walk_level *level, uint32_t set, uint32_t node)
{
    return level->last[node] >= level->sets[set].from;
}

bool walk_cache_holds(const struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint32_t node)
{
    const struct walk_level *level = &cache->level[l];
    return cache->entries > 0 && node < level->nodes && holds(level, set_of(cache, leaves, l, node), node);
}

/* Look a pointer up; it becomes the newest of its set, whose least recently used one goes if it was not cached and
 * all ways are taken. */
static inline bool use(struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint32_t node)
{
    struct walk_level *level = &cache->level[l];
    const uint32_t s = set_of(cache, leaves, l, node), mask = log_mask(cache);
    struct walk_set *set = &level->sets[s];
    uint32_t *const log = log_of(cache, level, s);
    if (set->head == set->limit)
        make_room(cache, leaves, l, s);
    bool hit = level->last[node] >= set->from;
    log[set->head & mask] = node;
    level->last[node] = set->head++;
    if (hit)
        return true;
    if (set->live < cache->ways) {
        set->live++;
        return false;
    }
    while (level->last[log[set->from & mask]] != set->from)
        set->from++;
    set->from++;
    return false;
}

static void drop_node(struct walk_cache *cache, const struct leaves *leaves, unsigned l, uint32_t node)
{
    struct walk_level *level = &cache->level[l];
    uint32_t s = set_of(cache, leaves, l, node);
    if (!holds(level, s, node))
        return;
    level->last[node] = 0;
    level->sets[s].live--;
}

void walk_cache_drop_all(struct walk_cache *cache)
{
    for (unsigned l = 1; l < cache->levels && cache->entries > 0; l++)
        for (uint64_t s = 0; s < cache->sets; s++) {
            struct walk_set *set = &cache->level[l].sets[s];
            set->from = set->head;
            set->live = 0;
        }
}

/* Pointers with these keys, from first to last: looked up, or found in the logs if that is less. */
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
    for (uint32_t s = 0; s < cache->sets; s++) {
        const uint32_t *const log = log_of(cache, level, s);
        for (uint32_t time = level->sets[s].from; time != level->sets[s].head; time++) {
            node = log[time & log_mask(cache)];
            uint64_t key = leaves->nodes[l].key[node];
            if (level->last[node] == time && key >= first && key <= last)
                drop_node(cache, leaves, l, node);
        }
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
        if (holds(&cache->level[l], set_of(cache, leaves, l, node), node)) {
            cache->hits++;
            use(cache, leaves, l, node);
            level = l - 1;
            break;
        }
        node = leaves->nodes[l].parent[node];
    }
    for (;; level--) {
        cache->reads++;
        if (level <= terminal)
            return level == terminal;
        use(cache, leaves, level, places[level]);
    }
}

/* ---- many walks ---- */

/* Walks of requests whose leaves are pages, which all start at one level. */
struct page_walks {
    const uint32_t *start, *keys, *indices;
};

/* Walks from the pointers `nodes` at level `l`, or from those of `pages`, whose one set has room for as many uses;
 * repeats of the node before are left out, which are hits that change nothing. Returns how many missed; nodes[0] ...
 * nodes[*above] are then the pointers above them, without repeats. */
static inline __attribute__((always_inline)) size_t use_all(struct walk_cache *cache, const uint32_t *parent,
                                                            unsigned l, const struct page_walks *pages,
                                                            uint32_t *nodes, size_t *count)
{
    struct walk_level *level = &cache->level[l];
    struct walk_set *set = &level->sets[0];
    uint32_t *const last = level->last, *const log = level->log;
    const uint32_t mask = log_mask(cache), ways = (uint32_t)cache->ways;
    uint32_t from = set->from, head = set->head, live = set->live, before = NODE_NONE, used = NODE_NONE;
    size_t missed = 0, above = 0;
    for (size_t i = 0; i < *count; i++) {
        uint32_t node = pages ? pages->start[pages->keys[pages->indices[i]] >> (TILE_PAGES_LG2 + 1)] & WALK_NODE_NONE
                              : nodes[i];
        if (pages && node == used)
            continue;
        uint32_t time = last[node];
        used = node;
        last[node] = head;
        log[head++ & mask] = node;
        if (time >= from)
            continue;
        missed++;
        nodes[above] = parent[node];
        above += nodes[above] != before;
        before = parent[node];
        if (live < ways) {
            live++;
            continue;
        }
        while (last[log[from & mask]] != from)
            from++;
        from++;
    }
    set->from = from;
    set->head = head;
    set->live = live;
    *count = above;
    return missed;
}

/* Up to CHUNK walks that start at one level: levels do not depend on each other, so each is a loop of its own, over
 * what the one below missed. */
static void walk_chunk(struct walk_cache *cache, const struct leaves *leaves, unsigned l, const struct page_walks *pages,
                       uint32_t *nodes, size_t count, size_t walks)
{
    size_t asked = walks;
    cache->reads += walks;
    for (; l < cache->levels && asked > 0; l++, pages = NULL) {
        const uint32_t *parent = leaves->nodes[l].parent;
        if (cache->level[l].sets[0].limit - cache->level[l].sets[0].head < count)
            make_room(cache, leaves, l, 0);
        size_t missed = pages ? use_all(cache, parent, l, pages, nodes, &count)
                              : use_all(cache, parent, l, NULL, nodes, &count);
        cache->hits += asked - missed;
        cache->reads += missed;
        asked = missed;
    }
}

static void walk_each(struct walk_cache *cache, const struct leaves *leaves, const uint32_t *keys,
                      const uint32_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t at = leaves->walk_start[keys[indices[i]] >> (TILE_PAGES_LG2 + 1)];
        uint32_t node = at & WALK_NODE_NONE;
        unsigned l = at >> WALK_NODE_BITS;
        if (cache->entries == 0) {
            cache->reads += cache->levels - (l - 1);
            continue;
        }
        for (cache->reads++; l < cache->levels; l++, cache->reads++) {
            if (use(cache, leaves, l, node)) {
                cache->hits++;
                break;
            }
            node = leaves->nodes[l].parent[node];
        }
    }
}

void walk_cache_run(struct walk_cache *cache, const struct leaves *leaves, const uint32_t *keys,
                    const uint32_t *indices, size_t count)
{
    const uint32_t *const start = leaves->walk_start;
    cache->walks += count;
    for (size_t at = 0, n; at < count; at += n) {
        uint32_t nodes[CHUNK], first = start[keys[indices[at]] >> (TILE_PAGES_LG2 + 1)], mixed = 0;
        uint32_t before = WALK_NODE_NONE;
        size_t distinct = 0;
        n = count - at < CHUNK ? count - at : CHUNK;
        if (cache->sets == 1 && leaves->one_page_leaves) {
            struct page_walks pages = {start, keys, indices + at};
            walk_chunk(cache, leaves, first >> WALK_NODE_BITS, &pages, nodes, n, n);
            continue;
        }
        if (cache->sets == 1)
            for (size_t i = 0; i < n; i++) {
                uint32_t begin = start[keys[indices[at + i]] >> (TILE_PAGES_LG2 + 1)];
                mixed |= begin ^ first;
                nodes[distinct] = begin & WALK_NODE_NONE;
                distinct += begin != before;
                before = begin;
            }
        if (cache->sets != 1 || mixed >> WALK_NODE_BITS != 0)
            walk_each(cache, leaves, keys, indices + at, n);
        else
            walk_chunk(cache, leaves, first >> WALK_NODE_BITS, NULL, nodes, distinct, n);
    }
}

void walk_cache_visit(const struct walk_cache *cache,
                      void (*visit)(void *context, unsigned level, uint32_t node), void *context)
{
    for (unsigned l = 1; l < cache->levels && cache->entries > 0; l++)
        for (uint32_t s = 0; s < cache->sets; s++) {
            const struct walk_level *level = &cache->level[l];
            const uint32_t mask = log_mask(cache), *const log = log_of(cache, level, s);
            for (uint32_t time = level->sets[s].from; time != level->sets[s].head; time++)
                if (level->last[log[time & mask]] == time)
                    visit(context, l, log[time & mask]);
        }
}

uint64_t walk_cache_bytes(const struct cell_config *config)
{
    uint64_t entries = config->walk_cache.entries;
    if (entries == 0)
        return 0;
    uint64_t sets = config->walk_cache.ways == 0 ? 1 : entries / config->walk_cache.ways;
    uint64_t log = sets << log_lg2_of(entries / sets, sets);
    return (sizeof(struct walk_set) * sets + sizeof(uint32_t) * log) * (PT_LEVELS_MAX - 1);
}
