/* Splitting leaves into smaller ones of one plain size (semantics.md 14). */
#include <assert.h>

#include "sim/pt/tables_runs.h"

/* The same memory in smaller leaves. */
static struct leaf_run parts_of(const struct tables *tables, const struct leaf_run *whole, unsigned lg2)
{
    struct leaf_run parts = *whole;
    parts.lg2 = (uint8_t)lg2;
    parts.level = (uint8_t)pt_leaf_level(&tables->geometry, lg2);
    return parts;
}

/* A table for each entry of the leaves, and below it down to the level of the parts. No table stands there
 * yet: one goes where a leaf comes, and none comes below a leaf. */
static void count_split(struct tables *tables, const struct leaf_run *whole, const struct leaf_run *parts,
                        struct split_count *split)
{
    const struct pt_geometry *geometry = &tables->geometry;
    uint64_t made = 0;
    for (unsigned level = parts->level; level < whole->level; level++) {
        unsigned lg2 = tables->span_lg2[level];
        made += (whole->span.last >> lg2) - (whole->span.first >> lg2) + 1;
    }
    uint64_t leaves = runs_leaves(whole);
    tables->with_leaves += made;
    split->leaves += leaves;
    split->parts += runs_leaves(parts);
    split->tables += made;
    split->entries += (made << geometry->index_bits) + (leaves << pt_leaf_entries_lg2(geometry, whole->lg2));
}

static bool split_part(struct tables *tables, struct run_node *node, struct span span, unsigned lg2,
                       struct tables_change *change, struct split_count *split, struct error *error)
{
    struct leaf_run whole = node->run;
    struct run_node *below, *above, *right;
    whole.span = runs_part(&whole, span);
    struct leaf_run parts = parts_of(tables, &whole, lg2);
    if (!change_add_run(change, &whole, error) || !runs_cut(tables, node, whole.span, &right, error))
        return false;
    runs_around(tables, whole.span.first, &below, &above);
    bool touches = below && runs_touch(&below->run, whole.span.first);
    runs_count(tables, &whole, touches, -1);
    runs_count(tables, &parts, touches, 1);
    count_split(tables, &whole, &parts, split);
    return runs_add(tables, &parts, below, above, error);
}

bool tables_split(struct tables *tables, const struct span_list *spans, unsigned lg2,
                  struct tables_change *change, struct split_count *split, struct error *error)
{
    assert(tables->geometry.plain_sizes >> lg2 & 1);
    change_clear(change);
    for (size_t i = 0; i < spans->count; i++) {
        struct span span = spans->spans[i];
        for (struct run_node *below, *node;;) {
            runs_around(tables, span.first, &below, &node);
            if (!node || node->run.span.first > span.last)
                break;
            struct span done = runs_part(&node->run, span);
            if (node->run.lg2 > lg2 && !split_part(tables, node, span, lg2, change, split, error))
                return false;
            if (done.last >= span.last)
                break;
            span.first = done.last + 1;
        }
    }
    if (change->run_count > 0)
        tables->count.sizes_used |= UINT64_C(1) << lg2;
    runs_settle(tables);
    return true;
}

void tables_split_scan(const struct pt_geometry *geometry, const struct leaf_run *whole, unsigned lg2,
                       struct span window, uint64_t *entries, uint64_t *table_count)
{
    window = span_common(whole->span, window);
    for (unsigned level = pt_leaf_level(geometry, lg2); level < whole->level; level++) {
        unsigned span_lg2 = pt_entry_lg2(geometry, level + 1), slot_lg2 = pt_entry_lg2(geometry, level);
        *table_count += (window.last >> span_lg2) - (window.first >> span_lg2) + 1;
        *entries += (window.last >> slot_lg2) - (window.first >> slot_lg2) + 1;
    }
}
