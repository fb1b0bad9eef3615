/* Which cells of a cohort let their IOTLBs share an LRU stack, so that one look-up answers for every number of ways.
 *
 * The cells of a cohort meet the same leaves at the same time, and no IOTLB can hold what its leaf does not say. Those that
 * agree in every key that decides which requests and invalidations come, in sets and in lru lose the same tags. What the
 * passes take makes a tag the newest whether it hits or misses; a write that faults under write-protection too, as its
 * entry goes and comes back. A request that meets no leaf asks no IOTLB. What is left are writes that a read-only leaf
 * refuses: they fill nothing where they miss, and stacks end before the first one.
 *
 * Each cell counts its own misses and walks for them: walk caches may be of any shape. */
#include "sim/base/memory.h"
#include "sim/cache/iotlb_stack.h"
#include "sim/engine/cohort.h"

bool cohort_stackable(const struct cell_config *a, const struct cell_config *b)
{
    return iotlb_stackable(a, b) && cohort_shareable(a, b) && config_same_traffic(a, b);
}

/* By ways, ascending, and otherwise as they were: members of a stack work in this order. */
static void order_by_ways(struct cohort *cohort)
{
    for (size_t i = 1; i < cohort->cell_count; i++) {
        struct cell *cell = cohort->cells[i];
        size_t at = i;
        for (; at > 0 && cohort->cells[at - 1]->iotlb.ways > cell->iotlb.ways; at--)
            cohort->cells[at] = cohort->cells[at - 1];
        cohort->cells[at] = cell;
    }
}

/* A stack of cells[first] and those after it that can share one, if there are any. */
static bool stack_from(struct cohort *cohort, size_t first, struct iotlb **members, struct error *error)
{
    struct cell *const *cells = cohort->cells;
    size_t count = 0;
    for (size_t i = first; i < cohort->cell_count && count < STACK_MEMBERS_MAX; i++)
        if (!cells[i]->iotlb.stack && (i == first || cohort_stackable(cells[first]->config, cells[i]->config)))
            members[count++] = &cells[i]->iotlb;
    if (count < 2)
        return true;
    struct iotlb_stack *stack = iotlb_stack_new(members, count, REQUESTS_MAX, error);
    if (stack)
        cohort->stacks[cohort->stack_count++] = stack;
    return stack != NULL;
}

bool cohort_stack(struct cohort *cohort, struct error *error)
{
    if (cohort->cell_count < 2)
        return true;
    struct iotlb **members = memory_zeroed(cohort->cell_count, sizeof *members, error);
    cohort->stacks = memory_zeroed(cohort->cell_count, sizeof(struct iotlb_stack *), error);
    bool good = members && cohort->stacks;
    if (good)
        order_by_ways(cohort);
    for (size_t i = 0; i < cohort->cell_count && good; i++)
        if (!cohort->cells[i]->iotlb.stack)
            good = stack_from(cohort, i, members, error);
    for (size_t i = 0; i < cohort->cell_count && good; i++)
        if (cohort->cells[i]->iotlb.stack)
            cohort->cells[i]->result->stacked = cohort->cells[i]->iotlb.stack->member_count;
    memory_free(members);
    return good;
}

void cohort_unstack(struct cohort *cohort)
{
    for (size_t i = 0; i < cohort->stack_count; i++)
        iotlb_stack_dissolve(cohort->stacks[i]);
    memory_free(cohort->stacks);
    cohort->stacks = NULL;
    cohort->stack_count = 0;
}
