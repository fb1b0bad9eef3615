/* Splitting leaves (semantics.md 14): the touched tiles follow what the tables did. Bits of pages stay; the
 * LEAF_ bits of a leaf are copied to the heads of its parts. */
#include "sim/state/leaves.h"

bool leaves_split(struct leaves *leaves, struct tables *tables, uint64_t domains,
                  const struct span_list *spans, struct tables_change *change, struct error *error)
{
    struct split_count *sum = &leaves->split, count = {0};
    uint64_t before = tables_count(tables)->table_bytes;
    if (!tables_split(tables, spans, leaves->split_lg2, change, &count, error))
        return false;
    leaves_tables_changed(leaves, before * domains, tables_count(tables)->table_bytes * domains);
    leaves->leaves_mapped += count.parts * domains;
    sum->leaves += count.leaves * domains;
    sum->parts += count.parts * domains;
    sum->tables += count.tables * domains;
    sum->entries += count.entries * domains;
    return true;
}

/* A leaf above 2 MiB has one word, in the tile that stands for it: each of its tiles takes a copy. */
static bool part_from_large(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                            const struct leaf_run *run, struct error *error)
{
    struct tile_walk walk;
    struct span part;
    uint32_t id;
    if (!leaves_walk_begin(&walk, leaves, tiles, domain, run->span, error))
        return false;
    while (leaves_walk_next(&walk, &id, &part)) {
        leaves->state[id << TILE_PAGES_LG2] |= leaves->state[leaves->tiles[id].head_base] & STATE_OF_LEAF;
        leaves_part_large(leaves, id, run->lg2);
    }
    return true;
}

/* The leaves of a part of a tile, which all have words of their own. */
static bool split_part(struct leaves *leaves, uint32_t id, struct span part, const struct leaf_run *run,
                       struct error *error)
{
    const unsigned lg2 = leaves->split_lg2, level = pt_leaf_level(&leaves->geometry, lg2);
    uint16_t *state = leaves_tile_state(leaves, id);
    if (lg2 > TILE_LG2) {
        bool stands;
        if (!leaves_join_large(leaves, id, lg2, level, &stands, error))
            return false;
        if (!stands)
            state[0] &= (uint16_t)~STATE_OF_LEAF;
        return true;
    }
    unsigned whole = run->lg2 > TILE_LG2 ? TILE_PAGES : 1u << (run->lg2 - PAGE_LG2);
    for (unsigned leaf = tile_page(part.first); leaf <= tile_page(part.last); leaf += whole)
        for (unsigned page = leaf; page < leaf + whole; page += 1u << (lg2 - PAGE_LG2))
            state[page] |= state[leaf] & STATE_OF_LEAF;
    return leaves_resize(leaves, id, part, lg2, level, error);
}

static bool split_run(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                      const struct leaf_run *run, struct error *error)
{
    struct tile_walk walk;
    struct span part;
    uint32_t id;
    if (run->lg2 > TILE_LG2 && !part_from_large(leaves, tiles, domain, run, error))
        return false;
    if (!leaves_walk_begin(&walk, leaves, tiles, domain, run->span, error))
        return false;
    while (leaves_walk_next(&walk, &id, &part))
        if (!split_part(leaves, id, part, run, error))
            return false;
    return true;
}

bool leaves_split_tiles(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                        const struct tables_change *change, struct error *error)
{
    for (size_t i = 0; i < change->run_count; i++)
        if (!split_run(leaves, tiles, domain, &change->runs[i], error))
            return false;
    return true;
}

void leaves_split_end(struct leaves *leaves)
{
    leaves->all_plain = leaves->one_page_leaves = true;
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        const struct tile *tile = &leaves->tiles[id];
        bool uniform = tile->mixed == 0;
        leaves->all_plain &= uniform && tile->mapped == TILE_PAGES;
        leaves->one_page_leaves &= tile->mapped == 0 || (uniform && tile->leaf_lg2 == PAGE_LG2);
    }
}
