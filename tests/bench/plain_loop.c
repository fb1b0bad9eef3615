#include "tests/bench/plain_loop.h"

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
