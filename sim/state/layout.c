#include "sim/state/layout.h"

#include <assert.h>
#include <string.h>

#include "sim/base/memory.h"

/* ---- spans ---- */

/* Index of the first of `count` items that ends at or after `address`; each begins with a struct span. */
static size_t lower(const void *items, size_t count, size_t item_bytes, uint64_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct span *span = (const void *)((const char *)items + middle * item_bytes);
        if (span->last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t span_lower(const struct span_list *list, uint64_t address)
{
    return lower(list->spans, list->count, sizeof *list->spans, address);
}

bool span_append(struct span_list *list, uint64_t first, uint64_t last, struct error *error)
{
    assert(first <= last);
    if (list->count > 0) {
        struct span *tail = &list->spans[list->count - 1];
        assert(first >= tail->first);
        if (tail->last == UINT64_MAX || first <= tail->last + 1) {
            if (last > tail->last)
                tail->last = last;
            return true;
        }
    }
    if (!memory_grow(&list->spans, &list->capacity, list->count + 1, sizeof *list->spans, error))
        return false;
    list->spans[list->count++] = (struct span){first, last};
    return true;
}

bool span_intersect(const struct span_list *a, const struct span_list *b, struct span_list *out,
                    struct error *error)
{
    out->count = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        uint64_t first = a->spans[i].first > b->spans[j].first ? a->spans[i].first : b->spans[j].first;
        uint64_t last = a->spans[i].last < b->spans[j].last ? a->spans[i].last : b->spans[j].last;
        if (first <= last && !span_append(out, first, last, error))
            return false;
        if (a->spans[i].last < b->spans[j].last)
            i++;
        else
            j++;
    }
    return true;
}

uint64_t span_pages(const struct span_list *list)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < list->count; i++)
        pages += ((list->spans[i].last - list->spans[i].first) >> 12) + 1;
    return pages;
}

void span_free(struct span_list *list)
{
    memory_free(list->spans);
    *list = (struct span_list){0};
}

/* ---- leaves ---- */

static unsigned leaf_level(const struct pt_geometry *geometry, unsigned leaf_lg2)
{
    unsigned level = 0;
    while (level + 1 < geometry->levels && pt_entry_lg2(geometry, level + 1) <= leaf_lg2)
        level++;
    return level;
}

static bool add_run(struct layout *layout, const struct leaf_run *run, struct error *error)
{
    if (!memory_grow(&layout->runs, &layout->run_capacity, layout->run_count + 1, sizeof *layout->runs,
                     error))
        return false;
    layout->runs[layout->run_count++] = *run;
    layout->leaf_count += ((run->span.last - run->span.first) >> run->leaf_lg2) + 1;
    return span_append(&layout->mapped, run->span.first, run->span.last, error);
}

/* semantics.md 3, "Choosing leaves": at each point the largest size that is aligned at both ends and fits.
 * Once the largest usable size is reached it repeats until less than one leaf remains, so a call makes few
 * runs. */
static bool map_call(struct layout *layout, const uint8_t *sizes_lg2, unsigned size_count,
                     const struct config_region *call, struct error *error)
{
    uint64_t at = call->iova, shift = call->address - call->iova, left = call->bytes;
    while (left > 0) {
        unsigned chosen = size_count;
        for (unsigned s = size_count; s-- > 0;) {
            uint64_t mask = (UINT64_C(1) << sizes_lg2[s]) - 1;
            if (((at | (at + shift)) & mask) == 0 && left > mask) {
                chosen = s;
                break;
            }
        }
        assert(chosen < size_count); /* regions are multiples of the smallest size */
        uint64_t reach = left;       /* up to where the next larger size would be taken */
        for (unsigned s = chosen + 1; s < size_count; s++) {
            uint64_t mask = (UINT64_C(1) << sizes_lg2[s]) - 1;
            if ((shift & mask) != 0)
                break; /* never aligned at both ends, nor are still larger ones */
            uint64_t gap = (UINT64_C(0) - at) & mask;
            if (gap < reach && left - gap > mask)
                reach = gap;
        }
        uint64_t bytes = reach >> sizes_lg2[chosen] << sizes_lg2[chosen];
        struct leaf_run run = {.span = {at, at + bytes - 1},
                               .shift = shift,
                               .leaf_lg2 = sizes_lg2[chosen],
                               .level = (uint8_t)leaf_level(&layout->geometry, sizes_lg2[chosen])};
        if (!add_run(layout, &run, error))
            return false;
        at += bytes;
        left -= bytes;
    }
    return true;
}

static bool count_tables(struct layout *layout, struct error *error)
{
    const struct pt_geometry *geometry = &layout->geometry;
    unsigned root = geometry->levels - 1;
    layout->table_count = 1; /* the root, also of an empty domain */
    for (unsigned level = 0; level < root; level++) {
        unsigned lg2 = pt_entry_lg2(geometry, level + 1);
        for (size_t i = 0; i < layout->run_count; i++) {
            const struct leaf_run *run = &layout->runs[i];
            if (run->level > level)
                continue;
            uint64_t mask = (UINT64_C(1) << lg2) - 1;
            if (!span_append(&layout->tables[level], run->span.first & ~mask, run->span.last | mask, error))
                return false;
        }
        for (size_t i = 0; i < layout->tables[level].count; i++) {
            const struct span *span = &layout->tables[level].spans[i];
            layout->table_count += ((span->last - span->first) >> lg2) + 1;
        }
    }
    uint64_t top = geometry->iova_bits == 64 ? UINT64_MAX : (UINT64_C(1) << geometry->iova_bits) - 1;
    layout->table_bytes = layout->table_count * geometry->table_bytes;
    return span_append(&layout->tables[root], 0, top, error);
}

bool layout_build(struct layout *layout, const struct pt_geometry *geometry, const uint8_t *page_sizes_lg2,
                  unsigned page_size_count, const struct config_region *calls, size_t call_count,
                  struct error *error)
{
    *layout = (struct layout){.geometry = *geometry};
    for (size_t i = 0; i < call_count; i++)
        if (!map_call(layout, page_sizes_lg2, page_size_count, &calls[i], error))
            return false;
    return count_tables(layout, error);
}

void layout_free(struct layout *layout)
{
    memory_free(layout->runs);
    span_free(&layout->mapped);
    for (unsigned level = 0; level < PT_LEVELS_MAX; level++)
        span_free(&layout->tables[level]);
    *layout = (struct layout){0};
}

size_t layout_lower(const struct layout *layout, uint64_t iova)
{
    return lower(layout->runs, layout->run_count, sizeof *layout->runs, iova);
}

const struct leaf_run *layout_find(const struct layout *layout, uint64_t iova)
{
    size_t i = layout_lower(layout, iova);
    return i < layout->run_count && layout->runs[i].span.first <= iova ? &layout->runs[i] : NULL;
}

unsigned layout_terminal_level(const struct layout *layout, uint64_t iova)
{
    const struct leaf_run *run = layout_find(layout, iova);
    if (run)
        return run->level;
    for (unsigned level = 0; level + 1 < layout->geometry.levels; level++) {
        size_t i = span_lower(&layout->tables[level], iova);
        if (i < layout->tables[level].count && layout->tables[level].spans[i].first <= iova)
            return level;
    }
    return layout->geometry.levels - 1;
}

void layout_scan(const struct layout *layout, uint64_t first, uint64_t last, uint64_t *entries,
                 uint64_t *tables)
{
    const struct pt_geometry *geometry = &layout->geometry;
    for (unsigned level = 0; level < geometry->levels; level++) {
        const struct span_list *list = &layout->tables[level];
        unsigned slot_lg2 = pt_entry_lg2(geometry, level);
        for (size_t i = span_lower(list, first); i < list->count && list->spans[i].first <= last; i++) {
            uint64_t low = list->spans[i].first > first ? list->spans[i].first : first;
            uint64_t high = list->spans[i].last < last ? list->spans[i].last : last;
            *entries += (high >> slot_lg2) - (low >> slot_lg2) + 1;
            if (level + 1 == geometry->levels) {
                *tables += 1;
            } else {
                unsigned table_lg2 = pt_entry_lg2(geometry, level + 1);
                *tables += (high >> table_lg2) - (low >> table_lg2) + 1;
            }
        }
    }
}

uint64_t layout_leaves_in(const struct layout *layout, const struct span_list *spans)
{
    uint64_t leaves = 0;
    for (size_t r = 0; r < layout->run_count; r++) {
        const struct leaf_run *run = &layout->runs[r];
        uint64_t next = run->span.first; /* leaves below are counted already */
        for (size_t i = span_lower(spans, run->span.first);
             i < spans->count && spans->spans[i].first <= run->span.last; i++) {
            uint64_t low = spans->spans[i].first > next ? spans->spans[i].first : next;
            uint64_t high = spans->spans[i].last < run->span.last ? spans->spans[i].last : run->span.last;
            if (low > high)
                continue;
            uint64_t first_leaf = low >> run->leaf_lg2, last_leaf = high >> run->leaf_lg2;
            leaves += last_leaf - first_leaf + 1;
            next = ((last_leaf + 1) << run->leaf_lg2);
            if (next == 0 || next > run->span.last)
                break;
        }
    }
    return leaves;
}
