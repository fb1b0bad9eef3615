/* The rules of semantics.md 2 over whole batches against the same one record at a time, and facts likewise: batches of
 * accesses alone are looked at many records at a time. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sim/base/cpu.h"
#include "sim/base/rng.h"
#include "traces/trace.h"

enum { RECORDS = 2000, ROUNDS = 3000 };

struct columns {
    uint64_t time_ns[RECORDS], iova[RECORDS], bytes[RECORDS], address[RECORDS];
    uint16_t device[RECORDS];
    uint8_t op[RECORDS];
};

static struct trace_batch batch_of(struct columns *c, size_t from, size_t count)
{
    return (struct trace_batch){.count = count,
                                .first_record = 1000 + from,
                                .time_ns = c->time_ns + from,
                                .iova = c->iova + from,
                                .bytes = c->bytes + from,
                                .address = c->address + from,
                                .device = c->device + from,
                                .op = c->op + from};
}

/* Mostly accesses; times up to either end of their range. */
static size_t draw(struct columns *c, uint64_t *rng)
{
    size_t count = rng_next(rng) % RECORDS;
    bool changes = rng_next(rng) % 3 == 0;
    uint64_t now = rng_next(rng) % 2 ? rng_next(rng) % 1000 : (UINT64_C(1) << 63) - rng_next(rng) % 1000;
    uint64_t devices = 1 + rng_next(rng) % 5;
    for (size_t i = 0; i < count; i++) {
        c->time_ns[i] = now += rng_next(rng) % 3;
        c->op[i] = (uint8_t)(changes && rng_next(rng) % 50 == 0 ? rng_next(rng) % TRACE_OP_COUNT : rng_next(rng) % 2);
        c->iova[i] = rng_next(rng) >> rng_next(rng) % 40 & ~UINT64_C(4095);
        c->bytes[i] = 4096 * (1 + rng_next(rng) % 4);
        if (c->iova[i] > UINT64_MAX - c->bytes[i])
            c->bytes[i] = UINT64_MAX - c->iova[i] + 1;
        c->address[i] = c->iova[i];
        c->device[i] = (uint16_t)(rng_next(rng) % devices * 8191);
    }
    return count;
}

static void spoil(struct columns *c, size_t i, uint64_t *rng)
{
    switch (rng_next(rng) % 8) {
    case 0:
        c->time_ns[i] -= 1 + rng_next(rng) % 3;
        break;
    case 1:
        c->time_ns[i] = rng_next(rng);
        break;
    case 2:
        c->bytes[i] = 0;
        break;
    case 3:
        c->bytes[i] = (UINT64_C(1) << 32) + rng_next(rng) % 3 - 1;
        break;
    case 4:
        c->bytes[i] = rng_next(rng);
        break;
    case 5:
        c->iova[i] = UINT64_MAX - rng_next(rng) % 8192;
        break;
    case 6:
        c->op[i] = (uint8_t)rng_next(rng);
        break;
    default:
        c->iova[i] = UINT64_MAX - c->bytes[i] + 1 + rng_next(rng) % 2;
    }
}

static bool check_singly(struct columns *c, size_t count, uint64_t last_time_ns, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct trace_batch one = batch_of(c, i, 1);
        if (!trace_batch_check(&one, last_time_ns, error))
            return false;
        last_time_ns = c->time_ns[i];
    }
    return true;
}

static void compare(enum cpu_set most)
{
    struct columns *c = calloc(1, sizeof *c);
    uint64_t rng = 11;
    unsigned wrong = 0;
    cr_assert_not_null(c);
    cpu_limit(most);
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t count = draw(c, &rng);
        for (unsigned s = 0; s < rng_next(&rng) % 3 && count > 0; s++)
            spoil(c, rng_next(&rng) % count, &rng);
        uint64_t last_time_ns = count > 0 && rng_next(&rng) % 8 == 0 ? c->time_ns[0] + rng_next(&rng) % 2 : 0;
        struct trace_batch whole = batch_of(c, 0, count);
        struct error one = {0}, other = {0};
        bool good = trace_batch_check(&whole, last_time_ns, &one);
        cr_assert_eq(good, check_singly(c, count, last_time_ns, &other), "round %u: %s / %s", round, one.text, other.text);
        cr_assert_str_eq(one.text, other.text);
        wrong += !good;
    }
    cpu_limit(CPU_AVX512);
    cr_expect(wrong > ROUNDS / 8 && wrong < ROUNDS - ROUNDS / 8, "%u of %d are wrong", wrong, ROUNDS);
    free(c);
}

Test(rules, many_at_a_time_are_as_one_by_one)
{
    compare(CPU_PLAIN);
    compare(CPU_AVX2);
}

Test(rules, facts_of_batches_are_as_counted)
{
    struct columns *c = calloc(1, sizeof *c);
    struct trace_facts *facts = calloc(2, sizeof *facts), *counted = facts + 1;
    uint64_t rng = 12;
    cr_assert(c && facts);
    for (unsigned round = 0; round < 300; round++) {
        memset(facts, 0, 2 * sizeof *facts);
        size_t count = draw(c, &rng), step = 1 + rng_next(&rng) % 500;
        for (size_t i = 0; i < count; i += step) {
            struct trace_batch part = batch_of(c, i, count - i < step ? count - i : step);
            trace_facts_add(facts, &part);
        }
        for (size_t i = 0; i < count; i++) {
            counted->records++;
            counted->records_by_op[c->op[i]]++;
            counted->last_time_ns = c->time_ns[i];
            if (c->op[i] != TRACE_MARK)
                counted->devices[c->device[i] / 8] |= (uint8_t)(1U << c->device[i] % 8);
        }
        counted->first_time_ns = count > 0 ? c->time_ns[0] : 0;
        for (unsigned d = 0; d < TRACE_DEVICES; d++)
            counted->device_count += counted->devices[d / 8] >> d % 8 & 1;
        cr_assert_eq(memcmp(facts, counted, sizeof *facts), 0, "round %u", round);
    }
    free(facts);
    free(c);
}
