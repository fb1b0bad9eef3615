/* Looking things up in tables, and scanning them (semantics.md 3 and 7). */
#include "sim/pt/tables.h"

#include <assert.h>

#include "sim/base/memory.h"
#include "sim/pt/tables_runs.h"

struct tables *tables_new(const struct pt_geometry *geometry, uint64_t sizes, enum free_tables free_tables,
                          bool frees_blocks_only, struct error *error)
{
    assert(geometry->levels >= 1 && geometry->levels <= PT_LEVELS_MAX);
    assert(sizes != 0 && (sizes & ~geometry->sizes) == 0);
    struct tables *tables = memory_zeroed(1, sizeof *tables, error);
    if (!tables)
        return NULL;
    tables->geometry = *geometry;
    tables->sizes = sizes;
    tables->free_tables = free_tables;
    tables->top = UINT64_MAX >> (64 - geometry->iova_bits);
    tables->root = geometry->levels - 1;
    tables->nodes.item_bytes = sizeof(struct run_node);
    for (unsigned level = 0; level < tables->root; level++) {
        unsigned lg2 = pt_entry_lg2(geometry, level + 1);
        tables->span_lg2[level] = (uint8_t)lg2;
        tables->may_be_freed[level] = !frees_blocks_only || (geometry->plain_sizes >> lg2 & 1) != 0;
    }
    runs_settle(tables);
    return tables;
}

struct tables *tables_copy(const struct tables *tables, struct error *error)
{
    struct tables *copy = memory_zeroed(1, sizeof *copy, error);
    if (!copy)
        return NULL;
    *copy = *tables;
    RB_INIT(&copy->runs);
    LIST_INIT(&copy->dirty);
    copy->nodes = (struct pool){.item_bytes = sizeof(struct run_node)};
    copy->mapped = (struct span_set){0};
    for (unsigned level = 0; level < PT_LEVELS_MAX; level++)
        copy->empty[level] = (struct span_set){0};
    bool ok = runs_copy(copy, tables, error) && span_set_copy(&copy->mapped, &tables->mapped, error);
    for (unsigned level = 0; ok && level < tables->root; level++)
        ok = span_set_copy(&copy->empty[level], &tables->empty[level], error);
    if (ok)
        return copy;
    tables_free(copy);
    return NULL;
}

void tables_free(struct tables *tables)
{
    if (!tables)
        return;
    pool_free(&tables->nodes);
    span_set_free(&tables->mapped);
    for (unsigned level = 0; level < PT_LEVELS_MAX; level++)
        span_set_free(&tables->empty[level]);
    memory_free(tables);
}

void tables_change_free(struct tables_change *change)
{
    memory_free(change->runs);
    memory_free(change->leaves);
    memory_free(change->tables);
    *change = (struct tables_change){0};
}

const struct tables_count *tables_count(const struct tables *tables)
{
    return &tables->count;
}

/* ---- looking up ---- */

const struct leaf_run *tables_lower(const struct tables *tables, uint64_t iova)
{
    struct run_node *below, *above;
    runs_around(tables, iova, &below, &above);
    return above ? &above->run : NULL;
}

const struct leaf_run *tables_find(const struct tables *tables, uint64_t iova)
{
    const struct leaf_run *run = tables_lower(tables, iova);
    return run && run->span.first <= iova ? run : NULL;
}

const struct leaf_run *tables_next(const struct leaf_run *run)
{
    const struct run_node *node = runs_after((struct run_node *)run);
    return node ? &node->run : NULL;
}

bool tables_mapped_lower(const struct tables *tables, uint64_t iova, struct span *mapped)
{
    return span_set_lower(&tables->mapped, iova, mapped);
}

uint64_t tables_mapped_runs(const struct tables *tables)
{
    return tables->mapped.count;
}

uint64_t tables_mapped_pages(const struct tables *tables)
{
    return tables->mapped.pages;
}

/* `above` ends at or after `iova`, `below` is the run before it. A leaf that lies only partly in a table's
 * span does not exist: it lies in the span whole, or covers it. */
static bool exists_between(const struct tables *tables, unsigned level, uint64_t iova,
                           const struct run_node *below, const struct run_node *above)
{
    if (level == tables->root)
        return true;
    unsigned lg2 = tables->span_lg2[level];
    return (below && below->run.span.last >> lg2 == iova >> lg2) ||
           (above && above->run.span.first >> lg2 <= iova >> lg2 && above->run.level <= level) ||
           span_set_holds(&tables->empty[level], iova);
}

unsigned tables_terminal_level(const struct tables *tables, uint64_t iova)
{
    struct run_node *below, *above;
    runs_around(tables, iova, &below, &above);
    if (above && above->run.span.first <= iova)
        return above->run.level;
    unsigned level = 0;
    while (!exists_between(tables, level, iova, below, above))
        level++;
    return level;
}

bool tables_exists(const struct tables *tables, unsigned level, uint64_t iova)
{
    assert(level <= tables->root);
    struct run_node *below, *above;
    runs_around(tables, iova, &below, &above);
    return exists_between(tables, level, iova, below, above);
}

bool tables_empty_lower(const struct tables *tables, unsigned level, uint64_t iova, struct span *empty)
{
    assert(level < tables->root);
    return span_set_lower(&tables->empty[level], iova, empty);
}

/* ---- scans ---- */

struct scan {
    struct span window;
    uint64_t entries, table_count;
    uint64_t next[PT_LEVELS_MAX]; /* the first table of each level that was not counted yet, by number */
};

/* Count the tables at `level` that overlap both spans and were not counted. */
static void scan_tables(struct scan *scan, const struct tables *tables, unsigned level, struct span span)
{
    unsigned lg2 = tables->span_lg2[level], slot_lg2 = pt_entry_lg2(&tables->geometry, level);
    uint64_t first = span.first >> lg2, last = span.last >> lg2;
    if (first < scan->next[level])
        first = scan->next[level];
    if (last > scan->window.last >> lg2)
        last = scan->window.last >> lg2;
    if (first > last)
        return;
    struct span inside =
        span_common((struct span){first << lg2, last << lg2 | table_mask(tables, level)}, scan->window);
    scan->table_count += last - first + 1;
    scan->entries += (inside.last >> slot_lg2) - (inside.first >> slot_lg2) + 1;
    scan->next[level] = last + 1;
}

/* Tables that have leaves below them. The runs next to the window may share tables with it. */
static void scan_with_leaves(struct scan *scan, const struct tables *tables)
{
    struct run_node *below, *node;
    runs_around(tables, scan->window.first, &below, &node);
    for (unsigned level = 0; level < tables->root; level++)
        scan->next[level] = scan->window.first >> tables->span_lg2[level];
    for (unsigned level = 0; below && level < tables->root; level++)
        scan_tables(scan, tables, level, (struct span){below->run.span.last, below->run.span.last});
    for (bool inside = true; node && inside; node = runs_after(node)) {
        inside = node->run.span.first <= scan->window.last;
        for (unsigned level = node->run.level; level < tables->root; level++)
            scan_tables(scan, tables, level, node->run.span);
    }
}

static void scan_empty(struct scan *scan, const struct tables *tables)
{
    for (unsigned level = 0; level < tables->root; level++) {
        struct span empty;
        scan->next[level] = scan->window.first >> tables->span_lg2[level];
        if (tables->empty[level].count == 0)
            continue;
        for (uint64_t at = scan->window.first; span_set_lower(&tables->empty[level], at, &empty);) {
            if (empty.first > scan->window.last)
                break;
            scan_tables(scan, tables, level, empty);
            if (empty.last >= scan->window.last)
                break;
            at = empty.last + 1;
        }
    }
}

void tables_scan(const struct tables *tables, struct span window, uint64_t *entries, uint64_t *table_count)
{
    if (window.first > tables->top)
        return;
    struct scan scan = {.window = span_common(window, (struct span){0, tables->top})};
    unsigned slot_lg2 = pt_entry_lg2(&tables->geometry, tables->root);
    scan.entries = (scan.window.last >> slot_lg2) - (scan.window.first >> slot_lg2) + 1;
    scan.table_count = 1;
    scan_with_leaves(&scan, tables);
    scan_empty(&scan, tables);
    *entries += scan.entries;
    *table_count += scan.table_count;
}

uint64_t tables_entries_in(const struct tables *tables, const struct span_list *spans, bool writable_only,
                           uint64_t *leaves)
{
    uint64_t entries = 0, counted = 0, next = 0; /* next: leaves that begin below were looked at */
    for (size_t i = 0; i < spans->count; i++) {
        struct span span = spans->spans[i];
        if (span.last < next)
            continue;
        if (span.first < next)
            span.first = next;
        const struct leaf_run *run = tables_lower(tables, span.first);
        for (; run && run->span.first <= span.last; run = tables_next(run)) {
            struct leaf_run part = *run;
            part.span = runs_part(run, span);
            if (!writable_only || (run->leaf & LEAF_WRITABLE) != 0) {
                uint64_t count = runs_leaves(&part);
                counted += count;
                entries += count << (run->lg2 - pt_entry_lg2(&tables->geometry, run->level));
            }
            if (part.span.last == UINT64_MAX) /* no leaf begins behind it */
                i = spans->count - 1;
            next = part.span.last + 1;
        }
    }
    if (leaves)
        *leaves = counted;
    return entries;
}

/* ---- leaf state ---- */

const struct leaf_run *tables_first_dirty(const struct tables *tables)
{
    const struct run_node *node = LIST_FIRST(&tables->dirty);
    return node ? &node->run : NULL;
}

const struct leaf_run *tables_next_dirty(const struct leaf_run *run)
{
    const struct run_node *node = LIST_NEXT((const struct run_node *)run, dirty);
    return node ? &node->run : NULL;
}

bool tables_change_leaves(struct tables *tables, struct span span, uint8_t clear, uint8_t set,
                          bool writable_only, struct error *error)
{
    for (uint64_t at = span.first;;) {
        struct run_node *below, *node, *right;
        runs_around(tables, at, &below, &node);
        if (!node || node->run.span.first > span.last)
            return true;
        struct leaf_run changed = node->run;
        changed.span = runs_part(&changed, (struct span){at, span.last});
        changed.leaf = (uint8_t)((changed.leaf & ~clear) | set);
        bool changes =
            changed.leaf != node->run.leaf && (!writable_only || (node->run.leaf & LEAF_WRITABLE) != 0);
        if (changes) {
            if (!runs_cut(tables, node, changed.span, &right, error))
                return false;
            runs_around(tables, changed.span.first, &below, &node);
            if (!runs_add(tables, &changed, below, node, error))
                return false;
        }
        if (changed.span.last >= span.last)
            return true;
        at = changed.span.last + 1;
    }
}
