/* Closed forms V7 V8 V10 V11 V16 V20 (facts: formulas for validation) through the engine: tables, what
 * scanning and flushing them costs, and domains. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "sim/base/rng.h"
#include "tests/property/closed_forms.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

#define GIB (UINT64_C(1) << 30)

/* One cell over one trace; the caller keeps both. */
static struct metrics measure(const struct cell_config *cell, const struct trace_store *store)
{
    struct pass_result result;
    experiment_run(store, cell, 1, BATCH, 1, &result);
    struct metrics metrics = result.metrics;
    pass_result_free(&result);
    return metrics;
}

static struct metrics measure_one_read(struct cell_config *cell)
{
    struct trace_store store = {0};
    experiment_add_record(&store, TRACE_READ, 0, 0, 0, 1);
    struct metrics metrics = measure(cell, &store);
    trace_store_free(&store);
    return metrics;
}

/* V7: switching by context costs per device, not per leaf. */
Test(closed_forms, v7_toggle_per_device)
{
    static const struct {
        const char *model;
        uint64_t commands_each, commands, syncs_each, syncs;
    } rows[] = {{"amd-v1", 1, 1, 0, 1}, {"intel-ss", 2, 0, 2, 0}, {"riscv-g", 1, 1, 0, 1}};
    for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++)
        for (uint64_t devices = 1; devices <= 5; devices++) {
            struct trace_store store = {0};
            struct cell_config cell = experiment_cell(rows[row].model);
            experiment_add_region(&cell, 0, devices << 21, 0);
            cell.tracking.clear_on_start = false;
            for (uint64_t d = 0; d < devices; d++)
                experiment_add_record(&store, TRACE_READ, d, (uint16_t)(100 * d), 0, 1);
            struct metrics m = measure(&cell, &store);
            uint64_t ps = devices * cell.cost.context_update_ps +
                          (rows[row].commands_each * devices + rows[row].commands) * cell.cost.command_ps +
                          (rows[row].syncs_each * devices + rows[row].syncs) * cell.cost.sync_ps;
            cr_expect(m.toggle_ns == (ps + 500) / 1000, "%s: %llu", rows[row].model,
                      (unsigned long long)m.toggle_ns);
            cr_expect(m.context_updates == devices);
            experiment_cell_free(&cell);
            trace_store_free(&store);
        }
}

/* V7: switching by walking writes every entry: 262144 : 512 : 1 for leaves of 4 KiB, 2 MiB, 1 GiB. */
Test(closed_forms, v7_toggle_by_walking)
{
    static const unsigned sizes[] = {12, 21, 30};
    for (uint64_t gib = 1; gib <= 3; gib++)
        for (size_t i = 0; i < 3; i++) {
            struct cell_config cell = experiment_cell("smmu-s2");
            cell.iommu.dbm = DBM_DYNAMIC;
            cell.mapping.page_sizes = UINT64_C(1) << sizes[i];
            experiment_add_region(&cell, 0, gib * GIB, 0);
            struct metrics m = measure_one_read(&cell);
            cr_expect(m.toggle_written_entries == gib * GIB >> sizes[i]);
            cr_expect(m.leaves == gib * GIB >> sizes[i]);
            experiment_cell_free(&cell);
        }
}

/* V8: a table of level j is there for every 2^(granule + bits*(j+1)) bytes, up to one root. */
static uint64_t dense_table_bytes(uint64_t bytes, unsigned leaf_level, unsigned levels, unsigned granule_lg2,
                                  unsigned index_bits, uint64_t root_bytes)
{
    uint64_t sum = root_bytes;
    for (unsigned level = leaf_level; level + 1 < levels; level++) {
        uint64_t span = UINT64_C(1) << (granule_lg2 + index_bits * (level + 1));
        sum += (bytes + span - 1) / span * (UINT64_C(8) << index_bits);
    }
    return sum;
}

Test(closed_forms, v8_table_memory)
{
    static const struct {
        const char *model;
        unsigned levels, granule_lg2, index_bits, address_bits, table_levels, leaf_lg2, leaf_level;
        uint64_t bytes, root_bytes, expected; /* expected: printed in the facts; 0: by the formula alone */
    } rows[] = {
        {"amd-v1", 4, 12, 9, 48, 4, 12, 0, 1024 * GIB, 4096, 2151690240},
        {"amd-v1", 4, 12, 9, 48, 4, 21, 1, 1024 * GIB, 4096, 4206592},
        {"intel-ss", 4, 12, 9, 48, 4, 30, 2, 1024 * GIB, 4096, 12288},
        {"intel-ss", 4, 12, 9, 48, 4, 12, 0, 64 * GIB, 4096, 134488064},
        {"amd-v1", 4, 12, 9, 48, 4, 21, 1, 64 * GIB, 4096, 270336},
        {"smmu-s1", 0, 12, 9, 48, 4, 30, 2, 64 * GIB, 4096, 8192},
        {"amd-v1", 6, 12, 9, 48, 6, 21, 1, 64 * GIB, 4096, 0},
        {"intel-ss", 3, 12, 9, 48, 3, 21, 1, 64 * GIB, 4096, 0},
        {"riscv-g", 3, 12, 9, 48, 3, 16, 0, 64 * GIB, 16384, 0},
        {"riscv-g", 5, 12, 9, 48, 5, 30, 2, 64 * GIB, 16384, 0},
        {"smmu-s1", 0, 14, 11, 48, 4, 21, 0, 64 * GIB, 16384, 0},
        {"smmu-s2", 0, 14, 11, 48, 3, 25, 1, 64 * GIB, 32768, 0},
        {"smmu-s2", 0, 12, 9, 42, 3, 25, 1, 64 * GIB, 32768, 0},
        {"smmu-s1", 0, 16, 13, 44, 3, 29, 1, 64 * GIB, 65536, 0},
    };
    for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
        struct cell_config cell = experiment_cell(rows[row].model);
        cell.iommu.levels = rows[row].levels;
        cell.iommu.granule_bytes = UINT64_C(1) << rows[row].granule_lg2;
        cell.iommu.address_bits = rows[row].address_bits;
        cell.mapping.page_sizes = UINT64_C(1) << rows[row].leaf_lg2;
        experiment_add_region(&cell, 0, rows[row].bytes, 0);
        struct metrics m = measure_one_read(&cell);
        uint64_t expected =
            dense_table_bytes(rows[row].bytes, rows[row].leaf_level, rows[row].table_levels,
                              rows[row].granule_lg2, rows[row].index_bits, rows[row].root_bytes);
        cr_expect(rows[row].expected == 0 || rows[row].expected == expected);
        cr_expect(m.table_bytes == expected, "row %zu: %llu, not %llu", row,
                  (unsigned long long)m.table_bytes, (unsigned long long)expected);
        cr_expect(m.leaves == rows[row].bytes >> rows[row].leaf_lg2);
        experiment_cell_free(&cell);
    }
}

/* V10: one bit a page; a chunk of 64 GiB is a bitmap of 2 MiB, and a border of windows. */
Test(closed_forms, v10_bitmap_and_chunks)
{
    for (uint64_t chunks = 1; chunks <= 3; chunks++) {
        struct cell_config cell = experiment_cell("amd-v1");
        cell.mapping.page_sizes = UINT64_C(1) << 30;
        cell.harvest.chunk_bytes = 64 * GIB;
        experiment_add_region(&cell, 0, chunks * 64 * GIB, 0);
        struct metrics m = measure_one_read(&cell);
        cr_expect(m.scanned_tables == chunks * 2); /* each window: the root and the one below */
        cr_expect(m.scanned_entries == chunks * (1 + 64));
        experiment_set_method(&cell, "all");
        m = measure_one_read(&cell);
        cr_expect(m.reported_pages / 8 == chunks * (UINT64_C(2) << 20));
        experiment_cell_free(&cell);
    }
}

/* V11: 32 MiB take 8192 commands by 4 KiB leaves and 16 by 2 MiB leaves, and one wait. */
Test(closed_forms, v11_commands_by_leaf)
{
    for (unsigned lg2 = 12; lg2 <= 21; lg2 += 9) {
        struct cell_config cell = experiment_cell("smmu-s1");
        cell.mapping.page_sizes = UINT64_C(1) << lg2;
        cell.tracking.clear_on_start = false; /* born dirty */
        cell.harvest.flush = FLUSH_LEAF;
        experiment_add_region(&cell, 0, 32 << 20, 0);
        struct metrics m = measure_one_read(&cell);
        cr_expect(m.flush_commands == (lg2 == 12 ? 8192 : 16));
        cr_expect(m.flush_syncs == 1);
        experiment_cell_free(&cell);
    }
}

/* V11: the smallest aligned power-of-two block that holds both ends. */
Test(closed_forms, v11_cover)
{
    enum { CACHED = 64 };
    uint64_t rng = 41;
    for (int run = 0; run < 60; run++) {
        struct trace_store store = {0};
        struct cell_config cell = uniform_cell(CACHED, 12);
        uint64_t a = rng_next(&rng) % CACHED, b = rng_next(&rng) % CACHED, block = 1;
        cell.iotlb.ways = 0;
        for (uint64_t page = 0; page < CACHED; page++)
            experiment_add_record(&store, page == a || page == b ? TRACE_WRITE : TRACE_READ, page, 0,
                                  page * PAGE_BYTES, 1);
        while (a / block != b / block)
            block *= 2;
        struct metrics m = measure(&cell, &store);
        cr_expect(m.flush_commands == 1 && m.iotlb_invalidated == block, "%llu and %llu: %llu, not %llu",
                  (unsigned long long)a, (unsigned long long)b, (unsigned long long)m.iotlb_invalidated,
                  (unsigned long long)block);
        cr_expect(m.flush_overreach == block - (a == b ? 1 : 2));
        experiment_cell_free(&cell);
        trace_store_free(&store);
    }
}

/* V16: writers that share a domain dirty the union of their pages; apart, each its own. */
Test(closed_forms, v16_devices, .timeout = 0)
{
    static const uint64_t writes[] = {1000, 3000, 6000};
    enum { PAGES = 8192, RUNS = 8, DEVICES = 3 };
    struct sample shared = {0}, apart = {0};
    double all = 0, sum = 0, variance = 0;
    uint64_t rng = 42;

    for (unsigned run = 0; run < RUNS; run++) {
        struct trace_store store = {0};
        struct cell_config cells[2] = {uniform_cell(PAGES, 12), uniform_cell(PAGES, 12)};
        struct pass_result results[2];
        for (uint16_t d = 0; d < DEVICES; d++)
            for (uint64_t i = 0; i < writes[d]; i++)
                experiment_add_record(&store, TRACE_WRITE, store.count, d,
                                      rng_next(&rng) % PAGES * PAGE_BYTES, 1);
        cells[1].domains = DOMAINS_PER_DEVICE;
        experiment_run(&store, cells, 2, BATCH, 1, results);
        sample_add(&shared, (double)results[0].metrics.reported_pages);
        sample_add(&apart, (double)results[1].metrics.reported_pages);
        for (int i = 0; i < 2; i++) {
            cr_expect(results[i].metrics.domain_count == (i == 0 ? 1 : DEVICES));
            pass_result_free(&results[i]);
            experiment_cell_free(&cells[i]);
        }
        trace_store_free(&store);
    }
    for (int d = 0; d < DEVICES; d++) {
        all += (double)writes[d];
        sum += distinct_mean(PAGES, (double)writes[d]);
        variance += pow(distinct_sigma(PAGES, (double)writes[d]), 2);
    }
    cr_expect(fabs(sample_mean(&shared) - distinct_mean(PAGES, all)) <=
              4 * distinct_sigma(PAGES, all) / sqrt(RUNS));
    cr_expect(fabs(sample_mean(&apart) - sum) <= 4 * sqrt(variance / RUNS));
}

/* V20: strict waits once an unmap; deferred once per 256 unmaps or per 10 ms, whichever is fewer. */
Test(closed_forms, v20_unmap_waits)
{
    static const uint64_t periods_ns[] = {1000, 39062, 39063, 50000, 3000000, 20000000};
    enum { UNMAPS = 2000 };
    for (size_t row = 0; row < sizeof(periods_ns) / sizeof(*periods_ns); row++) {
        struct trace_store store = {0};
        struct cell_config cell = experiment_cell("intel-ss");
        experiment_set_source(&cell, "trace");
        for (uint64_t i = 0; i < UNMAPS; i++) {
            uint64_t iova = i % 700 * PAGE_BYTES;
            experiment_add_record(&store, TRACE_MAP, i * periods_ns[row], 0, iova, PAGE_BYTES);
            experiment_add_record(&store, TRACE_UNMAP, i * periods_ns[row], 0, iova, PAGE_BYTES);
        }
        cr_expect(measure(&cell, &store).unmap_syncs == UNMAPS);
        cell.mapping.unmap_flush = UNMAP_DEFERRED;
        uint64_t batch = (10000000 + periods_ns[row] - 1) / periods_ns[row];
        batch = batch < 256 ? batch : 256;
        uint64_t syncs = measure(&cell, &store).unmap_syncs;
        cr_expect(syncs == (UNMAPS - 1) / batch, "%llu, batches of %llu", (unsigned long long)syncs,
                  (unsigned long long)batch);
        experiment_cell_free(&cell);
        trace_store_free(&store);
    }
}
