/* The inside of sim/pt/tables.h: the ordered map of leaf runs, and the sums that are kept up with it. Only
 * the files tables*.c of this folder include it. */
#ifndef SIM_PT_TABLES_RUNS_H
#define SIM_PT_TABLES_RUNS_H

#include <bsd/sys/tree.h>
#include <sys/queue.h>

#include "sim/base/pool.h"
#include "sim/base/span_set.h"
#include "sim/pt/tables.h"

/* Neighbours in the map differ in shift, size or leaf byte, or there is a hole between them. */
struct run_node {
    struct leaf_run run; /* first: what the outside sees */
    RB_ENTRY(run_node) link;
    LIST_ENTRY(run_node) dirty; /* if run.leaf has LEAF_DIRTY */
};

RB_HEAD(run_tree, run_node);
LIST_HEAD(run_list, run_node);

struct tables {
    struct pt_geometry geometry;
    uint64_t sizes;
    enum free_tables free_tables;
    uint64_t top;                     /* last byte that can be mapped */
    unsigned root;                    /* its level */
    uint8_t span_lg2[PT_LEVELS_MAX];  /* of a table at each level below the root */
    bool may_be_freed[PT_LEVELS_MAX]; /* by an unmap that covers it */

    struct run_tree runs;
    struct run_list dirty;
    struct pool nodes;
    struct span_set mapped;               /* pages */
    struct span_set empty[PT_LEVELS_MAX]; /* tables without leaves below them, by level below the root */

    uint64_t with_leaves;  /* tables below the root that have leaves below them */
    uint64_t visits;       /* pairs of those and of maximal runs of mapped pages that overlap */
    uint64_t leaf_entries; /* that all leaves take */
    struct tables_count count;
};

/** Mask of the bytes of a table at a level below the root. */
static inline uint64_t table_mask(const struct tables *tables, unsigned level)
{
    return (UINT64_C(1) << tables->span_lg2[level]) - 1;
}

/** What of the run lies in leaves that overlap `span`; the two must overlap. */
static inline struct span runs_part(const struct leaf_run *run, struct span span)
{
    uint64_t mask = (UINT64_C(1) << run->lg2) - 1;
    struct span common = span_common(run->span, span);
    return (struct span){common.first & ~mask, common.last | mask};
}

static inline uint64_t runs_leaves(const struct leaf_run *run)
{
    return ((run->span.last - run->span.first) >> run->lg2) + 1;
}

/** Does `run` (may be NULL) end right before `first`? */
static inline bool runs_touch(const struct leaf_run *run, uint64_t first)
{
    return run && first != 0 && run->span.last == first - 1;
}

/** `above`: the first node that ends at or after `iova`; `below`: the one before it; NULL if there is none.
 */
static inline void runs_around(const struct tables *tables, uint64_t iova, struct run_node **below,
                               struct run_node **above)
{
    *below = *above = NULL;
    for (struct run_node *node = RB_ROOT(&tables->runs); node;) {
        if (node->run.span.last < iova) {
            *below = node;
            node = RB_RIGHT(node, link);
        } else {
            *above = node;
            node = RB_LEFT(node, link);
        }
    }
}

/** Add leaves where there are none, between the neighbours. False: memory. */
bool runs_add(struct tables *tables, const struct leaf_run *run, struct run_node *below,
              struct run_node *above, struct error *error);
/** Take whole leaves out of a node. `right` gets what remains behind them, or NULL; what remains before them
 * is `node`. False: memory. */
bool runs_cut(struct tables *tables, struct run_node *node, struct span part, struct run_node **right,
              struct error *error);
struct run_node *runs_after(struct run_node *node);
/** Fill an empty map with the runs of another. False: memory. */
bool runs_copy(struct tables *copy, const struct tables *tables, struct error *error);

/* The sums. `below` and `above` are the runs next to leaves that are being added or were removed, or NULL. */

/** Add to the sums, or subtract from them with `sign` -1, what the run's leaves count. */
void runs_count(struct tables *tables, const struct leaf_run *run, bool touches_below, int sign);
/** What those of a run count more (`sign` 1) or less (-1) because the page before it is no longer or now
 * mapped. */
void runs_count_gap(struct tables *tables, const struct leaf_run *above, int sign);
/** Tables at `level` that hold leaves of the run and none of its neighbours: numbers [*first, *end) in units
 * of their span. False: there is none, nor at any higher level. */
static inline bool runs_own_tables(const struct tables *tables, unsigned level, const struct leaf_run *run,
                                   const struct leaf_run *below, const struct leaf_run *above, uint64_t *first,
                                   uint64_t *end)
{
    unsigned lg2 = tables->span_lg2[level];
    *first = run->span.first >> lg2;
    *end = (run->span.last >> lg2) + 1;
    if (below && below->span.last >> lg2 == *first)
        ++*first;
    if (above && above->span.first >> lg2 < *end)
        *end = above->span.first >> lg2;
    return *first < *end;
}
/** Bring `count` up to date with the sums. */
void runs_settle(struct tables *tables);

/** Empty a change, keeping its arrays. */
void change_clear(struct tables_change *change);
bool change_add_run(struct tables_change *change, const struct leaf_run *run, struct error *error);
/** Append each table at `level` inside `span`, whose ends are borders of such tables. */
bool change_add_tables(struct tables_change *change, const struct tables *tables, unsigned level,
                       struct span span, struct error *error);

#endif
