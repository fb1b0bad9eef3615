/* The replacement rules of semantics.md 4, one way after another. */
#include <assert.h>
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

void reference_cache_make(struct reference_cache *cache, uint64_t entries, uint64_t ways,
                          enum replacement replacement, uint64_t *random_state)
{
    *cache = (struct reference_cache){.replacement = replacement, .random_state = random_state};
    if (entries == 0)
        return;
    /* "ways 0 = fully associative" */
    cache->ways = ways == 0 ? entries : ways;
    cache->sets = entries / cache->ways;
    assert(cache->sets * cache->ways == entries && (cache->sets & (cache->sets - 1)) == 0);
    cache->entries = calloc(entries, sizeof(*cache->entries));
    cache->tree_bits = calloc(entries, sizeof(*cache->tree_bits));
    if (cache->entries == NULL || cache->tree_bits == NULL)
        abort();
}

void reference_cache_free(struct reference_cache *cache)
{
    free(cache->entries);
    free(cache->tree_bits);
}

uint64_t reference_cache_places(const struct reference_cache *cache)
{
    return cache->sets * cache->ways;
}

struct reference_range reference_entry_range(const struct reference_entry *entry)
{
    uint64_t first = entry->number << entry->lg2;
    return (struct reference_range){first, first + ((UINT64_C(1) << entry->lg2) - 1)};
}

struct reference_entry *reference_cache_find(struct reference_cache *cache, unsigned domain, uint64_t address,
                                             unsigned lg2)
{
    if (cache->sets == 0)
        return NULL;
    uint64_t number = address >> lg2;
    struct reference_entry *set = &cache->entries[number % cache->sets * cache->ways];

    for (uint64_t way = 0; way < cache->ways; way++)
        if (set[way].valid && set[way].domain == domain && set[way].lg2 == lg2 && set[way].number == number)
            return &set[way];
    return NULL;
}

/* "a hit or an insert points the bits on its path to the other half": node 1 is the whole set, node 2n its
 * lower and 2n+1 its upper half; a bit set means that the victim is in the upper half. */
static void point_away(struct reference_cache *cache, uint64_t set, uint64_t way)
{
    bool *bits = &cache->tree_bits[set * cache->ways];
    uint64_t node = 1, low = 0, size = cache->ways;

    while (size > 1) {
        size /= 2;
        bool in_upper = way >= low + size;
        bits[node] = !in_upper;
        node = 2 * node + (in_upper ? 1 : 0);
        low += in_upper ? size : 0;
    }
}

static uint64_t plru_victim(const struct reference_cache *cache, uint64_t set)
{
    const bool *bits = &cache->tree_bits[set * cache->ways];
    uint64_t node = 1, low = 0, size = cache->ways;

    while (size > 1) {
        size /= 2;
        bool upper = bits[node];
        node = 2 * node + (upper ? 1 : 0);
        low += upper ? size : 0;
    }
    return low;
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void reference_cache_hit(struct reference_cache *cache, struct reference_entry *entry)
{
    uint64_t place = (uint64_t)(entry - cache->entries);

    if (cache->replacement == REPLACEMENT_LRU)
        entry->used_stamp = ++cache->stamp;
    else if (cache->replacement == REPLACEMENT_PLRU)
        point_away(cache, place / cache->ways, place % cache->ways);
}

/* Only called when every way of the set is valid. */
static uint64_t victim_way(struct reference_cache *cache, uint64_t set_index)
{
    const struct reference_entry *set = &cache->entries[set_index * cache->ways];
    uint64_t victim = 0;

    switch (cache->replacement) {
    case REPLACEMENT_LRU:
        for (uint64_t way = 1; way < cache->ways; way++)
            if (set[way].used_stamp < set[victim].used_stamp)
                victim = way;
        return victim;
    case REPLACEMENT_FIFO:
        for (uint64_t way = 1; way < cache->ways; way++)
            if (set[way].inserted_stamp < set[victim].inserted_stamp)
                victim = way;
        return victim;
    case REPLACEMENT_PLRU:
        return plru_victim(cache, set_index);
    case REPLACEMENT_RANDOM:
        return splitmix64(cache->random_state) % cache->ways;
    }
    abort();
}

struct reference_entry *reference_cache_insert(struct reference_cache *cache, unsigned domain,
                                               uint64_t address, unsigned lg2, bool *evicted)
{
    *evicted = false;
    if (cache->sets == 0)
        return NULL;
    uint64_t number = address >> lg2, set_index = number % cache->sets;
    struct reference_entry *set = &cache->entries[set_index * cache->ways];

    /* "in the way that holds the same key if there is one, else an invalid way of lowest index, else the
     * victim" */
    struct reference_entry *entry = reference_cache_find(cache, domain, address, lg2);
    for (uint64_t way = 0; entry == NULL && way < cache->ways; way++)
        if (!set[way].valid)
            entry = &set[way];
    if (entry == NULL) {
        entry = &set[victim_way(cache, set_index)];
        *evicted = true;
    }
    cache->stamp++;
    *entry = (struct reference_entry){.valid = true,
                                      .domain = domain,
                                      .lg2 = lg2,
                                      .number = number,
                                      .used_stamp = cache->stamp,
                                      .inserted_stamp = cache->stamp};
    if (cache->replacement == REPLACEMENT_PLRU)
        point_away(cache, set_index, (uint64_t)(entry - set));
    return entry;
}
