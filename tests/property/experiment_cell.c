/* Plain configurations and traces made by hand for the property tests. */
#include <stdlib.h>
#include <string.h>

#include "tests/property/random_experiment.h"

#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

#define FIND(array, wanted, result)                                                                          \
    do {                                                                                                     \
        for (size_t i_ = 0; (array)[i_] != NULL; i_++)                                                       \
            if (strcmp((array)[i_]->name, (wanted)) == 0)                                                    \
                (result) = (array)[i_];                                                                      \
        if ((result) == NULL) {                                                                              \
            fprintf(stderr, "no `%s` in " #array "\n", (wanted));                                            \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

void experiment_set_source(struct cell_config *cell, const char *name)
{
    cell->mapping.source = NULL;
    FIND(mapping_sources, name, cell->mapping.source);
}

void experiment_set_method(struct cell_config *cell, const char *name)
{
    cell->tracking.method = NULL;
    FIND(tracking_methods, name, cell->tracking.method);
}

void experiment_set_policy(struct cell_config *cell, const char *name)
{
    cell->harvest.policy = NULL;
    FIND(harvest_policies, name, cell->harvest.policy);
}

struct cell_config experiment_cell(const char *model)
{
    bool is_arm = strncmp(model, "smmu", 4) == 0;
    bool is_cheap = is_arm || strcmp(model, "riscv-g") == 0; /* to toggle and flush */
    bool is_amd = strncmp(model, "amd", 3) == 0;
    struct cell_config cell = {
        .limit_records = UINT64_MAX,
        .max_payload_bytes = 4096,
        .iommu = {.levels = is_arm ? 0 : 4,
                  .granule_bytes = 4096,
                  .dbm = DBM_STATIC,
                  .ha = true,
                  .hd = true,
                  .ril = true,
                  .address_bits = 48,
                  .mamv = 18},
        .mapping = {.page_sizes = 1 << 12 | 1 << 21, .extent_bytes = 2 << 20},
        .iotlb = {.entries = 64, .ways = 8, .replacement = REPLACEMENT_LRU},
        .walk_cache = {.entries = 32, .ways = 0},
        .tracking = {.clear_on_start = true},
        .harvest = {.interval_ns = 100000000,
                    .count = 100000,
                    .flush = FLUSH_RANGE,
                    .granule_bytes = 4096,
                    .final = true,
                    .link_rate = UINT64_C(12500000000),
                    .downtime_limit_ns = 300000000,
                    .downtime_fixed_ns = 50000000,
                    .max_rounds = 30},
        .ats = {.entries = 64, .no_write = true, .invalidate = true},
        .device = {.granule_bytes = 4096},
        .log = {.entries = 512},
        .cost = {.walk_read_ps = 70000,
                 .walk_cache_hit_ps = 5000,
                 .iotlb_hit_ps = 2000,
                 .atc_miss_ps = 900000,
                 .ad_update_ps = 100000,
                 .scan_entry_ps = 2750,
                 .clear_entry_ps = 10000,
                 .report_page_ps = 1000,
                 .command_ps = is_cheap ? 120000 : 66000,
                 .sync_ps = is_cheap ? 250000
                            : is_amd ? 1000000
                                     : 1060000,
                 .context_update_ps = is_cheap ? 400000
                                      : is_amd ? 1100000
                                               : 2200000,
                 .atc_command_ps = 1400000,
                 .fault_ps = 20000000,
                 .log_read_ps = 5000,
                 .split_entry_ps = 60000},
        .seed = 1,
    };

    FIND(pt_formats, model, cell.iommu.model);
    experiment_set_source(&cell, "static");
    experiment_set_method(&cell, "hardware");
    experiment_set_policy(&cell, "none");
    return cell;
}

static struct config_region *longer(const struct config_region *old, size_t count, struct config_region added)
{
    struct config_region *array = memory_zeroed(count + 1, sizeof(*array), NULL);

    if (array == NULL)
        abort();
    if (count > 0)
        memcpy(array, old, count * sizeof(*array));
    array[count] = added;
    return array;
}

void experiment_add_region(struct cell_config *cell, uint64_t iova, uint64_t bytes, uint64_t address)
{
    struct config_region *old = cell->mapping.regions;

    cell->mapping.regions =
        longer(old, cell->mapping.region_count++, (struct config_region){iova, bytes, address});
    memory_free(old);
}

void experiment_add_range(struct cell_config *cell, uint64_t iova, uint64_t bytes)
{
    struct config_region *old = cell->tracking.ranges;

    cell->tracking.ranges = longer(old, cell->tracking.range_count++, (struct config_region){iova, bytes, 0});
    memory_free(old);
}

static struct config_region *copy_of(const struct config_region *array, size_t count)
{
    if (array == NULL)
        return NULL;
    struct config_region *copy = memory_zeroed(count, sizeof(*copy), NULL);
    if (copy == NULL)
        abort();
    memcpy(copy, array, count * sizeof(*copy));
    return copy;
}

struct cell_config experiment_cell_copy(const struct cell_config *cell)
{
    struct cell_config copy = *cell;

    copy.mapping.regions = copy_of(cell->mapping.regions, cell->mapping.region_count);
    copy.tracking.ranges = copy_of(cell->tracking.ranges, cell->tracking.range_count);
    return copy;
}

void experiment_cell_free(struct cell_config *cell)
{
    memory_free(cell->mapping.regions);
    memory_free(cell->tracking.ranges);
    cell->mapping.regions = NULL;
    cell->tracking.ranges = NULL;
}

void experiment_add_map(struct trace_store *store, enum trace_op op, uint64_t time_ns, uint16_t device,
                        uint64_t iova, uint64_t bytes, uint64_t address)
{
    uint8_t op_byte = (uint8_t)op;
    struct trace_batch batch = {.count = 1,
                                .first_record = store->count,
                                .time_ns = &time_ns,
                                .iova = &iova,
                                .bytes = &bytes,
                                .address = &address,
                                .device = &device,
                                .op = &op_byte};

    if (!trace_store_add(store, &batch, NULL))
        abort();
}

void experiment_add_record(struct trace_store *store, enum trace_op op, uint64_t time_ns, uint16_t device,
                           uint64_t iova, uint64_t bytes)
{
    experiment_add_map(store, op, time_ns, device, iova, bytes, iova);
}

static void dump_list(FILE *stream, const char *name, const struct config_region *array, size_t count)
{
    fprintf(stream, "  %s:", name);
    for (size_t i = 0; i < count; i++)
        fprintf(stream, " {iova: %#llx, size: %#llx, address: %#llx}", (unsigned long long)array[i].iova,
                (unsigned long long)array[i].bytes, (unsigned long long)array[i].address);
    fprintf(stream, "%s\n", array == NULL ? " (default)" : "");
}

void random_experiment_dump(FILE *stream, const struct cell_config *cell)
{
    static const char *const dbms[] = {"static", "dynamic", "off"};
    static const char *const replacements[] = {"lru", "fifo", "plru", "random"};
    static const char *const flushes[] = {"none", "range", "leaf", "domain", "global"};

    static const char *const unmap_flushes[] = {"strict", "deferred", "none"};

    fprintf(stream,
            "  limits.records: %llu  dma.max_payload: %llu  domains: %s\n"
            "  iommu: {model: %s, levels: %u, granule: %llu, dbm: %s, ha: %d, hd: %d, ril: %d, ril_cut: %s, "
            "address_bits: %u, pde: %s, mamv: %u}\n",
            (unsigned long long)cell->limit_records, (unsigned long long)cell->max_payload_bytes,
            cell->domains == DOMAINS_SHARED ? "shared" : "per_device", cell->iommu.model->name,
            cell->iommu.levels, (unsigned long long)cell->iommu.granule_bytes, dbms[cell->iommu.dbm],
            cell->iommu.ha, cell->iommu.hd, cell->iommu.ril,
            cell->iommu.ril_cut == RIL_LOOP ? "loop" : "pair", cell->iommu.address_bits,
            cell->iommu.pde == PDE_FREED ? "freed" : "always", cell->iommu.mamv);
    fprintf(stream,
            "  mapping: {source: %s, extent: %llu, conflicts: %s, unmap_flush: %s, free_tables: %s, "
            "page_sizes (lg2):",
            cell->mapping.source->name, (unsigned long long)cell->mapping.extent_bytes,
            cell->mapping.conflicts == CONFLICTS_ERROR ? "error" : "count",
            unmap_flushes[cell->mapping.unmap_flush],
            cell->mapping.free_tables == FREE_COVERED ? "covered" : "empty");
    for (unsigned lg2 = 0; lg2 < 64; lg2++)
        if ((cell->mapping.page_sizes >> lg2 & 1) != 0)
            fprintf(stream, " %u", lg2);
    fprintf(stream, "}\n");
    dump_list(stream, "mapping.regions", cell->mapping.regions, cell->mapping.region_count);
    dump_list(stream, "tracking.ranges", cell->tracking.ranges, cell->tracking.range_count);
    fprintf(stream,
            "  iotlb: {entries: %llu, ways: %llu, replacement: %s}  walk_cache: {entries: %llu, "
            "ways: %llu}  seed: %llu\n"
            "  tracking: {method: %s, start: %llu, stop: %s%llu, clear_on_start: %d}\n"
            "  harvest: {policy: %s, interval: %llu, count: %llu, flush: %s, granule: %llu, "
            "chunk: %llu, no_clear: %d, before_unmap: %d, final: %d}\n",
            (unsigned long long)cell->iotlb.entries, (unsigned long long)cell->iotlb.ways,
            replacements[cell->iotlb.replacement], (unsigned long long)cell->walk_cache.entries,
            (unsigned long long)cell->walk_cache.ways, (unsigned long long)cell->seed,
            cell->tracking.method->name, (unsigned long long)cell->tracking.start_ns,
            cell->tracking.has_stop ? "" : "none ", (unsigned long long)cell->tracking.stop_ns,
            cell->tracking.clear_on_start, cell->harvest.policy->name,
            (unsigned long long)cell->harvest.interval_ns, (unsigned long long)cell->harvest.count,
            flushes[cell->harvest.flush], (unsigned long long)cell->harvest.granule_bytes,
            (unsigned long long)cell->harvest.chunk_bytes, cell->harvest.no_clear, cell->harvest.before_unmap,
            cell->harvest.final);
    fprintf(stream,
            "  device: {granule: %llu, ranges: %d}  log: {entries: %llu, overflow: %d}  ats: {enabled: %d, entries: %llu, "
            "ways: %llu, no_write: %d, invalidate: %d}\n"
            "  split: %d, split_size: %llu  timing: %d, copy: %d  link_rate: %llu, downtime_limit: %llu, max_rounds: %llu\n",
            (unsigned long long)cell->device.granule_bytes, cell->device.ranges,
            (unsigned long long)cell->log.entries, cell->log.overflow, cell->ats.enabled,
            (unsigned long long)cell->ats.entries, (unsigned long long)cell->ats.ways, cell->ats.no_write,
            cell->ats.invalidate, cell->tracking.split, (unsigned long long)cell->tracking.split_size_bytes,
            cell->harvest.timing, cell->harvest.copy, (unsigned long long)cell->harvest.link_rate,
            (unsigned long long)cell->harvest.downtime_limit_ns, (unsigned long long)cell->harvest.max_rounds);
}
