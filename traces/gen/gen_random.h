/* Draws from distributions, in integers. */
#ifndef TRACES_GEN_GEN_RANDOM_H
#define TRACES_GEN_GEN_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/rng.h"

__extension__ typedef unsigned __int128 gen_uint128;

/** 0 to n - 1, each with a share of 1/n up to n/2^64. */
static inline uint64_t gen_below(uint64_t *rng, uint64_t n)
{
    return (uint64_t)((gen_uint128)rng_next(rng) * n >> 64);
}

enum { GEN_LOG_STEPS = 1024 };

/* ln(1 + i/GEN_LOG_STEPS) in units of 2^-32. */
struct gen_log {
    uint64_t table[GEN_LOG_STEPS + 2];
};

void gen_log_init(struct gen_log *log);

/** Exponentially distributed with this mean: minus the logarithm of a uniform number in (0, 1], which is
 *  2^-k (1 + f). Off by less than 1e-6 of the mean. */
static inline uint64_t gen_exponential(const struct gen_log *log, uint64_t *rng, uint64_t mean)
{
    enum { STEP_BITS = 54 };                   /* of f that are less than a step */
    const uint64_t ln2 = UINT64_C(2977044472); /* in units of 2^-32 */
    uint64_t drawn = rng_next(rng) | 1;
    unsigned zeros = (unsigned)__builtin_clzll(drawn);
    uint64_t fraction = drawn << zeros << 1;
    const uint64_t *entry = &log->table[fraction >> STEP_BITS];
    uint64_t between = (fraction >> (STEP_BITS - 22)) & ((UINT64_C(1) << 22) - 1);
    uint64_t ln = entry[0] + ((entry[1] - entry[0]) * between >> 22);
    uint64_t value = (zeros + 1) * ln2 - ln;
    return (uint64_t)((gen_uint128)value * mean >> 32);
}

/* A discrete distribution over 0 ... count - 1 that costs one look per draw (Walker, 1977; Vose, 1991). */
struct gen_alias {
    struct gen_alias_item {
        uint32_t own; /* share of this item's cell that is its own, of 2^32 - 1 */
        uint32_t other;
    } * items;
    uint64_t count;
};

/** Zipf: item number r (from 1) of a random order, or of the order 0, 1, ... without `scatter`, has a weight
 * of r^-exponent. Errors: ERROR_MEMORY. */
bool gen_alias_zipf(struct gen_alias *alias, uint64_t count, double exponent, bool scatter, uint64_t *rng,
                    struct error *error);
void gen_alias_free(struct gen_alias *alias);

static inline uint64_t gen_alias_draw(const struct gen_alias *alias, uint64_t *rng)
{
    gen_uint128 scaled = (gen_uint128)rng_next(rng) * alias->count;
    uint64_t item = (uint64_t)(scaled >> 64);
    const struct gen_alias_item *cell = &alias->items[item];
    /* No branch: it would be a guess that waits for memory. */
    uint64_t other = -(uint64_t)((uint32_t)((uint64_t)scaled >> 32) > cell->own);
    return item ^ ((item ^ cell->other) & other);
}

#endif
