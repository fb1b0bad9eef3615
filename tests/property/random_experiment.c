/* Random experiments: a trace and the cells that share a pass over it. */
#include "tests/property/random_experiment.h"

#include "tests/property/random_draft.h"

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
}

void random_experiment_free(struct random_experiment *experiment)
{
    for (size_t i = 0; i < experiment->cell_count; i++)
        experiment_cell_free(&experiment->cells[i]);
    trace_store_free(&experiment->store);
}
