#include "sim/engine/dump_caches.h"

#include <stdlib.h>

#include "sim/base/memory.h"

/* What an entry that stands for its leaf translates to, and whether it lets a write by that the leaf does not
 * show. */
static void look_at_leaf(const struct cell *cell, uint32_t head, struct dump_cached *cached)
{
    const struct leaves *leaves = cell->leaves;
    const struct leaf_run *run =
        tables_find(leaves->domains[cached->key.domain].tables, cached->key.span.first);
    uint16_t word = leaves->state[head];
    bool manages = leaves->switches.accessed && leaves->switches.dirty && (word & STATE_MANAGED);
    cached->output = cached->key.span.first + (run ? run->shift : 0);
    cached->contents = cell->contents[head];
    cached->unseen = manages && !(word & STATE_DIRTY) && (cached->contents & ENTRY_WRITES_PASS);
}

static void collect_entry(void *context, uint32_t tag, uint64_t set, uint64_t place)
{
    struct dump_caches *caches = context;
    const struct cell *cell = caches->cell;
    struct dump_cached cached = {.key = cell_identity(cell, tag), .set = set, .place = place};
    caches->totals.cached++;
    if (cached.key.domain != caches->domain || !span_overlaps(cached.key.span, caches->range) ||
        caches->error->kind != ERROR_NONE ||
        !memory_grow(&caches->cached, &caches->capacity, caches->count + 1, sizeof cached, caches->error))
        return;
    if (tag >= IOTLB_GHOST) {
        const struct ghost *ghost = &cell->ghosts.rows[tag - IOTLB_GHOST];
        cached.stale = true;
        cached.output = ghost->first + ghost->shift;
        cached.contents = ghost->contents;
    } else {
        look_at_leaf(cell, tag, &cached);
    }
    caches->cached[caches->count++] = cached;
}

static void collect_pointer(void *context, unsigned level, uint32_t node)
{
    struct dump_caches *caches = context;
    const struct leaves *leaves = caches->cell->leaves;
    unsigned lg2 = pt_entry_lg2(&leaves->geometry, level);
    uint64_t key = leaves->nodes[level].key[node];
    uint64_t first = (key & (UINT64_MAX >> TILE_LG2)) << lg2;
    struct dump_pointer pointer = {.level = level, .span = {first, first | ((UINT64_C(1) << lg2) - 1)}};
    caches->totals.pointers++;
    if (key >> (64 - TILE_LG2) != caches->domain || !span_overlaps(pointer.span, caches->range) ||
        caches->error->kind != ERROR_NONE ||
        !memory_grow(&caches->pointers, &caches->pointer_capacity, caches->pointer_count + 1, sizeof pointer,
                     caches->error))
        return;
    caches->pointers[caches->pointer_count++] = pointer;
}

static int compare_cached(const void *a, const void *b)
{
    const struct dump_cached *left = a, *right = b;
    if (left->key.span.first != right->key.span.first)
        return left->key.span.first < right->key.span.first ? -1 : 1;
    return (left->key.lg2 > right->key.lg2) - (left->key.lg2 < right->key.lg2);
}

/* From the root down, as a walk reads. */
static int compare_pointers(const void *a, const void *b)
{
    const struct dump_pointer *left = a, *right = b;
    if (left->level != right->level)
        return left->level > right->level ? -1 : 1;
    return (left->span.first > right->span.first) - (left->span.first < right->span.first);
}

bool dump_caches_collect(struct dump_caches *caches, const struct cell *cell, uint32_t domain,
                         struct span range, struct error *error)
{
    *caches = (struct dump_caches){.cell = cell, .domain = domain, .range = range, .error = error};
    iotlb_visit(&cell->iotlb, collect_entry, caches);
    walk_cache_visit(&cell->walk_cache, collect_pointer, caches);
    if (error->kind != ERROR_NONE)
        return false;
    if (caches->count > 0)
        qsort(caches->cached, caches->count, sizeof *caches->cached, compare_cached);
    if (caches->pointer_count > 0)
        qsort(caches->pointers, caches->pointer_count, sizeof *caches->pointers, compare_pointers);
    caches->reach = memory_zeroed(caches->count + 1, sizeof *caches->reach, error);
    for (size_t i = 0; caches->reach && i < caches->count; i++) {
        caches->reach[i] = caches->cached[i].key.span.last;
        if (i > 0 && caches->reach[i - 1] > caches->reach[i])
            caches->reach[i] = caches->reach[i - 1];
    }
    return caches->reach != NULL;
}

bool dump_caches_find(struct dump_caches *caches, struct span span, struct error *error)
{
    size_t low = 0, high = caches->count;
    while (low < high) { /* the first entry behind the span */
        size_t middle = low + (high - low) / 2;
        if (caches->cached[middle].key.span.first <= span.last)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (low > 0 && caches->reach[low - 1] >= span.first)
        low--;
    caches->found_count = 0;
    if (low == end)
        return true;
    if (!memory_grow(&caches->found, &caches->found_capacity, end - low, sizeof *caches->found, error))
        return false;
    for (; low < end; low++)
        if (caches->cached[low].key.span.last >= span.first)
            caches->found[caches->found_count++] = &caches->cached[low];
    return true;
}

void dump_caches_free(struct dump_caches *caches)
{
    memory_free(caches->cached);
    memory_free(caches->reach);
    memory_free(caches->found);
    memory_free(caches->pointers);
    *caches = (struct dump_caches){0};
}
