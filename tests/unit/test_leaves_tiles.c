/* What touched tiles say of their leaves against the tables: leaves of any size come, go and are split, several
 * sizes share a tile and leave it uniform or empty again (sim/state/leaves.h). */
#include <criterion/criterion.h>

#include "leaves_help.h"
#include "sim/base/memory.h"
#include "sim/base/rng.h"

enum { DOMAINS = 2, STEPS = 1500, TILES = 6 };
static const uint64_t base = UINT64_C(6)
                             << 30; /* tiles: three in the middle of memory, and the three above */

static void compare_page(struct world *world, uint32_t id, unsigned at, uint16_t *mapped)
{
    struct leaves *leaves = &world->leaves;
    const struct tile *tile = &leaves->tiles[id];
    uint32_t page = id << TILE_PAGES_LG2 | at;
    uint64_t iova = tile->number << TILE_LG2 | (uint64_t)at << PAGE_LG2;
    const struct leaf_run *run = tables_find(leaves->domains[tile->domain].tables, iova);
    struct pt_leaf leaf;
    cr_assert_eq((leaves->state[page] & PAGE_MAPPED) != 0, run != NULL);
    cr_assert_eq((leaves->state[page] & PAGE_TRACKED) != 0, run != NULL,
                 "default ranges: what is mapped is tracked");
    cr_assert_eq(leaves_lg2(leaves, page), run ? run->lg2 : 0);
    cr_assert_eq(leaves_leaf(leaves, &world->tiles, tile->domain, iova, &leaf), run != NULL);
    if (!run)
        return;
    (*mapped)++;
    uint32_t head = leaves_head(leaves, page);
    const struct tile *stands = &leaves->tiles[head >> TILE_PAGES_LG2];
    uint64_t first = iova >> run->lg2 << run->lg2;
    cr_assert_eq(leaves_span(leaves, page, run->lg2).first, first);
    cr_assert_eq(leaf.output, first + run->shift);
    cr_assert_eq(leaf.writable, (run->leaf & LEAF_WRITABLE) != 0);
    if (run->lg2 <= TILE_LG2)
        cr_assert_eq(head, (id << TILE_PAGES_LG2 | (uint32_t)(first >> PAGE_LG2 & (TILE_PAGES - 1))));
    else
        cr_assert(head % TILE_PAGES == 0 && stands->domain == tile->domain &&
                  stands->number << TILE_LG2 >> run->lg2 == iova >> run->lg2 && stands->head_base == head);
    if (tile->mixed == 0)
        cr_assert_eq(tile->level, run->level);
}

static void compare_masks(struct world *world, uint32_t id, uint64_t *rng)
{
    struct leaves *leaves = &world->leaves;
    struct page_mask some = {{0}}, mapped = mask_plane(&leaves->state[(size_t)id * TILE_PAGES], PAGE_MAPPED);
    for (unsigned w = 0; w < MASK_WORDS; w++)
        some.word[w] = rng_next(rng) & rng_next(rng) & rng_next(rng) & mapped.word[w];
    if (leaves->tiles[id].leaf_lg2 > TILE_LG2)
        return;
    struct page_mask heads = leaves_mask_heads(leaves, id, some),
                     pages = leaves_mask_pages(leaves, id, heads);
    struct page_mask want_heads = {{0}}, want_pages = {{0}};
    for (unsigned page = 0; page < TILE_PAGES; page++) {
        if (!(some.word[page / 64] >> (page % 64) & 1))
            continue;
        uint32_t dense = id << TILE_PAGES_LG2 | page;
        unsigned first = leaves_head(leaves, dense) % TILE_PAGES, lg2 = leaves_lg2(leaves, dense);
        struct page_mask whole = mask_pages(first, first + (1u << (lg2 - PAGE_LG2)) - 1);
        want_heads.word[first / 64] |= UINT64_C(1) << (first % 64);
        want_pages = mask_or(want_pages, &whole);
    }
    cr_assert(mask_equal(&heads, &want_heads) && mask_equal(&pages, &want_pages));
}

static void compare(struct world *world, uint64_t *rng)
{
    const struct leaves *leaves = &world->leaves;
    uint32_t mixed = 0;
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        uint16_t mapped = 0;
        for (unsigned page = 0; page < TILE_PAGES; page++)
            compare_page(world, id, page, &mapped);
        compare_masks(world, id, rng);
        cr_assert_eq(leaves->tiles[id].mapped, mapped);
        cr_assert(mapped > 0 || leaves->tiles[id].mixed == 0, "an empty tile is not mixed");
        mixed += leaves->tiles[id].mixed != 0;
    }
    cr_assert_eq(leaves->mixed_count - leaves->mixed_free_count, mixed);
}

/* Map or unmap what lies between two addresses that leaves of 2^lg2 bytes begin at. */
static void change(struct world *world, uint64_t *rng)
{
    uint64_t bits = rng_next(rng);
    uint32_t domain = (uint32_t)(bits >> 60) % DOMAINS;
    unsigned lg2 = 12 + (unsigned)(bits % 12);
    uint64_t first = base + ((bits >> 10) % (UINT64_C(8) << 20) >> lg2 << lg2);
    uint64_t bytes = (1 + (bits >> 40) % 3) << lg2;
    struct span mapped;
    const struct tables *tables = world->leaves.domains[domain].tables;
    if (bits >> 50 & 1) {
        world_unmap(world, domain, first, bytes);
    } else if (!tables_mapped_lower(tables, first, &mapped) || mapped.first > first + bytes - 1) {
        uint64_t shift = bits >> 51 & 1 ? UINT64_C(1) << (12 + (bits >> 52) % 12) : 0;
        world_map(world, domain, first, bytes, first + shift, bits >> 56 & 1);
    }
}

static void split(struct world *world, uint64_t *rng)
{
    uint64_t bits = rng_next(rng), first = base + (bits >> 10) % (UINT64_C(8) << 20);
    uint32_t domain = (uint32_t)(bits >> 60) % DOMAINS;
    struct span span = {first, first + (bits >> 40) % (UINT64_C(1) << (12 + bits % 10))};
    struct span_list spans = {.spans = &span, .count = 1};
    struct tables *tables = leaves_own_tables(&world->leaves, domain, &world->error);
    cr_assert(tables && leaves_split(&world->leaves, tables, 1, &spans, &world->change, &world->error) &&
              leaves_split_tiles(&world->leaves, &world->tiles, domain, &world->change, &world->error));
}

/* `split_bytes` 0: leaves are not split. */
static void replay(const char *model, uint64_t sizes, uint64_t split_bytes, uint64_t seed)
{
    static struct world world;
    world = (struct world){.config = world_config(model, sizes)};
    world.config.tracking.split = split_bytes != 0 ? SPLIT_DIRTY : SPLIT_NONE;
    world.config.tracking.split_size_bytes = split_bytes;
    world.config.mapping.page_sizes &= world.config.iommu.model->geometry(&world.config).sizes;
    world_begin(&world, DOMAINS, NULL);
    uint64_t rng = seed, most_mixed = 0;
    for (size_t i = 0; i < STEPS; i++) {
        if (i % 100 == 50) /* tiles are touched while leaves stand in them already */
            world_touch(&world, (uint32_t)(i / 100) % DOMAINS, base + ((i / 200) % TILES << TILE_LG2));
        change(&world, &rng);
        if (i % 8 == 7 && world.leaves.split_lg2 != 0)
            split(&world, &rng);
        most_mixed = world.leaves.mixed_count > most_mixed ? world.leaves.mixed_count : most_mixed;
        if (i % 4 == 0)
            compare(&world, &rng);
    }
    cr_assert_leq(world.leaves.mixed_count, world.leaves.tile_count);
    cr_assert(most_mixed > 0 || (sizes & (sizes - 1)) == 0);
    cr_assert(split_bytes == 0 || world.leaves.split.leaves > 2);
    world_free(&world);
}

Test(leaves_tiles, say_what_the_tables_say)
{
    replay("amd-v1", (UINT64_C(1) << 24) - 1, 0, 1);
    replay("amd-v1", UINT64_C(1) << 12, 0, 2);
    replay("smmu-s1", UINT64_MAX, 0, 3);
    replay("riscv-g", UINT64_MAX, 0, 4);
    replay("amd-v1", (UINT64_C(1) << 24) - 1, 4096, 5);
    replay("amd-v1", (UINT64_C(1) << 24) - 1, 2 << 20, 6);
    replay("smmu-s1", UINT64_MAX, 4096, 7);
    replay("riscv-g", UINT64_MAX, 4096, 8);
    cr_assert_eq(memory_used(), 0);
}
