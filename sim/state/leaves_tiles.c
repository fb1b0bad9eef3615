/* The tiles that the trace touches: their state words, sizes of leaves, places of table pointers, and their order. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/state/leaves.h"

static uint8_t *mixed_sizes(const struct leaves *leaves, const struct tile *tile)
{
    return leaves->mixed + (size_t)(tile->mixed - 1) * TILE_PAGES;
}

/* ---- leaves of several sizes in one tile ---- */

static bool become_mixed(struct leaves *leaves, uint32_t id, struct error *error)
{
    struct tile *tile = &leaves->tiles[id];
    const uint16_t *state = leaves_tile_state(leaves, id);
    if (leaves->mixed_free_count > 0) {
        tile->mixed = leaves->mixed_free[--leaves->mixed_free_count];
    } else {
        if (!memory_grow(&leaves->mixed, &leaves->mixed_capacity,
                         ((size_t)leaves->mixed_count + 1) * TILE_PAGES, 1, error) ||
            !memory_grow(&leaves->mixed_free, &leaves->mixed_free_capacity, leaves->mixed_count + 1,
                         sizeof *leaves->mixed_free, error))
            return false;
        tile->mixed = ++leaves->mixed_count;
    }
    uint8_t *sizes = mixed_sizes(leaves, tile);
    for (unsigned page = 0; page < TILE_PAGES; page++)
        sizes[page] = state[page] & PAGE_MAPPED ? tile->leaf_lg2 : 0;
    tile->leaf_lg2 = 0;
    return true;
}

static void become_empty(struct leaves *leaves, struct tile *tile)
{
    if (tile->mixed != 0)
        leaves->mixed_free[leaves->mixed_free_count++] = tile->mixed;
    tile->mixed = 0;
    tile->leaf_lg2 = 0;
}

/* The places of table pointers above a tile, from level 1 up. */
static bool add_nodes(struct leaves *leaves, struct tile *tile, struct error *error)
{
    const struct pt_geometry *geometry = &leaves->geometry;
    uint64_t iova = tile->number << TILE_LG2;
    uint32_t *child = &tile->node;
    *child = NODE_NONE;
    for (unsigned level = 1; level < geometry->levels; level++) {
        struct nodes *nodes = &leaves->nodes[level];
        uint32_t node;
        bool is_new;
        uint64_t key =
            tile_key(tile->domain, iova >> pt_entry_lg2(geometry, level));
        if (!memory_grow(&nodes->key, &nodes->key_capacity, nodes->count + 1, sizeof *nodes->key, error) ||
            !memory_grow(&nodes->parent, &nodes->parent_capacity, nodes->count + 1, sizeof *nodes->parent,
                         error) ||
            !number_map_intern(&leaves->node_index[level], key, (uint32_t)nodes->count, &node, &is_new,
                               error))
            return false;
        *child = node;
        if (!is_new)
            return true;
        nodes->key[node] = key;
        nodes->parent[node] = NODE_NONE;
        nodes->count++;
        child = &nodes->parent[node];
    }
    return true;
}

/* ---- leaves come and go ---- */

/* The first leaf of an empty tile says how its pages are found and walked. */
static void begin_tile(struct leaves *leaves, uint32_t id, unsigned lg2, unsigned level)
{
    struct tile *tile = &leaves->tiles[id];
    tile->leaf_lg2 = (uint8_t)lg2;
    tile->level = (uint8_t)level;
    tile->head_base = id << TILE_PAGES_LG2;
    tile->head_mask = 0;
    if (lg2 < TILE_LG2)
        tile->head_mask = (uint16_t)((TILE_PAGES - 1) & ~((1u << (lg2 - PAGE_LG2)) - 1));
    uint32_t node = tile->node;
    for (unsigned l = 1; l <= level && node != NODE_NONE; l++)
        node = leaves->nodes[l].parent[node];
    leaves->walk_start[id] = (level + 1) << WALK_NODE_BITS | (node & WALK_NODE_NONE);
    if (lg2 != PAGE_LG2)
        leaves->one_page_leaves = false;
}

static void set_pages(struct leaves *leaves, uint32_t id, struct span part)
{
    const struct tile *tile = &leaves->tiles[id];
    uint16_t *state = leaves_tile_state(leaves, id);
    unsigned first = tile_page(part.first), last = tile_page(part.last);
    struct span range;
    for (unsigned page = first; page <= last; page++)
        state[page] |= leaves->ranges_given ? PAGE_MAPPED : PAGE_MAPPED | PAGE_TRACKED;
    uint64_t at = part.first;
    while (leaves->ranges_given && leaves_range_lower(leaves, tile->domain, at, &range) &&
           range.first <= part.last) {
        struct span both = span_common(range, part);
        for (unsigned page = tile_page(both.first); page <= tile_page(both.last); page++)
            state[page] |= PAGE_TRACKED;
        if (range.last >= part.last)
            break;
        at = range.last + 1;
    }
}

/* Whole leaves of at most a tile in one tile. */
static bool install_small(struct leaves *leaves, uint32_t id, struct span part, const struct leaf_run *run,
                          struct error *error)
{
    struct tile *tile = &leaves->tiles[id];
    uint16_t *state = leaves_tile_state(leaves, id);
    unsigned first = tile_page(part.first), last = tile_page(part.last);
    if (tile->mapped == 0)
        begin_tile(leaves, id, run->lg2, run->level);
    else if (tile->mixed == 0 && tile->leaf_lg2 != run->lg2 && !become_mixed(leaves, id, error))
        return false;
    if (tile->mixed != 0) {
        memset(mixed_sizes(leaves, tile) + first, run->lg2, last - first + 1);
        leaves->one_page_leaves = leaves->all_plain = false;
    }
    set_pages(leaves, id, part);
    tile->mapped = (uint16_t)(tile->mapped + (last - first + 1));
    for (unsigned page = first; page <= last; page += 1u << (run->lg2 - PAGE_LG2))
        state[page] |= (uint16_t)(run->leaf << STATE_LEAF);
    return true;
}

static uint64_t leaf_key(uint32_t domain, uint64_t address, unsigned lg2)
{
    return tile_key(domain, address >> lg2 << lg2 >> TILE_LG2);
}

uint32_t leaves_large_tile(const struct leaves *leaves, uint32_t domain, uint64_t address, unsigned lg2)
{
    uint32_t id;
    return number_map_find(&leaves->leaf_tile, leaf_key(domain, address, lg2), &id) ? id : TILE_NONE;
}

bool leaves_join_large(struct leaves *leaves, uint32_t id, unsigned lg2, unsigned level, bool *stands,
                       struct error *error)
{
    struct tile *tile = &leaves->tiles[id];
    uint32_t head;
    begin_tile(leaves, id, lg2, level);
    if (!number_map_intern(&leaves->leaf_tile, leaf_key(tile->domain, tile->number << TILE_LG2, lg2), id,
                           &head, stands, error))
        return false;
    tile->head_base = head << TILE_PAGES_LG2;
    return true;
}

void leaves_part_large(struct leaves *leaves, uint32_t id, unsigned lg2)
{
    const struct tile *tile = &leaves->tiles[id];
    number_map_remove(&leaves->leaf_tile, leaf_key(tile->domain, tile->number << TILE_LG2, lg2));
}

static bool install_large(struct leaves *leaves, uint32_t id, const struct leaf_run *run, struct error *error)
{
    struct tile *tile = &leaves->tiles[id];
    bool stands;
    if (!leaves_join_large(leaves, id, run->lg2, run->level, &stands, error))
        return false;
    set_pages(leaves, id, tile_span(tile));
    tile->mapped = TILE_PAGES;
    if (stands)
        leaves_tile_state(leaves, id)[0] |= (uint16_t)(run->leaf << STATE_LEAF);
    return true;
}

static bool install_part(struct leaves *leaves, uint32_t id, struct span part, const struct leaf_run *run,
                         struct error *error)
{
    bool good = run->lg2 <= TILE_LG2 ? install_small(leaves, id, part, run, error)
                                     : install_large(leaves, id, run, error);
    if ((run->leaf & LEAF_DIRTY) || leaves->config->harvest.no_clear)
        leaves->active[id + 1] = 1;
    if (leaves->tiles[id].mapped != TILE_PAGES || !(run->leaf & LEAF_WRITABLE))
        leaves->all_plain = false;
    return good;
}

bool leaves_install(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                    const struct leaf_run *run, struct error *error)
{
    struct tile_walk walk;
    uint32_t id;
    struct span part;
    uint64_t touched = 0;
    if (!leaves_walk_begin(&walk, leaves, tiles, domain, run->span, error))
        return false;
    while (leaves_walk_next(&walk, &id, &part)) {
        if (!install_part(leaves, id, part, run, error))
            return false;
        touched += part.last - part.first + 1;
    }
    /* Where touched tiles stand for all of it, what the run says does not matter: let it join its neighbours. */
    if ((run->leaf & LEAF_DIRTY) && touched == run->span.last - run->span.first + 1)
        return tables_change_leaves(leaves->domains[domain].tables, run->span, LEAF_DIRTY | LEAF_CAUSE, 0,
                                    false, error);
    return true;
}

static void remove_part(struct leaves *leaves, uint32_t id, struct span part, const struct leaf_run *run)
{
    struct tile *tile = &leaves->tiles[id];
    uint16_t *state = leaves_tile_state(leaves, id);
    unsigned first = tile_page(part.first), last = tile_page(part.last);
    uint64_t truth = 0;
    for (unsigned page = first; page <= last; page++) {
        truth += (state[page] & PAGE_IN_T) != 0;
        state[page] &= PAGE_REPORTED | PAGE_AT_START;
    }
    leaves->true_count -= truth;
    leaves->unmapped_dirty_pages += truth;
    if (tile->mixed != 0)
        memset(mixed_sizes(leaves, tile) + first, 0, last - first + 1);
    if (run->lg2 > TILE_LG2)
        leaves_part_large(leaves, id, run->lg2);
    tile->mapped = (uint16_t)(tile->mapped - (last - first + 1));
    if (tile->mapped == 0)
        become_empty(leaves, tile);
    leaves->active[id + 1] = 1;
    leaves->all_plain = false;
}

bool leaves_remove(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                   const struct leaf_run *run, struct error *error)
{
    struct tile_walk walk;
    uint32_t id;
    struct span part;
    if (!leaves_walk_begin(&walk, leaves, tiles, domain, run->span, error))
        return false;
    while (leaves_walk_next(&walk, &id, &part))
        remove_part(leaves, id, part, run);
    return true;
}

bool leaves_resize(struct leaves *leaves, uint32_t id, struct span part, unsigned lg2, unsigned level,
                   struct error *error)
{
    struct tile *tile = &leaves->tiles[id];
    unsigned first = tile_page(part.first), pages = tile_page(part.last) - first + 1;
    if (tile->mapped != pages) {
        if (tile->mixed == 0 && !become_mixed(leaves, id, error))
            return false;
        uint8_t *sizes = mixed_sizes(leaves, tile);
        memset(sizes + first, (int)lg2, pages);
        if (memcmp(sizes, sizes + 1, TILE_PAGES - 1) != 0)
            return true;
    }
    become_empty(leaves, tile); /* all leaves are of one size now */
    begin_tile(leaves, id, lg2, level);
    return true;
}

/* ---- new tiles ---- */

static bool make_room(struct leaves *leaves, struct error *error)
{
    size_t total = (size_t)leaves->tile_count + 1;
    return memory_grow(&leaves->tiles, &leaves->tiles_capacity, total, sizeof *leaves->tiles, error) &&
           memory_grow(&leaves->state, &leaves->state_capacity, total * TILE_PAGES, sizeof *leaves->state,
                       error) &&
           memory_grow(&leaves->active, &leaves->active_capacity, total + 1, 1, error) &&
           memory_grow(&leaves->order, &leaves->order_capacity, total, sizeof *leaves->order, error) &&
           memory_grow(&leaves->walk_start, &leaves->walk_start_capacity, total, sizeof *leaves->walk_start,
                       error);
}

/* What is known by addresses of memory that had no tile yet; `lists` per domain, or NULL. */
static void recall(struct leaves *leaves, uint32_t id, const struct span_list *lists, uint16_t bit)
{
    const struct tile *tile = &leaves->tiles[id];
    uint16_t *state = leaves_tile_state(leaves, id);
    if (!lists)
        return;
    const struct span_list *spans = &lists[tile->domain];
    struct span whole = tile_span(tile);
    for (size_t i = span_lower(spans, whole.first); i < spans->count && spans->spans[i].first <= whole.last;
         i++) {
        struct span part = span_common(spans->spans[i], whole);
        for (unsigned page = tile_page(part.first); page <= tile_page(part.last); page++)
            state[page] |= bit;
    }
}

bool leaves_add_tile(struct leaves *leaves, uint64_t number, uint32_t domain, struct error *error)
{
    if (!make_room(leaves, error))
        return false;
    uint32_t id = leaves->tile_count++;
    struct tile *tile = &leaves->tiles[id];
    *tile = (struct tile){.number = number, .domain = domain, .head_base = id << TILE_PAGES_LG2};
    struct span whole = tile_span(tile);
    unsigned bits = leaves->geometry.iova_bits;
    memset(leaves_tile_state(leaves, id), 0, TILE_PAGES * sizeof *leaves->state);
    leaves->active[0] = leaves->active[id + 1] = 0;
    tile->beyond = bits < 64 && whole.first >> bits != 0;
    leaves->walk_start[id] = WALK_NODE_NONE;
    if (!add_nodes(leaves, tile, error))
        return false;
    const struct leaf_run *run = tables_lower(leaves->domains[domain].tables, whole.first);
    for (; run && run->span.first <= whole.last; run = tables_next(run))
        if (!install_part(leaves, id, span_common(run->span, whole), run, error))
            return false;
    if (leaves->tiles[id].mapped != TILE_PAGES)
        leaves->all_plain = false;
    recall(leaves, id, leaves->last_reported, PAGE_REPORTED);
    recall(leaves, id, leaves->at_start, PAGE_AT_START);
    return true;
}

/* ---- masks of leaves ---- */

struct page_mask leaves_mask_heads(const struct leaves *leaves, uint32_t id, struct page_mask pages)
{
    const struct tile *tile = &leaves->tiles[id];
    if (tile->mixed == 0)
        return mask_leaf_heads(pages, tile->leaf_lg2 == 0 ? 0 : tile->leaf_lg2 - PAGE_LG2);
    struct page_mask heads = {{0}};
    const uint8_t *sizes = mixed_sizes(leaves, tile);
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = pages.word[w]; left != 0; left &= left - 1) {
            unsigned page = w * 64 + (unsigned)__builtin_ctzll(left);
            if (sizes[page] != 0)
                page &= ~((1u << (sizes[page] - PAGE_LG2)) - 1);
            heads.word[page / 64] |= UINT64_C(1) << (page % 64);
        }
    return heads;
}

struct page_mask leaves_mask_pages(const struct leaves *leaves, uint32_t id, struct page_mask heads)
{
    const struct tile *tile = &leaves->tiles[id];
    if (tile->mixed == 0)
        return mask_leaf_pages(heads, tile->leaf_lg2 == 0 ? 0 : tile->leaf_lg2 - PAGE_LG2);
    struct page_mask pages = {{0}};
    const uint8_t *sizes = mixed_sizes(leaves, tile);
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = heads.word[w]; left != 0; left &= left - 1) {
            unsigned page = w * 64 + (unsigned)__builtin_ctzll(left);
            unsigned count = sizes[page] == 0 ? 1 : 1u << (sizes[page] - PAGE_LG2);
            struct page_mask leaf = mask_pages(page, page + count - 1);
            pages = mask_or(pages, &leaf);
        }
    return pages;
}

uint64_t leaves_mask_entries(const struct leaves *leaves, uint32_t id, const struct page_mask *heads)
{
    const struct tile *tile = &leaves->tiles[id];
    if (tile->mixed == 0)
        return mask_count(heads) << pt_leaf_entries_lg2(&leaves->geometry, tile->leaf_lg2);
    uint64_t entries = 0;
    for (unsigned w = 0; w < MASK_WORDS; w++)
        for (uint64_t left = heads->word[w]; left != 0; left &= left - 1) {
            uint32_t page = (id << TILE_PAGES_LG2) + w * 64 + (unsigned)__builtin_ctzll(left);
            entries += UINT64_C(1) << pt_leaf_entries_lg2(&leaves->geometry, leaves_lg2(leaves, page));
        }
    return entries;
}

void leaves_change_tiles(struct leaves *leaves, uint8_t clear, uint8_t set)
{
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        const struct tile *tile = &leaves->tiles[id];
        uint16_t *state = leaves_tile_state(leaves, id);
        if (tile->mapped == 0 || (tile->leaf_lg2 > TILE_LG2 && tile->head_base >> TILE_PAGES_LG2 != id))
            continue;
        struct page_mask mapped = mask_plane(state, PAGE_MAPPED);
        struct page_mask heads = leaves_mask_heads(leaves, id, mapped);
        for (unsigned page = 0; page < TILE_PAGES; page++) {
            uint32_t dense = (id << TILE_PAGES_LG2) + page;
            if (!(heads.word[page / 64] >> (page % 64) & 1) || !(state[page] & STATE_WRITABLE) ||
                !leaves_tracked(leaves, tile->domain,
                                leaves_span(leaves, dense, leaves_lg2(leaves, dense))))
                continue;
            state[page] &= (uint16_t) ~(clear << STATE_LEAF);
            state[page] |= (uint16_t)(set << STATE_LEAF);
        }
        leaves->active[id + 1] = 1;
    }
}

/* ---- order ---- */

int tile_place_compare(const void *a, const void *b)
{
    const struct tile_place *left = a, *right = b;
    return (left->key > right->key) - (left->key < right->key);
}

/* Sort the new tiles and merge them from the back into the sorted ones. */
bool leaves_sort_tiles(struct leaves *leaves, struct error *error)
{
    uint32_t fresh = leaves->tile_count - leaves->ordered;
    if (fresh == 0)
        return true;
    struct tile_place *places = memory_zeroed(fresh, sizeof *places, error);
    if (!places)
        return false;
    for (uint32_t i = 0; i < fresh; i++)
        places[i] = (struct tile_place){leaves_tile_key(&leaves->tiles[leaves->ordered + i]),
                                        leaves->ordered + i};
    qsort(places, fresh, sizeof *places, tile_place_compare);
    uint32_t old = leaves->ordered, to = leaves->tile_count;
    while (fresh > 0) {
        if (old > 0 && leaves_tile_key(&leaves->tiles[leaves->order[old - 1]]) > places[fresh - 1].key)
            leaves->order[--to] = leaves->order[--old];
        else
            leaves->order[--to] = places[--fresh].id;
    }
    memory_free(places);
    leaves->ordered = leaves->tile_count;
    return true;
}

uint32_t leaves_order_lower(const struct leaves *leaves, uint32_t domain, uint64_t number)
{
    uint64_t key = tile_key(domain, number);
    uint32_t low = 0, high = leaves->ordered;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (leaves_tile_key(&leaves->tiles[leaves->order[middle]]) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool list_tile(struct leaves *leaves, uint32_t id, struct error *error)
{
    if (!memory_grow(&leaves->listed, &leaves->listed_capacity, leaves->listed_count + 1,
                     sizeof *leaves->listed, error))
        return false;
    leaves->listed[leaves->listed_count++] = (struct tile_place){leaves_tile_key(&leaves->tiles[id]), id};
    return true;
}

enum { FLAGS = 64 };

static bool any_flag(const uint8_t flags[FLAGS])
{
    uint64_t any = 0, part;
    for (unsigned i = 0; i < FLAGS; i += sizeof part) {
        memcpy(&part, flags + i, sizeof part);
        any |= part;
    }
    return any != 0;
}

/* Few active tiles are picked FLAGS at a time and sorted; many are taken from the sorted order. */
bool leaves_list_active(struct leaves *leaves, struct error *error)
{
    enum { FEW = 16 };
    const uint8_t *active = leaves->active + 1;
    leaves->listed_count = 0;
    for (uint32_t id = 0, end; id < leaves->tile_count; id = end) {
        end = leaves->tile_count - id < FLAGS ? leaves->tile_count : id + FLAGS;
        if (end - id == FLAGS && !any_flag(active + id))
            continue;
        for (uint32_t at = id; at < end; at++)
            if (active[at] && !list_tile(leaves, at, error))
                return false;
    }
    if (leaves->listed_count <= leaves->tile_count / FEW) {
        if (leaves->listed_count > 1)
            qsort(leaves->listed, leaves->listed_count, sizeof *leaves->listed, tile_place_compare);
    } else {
        if (!leaves_sort_tiles(leaves, error))
            return false;
        leaves->listed_count = 0;
        for (uint32_t i = 0; i < leaves->tile_count; i++)
            if (active[leaves->order[i]] && !list_tile(leaves, leaves->order[i], error))
                return false;
    }
    for (size_t i = 0; i < leaves->listed_count; i++)
        leaves->active[leaves->listed[i].id + 1] = 0;
    return true;
}

bool leaves_order_begin(struct leaves *leaves, uint32_t domain, uint64_t number, uint32_t *at, struct error *error)
{
    if (!leaves_sort_tiles(leaves, error))
        return false;
    *at = leaves_order_lower(leaves, domain, number);
    return true;
}

uint32_t leaves_order_at(const struct leaves *leaves, uint32_t at, uint32_t domain, uint64_t last)
{
    if (at >= leaves->tile_count)
        return TILE_NONE;
    uint32_t id = leaves->order[at];
    return leaves->tiles[id].domain == domain && leaves->tiles[id].number <= last ? id : TILE_NONE;
}
