/* What the ATCs of a domain's devices hold, for sim/engine/dump.c. */
#include <stdlib.h>

#include "sim/base/memory.h"
#include "sim/engine/dump.h"

struct collecting {
    const struct inspection *seen;
    uint32_t domain;
    struct span range;
    uint16_t device;
    struct dump_atc *entries;
    size_t count, capacity;
    struct error *error;
};

/* Does the leaf that it was filled from still stand, and does it show what the entry lets by? */
static void look_at_leaf(const struct collecting *collecting, const struct atc_entry *entry,
                         struct dump_atc *shown)
{
    const struct leaves *leaves = &collecting->seen->cohort->leaves;
    const struct leaf_run *run =
        tables_find(leaves->domains[collecting->domain].tables, shown->key.span.first);
    uint8_t leaf;
    shown->stale = !run || run->lg2 != entry->lg2 || run->shift != entry->shift ||
                   !leaves_leaf_bits(leaves, collecting->seen->cohort->tiles, collecting->domain,
                                     shown->key.span.first, &leaf);
    if (shown->stale)
        return;
    bool manages = leaves->protection || (leaves->switches.accessed && leaves->switches.dirty);
    shown->unseen = entry->may_write && manages && (leaf & LEAF_MANAGED) && !(leaf & LEAF_DIRTY);
}

static void collect(void *context, const struct atc_entry *entry, uint64_t set, uint64_t age)
{
    struct collecting *collecting = context;
    uint64_t first = entry->number << entry->lg2;
    struct span span = {first, first | ((UINT64_C(1) << entry->lg2) - 1)};
    if (!span_overlaps(span, collecting->range) || collecting->error->kind != ERROR_NONE ||
        !memory_grow(&collecting->entries, &collecting->capacity, collecting->count + 1,
                     sizeof *collecting->entries, collecting->error))
        return;
    struct dump_atc *shown = &collecting->entries[collecting->count++];
    *shown = (struct dump_atc){.device = collecting->device,
                               .key = {collecting->domain, span, entry->lg2},
                               .set = set,
                               .age = age,
                               .output = first + entry->shift,
                               .may_write = entry->may_write};
    look_at_leaf(collecting, entry, shown);
}

static int compare(const void *a, const void *b)
{
    const struct dump_atc *left = a, *right = b;
    if (left->device != right->device)
        return left->device < right->device ? -1 : 1;
    if (left->key.span.first != right->key.span.first)
        return left->key.span.first < right->key.span.first ? -1 : 1;
    return (left->key.lg2 > right->key.lg2) - (left->key.lg2 < right->key.lg2);
}

void dump_count_atcs(const struct cell *cell, struct dump_totals *totals)
{
    for (size_t i = 0; cell->atcs && i < cell->atcs->count; i++)
        totals->atc_entries += cell->atcs->items[i].atc.count;
    totals->atcs = cell->atcs ? cell->atcs->count : 0;
}

bool dump_show_atcs(const struct inspection *seen, uint32_t domain, struct span range,
                    const struct dump_visitor *visitor, struct error *error)
{
    const struct atcs *atcs = seen->cell->atcs;
    struct collecting collecting = {.seen = seen, .domain = domain, .range = range, .error = error};
    for (uint32_t i = atcs ? atcs->of_domain[domain] : 0; i != 0; i = atcs->items[i - 1].next) {
        collecting.device = atcs->items[i - 1].device;
        atc_visit(&atcs->items[i - 1].atc, collect, &collecting);
    }
    if (collecting.count > 0)
        qsort(collecting.entries, collecting.count, sizeof *collecting.entries, compare);
    for (size_t i = 0; i < collecting.count; i++)
        visitor->atc(visitor->context, &collecting.entries[i]);
    memory_free(collecting.entries);
    return error->kind == ERROR_NONE;
}
