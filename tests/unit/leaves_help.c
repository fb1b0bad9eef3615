#include "leaves_help.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"

extern const struct harvest_policy policy_none;
extern const struct mapping_source mapping_trace;
extern const struct tracking_method tracking_hardware;

struct cell_config world_config(const char *model, uint64_t page_sizes)
{
    struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096};
    size_t f = 0;
    while (strcmp(pt_formats[f]->name, model) != 0)
        f++;
    config.iommu.model = pt_formats[f];
    config.iommu.levels = pt_formats[f]->levels_default;
    config.iommu.granule_bytes = 4096;
    config.iommu.address_bits = 48;
    config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
    config.mapping.source = &mapping_trace;
    config.mapping.page_sizes = page_sizes;
    config.tracking.method = &tracking_hardware;
    config.harvest.policy = &policy_none;
    config.harvest.flush = FLUSH_RANGE;
    config.harvest.granule_bytes = 4096;
    return config;
}

void world_begin(struct world *world, uint32_t domains, const struct config_region *call)
{
    struct config_region copy = call ? *call : (struct config_region){0};
    struct map_calls calls = {&copy, call ? 1 : 0};
    cr_assert(leaves_init(&world->leaves, &world->config, &calls, 1, domains, &world->error), "%s",
              world->error.text);
    cr_assert(tile_index_init(&world->tiles, domains, &world->error));
}

void world_free(struct world *world)
{
    leaves_free(&world->leaves);
    tile_index_free(&world->tiles);
    tables_change_free(&world->change);
}

uint32_t world_touch(struct world *world, uint32_t domain, uint64_t iova)
{
    bool is_new = false;
    uint32_t id = tile_id(&world->tiles, domain, iova >> TILE_LG2, &is_new, &world->error);
    cr_assert_neq(id, TILE_NONE);
    if (is_new)
        cr_assert(leaves_add_tile(&world->leaves, iova >> TILE_LG2, domain, &world->error));
    return id;
}

uint32_t world_page(struct world *world, uint32_t domain, uint64_t iova)
{
    uint32_t id = tile_find(&world->tiles, domain, iova >> TILE_LG2);
    cr_assert_neq(id, TILE_NONE);
    return id << TILE_PAGES_LG2 | ((uint32_t)(iova >> PAGE_LG2) & (TILE_PAGES - 1));
}

void world_map(struct world *world, uint32_t domain, uint64_t iova, uint64_t bytes, uint64_t address,
               bool writable)
{
    struct span span = {iova, iova + (bytes - 1)};
    cr_assert(leaves_map(&world->leaves, &world->tiles, domain, span, address, writable, &world->change,
                         &world->error));
}

void world_unmap(struct world *world, uint32_t domain, uint64_t iova, uint64_t bytes)
{
    struct span span = {iova, iova + (bytes - 1)};
    cr_assert(leaves_unmap(&world->leaves, domain, span, &world->change, &world->error) &&
              leaves_forget(&world->leaves, &world->tiles, domain, &world->change, &world->error));
}
