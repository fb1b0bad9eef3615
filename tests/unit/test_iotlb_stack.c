/* IOTLBs that share a stack against the same ones each by itself (sim/cache/iotlb_stack.h), by every loop: requests,
 * every kind of invalidation, and what each goes on with alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/cache/iotlb_stack.h"

enum { REQUESTS = 300, SETS = 4, TAGS = 120, STEPS = 60, RUNS = 60, MEMBERS_MAX = 6 };

static uint32_t keys[REQUESTS], numbers[REQUESTS];

/* One IOTLB as a member and by itself. */
struct pair {
    struct iotlb member, alone;
};

/* What an invalidation takes: tags with these bits. */
struct wanted {
    uint32_t mask, bits;
};

static bool is_wanted(void *context, uint32_t tag)
{
    const struct wanted *wanted = context;
    return (tag & wanted->mask) == wanted->bits;
}

static size_t make_requests(uint64_t *rng)
{
    uint32_t tags = rng_next(rng) % 2 ? TAGS : 20;
    for (size_t i = 0; i < REQUESTS; i++) {
        uint64_t draw = rng_next(rng);
        uint32_t tag = draw % 5 == 0 && i > 0 ? keys[i - 1] >> 1 : (uint32_t)(draw >> 8) % tags;
        keys[i] = tag << 1 | (draw >> 40 & 1);
        numbers[i] = tag;
    }
    return 1 + rng_next(rng) % (rng_next(rng) % 2 ? REQUESTS : 8);
}

static void run_batch(struct pair *pairs, size_t count, uint64_t *rng)
{
    static uint32_t misses[2][REQUESTS];
    size_t requests = make_requests(rng);
    for (size_t i = 0; i < count; i++) {
        uint64_t hits[2][(REQUESTS + 63) / 64];
        struct iotlb_batch batch = {keys, numbers, requests, hits[0], misses[0]};
        struct iotlb_batch other = {keys, numbers, requests, hits[1], misses[1]};
        size_t missed = iotlb_run(&pairs[i].member, &batch);
        cr_assert_eq(missed, iotlb_run(&pairs[i].alone, &other));
        cr_assert_eq(memcmp(misses[0], misses[1], missed * sizeof **misses), 0);
        cr_assert_eq(memcmp(hits[0], hits[1], (requests + 63) / 64 * sizeof **hits), 0);
    }
}

/* One of each kind, and twice what overlapping commands take twice. Returns what went, the first time and later. */
static uint64_t invalidate(struct iotlb *iotlb, uint64_t draw)
{
    uint32_t tag = (uint32_t)(draw >> 8) % (TAGS - 30);
    struct wanted wanted = {3u << (draw >> 20) % 4, 1u << (draw >> 24) % 4};
    uint64_t first, later;
    switch (draw % 16) {
    case 0:
        return iotlb_drop_all(iotlb);
    case 1:
        first = iotlb_drop(iotlb, is_wanted, &wanted);
        later = iotlb_drop(iotlb, is_wanted, &wanted);
        break;
    case 2:
        first = iotlb_forget_run(iotlb, tag, 1, tag, 20);
        later = iotlb_forget_run(iotlb, tag + 10, 1, tag + 10, 20);
        break;
    case 3:
        first = iotlb_drop_all(iotlb);
        later = iotlb_forget_run(iotlb, 0, 1, 0, TAGS);
        break;
    default:
        first = iotlb_forget(iotlb, tag, tag);
        later = iotlb_forget(iotlb, tag, tag);
        break;
    }
    return first << 32 | later;
}

struct seen {
    size_t count;
    uint64_t entries[SETS * IOTLB_FRONT_WAYS_MAX];
};

static void see(void *context, uint32_t tag, uint64_t set, uint64_t place)
{
    struct seen *seen = context;
    seen->entries[seen->count++] = (uint64_t)tag << 32 | set << 8 | place;
}

static void expect_same_contents(const struct pair *pair)
{
    struct seen member = {0}, alone = {0};
    iotlb_visit(&pair->member, see, &member);
    iotlb_visit(&pair->alone, see, &alone);
    cr_assert_eq(member.count, alone.count);
    cr_assert_eq(memcmp(member.entries, alone.entries, member.count * sizeof *member.entries), 0);
    cr_assert_eq(iotlb_evictions(&pair->member), iotlb_evictions(&pair->alone));
}

static void step(struct pair *pairs, size_t count, uint64_t *rng)
{
    uint64_t draw = rng_next(rng);
    if (draw >> 60 <= 4) {
        run_batch(pairs, count, rng);
        return;
    }
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(invalidate(&pairs[i].member, draw), invalidate(&pairs[i].alone, draw));
}

/* Up to STEPS steps together, and some more when the stack is no more. */
static void compare(const uint64_t *ways, size_t count, uint64_t seed)
{
    struct pair pairs[MEMBERS_MAX];
    struct iotlb *members[MEMBERS_MAX];
    struct error error = {0};
    uint64_t rng = seed;
    for (size_t i = 0; i < count; i++) {
        struct cell_config config = {.iotlb = {.entries = ways[i] * SETS, .ways = ways[i]}};
        cr_assert(iotlb_init(&pairs[i].member, &config, &error) && iotlb_init(&pairs[i].alone, &config, &error));
        members[i] = &pairs[i].member;
    }
    struct iotlb_stack *stack = iotlb_stack_new(members, count, REQUESTS, &error);
    cr_assert(stack);
    for (uint64_t left = 1 + rng_next(&rng) % STEPS; left > 0; left--)
        step(pairs, count, &rng);
    iotlb_stack_dissolve(stack);
    for (unsigned i = 0; i < 4; i++) {
        for (size_t p = 0; p < count; p++)
            expect_same_contents(&pairs[p]);
        step(pairs, count, &rng);
    }
    for (size_t i = 0; i < count; i++) {
        iotlb_free(&pairs[i].member);
        iotlb_free(&pairs[i].alone);
    }
}

Test(iotlb_stack, every_loop)
{
    enum cpu_set most = cpu_set();
    for (enum cpu_set set = CPU_PLAIN; set <= most; set++) {
        cpu_limit(set);
        for (uint64_t seed = 1; seed <= RUNS; seed++) {
            compare((const uint64_t[]){1, 2, 4, 8, 16}, 5, seed);
            compare((const uint64_t[]){1, 2, 3, 5, 6, 7}, 6, seed);
            compare((const uint64_t[]){9, 12, 13}, 3, seed);
            compare((const uint64_t[]){8, 8, 16, 16}, 4, seed);
            compare((const uint64_t[]){1, 1}, 2, seed);
        }
    }
    cpu_limit(most);
}

/* Other sets, other replacement, more ways than a list has, none. */
Test(iotlb_stack, only_like_shapes)
{
    static const struct cell_config like = {.iotlb = {.entries = 64, .ways = 8}}, fewer = {.iotlb = {.entries = 16, .ways = 2}};
    static const struct cell_config others[] = {{.iotlb = {.entries = 128, .ways = 8}},
                                                {.iotlb = {.entries = 64, .ways = 8, .replacement = REPLACEMENT_FIFO}},
                                                {.iotlb = {.entries = 256, .ways = 32}},
                                                {.iotlb = {.entries = 8, .ways = 0}},
                                                {.iotlb = {.entries = 0, .ways = 8}}};
    cr_expect(iotlb_stackable(&like, &fewer) && iotlb_stackable(&fewer, &like));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect(!iotlb_stackable(&like, &others[i]) && !iotlb_stackable(&others[i], &like), "%zu", i);
}
