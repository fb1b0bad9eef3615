#include "sim/state/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/state/page_mask.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

/* ---- setting up ---- */

static struct pt_switches switches_on(const struct cell_config *config)
{
    if (config->iommu.model->control == PT_CONTROL_CONTEXT)
        return (struct pt_switches){.accessed = true, .dirty = true};
    return (struct pt_switches){.accessed = config->iommu.ha, .dirty = config->iommu.hd};
}

/* Ask the format what its hardware does, instead of knowing it twice. */
static void probe_format(struct ledger *ledger)
{
    const struct cell_config *config = ledger->config;
    const struct pt_format *format = config->iommu.model;
    bool per_entry = format->control == PT_CONTROL_ENTRY;
    if (!config->tracking.method->uses_hardware)
        return;
    struct pt_leaf clean = {.readable = true,
                            .writable = true,
                            .dbm = per_entry && config->iommu.dbm != DBM_OFF,
                            .accessed = per_entry};
    uint64_t entry = format->leaf_entry(&ledger->layout.geometry, &clean);
    uint64_t read_entry = entry;
    enum pt_outcome outcome = format->access(&entry, switches_on(config), true);
    ledger->managed = outcome == PT_ALLOWED && format->is_dirty(entry);
    ledger->static_dbm = per_entry && config->iommu.dbm == DBM_STATIC;
    ledger->forbids_writes = outcome == PT_FAULT_PERMISSION;
    uint64_t before = read_entry;
    format->access(&read_entry, switches_on(config), false);
    ledger->sets_accessed = read_entry != before;
}

static bool build_ranges(struct ledger *ledger, struct error *error)
{
    const struct cell_config *config = ledger->config;
    const struct span_list *mapped = &ledger->layout.mapped;
    unsigned bits = ledger->layout.geometry.iova_bits;
    uint64_t top = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    if (!config->tracking.ranges) {
        for (size_t i = 0; i < mapped->count; i++)
            if (!span_append(&ledger->ranges, mapped->spans[i].first, mapped->spans[i].last, error))
                return false;
    } else {
        /* Touching ranges stay apart: one range is one request to the driver. */
        struct span_list *ranges = &ledger->ranges;
        size_t count = config->tracking.range_count;
        if (!memory_grow(&ranges->spans, &ranges->capacity, count + 1, sizeof *ranges->spans, error))
            return false;
        for (size_t i = 0; i < count; i++) {
            uint64_t first = config->tracking.ranges[i].iova;
            uint64_t last = first + config->tracking.ranges[i].bytes - 1;
            if (first <= top)
                ranges->spans[ranges->count++] = (struct span){first, last < top ? last : top};
        }
    }
    return span_intersect(&ledger->ranges, mapped, &ledger->tracked, error);
}

static void count_scans(struct ledger *ledger)
{
    uint64_t chunk = ledger->config->harvest.chunk_bytes;
    for (size_t i = 0; i < ledger->ranges.count; i++) {
        struct span range = ledger->ranges.spans[i];
        layout_scan(&ledger->layout, range.first, range.last, &ledger->visit_entries, &ledger->visit_tables);
        if (chunk == 0)
            continue;
        for (uint64_t first = range.first;; first += chunk) {
            uint64_t last = range.last - first < chunk ? range.last : first + chunk - 1;
            layout_scan(&ledger->layout, first, last, &ledger->scan_entries, &ledger->scan_tables);
            if (last == range.last)
                break;
        }
    }
    if (chunk == 0) {
        ledger->scan_entries = ledger->visit_entries;
        ledger->scan_tables = ledger->visit_tables;
    }
}

bool ledger_init(struct ledger *ledger, const struct cell_config *config, const struct config_region *calls,
                 size_t call_count, struct error *error)
{
    *ledger = (struct ledger){.config = config, .all_plain = true, .one_page_leaves = true};
    unsigned granule_lg2 = (unsigned)__builtin_ctzll(config->iommu.granule_bytes);
    struct pt_geometry geometry = config->iommu.model->geometry(config->iommu.levels, granule_lg2);
    if (!layout_build(&ledger->layout, &geometry, config->mapping.page_sizes_lg2,
                      config->mapping.page_size_count, calls, call_count, error) ||
        !build_ranges(ledger, error))
        return false;
    ledger->tracked_pages = span_pages(&ledger->tracked);
    ledger->covered_leaves = layout_leaves_in(&ledger->layout, &ledger->ranges);
    if (config->tracking.method->uses_hardware)
        count_scans(ledger);
    probe_format(ledger);
    ledger->needs_hits = ledger->forbids_writes || (config->harvest.flush == FLUSH_NONE && ledger->managed);
    ledger->born_dirty_inside = ledger->static_dbm;
    ledger_enter(ledger, PHASE_BEFORE);
    return true;
}

void ledger_free(struct ledger *ledger)
{
    layout_free(&ledger->layout);
    span_free(&ledger->ranges);
    span_free(&ledger->tracked);
    memory_free(ledger->tiles);
    memory_free(ledger->state);
    memory_free(ledger->active);
    memory_free(ledger->snapshot);
    memory_free(ledger->order);
    memory_free(ledger->listed);
    memory_free(ledger->walk_start);
    for (unsigned level = 0; level < PT_LEVELS_MAX; level++) {
        memory_free(ledger->nodes[level].key);
        memory_free(ledger->nodes[level].parent);
        number_map_free(&ledger->node_index[level]);
    }
    number_map_free(&ledger->leaf_tile);
    *ledger = (struct ledger){0};
}

static bool same_regions(const struct config_region *a, size_t a_count, const struct config_region *b,
                         size_t b_count)
{
    return (a == NULL) == (b == NULL) && a_count == b_count &&
           (a_count == 0 || memcmp(a, b, a_count * sizeof *a) == 0);
}

/* Writes that fault depend on what the IOTLB holds, as writes_pass does under flush: none. */
static bool depends_on_caches(const struct cell_config *config)
{
    return config->harvest.flush == FLUSH_NONE || !config->iommu.ha || !config->iommu.hd;
}

bool ledger_shareable(const struct cell_config *a, const struct cell_config *b)
{
    return !depends_on_caches(a) && !depends_on_caches(b) && a->limit_records == b->limit_records &&
           a->iommu.model == b->iommu.model && a->iommu.levels == b->iommu.levels &&
           a->iommu.granule_bytes == b->iommu.granule_bytes && a->iommu.dbm == b->iommu.dbm &&
           a->iommu.ha == b->iommu.ha && a->iommu.hd == b->iommu.hd &&
           a->mapping.source == b->mapping.source && a->mapping.extent_bytes == b->mapping.extent_bytes &&
           a->mapping.page_size_count == b->mapping.page_size_count &&
           memcmp(a->mapping.page_sizes_lg2, b->mapping.page_sizes_lg2, a->mapping.page_size_count) == 0 &&
           same_regions(a->mapping.regions, a->mapping.region_count, b->mapping.regions,
                        b->mapping.region_count) &&
           a->tracking.method == b->tracking.method && a->tracking.start_ns == b->tracking.start_ns &&
           a->tracking.has_stop == b->tracking.has_stop &&
           (!a->tracking.has_stop || a->tracking.stop_ns == b->tracking.stop_ns) &&
           a->tracking.clear_on_start == b->tracking.clear_on_start &&
           same_regions(a->tracking.ranges, a->tracking.range_count, b->tracking.ranges,
                        b->tracking.range_count) &&
           a->harvest.policy == b->harvest.policy && a->harvest.interval_ns == b->harvest.interval_ns &&
           a->harvest.count == b->harvest.count && a->harvest.granule_bytes == b->harvest.granule_bytes &&
           a->harvest.chunk_bytes == b->harvest.chunk_bytes && a->harvest.no_clear == b->harvest.no_clear &&
           a->harvest.final == b->harvest.final;
}

/* ---- tiles ---- */

static bool overlaps(const struct span_list *list, struct span span)
{
    size_t i = span_lower(list, span.first);
    return i < list->count && list->spans[i].first <= span.last;
}

/* Leaf bits of a head as the phase wants them. */
static uint8_t head_bits(const struct ledger *ledger, bool covered)
{
    if (ledger->static_dbm)
        return !covered || ledger->born_dirty_inside ? PAGE_DIRTY | PAGE_BORN : 0;
    bool unmanaged = ledger->phase == PHASE_TRACKING && !covered &&
                     ledger->config->iommu.model->control == PT_CONTROL_ENTRY;
    return unmanaged ? PAGE_DIRTY | PAGE_PASS : 0;
}

/* The table pointers above the entry at which walks in this tile end. */
static bool add_nodes(struct ledger *ledger, struct ledger_tile *tile, struct error *error)
{
    const struct pt_geometry *geometry = &ledger->layout.geometry;
    uint64_t iova = tile->number << TILE_LG2;
    uint32_t *child = &tile->node;
    *child = LEDGER_NO_NODE;
    for (unsigned level = tile->level + 1u; level < geometry->levels; level++) {
        struct ledger_nodes *nodes = &ledger->nodes[level];
        uint32_t node;
        bool is_new;
        uint64_t key = iova >> pt_entry_lg2(geometry, level);
        if (!memory_grow(&nodes->key, &nodes->key_capacity, nodes->count + 1, sizeof *nodes->key, error) ||
            !memory_grow(&nodes->parent, &nodes->parent_capacity, nodes->count + 1, sizeof *nodes->parent,
                         error) ||
            !number_map_intern(&ledger->node_index[level], key, (uint32_t)nodes->count, &node, &is_new,
                               error))
            return false;
        *child = node;
        if (!is_new)
            return true;
        nodes->key[node] = key;
        nodes->parent[node] = LEDGER_NO_NODE;
        nodes->count++;
        child = &nodes->parent[node];
    }
    return true;
}

static bool init_tile(struct ledger *ledger, uint32_t id, struct error *error)
{
    struct ledger_tile *tile = &ledger->tiles[id];
    const struct layout *layout = &ledger->layout;
    uint8_t *state = &ledger->state[(size_t)id * TILE_PAGES];
    struct span whole = {tile->number << TILE_LG2,
                         tile->number << TILE_LG2 | ((UINT64_C(1) << TILE_LG2) - 1)};
    memset(state, 0, TILE_PAGES);
    tile->beyond = layout->geometry.iova_bits < 64 && whole.first >> layout->geometry.iova_bits != 0;
    tile->head_base = id << TILE_PAGES_LG2;
    tile->level = (uint8_t)layout_terminal_level(layout, whole.first);
    bool own_head = true;
    size_t run = layout_lower(layout, whole.first);
    unsigned mapped = 0;
    for (; run < layout->run_count && layout->runs[run].span.first <= whole.last; run++) {
        const struct leaf_run *leaves = &layout->runs[run];
        assert(tile->leaf_lg2 == 0 || tile->leaf_lg2 == leaves->leaf_lg2);
        tile->leaf_lg2 = leaves->leaf_lg2;
        uint64_t first = leaves->span.first > whole.first ? leaves->span.first : whole.first;
        uint64_t last = leaves->span.last < whole.last ? leaves->span.last : whole.last;
        unsigned from = first >> PAGE_LG2 & (TILE_PAGES - 1), to = last >> PAGE_LG2 & (TILE_PAGES - 1);
        memset(state + from, PAGE_MAPPED | PAGE_UNTRACKED | PAGE_TRUE, to - from + 1);
        mapped += to - from + 1;
    }
    size_t t = span_lower(&ledger->ranges, whole.first);
    for (; t < ledger->ranges.count && ledger->ranges.spans[t].first <= whole.last; t++) {
        struct span range = ledger->ranges.spans[t];
        uint64_t first = range.first > whole.first ? range.first : whole.first;
        uint64_t last = range.last < whole.last ? range.last : whole.last;
        for (unsigned page = first >> PAGE_LG2 & (TILE_PAGES - 1);
             page <= (last >> PAGE_LG2 & (TILE_PAGES - 1)); page++)
            state[page] &= (uint8_t) ~(PAGE_UNTRACKED | PAGE_TRUE);
    }
    tile->plain = mapped == TILE_PAGES;
    ledger->all_plain &= tile->plain;
    if (tile->leaf_lg2 != PAGE_LG2)
        ledger->one_page_leaves = false;
    if (tile->leaf_lg2 != 0 && tile->leaf_lg2 < TILE_LG2) {
        tile->head_mask = (uint16_t)((TILE_PAGES - 1) & ~((1u << (tile->leaf_lg2 - PAGE_LG2)) - 1));
    } else if (tile->leaf_lg2 > TILE_LG2) {
        uint32_t first_tile;
        uint64_t leaf = whole.first >> tile->leaf_lg2 << tile->leaf_lg2;
        if (!number_map_intern(&ledger->leaf_tile, leaf, id, &first_tile, &own_head, error))
            return false;
        tile->head_base = first_tile << TILE_PAGES_LG2;
    }
    ledger->active[id] = 0;
    if (own_head && tile->leaf_lg2 != 0 && (head_bits(ledger, true) | head_bits(ledger, false)) != 0) {
        unsigned step = tile->leaf_lg2 < TILE_LG2 ? 1u << (tile->leaf_lg2 - PAGE_LG2) : TILE_PAGES;
        for (unsigned page = 0; page < TILE_PAGES; page += step)
            if (state[page] & PAGE_MAPPED) {
                struct span leaf = ledger_leaf_span(ledger, (id << TILE_PAGES_LG2) + page);
                uint8_t bits = head_bits(ledger, overlaps(&ledger->ranges, leaf));
                state[page] |= bits;
                ledger->active[id] |= bits & PAGE_DIRTY;
            }
    }
    return add_nodes(ledger, tile, error);
}

bool ledger_add_tiles(struct ledger *ledger, const uint64_t *numbers, size_t count, struct error *error)
{
    size_t total = ledger->tile_count + count;
    if (!memory_grow(&ledger->tiles, &ledger->tiles_capacity, total, sizeof *ledger->tiles, error) ||
        !memory_grow(&ledger->state, &ledger->state_capacity, total * TILE_PAGES, 1, error) ||
        !memory_grow(&ledger->active, &ledger->active_capacity, total, 1, error) ||
        !memory_grow(&ledger->order, &ledger->order_capacity, total, sizeof *ledger->order, error))
        return false;
    if (ledger->config->harvest.no_clear &&
        !memory_grow(&ledger->snapshot, &ledger->snapshot_capacity, total, sizeof *ledger->snapshot, error))
        return false;
    if (!memory_grow(&ledger->walk_start, &ledger->walk_start_capacity, total, sizeof *ledger->walk_start,
                     error))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = ledger->tile_count;
        ledger->tiles[id] = (struct ledger_tile){.number = numbers[i]};
        if (!init_tile(ledger, id, error))
            return false;
        if (ledger->snapshot) { /* the last harvest reported what was born dirty here */
            struct page_mask dirty = {{0}};
            if (ledger->harvested)
                dirty = mask_plane(&ledger->state[(size_t)id * TILE_PAGES], PAGE_DIRTY);
            ledger->snapshot[id] = dirty;
        }
        const struct ledger_tile *tile = &ledger->tiles[id];
        uint32_t level = tile->beyond ? WALK_BEYOND : tile->level + 1u;
        ledger->walk_start[id] = level << WALK_NODE_BITS | (tile->node & WALK_NODE_NONE);
        ledger->tile_count++;
    }
    return true;
}

static int compare_places(const void *a, const void *b)
{
    const struct ledger_place *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* Sort the new tiles and merge them from the back into the sorted ones. */
bool ledger_sort_tiles(struct ledger *ledger, struct error *error)
{
    uint32_t fresh = ledger->tile_count - ledger->ordered;
    if (fresh == 0)
        return true;
    struct ledger_place *keys = memory_zeroed(fresh, sizeof *keys, error);
    if (!keys)
        return false;
    for (uint32_t i = 0; i < fresh; i++)
        keys[i] = (struct ledger_place){ledger->tiles[ledger->ordered + i].number, ledger->ordered + i};
    qsort(keys, fresh, sizeof *keys, compare_places);
    uint32_t old = ledger->ordered, to = ledger->tile_count;
    while (fresh > 0) {
        if (old > 0 && ledger->tiles[ledger->order[old - 1]].number > keys[fresh - 1].number)
            ledger->order[--to] = ledger->order[--old];
        else
            ledger->order[--to] = keys[--fresh].id;
    }
    memory_free(keys);
    ledger->ordered = ledger->tile_count;
    return true;
}

static bool list_tile(struct ledger *ledger, uint32_t id, struct error *error)
{
    if (!memory_grow(&ledger->listed, &ledger->listed_capacity, ledger->listed_count + 1,
                     sizeof *ledger->listed, error))
        return false;
    ledger->listed[ledger->listed_count++] = (struct ledger_place){ledger->tiles[id].number, id};
    return true;
}

/* Few active tiles are picked eight flags at a time and sorted; many are taken from the sorted order. */
bool ledger_list_active(struct ledger *ledger, struct error *error)
{
    enum { FLAGS = 8, FEW = 16 };
    ledger->listed_count = 0;
    for (uint32_t id = 0, end; id < ledger->tile_count; id = end) {
        uint64_t flags = 1;
        end = ledger->tile_count - id < FLAGS ? ledger->tile_count : id + FLAGS;
        if (end - id == FLAGS)
            memcpy(&flags, ledger->active + id, FLAGS);
        for (uint32_t at = id; flags != 0 && at < end; at++)
            if (ledger->active[at] && !list_tile(ledger, at, error))
                return false;
    }
    if (ledger->listed_count <= ledger->tile_count / FEW) {
        if (ledger->listed_count > 1)
            qsort(ledger->listed, ledger->listed_count, sizeof *ledger->listed, compare_places);
        return true;
    }
    if (!ledger_sort_tiles(ledger, error))
        return false;
    ledger->listed_count = 0;
    for (uint32_t i = 0; i < ledger->tile_count; i++)
        if (ledger->active[ledger->order[i]] && !list_tile(ledger, ledger->order[i], error))
            return false;
    return true;
}

/* ---- phases ---- */

void ledger_enter(struct ledger *ledger, enum ledger_phase phase)
{
    bool tracking = phase == PHASE_TRACKING;
    bool dynamic = ledger->config->iommu.model->control == PT_CONTROL_ENTRY && !ledger->static_dbm;
    ledger->phase = phase;
    uint8_t accessed = tracking && ledger->sets_accessed ? PAGE_ACCESSED : 0;
    uint8_t dirty = ledger->managed && (tracking || ledger->static_dbm) ? PAGE_DIRTY : 0;
    ledger->touch_mask[0] = accessed;
    ledger->touch_mask[1] = accessed | dirty | (tracking ? PAGE_TRUE : 0);
    /* Before the start a managed leaf is dirty already (it is born so): only writes_pass can change. */
    ledger->steps = ledger->touch_mask[1] != 0 && (phase != PHASE_BEFORE || ledger->needs_hits);
    if (!dynamic)
        return;
    for (uint32_t id = 0; id < ledger->tile_count; id++) {
        const struct ledger_tile *tile = &ledger->tiles[id];
        uint8_t *state = &ledger->state[(size_t)id * TILE_PAGES];
        if (tile->leaf_lg2 == 0 || tile->head_base >> TILE_PAGES_LG2 != id)
            continue;
        unsigned step = tile->leaf_lg2 < TILE_LG2 ? 1u << (tile->leaf_lg2 - PAGE_LG2) : TILE_PAGES;
        for (unsigned page = 0; page < TILE_PAGES; page += step) {
            if (!(state[page] & PAGE_MAPPED))
                continue;
            struct span leaf = ledger_leaf_span(ledger, (id << TILE_PAGES_LG2) + page);
            state[page] &= (uint8_t) ~(PAGE_DIRTY | PAGE_PASS | PAGE_BORN);
            state[page] |= head_bits(ledger, overlaps(&ledger->ranges, leaf));
        }
    }
}

/* ---- requests ---- */

/* Count what 64 requests changed, a byte of page bits for each; returns which of them made a leaf dirty. */
static uint64_t count_changes(struct ledger *ledger, const uint8_t changed[64])
{
    uint64_t entered = mask_of_64(changed, PAGE_TRUE), dirtied = mask_of_64(changed, PAGE_DIRTY);
    uint64_t accessed = mask_of_64(changed, PAGE_ACCESSED) & ~dirtied; /* one update sets both */
    ledger->truth_pages += (uint64_t)__builtin_popcountll(entered);
    ledger->true_count += (uint64_t)__builtin_popcountll(entered);
    ledger->dirty_updates += (uint64_t)__builtin_popcountll(dirtied);
    ledger->access_updates += (uint64_t)__builtin_popcountll(accessed);
    return dirtied;
}

/* Without branches on what changes: whether a write is the first is not predictable. A tile that is only read
 * becomes active in vain. */
static void step_one_page_leaves(struct ledger *ledger, const uint32_t *keys, size_t count, uint64_t *dirtied)
{
    uint8_t *const state = ledger->state, *const active = ledger->active;
    const uint32_t touched = ledger->touch_mask[0], written = ledger->touch_mask[1];
    for (size_t base = 0; base < count; base += 64) {
        size_t end = count - base < 64 ? count : base + 64;
        uint8_t changed[64] = {0};
        for (size_t i = base; i < end; i++) {
            uint32_t page = keys[i] >> 1, old = state[page];
            uint32_t now = old | touched | (written & (0 - (keys[i] & 1)));
            state[page] = (uint8_t)now;
            changed[i - base] = (uint8_t)(now ^ old);
            active[page >> TILE_PAGES_LG2] = 1;
        }
        dirtied[base >> 6] = count_changes(ledger, changed);
    }
}

static void step_any_leaves(struct ledger *ledger, const uint32_t *page_keys, const uint32_t *leaf_keys,
                            size_t count, uint64_t *dirtied)
{
    uint8_t *const state = ledger->state, *const active = ledger->active;
    const uint32_t touched = ledger->touch_mask[0], written = ledger->touch_mask[1];
    for (size_t base = 0; base < count; base += 64) {
        size_t end = count - base < 64 ? count : base + 64;
        uint8_t changed[64] = {0};
        for (size_t i = base; i < end; i++) {
            uint32_t page = page_keys[i] >> 1, head = leaf_keys[i] >> 1;
            uint32_t mask = touched | (written & (0 - (page_keys[i] & 1)));
            uint32_t old = state[page], now = old | (mask & PAGE_TRUE), change = now ^ old;
            state[page] = (uint8_t)now;
            old = state[head];
            now = old | (mask & ~(uint32_t)PAGE_TRUE);
            state[head] = (uint8_t)now;
            changed[i - base] = (uint8_t)(change | (now ^ old));
            active[page >> TILE_PAGES_LG2] = 1;
            active[head >> TILE_PAGES_LG2] = 1;
        }
        dirtied[base >> 6] = count_changes(ledger, changed);
    }
}

/* flush: none leaves entries behind whose writes_pass outlives the dirty state (semantics.md 4.4). */
static void step_with_hits(struct ledger *ledger, const uint32_t *page_keys, const uint32_t *leaf_keys,
                           size_t count, const uint64_t *hits, uint64_t *dirtied)
{
    uint8_t *const state = ledger->state, *const active = ledger->active;
    for (size_t base = 0; base < count; base += 64) {
        size_t end = count - base < 64 ? count : base + 64;
        uint8_t changed[64] = {0};
        uint64_t rechecks = 0;
        for (size_t i = base; i < end; i++) {
            bool write = page_keys[i] & 1, hit = hits[base >> 6] >> (i - base) & 1;
            uint32_t page = page_keys[i] >> 1, head = leaf_keys[i] >> 1, mask = ledger->touch_mask[write];
            uint32_t change = ~(uint32_t)state[page] & mask & PAGE_TRUE;
            state[page] |= (uint8_t)change;
            uint32_t old = state[head], now = old;
            if (!hit) {
                now &= ~(uint32_t)PAGE_PASS;
                now |= (now & PAGE_DIRTY ? PAGE_PASS : 0) | (mask & PAGE_ACCESSED);
            }
            if (write && !(now & PAGE_PASS)) {
                rechecks |= (uint64_t)hit << (i - base);
                now |= PAGE_PASS | PAGE_DIRTY | (mask & PAGE_ACCESSED);
            }
            state[head] = (uint8_t)now;
            changed[i - base] = (uint8_t)(change | ((now ^ old) & (PAGE_DIRTY | PAGE_ACCESSED)));
            active[page >> TILE_PAGES_LG2] = 1;
            active[head >> TILE_PAGES_LG2] = 1;
        }
        count_changes(ledger, changed);
        dirtied[base >> 6] = rechecks;
    }
}

bool ledger_forbids(const struct ledger *ledger)
{
    return ledger->forbids_writes && (ledger->static_dbm || ledger->phase == PHASE_TRACKING);
}

uint64_t ledger_step_forbidding(struct ledger *ledger, const uint32_t *page_keys, const uint32_t *leaf_keys,
                                size_t count, const uint64_t *hits)
{
    uint8_t *state = ledger->state;
    uint64_t faults = 0;
    for (size_t i = 0; i < count; i++) {
        bool write = page_keys[i] & 1, hit = hits[i >> 6] >> (i & 63) & 1;
        uint32_t page = page_keys[i] >> 1, head = leaf_keys[i] >> 1;
        bool writable = state[head] & PAGE_DIRTY;
        if (!hit && (writable || !write)) /* a fill; writes_pass as the leaf is now */
            state[head] = (uint8_t)((state[head] & ~PAGE_PASS) | (writable ? PAGE_PASS : 0));
        if (!write)
            continue;
        if (!writable && !(hit && (state[head] & PAGE_PASS))) {
            faults++;
            continue;
        }
        uint8_t enters = (uint8_t)(~state[page] & ledger->touch_mask[1] & PAGE_TRUE);
        if (enters) {
            state[page] |= PAGE_TRUE;
            ledger->active[page >> TILE_PAGES_LG2] = 1;
            ledger->truth_pages++;
            ledger->true_count++;
        }
    }
    return faults;
}

void ledger_step(struct ledger *ledger, const uint32_t *page_keys, const uint32_t *leaf_keys, size_t count,
                 const uint64_t *hits, uint64_t *dirtied)
{
    if (ledger->needs_hits && (ledger->touch_mask[1] & PAGE_DIRTY))
        step_with_hits(ledger, page_keys, leaf_keys, count, hits, dirtied);
    else if (page_keys == leaf_keys)
        step_one_page_leaves(ledger, page_keys, count, dirtied);
    else
        step_any_leaves(ledger, page_keys, leaf_keys, count, dirtied);
}

/* ---- entry images ---- */

/* Whether the leaf's DBM bit is set now. */
static bool leaf_dbm(const struct ledger *ledger, struct span leaf)
{
    const struct cell_config *config = ledger->config;
    if (config->iommu.model->control != PT_CONTROL_ENTRY || !config->tracking.method->uses_hardware)
        return false;
    if (config->iommu.dbm == DBM_DYNAMIC)
        return ledger->phase == PHASE_TRACKING && overlaps(&ledger->ranges, leaf);
    return config->iommu.dbm == DBM_STATIC;
}

bool ledger_leaf_entry(const struct ledger *ledger, uint64_t iova, uint64_t *entry)
{
    const struct leaf_run *run = layout_find(&ledger->layout, iova);
    if (!run)
        return false;
    uint64_t mask = (UINT64_C(1) << run->leaf_lg2) - 1;
    struct span span = {iova & ~mask, iova | mask};
    bool per_entry = ledger->config->iommu.model->control == PT_CONTROL_ENTRY;
    uint8_t bits = head_bits(ledger, overlaps(&ledger->ranges, span));
    for (uint32_t id = 0; id < ledger->tile_count; id++) { /* linear: an inspection, not a simulation */
        const struct ledger_tile *tile = &ledger->tiles[id];
        uint64_t base = tile->number << TILE_LG2;
        if ((base ^ span.first) >> (run->leaf_lg2 > TILE_LG2 ? run->leaf_lg2 : TILE_LG2) == 0) {
            uint32_t page = (uint32_t)(span.first >> PAGE_LG2) & tile->head_mask;
            bits = ledger->state[tile->head_base + page];
            break;
        }
    }
    struct pt_leaf leaf = {.output = span.first + run->shift,
                           .level = run->level,
                           .readable = true,
                           .writable = true,
                           .dbm = leaf_dbm(ledger, span),
                           .dirty = bits & PAGE_DIRTY,
                           .accessed = per_entry || (bits & PAGE_ACCESSED)};
    *entry = ledger->config->iommu.model->leaf_entry(&ledger->layout.geometry, &leaf);
    return true;
}
