/* Harvest windows against every window and every leaf looked at (semantics.md 7): ranges, chunks, limits of a
 * read before an unmap, the clear at start; touched leaves, larger ones, and memory that was never touched.
 */
#include <criterion/criterion.h>

#include "leaves_help.h"
#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/engine/harvest.h"

enum { LEAVES_MAX = 6000, WINDOWS_MAX = 6000, RANGES_MAX = 4, DOMAINS = 2, ROUNDS = 24, TILES = 10 };
static const uint64_t base = UINT64_C(1) << 30, space = (uint64_t)TILES << TILE_LG2;

struct plain_leaf {
    struct span span;
    unsigned lg2;
    bool dirty, touched;
};

struct plain {
    struct plain_leaf leaves[LEAVES_MAX];
    size_t leaf_count, at; /* leaves before `at` end before the window */
    struct span windows[WINDOWS_MAX];
    size_t window_count;
};

struct plain_window {
    struct span hull;
    uint64_t leaves, entries, touched;
};

struct setting {
    const char *model;
    uint64_t sizes, chunk_bytes;
    enum harvest_kind kind;
    bool has_ranges, has_limits;
};

/* ---- plain ---- */

static bool is_touched(struct world *world, uint32_t domain, struct span leaf)
{
    for (uint64_t at = leaf.first; at <= leaf.last; at += UINT64_C(1) << TILE_LG2)
        if (tile_find(&world->tiles, domain, at >> TILE_LG2) != TILE_NONE)
            return true;
    return false;
}

static void list_leaves(struct world *world, uint32_t domain, struct plain *plain)
{
    const struct tables *tables = world->leaves.domains[domain].tables;
    struct pt_leaf leaf;
    plain->leaf_count = plain->at = 0;
    for (const struct leaf_run *run = tables_lower(tables, 0); run; run = tables_next(run))
        for (uint64_t at = run->span.first; at <= run->span.last; at += UINT64_C(1) << run->lg2) {
            cr_assert_lt(plain->leaf_count, LEAVES_MAX);
            cr_assert(leaves_leaf(&world->leaves, &world->tiles, domain, at, &leaf));
            struct span span = {at, at | ((UINT64_C(1) << run->lg2) - 1)};
            plain->leaves[plain->leaf_count++] =
                (struct plain_leaf){span, run->lg2, leaf.dirty && leaf.dbm, is_touched(world, domain, span)};
        }
}

static void list_windows(struct world *world, uint32_t domain, const struct setting *setting,
                         const struct span_list *limits, struct plain *plain)
{
    struct span range;
    uint64_t chunk = setting->kind == HARVEST_START || limits ? 0 : setting->chunk_bytes;
    plain->window_count = 0;
    for (uint64_t at = 0, i = 0;; at = range.last + 1, i++) {
        if (limits ? i == limits->count : !leaves_range_lower(&world->leaves, domain, at, &range))
            return;
        if (limits)
            range = limits->spans[i];
        for (uint64_t first = range.first; first <= range.last; first += chunk) {
            bool last = chunk == 0 || range.last - first < chunk;
            cr_assert_lt(plain->window_count, WINDOWS_MAX);
            plain->windows[plain->window_count++] =
                (struct span){first, last ? range.last : first + chunk - 1};
            if (last)
                break;
        }
    }
}

static void meet(const struct pt_geometry *geometry, struct plain_window *met, const struct plain_leaf *leaf)
{
    if (met->leaves++ == 0)
        met->hull = leaf->span;
    met->hull.last = leaf->span.last;
    met->entries += UINT64_C(1) << pt_leaf_entries_lg2(geometry, leaf->lg2);
    met->touched += leaf->touched;
}

/* What the window meets; adds to the pages that it reports. */
static struct plain_window look(const struct pt_geometry *geometry, struct plain *plain, struct span window,
                                bool clears, uint64_t *pages)
{
    struct plain_window met = {.leaves = 0};
    while (plain->at < plain->leaf_count && plain->leaves[plain->at].span.last < window.first)
        plain->at++;
    for (size_t i = plain->at; i < plain->leaf_count && plain->leaves[i].span.first <= window.last; i++) {
        struct plain_leaf *leaf = &plain->leaves[i];
        if (!leaf->dirty)
            continue;
        struct span common = span_common(leaf->span, window);
        meet(geometry, &met, leaf);
        *pages += (common.last - common.first + 1) >> PAGE_LG2;
        leaf->dirty = !clears;
    }
    return met;
}

/* The clear at start is one window over all ranges. */
static struct plain_window look_at_all(const struct pt_geometry *geometry, struct plain *plain)
{
    struct plain_window met = {.leaves = 0};
    for (size_t i = 0; i < plain->leaf_count; i++)
        for (size_t w = 0; w < plain->window_count && plain->leaves[i].dirty; w++)
            if (span_overlaps(plain->leaves[i].span, plain->windows[w])) {
                meet(geometry, &met, &plain->leaves[i]);
                plain->leaves[i].dirty = false;
            }
    return met;
}

/* ---- the harvest ---- */

static void expect_window(const struct window *window, const struct plain_window *want, bool clears)
{
    cr_assert_not_null(window);
    cr_assert_eq(window->dirty_leaves, want->leaves);
    cr_assert_eq(window->dirty_entries, want->entries);
    cr_assert(window->hull.first == want->hull.first && window->hull.last == want->hull.last);
    uint64_t heads = 0;
    for (size_t i = 0; i < window->clear_count; i++)
        heads += mask_count(&window->clears[i].heads);
    cr_assert_eq(heads, clears ? want->touched : 0);
}

/* Which cached leaves a flush of the window has to reach, asked before they are cleaned. */
static void expect_dirty_heads(struct world *world, const struct window *window, const struct plain *before)
{
    for (size_t i = 0; i < before->leaf_count; i++) {
        const struct plain_leaf *leaf = &before->leaves[i];
        uint32_t id = tile_find(&world->tiles, window->domain, leaf->span.first >> TILE_LG2);
        if (id == TILE_NONE)
            continue;
        bool inside = window->all_ranges ? leaves_tracked(&world->leaves, window->domain, leaf->span)
                                         : span_overlaps(leaf->span, window->bounds);
        uint32_t page = id << TILE_PAGES_LG2 | ((uint32_t)(leaf->span.first >> PAGE_LG2) & (TILE_PAGES - 1));
        cr_assert_eq(window_holds_dirty(window, &world->leaves, leaves_head(&world->leaves, page)),
                     leaf->dirty && inside);
    }
}

static void next_window(struct world *world, struct harvest *harvest, const struct plain_window *want,
                        const struct span *bounds, const struct plain *before, uint64_t *count)
{
    const struct window *window;
    cr_assert(harvest_window(harvest, &window, &world->error));
    expect_window(window, want, harvest->kind != HARVEST_PEEK);
    cr_assert_eq(window->all_ranges, bounds == NULL);
    if (bounds)
        cr_assert(window->bounds.first == bounds->first && window->bounds.last == bounds->last);
    if ((*count)++ % 16 == 0)
        expect_dirty_heads(world, window, before);
    harvest_clean(harvest);
}

static void expect_reports(const struct harvest *harvest, uint64_t pages)
{
    uint64_t found = 0;
    for (size_t i = 0; i < harvest->tile_count; i++)
        found += mask_count(&harvest->tiles[i].reported);
    for (size_t i = 0; i < harvest->piece_count; i++)
        found += harvest->pieces[i].reported_pages;
    cr_assert_eq(found, pages);
}

static void harvest_one(struct world *world, struct harvest *harvest, uint32_t domain,
                        const struct setting *setting, const struct span_list *limits)
{
    static struct plain plain, before;
    struct leaves *leaves = &world->leaves;
    const struct pt_geometry *geometry = &leaves->geometry;
    const struct window *none;
    uint64_t pages = 0, windows = 0;
    size_t from = 0, to;
    cr_assert(leaves_list_active(leaves, &world->error));
    while (from < leaves->listed_count && leaves->tiles[leaves->listed[from].id].domain != domain)
        from++;
    for (to = from; to < leaves->listed_count && leaves->tiles[leaves->listed[to].id].domain == domain;)
        to++;
    list_leaves(world, domain, &plain);
    list_windows(world, domain, setting, limits, &plain);
    cr_assert(harvest_domain(harvest, leaves, setting->kind, domain, leaves->listed + from, to - from, limits,
                             &world->error));
    if (setting->kind == HARVEST_START) {
        before = plain;
        struct plain_window met = look_at_all(geometry, &plain);
        if (met.leaves > 0)
            next_window(world, harvest, &met, NULL, &before, &windows);
    }
    for (size_t w = 0; w < plain.window_count && setting->kind != HARVEST_START; w++) {
        before = plain;
        struct plain_window met =
            look(geometry, &plain, plain.windows[w], setting->kind == HARVEST_CLEAR, &pages);
        if (met.leaves > 0)
            next_window(world, harvest, &met, &plain.windows[w], &before, &windows);
    }
    cr_assert(harvest_window(harvest, &none, &world->error) && !none);
    if (setting->kind != HARVEST_START)
        expect_reports(harvest, pages);
    cr_assert(harvest_end(harvest, &world->error) && harvest_end_shared(leaves, &world->error));
    list_leaves(world, domain, &before);
    for (size_t i = 0; i < plain.leaf_count; i++)
        cr_assert_eq(before.leaves[i].dirty, plain.leaves[i].dirty,
                     "what was visited is clean, nothing else");
}

/* ---- random states ---- */

/* Ranges of the experiment: ascending, some touch. */
static size_t draw_ranges(struct config_region *ranges, uint64_t *rng)
{
    uint64_t at = base;
    size_t count = 1 + rng_next(rng) % RANGES_MAX;
    for (size_t i = 0; i < count; i++) {
        at += rng_next(rng) % 3 ? rng_next(rng) % 900 << PAGE_LG2 : 0;
        ranges[i] = (struct config_region){.iova = at, .bytes = (1 + rng_next(rng) % 1300) << PAGE_LG2};
        at += ranges[i].bytes;
    }
    return count;
}

static void draw_maps(struct world *world, uint32_t domain, uint64_t *rng)
{
    uint64_t sizes = world->config.mapping.page_sizes, grain = sizes & (0 - sizes);
    for (uint64_t at = base; at < base + space;) {
        uint64_t bytes = grain * (1 + rng_next(rng) % (rng_next(rng) % 4 ? 700 : 5));
        bytes = bytes < base + space - at ? bytes : base + space - at;
        if (rng_next(rng) % 4)
            world_map(world, domain, at, bytes, at + (rng_next(rng) % 3 == 0 ? grain : 0),
                      rng_next(rng) % 6 != 0);
        at += bytes;
    }
}

/* Of touched leaves only the heads say whether they are dirty. */
static void draw_dirt(struct world *world, uint64_t *rng)
{
    struct leaves *leaves = &world->leaves;
    uint64_t rare = rng_next(rng) % 30;
    for (uint32_t page = 0; page < leaves->tile_count << TILE_PAGES_LG2; page++) {
        leaves->active[(page >> TILE_PAGES_LG2) + 1] = 1;
        if (!(leaves->state[page] & PAGE_MAPPED) || leaves_head(leaves, page) != page)
            continue;
        bool dirty = (leaves->state[page] & STATE_MANAGED) && rng_next(rng) % (rare + 1) == 0;
        leaves->state[page] &= (uint16_t)~STATE_DIRTY;
        leaves->state[page] |= dirty ? STATE_DIRTY : 0;
    }
}

static void replay(const struct setting *setting, uint64_t seed)
{
    static struct world world;
    struct config_region ranges[RANGES_MAX];
    struct harvest harvest = {0};
    struct span limit_spans[2];
    struct span_list limits = {.spans = limit_spans, .count = 2};
    uint64_t rng = seed;
    world = (struct world){.config = world_config(setting->model, setting->sizes)};
    world.config.mapping.page_sizes &= world.config.iommu.model->geometry(&world.config).sizes;
    world.config.harvest.chunk_bytes = setting->chunk_bytes;
    if (setting->has_ranges) {
        world.config.tracking.ranges = ranges;
        world.config.tracking.range_count = draw_ranges(ranges, &rng);
    }
    world_begin(&world, DOMAINS, NULL);
    for (unsigned tile = 0; tile < TILES; tile++)
        if (rng_next(&rng) % 2)
            world_touch(&world, (uint32_t)rng_next(&rng) % DOMAINS, base + ((uint64_t)tile << TILE_LG2));
    for (uint32_t domain = 0; domain < DOMAINS; domain++)
        draw_maps(&world, domain, &rng);
    draw_dirt(&world, &rng);
    limit_spans[0].first = base + (rng_next(&rng) % 900 << PAGE_LG2);
    limit_spans[0].last = limit_spans[0].first + ((1 + rng_next(&rng) % 900) << PAGE_LG2) - 1;
    limit_spans[1].first = limit_spans[0].last + 1 + (rng_next(&rng) % 2 << 20);
    limit_spans[1].last = limit_spans[1].first + ((1 + rng_next(&rng) % 900) << PAGE_LG2) - 1;
    for (uint32_t domain = 0; domain < DOMAINS; domain++) {
        for (uint32_t id = 0; id < world.leaves.tile_count; id++)
            world.leaves.active[id + 1] = 1;
        harvest_one(&world, &harvest, domain, setting, setting->has_limits ? &limits : NULL);
    }
    harvest_free(&harvest);
    world_free(&world);
}

Test(harvest, windows_meet_the_leaves_that_they_overlap)
{
    static const uint64_t chunks[] = {0, 4096, 5 * 4096, UINT64_C(3) << 20};
    static const struct {
        const char *model;
        uint64_t sizes;
    } shapes[] = {{"amd-v1", (UINT64_C(1) << 24) - 1},
                  {"smmu-s1", UINT64_MAX},
                  {"riscv-g", UINT64_C(1) << 16 | UINT64_C(1) << 21},
                  {"smmu-s2", UINT64_C(1) << 12}};
    for (uint64_t seed = 0; seed < ROUNDS; seed++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (enum harvest_kind kind = HARVEST_CLEAR; kind <= HARVEST_START; kind++) {
                bool limited = kind == HARVEST_PEEK && seed % 2;
                struct setting setting = {shapes[s].model, shapes[s].sizes, chunks[seed % 4], kind,
                                          seed / 4 % 2,    limited};
                replay(&setting, seed * 16 + s * 4 + kind);
            }
    cr_assert_eq(memory_used(), 0);
}
