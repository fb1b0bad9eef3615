#include "sim/pt/tables_runs.h"

#include <assert.h>

#include "sim/base/memory.h"

static int compare(const struct run_node *a, const struct run_node *b)
{
    return (a->run.span.first > b->run.span.first) - (a->run.span.first < b->run.span.first);
}

RB_GENERATE_INTERNAL(run_tree, run_node, link, compare, __attribute__((unused)) static)

/* ---- the map ---- */

struct run_node *runs_after(struct run_node *node)
{
    return RB_NEXT(run_tree, NULL, node);
}

/* Put a node between neighbours that are known already, so that no key is looked up. */
static struct run_node *insert(struct tables *tables, const struct leaf_run *run, struct run_node *below,
                               struct run_node *above, struct error *error)
{
    struct run_node *node = pool_take(&tables->nodes, error);
    if (!node)
        return NULL;
    node->run = *run;
    bool right = below && !RB_RIGHT(below, link);
    struct run_node *parent = right ? below : above;
    RB_SET(node, parent, link);
    if (right)
        RB_RIGHT(parent, link) = node;
    else if (parent)
        RB_LEFT(parent, link) = node;
    else
        RB_ROOT(&tables->runs) = node;
    run_tree_RB_INSERT_COLOR(&tables->runs, node);
    if (run->leaf & LEAF_DIRTY)
        LIST_INSERT_HEAD(&tables->dirty, node, dirty);
    return node;
}

static void take_out(struct tables *tables, struct run_node *node)
{
    RB_REMOVE(run_tree, &tables->runs, node);
    if (node->run.leaf & LEAF_DIRTY)
        LIST_REMOVE(node, dirty);
    pool_return(&tables->nodes, node);
}

static bool joins(const struct leaf_run *low, const struct leaf_run *high)
{
    return low->span.last + 1 == high->span.first && low->shift == high->shift && low->lg2 == high->lg2 &&
           low->leaf == high->leaf;
}

bool runs_add(struct tables *tables, const struct leaf_run *run, struct run_node *below,
              struct run_node *above, struct error *error)
{
    assert(!below || below->run.span.last < run->span.first);
    assert(!above || above->run.span.first > run->span.last);
    bool joins_below = below && joins(&below->run, run), joins_above = above && joins(run, &above->run);
    if (joins_below && joins_above) {
        below->run.span.last = above->run.span.last;
        take_out(tables, above);
    } else if (joins_below) {
        below->run.span.last = run->span.last;
    } else if (joins_above) {
        above->run.span.first = run->span.first;
    } else {
        return insert(tables, run, below, above, error) != NULL;
    }
    return true;
}

bool runs_cut(struct tables *tables, struct run_node *node, struct span part, struct run_node **right,
              struct error *error)
{
    struct span whole = node->run.span;
    assert(part.first >= whole.first && part.last <= whole.last);
    *right = NULL;
    if (part.first > whole.first && part.last < whole.last) {
        struct leaf_run rest = node->run;
        rest.span.first = part.last + 1;
        *right = insert(tables, &rest, node, runs_after(node), error);
        if (!*right)
            return false;
        node->run.span.last = part.first - 1;
    } else if (part.first > whole.first) {
        node->run.span.last = part.first - 1;
    } else if (part.last < whole.last) {
        node->run.span.first = part.last + 1;
        *right = node;
    } else {
        take_out(tables, node);
    }
    return true;
}

bool runs_copy(struct tables *copy, const struct tables *tables, struct error *error)
{
    struct run_tree tree = tables->runs;
    struct run_node *node, *below = NULL;
    RB_FOREACH(node, run_tree, &tree)
    {
        below = insert(copy, &node->run, below, NULL, error);
        if (!below)
            return false;
    }
    return true;
}

/* ---- the sums ----
 *
 * How often a scan of all maximal runs of mapped pages meets tables at a level is the sum, over runs of
 * leaves, of the table borders inside of the run, and 1 if it is the first of its maximal run or begins at
 * such a border: else the leaves before it have the table already. So a change moves its own terms and that
 * of its right neighbour. */

void runs_count(struct tables *tables, const struct leaf_run *run, bool touches_below, int sign)
{
    uint64_t visits = 0;
    for (unsigned level = run->level; level < tables->root; level++) {
        unsigned lg2 = tables->span_lg2[level];
        bool begins = !touches_below || (run->span.first & table_mask(tables, level)) == 0;
        visits += (run->span.last >> lg2) - (run->span.first >> lg2) + begins;
    }
    uint64_t leaves = runs_leaves(run);
    uint64_t entries = leaves << (run->lg2 - pt_entry_lg2(&tables->geometry, run->level));
    if (sign > 0) {
        tables->visits += visits;
        tables->leaf_entries += entries;
        tables->count.leaves += leaves;
    } else {
        tables->visits -= visits;
        tables->leaf_entries -= entries;
        tables->count.leaves -= leaves;
    }
}

void runs_count_gap(struct tables *tables, const struct leaf_run *above, int sign)
{
    for (unsigned level = above->level; level < tables->root; level++)
        if ((above->span.first & table_mask(tables, level)) != 0)
            tables->visits += sign > 0 ? 1 : UINT64_MAX;
}

void runs_settle(struct tables *tables)
{
    struct tables_count *count = &tables->count;
    count->tables = 1 + tables->with_leaves;
    for (unsigned level = 0; level < tables->root; level++)
        count->tables += tables->empty[level].pages >> (tables->span_lg2[level] - 12);
    count->table_bytes = tables->geometry.root_bytes + (count->tables - 1) * tables->geometry.table_bytes;
    count->scan_tables = tables->visits + tables->mapped.count; /* each maximal run meets the root */
    count->scan_entries = tables->visits + tables->leaf_entries;
}

/* ---- changes ---- */

void change_clear(struct tables_change *change)
{
    change->run_count = change->leaf_count = change->table_count = 0;
    change->leaves_count = change->overreach = 0;
    change->hull = (struct span){0};
}

bool change_add_run(struct tables_change *change, const struct leaf_run *run, struct error *error)
{
    if (!memory_grow(&change->runs, &change->run_capacity, change->run_count + 1, sizeof *change->runs,
                     error))
        return false;
    change->runs[change->run_count++] = *run;
    change->leaves_count += runs_leaves(run);
    return true;
}

bool change_add_tables(struct tables_change *change, const struct tables *tables, unsigned level,
                       struct span span, struct error *error)
{
    unsigned lg2 = tables->span_lg2[level];
    uint64_t count = ((span.last - span.first) >> lg2) + 1, mask = table_mask(tables, level);
    if (!memory_grow(&change->tables, &change->table_capacity, change->table_count + count,
                     sizeof *change->tables, error))
        return false;
    for (uint64_t first = span.first; count-- > 0; first += mask + 1)
        change->tables[change->table_count++] = (struct iommu_gone){{first, first + mask}, lg2};
    return true;
}
