/* Any bytes as an experiment file: messages, or an experiment whose plan resolves and loads back. */
#include <stdlib.h>
#include <unistd.h>

#include "configs/experiment.h"
#include "configs/plan.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    int file = fuzz_file(data, bytes, path);
    struct error_list messages = {0};
    struct experiment *experiment = NULL;
    struct plan *plan = NULL;
    if (experiment_load(path, NULL, 0, &experiment, &messages)) {
        if (plan_build(experiment, &plan, &messages)) {
            if (plan->cell_count == 0)
                abort();
            free(plan_canonical(&plan->cells[0]));
            free(plan_resolved_yaml(experiment, &plan->cells[0], 0));
            plan_free(plan);
        }
        experiment_free(experiment);
    }
    error_list_free(&messages);
    close(file);
    return 0;
}
