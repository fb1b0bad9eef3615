#include "sim/engine/dump.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/base/memory.h"
#include "sim/engine/dump_caches.h"

/* Tables side by side that are listed as one, or one table. */
struct table_group {
    struct span span;
    uint64_t count, address;
};

struct table_groups { /* ascending */
    struct table_group *groups;
    size_t count, capacity;
};

struct dump {
    const struct inspection *seen;
    const struct leaves *leaves;
    const struct tables *tables; /* of the domain */
    const struct dump_visitor *visitor;
    uint32_t domain;
    struct span range;
    struct dump_caches caches;
    struct table_groups levels[PT_LEVELS_MAX];
    uint64_t next_address;

    /* the table being listed */
    struct dump_table table;
    struct span clip; /* what of it is shown */
    bool shown;
    bool has_pending;
    struct dump_entry pending; /* plain leaves that the next may join */
    uint64_t pending_shift;
};

static uint64_t mask_of(unsigned lg2)
{
    return (UINT64_C(1) << lg2) - 1;
}

/* Whole blocks of 2^lg2 bytes in [first, last], which begins with one. */
static uint64_t whole_blocks(uint64_t first, uint64_t last, unsigned lg2)
{
    return ((last - first) >> lg2) + ((last & mask_of(lg2)) == mask_of(lg2));
}

/* ---- showing ---- */

static void set_span(struct dump_entry *entry, struct span span, const struct dump_table *table)
{
    entry->span = span;
    entry->index = (span.first - table->span.first) >> table->entry_lg2;
    entry->entries = whole_blocks(span.first, span.last, table->entry_lg2);
    entry->count = whole_blocks(span.first, span.last, entry->lg2);
}

static void fill_leaf_images(const struct dump *dump, struct dump_entry *entry)
{
    const struct leaves *leaves = dump->leaves;
    struct tile_index *tiles = dump->seen->cohort->tiles;
    struct pt_leaf first, last;
    entry->entries_each = UINT64_C(1) << pt_leaf_entries_lg2(&leaves->geometry, entry->lg2);
    if (!leaves_leaf(leaves, tiles, dump->domain, entry->span.first, &first) ||
        !leaves_leaf(leaves, tiles, dump->domain, entry->span.last, &last))
        return;
    entry->output = first.output;
    entry->image = leaves->format->leaf_entry(&leaves->geometry, &first, 0);
    entry->image_last =
        leaves->format->leaf_entry(&leaves->geometry, &last, (unsigned)(entry->entries_each - 1));
}

static void fill_table_images(const struct dump *dump, struct dump_entry *entry)
{
    const struct leaves *leaves = dump->leaves;
    uint64_t bytes = leaves->geometry.table_bytes, mask = mask_of(leaves->geometry.output_bits);
    uint64_t last = entry->output + (entry->count - 1) * bytes;
    entry->image = leaves->format->table_entry(&leaves->geometry, entry->output & mask, entry->level);
    entry->image_last = leaves->format->table_entry(&leaves->geometry, last & mask, entry->level);
}

/* Show what of the entry is wanted. */
static void show(const struct dump *dump, struct dump_entry entry)
{
    if (!dump->shown || !span_overlaps(entry.span, dump->clip))
        return;
    struct span part = span_common(entry.span, dump->clip);
    part.first &= ~mask_of(entry.lg2);
    part.last |= mask_of(entry.lg2);
    if (entry.kind == PT_TABLE)
        entry.output += ((part.first - entry.span.first) >> entry.lg2) * dump->leaves->geometry.table_bytes;
    entry.level = dump->table.level;
    entry.entries_each = 1;
    set_span(&entry, part, &dump->table);
    if (entry.kind == PT_LEAF)
        fill_leaf_images(dump, &entry);
    else if (entry.kind == PT_TABLE)
        fill_table_images(dump, &entry);
    dump->visitor->entry(dump->visitor->context, &entry);
}

static void show_pending(struct dump *dump)
{
    if (dump->has_pending)
        show(dump, dump->pending);
    dump->has_pending = false;
}

/* ---- leaves ---- */

/* Leaves of a run that look alike. */
static bool put_leaves(struct dump *dump, const struct leaf_run *run, struct dump_entry leaves,
                       struct error *error)
{
    struct dump_entry *pending = &dump->pending;
    if (!dump_caches_find(&dump->caches, leaves.span, error))
        return false;
    leaves.kind = PT_LEAF;
    leaves.lg2 = run->lg2;
    if ((leaves.leaf & LEAF_DIRTY) == 0)
        leaves.leaf &= (uint8_t)~LEAF_CAUSE;
    leaves.cached = dump->caches.found;
    leaves.cached_count = dump->caches.found_count;
    bool plain =
        leaves.cached_count == 0 && (leaves.true_pages | leaves.missed_pages | leaves.written_pages) == 0;
    if (plain && dump->has_pending && pending->lg2 == run->lg2 && pending->leaf == leaves.leaf &&
        dump->pending_shift == run->shift && pending->span.last + 1 == leaves.span.first) {
        pending->span.last = leaves.span.last;
        return true;
    }
    show_pending(dump);
    if (!plain) {
        show(dump, leaves);
        return true;
    }
    dump->pending = leaves;
    dump->pending_shift = run->shift;
    dump->has_pending = true;
    return true;
}

static void count_marks(const struct leaves *leaves, uint32_t tile, struct span part,
                        struct dump_entry *entry)
{
    const uint16_t *state = leaves_tile_state(leaves, tile);
    for (unsigned page = tile_page(part.first); page <= tile_page(part.last); page++) {
        entry->true_pages += (state[page] & PAGE_IN_T) != 0;
        entry->missed_pages += (state[page] & PAGE_MISSED) != 0;
        entry->written_pages += (state[page] & PAGE_IN_W) != 0;
    }
}

/* The touched tile at `at` of the sorted ones, if it is of the domain and begins at or before `last`. */
static bool touched_at(const struct dump *dump, uint32_t at, uint64_t last, uint32_t *id)
{
    const struct leaves *leaves = dump->leaves;
    if (at >= leaves->ordered)
        return false;
    *id = leaves->order[at];
    return leaves->tiles[*id].domain == dump->domain && leaves->tiles[*id].number <= last >> TILE_LG2;
}

/* The leaves of `part` in one touched tile. */
static bool list_touched(struct dump *dump, const struct leaf_run *run, uint32_t tile, struct span part,
                         struct error *error)
{
    const struct leaves *leaves = dump->leaves;
    for (uint64_t at = part.first;; at += UINT64_C(1) << run->lg2) {
        uint32_t page = tile << TILE_PAGES_LG2 | ((uint32_t)(at >> PAGE_LG2) & (TILE_PAGES - 1));
        struct dump_entry entry = {.span = {at, at | mask_of(run->lg2)}};
        entry.leaf = (uint8_t)(leaves->state[page] >> STATE_LEAF);
        count_marks(leaves, tile, entry.span, &entry);
        if (!put_leaves(dump, run, entry, error))
            return false;
        if (entry.span.last >= part.last)
            return true;
    }
}

/* A leaf above a tile, of which `*at` is the first touched tile; *at goes on behind it. */
static bool list_large(struct dump *dump, const struct leaf_run *run, uint32_t *at, uint64_t *end,
                       struct error *error)
{
    const struct leaves *leaves = dump->leaves;
    uint32_t id = leaves->order[*at];
    uint64_t first = leaves->tiles[id].number << TILE_LG2 & ~mask_of(run->lg2);
    struct dump_entry entry = {.span = {first, first | mask_of(run->lg2)}};
    entry.leaf = (uint8_t)(leaves->state[leaves_head(leaves, id << TILE_PAGES_LG2)] >> STATE_LEAF);
    for (; touched_at(dump, *at, entry.span.last, &id); ++*at)
        count_marks(leaves, id, tile_span(&leaves->tiles[id]), &entry);
    *end = entry.span.last;
    return put_leaves(dump, run, entry, error);
}

/* Whole leaves of a run that lie in the table: touched tiles leaf by leaf, what lies between them at once. */
static bool list_leaves(struct dump *dump, const struct leaf_run *run, struct span part, struct error *error)
{
    const struct leaves *leaves = dump->leaves;
    uint32_t at = leaves_order_lower(leaves, dump->domain, part.first >> TILE_LG2), id;
    uint64_t first = part.first;
    while (touched_at(dump, at, part.last, &id)) {
        struct span inside = span_common(tile_span(&leaves->tiles[id]), part);
        uint64_t leaf = inside.first & ~mask_of(run->lg2), end = inside.last;
        struct dump_entry untouched = {.span = {first, leaf - 1}, .leaf = run->leaf};
        if (leaf > first && !put_leaves(dump, run, untouched, error))
            return false;
        if (run->lg2 > TILE_LG2) {
            if (!list_large(dump, run, &at, &end, error))
                return false;
        } else {
            if (!list_touched(dump, run, id, inside, error))
                return false;
            at++;
        }
        if (end >= part.last)
            return true;
        first = end + 1;
    }
    return put_leaves(dump, run, (struct dump_entry){.span = {first, part.last}, .leaf = run->leaf}, error);
}

/* ---- tables below ---- */

static bool pointer_cached(const struct dump *dump, uint64_t iova)
{
    const struct walk_cache *cache = &dump->seen->cell->walk_cache;
    unsigned level = dump->table.level;
    uint64_t key = tile_key(dump->domain, iova >> dump->table.entry_lg2);
    uint32_t node;
    return number_map_find(&dump->leaves->node_index[level], key, &node) &&
           walk_cache_holds(cache, dump->leaves, level, node);
}

/* Pointers to `count` tables from `iova` on in each of the tables being listed. */
static bool put_tables(struct dump *dump, uint64_t iova, uint64_t count, struct error *error)
{
    struct table_groups *below = &dump->levels[dump->table.level - 1];
    struct dump_entry entry = {.kind = PT_TABLE, .lg2 = dump->table.entry_lg2, .output = dump->next_address};
    uint64_t all = count * dump->table.count;
    if (!memory_grow(&below->groups, &below->capacity, below->count + 1, sizeof *below->groups, error))
        return false;
    show_pending(dump);
    struct span span = {iova, (iova + ((all - 1) << entry.lg2)) | mask_of(entry.lg2)};
    below->groups[below->count++] = (struct table_group){span, all, dump->next_address};
    dump->next_address += all * dump->leaves->geometry.table_bytes;
    entry.span = (struct span){iova, (iova + ((count - 1) << entry.lg2)) | mask_of(entry.lg2)};
    entry.pointer_cached = all == 1 && pointer_cached(dump, iova);
    show(dump, entry);
    return true;
}

/* How many entries from `at` on hold tables as untouched as the first, none of which reaches beyond `last`;
 * at least one. */
static uint64_t alike(const struct dump *dump, uint64_t at, uint64_t last)
{
    const struct leaves *leaves = dump->leaves;
    unsigned lg2 = dump->table.entry_lg2;
    uint32_t id;
    if (touched_at(dump, leaves_order_lower(leaves, dump->domain, at >> TILE_LG2), last, &id)) {
        uint64_t touched = leaves->tiles[id].number << TILE_LG2;
        if (touched <= (at | mask_of(lg2)))
            return 1;
        last = touched - 1;
    }
    uint64_t count = whole_blocks(at, last, lg2);
    return count > 0 ? count : 1;
}

/* Tables that leaves of a run make exist. */
static bool list_full(struct dump *dump, const struct leaf_run *run, uint64_t at, uint64_t end,
                      uint64_t *last, struct error *error)
{
    uint64_t slot_last = at | mask_of(dump->table.entry_lg2), count = 1;
    if (run->span.first <= at && run->span.last >= slot_last)
        count = alike(dump, at, run->span.last < end ? run->span.last : end);
    *last = (at + ((count - 1) << dump->table.entry_lg2)) | mask_of(dump->table.entry_lg2);
    return put_tables(dump, at, count, error);
}

/* Tables without leaves. Those that have such tables below them are told one by one. */
static bool list_empty(struct dump *dump, struct span part, struct error *error)
{
    unsigned level = dump->table.level, lg2 = dump->table.entry_lg2;
    for (uint64_t at = part.first;;) {
        struct span below;
        uint64_t last = part.last, count = 1;
        bool more =
            level >= 2 && tables_empty_lower(dump->tables, level - 2, at, &below) && below.first <= last;
        if (more && below.first > (at | mask_of(lg2)))
            last = below.first - 1;
        if (!more || below.first > (at | mask_of(lg2)))
            count = alike(dump, at, last);
        if (!put_tables(dump, at, count, error))
            return false;
        last = (at + ((count - 1) << lg2)) | mask_of(lg2);
        if (last >= part.last)
            return true;
        at = last + 1;
    }
}

/* ---- holes ---- */

/* Absent entries are told only where the IOTLB still holds translations. */
static bool list_absent(struct dump *dump, struct span hole, struct error *error)
{
    unsigned lg2 = dump->table.entry_lg2;
    for (uint64_t at = hole.first;;) {
        if (!dump_caches_find(&dump->caches, (struct span){at, hole.last}, error))
            return false;
        if (dump->caches.found_count == 0)
            return true;
        const struct span *first = &dump->caches.found[0]->key.span;
        struct dump_entry entry = {.kind = PT_ABSENT, .lg2 = lg2};
        entry.span.first = (first->first > at ? first->first : at) & ~mask_of(lg2);
        entry.span.last = (first->last < hole.last ? first->last : hole.last) | mask_of(lg2);
        if (!dump_caches_find(&dump->caches, entry.span, error))
            return false;
        entry.cached = dump->caches.found;
        entry.cached_count = dump->caches.found_count;
        show_pending(dump);
        show(dump, entry);
        if (entry.span.last >= hole.last)
            return true;
        at = entry.span.last + 1;
    }
}

/* Entries that no leaf makes exist. */
static bool list_hole(struct dump *dump, struct span hole, struct error *error)
{
    struct span empty;
    unsigned level = dump->table.level;
    for (uint64_t at = hole.first;;) {
        bool more =
            level > 0 && tables_empty_lower(dump->tables, level - 1, at, &empty) && empty.first <= hole.last;
        if (!more)
            return list_absent(dump, (struct span){at, hole.last}, error);
        empty = span_common(empty, (struct span){at, hole.last});
        if (empty.first > at && !list_absent(dump, (struct span){at, empty.first - 1}, error))
            return false;
        if (!list_empty(dump, empty, error))
            return false;
        if (empty.last >= hole.last)
            return true;
        at = empty.last + 1;
    }
}

/* ---- levels ---- */

/* The entries of one table that span covers. */
static bool list_entries(struct dump *dump, struct span span, struct error *error)
{
    uint64_t mask = mask_of(dump->table.entry_lg2);
    for (uint64_t at = span.first;;) {
        const struct leaf_run *run = tables_lower(dump->tables, at);
        uint64_t last = span.last;
        bool good;
        if (!run || run->span.first > (at | mask)) {
            if (run && run->span.first <= span.last)
                last = (run->span.first & ~mask) - 1;
            good = list_hole(dump, (struct span){at, last}, error);
        } else if (run->level == dump->table.level) {
            if (run->span.last < last)
                last = run->span.last;
            good = list_leaves(dump, run, (struct span){at, last}, error);
        } else {
            assert(run->level < dump->table.level);
            good = list_full(dump, run, at, span.last, &last, error);
        }
        if (!good || last >= span.last)
            return good;
        at = last + 1;
    }
}

/* A group, or one table of it. Of alike tables without leaves there is nothing more to tell. */
static bool list_group(struct dump *dump, unsigned level, const struct table_group *group,
                       struct error *error)
{
    const struct pt_geometry *geometry = &dump->leaves->geometry;
    bool root = level + 1 == geometry->levels;
    unsigned lg2 = pt_entry_lg2(geometry, level), table_lg2 = root ? 63 : pt_entry_lg2(geometry, level + 1);
    dump->table = (struct dump_table){.level = level,
                                      .root = root,
                                      .address = group->address,
                                      .count = group->count,
                                      .entry_lg2 = lg2,
                                      .span = group->span};
    struct span first = group->span;
    if (!root)
        first.last = first.first | mask_of(table_lg2);
    dump->table.entries = whole_blocks(first.first, first.last, lg2);
    dump->shown = span_overlaps(group->span, dump->range);
    dump->clip = group->count > 1 ? group->span : dump->range;
    if (dump->shown)
        dump->visitor->table(dump->visitor->context, &dump->table);
    bool good =
        group->count == 1 || tables_find(dump->tables, first.first) ? list_entries(dump, first, error) : true;
    show_pending(dump);
    return good;
}

/* The tables of a group that begin it and lie all in the range or all outside. */
static struct table_group take_part(const struct dump *dump, unsigned table_lg2, struct table_group *group)
{
    struct table_group part = *group;
    struct span range = {dump->range.first & ~mask_of(table_lg2), dump->range.last | mask_of(table_lg2)};
    uint64_t bytes = dump->leaves->geometry.table_bytes;
    if (part.span.first < range.first && part.span.last >= range.first)
        part.span.last = range.first - 1;
    else if (part.span.first >= range.first && part.span.first <= range.last && part.span.last > range.last)
        part.span.last = range.last;
    part.count = whole_blocks(part.span.first, part.span.last, table_lg2);
    group->span.first = part.span.last + 1;
    group->count -= part.count;
    group->address += part.count * bytes;
    return part;
}

static bool list_level(struct dump *dump, unsigned level, struct error *error)
{
    for (size_t i = 0; i < dump->levels[level].count; i++) {
        struct table_group left = dump->levels[level].groups[i];
        while (left.count > 1) {
            struct table_group part =
                take_part(dump, pt_entry_lg2(&dump->leaves->geometry, level + 1), &left);
            if (!list_group(dump, level, &part, error))
                return false;
        }
        if (left.count == 1 && !list_group(dump, level, &left, error))
            return false;
    }
    return true;
}

static bool list_tables(struct dump *dump, struct error *error)
{
    const struct pt_geometry *geometry = &dump->leaves->geometry;
    struct table_groups *top = &dump->levels[geometry->levels - 1];
    if (!memory_grow(&top->groups, &top->capacity, 1, sizeof *top->groups, error))
        return false;
    struct span everything = {0, UINT64_MAX >> (64 - geometry->iova_bits)};
    top->groups[0] = (struct table_group){everything, 1, geometry->root_bytes};
    top->count = 1;
    dump->next_address = 2 * geometry->root_bytes;
    for (unsigned level = geometry->levels; level-- > 0;)
        if (!list_level(dump, level, error))
            return false;
    return true;
}

/* ---- caches ---- */

static uint64_t address_of_table(const struct dump *dump, unsigned level, uint64_t iova)
{
    const struct table_groups *list = &dump->levels[level];
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->groups[middle].span.last < iova)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == list->count || list->groups[low].span.first > iova)
        return 0;
    const struct table_group *group = &list->groups[low];
    uint64_t skipped = (iova - group->span.first) >> pt_entry_lg2(&dump->leaves->geometry, level + 1);
    return group->address + skipped * dump->leaves->geometry.table_bytes;
}

static bool show_caches(struct dump *dump, struct error *error)
{
    const struct dump_caches *caches = &dump->caches;
    struct dump_totals totals = caches->totals;
    dump_count_atcs(dump->seen->cell, &totals);
    dump->visitor->caches(dump->visitor->context, &totals);
    for (size_t i = 0; i < caches->count; i++)
        dump->visitor->cached(dump->visitor->context, &caches->cached[i]);
    if (!dump_show_atcs(dump->seen, dump->domain, dump->range, dump->visitor, error))
        return false;
    for (size_t i = 0; i < caches->pointer_count; i++) {
        struct dump_pointer pointer = caches->pointers[i];
        pointer.stands = tables_exists(dump->tables, pointer.level - 1, pointer.span.first);
        pointer.address = pointer.stands ? address_of_table(dump, pointer.level - 1, pointer.span.first) : 0;
        dump->visitor->pointer(dump->visitor->context, &pointer);
    }
    return true;
}

bool dump_domain(const struct inspection *seen, uint32_t domain, struct span range,
                 const struct dump_visitor *visitor, struct error *error)
{
    struct dump dump = {.seen = seen,
                        .leaves = &seen->cohort->leaves,
                        .tables = seen->cohort->leaves.domains[domain].tables,
                        .visitor = visitor,
                        .domain = domain,
                        .range = range};
    bool good = dump_caches_collect(&dump.caches, seen->cell, domain, range, error) &&
                list_tables(&dump, error) && show_caches(&dump, error);
    for (unsigned level = 0; level < PT_LEVELS_MAX; level++)
        memory_free(dump.levels[level].groups);
    dump_caches_free(&dump.caches);
    return good;
}
