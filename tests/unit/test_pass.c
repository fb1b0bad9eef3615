/* sim/engine/pass.h: a cell that cannot be built fails alone. */
#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/engine/pass.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

enum { RECORDS = 1000 };

extern const struct harvest_policy policy_none, policy_records;
extern const struct mapping_source mapping_static;
extern const struct tracking_method tracking_hardware;
extern const struct pt_format pt_smmu_s1;

static struct config_region region = {.iova = 0, .bytes = 1 << 30, .address = 0};

static struct cell_config make_cell(uint64_t iotlb_entries, enum flush_mode flush)
{
    struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096, .seed = 1};
    config.iommu.model = &pt_smmu_s1;
    config.iommu.granule_bytes = 4096;
    config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
    config.mapping.source = &mapping_static;
    config.mapping.regions = &region;
    config.mapping.region_count = 1;
    config.iommu.address_bits = 48;
    config.mapping.page_sizes = UINT64_C(1) << 12;
    config.iotlb.entries = iotlb_entries;
    config.iotlb.replacement = REPLACEMENT_RANDOM;
    config.walk_cache.entries = 32;
    config.tracking.method = &tracking_hardware;
    config.harvest.policy = &policy_none;
    config.harvest.flush = flush;
    config.harvest.granule_bytes = 4096;
    config.harvest.final = true;
    return config;
}

static void make_trace(struct trace_store *store, uint64_t from_ns)
{
    static uint64_t time_ns[RECORDS], iova[RECORDS], bytes[RECORDS];
    static uint16_t device[RECORDS];
    static uint8_t op[RECORDS];
    struct trace_batch batch = {RECORDS, 0, time_ns, iova, bytes, iova, device, op};
    struct error error = {0};
    for (size_t i = 0; i < RECORDS; i++) {
        time_ns[i] = from_ns + i;
        iova[i] = i * 4096;
        bytes[i] = 64;
        op[i] = i % 2 ? TRACE_READ : TRACE_WRITE;
    }
    cr_assert(trace_store_add(store, &batch, &error));
}

/* The big IOTLBs do not fit: one shares nothing (flush: none), one would have begun a cohort that others
 * join. */
Test(pass, a_cell_that_does_not_fit_fails_alone)
{
    const struct cell_config configs[] = {make_cell(1 << 22, FLUSH_NONE), make_cell(1 << 22, FLUSH_RANGE),
                                          make_cell(64, FLUSH_RANGE), make_cell(64, FLUSH_NONE)};
    const struct cell_config *const cells[] = {&configs[0], &configs[1], &configs[2], &configs[3]};
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct trace_store store = {0};
        struct pass_result results[4];
        struct error error = {0};
        struct pass_options options = {.threads = threads, .batch_records = TRACE_BATCH_RECORDS};
        make_trace(&store, 0);
        memory_limit_set(memory_used() + (16 << 20));
        cr_assert(pass_run_store(&options, &store, cells, 4, results, &error), "%s", error.text);
        memory_limit_set(0);
        for (int i = 0; i < 4; i++)
            cr_expect_eq(results[i].error.kind, i < 2 ? ERROR_MEMORY : ERROR_NONE, "cell %d, %u threads", i,
                         threads);
        cr_expect_eq(results[2].metrics.writes, RECORDS / 2);
        cr_expect_eq(results[2].metrics.true_pages, RECORDS / 2);
        cr_expect_eq(results[3].metrics.requests, RECORDS);
        trace_store_free(&store);
        cr_expect_eq(memory_used(), 0);
    }
}

static _Atomic bool interrupted;

static void interrupt_late(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    (void)total;
    if (done > 0)
        atomic_store(&interrupted, true);
}

/* Harvests before the interruption have filled intervals, which are given back. */
Test(pass, an_interrupted_pass_keeps_no_memory)
{
    struct cell_config config = make_cell(64, FLUSH_RANGE);
    config.harvest.policy = &policy_records;
    config.harvest.count = 10;
    const struct cell_config *const cells[] = {&config};
    struct trace_store store = {0};
    struct pass_result results[1];
    struct error error = {0};
    struct pass_options options = {.threads = 1,
                                   .batch_records = TRACE_BATCH_RECORDS,
                                   .intervals = true,
                                   .interrupted = &interrupted,
                                   .progress = interrupt_late};
    for (int i = 0; i < 5; i++) /* more than one batch */
        make_trace(&store, (uint64_t)i * RECORDS);
    cr_assert_not(pass_run_store(&options, &store, cells, 1, results, &error));
    cr_expect_eq(error.kind, ERROR_INTERRUPTED);
    trace_store_free(&store);
    cr_expect_eq(memory_used(), 0);
}
