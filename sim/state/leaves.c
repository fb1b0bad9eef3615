#include "sim/state/leaves.h"

#include <assert.h>

#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/tracking/tracking.h"

/* ---- setting up ---- */

static bool build_ranges(struct leaves *leaves, struct error *error)
{
    const struct cell_config *config = leaves->config;
    unsigned bits = leaves->geometry.iova_bits;
    uint64_t top = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    leaves->ranges_given = config->tracking.ranges != NULL;
    struct span_list *ranges = &leaves->ranges;
    if (!leaves->ranges_given)
        return true;
    if (!memory_grow(&ranges->spans, &ranges->capacity, config->tracking.range_count + 1,
                     sizeof *ranges->spans, error))
        return false;
    for (size_t i = 0; i < config->tracking.range_count; i++) {
        uint64_t first = config->tracking.ranges[i].iova;
        uint64_t last = first + config->tracking.ranges[i].bytes - 1;
        if (first <= top)
            ranges->spans[ranges->count++] = (struct span){first, last < top ? last : top};
    }
    return true;
}

/* How leaves are born now. */
static uint8_t born_now(const struct leaves *leaves, bool writable, bool tracked)
{
    uint8_t leaf = leaves->format->born(leaves->config, leaves->hardware, leaves->phase, writable, tracked);
    if (leaves->keeps_rings && leaves->phase == PHASE_TRACKING)
        leaf &= (uint8_t)~LEAF_DIRTY; /* no ring would tell of it (semantics.md 9) */
    if (leaves->protection && (leaf & LEAF_WRITABLE)) {
        bool protects = tracked && leaves->phase == PHASE_TRACKING;
        leaf = (uint8_t)(protects ? (leaf & ~LEAF_DIRTY) | LEAF_MANAGED : leaf & ~LEAF_MANAGED);
    }
    uint8_t cause = leaves->phase == PHASE_BEFORE ? CAUSE_RESIDUE : CAUSE_BORN;
    return leaf | (leaf & LEAF_DIRTY ? cause : 0);
}

static struct tables_birth birth(const struct leaves *leaves, bool writable)
{
    return (struct tables_birth){.ranges = leaves->ranges_given ? &leaves->ranges : NULL,
                                 .leaf = {leaves->born[writable][0], leaves->born[writable][1]}};
}

static void count_map(struct leaves *leaves, const struct tables_change *change, uint64_t domains)
{
    leaves->leaves_mapped += change->leaves_count * domains;
    for (size_t i = 0; i < change->run_count; i++) {
        const struct leaf_run *run = &change->runs[i];
        if (run->leaf & LEAF_DIRTY)
            leaves->born_dirty_leaves +=
                (((run->span.last - run->span.first) >> run->lg2) + 1) * domains;
    }
}

void leaves_tables_changed(struct leaves *leaves, uint64_t bytes_before, uint64_t bytes_now)
{
    leaves->scans[0].valid = leaves->scans[1].valid = false;
    leaves->table_bytes += bytes_now - bytes_before;
    if (leaves->table_bytes > leaves->table_bytes_peak)
        leaves->table_bytes_peak = leaves->table_bytes;
}

static struct tables *new_tables(const struct leaves *leaves, struct error *error)
{
    const struct cell_config *config = leaves->config;
    return tables_new(&leaves->geometry, config->mapping.page_sizes, config->mapping.free_tables,
                      leaves->format->frees_blocks_only, error);
}

/* The tables that the calls make, for `domains` domains. */
static struct tables *map_list(struct leaves *leaves, const struct map_calls *calls, uint64_t domains,
                               struct error *error)
{
    struct tables *tables = new_tables(leaves, error);
    struct tables_change change = {0};
    struct tables_birth born = birth(leaves, true);
    bool good = tables != NULL;
    for (size_t i = 0; good && i < calls->count; i++) {
        const struct config_region *call = &calls->calls[i];
        struct span span = {call->iova, call->iova + (call->bytes - 1)};
        good = tables_map(tables, span, call->address, &born, &change, error);
        if (good)
            count_map(leaves, &change, domains);
    }
    tables_change_free(&change);
    if (!good) {
        tables_free(tables);
        return NULL;
    }
    leaves_tables_changed(leaves, 0, tables_count(tables)->table_bytes * domains);
    return tables;
}

static unsigned split_lg2(const struct cell_config *config, const struct pt_geometry *geometry)
{
    uint64_t bytes = config->tracking.split_size_bytes;
    if (config->tracking.split == SPLIT_NONE)
        return 0;
    return (unsigned)__builtin_ctzll(bytes != 0 ? bytes : geometry->plain_sizes);
}

bool leaves_init(struct leaves *leaves, const struct cell_config *config, const struct map_calls *calls,
                 size_t call_lists, uint32_t domain_count, struct error *error)
{
    *leaves = (struct leaves){.config = config,
                              .format = config->iommu.model,
                              .hardware = config->tracking.method->uses_hardware,
                              .keeps_rings = config->tracking.method->uses_ring,
                              .protection = config->tracking.method->uses_protection,
                              .follows_trace = config->mapping.source->follows_trace,
                              .all_plain = true,
                              .one_page_leaves = true,
                              .domain_count = domain_count};
    leaves->geometry = config->iommu.model->geometry(config);
    leaves->split_lg2 = split_lg2(config, &leaves->geometry);
    leaves->domains = memory_zeroed(domain_count, sizeof *leaves->domains, error);
    if (!leaves->domains || !build_ranges(leaves, error) || !leaves_enter(leaves, PHASE_BEFORE, error))
        return false;
    if (config->tracking.method->uses_device_logs) {
        if (!(leaves->device_log = memory_zeroed(1, sizeof *leaves->device_log, error)))
            return false;
        device_log_init(leaves->device_log, config->device.granule_bytes);
    }
    assert(call_lists == 1 || call_lists == domain_count);
    if (call_lists == 1 && !(leaves->base = map_list(leaves, calls, domain_count, error)))
        return false;
    for (uint32_t d = 0; d < domain_count; d++) {
        struct domain *domain = &leaves->domains[d];
        domain->owns = call_lists != 1;
        domain->tables = domain->owns ? map_list(leaves, &calls[d], 1, error) : leaves->base;
        if (!domain->tables)
            return false;
    }
    return true;
}

void leaves_free(struct leaves *leaves)
{
    for (uint32_t d = 0; leaves->domains && d < leaves->domain_count; d++) {
        if (leaves->domains[d].owns)
            tables_free(leaves->domains[d].tables);
        if (leaves->last_reported)
            span_free(&leaves->last_reported[d]);
        if (leaves->at_start)
            span_free(&leaves->at_start[d]);
    }
    tables_free(leaves->base);
    memory_free(leaves->last_reported);
    memory_free(leaves->at_start);
    if (leaves->device_log)
        device_log_free(leaves->device_log);
    memory_free(leaves->device_log);
    memory_free(leaves->domains);
    span_free(&leaves->ranges);
    memory_free(leaves->tiles);
    memory_free(leaves->state);
    memory_free(leaves->active);
    memory_free(leaves->walk_start);
    memory_free(leaves->order);
    memory_free(leaves->mixed);
    memory_free(leaves->mixed_free);
    memory_free(leaves->listed);
    for (unsigned level = 0; level < PT_LEVELS_MAX; level++) {
        memory_free(leaves->nodes[level].key);
        memory_free(leaves->nodes[level].parent);
        number_map_free(&leaves->node_index[level]);
    }
    number_map_free(&leaves->leaf_tile);
    *leaves = (struct leaves){0};
}

bool leaves_depend_on_caches(const struct cell_config *config)
{
    bool hardware = config->tracking.method->uses_hardware;
    struct pt_switches on = config->iommu.model->switches(config, hardware, PHASE_TRACKING);
    bool refuses = hardware && config->iommu.model->clean_refuses && !(on.accessed && on.dirty);
    bool late_unmaps =
        config->mapping.source->follows_trace && config->mapping.unmap_flush != UNMAP_STRICT;
    bool never_flushed = tracking_visits_leaves(config->tracking.method) && config->harvest.flush == FLUSH_NONE;
    /* The write that faults drops its entry, and the fill finds room: only lru does not tell that from a hit. */
    bool refills = config->tracking.method->uses_protection && config->iotlb.replacement != REPLACEMENT_LRU;
    /* The walk of the stop does not reach parts outside the ranges of leaves that it made hardware manage. */
    bool strands = config->tracking.split == SPLIT_DIRTY && config->tracking.ranges &&
                   config->tracking.has_stop && config->iommu.model->walks_entries(config);
    return refuses || late_unmaps || never_flushed || refills || strands || config->ats.enabled;
}

/* ---- ranges ---- */

bool leaves_range_lower(const struct leaves *leaves, uint32_t domain, uint64_t address, struct span *range)
{
    if (!leaves->ranges_given)
        return tables_mapped_lower(leaves->domains[domain].tables, address, range);
    size_t i = span_lower(&leaves->ranges, address);
    if (i == leaves->ranges.count)
        return false;
    *range = leaves->ranges.spans[i];
    return true;
}

bool leaves_tracked_lower(const struct leaves *leaves, uint32_t domain, uint64_t address, struct span *tracked)
{
    struct span range, mapped;
    while (leaves_range_lower(leaves, domain, address, &range)) {
        uint64_t from = address > range.first ? address : range.first;
        if (!tables_mapped_lower(leaves->domains[domain].tables, from, &mapped))
            return false;
        if (mapped.first <= range.last) {
            *tracked = span_common(mapped, range);
            return true;
        }
        if (range.last == UINT64_MAX)
            return false;
        address = range.last + 1;
    }
    return false;
}

bool leaves_tracked(const struct leaves *leaves, uint32_t domain, struct span span)
{
    struct span range;
    return leaves_range_lower(leaves, domain, span.first, &range) && range.first <= span.last;
}

static void scan_windows(const struct leaves *leaves, uint32_t domain, uint64_t chunk,
                         struct leaves_scan *scan)
{
    const struct tables *tables = leaves->domains[domain].tables;
    struct span range;
    for (uint64_t at = 0; leaves_range_lower(leaves, domain, at, &range); at = range.last + 1) {
        for (uint64_t first = range.first;; first += chunk) {
            bool last = chunk == 0 || range.last - first < chunk;
            struct span window = {first, last ? range.last : first + chunk - 1};
            tables_scan(tables, window, &scan->entries, &scan->tables);
            if (last)
                break;
        }
        if (range.last == UINT64_MAX)
            break;
    }
}

/* One domain's share. */
static struct leaves_scan scan_domain(const struct leaves *leaves, uint32_t domain, uint64_t chunk)
{
    const struct tables_count *count = tables_count(leaves->domains[domain].tables);
    struct leaves_scan scan = {.entries = count->scan_entries, .tables = count->scan_tables};
    if (leaves->ranges_given || chunk != 0) {
        scan = (struct leaves_scan){0};
        scan_windows(leaves, domain, chunk, &scan);
    }
    return scan;
}

struct leaves_scan leaves_scan(struct leaves *leaves, bool whole)
{
    struct leaves_scan *cached = &leaves->scans[whole], base = {0};
    bool base_known = false;
    if (cached->valid)
        return *cached;
    *cached = (struct leaves_scan){.valid = true};
    for (uint32_t d = 0; d < leaves->domain_count; d++) {
        struct leaves_scan one = base;
        if (leaves->domains[d].owns || !base_known)
            one = scan_domain(leaves, d, whole ? 0 : leaves->config->harvest.chunk_bytes);
        if (!leaves->domains[d].owns) {
            base = one;
            base_known = true;
        }
        cached->entries += one.entries;
        cached->tables += one.tables;
    }
    return *cached;
}

struct leaves_scan leaves_scan_domain(struct leaves *leaves, uint32_t domain)
{
    return leaves->domain_count == 1 ? leaves_scan(leaves, false)
                                     : scan_domain(leaves, domain, leaves->config->harvest.chunk_bytes);
}

/* The list of ranges as tables want it; default ranges are everything. */
static bool covered_in(const struct leaves *leaves, const struct tables *tables, uint64_t *entries,
                       struct error *error)
{
    struct span_list all = {0};
    if (!leaves->ranges_given && !span_append(&all, 0, UINT64_MAX, error))
        return false;
    *entries = tables_entries_in(tables, leaves->ranges_given ? &leaves->ranges : &all, true, NULL);
    span_free(&all);
    return true;
}

/* Of leaves that a fault made writable: only touched ones can be. */
static uint64_t marked_entries(const struct leaves *leaves)
{
    uint64_t entries = 0;
    for (uint32_t id = 0; id < leaves->tile_count; id++) {
        const uint16_t *state = leaves_tile_state(leaves, id);
        struct page_mask heads = mask_plane(state, STATE_DIRTY), managed = mask_plane(state, STATE_MANAGED);
        heads = mask_and(heads, &managed);
        if (mask_any(&heads))
            entries += leaves_mask_entries(leaves, id, &heads);
    }
    return entries;
}

bool leaves_rewritten_entries(const struct leaves *leaves, uint64_t *entries, struct error *error)
{
    uint64_t base = 0, one;
    *entries = 0;
    if (leaves->base && !covered_in(leaves, leaves->base, &base, error))
        return false;
    for (uint32_t d = 0; d < leaves->domain_count; d++) {
        one = base;
        if (leaves->domains[d].owns && !covered_in(leaves, leaves->domains[d].tables, &one, error))
            return false;
        *entries += one;
    }
    *entries -= leaves->protection ? marked_entries(leaves) : 0;
    return true;
}

static uint64_t tracked_pages_of(const struct leaves *leaves, uint32_t domain)
{
    struct span tracked;
    uint64_t pages = 0;
    if (!leaves->ranges_given)
        return tables_mapped_pages(leaves->domains[domain].tables);
    for (uint64_t at = 0; leaves_tracked_lower(leaves, domain, at, &tracked); at = tracked.last + 1) {
        pages += ((tracked.last - tracked.first) >> PAGE_LG2) + 1;
        if (tracked.last == UINT64_MAX)
            break;
    }
    return pages;
}

uint64_t leaves_tracked_pages(const struct leaves *leaves)
{
    uint64_t pages = 0, base = 0;
    bool base_known = false;
    for (uint32_t d = 0; d < leaves->domain_count; d++) {
        uint64_t one = base;
        if (leaves->domains[d].owns || !base_known)
            one = tracked_pages_of(leaves, d);
        if (!leaves->domains[d].owns) {
            base = one;
            base_known = true;
        }
        pages += one;
    }
    return pages;
}

/* ---- entries ---- */

/* LEAF_ bits of the leaf of a run at `iova`: of a touched tile that stands for it, else the run's. */
static uint8_t leaf_bits(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                         const struct leaf_run *run, uint64_t iova)
{
    uint32_t id = run->lg2 <= TILE_LG2 ? tile_find(tiles, domain, iova >> TILE_LG2)
                                       : leaves_large_tile(leaves, domain, iova, run->lg2);
    if (id >= leaves->tile_count)
        return run->leaf;
    uint32_t page = id << TILE_PAGES_LG2 | tile_page(iova);
    return (uint8_t)(leaves->state[leaves_head(leaves, page)] >> STATE_LEAF);
}

bool leaves_leaf_bits(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain, uint64_t iova,
                      uint8_t *bits)
{
    const struct leaf_run *run = tables_find(leaves->domains[domain].tables, iova);
    if (run)
        *bits = leaf_bits(leaves, tiles, domain, run, iova);
    return run != NULL;
}

bool leaves_leaf(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain, uint64_t iova,
                 struct pt_leaf *leaf)
{
    const struct leaf_run *run = tables_find(leaves->domains[domain].tables, iova);
    if (!run)
        return false;
    uint8_t bits = leaf_bits(leaves, tiles, domain, run, iova);
    *leaf = (struct pt_leaf){.output = (iova >> run->lg2 << run->lg2) + run->shift,
                             .lg2 = run->lg2,
                             .readable = true,
                             .writable = (bits & LEAF_WRITABLE) != 0 && !leaves_protects(leaves, bits),
                             .dbm = (bits & LEAF_MANAGED) != 0 && !leaves->protection,
                             .dirty = (bits & LEAF_DIRTY) != 0,
                             .accessed = (bits & LEAF_ACCESSED) != 0};
    return true;
}

bool leaves_entry(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain, uint64_t iova,
                  uint64_t *entry)
{
    const struct pt_geometry *geometry = &leaves->geometry;
    struct pt_leaf leaf;
    if (!leaves_leaf(leaves, tiles, domain, iova, &leaf))
        return false;
    unsigned entry_lg2 = pt_entry_lg2(geometry, pt_leaf_level(geometry, leaf.lg2));
    uint64_t inside = iova & ((UINT64_C(1) << leaf.lg2) - 1);
    *entry = leaves->format->leaf_entry(geometry, &leaf, (unsigned)(inside >> entry_lg2));
    return true;
}

/* ---- changes ---- */

struct tables *leaves_own_tables(struct leaves *leaves, uint32_t domain, struct error *error)
{
    struct domain *own = &leaves->domains[domain];
    if (!own->owns) {
        struct tables *copy = tables_copy(own->tables, error);
        if (!copy)
            return NULL;
        own->tables = copy;
        own->owns = true;
    }
    return own->tables;
}

bool leaves_map(struct leaves *leaves, struct tile_index *tiles, uint32_t domain, struct span span,
                uint64_t address, bool writable, struct tables_change *change, struct error *error)
{
    struct tables *tables = leaves_own_tables(leaves, domain, error);
    if (!tables)
        return false;
    struct tables_birth born = birth(leaves, writable);
    uint64_t before = tables_count(tables)->table_bytes;
    if (!tables_map(tables, span, address, &born, change, error))
        return false;
    leaves_tables_changed(leaves, before, tables_count(tables)->table_bytes);
    count_map(leaves, change, 1);
    for (size_t i = 0; i < change->run_count; i++)
        if (!leaves_install(leaves, tiles, domain, &change->runs[i], error))
            return false;
    return true;
}

bool leaves_unmap(struct leaves *leaves, uint32_t domain, struct span span, struct tables_change *change,
                  struct error *error)
{
    struct tables *tables = leaves_own_tables(leaves, domain, error);
    if (!tables)
        return false;
    uint64_t before = tables_count(tables)->table_bytes;
    if (!tables_unmap(tables, span, change, error))
        return false;
    leaves_tables_changed(leaves, before, tables_count(tables)->table_bytes);
    leaves->unmap_overreach += change->overreach;
    return true;
}

bool leaves_forget(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                   const struct tables_change *change, struct error *error)
{
    for (size_t i = 0; i < change->run_count; i++)
        if (!leaves_remove(leaves, tiles, domain, &change->runs[i], error))
            return false;
    return true;
}

/* ---- phases ---- */

bool leaves_walks_entries(const struct leaves *leaves)
{
    return leaves->protection || (leaves->hardware && leaves->format->walks_entries(leaves->config));
}

/* Set and clear LEAF_ bits of the writable leaves that overlap tracked ranges. */
static bool walk_entries(struct leaves *leaves, uint8_t clear, uint8_t set, struct error *error)
{
    for (uint32_t d = 0; d <= leaves->domain_count; d++) {
        struct tables *tables = d == leaves->domain_count  ? leaves->base
                                : leaves->domains[d].owns ? leaves->domains[d].tables
                                                          : NULL;
        if (!tables)
            continue;
        struct span everything = {0, UINT64_MAX};
        size_t count = leaves->ranges_given ? leaves->ranges.count : 1;
        for (size_t i = 0; i < count; i++)
            if (!tables_change_leaves(tables, leaves->ranges_given ? leaves->ranges.spans[i] : everything,
                                      clear, set, true, error))
                return false;
    }
    leaves_change_tiles(leaves, clear, set);
    return true;
}

bool leaves_enter(struct leaves *leaves, enum phase phase, struct error *error)
{
    const struct cell_config *config = leaves->config;
    bool tracking = phase == PHASE_TRACKING;
    leaves->phase = phase;
    leaves->switches = leaves->format->switches(config, leaves->hardware, phase);
    bool managing = leaves->switches.accessed && leaves->switches.dirty;
    leaves->touch_bits = leaves->hardware && tracking && leaves->format->sets_accessed ? STATE_ACCESSED : 0;
    /* Before the start a managed leaf is dirty already: it is born so. */
    bool dirties = (managing && phase != PHASE_BEFORE) || (leaves->protection && tracking);
    leaves->write_bits = (uint16_t)((tracking ? PAGE_TRACKED : 0) | (dirties ? STATE_MANAGED : 0));
    for (unsigned kind = 0; kind < 4; kind++)
        leaves->born[kind >> 1][kind & 1] = born_now(leaves, kind >> 1, kind & 1);
    if (phase == PHASE_BEFORE || !leaves_walks_entries(leaves))
        return true;
    if (tracking)
        return walk_entries(leaves, LEAF_DIRTY | LEAF_CAUSE, LEAF_MANAGED, error);
    uint8_t born = leaves->format->born(config, leaves->hardware, phase, true, true); /* riscv: dirty */
    return walk_entries(leaves, LEAF_DIRTY | LEAF_CAUSE | LEAF_MANAGED, born & LEAF_DIRTY, error);
}
