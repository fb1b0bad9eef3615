/* Splitting leaves: section 14. */
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference_machine.h"

unsigned reference_split_lg2(const struct reference_machine *machine)
{
    unsigned lg2 = machine->geometry.granule_lg2; /* "default the smallest plain size" */

    if (machine->config->tracking.split_size_bytes != 0)
        for (lg2 = 12; UINT64_C(1) << lg2 != machine->config->tracking.split_size_bytes;)
            lg2++;
    return lg2;
}

/* "Splitting a leaf larger than that replaces it by leaves of split_size in new tables: same output addresses and rights;
 * A, dirty state, DBM and cause copied to each." */
static struct reference_leaf part_of(const struct reference_leaf *whole, unsigned lg2, unsigned level,
                                     uint64_t index)
{
    struct reference_leaf part = *whole;
    size_t pages = (size_t)1 << (lg2 - 12);

    part.lg2 = lg2;
    part.level = level;
    part.iova = whole->iova + (index << lg2);
    part.output = whole->output + (index << lg2);
    part.pages = NULL;
    for (size_t i = 0; whole->pages != NULL && i < pages; i++) {
        const struct reference_page *page = &whole->pages[index * pages + i];
        if (page->in_truth || page->missed || page->in_written || page->reported)
            *reference_page(&part, part.iova + i * REFERENCE_PAGE_BYTES) = *page;
    }
    return part;
}

bool reference_split_leaf(struct reference_machine *machine, struct reference_domain *domain,
                          uint64_t address)
{
    struct metrics *metrics = &machine->metrics;
    unsigned lg2 = reference_split_lg2(machine), level = 0;
    size_t at = reference_first_leaf(domain, address);
    struct reference_leaf whole = domain->leaves[at];

    if (whole.lg2 <= lg2)
        return false;
    /* "its leaf (whole) holds a page of T" (8): what was harvested was the leaf before it was split. */
    for (size_t i = 0; whole.seen_dirty && whole.pages != NULL && i < (size_t)1 << (whole.lg2 - 12); i++)
        whole.held_truth = whole.held_truth || whole.pages[i].in_truth;
    while (level + 1 < machine->geometry.levels && reference_entry_lg2(&machine->geometry, level + 1) <= lg2)
        level++;
    size_t count = (size_t)1 << (whole.lg2 - lg2), tables = domain->table_count;
    domain->leaf_capacity = domain->leaf_count + count;
    domain->leaves = reference_allocate(domain->leaves, domain->leaf_capacity * sizeof(whole));
    memmove(domain->leaves + at + count, domain->leaves + at + 1,
            (domain->leaf_count - at - 1) * sizeof(whole));
    for (size_t i = 0; i < count; i++)
        domain->leaves[at + i] = part_of(&whole, lg2, level, i);
    domain->leaf_count += count - 1;
    domain->sizes_used |= UINT64_C(1) << lg2;
    free(whole.pages);
    /* Tables at the levels from that of the parts to below that of the leaf, for every part of it. */
    for (unsigned l = level; l < whole.level; l++)
        for (uint64_t first = whole.iova;; first += UINT64_C(1) << reference_entry_lg2(&machine->geometry, l + 1)) {
            reference_add_table(machine, domain, l, first);
            if (reference_leaf_range(&whole).last - first <
                UINT64_C(1) << reference_entry_lg2(&machine->geometry, l + 1))
                break;
        }
    tables = domain->table_count - tables;
    metrics->split_leaves++;
    metrics->split_tables += tables;
    metrics->split_entries += tables * (machine->geometry.table_bytes / 8) + reference_leaf_entries(machine, &whole);
    metrics->leaves_mapped += count;
    reference_note_peak(machine);
    return true;
}

void reference_split_at_start(struct reference_machine *machine, struct reference_domain *domain)
{
    bool any = false;

    for (size_t i = 0; i < domain->leaf_count; i++)
        if (reference_overlaps_range(machine, &domain->leaves[i]))
            any = reference_split_leaf(machine, domain, domain->leaves[i].iova) || any;
    if (!any)
        return;
    struct reference_flush flush = {.commands = 1, .syncs = 1};
    reference_drop_domain(machine, domain, false, &flush);
    machine->metrics.toggle_commands += flush.commands;
    machine->metrics.toggle_syncs += flush.syncs;
    machine->metrics.toggle_invalidated += flush.dropped;
}
