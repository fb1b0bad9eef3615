/* interface.md 4: the columns of results.csv and intervals.csv, their order, and how their values are
 * printed. */
#include <criterion/criterion.h>
#include <string.h>

#include "analysis/metrics_table.h"
#include "configs/key.h"

/* Typed from interface.md 4. */
static const char columns_of_the_page[] =
    "records writes reads maps unmaps translates marks write_bytes read_bytes span_ns device_count "
    "domain_count "
    "requests faults_translation faults_permission faults_recoverable stale_writes map_conflicts "
    "unmap_overreach "
    "leaves leaves_mapped born_dirty_leaves table_bytes table_bytes_peak "
    "iotlb_hits iotlb_misses iotlb_evictions iotlb_invalidated flush_overreach toggle_invalidated "
    "unmap_invalidated walks walk_reads walk_cache_hits atc_hits atc_misses "
    "dirty_updates dirty_rechecks access_updates "
    "context_updates toggle_scanned_entries toggle_cleared_entries toggle_written_entries toggle_commands "
    "toggle_syncs split_leaves split_tables split_entries "
    "harvests scanned_entries scanned_tables harvested_leaves cleared_entries flushes flush_commands "
    "flush_syncs "
    "unmap_commands unmap_syncs atc_commands log_drained log_overflows device_log_entries "
    "harvest_overruns harvest_span_ns "
    "truth_pages reported_pages true_pages false_pages missed_pages missed_new_pages late_pages lost_pages "
    "unmapped_dirty_pages written_pages caught_pages sneak_writes false_untracked false_granule false_leaf "
    "false_ats false_residue false_born "
    "amplification precision recall "
    "rounds precopy_bytes stop_bytes downtime_ns migration_ns converged trace_exhausted "
    "walk_ns dirty_update_ns harvest_ns flush_ns unmap_ns toggle_ns fault_ns split_ns ";

static const char interval_columns_of_the_page[] =
    "time_ns records scanned_entries harvested_leaves reported_pages true_pages false_pages missed_pages "
    "late_pages flush_commands iotlb_misses written_pages caught_pages duration_ns ";

static void join(const struct metric_column *columns, size_t count, char *text, size_t bytes)
{
    text[0] = '\0';
    for (size_t c = 0; c < count; c++) {
        cr_assert(strlen(text) + strlen(columns[c].name) + 2 < bytes);
        strcat(text, columns[c].name);
        strcat(text, " ");
    }
}

Test(results_columns, order_is_that_of_interface_4)
{
    char text[4096];
    join(metrics_table, metrics_table_count, text, sizeof text);
    cr_assert_str_eq(text, columns_of_the_page);
    join(intervals_table, intervals_table_count, text, sizeof text);
    cr_assert_str_eq(text, interval_columns_of_the_page);
}

static const struct metric_column *find(const char *name)
{
    for (size_t c = 0; c < metrics_table_count; c++)
        if (strcmp(metrics_table[c].name, name) == 0)
            return &metrics_table[c];
    cr_assert_fail("no column %s", name);
    return NULL;
}

static void expect_text(const struct metrics *metrics, const char *name, const char *expected)
{
    char text[METRIC_TEXT_BYTES];
    metric_text(find(name), metrics, text);
    cr_expect_str_eq(text, expected, "%s is \"%s\", not \"%s\"", name, text, expected);
}

Test(results_columns, values_are_exact_and_ratios_have_six_digits)
{
    struct metrics metrics = {0};
    metrics.write_bytes = UINT64_MAX;
    metrics.reported_pages = 10;
    metrics.true_pages = 2;
    metrics.written_pages = 3;
    metrics.caught_pages = 1;
    expect_text(&metrics, "write_bytes", "18446744073709551615");
    expect_text(&metrics, "amplification", "3.333333");
    expect_text(&metrics, "precision", "0.200000");
    expect_text(&metrics, "recall", "0.333333");
    expect_text(&metrics, "lost_pages", "0");
}

Test(results_columns, ratios_without_denominator_and_migration_are_empty)
{
    struct metrics metrics = {0};
    static const char *const empty[] = {"amplification", "precision",     "recall",
                                        "rounds",        "precopy_bytes", "stop_bytes",
                                        "migration_ns",  "converged",     "trace_exhausted"};
    for (size_t e = 0; e < sizeof empty / sizeof *empty; e++)
        expect_text(&metrics, empty[e], "");
    metrics.reported_pages = UINT64_MAX;
    metrics.written_pages = 1;
    expect_text(&metrics, "amplification", "18446744073709551616.000000");
}

Test(results_columns, every_column_says_what_it_is)
{
    for (size_t c = 0; c < metrics_table_count; c++) {
        cr_expect(metrics_table[c].unit[0] && metrics_table[c].section[0] && metrics_table[c].meaning[0] &&
                  metrics_table[c].group[0]);
        for (size_t other = 0; other < c; other++)
            cr_expect_str_neq(metrics_table[c].name, metrics_table[other].name);
    }
}

Test(results_columns, no_parameter_has_the_name_of_another_column)
{
    static const char *const identity[] = {"cell", "label", "trace", "trace_sha256", "status"};
    for (size_t k = 0; k < key_count; k++) {
        char name[64];
        key_column_name(&key_table[k], name, sizeof name);
        for (size_t c = 0; c < metrics_table_count; c++)
            cr_expect_str_neq(name, metrics_table[c].name);
        for (size_t i = 0; i < sizeof identity / sizeof *identity; i++)
            cr_expect_str_neq(name, identity[i]);
    }
}
