#include "sim/base/span.h"

#include <assert.h>
#include "sim/base/memory.h"

size_t span_lower(const struct span_list *list, uint64_t address)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->spans[middle].last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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

void span_free(struct span_list *list)
{
    memory_free(list->spans);
    *list = (struct span_list){0};
}
