/* Which rows share a pass over their trace (run_plan.h). */
#include <stdlib.h>

#include "sim/base/memory.h"
#include "sim/cli/run_plan.h"
#include "sim/engine/pass.h"

struct sort_key {
    size_t trace, row;
    const struct cell_config *config;
};

/* Cells that split records or number pages in different ways would be replayed one way after the other: a pass has one
 * way, so that the first is kept if the second is not reached. */
static int compare_ways(const struct cell_config *a, const struct cell_config *b)
{
    if (a->limit_records != b->limit_records)
        return a->limit_records < b->limit_records ? -1 : 1;
    if (a->max_payload_bytes != b->max_payload_bytes)
        return a->max_payload_bytes < b->max_payload_bytes ? -1 : 1;
    return (a->domains > b->domains) - (a->domains < b->domains);
}

static int compare_keys(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    if (a->trace != b->trace)
        return a->trace < b->trace ? -1 : 1;
    int order = compare_ways(a->config, b->config);
    return order ? order : a->row < b->row ? -1 : a->row > b->row;
}

static const struct cell_config *config_of(const struct results *results, size_t row)
{
    return &results->plan->cells[results->rows[row].cell].config;
}

/* Waiting rows by trace, then by way. */
static bool sort_waiting(const struct results *results, const struct run_outcome *outcome,
                         struct run_passes *passes, struct error *error)
{
    size_t count = 0;
    for (size_t r = 0; r < results->row_count; r++)
        count += outcome->states[r] == ROW_WAITING;
    struct sort_key *keys = memory_zeroed(count, sizeof *keys, error);
    passes->order = keys ? memory_zeroed(count, sizeof *passes->order, error) : NULL;
    if (!passes->order) {
        memory_free(keys);
        return false;
    }
    for (size_t r = 0, k = 0; r < results->row_count; r++)
        if (outcome->states[r] == ROW_WAITING)
            keys[k++] = (struct sort_key){results->rows[r].trace, r, config_of(results, r)};
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t k = 0; k < count; k++)
        passes->order[k] = keys[k].row;
    passes->order_count = count;
    memory_free(keys);
    return true;
}

/* The end of the run of rows from `first` on that could share a pass. */
static size_t group_end(const struct results *results, const struct run_passes *passes, size_t first)
{
    size_t end = first;
    const struct cell_config *config = config_of(results, passes->order[first]);
    size_t trace = results->rows[passes->order[first]].trace;
    while (end < passes->order_count && results->rows[passes->order[end]].trace == trace &&
           compare_ways(config_of(results, passes->order[end]), config) == 0)
        end++;
    return end;
}

static bool add_pass(const struct results *results, struct run_passes *passes, size_t first, size_t end,
                     uint64_t cell_bytes, struct error *error)
{
    if (!memory_grow(&passes->items, &passes->capacity, passes->count + 1, sizeof *passes->items, error))
        return false;
    passes->items[passes->count++] = (struct run_pass){
        .trace = results->rows[passes->order[first]].trace,
        .first = first,
        .count = end - first,
        .limit_records = config_of(results, passes->order[first])->limit_records,
        .cell_bytes = cell_bytes,
    };
    return true;
}

/* Cut one group into passes of nearly equal length that fit the budget; one cell always gets its try. */
static bool cut_group(const struct results *results, struct run_passes *passes, size_t first, size_t end,
                      size_t cells_most, struct error *error)
{
    size_t pieces = (end - first + cells_most - 1) / cells_most;
    size_t most = (end - first + pieces - 1) / pieces;
    for (size_t begin = first; begin < end;) {
        uint64_t bytes = 0;
        size_t stop = begin;
        while (stop < end && stop - begin < most) {
            uint64_t more = pass_cell_bytes(config_of(results, passes->order[stop]));
            if (stop > begin && (more > passes->budget_bytes || bytes > passes->budget_bytes - more))
                break;
            if (__builtin_add_overflow(bytes, more, &bytes))
                bytes = UINT64_MAX;
            stop++;
        }
        if (!add_pass(results, passes, begin, stop, bytes, error))
            return false;
        begin = stop;
    }
    return true;
}

bool run_passes_deal(const struct results *results, const struct run_outcome *outcome, unsigned jobs,
                     size_t cells_most, const size_t most_of_trace[], struct run_passes *passes, struct error *error)
{
    *passes = (struct run_passes){.concurrent = 1, .threads = jobs};
    if (!sort_waiting(results, outcome, passes, error))
        return false;
    size_t groups = 0, longest = 0;
    for (size_t first = 0; first < passes->order_count; groups++) {
        size_t end = group_end(results, passes, first);
        longest = end - first > longest ? end - first : longest;
        first = end;
    }
    /* Threads of a pass step different cells; what the longest pass cannot use runs other passes meanwhile.
     */
    if (longest > 0 && longest < jobs) {
        size_t concurrent = jobs / longest;
        passes->concurrent = (unsigned)(concurrent < groups ? concurrent : groups);
        passes->threads = jobs / passes->concurrent;
    }
    uint64_t ceiling = memory_limit_get(), used = memory_used();
    uint64_t left = ceiling > used ? ceiling - used : 0;
    passes->budget_bytes = ceiling == 0 ? UINT64_MAX : left / passes->concurrent;
    for (size_t first = 0; first < passes->order_count;) {
        size_t end = group_end(results, passes, first);
        size_t trace = results->rows[passes->order[first]].trace;
        size_t most = most_of_trace && most_of_trace[trace] < cells_most ? most_of_trace[trace] : cells_most;
        if (!cut_group(results, passes, first, end, most, error))
            return false;
        first = end;
    }
    return true;
}

void run_passes_free(struct run_passes *passes)
{
    memory_free(passes->order);
    memory_free(passes->items);
    *passes = (struct run_passes){0};
}
