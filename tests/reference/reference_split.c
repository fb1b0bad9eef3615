/* Splitting leaves: section 14. */
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference_machine.h"

/* "default the smallest plain size" */
unsigned reference_split_lg2(const struct reference_machine *machine)
{
    uint64_t bytes = machine->config->tracking.split_size_bytes;
    unsigned lg2 = 0;

    if (bytes == 0)
        return machine->geometry.granule_lg2;
    while (bytes >> lg2 != 1)
        lg2++;
    return lg2;
}

/* "same output addresses and rights; A, dirty state, DBM and cause copied to each" */
static struct reference_leaf part_of(const struct reference_machine *machine,
                                     const struct reference_leaf *leaf, uint64_t index)
{
    struct reference_leaf part = *leaf;
    size_t first_page, count;

    part.lg2 = reference_split_lg2(machine);
    part.level = reference_leaf_level(machine, part.lg2);
    part.iova = leaf->iova + (index << part.lg2);
    part.output = leaf->output + (index << part.lg2);
    part.pages = NULL;
    if (leaf->pages != NULL) {
        count = (size_t)1 << (part.lg2 - 12);
        first_page = index * count;
        part.pages = reference_allocate(NULL, count * sizeof(*part.pages));
        memcpy(part.pages, leaf->pages + first_page, count * sizeof(*part.pages));
    }
    return part;
}

/* New tables at every level down to that of the parts, and what the columns count. */
static void make_tables(struct reference_machine *machine, struct reference_domain *domain,
                        const struct reference_leaf *leaf)
{
    const struct reference_geometry *geometry = &machine->geometry;
    unsigned part_level = reference_leaf_level(machine, reference_split_lg2(machine));

    machine->metrics.split_leaves++;
    machine->metrics.split_entries += reference_leaf_entries(machine, leaf);
    for (unsigned level = leaf->level; level-- > part_level;) {
        uint64_t span = UINT64_C(1) << reference_entry_lg2(geometry, level + 1);
        for (uint64_t i = 0; i < UINT64_C(1) << leaf->lg2; i += span) {
            reference_add_table(machine, domain, level, leaf->iova + i);
            machine->metrics.split_tables++;
            machine->metrics.split_entries += UINT64_C(1) << geometry->index_bits;
        }
    }
    reference_note_peak(machine);
}

/* Splits the leaves that are marked so and larger than the parts. True: there was one. */
static bool split_marked(struct reference_machine *machine, struct reference_domain *domain,
                         const bool *marked)
{
    unsigned part_lg2 = reference_split_lg2(machine);
    struct reference_leaf *leaves;
    size_t count = 0, parts = 0;
    bool any = false;

    for (size_t i = 0; i < domain->leaf_count; i++)
        parts += marked[i] && domain->leaves[i].lg2 > part_lg2
                     ? (size_t)1 << (domain->leaves[i].lg2 - part_lg2)
                     : 1;
    leaves = reference_allocate(NULL, parts * sizeof(*leaves) + 1);
    for (size_t i = 0; i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (!marked[i] || leaf->lg2 <= part_lg2) {
            leaves[count++] = *leaf;
            continue;
        }
        any = true;
        make_tables(machine, domain, leaf);
        for (uint64_t p = 0; p < UINT64_C(1) << (leaf->lg2 - part_lg2); p++) {
            leaves[count++] = part_of(machine, leaf, p);
            machine->metrics.leaves_mapped++;
        }
        free(leaf->pages);
    }
    free(domain->leaves);
    domain->leaves = leaves;
    domain->leaf_count = domain->leaf_capacity = count;
    if (any)
        domain->sizes_used |= UINT64_C(1) << part_lg2;
    return any;
}

void reference_split_at_start(struct reference_machine *machine, struct reference_domain *domain)
{
    struct reference_flush flush = {.commands = 1, .syncs = 1};
    bool *marked;

    if (machine->config->tracking.split != SPLIT_START)
        return;
    marked = reference_allocate(NULL, domain->leaf_count + 1);
    for (size_t i = 0; i < domain->leaf_count; i++)
        marked[i] = reference_overlaps_ranges(machine, &domain->leaves[i]);
    if (split_marked(machine, domain, marked)) {
        reference_drop_domain(machine, domain, false, &flush);
        reference_count_toggle_flush(machine, &flush);
    }
    free(marked);
}

void reference_split_harvested(struct reference_machine *machine, struct reference_domain *domain,
                               struct reference_window *window)
{
    bool *marked;

    if (machine->config->tracking.split != SPLIT_DIRTY || window->dirty_count == 0)
        return;
    marked = reference_allocate(NULL, domain->leaf_count + 1);
    memset(marked, 0, domain->leaf_count);
    for (size_t i = 0; i < window->dirty_count; i++)
        marked[window->dirty[i] - domain->leaves] = true;
    split_marked(machine, domain, marked);
    free(marked);
}
