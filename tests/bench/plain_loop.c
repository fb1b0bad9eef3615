#include "tests/bench/plain_loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct way {
    uint64_t page, stamp;
    int valid, dirty;
};

uint64_t plain_loop(const struct trace_store *store, size_t pages, size_t sets, size_t ways, size_t count)
{
    struct way *iotlb = calloc(sets * ways, sizeof *iotlb);
    uint64_t *entries = calloc(pages, sizeof *entries);
    uint64_t misses = 0, harvested = 0, stamp = 0;
    if (!iotlb || !entries)
        abort();
    for (size_t i = 0; i < store->count; i++) {
        uint64_t page = store->iova[i] >> 12;
        struct way *set = &iotlb[page % sets * ways], *way = NULL;
        for (size_t w = 0; w < ways && !way; w++)
            if (set[w].valid && set[w].page == page)
                way = &set[w];
        if (!way) {
            misses++;
            way = set;
            for (size_t w = 0; w < ways; w++) {
                if (!set[w].valid) {
                    way = &set[w];
                    break;
                }
                if (set[w].stamp < way->stamp)
                    way = &set[w];
            }
            *way = (struct way){.page = page, .valid = 1, .dirty = entries[page] & 1};
        }
        way->stamp = ++stamp;
        if (store->op[i] == TRACE_WRITE && !way->dirty) {
            way->dirty = 1;
            entries[page] |= 1;
        }
        if ((i + 1) % count == 0) {
            for (size_t p = 0; p < pages; p++) {
                harvested += entries[p] & 1;
                entries[p] &= ~UINT64_C(1);
            }
            memset(iotlb, 0, sets * ways * sizeof *iotlb);
        }
    }
    free(iotlb);
    free(entries);
    return misses + harvested;
}

/* ---- accesses of any size, harvests by time ---- */

struct plain {
    struct way *iotlb;
    uint64_t *entries;
    size_t leaves, sets, ways;
    uint64_t misses, harvested, stamp;
};

static void access_leaf(struct plain *plain, uint64_t leaf, bool write)
{
    struct way *set = &plain->iotlb[leaf % plain->sets * plain->ways], *way = NULL;
    for (size_t w = 0; w < plain->ways && !way; w++)
        if (set[w].valid && set[w].page == leaf)
            way = &set[w];
    if (!way) {
        plain->misses++;
        way = set;
        for (size_t w = 0; w < plain->ways && way->valid; w++)
            if (!set[w].valid || set[w].stamp < way->stamp)
                way = &set[w];
        *way = (struct way){.page = leaf, .valid = 1, .dirty = plain->entries[leaf] & 1};
    }
    way->stamp = ++plain->stamp;
    if (write && !way->dirty) {
        way->dirty = 1;
        plain->entries[leaf] |= 1;
    }
}

static void harvest(struct plain *plain)
{
    uint64_t before = plain->harvested;
    for (size_t p = 0; p < plain->leaves; p++) {
        plain->harvested += plain->entries[p] & 1;
        plain->entries[p] &= ~UINT64_C(1);
    }
    if (plain->harvested != before)
        memset(plain->iotlb, 0, plain->sets * plain->ways * sizeof *plain->iotlb);
}

uint64_t plain_loop_timed(const struct trace_store *store, size_t leaves, unsigned leaf_lg2, size_t sets,
                          size_t ways, uint64_t interval_ns)
{
    struct plain plain = {.leaves = leaves, .sets = sets, .ways = ways};
    uint64_t next_ns = interval_ns;
    plain.iotlb = calloc(sets * ways, sizeof *plain.iotlb);
    plain.entries = calloc(leaves, sizeof *plain.entries);
    if (!plain.iotlb || !plain.entries)
        abort();
    for (size_t i = 0; i < store->count; i++) {
        if (store->op[i] > TRACE_READ)
            continue;
        for (; store->time_ns[i] - store->time_ns[0] >= next_ns; next_ns += interval_ns)
            harvest(&plain);
        uint64_t last = (store->iova[i] + store->bytes[i] - 1) >> 12;
        for (uint64_t page = store->iova[i] >> 12; page <= last; page++)
            access_leaf(&plain, page >> (leaf_lg2 - 12), store->op[i] == TRACE_WRITE);
    }
    harvest(&plain);
    free(plain.iotlb);
    free(plain.entries);
    return plain.misses + plain.harvested;
}
