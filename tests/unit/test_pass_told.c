/* Traces that tell what is in them are replayed unread; one that tells something wrong is found out, and read. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/engine/pass.h"
#include "sim/engine/survey.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "tests/unit/test_native.h"
#include "traces/native/native_block.h"
#include "traces/native/native_gzip.h"
#include "traces/native/native_summary.h"

TestSuite(pass_told, .fini = trace_test_clean);

extern const struct harvest_policy policy_none;
extern const struct mapping_source mapping_touched;
extern const struct tracking_method tracking_hardware;
extern const struct pt_format pt_smmu_s1;

enum { RECORDS = 10000, TILE_BYTES = 2 << 20 };

static struct cell_config make_cell(uint64_t extent_bytes)
{
    struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096, .seed = 1};
    config.iommu.model = &pt_smmu_s1;
    config.iommu.granule_bytes = 4096;
    config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
    config.iommu.address_bits = 48;
    config.mapping.source = &mapping_touched;
    config.mapping.page_sizes = UINT64_C(1) << 12;
    config.mapping.extent_bytes = extent_bytes;
    config.iotlb.entries = 64;
    config.iotlb.replacement = REPLACEMENT_RANDOM;
    config.walk_cache.entries = 32;
    config.tracking.method = &tracking_hardware;
    config.harvest.policy = &policy_none;
    config.harvest.flush = FLUSH_RANGE;
    config.harvest.granule_bytes = 4096;
    config.harvest.final = true;
    return config;
}

/* Accesses of two devices to 20 tiles; the last record is as given. */
static struct trace_store make_store(uint64_t last_tile, unsigned last_device, enum trace_op last_op)
{
    struct trace_store store = {0};
    for (unsigned i = 0; i + 1 < RECORDS; i++)
        native_test_add(&store, i * 10, 8 + i % 2, i % 3 ? TRACE_READ : TRACE_WRITE,
                        UINT64_C(7919) * i % 20 * TILE_BYTES + i % 512 * 4096, 4096, 0);
    native_test_add(&store, RECORDS * 10, last_device, last_op, last_tile * TILE_BYTES, 4096, 0);
    return store;
}

static void append(const char *path, struct native_packer *packer, enum native_member_kind kind, uint64_t position,
                   const uint8_t *payload, size_t payload_bytes, size_t *bytes)
{
    const uint8_t *member;
    struct error error = {0};
    cr_assert(native_pack(packer, kind, position, payload, payload_bytes, 0, &member, bytes, &error), "%s", error.text);
    FILE *file = fopen(path, "ab");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(member, 1, *bytes, file), *bytes);
    fclose(file);
}

/* A whole file with the records of one store and the summary of another. */
static const char *make_file(const struct trace_store *store, const struct trace_store *told)
{
    static struct native_records records;
    const char *path = trace_test_file(".dwt", "", 0);
    struct native_encoder *encoder;
    struct native_packer *packer;
    struct native_gatherer *gatherer;
    struct error error = {0};
    size_t payload_bytes, incompressible, bytes, more;
    const uint8_t *payload;
    cr_assert(native_encoder_new(&encoder, &error) && native_packer_new(&packer, &error) &&
              native_gatherer_new(&gatherer, &error));
    records.count = (uint32_t)store->count;
    memcpy(records.time_ns, store->time_ns, store->count * sizeof *store->time_ns);
    memcpy(records.iova, store->iova, store->count * sizeof *store->iova);
    memcpy(records.bytes, store->bytes, store->count * sizeof *store->bytes);
    memcpy(records.address, store->address, store->count * sizeof *store->address);
    memcpy(records.device, store->device, store->count * sizeof *store->device);
    memcpy(records.op, store->op, store->count * sizeof *store->op);
    payload = native_block_encode(encoder, &records, 0, &payload_bytes, &incompressible);
    append(path, packer, NATIVE_MEMBER_BLOCK, 0, payload, payload_bytes, &bytes);
    for (size_t at = 0; at < told->count;) {
        struct trace_batch batch = trace_store_view(told, at);
        native_gatherer_records(gatherer, &batch);
        at += batch.count;
    }
    struct native_index_entry entry = {.first_time_ns = store->time_ns[0], .bytes = (uint32_t)bytes};
    cr_assert(native_gatherer_block(gatherer, &entry, payload, payload_bytes, &error) &&
              native_gatherer_finish(gatherer, "", &payload, &payload_bytes, &error));
    append(path, packer, NATIVE_MEMBER_SUMMARY, bytes, payload, payload_bytes, &more);
    append(path, packer, NATIVE_MEMBER_END, bytes, payload, 0, &more);
    native_gatherer_free(gatherer);
    native_packer_free(packer);
    native_encoder_free(encoder);
    return path;
}

static bool is_told(struct trace *trace, const struct cell_config *const cells[], size_t count)
{
    struct survey survey;
    struct error error = {0};
    bool told;
    cr_assert(survey_init(&survey, cells, count, &error) && survey_told(&survey, trace, cells, count, &told, &error));
    survey_free(&survey);
    return told;
}

/* The results are those of the records, whatever the summary says. */
static void expect_right(const struct trace_store *store, const struct trace_store *told, uint64_t extent_bytes,
                         bool unread)
{
    const struct cell_config config = make_cell(extent_bytes);
    const struct cell_config *const cells[] = {&config};
    struct error error = {0};
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct pass_options options = {
            .threads = threads, .batch_records = TRACE_BATCH_RECORDS, .intervals = true, .store_bytes = 1 << 20};
        struct pass_result expected = {0}, result = {0};
        struct trace_facts facts = {0};
        struct trace *trace;
        cr_assert(trace_open(make_file(store, told), NULL, UINT64_MAX, &trace, &error), "%s", error.text);
        cr_assert_eq(is_told(trace, cells, 1), unread);
        cr_assert(pass_run_store(&options, store, cells, 1, &expected, &error), "%s", error.text);
        cr_assert(pass_run(&options, trace, cells, 1, &result, &facts, &error), "%s", error.text);
        cr_expect_eq(memcmp(&result.metrics, &expected.metrics, sizeof result.metrics), 0);
        cr_expect_eq(memcmp(&result.seen, &expected.seen, sizeof result.seen), 0);
        cr_expect_eq(result.interval_count, expected.interval_count);
        cr_expect_eq(facts.records, store->count);
        trace_close(trace);
        pass_result_free(&result);
        pass_result_free(&expected);
    }
}

Test(pass_told, a_summary_is_believed_as_far_as_it_is_right)
{
    struct trace_store store = make_store(3, 8, TRACE_WRITE);
    struct trace_store others[] = {
        make_store(3, 8, TRACE_WRITE), /* the same */
        make_store(40, 8, TRACE_WRITE), make_store(3, 77, TRACE_WRITE), make_store(3, 8, TRACE_READ)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_right(&store, &others[i], TILE_BYTES, true);
        expect_right(&others[i], &store, 3 * (uint64_t)TILE_BYTES, true);
        /* Smaller extents than tiles: told too little. */
        expect_right(&store, &others[i], 4096, false);
        trace_store_free(&others[i]);
    }
    struct trace_store translated = make_store(3, 8, TRACE_TRANSLATE);
    expect_right(&translated, &translated, TILE_BYTES, false);
    trace_store_free(&translated);
    trace_store_free(&store);
    cr_expect_eq(memory_used(), 0);
}
