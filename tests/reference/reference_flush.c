/* What section 7 invalidates, command by command and entry by entry. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

/* "those among them whose domain, size and address are not those of a leaf dirty in that window" */
static bool is_dirty_leaf_entry(const struct reference_entry *entry, unsigned domain,
                                const struct reference_window *window)
{
    if (entry->domain != domain)
        return false;
    for (size_t i = 0; i < window->dirty_count; i++)
        if (window->dirty[i]->lg2 == entry->lg2 &&
            window->dirty[i]->iova == reference_entry_range(entry).first)
            return true;
    return false;
}

/* IOTLB entries that overlap, of at most this size. */
static void drop_entries(struct reference_machine *machine, const struct reference_domain *domain, bool all,
                         struct reference_range range, unsigned size_max_lg2, struct reference_flush *flush)
{
    for (uint64_t i = 0; !machine->count_only && i < reference_cache_places(&machine->iotlb); i++) {
        struct reference_entry *entry = &machine->iotlb.entries[i];
        if (!entry->valid || (!all && entry->domain != domain->index) || entry->lg2 > size_max_lg2 ||
            !reference_overlap(reference_entry_range(entry), range))
            continue;
        entry->valid = false;
        flush->dropped++;
        if (flush->window != NULL && !is_dirty_leaf_entry(entry, domain->index, flush->window))
            flush->overreach++;
    }
}

/* Pointers that overlap; a pointer's span is what its table covers. */
static void drop_pointers(struct reference_machine *machine, const struct reference_domain *domain, bool all,
                          struct reference_range range, unsigned span_max_lg2)
{
    for (unsigned level = 1; !machine->count_only && level < machine->geometry.levels; level++) {
        struct reference_cache *cache = &machine->walk_caches[level];
        for (uint64_t i = 0; i < reference_cache_places(cache); i++) {
            struct reference_entry *entry = &cache->entries[i];
            if (entry->valid && (all || entry->domain == domain->index) && entry->lg2 <= span_max_lg2 &&
                reference_overlap(reference_entry_range(entry), range))
                entry->valid = false;
        }
    }
}

void reference_drop_domain(struct reference_machine *machine, const struct reference_domain *domain, bool all,
                           struct reference_flush *flush)
{
    struct reference_range everything = {0, UINT64_MAX};
    drop_entries(machine, domain, all, everything, 64, flush);
    drop_pointers(machine, domain, all, everything, 64);
    reference_invalidate_atcs(machine, domain, everything, true);
}

/* "the smallest naturally aligned power-of-two block holding the range"; *lg2 is 64 for everything. */
static struct reference_range power_of_two_block(struct reference_range range, unsigned *lg2)
{
    for (*lg2 = 12; *lg2 < 64; ++*lg2)
        if (range.first >> *lg2 == range.last >> *lg2) {
            uint64_t mask = (UINT64_C(1) << *lg2) - 1;
            return (struct reference_range){range.first & ~mask, range.last | mask};
        }
    return (struct reference_range){0, UINT64_MAX};
}

/* "fls(0) = 0": the number of the highest set bit, from 1. */
static unsigned fls(uint64_t number)
{
    unsigned bits = 0;
    for (; number != 0; number >>= 1)
        bits++;
    return bits;
}

/* loop: "while n > 0, s = index of lowest set bit of n, c = (n >> s) & 31, one command for c*2^s pages, n -=
 * c*2^s"; pair: "n <= 32: one; else s = fls((n-1)/32), the first covers (n >> s)*2^s pages from the start,
 * and, if r pages remain, a second" */
static uint64_t ril_commands(enum ril_cut cut, uint64_t pages)
{
    uint64_t commands = 0;

    if (cut == RIL_PAIR) {
        if (pages <= 32)
            return 1;
        unsigned scale = fls((pages - 1) / 32);
        return pages == pages >> scale << scale ? 1 : 2;
    }
    while (pages > 0) {
        unsigned scale = 0;
        while ((pages >> scale & 1) == 0)
            scale++;
        pages -= (pages >> scale & 31) << scale;
        commands++;
    }
    return commands;
}

static void flush_amd(struct reference_machine *machine, const struct reference_domain *domain,
                      struct reference_range range, bool pointers, struct reference_flush *flush)
{
    unsigned lg2;
    struct reference_range block = power_of_two_block(range, &lg2);

    flush->commands++;
    drop_entries(machine, domain, false, block, lg2, flush);
    reference_invalidate_atcs(machine, domain, range, false);
    if (pointers || machine->config->iommu.pde == PDE_ALWAYS)
        drop_pointers(machine, domain, false, block, lg2);
}

/* Commands for exactly the range; false: the domain instead, by one. */
static bool is_exact(const struct reference_machine *machine, struct reference_range range,
                     enum reference_reason reason, unsigned unit_lg2, uint64_t *commands)
{
    const struct cell_config *config = machine->config;
    uint64_t bytes = range.last - range.first + 1;

    if (machine->model == REFERENCE_RISCV_G) {
        *commands = bytes >> reference_smallest_lg2(machine);
        return reason != REFERENCE_TABLES_GONE && *commands <= 512;
    }
    if (config->iommu.ril) {
        *commands = ril_commands(config->iommu.ril_cut, bytes >> machine->geometry.granule_lg2);
        return true;
    }
    *commands = bytes >> unit_lg2;
    return *commands < (UINT64_C(1) << unit_lg2) / 8;
}

void reference_flush_range(struct reference_machine *machine, const struct reference_domain *domain,
                           struct reference_range range, enum reference_reason reason, unsigned unit_lg2,
                           struct reference_flush *flush)
{
    bool pointers = reason == REFERENCE_TABLES_GONE;
    uint64_t commands = 1;
    unsigned lg2;

    flush->syncs++;
    if (machine->model == REFERENCE_AMD_V1) {
        flush_amd(machine, domain, range, pointers, flush);
        return;
    }
    bool exact;
    if (machine->model == REFERENCE_INTEL_SS) {
        range = power_of_two_block(range, &lg2);
        exact = lg2 <= 12 + machine->config->iommu.mamv;
    } else {
        exact = is_exact(machine, range, reason, unit_lg2, &commands);
    }
    if (!exact) {
        flush->commands++;
        reference_drop_domain(machine, domain, false, flush);
        return;
    }
    flush->commands += commands;
    drop_entries(machine, domain, false, range, 64, flush);
    reference_invalidate_atcs(machine, domain, range, false);
    if (pointers)
        drop_pointers(machine, domain, false, range, 64);
}

/* "`leaf`: one per dirty leaf, 1 sync; exactly those leaves (address-based)" */
static void flush_leaves(struct reference_machine *machine, const struct reference_domain *domain,
                         struct reference_flush *flush)
{
    bool is_amd = machine->model == REFERENCE_AMD_V1;

    flush->commands = flush->window->dirty_count;
    flush->syncs = 1;
    for (size_t i = 0; i < flush->window->dirty_count; i++) {
        const struct reference_leaf *leaf = flush->window->dirty[i];
        struct reference_range range = reference_leaf_range(leaf);
        drop_entries(machine, domain, false, range, is_amd ? leaf->lg2 : 64, flush);
        reference_invalidate_atcs(machine, domain, range, false);
        if (is_amd && machine->config->iommu.pde == PDE_ALWAYS)
            drop_pointers(machine, domain, false, range, leaf->lg2);
    }
}

struct reference_flush reference_flush_dirty(struct reference_machine *machine,
                                             const struct reference_domain *domain,
                                             const struct reference_window *window)
{
    struct reference_flush flush = {.window = window};
    if (window->dirty_count == 0)
        return flush;
    struct reference_range hull = {UINT64_MAX, 0};
    for (size_t i = 0; i < window->dirty_count; i++) {
        struct reference_range leaf = reference_leaf_range(window->dirty[i]);
        hull.first = leaf.first < hull.first ? leaf.first : hull.first;
        hull.last = leaf.last > hull.last ? leaf.last : hull.last;
    }

    switch (machine->config->harvest.flush) {
    case FLUSH_NONE:
        break;
    case FLUSH_RANGE:
        reference_flush_range(machine, domain, hull, REFERENCE_CLEANED, reference_smallest_lg2(machine),
                              &flush);
        break;
    case FLUSH_LEAF:
        flush_leaves(machine, domain, &flush);
        break;
    case FLUSH_DOMAIN:
    case FLUSH_GLOBAL:
        flush.commands = 1;
        flush.syncs = 1;
        reference_drop_domain(machine, domain, machine->config->harvest.flush == FLUSH_GLOBAL, &flush);
        break;
    }
    return flush;
}

void reference_count_unmap_flush(struct reference_machine *machine, const struct reference_flush *flush)
{
    machine->metrics.unmap_commands += flush->commands;
    machine->metrics.unmap_syncs += flush->syncs;
    machine->metrics.unmap_invalidated += flush->dropped;
}
