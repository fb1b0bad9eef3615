/* The engine as the property tests call it. */
#include <stdlib.h>

#include "tests/property/random_experiment.h"

enum { CELLS_MAX = 16 };

bool experiment_try(const struct trace_store *store, const struct cell_config *cells, size_t count,
                    size_t batch_records, unsigned threads, struct pass_result *results)
{
    const struct cell_config *pointers[CELLS_MAX] = {NULL};
    struct pass_options options = {
        .threads = threads, .batch_records = batch_records, .intervals = true, .store_bytes = UINT64_MAX};
    struct error error = {.kind = ERROR_NONE};

    if (count > CELLS_MAX)
        abort();
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &cells[i];
        results[i] = (struct pass_result){0};
    }
    if (!pass_run_store(&options, store, pointers, count, results, &error)) {
        fprintf(stderr, "the pass failed: %s\n", error.text);
        abort();
    }
    bool finished = true;
    for (size_t i = 0; i < count; i++)
        finished = finished && results[i].error.kind == ERROR_NONE;
    return finished;
}

void experiment_run(const struct trace_store *store, const struct cell_config *cells, size_t count,
                    size_t batch_records, unsigned threads, struct pass_result *results)
{
    if (experiment_try(store, cells, count, batch_records, threads, results))
        return;
    for (size_t i = 0; i < count; i++)
        if (results[i].error.kind != ERROR_NONE) {
            fprintf(stderr, "cell %zu failed: %s\n", i, results[i].error.text);
            random_experiment_dump(stderr, &cells[i]);
        }
    abort();
}
