/* Who carries out the accesses misses nothing and adds nothing: every harvest reports just what was written
 * before it. */
#include <criterion/criterion.h>

#include "tests/property/random_experiment.h"

Test(vhost, reports_what_was_written)
{
    struct cell_config cell = experiment_cell("amd-v1");
    struct trace_store store = {0};
    struct pass_result result = {0};
    experiment_set_method(&cell, "vhost");
    experiment_set_policy(&cell, "marks");
    experiment_add_region(&cell, 0, 8 * 4096, 0);
    experiment_add_record(&store, TRACE_WRITE, 0, 0, 4096, 3 * 4096);
    experiment_add_record(&store, TRACE_MARK, 1, 0, 0, 0);
    experiment_add_record(&store, TRACE_WRITE, 2, 0, 4096, 1);
    experiment_add_record(&store, TRACE_READ, 3, 0, 0, 8 * 4096);
    experiment_run(&store, &cell, 1, 1, 1, &result);
    cr_expect_eq(result.metrics.harvests, 2);
    cr_expect_eq(result.metrics.reported_pages, 3 + 1);
    cr_expect_eq(result.metrics.true_pages, 3 + 1);
    cr_expect_eq(result.metrics.caught_pages, 3 + 1);
    cr_expect_eq(result.metrics.lost_pages, 0);
    cr_expect_eq(result.metrics.scanned_entries, 0);
    pass_result_free(&result);
    experiment_cell_free(&cell);
    trace_store_free(&store);
}
