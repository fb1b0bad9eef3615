/* Unmaps: which leaves and tables go, and how they are told to the vendor (semantics.md 3 and 7). */
#include <assert.h>

#include "sim/base/memory.h"
#include "sim/pt/tables_runs.h"

/* Take the leaves out; they become change->runs. `below` and `above` get what is left next to them. */
static bool take_leaves(struct tables *tables, struct span span, struct run_node **below,
                        struct run_node **above, struct tables_change *change, struct error *error)
{
    runs_around(tables, span.first, below, above);
    while (*above && (*above)->run.span.first <= span.last) {
        struct run_node *node = *above, *next = runs_after(node), *right;
        struct leaf_run gone = node->run;
        gone.span = runs_part(&gone, span);
        if (!change_add_run(change, &gone, error))
            return false;
        if (gone.span.first > node->run.span.first)
            *below = node;
        if (!runs_cut(tables, node, gone.span, &right, error))
            return false;
        *above = right ? right : next;
    }
    return true;
}

/* Keep the sums, and move the tables that lost their last leaf to the empty ones. */
static bool count_out(struct tables *tables, const struct leaf_run *below, const struct leaf_run *above,
                      const struct tables_change *change, struct error *error)
{
    const struct leaf_run *runs = change->runs;
    size_t last = change->run_count - 1;
    for (size_t i = 0; i <= last; i++) {
        const struct leaf_run *before =
            i > 0 ? &runs[i - 1] : below; /* whose tables were looked at already */
        runs_count(tables, &runs[i], runs_touch(before, runs[i].span.first), -1);
        for (unsigned level = runs[i].level; level < tables->root; level++) {
            uint64_t first, end;
            if (!runs_own_tables(tables, level, &runs[i], before, above, &first, &end))
                break;
            unsigned lg2 = tables->span_lg2[level];
            tables->with_leaves -= end - first;
            if (!span_set_add(&tables->empty[level], (struct span){first << lg2, (end << lg2) - 1}, error))
                return false;
        }
    }
    if (above && runs_touch(&runs[last], above->span.first))
        runs_count_gap(tables, above, 1);
    return span_set_remove(&tables->mapped, (struct span){runs[0].span.first, runs[last].span.last}, error);
}

/* Where empty tables are freed, by level below the root. Under free_tables: covered a table is larger than
 * all below it, so that the levels at which tables are freed are the lowest. */
struct freed {
    struct span within[PT_LEVELS_MAX];
    unsigned levels;
};

/* Whole tables inside of the request, or with free_tables: empty all. */
static void find_freed(struct freed *freed, const struct tables *tables, struct span request)
{
    freed->levels = 0;
    for (unsigned level = 0; level < tables->root; level++) {
        struct span within = {0, UINT64_MAX};
        if (tables->free_tables == FREE_COVERED) {
            uint64_t mask = table_mask(tables, level);
            if (!tables->may_be_freed[level] || request.last < mask || request.first > UINT64_MAX - mask)
                break;
            within.first = (request.first + mask) & ~mask;
            within.last = (request.last - mask) | mask;
            if (within.first > within.last)
                break;
        }
        freed->within[level] = within;
        freed->levels++;
    }
}

/* List the tables freed at the `levels` lowest levels inside `window`, no table below another of them. */
static bool list_freed(const struct tables *tables, const struct freed *freed, unsigned levels,
                       struct span window, struct tables_change *change, struct error *error)
{
    if (levels == 0)
        return true;
    unsigned level = levels - 1;
    uint64_t from = window.first; /* what comes before was listed */
    struct span within = freed->within[level], empty;
    bool overlap = span_overlaps(within, window) && tables->empty[level].count > 0;
    if (overlap)
        within = span_common(within, window);
    for (uint64_t at = within.first; overlap && span_set_lower(&tables->empty[level], at, &empty);) {
        if (empty.first > within.last)
            break;
        empty = span_common(empty, within);
        if (empty.first > from &&
            !list_freed(tables, freed, level, (struct span){from, empty.first - 1}, change, error))
            return false;
        if (!change_add_tables(change, tables, level, empty, error))
            return false;
        if (empty.last == window.last)
            return true;
        at = from = empty.last + 1;
        overlap = empty.last < within.last;
    }
    return list_freed(tables, freed, level, (struct span){from, window.last}, change, error);
}

static bool free_tables(struct tables *tables, struct span request, struct tables_change *change,
                        struct error *error)
{
    struct freed freed;
    find_freed(&freed, tables, request);
    if (freed.levels == 0)
        return true;
    if (!list_freed(tables, &freed, freed.levels, freed.within[0], change, error))
        return false;
    for (unsigned level = 0; level < freed.levels; level++)
        if (tables->empty[level].count > 0 &&
            !span_set_remove(&tables->empty[level], freed.within[level], error))
            return false;
    return true;
}

static bool add_blocks(struct tables_change *change, struct span span, unsigned entry_lg2,
                       struct error *error)
{
    struct iommu_gone *tail = change->leaf_count > 0 ? &change->leaves[change->leaf_count - 1] : NULL;
    if (tail && tail->entry_lg2 == entry_lg2 && tail->span.last + 1 == span.first) {
        tail->span.last = span.last;
        return true;
    }
    if (!memory_grow(&change->leaves, &change->leaf_capacity, change->leaf_count + 1, sizeof *change->leaves,
                     error))
        return false;
    change->leaves[change->leaf_count++] = (struct iommu_gone){span, entry_lg2};
    return true;
}

/* Merge the leaves removed and the tables freed into runs of blocks. A leaf lies in a table or beside it. */
static bool list_blocks(const struct tables *tables, struct tables_change *change, struct error *error)
{
    const struct iommu_gone *table = change->tables, *end = table + change->table_count;
    for (size_t i = 0; i < change->run_count; i++) {
        const struct leaf_run *run = &change->runs[i];
        unsigned entry_lg2 = pt_entry_lg2(&tables->geometry, run->level);
        struct span rest = run->span;
        bool remains = true;
        if (table > change->tables &&
            table[-1].span.last >= rest.first) { /* the table before reaches into it */
            remains = table[-1].span.last < rest.last;
            rest.first = table[-1].span.last + 1;
        }
        for (; table < end && table->span.first <= run->span.last; table++) {
            if (table->span.first > rest.first &&
                !add_blocks(change, (struct span){rest.first, table->span.first - 1}, entry_lg2, error))
                return false;
            if (!add_blocks(change, table->span, table->entry_lg2, error))
                return false;
            remains = table->span.last < rest.last;
            if (table->span.last >= rest.first)
                rest.first = table->span.last + 1;
        }
        if (remains && !add_blocks(change, rest, entry_lg2, error))
            return false;
    }
    for (; table < end; table++)
        if (!add_blocks(change, table->span, table->entry_lg2, error))
            return false;
    return true;
}

/* Leaves at both ends of what was removed that the request does not hold whole. */
static uint64_t count_overreach(struct span request, const struct tables_change *change)
{
    const struct leaf_run *head = &change->runs[0], *tail = &change->runs[change->run_count - 1];
    bool cuts_first = head->span.first<request.first, cuts_last = tail->span.last> request.last;
    uint64_t mask = (UINT64_C(1) << head->lg2) - 1;
    bool one_leaf = change->run_count == 1 && (head->span.first | mask) == head->span.last;
    return one_leaf ? cuts_first || cuts_last : (uint64_t)cuts_first + cuts_last;
}

static void find_hull(const struct tables *tables, struct span request, struct tables_change *change)
{
    struct span hull = request,
                leaves = {change->runs[0].span.first, change->runs[change->run_count - 1].span.last};
    if (leaves.first < hull.first)
        hull.first = leaves.first;
    if (leaves.last > hull.last)
        hull.last = leaves.last;
    if (tables->free_tables == FREE_EMPTY && change->table_count > 0) {
        if (change->tables[0].span.first < hull.first)
            hull.first = change->tables[0].span.first;
        if (change->tables[change->table_count - 1].span.last > hull.last)
            hull.last = change->tables[change->table_count - 1].span.last;
    }
    change->hull = hull;
}

bool tables_unmap(struct tables *tables, struct span span, struct tables_change *change, struct error *error)
{
    assert(span.first <= span.last);
    struct run_node *below, *above;
    change_clear(change);
    if (!take_leaves(tables, span, &below, &above, change, error))
        return false;
    if (change->run_count == 0)
        return true;
    if (!count_out(tables, below ? &below->run : NULL, above ? &above->run : NULL, change, error) ||
        !free_tables(tables, span, change, error) || !list_blocks(tables, change, error))
        return false;
    change->overreach = count_overreach(span, change);
    find_hull(tables, span, change);
    runs_settle(tables);
    return true;
}
