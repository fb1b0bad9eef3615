/* From an experiment to cells: order, labels, configs, columns, ids, texts (interface.md 2, 4). */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "configs/key.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "test_configs_support.h"

#define LABELS(yaml, ...) expect_labels(yaml, (const char *const[]){__VA_ARGS__, NULL})
#define WARNINGS(yaml, ...) expect_warnings(yaml, (const char *const[]){__VA_ARGS__, NULL})
#define SETS(...)                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static const struct plan_cell *cell_of(const struct loaded *loaded, size_t index)
{
    cr_assert(loaded->good, "%s", loaded->messages.error_count ? loaded->messages.errors[0].text : "");
    cr_assert_lt(index, loaded->plan->cell_count);
    return &loaded->plan->cells[index];
}

/* ---- order and labels ---- */

Test(configs_plan, nothing_varies)
{
    LABELS(HEAD, "x");
}

Test(configs_plan, sweep_multiplies_and_the_last_varies_fastest)
{
    LABELS(HEAD "sweep:\n  harvest.interval: [10ms, 1000us]\n  iotlb.entries: [0x40, 128]\n",
           "harvest.interval=10ms iotlb.entries=64", "harvest.interval=10ms iotlb.entries=128",
           "harvest.interval=1ms iotlb.entries=64", "harvest.interval=1ms iotlb.entries=128");
}

Test(configs_plan, zip_walks_together_and_multiplies)
{
    LABELS(HEAD "sweep: {seed: [1, 2]}\n"
                "zip: {mapping.page_sizes: [[4KiB], [2MiB, 4KiB]], iotlb.entries: [1024, 64]}\n",
           "seed=1 mapping.page_sizes=4KiB iotlb.entries=1024",
           "seed=1 mapping.page_sizes=4KiB+2MiB iotlb.entries=64",
           "seed=2 mapping.page_sizes=4KiB iotlb.entries=1024",
           "seed=2 mapping.page_sizes=4KiB+2MiB iotlb.entries=64");
    LABELS(HEAD "zip: {iotlb.entries: [8, 16], iotlb.ways: [1, 2]}\nsweep: {seed: [1, 2]}\n",
           "iotlb.entries=8 iotlb.ways=1 seed=1", "iotlb.entries=8 iotlb.ways=1 seed=2",
           "iotlb.entries=16 iotlb.ways=2 seed=1", "iotlb.entries=16 iotlb.ways=2 seed=2");
}

Test(configs_plan, exclude_drops_and_include_adds)
{
    LABELS(
        HEAD
        "sweep:\n  tracking.method: [all, hardware]\n  harvest.interval: [10ms, 100ms]\n"
        "exclude: [{tracking.method: all, harvest: {interval: 10000us}}, {tracking.method: all, seed: 2}]\n"
        "include: [{iommu.model: smmu-s1, iommu: {dbm: dynamic}}]\n",
        "tracking.method=all harvest.interval=100ms", "tracking.method=hardware harvest.interval=10ms",
        "tracking.method=hardware harvest.interval=100ms", "iommu.model=smmu-s1 iommu.dbm=dynamic");
}

/* What a cell that is left out would have done wrong is no matter; what the model decides can be excluded
 * too. */
Test(configs_plan, excluded_cells_are_not_checked)
{
    LABELS(HEAD "sweep:\n  iommu.model: [intel-ss, amd-v1]\n  iommu.levels: [5, 6]\n"
                "exclude: [{iommu.model: intel-ss, iommu.levels: 6}]\n",
           "iommu.model=intel-ss iommu.levels=5", "iommu.model=amd-v1 iommu.levels=5",
           "iommu.model=amd-v1 iommu.levels=6");
    LABELS(HEAD
           "sweep: {iommu.model: [intel-ss, amd-v1, smmu-s1]}\n"
           "exclude: [{cost.command: 120ns}, {mapping.page_sizes: [1GiB, 2MiB, 4KiB], cost.sync: 1060ns}]\n",
           "iommu.model=amd-v1");
}

Test(configs_plan, a_value_may_replace_keys_of_a_block)
{
    const char *yaml = HEAD "tracking: {start: 1s, clear_on_start: false}\n"
                            "sweep:\n  tracking: [{method: all}, {method: hardware, start: 2s}, {}]\n";
    LABELS(yaml, "tracking.method=all", "tracking.method=hardware tracking.start=2s", "tracking={}");
    struct loaded loaded = load_text(yaml, NULL);
    cr_expect_eq(cell_of(&loaded, 0)->config.tracking.start_ns, 1000000000);
    cr_expect_eq(cell_of(&loaded, 1)->config.tracking.start_ns, 2000000000);
    cr_expect_not(cell_of(&loaded, 1)->config.tracking.clear_on_start);
    cr_expect_str_eq(cell_of(&loaded, 2)->config.tracking.method->name, "hardware");
    unload(&loaded);
}

Test(configs_plan, optional_keys_can_be_swept_with_none)
{
    const char *yaml = HEAD "sweep:\n  harvest.chunk: [none, 64GiB]\n  tracking.stop: [~, 0x0, 3s]\n"
                            "exclude: [{tracking.stop: none}]\n";
    struct loaded loaded = load_text(yaml, NULL);
    cr_expect_not(loaded.good); /* 0x0 is no time */
    unload(&loaded);
    LABELS(HEAD
           "sweep:\n  harvest.chunk: [none, 64GiB]\n  tracking.stop: [~, 3s]\n  limits.records: [null, 5]\n"
           "exclude: [{tracking.stop: none}]\n",
           "harvest.chunk=none tracking.stop=3s limits.records=none",
           "harvest.chunk=none tracking.stop=3s limits.records=5",
           "harvest.chunk=64GiB tracking.stop=3s limits.records=none",
           "harvest.chunk=64GiB tracking.stop=3s limits.records=5");
}

/* ---- warnings ---- */

Test(configs_plan, warns_about_what_has_no_effect)
{
    WARNINGS(HEAD "harvest: {count: 5, interval: 10ms}\nseed: 7\n",
             "x.yaml:6:11: warning: harvest.count: has no effect in any cell; it belongs to harvest.policy "
             "records",
             "x.yaml:7:1: warning: seed: has no effect in any cell; it belongs to iotlb.replacement random");
    WARNINGS(HEAD "harvest: {count: 5}\nsweep: {harvest.policy: [periodic, records], seed: [1, 2]}\n",
             "x.yaml:7:46: warning: sweep.seed: has no effect in any cell; it belongs to iotlb.replacement "
             "random");
    WARNINGS(HEAD "iotlb: {replacement: random}\nsweep: {seed: [1, 2]}\nexclude: [{seed: 3}]\n",
             "x.yaml:8:11: warning: exclude: matches no cell: seed=3");
    expect_warnings(HEAD "harvest: {count: 100000}\n", (const char *const[]){NULL}); /* that is the default */
}

Test(configs_plan, cells_that_repeat_others_are_left_out)
{
    const char *yaml = HEAD "sweep: {harvest.interval: [100ms, 10ms, 0.1s]}\ninclude: [{seed: 1}]\n";
    LABELS(yaml, "harvest.interval=100ms", "harvest.interval=10ms");
    WARNINGS(
        yaml,
        "x.yaml:1:1: warning: 2 cells repeat others and are left out, first: \"harvest.interval=100ms\" is "
        "\"harvest.interval=100ms\"",
        "x.yaml:7:12: warning: include.seed: has no effect in any cell; it belongs to iotlb.replacement "
        "random");
    /* Asking for different things is enough to be different, also where the model does not look. */
    LABELS(HEAD
           "sweep: {iommu.model: [amd-v1, smmu-s1], iommu.granule: [4KiB, 16KiB], iommu.levels: [3, 4]}\n",
           "iommu.model=amd-v1 iommu.granule=4KiB iommu.levels=3",
           "iommu.model=amd-v1 iommu.granule=4KiB iommu.levels=4",
           "iommu.model=amd-v1 iommu.granule=16KiB iommu.levels=3",
           "iommu.model=amd-v1 iommu.granule=16KiB iommu.levels=4",
           "iommu.model=smmu-s1 iommu.granule=4KiB iommu.levels=3",
           "iommu.model=smmu-s1 iommu.granule=4KiB iommu.levels=4",
           "iommu.model=smmu-s1 iommu.granule=16KiB iommu.levels=3",
           "iommu.model=smmu-s1 iommu.granule=16KiB iommu.levels=4");
}

/* ---- configs ---- */

Test(configs_plan, defaults_of_the_specification)
{
    struct loaded loaded = load_text(HEAD, NULL);
    const struct cell_config *c = &cell_of(&loaded, 0)->config;
    cr_expect_eq(c->limit_records, UINT64_MAX);
    cr_expect_eq(c->max_payload_bytes, 4096);
    cr_expect_eq(c->iommu.levels, 4);
    cr_expect_eq(c->iommu.dbm, DBM_STATIC);
    cr_expect(c->iommu.ha && c->iommu.hd && c->iommu.ril);
    cr_expect_eq(c->iommu.mamv, 18);
    cr_expect_str_eq(c->mapping.source->name, "touched");
    cr_expect_eq(c->mapping.region_count, 0);
    cr_expect_eq(c->mapping.page_sizes, 1 << 12 | 1 << 21 | 1 << 30);
    cr_expect_eq(c->mapping.conflicts, CONFLICTS_ERROR);
    cr_expect_eq(c->mapping.unmap_flush, UNMAP_STRICT);
    cr_expect_eq(c->mapping.free_tables, FREE_COVERED);
    cr_expect_eq(c->domains, DOMAINS_SHARED);
    cr_expect_eq(c->iommu.pde, PDE_FREED);
    cr_expect_eq(c->iommu.ril_cut, RIL_LOOP);
    cr_expect_eq(c->iommu.address_bits, 48);
    cr_expect_not(c->harvest.before_unmap);
    cr_expect_eq(c->mapping.extent_bytes, 2097152);
    cr_expect_eq(c->iotlb.entries, 64);
    cr_expect_eq(c->iotlb.ways, 8);
    cr_expect_eq(c->iotlb.replacement, REPLACEMENT_LRU);
    cr_expect_eq(c->walk_cache.entries, 32);
    cr_expect_eq(c->walk_cache.ways, 0);
    cr_expect_str_eq(c->tracking.method->name, "hardware");
    cr_expect_eq(c->tracking.start_ns, 0);
    cr_expect_not(c->tracking.has_stop);
    cr_expect_null(c->tracking.ranges);
    cr_expect(c->tracking.clear_on_start);
    cr_expect_str_eq(c->harvest.policy->name, "periodic");
    cr_expect_eq(c->harvest.interval_ns, 100000000);
    cr_expect_eq(c->harvest.count, 100000);
    cr_expect_eq(c->harvest.flush, FLUSH_RANGE);
    cr_expect_eq(c->harvest.granule_bytes, 4096);
    cr_expect_eq(c->harvest.chunk_bytes, 0);
    cr_expect_not(c->harvest.no_clear);
    cr_expect(c->harvest.final);
    cr_expect_eq(c->seed, 1);
    cr_expect(loaded.experiment->intervals);
    unload(&loaded);
}

/* semantics.md 12. */
Test(configs_plan, default_costs_by_vendor)
{
    struct loaded loaded =
        load_text(HEAD "sweep: {iommu.model: [amd-v1, intel-ss, smmu-s1, smmu-s2]}\n", NULL);
    static const uint64_t command_ps[] = {66000, 66000, 120000, 120000};
    static const uint64_t sync_ps[] = {1000000, 1060000, 250000, 250000};
    static const uint64_t context_ps[] = {1100000, 2200000, 400000, 400000};
    for (size_t i = 0; i < 4; i++) {
        const struct cost_model *cost = &cell_of(&loaded, i)->config.cost;
        cr_expect_eq(cost->command_ps, command_ps[i]);
        cr_expect_eq(cost->sync_ps, sync_ps[i]);
        cr_expect_eq(cost->context_update_ps, context_ps[i]);
        cr_expect_eq(cost->walk_read_ps, 70000);
        cr_expect_eq(cost->walk_cache_hit_ps, 5000);
        cr_expect_eq(cost->iotlb_hit_ps, 2000);
        cr_expect_eq(cost->atc_miss_ps, 900000);
        cr_expect_eq(cost->ad_update_ps, 100000);
        cr_expect_eq(cost->scan_entry_ps, 2750);
        cr_expect_eq(cost->clear_entry_ps, 10000);
        cr_expect_eq(cost->report_page_ps, 1000);
        cr_expect_eq(cost->atc_command_ps, 1400000);
        cr_expect_eq(cost->fault_ps, 20000000);
        cr_expect_eq(cost->log_read_ps, 5000);
    }
    unload(&loaded);
}

Test(configs_plan, the_model_decides_levels_granule_and_sizes)
{
    struct loaded loaded =
        load_text(HEAD "sweep:\n  iommu.model: [amd-v1, smmu-s1]\n  iommu.granule: [16KiB, 64KiB]\n", NULL);
    const struct cell_config *amd = &cell_of(&loaded, 1)->config, *s16 = &cell_of(&loaded, 2)->config,
                             *s64 = &cell_of(&loaded, 3)->config;
    cr_expect_eq(amd->iommu.levels, 4);
    cr_expect_eq(amd->iommu.granule_bytes, 4096);
    cr_expect_eq(amd->mapping.page_sizes, 1 << 12 | 1 << 21 | 1 << 30);
    cr_expect_eq(s16->iommu.levels, 0);
    cr_expect_eq(s16->iommu.granule_bytes, 16384);
    cr_expect_eq(s16->mapping.page_sizes, 1 << 14 | 1 << 25);
    cr_expect_eq(s64->mapping.page_sizes, 1 << 16 | 1 << 29);
    unload(&loaded);
}

Test(configs_plan, values_arrive_in_the_config)
{
    struct loaded loaded =
        load_text("schema: 1\nname: x\nquestion: why\ntraces: [{path: t.csv}]\nlimits: {records: 5}\n"
                  "dma: {max_payload: 128B}\niommu: {model: smmu-s2, dbm: off, ha: false, hd: false, ril: "
                  "false, mamv: 0}\n"
                  "mapping:\n  source: static\n  page_sizes: [2MiB, 4KiB]\n"
                  "  regions: [{iova: 1GiB, size: 8KiB, address: 0x3000}, {iova: 4096, size: 4KiB}]\n"
                  "iotlb: {entries: 0x20, ways: 4, replacement: plru}\nwalk_cache: {entries: 8, ways: 2}\n"
                  "tracking: {method: exact, start: 1us, stop: 2us, clear_on_start: false,\n"
                  "  ranges: [{iova: 0, size: 4KiB}, {iova: 4KiB, size: 1GiB}]}\n"
                  "harvest: {policy: records, interval: 1ns, count: 7, flush: leaf, granule: 64KiB, chunk: "
                  "12KiB, no_clear: true,\n"
                  "  final: false}\ncost: {command: 0, fault: 0.001ns}\nseed: 18446744073709551615\noutputs: "
                  "{intervals: false}\n",
                  NULL);
    const struct cell_config *c = &cell_of(&loaded, 0)->config;
    cr_expect_eq(c->limit_records, 5);
    cr_expect_eq(c->max_payload_bytes, 128);
    cr_expect_str_eq(c->iommu.model->name, "smmu-s2");
    cr_expect_eq(c->iommu.dbm, DBM_OFF);
    cr_expect_not(c->iommu.ha || c->iommu.hd || c->iommu.ril);
    cr_expect_eq(c->iommu.mamv, 0);
    cr_expect_eq(c->mapping.region_count, 2);
    cr_expect_eq(c->mapping.regions[0].iova, 4096);
    cr_expect_eq(c->mapping.regions[0].address, 4096);
    cr_expect_eq(c->mapping.regions[1].iova, 1 << 30);
    cr_expect_eq(c->mapping.regions[1].bytes, 8192);
    cr_expect_eq(c->mapping.regions[1].address, 0x3000);
    cr_expect_eq(c->mapping.page_sizes, 1 << 12 | 1 << 21);
    cr_expect_eq(c->iotlb.entries, 32);
    cr_expect_eq(c->iotlb.ways, 4);
    cr_expect_eq(c->iotlb.replacement, REPLACEMENT_PLRU);
    cr_expect_eq(c->walk_cache.entries, 8);
    cr_expect_eq(c->walk_cache.ways, 2);
    cr_expect_str_eq(c->tracking.method->name, "exact");
    cr_expect_eq(c->tracking.start_ns, 1000);
    cr_expect(c->tracking.has_stop);
    cr_expect_eq(c->tracking.stop_ns, 2000);
    cr_expect_eq(c->tracking.range_count, 2);
    cr_expect_eq(c->tracking.ranges[1].iova, 4096);
    cr_expect_not(c->tracking.clear_on_start);
    cr_expect_str_eq(c->harvest.policy->name, "records");
    cr_expect_eq(c->harvest.interval_ns, 1);
    cr_expect_eq(c->harvest.count, 7);
    cr_expect_eq(c->harvest.flush, FLUSH_LEAF);
    cr_expect_eq(c->harvest.granule_bytes, 65536);
    cr_expect_eq(c->harvest.chunk_bytes, 12288);
    cr_expect(c->harvest.no_clear);
    cr_expect_not(c->harvest.final);
    cr_expect_eq(c->cost.command_ps, 0);
    cr_expect_eq(c->cost.fault_ps, 1);
    cr_expect_eq(c->seed, UINT64_MAX);
    cr_expect_not(loaded.experiment->intervals);
    cr_expect_str_eq(loaded.experiment->question, "why");
    unload(&loaded);
}

/* ---- overrides ---- */

Test(configs_plan, overrides)
{
    struct loaded loaded = load_text(HEAD "harvest: {interval: 1s, count: 3}\n",
                                     SETS("harvest.interval=10ms", "name=y", "iotlb={entries: 128, ways: 0}",
                                          "harvest={granule: 8KiB}", "sweep.harvest.count=[4, 5]",
                                          "seed=0x10", "harvest.policy=records"));
    cr_assert(loaded.good);
    cr_expect_str_eq(loaded.experiment->name, "y");
    cr_assert_eq(loaded.plan->cell_count, 2);
    cr_expect_str_eq(loaded.plan->cells[1].label, "harvest.count=5");
    const struct cell_config *c = &loaded.plan->cells[1].config;
    cr_expect_eq(c->harvest.interval_ns, 10000000);
    cr_expect_eq(c->harvest.granule_bytes, 8192);
    cr_expect_eq(c->iotlb.entries, 128);
    cr_expect_eq(c->seed, 16);
    unload(&loaded);
    /* A swept key that is set is swept no more. */
    loaded = load_text(HEAD "sweep: {harvest.interval: [1ms, 2ms], iotlb.entries: [8, 16]}\n",
                       SETS("harvest.interval=5ms"));
    cr_assert(loaded.good);
    cr_expect_eq(loaded.plan->cell_count, 2);
    cr_expect_str_eq(loaded.plan->cells[0].label, "iotlb.entries=8");
    cr_expect_eq(loaded.plan->cells[0].config.harvest.interval_ns, 5000000);
    unload(&loaded);
}

/* ---- traces ---- */

Test(configs_plan, traces_are_globbed_bytewise_from_the_file)
{
    struct error_list messages = {0};
    struct experiment *experiment;
    static const char yaml[] = "schema: 1\nname: x\ntraces:\n  - {path: ../t/*.csv}\n  - {path: ../t/a.csv}\n"
                               "  - {path: ../t/z.gz, format: csv, sha256: "
                               "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789}\n";
    enter_fresh_folder();
    cr_assert_eq(mkdir("e[1]", 0700) | mkdir("t", 0700), 0);
    write_file("e[1]/x.yaml", yaml, sizeof yaml - 1);
    for (const char *const *name = (const char *const[]){"t/b.csv", "t/B.csv", "t/a.csv", "t/z.gz", NULL};
         *name; name++)
        write_file(*name, "", 0);
    cr_assert(experiment_load("e[1]/x.yaml", NULL, 0, &experiment, &messages));
    cr_assert_eq(experiment->trace_count, 4);
    cr_expect_str_eq(experiment->traces[0].path, "e[1]/../t/B.csv");
    cr_expect_str_eq(experiment->traces[1].path, "e[1]/../t/a.csv");
    cr_expect_str_eq(experiment->traces[2].path, "e[1]/../t/b.csv");
    cr_expect_str_eq(experiment->traces[3].format, "csv");
    cr_expect_str_eq(experiment->traces[3].sha256,
                     "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
    cr_expect_null(experiment->traces[0].format);
    cr_assert_eq(messages.warning_count, 1);
    cr_expect_str_eq(messages.warnings[0].text,
                     "e[1]/x.yaml:5:12: warning: traces[1].path: \"e[1]/../t/a.csv\" is listed "
                     "already; it is replayed once");
    experiment_free(experiment);
    error_list_free(&messages);
    leave_folder();
}

/* ---- texts ---- */

/* Every default written out loads back to the same cell, for each shape of cell. */
Test(configs_plan, resolved_yaml_loads_back)
{
    static const char *const yamls[] = {
        HEAD,
        HEAD "sweep: {iommu.model: [amd-v1, intel-ss, smmu-s1, smmu-s2], mapping.page_sizes: [[4KiB], [2MiB, "
             "1GiB]],"
             " mapping.extent: [1GiB]}\n",
        HEAD
        "sweep:\n  iommu.granule: [16KiB, 64KiB]\n  iommu.model: [smmu-s1]\n  harvest.chunk: [none, 1GiB]\n",
        "schema: 1\nname: x\nquestion: 'a \"quoted\" \\ question'\ntraces: [{path: t.csv, format: csv}]\n"
        "limits: {records: 7}\niommu: {model: smmu-s1, dbm: off}\n"
        "mapping: {source: static, regions: [{iova: 0x7000, size: 4KiB}, {iova: 0, size: 16KiB, address: "
        "4TiB}]}\n"
        "tracking: {start: 1ns, stop: 90us, ranges: [{iova: 0, size: 4KiB}]}\ncost: {sync: 1.001ns}\n"
        "iotlb: {replacement: random}\nseed: 0xffffffffffffffff\noutputs: {intervals: false}\n",
    };
    for (size_t i = 0; i < sizeof yamls / sizeof *yamls; i++) {
        struct loaded loaded = load_text(yamls[i], NULL);
        cr_assert(loaded.good, "%s", loaded.messages.error_count ? loaded.messages.errors[0].text : "");
        for (size_t k = 0; k < loaded.plan->cell_count; k++) {
            const struct plan_cell *cell = &loaded.plan->cells[k];
            char *yaml = plan_resolved_yaml(loaded.experiment, cell, SIZE_MAX);
            char *canonical = plan_canonical(cell);
            struct loaded again = load_text(yaml, NULL);
            cr_assert(again.good, "%s", again.messages.error_count ? again.messages.errors[0].text : "");
            cr_expect_eq(again.messages.warning_count, 0, "%s",
                         again.messages.warning_count ? again.messages.warnings[0].text : "");
            cr_assert_eq(again.plan->cell_count, 1);
            char *same = plan_canonical(&again.plan->cells[0]);
            cr_expect_str_eq(same, canonical);
            cr_expect_eq(again.experiment->intervals, loaded.experiment->intervals);
            cr_expect_str_eq(again.experiment->traces[0].path, "t.csv");
            free(same);
            free(canonical);
            free(yaml);
            unload(&again);
        }
        unload(&loaded);
    }
}

Test(configs_plan, canonical_text_and_id)
{
    struct loaded loaded = load_text(HEAD "sweep: {harvest.interval: [100ms, 200ms]}\n", NULL);
    struct loaded other = load_text("schema: 1\nname: other\nquestion: different\ntraces: [{path: t.csv}]\n"
                                    "iommu: {model: amd-v1, levels: 4}\nmapping: {source: touched}\n"
                                    "harvest: {interval: 100000us}\noutputs: {intervals: false}\n",
                                    NULL);
    char *first = plan_canonical(cell_of(&loaded, 0)), *second = plan_canonical(cell_of(&loaded, 1));
    char *same = plan_canonical(cell_of(&other, 0));
    cr_expect_str_eq(first, same);
    cr_expect_str_neq(first, second);
    cr_expect(strncmp(first,
                      "limits.records=none\ndomains=shared\ndma.max_payload=4KiB\niommu.model=amd-v1\n",
                      70) == 0);
    cr_expect_not_null(strstr(first, "\nharvest.interval=100ms\n"));
    cr_expect_not_null(strstr(first, "\ncost.scan_entry=2.75ns\n"));
    cr_expect_not_null(strstr(first, "\nmapping.page_sizes=4KiB+2MiB+1GiB\n"));
    char a[PLAN_ID_BYTES], b[PLAN_ID_BYTES], c[PLAN_ID_BYTES], d[PLAN_ID_BYTES];
    cr_assert(plan_cell_id(cell_of(&loaded, 0), "00", a) && plan_cell_id(cell_of(&other, 0), "00", b) &&
              plan_cell_id(cell_of(&loaded, 0), "01", c) && plan_cell_id(cell_of(&loaded, 1), "00", d));
    cr_expect_eq(strlen(a), 12);
    cr_expect_eq(strspn(a, "0123456789abcdef"), 12);
    cr_expect_str_eq(a, b);
    cr_expect_str_neq(a, c);
    cr_expect_str_neq(a, d);
    free(first);
    free(second);
    free(same);
    unload(&loaded);
    unload(&other);
}

static void expect_columns(const char *yaml, size_t cell, const char *const expected[])
{
    struct loaded loaded = load_text(yaml, NULL);
    const struct plan_cell *at = cell_of(&loaded, cell);
    size_t i = 0;
    for (; i < loaded.plan->column_count && expected[2 * i]; i++) {
        char *value = plan_value(at, &loaded.plan->columns[i]);
        cr_expect_str_eq(loaded.plan->columns[i].name, expected[2 * i]);
        cr_expect_str_eq(value, expected[2 * i + 1], "%s: %s", expected[2 * i], value);
        free(value);
    }
    cr_expect_eq(i, loaded.plan->column_count);
    cr_expect_null(expected[2 * i]);
    unload(&loaded);
}

Test(configs_plan, columns_are_what_varies_or_differs)
{
    expect_columns(HEAD, 0,
                   (const char *const[]){"iommu_model", "amd-v1", "mapping_source", "touched", NULL});
    expect_columns(
        "schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {granule: 4KiB, levels: 4}\n"
        "mapping: {source: static, regions: [{iova: 8KiB, size: 4KiB, address: 0}, {iova: 0, size: 4KiB}]}\n"
        "harvest: {interval: 1.5us, granule: 4KiB, chunk: 8KiB, no_clear: true}\n"
        "tracking: {ranges: [{iova: 0, size: 4KiB}]}\ncost: {scan_entry: 3.25ns, command: 66ns}\n"
        "sweep: {iommu.model: [amd-v1, smmu-s1], iotlb.ways: [8], mapping.page_sizes: [[2MiB, 4KiB]]}\n",
        1,
        (const char *const[]){"iommu_model",
                              "smmu-s1",
                              "mapping_source",
                              "static",
                              "mapping_regions",
                              "0:4KiB:0+0x2000:4KiB:0",
                              "mapped_bytes",
                              "8192",
                              "mapping_page_sizes",
                              "4096+2097152",
                              "iotlb_ways",
                              "8",
                              "tracking_ranges",
                              "0:4KiB",
                              "harvest_interval_ns",
                              "1500",
                              "harvest_chunk_bytes",
                              "8192",
                              "harvest_no_clear",
                              "true",
                              "cost_scan_entry_ns",
                              "3.25",
                              "cost_command_ns",
                              "66",
                              NULL});
    expect_columns(HEAD "sweep: {harvest.chunk: [none, 4KiB], limits.records: [none]}\n", 0,
                   (const char *const[]){"limits_records", "none", "iommu_model", "amd-v1", "mapping_source",
                                         "touched", "harvest_chunk_bytes", "none", NULL});
}

/* A column of a key that the cell's design does not look at is empty. */
Test(configs_plan, keys_of_another_choice_have_no_value)
{
    static const char yaml[] = HEAD
        "sweep:\n  iommu: [{model: amd-v1, pde: always}, {model: smmu-s1, dbm: dynamic, ril_cut: pair},\n"
        "    {model: intel-ss, mamv: 9}]\n"
        "  mapping: [{source: touched, extent: 1GiB}, {source: trace, conflicts: count}]\n";
    expect_columns(yaml, 0,
                   (const char *const[]){"iommu_model", "amd-v1", "iommu_dbm", "", "iommu_ril_cut", "",
                                         "iommu_pde", "always", "iommu_mamv", "", "mapping_source", "touched",
                                         "mapping_extent_bytes", "1073741824", "mapping_conflicts", "",
                                         NULL});
    expect_columns(yaml, 3,
                   (const char *const[]){"iommu_model", "smmu-s1", "iommu_dbm", "dynamic", "iommu_ril_cut",
                                         "pair", "iommu_pde", "", "iommu_mamv", "", "mapping_source", "trace",
                                         "mapping_extent_bytes", "", "mapping_conflicts", "count", NULL});
}

Test(configs_plan, keys_that_belong_to_another_choice_are_warned_about)
{
    WARNINGS(
        "schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: intel-ss, pde: always, ril_cut: pair}\n"
        "mapping: {source: touched, conflicts: count, unmap_flush: none, free_tables: empty}\n"
        "harvest: {before_unmap: true}\n",
        "x.yaml:4:26: warning: iommu.pde: has no effect in any cell; it belongs to amd-v1",
        "x.yaml:4:39: warning: iommu.ril_cut: has no effect in any cell; it belongs to smmu-s1 and smmu-s2 "
        "with ril",
        "x.yaml:5:28: warning: mapping.conflicts: has no effect in any cell; it belongs to mapping.source "
        "trace",
        "x.yaml:5:46: warning: mapping.unmap_flush: has no effect in any cell; it belongs to "
        "mapping.source trace",
        "x.yaml:5:65: warning: mapping.free_tables: has no effect in any cell; it belongs to "
        "mapping.source trace",
        "x.yaml:6:11: warning: harvest.before_unmap: has no effect in any cell; it belongs to "
        "mapping.source trace");
    /* Under source trace regions may be left out, and all these count. */
    WARNINGS("schema: 1\nname: x\ntraces: [{path: t.csv}]\ndomains: per_device\niommu: {model: amd-v1, pde: "
             "always}\n"
             "mapping: {source: trace, conflicts: count, unmap_flush: deferred, free_tables: empty}\n"
             "harvest: {before_unmap: true}\n",
             NULL);
}
