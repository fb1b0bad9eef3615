#include "traces/gen/gen_random.h"

#include <math.h>

#include "sim/base/memory.h"

void gen_log_init(struct gen_log *log)
{
    for (unsigned i = 0; i <= GEN_LOG_STEPS + 1; i++)
        log->table[i] = (uint64_t)(log1p((double)i / GEN_LOG_STEPS) * 0x1p32 + 0.5);
}

/* Weights, scaled so that their mean is 1, become cells of equal size: what a light item leaves of its cell
 * goes to a heavy one. `work` lists the light items from its front and the heavy ones from its end. */
static void fill_cells(struct gen_alias *alias, double *weights, uint32_t *work)
{
    uint64_t light = 0, heavy = alias->count;
    for (uint64_t i = 0; i < alias->count; i++) {
        alias->items[i] = (struct gen_alias_item){UINT32_MAX, (uint32_t)i};
        if (weights[i] < 1)
            work[light++] = (uint32_t)i;
        else
            work[--heavy] = (uint32_t)i;
    }
    while (light > 0 && heavy < alias->count) {
        uint32_t small = work[--light], large = work[heavy];
        alias->items[small] = (struct gen_alias_item){(uint32_t)(weights[small] * UINT32_MAX), large};
        weights[large] -= 1 - weights[small];
        if (weights[large] < 1) {
            heavy++;
            work[light++] = large;
        }
    }
}

bool gen_alias_zipf(struct gen_alias *alias, uint64_t count, double exponent, bool scatter, uint64_t *rng,
                    struct error *error)
{
    double *weights = memory_zeroed(count, sizeof *weights, error);
    uint32_t *work = weights ? memory_zeroed(count, sizeof *work, error) : NULL;
    alias->items = work ? memory_zeroed(count, sizeof *alias->items, error) : NULL;
    alias->count = count;
    if (alias->items) {
        double sum = 0;
        for (uint64_t i = 0; i < count; i++) {
            weights[i] = pow((double)(i + 1), -exponent);
            sum += weights[i];
        }
        for (uint64_t i = 0; i < count; i++)
            weights[i] *= (double)count / sum;
        for (uint64_t i = count - 1; scatter && i > 0; i--) {
            uint64_t other = gen_below(rng, i + 1);
            double weight = weights[i];
            weights[i] = weights[other];
            weights[other] = weight;
        }
        fill_cells(alias, weights, work);
    }
    memory_free(weights);
    memory_free(work);
    return alias->items != NULL;
}

void gen_alias_free(struct gen_alias *alias)
{
    memory_free(alias->items);
    *alias = (struct gen_alias){0};
}
