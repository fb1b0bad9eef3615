#include "tests/property/coverage.h"

#include <stdlib.h>
#include <string.h>

static void note(struct coverage *coverage, size_t *next, const char *name, uint64_t value)
{
    if (*next >= COVERAGE_SLOTS_MAX)
        abort();
    struct coverage_slot *slot = &coverage->slots[(*next)++];
    slot->name = name;
    if (!slot->seen)
        slot->first = value;
    slot->varied = slot->varied || (slot->seen && slot->first != value);
    slot->seen = true;
}

static void note_name(struct coverage *coverage, size_t *next, const char *name, const char *value)
{
    uint64_t hash = 5381;
    for (; *value != '\0'; value++)
        hash = hash * 33 + (unsigned char)*value;
    note(coverage, next, name, hash);
}

/* Kinds begin with their name. */
#define KIND(kind) (*(const char *const *)(const void *)(kind))

static void note_keys(struct coverage *coverage, size_t *next, const struct cell_config *cell)
{
#define KEY(name, value) note(coverage, next, name, (uint64_t)(value))
    KEY("limits.records", cell->limit_records);
    KEY("domains", cell->domains);
    KEY("dma.max_payload", cell->max_payload_bytes);
    note_name(coverage, next, "iommu.model", KIND(cell->iommu.model));
    KEY("iommu.levels", cell->iommu.levels);
    KEY("iommu.granule", cell->iommu.granule_bytes);
    KEY("iommu.dbm", cell->iommu.dbm);
    KEY("iommu.ha", cell->iommu.ha);
    KEY("iommu.hd", cell->iommu.hd);
    KEY("iommu.ril", cell->iommu.ril);
    KEY("iommu.ril_cut", cell->iommu.ril_cut);
    KEY("iommu.address_bits", cell->iommu.address_bits);
    KEY("iommu.pde", cell->iommu.pde);
    KEY("iommu.mamv", cell->iommu.mamv);
    note_name(coverage, next, "mapping.source", KIND(cell->mapping.source));
    KEY("mapping.regions", cell->mapping.region_count);
    KEY("mapping.page_sizes", cell->mapping.page_sizes);
    KEY("mapping.extent", cell->mapping.extent_bytes);
    KEY("mapping.conflicts", cell->mapping.conflicts);
    KEY("mapping.unmap_flush", cell->mapping.unmap_flush);
    KEY("mapping.free_tables", cell->mapping.free_tables);
    KEY("iotlb.entries", cell->iotlb.entries);
    KEY("iotlb.ways", cell->iotlb.ways);
    KEY("iotlb.replacement", cell->iotlb.replacement);
    KEY("walk_cache.entries", cell->walk_cache.entries);
    KEY("walk_cache.ways", cell->walk_cache.ways);
    note_name(coverage, next, "tracking.method", KIND(cell->tracking.method));
    KEY("tracking.start", cell->tracking.start_ns);
    KEY("tracking.stop", cell->tracking.has_stop);
    KEY("tracking.ranges", cell->tracking.range_count);
    KEY("tracking.clear_on_start", cell->tracking.clear_on_start);
    note_name(coverage, next, "harvest.policy", KIND(cell->harvest.policy));
    KEY("harvest.interval", cell->harvest.interval_ns);
    KEY("harvest.count", cell->harvest.count);
    KEY("harvest.flush", cell->harvest.flush);
    KEY("harvest.granule", cell->harvest.granule_bytes);
    KEY("harvest.chunk", cell->harvest.chunk_bytes);
    KEY("harvest.no_clear", cell->harvest.no_clear);
    KEY("harvest.before_unmap", cell->harvest.before_unmap);
    KEY("harvest.final", cell->harvest.final);
    KEY("harvest.timing", cell->harvest.timing);
    KEY("harvest.copy", cell->harvest.copy);
    KEY("harvest.link_rate", cell->harvest.link_rate);
    KEY("harvest.downtime_limit", cell->harvest.downtime_limit_ns);
    KEY("harvest.downtime_fixed", cell->harvest.downtime_fixed_ns);
    KEY("harvest.max_rounds", cell->harvest.max_rounds);
    KEY("tracking.split", cell->tracking.split);
    KEY("tracking.split_size", cell->tracking.split_size_bytes);
    KEY("ats.enabled", cell->ats.enabled);
    KEY("ats.entries", cell->ats.entries);
    KEY("ats.ways", cell->ats.ways);
    KEY("ats.no_write", cell->ats.no_write);
    KEY("ats.invalidate", cell->ats.invalidate);
    KEY("device.granule", cell->device.granule_bytes);
    KEY("device.ranges", cell->device.ranges);
    KEY("log.entries", cell->log.entries);
    KEY("log.overflow", cell->log.overflow);
    KEY("seed", cell->seed);
#define COST(name) KEY("cost." #name, cell->cost.name##_ps);
    COST_KEYS(COST)
#undef COST
#undef KEY
}

void coverage_add(struct coverage *coverage, const struct cell_config *cell,
                  const struct reference_result *result)
{
    size_t next = 0;

    coverage->failed += result->outcome == REFERENCE_FAILED;
    if (result->outcome != REFERENCE_FINISHED)
        return;
    coverage->finished++;
    note_keys(coverage, &next, cell);
#define COLUMN(name, unit, section, meaning) note(coverage, &next, #name, result->metrics.name);
    METRICS_COUNTERS(COLUMN)
    METRICS_MIGRATION(COLUMN)
    METRICS_COST(COLUMN)
#undef COLUMN
    struct interval row = {0};
    if (result->interval_count > 0)
        row = result->intervals[result->interval_count - 1];
#define COLUMN(name, unit, section, meaning) note(coverage, &next, "row." #name, row.name);
    METRICS_INTERVAL(COLUMN)
#undef COLUMN
    coverage->slot_count = next;
}

bool coverage_print(FILE *stream, const struct coverage *coverage)
{
    bool complete = coverage->failed > 0 && coverage->stacked > 0;

    fprintf(stream, "%zu cells finished, %zu failed as they must, %zu were in stacks; never varied:", coverage->finished,
            coverage->failed, coverage->stacked);
    for (size_t i = 0; i < coverage->slot_count; i++)
        if (!coverage->slots[i].varied) {
            fprintf(stream, " %s", coverage->slots[i].name);
            complete = complete && getenv("DIRTYWALK_FEATURES") != NULL; /* what is left out cannot vary */
        }
    fprintf(stream, "\n");
    return complete;
}
