#include "tests/property/closed_forms.h"

#include <math.h>

#include "sim/base/rng.h"

void add_uniform(struct trace_store *store, uint64_t *rng, enum trace_op op, uint64_t pages, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        experiment_add_record(store, op, store->count, 0, rng_next(rng) % pages * PAGE_BYTES, 64);
}

void add_mark(struct trace_store *store)
{
    experiment_add_record(store, TRACE_MARK, store->count, 0, 0, 0);
}

struct cell_config uniform_cell(uint64_t pages, unsigned leaf_lg2)
{
    struct cell_config cell = experiment_cell("amd-v1");

    cell.mapping.page_sizes = UINT64_C(1) << leaf_lg2;
    experiment_add_region(&cell, 0, pages * PAGE_BYTES, 0);
    return cell;
}

void sample_add(struct sample *sample, double value)
{
    sample->sum += value;
    sample->squares += value * value;
    sample->runs++;
}

double sample_mean(const struct sample *sample)
{
    return sample->sum / sample->runs;
}

double sample_4_errors(const struct sample *sample)
{
    double mean = sample_mean(sample), n = sample->runs;
    double variance = (sample->squares - n * mean * mean) / (n - 1);
    return 4 * sqrt(variance > 0 ? variance : 0) / sqrt(n);
}

double distinct_mean(double n, double w)
{
    return n * (1 - pow(1 - 1 / n, w));
}

double distinct_sigma(double n, double w)
{
    double q1 = pow(1 - 1 / n, w), q2 = pow(1 - 2 / n, w);
    return sqrt(n * q1 + n * (n - 1) * q2 - n * n * q1 * q1);
}
