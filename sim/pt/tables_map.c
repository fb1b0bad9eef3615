/* Maps: choosing leaves (semantics.md 3). */
#include <assert.h>

#include "sim/pt/tables_runs.h"

/* Empty tables at `level` where an entry of a new leaf is to go are freed with all below them. */
static bool free_below(struct tables *tables, unsigned level, const struct leaf_run *run,
                       struct tables_change *change, struct error *error)
{
    struct span_set *empty = &tables->empty[level];
    struct span at;
    bool stands_there = level + 1 == run->level;
    if (empty->count == 0)
        return true;
    for (uint64_t from = run->span.first; stands_there && span_set_lower(empty, from, &at);) {
        if (at.first > run->span.last)
            break;
        at = span_common(at, run->span);
        if (!change_add_tables(change, tables, level, at, error))
            return false;
        if (at.last == run->span.last)
            break;
        from = at.last + 1;
    }
    return span_set_remove(empty, run->span, error);
}

/* Tables get their first leaves: they may have stood empty. */
static bool fill_tables(struct tables *tables, const struct leaf_run *run, const struct leaf_run *below,
                        const struct leaf_run *above, struct error *error)
{
    for (unsigned level = run->level; level < tables->root; level++) {
        uint64_t first, end;
        if (!runs_own_tables(tables, level, run, below, above, &first, &end))
            break;
        unsigned lg2 = tables->span_lg2[level];
        tables->with_leaves += end - first;
        if (tables->empty[level].count > 0 &&
            !span_set_remove(&tables->empty[level], (struct span){first << lg2, (end << lg2) - 1}, error))
            return false;
    }
    return true;
}

/* Install leaves of one size that are born alike. */
static bool install(struct tables *tables, const struct leaf_run *run, struct tables_change *change,
                    struct error *error)
{
    struct run_node *below_node, *above_node;
    runs_around(tables, run->span.first, &below_node, &above_node);
    const struct leaf_run *below = below_node ? &below_node->run : NULL;
    const struct leaf_run *above = above_node ? &above_node->run : NULL;
    assert(!above || above->span.first > run->span.last);
    for (unsigned level = run->level; level-- > 0;)
        if (!free_below(tables, level, run, change, error))
            return false;
    if (!fill_tables(tables, run, below, above, error))
        return false;
    runs_count(tables, run, runs_touch(below, run->span.first), 1);
    if (above && runs_touch(run, above->span.first))
        runs_count_gap(tables, above, -1);
    tables->count.sizes_used |= UINT64_C(1) << run->lg2;
    return span_set_add(&tables->mapped, run->span, error) &&
           runs_add(tables, run, below_node, above_node, error) && change_add_run(change, run, error);
}

/* Does the leaf at `at` overlap a tracked range? *last: up to where its neighbours in the run agree with it.
 */
static bool is_tracked(const struct leaf_run *run, uint64_t at, const struct span_list *ranges,
                       uint64_t *last)
{
    uint64_t mask = (UINT64_C(1) << run->lg2) - 1;
    *last = run->span.last;
    size_t i = span_lower(ranges, at);
    if (i == ranges->count || ranges->spans[i].first > run->span.last)
        return false;
    if (ranges->spans[i].first > (at | mask)) {
        *last = (ranges->spans[i].first & ~mask) - 1;
        return false;
    }
    uint64_t reach = ranges->spans[i].last | mask;
    while (reach < run->span.last && ++i < ranges->count && (ranges->spans[i].first & ~mask) <= reach + 1)
        reach = ranges->spans[i].last | mask;
    if (reach < *last)
        *last = reach;
    return true;
}

/* Install leaves of one size. */
static bool bear(struct tables *tables, struct leaf_run run, const struct tables_birth *birth,
                 struct tables_change *change, struct error *error)
{
    if (!birth->ranges || birth->leaf[0] == birth->leaf[1]) {
        run.leaf = birth->leaf[1];
        return install(tables, &run, change, error);
    }
    struct leaf_run piece = run;
    do {
        bool tracked = is_tracked(&run, piece.span.first, birth->ranges, &piece.span.last);
        piece.leaf = birth->leaf[tracked];
        if (!install(tables, &piece, change, error))
            return false;
        piece.span.first = piece.span.last + 1;
    } while (piece.span.last < run.span.last);
    return true;
}

/* lg2 of the largest listed leaf size that is aligned at both ends and fits in `rest` + 1 bytes. */
static unsigned choose(const struct tables *tables, uint64_t at, uint64_t address, uint64_t rest)
{
    unsigned limit = rest == UINT64_MAX ? 63 : 63 - (unsigned)__builtin_clzll(rest + 1);
    if ((at | address) != 0 && (unsigned)__builtin_ctzll(at | address) < limit)
        limit = (unsigned)__builtin_ctzll(at | address);
    uint64_t usable = tables->sizes & (UINT64_MAX >> (63 - limit));
    assert(usable != 0);
    return 63 - (unsigned)__builtin_clzll(usable);
}

/* The chosen size repeats until the next larger one can be taken, or until less than one leaf remains, so a
 * call makes few runs. */
bool tables_map(struct tables *tables, struct span span, uint64_t address, const struct tables_birth *birth,
                struct tables_change *change, struct error *error)
{
    assert(span.first <= span.last && span.last <= tables->top);
    change_clear(change);
    uint64_t shift = address - span.first;
    for (uint64_t at = span.first;;) {
        unsigned lg2 = choose(tables, at, at + shift, span.last - at);
        uint64_t mask = (UINT64_C(1) << lg2) - 1, last = span.last;
        uint64_t larger = tables->sizes & ~(mask | (mask + 1));
        if (larger != 0) {
            uint64_t larger_mask = (larger & -larger) - 1, gap = -at & larger_mask;
            bool aligns = (shift & larger_mask) == 0;
            if (aligns && gap <= span.last - at && span.last - at - gap >= larger_mask)
                last = at + gap - 1;
        }
        struct leaf_run run = {.span = {at, at + ((last - at - mask) >> lg2 << lg2) + mask},
                               .shift = shift,
                               .lg2 = (uint8_t)lg2,
                               .level = (uint8_t)pt_leaf_level(&tables->geometry, lg2)};
        if (!bear(tables, run, birth, change, error))
            return false;
        if (run.span.last == span.last)
            break;
        at = run.span.last + 1;
    }
    if (change->table_count > 0)
        change->hull =
            (struct span){change->tables[0].span.first, change->tables[change->table_count - 1].span.last};
    runs_settle(tables);
    return true;
}
