#include "traces/stats/stats_reuse.h"

#include <string.h>

#include "sim/base/memory.h"

enum { FIRST_POSITIONS = 1 << 14, WORD_BITS = 64 };

static void tree_add(struct stats_reuse *reuse, size_t position, uint32_t change)
{
    size_t words = reuse->line_positions / WORD_BITS;
    for (size_t i = position / WORD_BITS + 1; i <= words; i += i & -i)
        reuse->tree[i] += change; /* a change of -1 wraps around as it should */
}

/* Positions in use up to and with this one. */
static uint32_t used_up_to(const struct stats_reuse *reuse, size_t position)
{
    size_t word = position / WORD_BITS;
    uint64_t mask = UINT64_MAX >> (WORD_BITS - 1 - position % WORD_BITS);
    uint32_t sum = (uint32_t)__builtin_popcountll(reuse->used[word] & mask);
    for (size_t i = word; i > 0; i -= i & -i)
        sum += reuse->tree[i];
    return sum;
}

static void place(struct stats_reuse *reuse, uint32_t page)
{
    size_t position = reuse->next++;
    reuse->used[position / WORD_BITS] |= UINT64_C(1) << position % WORD_BITS;
    reuse->owner[position] = page;
    reuse->position[page] = (uint32_t)position + 1;
}

/* A line that is at most half full, with the pages in the same order. */
static bool compact(struct stats_reuse *reuse, struct error *error)
{
    size_t positions = reuse->line_positions ? reuse->line_positions : FIRST_POSITIONS;
    while (positions < reuse->pages * 2)
        positions *= 2;
    size_t words = positions / WORD_BITS;
    struct stats_reuse old = *reuse;
    reuse->owner = memory_zeroed(positions, sizeof *reuse->owner, error);
    reuse->used = memory_zeroed(words, sizeof *reuse->used, error);
    reuse->tree = memory_zeroed(words + 1, sizeof *reuse->tree, error);
    bool good = reuse->owner && reuse->used && reuse->tree;
    if (good) {
        reuse->line_positions = positions;
        reuse->next = 0;
        for (size_t p = 0; p < old.next; p++)
            if (old.used[p / WORD_BITS] >> p % WORD_BITS & 1)
                place(reuse, old.owner[p]);
        for (size_t w = 1; w <= words; w++) {
            reuse->tree[w] += (uint32_t)__builtin_popcountll(reuse->used[w - 1]);
            if (w + (w & -w) <= words)
                reuse->tree[w + (w & -w)] += reuse->tree[w];
        }
    }
    memory_free(old.owner);
    memory_free(old.used);
    memory_free(old.tree);
    return good;
}

/* Room for the position of a page; those that are new have none. */
static bool make_room(struct stats_reuse *reuse, uint32_t page, struct error *error)
{
    size_t capacity = reuse->position_capacity;
    if (page < capacity)
        return true;
    if (!memory_grow(&reuse->position, &reuse->position_capacity, (size_t)page + 1, sizeof *reuse->position,
                     error))
        return false;
    memset(reuse->position + capacity, 0, (reuse->position_capacity - capacity) * sizeof *reuse->position);
    return true;
}

bool stats_reuse_touch(struct stats_reuse *reuse, uint32_t page, uint64_t *distance, struct error *error)
{
    if (!make_room(reuse, page, error) || (reuse->next == reuse->line_positions && !compact(reuse, error)))
        return false;
    uint32_t last = reuse->position[page];
    if (last == 0) {
        *distance = STATS_REUSE_COLD;
        reuse->pages++;
    } else if (last == reuse->next) {
        *distance = 0;
        return true;
    } else {
        *distance = reuse->pages - used_up_to(reuse, last - 1);
        reuse->used[(last - 1) / WORD_BITS] &= ~(UINT64_C(1) << (last - 1) % WORD_BITS);
        tree_add(reuse, last - 1, UINT32_MAX);
    }
    tree_add(reuse, reuse->next, 1);
    place(reuse, page);
    return true;
}

void stats_reuse_free(struct stats_reuse *reuse)
{
    memory_free(reuse->owner);
    memory_free(reuse->used);
    memory_free(reuse->tree);
    memory_free(reuse->position);
    *reuse = (struct stats_reuse){0};
}
