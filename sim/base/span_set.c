#include "sim/base/span_set.h"

#include <assert.h>
#include <bsd/sys/tree.h>
#include <stddef.h>

struct span_node {
    struct span span;
    RB_ENTRY(span_node) link;
};

RB_HEAD(span_tree, span_node);

static int compare(const struct span_node *a, const struct span_node *b)
{
    return (a->span.first > b->span.first) - (a->span.first < b->span.first);
}

RB_GENERATE_INTERNAL(span_tree, span_node, link, compare, __attribute__((unused)) static)

/* `above`: the first node that ends at or after `address`; `below`: the one before it; NULL where there is
 * none. */
static void around(const struct span_set *set, uint64_t address, struct span_node **below,
                   struct span_node **above)
{
    *below = *above = NULL;
    for (struct span_node *node = set->root; node;) {
        if (node->span.last < address) {
            *below = node;
            node = RB_RIGHT(node, link);
        } else {
            *above = node;
            node = RB_LEFT(node, link);
        }
    }
}

static uint64_t pages_of(struct span span)
{
    return ((span.last - span.first) >> 12) + 1;
}

/* Put a node between neighbours that are known already, so that no key is looked up. */
static bool insert(struct span_set *set, struct span span, struct span_node *below, struct span_node *above,
                   struct error *error)
{
    set->pool.item_bytes = sizeof(struct span_node);
    struct span_node *node = pool_take(&set->pool, error);
    if (!node)
        return false;
    node->span = span;
    struct span_tree tree = {set->root};
    bool right = below && !RB_RIGHT(below, link);
    struct span_node *parent = right ? below : above;
    RB_SET(node, parent, link);
    if (right)
        RB_RIGHT(parent, link) = node;
    else if (parent)
        RB_LEFT(parent, link) = node;
    else
        tree.rbh_root = node;
    span_tree_RB_INSERT_COLOR(&tree, node);
    set->root = tree.rbh_root;
    set->count++;
    return true;
}

static void take_out(struct span_set *set, struct span_node *node)
{
    struct span_tree tree = {set->root};
    RB_REMOVE(span_tree, &tree, node);
    set->root = tree.rbh_root;
    pool_return(&set->pool, node);
    set->count--;
}

bool span_set_add(struct span_set *set, struct span span, struct error *error)
{
    assert(span.first <= span.last);
    struct span_node *below, *above;
    around(set, span.first, &below, &above);
    assert(!above || above->span.first > span.last);
    bool joins_below = below && below->span.last + 1 == span.first;
    bool joins_above = above && above->span.first == span.last + 1;
    if (joins_below && joins_above) {
        below->span.last = above->span.last;
        take_out(set, above);
    } else if (joins_below) {
        below->span.last = span.last;
    } else if (joins_above) {
        above->span.first = span.first;
    } else if (!insert(set, span, below, above, error)) {
        return false;
    }
    set->pages += pages_of(span);
    return true;
}

bool span_set_remove(struct span_set *set, struct span span, struct error *error)
{
    struct span_node *below, *node;
    around(set, span.first, &below, &node);
    while (node && node->span.first <= span.last) {
        struct span_node *next = RB_NEXT(span_tree, NULL, node);
        struct span gone = span_common(node->span, span);
        if (gone.first > node->span.first && gone.last < node->span.last) {
            if (!insert(set, (struct span){gone.last + 1, node->span.last}, node, next, error))
                return false; /* the only span that overlaps: nothing was taken out yet */
            node->span.last = gone.first - 1;
        } else if (gone.first > node->span.first) {
            node->span.last = gone.first - 1;
        } else if (gone.last < node->span.last) {
            node->span.first = gone.last + 1;
        } else {
            take_out(set, node);
        }
        set->pages -= pages_of(gone);
        node = next;
    }
    return true;
}

bool span_set_lower(const struct span_set *set, uint64_t address, struct span *span)
{
    struct span_node *below, *above;
    around(set, address, &below, &above);
    if (above)
        *span = above->span;
    return above != NULL;
}

bool span_set_holds(const struct span_set *set, uint64_t address)
{
    struct span span;
    return span_set_lower(set, address, &span) && span.first <= address;
}

bool span_set_copy(struct span_set *copy, const struct span_set *set, struct error *error)
{
    assert(copy->count == 0);
    struct span_tree tree = {set->root}, copied = {NULL};
    struct span_node *node;
    RB_FOREACH(node, span_tree, &tree)
    {
        copied.rbh_root = copy->root;
        if (!insert(copy, node->span, RB_MAX(span_tree, &copied), NULL, error))
            return false;
    }
    copy->pages = set->pages;
    return true;
}

void span_set_free(struct span_set *set)
{
    pool_free(&set->pool);
    *set = (struct span_set){0};
}
