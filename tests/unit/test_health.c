/* The health of results: what is said of rows made by hand, and what is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "analysis/doc.h"
#include "analysis/health.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"

extern const struct mapping_source mapping_static, mapping_trace;
extern const struct harvest_policy policy_periodic, policy_marks, policy_precopy;
extern const struct tracking_method tracking_hardware, tracking_none;

static struct {
    struct cell_config config;
} cell;
static struct cell_record record;
static char said[4096];

/* A healthy cell: 100 records, half of them writes, one harvest. */
static void healthy(void)
{
    memset(&cell, 0, sizeof cell);
    cell.config.limit_records = UINT64_MAX;
    cell.config.mapping.source = &mapping_static;
    cell.config.harvest.policy = &policy_periodic;
    cell.config.harvest.interval_ns = 1000;
    cell.config.tracking.method = &tracking_hardware;
    record = (struct cell_record){.metrics = {.records = 100,
                                              .writes = 50,
                                              .requests = 100,
                                              .span_ns = 5000,
                                              .harvests = 1,
                                              .harvest_ns = 900,
                                              .truth_pages = 50}};
}

static size_t look(void)
{
    struct health health = {0};
    health_look(&cell.config, &record);
    health_visit(&health, "000000000000", "label", "t.csv", &record);
    health_visit(&health, "000000000001", "label", "t.csv", &record);
    FILE *file = fmemopen(said, sizeof said, "w");
    health_print(&health, true, file);
    fclose(file);
    return health_count(&health);
}

#define SAYS(text) cr_expect_not_null(strstr(said, text), "%s", said)

Test(health, a_healthy_cell_is_not_mentioned, .init = healthy)
{
    cr_expect_eq(look(), 0);
    cr_expect_str_empty(said);
}

Test(health, faults_name_share_and_address, .init = healthy)
{
    record.metrics.faults_translation = 25;
    record.seen.first_unmapped = 0x80001000;
    record.metrics.faults_permission = 1;
    cr_expect_eq(look(), 2);
    SAYS("2 cells: at worst, 25.0 % of the requests (25 of 100) met no mapping, the first at IOVA");
    SAYS("0x80001000");
    SAYS("1.0 % of the requests (1 of 100) were refused");
    SAYS("000000000001  label  t.csv");
}

Test(health, shares_are_never_rounded_to_nothing_or_all, .init = healthy)
{
    record.metrics.requests = 1000000;
    record.metrics.faults_translation = 1;
    look();
    SAYS("less than 0.1 %");
    record.metrics.faults_translation = 999999;
    look();
    SAYS("more than 99.9 %");
}

Test(health, the_worst_row_speaks, .init = healthy)
{
    struct health health = {0};
    record.metrics.faults_translation = 10;
    health_look(&cell.config, &record);
    health_visit(&health, "000000000000", "label", "t.csv", &record);
    record.metrics.faults_translation = 90;
    health_look(&cell.config, &record);
    health_visit(&health, "000000000001", "label", "t.csv", &record);
    struct json_t *list = health_doc(&health);
    cr_assert_eq(doc_length(list), 1);
    cr_expect_str_eq(doc_get_string(doc_at(list, 0), "kind"), "unmapped");
    cr_expect_str_eq(doc_get_string(doc_at(list, 0), "worst"), "000000000001");
    cr_expect_not_null(strstr(doc_get_string(doc_at(list, 0), "sentence"), "90.0 %"));
    doc_free(list);
}

Test(health, harvests_longer_than_their_interval, .init = healthy)
{
    record.metrics.flush_ns = 101; /* 1001 ns each */
    cr_expect_eq(look(), 1);
    SAYS("a harvest costs 1 us on average, more than the 1us between two");
    cell.config.harvest.timing = TIMING_TIMED; /* then only what was dropped counts */
    cr_expect_eq(look(), 0);
    record.metrics.harvest_overruns = 3;
    cr_expect_eq(look(), 1);
    SAYS("3 deadlines came while a harvest was under way");
}

Test(health, times, .init = healthy)
{
    cell.config.tracking.start_ns = 5001;
    record.seen.writes_before_start = 50;
    cr_expect_eq(look(), 1); /* one sentence: it never started */
    SAYS("ends before tracking starts");
    cell.config.tracking.start_ns = 5000;
    cr_expect_eq(look(), 1);
    SAYS("100.0 % of the writes (50 of 50) come before tracking starts");
    record.seen.writes_before_start = 0;
    record.seen.writes_after_stop = 5;
    cr_expect_eq(look(), 1);
    SAYS("10.0 % of the writes (5 of 50) come after tracking stops");
}

Test(health, set_ups_that_cannot_mean_what_they_say, .init = healthy)
{
    cell.config.harvest.policy = &policy_marks;
    cr_expect_eq(look(), 1);
    SAYS("no mark records");
    healthy();
    record.seen.aliased_maps = 4;
    record.seen.first_aliased = 0xffff0000;
    cr_expect_eq(look(), 1);
    SAYS("(4 maps, the first at");
    SAYS("domains: per_device");
    healthy();
    cell.config.mapping.region_count = 3;
    record.seen.untouched_regions = 1;
    cr_expect_eq(look(), 1);
    SAYS("1 of 3 mapped regions is never accessed");
    healthy();
    record.metrics.maps = 8;
    record.metrics.unmaps = 2;
    record.metrics.map_conflicts = 3;
    cell.config.mapping.source = &mapping_trace;
    cr_expect_eq(look(), 1);
    SAYS("3 of 10 map and unmap records met pages");
    SAYS("domains: per_device");
    healthy();
    cell.config.mapping.source = &mapping_trace;
    record.metrics.faults_translation = 100;
    cr_expect_eq(look(), 1); /* said once, by the reason */
    SAYS("nothing is ever mapped");
    healthy();
    record.metrics = (struct metrics){0};
    cr_expect_eq(look(), 1);
    SAYS("the trace has no records");
    healthy();
    record.metrics.writes = 0;
    record.metrics.truth_pages = 0;
    cr_expect_eq(look(), 1);
    SAYS("no writes");
}

Test(health, migrations_and_limits, .init = healthy)
{
    cell.config.harvest.policy = &policy_precopy;
    record.metrics.migrates = true;
    record.metrics.rounds = 2;
    record.metrics.lost_pages = 7; /* after the stop: no loss */
    cr_expect_eq(look(), 0);
    record.metrics.trace_exhausted = 1;
    cr_expect_eq(look(), 1);
    SAYS("its last rounds saw no writes");
    healthy();
    cell.config.limit_records = 100;
    cr_expect_eq(look(), 1);
    SAYS("note      2 cells: at worst, the replay stopped at limits.records, 100");
    healthy();
    record.metrics.lost_pages = 7;
    record.metrics.unmapped_dirty_pages = 25;
    cr_expect_eq(look(), 2);
    SAYS("7 written pages are never reported");
    SAYS("50.0 % of the pages written are unmapped before a harvest sees them");
    record.metrics.unmapped_dirty_pages = 0;
    record.metrics.lost_pages = 1;
    cr_expect_eq(look(), 1);
    SAYS("1 written page is never reported: a migration would lose it");
    cell.config.tracking.method = &tracking_none; /* asked to report nothing */
    cr_expect_eq(look(), 0);
}

Test(health, failed_rows_say_nothing, .init = healthy)
{
    record.failed = true;
    record.metrics.faults_translation = 10;
    cr_expect_eq(look(), 0);
}
