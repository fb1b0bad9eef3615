/* Invalidations (semantics.md 7): what becomes invalid in a cell's caches. Small spans are looked up leaf by leaf,
 * large ones by scanning the IOTLB, whichever is less. */
#include "sim/engine/cell.h"
#include "sim/engine/harvest.h"

struct identity cell_identity(const struct cell *cell, uint32_t tag)
{
    const struct leaves *leaves = cell->leaves;
    if (tag >= IOTLB_GHOST) {
        const struct ghost *ghost = &cell->ghosts.rows[tag - IOTLB_GHOST];
        return (struct identity){ghost->domain, ghost_span(ghost), ghost->lg2};
    }
    const struct tile *tile = &leaves->tiles[tag >> TILE_PAGES_LG2];
    unsigned lg2 = tile->mixed != 0 ? leaves_lg2(leaves, tag) : tile->leaf_lg2; /* what is cached is mapped */
    return (struct identity){tile->domain, leaves_span(leaves, tag, lg2), lg2};
}

/* One invalidation under way. */
struct dropping {
    struct cell *cell;
    uint32_t domain;
    bool every_domain;
    const struct iommu_invalidation *invalidation;
    const struct window *window; /* of a harvest; NULL */
    uint64_t dropped, overreach;
};

/* The head of the leaf that stands where a ghost's did, or UINT32_MAX. */
static uint32_t head_at(const struct cell *cell, const struct ghost *ghost)
{
    const struct leaves *leaves = cell->leaves;
    if (ghost->lg2 > TILE_LG2) {
        uint32_t id = leaves_large_tile(leaves, ghost->domain, ghost->first, ghost->lg2);
        return id != TILE_NONE && leaves->tiles[id].leaf_lg2 == ghost->lg2 ? id << TILE_PAGES_LG2 : UINT32_MAX;
    }
    uint32_t id = tile_find(cell->tiles, ghost->domain, ghost->first >> TILE_LG2);
    if (id >= leaves->tile_count)
        return UINT32_MAX;
    uint32_t page = id << TILE_PAGES_LG2 | tile_page(ghost->first);
    return leaves_lg2(leaves, page) == ghost->lg2 ? page : UINT32_MAX;
}

/* Is the entry that of a leaf dirty in the window (semantics.md 7, flush_overreach)? */
static bool wanted(const struct dropping *dropping, uint32_t tag)
{
    const struct cell *cell = dropping->cell;
    if (tag >= IOTLB_GHOST)
        tag = head_at(cell, &cell->ghosts.rows[tag - IOTLB_GHOST]);
    return tag != UINT32_MAX && window_holds_dirty(dropping->window, cell->leaves, tag);
}

static bool becomes_invalid(const struct dropping *dropping, uint32_t tag)
{
    const struct iommu_invalidation *invalidation = dropping->invalidation;
    if (dropping->every_domain)
        return true;
    struct identity identity = cell_identity(dropping->cell, tag);
    if (identity.domain != dropping->domain)
        return false;
    return invalidation->whole_domain || (span_overlaps(identity.span, invalidation->span) &&
                                          identity.lg2 <= invalidation->size_lg2_max);
}

/* An entry goes. */
static void count_drop(struct dropping *dropping, uint32_t tag)
{
    dropping->dropped++;
    if (dropping->window && !wanted(dropping, tag))
        dropping->overreach++;
    if (tag >= IOTLB_GHOST)
        ghosts_remove(&dropping->cell->ghosts, tag - IOTLB_GHOST);
}

static bool drops(void *context, uint32_t tag)
{
    struct dropping *dropping = context;
    if (!becomes_invalid(dropping, tag))
        return false;
    count_drop(dropping, tag);
    return true;
}

static void drop_leaf(struct dropping *dropping, uint32_t head, unsigned lg2)
{
    struct cell *cell = dropping->cell;
    uint64_t number = leaves_span(cell->leaves, head, lg2).first >> lg2;
    if (lg2 <= dropping->invalidation->size_lg2_max && iotlb_forget(&cell->iotlb, head, number))
        count_drop(dropping, head);
}

/* The leaves of a part of a tile, one by one. */
static void drop_part(struct dropping *dropping, uint32_t id, struct span part)
{
    const struct leaves *leaves = dropping->cell->leaves;
    const struct tile *tile = &leaves->tiles[id];
    uint32_t page = id << TILE_PAGES_LG2 | tile_page(part.first);
    uint32_t last = id << TILE_PAGES_LG2 | tile_page(part.last);
    if (tile->leaf_lg2 >= TILE_LG2) {
        drop_leaf(dropping, tile->head_base, tile->leaf_lg2);
        return;
    }
    if (tile->mixed == 0 && tile->leaf_lg2 != 0 && !dropping->window) { /* nothing to tell apart */
        uint32_t step = 1u << (tile->leaf_lg2 - PAGE_LG2), first = page & ~(step - 1);
        uint64_t number = leaves_span(leaves, first, tile->leaf_lg2).first >> tile->leaf_lg2;
        if (tile->leaf_lg2 <= dropping->invalidation->size_lg2_max)
            dropping->dropped += iotlb_forget_run(&dropping->cell->iotlb, first, step, number,
                                                  (last - first) / step + 1);
        return;
    }
    while (page <= last) {
        unsigned lg2 = tile->mixed != 0 ? leaves_lg2(leaves, page) : tile->leaf_lg2;
        uint32_t leaf_pages = lg2 == 0 ? 1 : 1u << (lg2 - PAGE_LG2);
        page &= ~(leaf_pages - 1);
        if (lg2 != 0) /* a page that is not mapped is not cached */
            drop_leaf(dropping, page, lg2);
        page += leaf_pages;
    }
}

static void drop_ghost(struct dropping *dropping, uint32_t row)
{
    struct cell *cell = dropping->cell;
    const struct ghost *ghost = &cell->ghosts.rows[row];
    if (!becomes_invalid(dropping, IOTLB_GHOST + row))
        return;
    iotlb_forget(&cell->iotlb, IOTLB_GHOST + row, ghost->first >> ghost->lg2);
    count_drop(dropping, IOTLB_GHOST + row);
}

/* Ghosts that overlap the span, by all keys that they can have or one after another, whichever is less. */
static void drop_ghosts(struct dropping *dropping)
{
    struct cell *cell = dropping->cell;
    struct span span = dropping->invalidation->span;
    if (cell->ghosts.count == 0)
        return;
    uint64_t sizes = tables_count(cell->leaves->domains[dropping->domain].tables)->sizes_used;
    uint64_t keys = (((span.last - span.first) >> PAGE_LG2) + 2) * (uint64_t)__builtin_popcountll(sizes);
    if (span.last - span.first > UINT32_MAX || keys >= cell->ghosts.capacity) {
        for (uint32_t row = 0; row < cell->ghosts.capacity; row++)
            if (cell->ghosts.rows[row].lg2 != 0)
                drop_ghost(dropping, row);
        return;
    }
    for (; sizes != 0; sizes &= sizes - 1) {
        unsigned lg2 = (unsigned)__builtin_ctzll(sizes);
        for (uint64_t number = span.first >> lg2; number <= span.last >> lg2; number++) {
            uint32_t row = ghosts_find(&cell->ghosts, dropping->domain, lg2, number << lg2);
            if (row != UINT32_MAX)
                drop_ghost(dropping, row);
        }
    }
}

/* Touched leaves of the span, looked up. The tile index is complete: looking takes no memory unless tiles are
 * sorted, which wide spans do not come here for. */
static void drop_looked_up(struct dropping *dropping)
{
    struct tile_walk walk;
    uint32_t id;
    struct span part;
    if (leaves_walk_begin(&walk, dropping->cell->leaves, dropping->cell->tiles, dropping->domain,
                          dropping->invalidation->span, NULL))
        while (leaves_walk_next(&walk, &id, &part))
            drop_part(dropping, id, part);
    drop_ghosts(dropping);
}

/* What is cached of the touched tiles of the span. False: no memory to walk them. */
static bool drop_by_tile(struct dropping *dropping)
{
    struct cell *cell = dropping->cell;
    struct tile_walk walk;
    uint32_t id;
    struct span part;
    if (!leaves_walk_begin(&walk, cell->leaves, cell->tiles, dropping->domain, dropping->invalidation->span, NULL))
        return false;
    while (leaves_walk_next(&walk, &id, &part)) {
        const struct tile *tile = &cell->leaves->tiles[id];
        if (tile->leaf_lg2 > TILE_LG2) /* its head may be in another tile */
            drop_leaf(dropping, tile->head_base, tile->leaf_lg2);
        else
            iotlb_drop_tile(&cell->iotlb, id, drops, dropping);
    }
    drop_ghosts(dropping);
    return true;
}

static void drop_entries(struct dropping *dropping)
{
    struct cell *cell = dropping->cell;
    const struct iommu_invalidation *invalidation = dropping->invalidation;
    bool all = dropping->every_domain || (invalidation->whole_domain && cell->leaves->domain_count == 1);
    if (all && !dropping->window) {
        dropping->dropped += iotlb_drop_all(&cell->iotlb);
        if (cell->keeps_contents)
            ghosts_clear(&cell->ghosts);
        return;
    }
    uint64_t places = iotlb_scan_places(&cell->iotlb);
    uint64_t pages = (invalidation->span.last - invalidation->span.first) >> PAGE_LG2;
    uint64_t tiles = (invalidation->span.last >> TILE_LG2) - (invalidation->span.first >> TILE_LG2);
    bool whole = all || invalidation->whole_domain;
    if (!whole && pages < places && tiles < cell->leaves->tile_count)
        drop_looked_up(dropping);
    else if (whole || !iotlb_knows_tiles(&cell->iotlb) || cell->leaves->tile_count >= places ||
             !drop_by_tile(dropping))
        iotlb_drop(&cell->iotlb, drops, dropping);
}

static void drop_pointers(struct cell *cell, uint32_t domain, bool every_domain,
                          const struct iommu_invalidation *invalidation)
{
    struct span everything = {0, UINT64_MAX};
    if (every_domain || (invalidation->whole_domain && cell->leaves->domain_count == 1))
        walk_cache_drop_all(&cell->walk_cache);
    else if (invalidation->whole_domain)
        walk_cache_drop(&cell->walk_cache, cell->leaves, domain, everything, 64);
    else if (invalidation->pointers)
        walk_cache_drop(&cell->walk_cache, cell->leaves, domain, invalidation->span,
                        invalidation->size_lg2_max);
}

/* One invalidation in one domain. */
static void invalidate(struct dropping *dropping, const struct iommu_invalidation *invalidation)
{
    dropping->invalidation = invalidation;
    drop_entries(dropping);
    drop_pointers(dropping->cell, dropping->domain, dropping->every_domain, invalidation);
    if (!dropping->cell->atcs)
        return;
    cell_ats_count(dropping->cell, 1);
    if (invalidation->whole_domain)
        cell_ats_drop_all(dropping->cell, dropping->domain);
    else
        cell_ats_drop(dropping->cell, dropping->domain, iommu_cover(invalidation->span, NULL));
}

/* ---- after a harvest window ---- */

/* Untouched leaves are in no cache, but what has outlived a larger leaf that stood there may be. Where the size of a
 * leaf limits what goes (amd), nothing in the IOTLB can be: an entry that lies in the leaf makes it a touched one. */
static void flush_untouched(struct dropping *dropping)
{
    struct cell *cell = dropping->cell;
    const struct span_list *untouched = dropping->window->untouched;
    struct iommu_invalidation one = cell->vendor->leaf(&cell->iommu, (struct span){0, (1u << PAGE_LG2) - 1});
    for (size_t i = 0; untouched && i < untouched->count; i++) {
        one.span = untouched->spans[i];
        dropping->invalidation = &one;
        if (one.size_lg2_max == 64)
            drop_ghosts(dropping);
        dropping->invalidation = NULL;
        cell_ats_drop(cell, dropping->domain, one.span);
    }
}

/* Exactly the dirty leaves. */
static void flush_leaves(struct dropping *dropping)
{
    struct cell *cell = dropping->cell;
    const struct leaves *leaves = cell->leaves;
    const struct window *window = dropping->window;
    for (size_t i = 0; i < window->clear_count; i++)
        for (unsigned w = 0; w < MASK_WORDS; w++)
            for (uint64_t left = window->clears[i].heads.word[w]; left != 0; left &= left - 1) {
                uint32_t head =
                    window->clears[i].tile << TILE_PAGES_LG2 | (w * 64 + (unsigned)__builtin_ctzll(left));
                unsigned lg2 = leaves_lg2(leaves, head);
                struct span span = leaves_span(leaves, head, lg2);
                struct iommu_invalidation one = cell->vendor->leaf(&cell->iommu, span);
                dropping->invalidation = &one;
                drop_leaf(dropping, head, lg2);
                drop_ghosts(dropping);
                drop_pointers(cell, dropping->domain, false, &one);
                cell_ats_drop(cell, dropping->domain, span);
            }
    flush_untouched(dropping);
    cell_ats_count(cell, window->dirty_leaves);
}

/* What software issues for the window; of single leaves each one's bytes are found by flush_leaves. */
static struct iommu_invalidation flush_of(const struct cell *cell, const struct window *window)
{
    struct iommu_invalidation flush = iommu_domain();
    switch (cell->config->harvest.flush) {
    case FLUSH_NONE:
        flush.commands = flush.syncs = 0;
        break;
    case FLUSH_LEAF:
        flush.commands = window->dirty_leaves;
        break;
    case FLUSH_RANGE:
        return cell->vendor->range(&cell->iommu, window->hull, IOMMU_HARVEST);
    case FLUSH_DOMAIN:
    case FLUSH_GLOBAL:
        break;
    }
    return flush;
}

struct flush_size cell_flush_size(const struct cell *cell, const struct window *window)
{
    struct iommu_invalidation flush = flush_of(cell, window);
    uint64_t to_each = cell->config->harvest.flush == FLUSH_LEAF ? window->dirty_leaves : flush.commands > 0;
    return (struct flush_size){.commands = flush.commands,
                               .syncs = flush.syncs,
                               .atc_commands = cell_ats_commands(cell, to_each)};
}

void cell_flush(struct cell *cell, const struct window *window, bool at_start)
{
    struct metrics *m = &cell->metrics;
    enum flush_mode mode = cell->config->harvest.flush;
    struct dropping dropping = {
        .cell = cell, .domain = window->domain, .window = window, .every_domain = mode == FLUSH_GLOBAL};
    struct iommu_invalidation flush = flush_of(cell, window);
    if (mode == FLUSH_NONE)
        return;
    if (mode == FLUSH_LEAF)
        flush_leaves(&dropping);
    else
        invalidate(&dropping, &flush);
    if (at_start) {
        m->toggle_commands += flush.commands;
        m->toggle_syncs += flush.syncs;
        m->toggle_invalidated += dropping.dropped;
    } else {
        m->flushes++;
        m->flush_commands += flush.commands;
        m->flush_syncs += flush.syncs;
        m->iotlb_invalidated += dropping.dropped;
        m->flush_overreach += dropping.overreach;
        cell->interval_commands += flush.commands;
    }
}

void cell_flush_split(struct cell *cell, uint32_t domain)
{
    struct metrics *m = &cell->metrics;
    struct dropping dropping = {.cell = cell, .domain = domain};
    struct iommu_invalidation flush = iommu_domain();
    invalidate(&dropping, &flush);
    m->toggle_commands += flush.commands;
    m->toggle_syncs += flush.syncs;
    m->toggle_invalidated += dropping.dropped;
}

/* ---- after unmaps ---- */

static void flush_unmapped(void *context, const struct iommu_invalidation *invalidation)
{
    struct dropping *dropping = context;
    struct metrics *m = &dropping->cell->metrics;
    m->unmap_commands += invalidation->commands;
    m->unmap_syncs += invalidation->syncs;
    invalidate(dropping, invalidation);
}

void cell_flush_change(struct cell *cell, uint32_t domain, const struct iommu_change *change)
{
    struct dropping dropping = {.cell = cell, .domain = domain};
    cell->vendor->change(&cell->iommu, change, flush_unmapped, &dropping);
    cell->metrics.unmap_invalidated += dropping.dropped;
}

void cell_flush_deferred(struct cell *cell, uint32_t domain)
{
    struct dropping dropping = {.cell = cell, .domain = domain};
    struct iommu_invalidation flush = iommu_domain();
    flush_unmapped(&dropping, &flush);
    cell->metrics.unmap_invalidated += dropping.dropped;
}

/* The leaf goes, and the IOTLB may still hold it. */
static void keep_leaf(struct cell *cell, uint32_t head, unsigned lg2, uint64_t shift)
{
    uint64_t first = leaves_span(cell->leaves, head, lg2).first;
    if (!iotlb_holds(&cell->iotlb, head, first >> lg2))
        return;
    struct ghost ghost = {.first = first,
                          .shift = shift,
                          .domain = cell->leaves->tiles[head >> TILE_PAGES_LG2].domain,
                          .lg2 = (uint8_t)lg2,
                          .contents = cell->contents[head]};
    uint32_t row = ghosts_add(&cell->ghosts, &ghost);
    iotlb_rename(&cell->iotlb, head, IOTLB_GHOST + row, first >> lg2);
}

bool cell_keep_ghosts(struct cell *cell, uint32_t domain, const struct tables_change *change,
                      struct error *error)
{
    struct tile_walk walk;
    struct span part;
    uint32_t id;
    for (size_t i = 0; i < change->run_count; i++) {
        const struct leaf_run *run = &change->runs[i];
        if (!leaves_walk_begin(&walk, cell->leaves, cell->tiles, domain, run->span, error))
            return false;
        while (leaves_walk_next(&walk, &id, &part)) {
            uint32_t page = id << TILE_PAGES_LG2 | tile_page(part.first);
            uint32_t last = id << TILE_PAGES_LG2 | tile_page(part.last);
            uint32_t step = run->lg2 >= TILE_LG2 ? TILE_PAGES : 1u << (run->lg2 - PAGE_LG2);
            for (; page <= last; page += step)
                keep_leaf(cell, leaves_head(cell->leaves, page), run->lg2, run->shift);
        }
    }
    return true;
}
