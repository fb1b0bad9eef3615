/* Random experiments: a trace and the cells that share a pass over it. */
#include "tests/property/random_experiment.h"

#include "tests/property/random_draft.h"

enum { SWEEPS_EVERY = 7 }; /* others stay what their seed has always made them */

void random_experiment_sweep_ways(struct random_experiment *experiment, uint64_t seed)
{
    struct draft draft = {.rng = seed};
    uint64_t sets = UINT64_C(1) << below(&draft, 5);
    struct cell_config *first = &experiment->cells[0];

    first->iotlb.replacement = REPLACEMENT_LRU;
    for (size_t i = 0; i < RANDOM_EXPERIMENT_CELLS_MAX; i++) {
        struct cell_config *cell = &experiment->cells[i];
        if (i > 0) {
            experiment_cell_free(cell);
            *cell = experiment_cell_copy(first);
            cell->walk_cache.entries = chance(&draft, 50) ? first->walk_cache.entries : 0;
        }
        cell->iotlb.ways = chance(&draft, 60) ? UINT64_C(1) << below(&draft, 5) : 1 + below(&draft, 18);
        cell->iotlb.entries = sets * cell->iotlb.ways;
    }
    experiment->cell_count = RANDOM_EXPERIMENT_CELLS_MAX;
}

void random_experiment_make(struct random_experiment *experiment, uint64_t seed)
{
    static const size_t batches[] = {1, 7, TRACE_BATCH_RECORDS};
    struct draft draft = {.rng = seed * UINT64_C(0x2545F4914F6CDD1D) + 1, .store = &experiment->store};

    *experiment = (struct random_experiment){.seed = seed};
    random_trace_draw(&draft);
    experiment->batch_records = batches[below(&draft, 3)];
    experiment->threads = 1 + (unsigned)below(&draft, 2);
    experiment->cell_count = 1 + below(&draft, RANDOM_EXPERIMENT_CELLS_MAX);

    /* A store holds what limits.records lets through, as a trace opened with that limit would give. */
    uint64_t limit = chance(&draft, 15) ? 1 + below(&draft, experiment->store.count + 50) : UINT64_MAX;
    if (limit < experiment->store.count)
        experiment->store.count = (size_t)limit;
    for (size_t i = 0; i < experiment->cell_count; i++)
        random_cell_draw(&draft, &experiment->cells[i], limit);
    if (seed % SWEEPS_EVERY == 0)
        random_experiment_sweep_ways(experiment, seed);
}

void random_experiment_free(struct random_experiment *experiment)
{
    for (size_t i = 0; i < experiment->cell_count; i++)
        experiment_cell_free(&experiment->cells[i]);
    trace_store_free(&experiment->store);
}
