#include "sim/state/device_log.h"

#include <stdlib.h>

#include "sim/base/memory.h"
#include "sim/state/tile.h"

enum { NUMBER_BITS = 64 - TILE_LG2 };

static void forget_recent(struct device_log *log)
{
    for (size_t i = 0; i < DEVICE_LOG_RECENT; i++)
        log->recent[i].key = UINT64_MAX; /* no key has all bits set */
}

void device_log_init(struct device_log *log, uint64_t granule_bytes)
{
    *log = (struct device_log){.block_lg2 = (unsigned)__builtin_ctzll(granule_bytes)};
    log->region_lg2 = log->block_lg2 > TILE_LG2 ? log->block_lg2 : TILE_LG2;
    forget_recent(log);
}

void device_log_free(struct device_log *log)
{
    memory_free(log->rows);
    memory_free(log->order);
    number_map_free(&log->index);
    *log = (struct device_log){0};
}

static bool find_row(struct device_log *log, uint64_t key, uint32_t domain, uint64_t number, uint32_t *row)
{
    bool is_new;
    if (!memory_grow(&log->rows, &log->capacity, log->count + 1, sizeof *log->rows, NULL) ||
        !number_map_intern(&log->index, key, (uint32_t)log->count, row, &is_new, NULL))
        return false;
    if (is_new)
        log->rows[log->count++] = (struct device_log_row){.number = number, .domain = domain};
    return true;
}

struct device_log_row *device_log_row(struct device_log *log, uint32_t domain, uint16_t device, uint64_t iova)
{
    uint64_t number = iova >> log->region_lg2, key = (uint64_t)device << NUMBER_BITS | number;
    size_t place = (number ^ (uint64_t)device << 2) % DEVICE_LOG_RECENT;
    if (log->recent[place].key != key) {
        if (!find_row(log, key, domain, number, &log->recent[place].row)) {
            log->recent[place].key = UINT64_MAX;
            log->failed = true;
            return NULL;
        }
        log->recent[place].key = key;
    }
    return &log->rows[log->recent[place].row];
}

void device_log_drain(struct device_log *log)
{
    log->count = log->ordered = 0;
    number_map_free(&log->index);
    forget_recent(log);
}

uint64_t device_log_entries(const struct device_log *log)
{
    uint64_t entries = 0;
    for (size_t i = 0; i < log->count; i++)
        for (unsigned w = 0; w < DEVICE_LOG_WORDS; w++)
            entries += (uint64_t)__builtin_popcountll(log->rows[i].blocks[w]);
    return entries;
}

/* ---- in order ---- */

/* qsort has no context: places carry what they are sorted by. */
struct place {
    uint64_t number;
    uint32_t domain, row;
};

static int compare(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->domain != right->domain)
        return left->domain < right->domain ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

bool device_log_sort(struct device_log *log, struct error *error)
{
    struct place *places = memory_zeroed(log->count, sizeof *places, error);
    if (!places || !memory_grow(&log->order, &log->order_capacity, log->count, sizeof *log->order, error)) {
        memory_free(places);
        return false;
    }
    for (uint32_t i = 0; i < log->count; i++)
        places[i] = (struct place){log->rows[i].number, log->rows[i].domain, i};
    qsort(places, log->count, sizeof *places, compare);
    for (size_t i = 0; i < log->count; i++)
        log->order[i] = places[i].row;
    log->ordered = log->count;
    memory_free(places);
    return true;
}

uint32_t device_log_domain(const struct device_log *log, size_t at)
{
    return at < log->ordered ? log->rows[log->order[at]].domain : UINT32_MAX;
}

size_t device_log_lower(const struct device_log *log, uint32_t domain)
{
    size_t low = 0, high = log->ordered;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (device_log_domain(log, middle) < domain)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool append_blocks(const struct device_log *log, uint64_t number,
                          const uint64_t blocks[DEVICE_LOG_WORDS], struct span_list *spans,
                          struct error *error)
{
    uint64_t last = (UINT64_C(1) << log->block_lg2) - 1;
    for (unsigned w = 0; w < DEVICE_LOG_WORDS; w++)
        for (uint64_t left = blocks[w]; left != 0; left &= left - 1) {
            uint64_t block = w * 64 + (unsigned)__builtin_ctzll(left);
            uint64_t first = (number << log->region_lg2) + (block << log->block_lg2);
            if (!span_append(spans, first, first + last, error))
                return false;
        }
    return true;
}

bool device_log_blocks(const struct device_log *log, uint32_t domain, size_t *at, struct span_list *blocks,
                       struct error *error)
{
    while (device_log_domain(log, *at) == domain) {
        uint64_t number = log->rows[log->order[*at]].number, some[DEVICE_LOG_WORDS] = {0};
        for (; device_log_domain(log, *at) == domain; (*at)++) { /* devices that wrote in the same region */
            const struct device_log_row *row = &log->rows[log->order[*at]];
            if (row->number != number)
                break;
            for (unsigned w = 0; w < DEVICE_LOG_WORDS; w++)
                some[w] |= row->blocks[w];
        }
        if (!append_blocks(log, number, some, blocks, error))
            return false;
    }
    return true;
}
