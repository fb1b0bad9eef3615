/* Walks and their caches against lists of pointers (semantics.md 5): every walk, also by way of pointers to
 * places where no table stands any more. */
#include <criterion/criterion.h>

#include "leaves_help.h"
#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/cache/walk_cache.h"

enum { POINTERS_MAX = 64, TILES_MAX = 60, DOMAINS = 2, STEPS = 5000, RUN = 40, SOON = 3000 };

/* ---- the model ---- */

struct pointer {
    bool valid;
    uint32_t domain;
    uint64_t number; /* address >> bits covered by one entry at the level */
    uint64_t age;
};

struct model {
    uint64_t entries, ways, sets;
    unsigned levels;
    const struct pt_geometry *geometry;
    struct pointer pointer[PT_LEVELS_MAX][POINTERS_MAX]; /* set by set */
    uint64_t clock, walks, reads, hits;
};

static struct pointer *find(struct model *model, unsigned level, uint32_t domain, uint64_t number)
{
    for (uint64_t i = 0; i < model->entries; i++) {
        struct pointer *pointer = &model->pointer[level][i];
        if (pointer->valid && pointer->domain == domain && pointer->number == number)
            return pointer;
    }
    return NULL;
}

static void insert(struct model *model, unsigned level, uint32_t domain, uint64_t number)
{
    struct pointer *first = &model->pointer[level][number % model->sets * model->ways], *slot = first;
    for (uint64_t w = 0; w < model->ways; w++) {
        if (!first[w].valid) {
            slot = &first[w];
            break;
        }
        if (first[w].age < slot->age)
            slot = &first[w];
    }
    *slot = (struct pointer){true, domain, number, ++model->clock};
}

/* False: a pointer led below `terminal`, where the walk read one absent entry. */
static bool model_walk(struct model *model, uint32_t domain, uint64_t iova, unsigned terminal)
{
    unsigned at = model->levels - 1;
    model->walks++;
    for (unsigned level = 1; level < model->levels; level++) {
        struct pointer *pointer = find(model, level, domain, iova >> pt_entry_lg2(model->geometry, level));
        if (!pointer)
            continue;
        pointer->age = ++model->clock;
        model->hits++;
        at = level - 1;
        break;
    }
    for (; at > terminal; at--) {
        model->reads++;
        if (model->entries > 0)
            insert(model, at, domain, iova >> pt_entry_lg2(model->geometry, at));
    }
    model->reads++;
    return at == terminal;
}

static void model_drop(struct model *model, uint32_t domain, struct span span, unsigned size_lg2_max)
{
    for (unsigned level = 1; level < model->levels; level++) {
        unsigned lg2 = pt_entry_lg2(model->geometry, level);
        for (uint64_t i = 0; i < model->entries; i++) {
            struct pointer *pointer = &model->pointer[level][i];
            uint64_t first = pointer->number << lg2;
            struct span covered = {first, first | ((UINT64_C(1) << lg2) - 1)};
            if (pointer->valid && pointer->domain == domain && lg2 <= size_lg2_max &&
                span_overlaps(covered, span))
                pointer->valid = false;
        }
    }
}

/* ---- both ---- */

struct pair {
    struct world *world;
    struct walk_cache cache;
    struct model model;
    uint64_t rng;
    bool terminals_vary; /* tables come and go: pointers may be stale */
};

/* Addresses that share tables at every level. */
static uint64_t draw_iova(struct pair *pair)
{
    const struct pt_geometry *geometry = &pair->world->leaves.geometry;
    uint64_t iova = 0;
    for (unsigned level = 0; level < geometry->levels; level++)
        iova |= (rng_next(&pair->rng) % 3) << pt_entry_lg2(geometry, level);
    return iova & ((UINT64_C(1) << geometry->iova_bits) - 1);
}

static void count_pointer(void *context, unsigned level, uint32_t node)
{
    (void)node;
    ((uint64_t *)context)[level]++;
}

static void compare(const struct pair *pair)
{
    uint64_t cached[PT_LEVELS_MAX] = {0};
    const struct walk_cache *cache = &pair->cache;
    const struct model *model = &pair->model;
    cr_assert_eq(cache->walks, model->walks);
    cr_assert_eq(cache->hits, model->hits);
    cr_assert_eq(cache->reads, model->reads);
    walk_cache_visit(cache, count_pointer, cached);
    for (unsigned level = 1; level < model->levels && model->entries > 0; level++) {
        uint64_t valid = 0;
        for (uint64_t i = 0; i < model->entries; i++)
            valid += model->pointer[level][i].valid;
        cr_assert_eq(cached[level], valid);
    }
}

static uint32_t draw_tile(struct pair *pair)
{
    struct world *world = pair->world;
    if (world->leaves.tile_count < TILES_MAX && rng_next(&pair->rng) % 8 == 0) {
        uint32_t domain = (uint32_t)(rng_next(&pair->rng) % DOMAINS);
        uint32_t id = world_touch(world, domain, draw_iova(pair));
        cr_assert(walk_cache_reserve(&pair->cache, &world->leaves, &world->error));
        return id;
    }
    return (uint32_t)(rng_next(&pair->rng) % world->leaves.tile_count);
}

static void walk_one(struct pair *pair)
{
    const struct leaves *leaves = &pair->world->leaves;
    uint32_t id = draw_tile(pair); /* may move the tiles */
    const struct tile *tile = &leaves->tiles[id];
    uint64_t iova = tile->number << TILE_LG2;
    unsigned terminal = pair->terminals_vary
                            ? (unsigned)(rng_next(&pair->rng) % leaves->geometry.levels)
                            : tables_terminal_level(leaves->domains[tile->domain].tables, iova);
    bool reached = model_walk(&pair->model, tile->domain, iova, terminal);
    cr_assert_eq(walk_cache_walk(&pair->cache, leaves, tile, terminal), pair->model.entries == 0 || reached);
}

/* Some of a batch of requests miss and walk. */
static void walk_many(struct pair *pair)
{
    const struct leaves *leaves = &pair->world->leaves;
    uint32_t keys[RUN], indices[RUN];
    size_t count = 0;
    for (uint32_t i = 0; i < RUN; i++) {
        uint32_t id = draw_tile(pair);
        keys[i] = id << (TILE_PAGES_LG2 + 1) | (uint32_t)(rng_next(&pair->rng) % (TILE_PAGES * 2));
        if (leaves->tiles[id].mapped == TILE_PAGES && rng_next(&pair->rng) % 2)
            indices[count++] = i;
    }
    walk_cache_run(&pair->cache, leaves, keys, indices, count);
    for (size_t i = 0; i < count; i++) {
        const struct tile *tile = &leaves->tiles[keys[indices[i]] >> (TILE_PAGES_LG2 + 1)];
        cr_assert(model_walk(&pair->model, tile->domain, tile->number << TILE_LG2, tile->level));
    }
}

static void drop_some(struct pair *pair)
{
    struct span everything = {0, UINT64_MAX}, span = everything;
    uint32_t domain = (uint32_t)(rng_next(&pair->rng) % DOMAINS);
    unsigned most = (unsigned)(rng_next(&pair->rng) % 65);
    if (rng_next(&pair->rng) % 4 == 0) {
        walk_cache_drop_all(&pair->cache);
        for (domain = 0; domain < DOMAINS; domain++)
            model_drop(&pair->model, domain, everything, 64);
        return;
    }
    if (rng_next(&pair->rng) % 4) {
        span.first = draw_iova(pair);
        span.last = span.first + (UINT64_C(4096) << rng_next(&pair->rng) % 30) - 1;
    }
    walk_cache_drop(&pair->cache, &pair->world->leaves, domain, span, most);
    model_drop(&pair->model, domain, span, most);
}

static void replay(const char *name, uint64_t entries, uint64_t ways, bool terminals_vary)
{
    static struct world world;
    static struct pair pair;
    world = (struct world){.config =
                               world_config(name, UINT64_C(1) << 12 | UINT64_C(1) << 21 | UINT64_C(1) << 30)};
    world.config.walk_cache.entries = entries;
    world.config.walk_cache.ways = ways;
    /* The lower half of the space that the tests draw from is mapped; where the upper begins, in leaves of 4
     * KiB. */
    struct config_region call = {.iova = 0, .bytes = (UINT64_C(1) << 30) + (3 << 21), .address = 0};
    world_begin(&world, DOMAINS, &call);
    const struct pt_geometry *geometry = &world.leaves.geometry;
    world_unmap(&world, 1, 0, 1 << 30);
    world_map(&world, 1, 4 << 21, 1 << 21, 4096, true);
    pair = (struct pair){.world = &world, .rng = entries * 64 + ways, .terminals_vary = terminals_vary};
    pair.model = (struct model){.entries = entries,
                                .ways = ways == 0 ? entries : ways,
                                .levels = geometry->levels,
                                .geometry = geometry};
    pair.model.sets = entries == 0 ? 1 : entries / pair.model.ways;
    cr_assert(walk_cache_init(&pair.cache, &world.config, geometry->levels, &world.error));
    if (!terminals_vary)
        pair.cache.time_max = SOON; /* times start anew again and again */
    world_touch(&world, 0, 0);
    world_touch(&world, 1, 4 << 21);
    cr_assert(walk_cache_reserve(&pair.cache, &world.leaves, &world.error));
    for (size_t i = 0; i < STEPS; i++) {
        uint64_t kind = rng_next(&pair.rng) % 100;
        if (kind < 6)
            drop_some(&pair);
        else if (kind < 20 && !terminals_vary)
            walk_many(&pair);
        else
            walk_one(&pair);
        compare(&pair);
    }
    cr_assert_gt(pair.model.hits + (entries == 0), 0);
    walk_cache_free(&pair.cache);
    world_free(&world);
}

Test(walk_cache, behaves_like_lists_of_pointers)
{
    static const uint64_t shapes[][2] = {{0, 0},  {1, 1},  {2, 0},  {4, 2}, {8, 8},
                                         {16, 2}, {12, 3}, {32, 0}, {64, 0}};
    static const char *const models[] = {"amd-v1", "smmu-s1", "riscv-g"};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int vary = 0; vary <= 1; vary++)
                replay(models[m], shapes[s][0], shapes[s][1], vary);
    cr_assert_eq(memory_used(), 0);
}
