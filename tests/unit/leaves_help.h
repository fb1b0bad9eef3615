/* Leaves of a few domains without a trace: what the tests of caches, harvests and scores start from. */
#ifndef TESTS_UNIT_LEAVES_HELP_H
#define TESTS_UNIT_LEAVES_HELP_H

#include "sim/config.h"
#include "sim/state/leaves.h"

struct world {
    struct cell_config config;
    struct leaves leaves;
    struct tile_index tiles;
    struct tables_change change;
    struct error error;
};

/** A cell of the model with 4 levels, 4 KiB granules, source: trace and method hardware; change it before
 *  world_begin. */
struct cell_config world_config(const char *model, uint64_t page_sizes);
/** `call` (NULL: nothing) is mapped in every domain. */
void world_begin(struct world *world, uint32_t domains, const struct config_region *call);
void world_free(struct world *world);
/** The tile that holds `iova`, touched now if it was not. */
uint32_t world_touch(struct world *world, uint32_t domain, uint64_t iova);
/** Dense page of an address in a touched tile. */
uint32_t world_page(struct world *world, uint32_t domain, uint64_t iova);
void world_map(struct world *world, uint32_t domain, uint64_t iova, uint64_t bytes, uint64_t address,
               bool writable);
void world_unmap(struct world *world, uint32_t domain, uint64_t iova, uint64_t bytes);

#endif
