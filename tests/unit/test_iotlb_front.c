/* Every loop of one width that this processor runs against the plain one, which the reference model checks
 * (semantics.md 4). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/cache/iotlb_front.h"

enum { COUNT = 4096, SETS = 4, HEADS = 200, ROUNDS = 50 };

static uint32_t keys[COUNT], numbers[COUNT], misses[2][COUNT];
static uint64_t hits[2][COUNT / 64];

/* Heads with many repeats; the set is the head's low bits, as for pages of one size. */
static size_t make_requests(uint64_t *rng)
{
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t draw = rng_next(rng);
        uint32_t head = draw % 5 == 0 && i > 0 ? keys[i - 1] >> 1 : (uint32_t)(draw >> 8) % HEADS;
        keys[i] = head << 1 | (draw >> 40 & 1);
        numbers[i] = head;
    }
    return COUNT - rng_next(rng) % 200;
}

static void compare(const struct iotlb_front_loop *loop, uint64_t ways)
{
    uint64_t rng = ways;
    struct cell_config config = {
        .iotlb = {.entries = ways * SETS, .ways = ways, .replacement = loop->replacement}};
    struct iotlb pair[2];
    struct error error = {0};
    size_t count;
    const struct iotlb_front_loop *plain = &iotlb_front_loops(&count)[0];
    plain += count - (loop->replacement == REPLACEMENT_LRU ? 2 : 1);
    cr_assert(plain->replacement == loop->replacement && plain->ways == 0);
    cr_assert(iotlb_init(&pair[0], &config, &error) && iotlb_init(&pair[1], &config, &error));
    for (int round = 0; round < ROUNDS; round++) {
        struct iotlb_batch batch = {.keys = keys, .numbers = numbers, .count = make_requests(&rng)};
        size_t missed[2];
        for (int which = 0; which < 2; which++) {
            batch.hits = hits[which];
            batch.misses = misses[which];
            missed[which] = (which ? loop : plain)->run(&pair[which], &batch);
        }
        cr_assert_eq(missed[0], missed[1], "%s, %llu ways, round %d", cpu_set_name(loop->set), (unsigned long long)ways, round);
        cr_assert_eq(memcmp(misses[0], misses[1], missed[0] * sizeof **misses), 0, "%s, %llu ways", cpu_set_name(loop->set), (unsigned long long)ways);
        cr_assert_eq(memcmp(hits[0], hits[1], (batch.count + 63) / 64 * 8), 0, "%s, %llu ways", cpu_set_name(loop->set), (unsigned long long)ways);
        cr_assert_eq(memcmp(pair[0].tags, pair[1].tags, ways * SETS * 4), 0, "%s, %llu ways", cpu_set_name(loop->set), (unsigned long long)ways);
        cr_assert_eq(pair[0].inserts, pair[1].inserts);
        cr_assert_gt(missed[0], 0);
        cr_assert_lt(missed[0], batch.count);
    }
    iotlb_free(&pair[0]);
    iotlb_free(&pair[1]);
}

Test(iotlb_front, every_loop_gives_what_the_plain_one_gives)
{
    size_t count, ran = 0;
    const struct iotlb_front_loop *loops = iotlb_front_loops(&count);
    for (size_t i = 0; i < count; i++)
        if (loops[i].set <= cpu_set()) {
            compare(&loops[i], loops[i].ways ? loops[i].ways : 8);
            ran++;
        }
    cr_assert_geq(ran, 8);
}
