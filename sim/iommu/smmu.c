/* Arm SMMUv3: TLBI by range (RIL) or by entry, CMD_SYNC (IHI 0070 4.4; Linux drivers/iommu/arm/arm-smmu-v3).
 */
#include <assert.h>

#include "sim/iommu/exact_leaf.h"
#include "sim/iommu/iommu.h"

/* HTTU is on from the start unless DBM is set entry by entry; then HD changes in each CD or STE: CFGI per
 * device and one TLBI for all that was cached without it. */
static struct iommu_toggle toggle(const struct iommu_config *config, uint64_t devices, bool enable)
{
    (void)enable;
    if (!config->per_entry)
        return (struct iommu_toggle){0};
    return (struct iommu_toggle){
        .context_updates = devices,
        .commands = devices + 1,
        .syncs = 1,
        .drops_domain = true,
    };
}

/* A range command covers (NUM + 1) * 2^SCALE granules, NUM below 31 (semantics.md 7): cut from the lowest bit
 * up. */
static uint64_t commands_by_loop(uint64_t granules)
{
    uint64_t commands = 0;
    while (granules > 0) {
        unsigned scale = (unsigned)__builtin_ctzll(granules);
        uint64_t count = granules >> scale & 31;
        granules -= count << scale;
        commands++;
    }
    return commands;
}

/* The first command takes as much as 32 steps of one scale can, a second one the rest, if any. */
static uint64_t commands_by_pair(uint64_t granules)
{
    uint64_t steps = (granules - 1) / 32;
    unsigned scale = steps == 0 ? 0 : 64 - (unsigned)__builtin_clzll(steps);
    return (granules >> scale << scale) == granules ? 1 : 2;
}

/* `unit_lg2`: bytes that one command takes without range commands. */
static struct iommu_invalidation flush(const struct iommu_config *config, struct span span, unsigned unit_lg2,
                                       bool pointers)
{
    unsigned step_lg2 = config->ril ? config->granule_lg2 : unit_lg2;
    uint64_t units = ((span.last - span.first) >> step_lg2) + 1;
    assert(span.first <= span.last && span.first >> step_lg2 << step_lg2 == span.first);
    assert(((span.last >> step_lg2) + 1) << step_lg2 == span.last + 1);
    struct iommu_invalidation invalidation = {
        .syncs = 1, .span = span, .size_lg2_max = 64, .pointers = pointers};
    if (config->ril)
        invalidation.commands = config->ril_pair ? commands_by_pair(units) : commands_by_loop(units);
    else if (units < UINT64_C(1) << (unit_lg2 - 3))
        invalidation.commands = units;
    else
        return iommu_domain();
    return invalidation;
}

static struct iommu_invalidation range(const struct iommu_config *config, struct span span,
                                       enum iommu_reason reason)
{
    bool tables = reason == IOMMU_TABLES_GONE;
    return flush(config, span, tables ? config->granule_lg2 : config->smallest_leaf_lg2, tables);
}

/* Freed tables first, each by itself; then the leaves, run by run. */
static void change(const struct iommu_config *config, const struct iommu_change *change, iommu_emit *emit,
                   void *context)
{
    for (size_t i = 0; i < change->table_count; i++) {
        struct iommu_invalidation table = flush(config, change->tables[i].span, config->granule_lg2, true);
        emit(context, &table);
    }
    for (size_t i = 0; i < change->leaf_count; i++) {
        struct iommu_invalidation run =
            flush(config, change->leaves[i].span, change->leaves[i].entry_lg2, false);
        emit(context, &run);
    }
}

const struct iommu_vendor iommu_smmu = {
    .name = "smmu",
    .summary = "exactly the range in range commands (RIL), else one command per entry or the domain",
    .toggle = toggle,
    .range = range,
    .leaf = leaf,
    .change = change,
};
