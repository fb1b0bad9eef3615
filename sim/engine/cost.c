#include "sim/engine/cost.h"

#include <stdio.h>
#include <string.h>

#define TERM(column, counter, price)                                                                         \
    {#column,                                                                                                \
     #counter,                                                                                               \
     #price,                                                                                                 \
     offsetof(struct metrics, column),                                                                       \
     offsetof(struct metrics, counter),                                                                      \
     offsetof(struct cost_model, price##_ps)},
const struct cost_term cost_terms[] = {COST_TERMS(TERM)};
#undef TERM
const size_t cost_term_count = sizeof cost_terms / sizeof *cost_terms;

uint64_t cost_ns(picoseconds time)
{
    picoseconds ns = (time + 500) / 1000;
    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static uint64_t member(const void *values, size_t offset)
{
    return *(const uint64_t *)(const void *)((const char *)values + offset);
}

void cost_apply(const struct cost_model *cost, struct metrics *metrics)
{
    picoseconds sum = 0;
    for (size_t i = 0; i < cost_term_count; i++) {
        const struct cost_term *term = &cost_terms[i];
        sum += (picoseconds)member(metrics, term->counter_offset) * member(cost, term->price_offset);
        if (i + 1 < cost_term_count && cost_terms[i + 1].column_offset == term->column_offset)
            continue;
        *(uint64_t *)(void *)((char *)metrics + term->column_offset) = cost_ns(sum);
        sum = 0;
    }
}

void cost_formula(const char *column, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < cost_term_count && used < bytes; i++)
        if (strcmp(cost_terms[i].column, column) == 0)
            used += (size_t)snprintf(text + used, bytes - used, "%s%s * %s", used > 0 ? " + " : "",
                                     cost_terms[i].counter, cost_terms[i].price);
}
