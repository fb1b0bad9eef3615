/* How section 3 maps and unmaps: sources, choosing leaves, conflicts, tables that go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference_machine.h"

bool reference_fail(struct reference_machine *machine, enum reference_outcome outcome, const char *why)
{
    machine->outcome = outcome;
    snprintf(machine->why, machine->why_bytes, "%s", why);
    return false;
}

void reference_note_peak(struct reference_machine *machine)
{
    if (machine->metrics.table_bytes > machine->metrics.table_bytes_peak)
        machine->metrics.table_bytes_peak = machine->metrics.table_bytes;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct reference_range *a = left, *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

static bool no_leaf_in(const struct reference_domain *domain, struct reference_range range)
{
    size_t next = reference_first_leaf(domain, range.first);
    return next == domain->leaf_count || domain->leaves[next].iova > range.last;
}

static void remove_table(struct reference_machine *machine, struct reference_domain *domain, size_t index)
{
    domain->tables[index] = domain->tables[--domain->table_count];
    machine->metrics.table_bytes -= machine->geometry.table_bytes; /* never the root */
}

/* ---- map ---- */

/* "at each point take the largest listed size s with iova mod s = 0, address mod s = 0 and s <= what remains"
 */
static unsigned choose_size(const struct reference_machine *machine, uint64_t iova, uint64_t last,
                            uint64_t address)
{
    for (unsigned lg2 = 63; lg2 >= 12; lg2--) {
        uint64_t below = (UINT64_C(1) << lg2) - 1;
        if ((machine->config->mapping.page_sizes >> lg2 & 1) != 0 && (iova & below) == 0 &&
            (address & below) == 0 && below <= last - iova)
            return lg2;
    }
    return 0;
}

static struct reference_leaf new_leaf(const struct reference_machine *machine, uint64_t iova, uint64_t output,
                                      unsigned lg2, bool granted)
{
    struct reference_leaf leaf = {.iova = iova, .output = output, .lg2 = lg2, .granted = granted};

    while (leaf.level + 1 < machine->geometry.levels &&
           reference_entry_lg2(&machine->geometry, leaf.level + 1) <= lg2)
        leaf.level++;
    reference_born(machine, &leaf);
    return leaf;
}

/* "A table without leaves below it that stands where an entry of a new leaf is to go is freed first with all
 * tables below it". Adds the spans of the topmost ones to `gone`. */
static void free_tables_in_the_way(struct reference_machine *machine, struct reference_domain *domain,
                                   const struct reference_leaf *leaf, struct reference_range_list *gone)
{
    for (size_t i = domain->table_count; leaf->level > 0 && i-- > 1;) {
        const struct reference_table *table = &domain->tables[i];
        if (table->level >= leaf->level || !reference_overlap(table->span, reference_leaf_range(leaf)))
            continue;
        if (table->level == leaf->level - 1)
            reference_add_range(gone, table->span.first, table->span.last);
        remove_table(machine, domain, i);
    }
}

/* "flushed as a freed table at once under every unmap_flush: smmu one flush for each such table (ascending),
 * the others one for the whole map call over the hull of their spans" */
static void flush_tables_in_the_way(struct reference_machine *machine, const struct reference_domain *domain,
                                    struct reference_range_list *gone)
{
    if (gone->count == 0)
        return;
    qsort(gone->ranges, gone->count, sizeof(*gone->ranges), compare_ranges);
    struct reference_range hull = {gone->ranges[0].first, gone->ranges[gone->count - 1].last};
    if (!reference_is_arm(machine)) {
        struct reference_flush flush = {0};
        reference_flush_range(machine, domain, hull, REFERENCE_TABLES_GONE, 0, &flush);
        reference_count_unmap_flush(machine, &flush);
        return;
    }
    for (size_t i = 0; i < gone->count; i++) {
        struct reference_flush flush = {0};
        reference_flush_range(machine, domain, gone->ranges[i], REFERENCE_TABLES_GONE,
                              machine->geometry.granule_lg2, &flush);
        reference_count_unmap_flush(machine, &flush);
    }
}

static void insert_leaves(struct reference_machine *machine, struct reference_domain *domain,
                          const struct reference_leaf *leaves, size_t count)
{
    size_t place = reference_first_leaf(domain, leaves[0].iova);

    if (domain->leaf_count + count > domain->leaf_capacity) {
        domain->leaf_capacity = 2 * (domain->leaf_count + count);
        domain->leaves = reference_allocate(domain->leaves, domain->leaf_capacity * sizeof(*leaves));
    }
    memmove(domain->leaves + place + count, domain->leaves + place,
            (domain->leaf_count - place) * sizeof(*leaves));
    memcpy(domain->leaves + place, leaves, count * sizeof(*leaves));
    domain->leaf_count += count;
    for (size_t i = 0; i < count; i++) {
        domain->sizes_used |= UINT64_C(1) << leaves[i].lg2;
        machine->metrics.leaves_mapped++;
        machine->metrics.born_dirty_leaves +=
            reference_dirty(machine, &leaves[i]) || (machine->method == REFERENCE_WRITE_PROTECT && leaves[i].dirty_bit);
        for (unsigned level = leaves[i].level; level < machine->geometry.levels - 1; level++)
            if (!reference_table_exists(domain, level, leaves[i].iova))
                reference_add_table(machine, domain, level, leaves[i].iova);
    }
}

/* One map call of the free pages [first, last]. */
static bool map_call(struct reference_machine *machine, struct reference_domain *domain, uint64_t first,
                     uint64_t last, uint64_t address, bool granted)
{
    struct reference_leaf *leaves = NULL;
    struct reference_range_list gone = {0};
    size_t count = 0, capacity = 0;
    bool ok = true;

    for (uint64_t iova = first; ok;) {
        unsigned lg2 = choose_size(machine, iova, last, address + (iova - first));
        if (lg2 == 0)
            ok = reference_fail(machine, REFERENCE_CANNOT, "no listed size fits");
        else if (lg2 > REFERENCE_LEAF_LG2_MAX || domain->leaf_count + count >= REFERENCE_LEAVES_MAX)
            ok = reference_fail(machine, REFERENCE_CANNOT, "too many leaves, or too large ones");
        if (!ok)
            break;
        if (count == capacity) {
            capacity = 2 * capacity + 8;
            leaves = reference_allocate(leaves, capacity * sizeof(*leaves));
        }
        leaves[count++] = new_leaf(machine, iova, address + (iova - first), lg2, granted);
        uint64_t leaf_last = iova + ((UINT64_C(1) << lg2) - 1);
        if (leaf_last == last)
            break;
        iova = leaf_last + 1;
    }
    if (ok) {
        for (size_t i = 0; i < count; i++)
            free_tables_in_the_way(machine, domain, &leaves[i], &gone);
        insert_leaves(machine, domain, leaves, count);
        reference_note_peak(machine);
        flush_tables_in_the_way(machine, domain, &gone);
    }
    free(leaves);
    free(gone.ranges);
    return ok;
}

unsigned reference_smallest_lg2(const struct reference_machine *machine)
{
    unsigned lg2 = 0;
    while ((machine->config->mapping.page_sizes >> lg2 & 1) == 0)
        lg2++;
    /* "split_size counts as a listed size in 7" */
    if (machine->config->tracking.split != SPLIT_NONE && reference_split_lg2(machine) < lg2)
        lg2 = reference_split_lg2(machine);
    return lg2;
}

/* "each maximal free run inside the record is then its own map call" */
static bool map_free_runs(struct reference_machine *machine, struct reference_domain *domain,
                          struct reference_range range, uint64_t address, bool granted)
{
    for (uint64_t first = range.first;;) {
        const struct reference_leaf *leaf = reference_find_leaf(domain, first);
        uint64_t last = range.last;
        if (leaf != NULL) {
            last = reference_leaf_range(leaf).last;
        } else {
            size_t next = reference_first_leaf(domain, first);
            if (next < domain->leaf_count && domain->leaves[next].iova <= last)
                last = domain->leaves[next].iova - 1;
            if (!map_call(machine, domain, first, last, address + (first - range.first), granted))
                return false;
        }
        if (last >= range.last)
            return true;
        first = last + 1;
    }
}

bool reference_map_record(struct reference_machine *machine, const struct trace_store *store, size_t record)
{
    struct reference_domain *domain = &machine->domains[machine->domain_of_device[store->device[record]]];
    uint64_t smallest = UINT64_C(1) << reference_smallest_lg2(machine);
    uint64_t address = store->address[record], bytes = store->bytes[record];
    struct reference_range range = {store->iova[record], store->iova[record] + (bytes - 1)};
    uint64_t output_last = address + (bytes - 1);

    if ((range.first | bytes | address) % smallest != 0)
        return reference_fail(machine, REFERENCE_FAILED, "a map that is no multiple of the smallest size");
    if (!reference_in_width(&machine->geometry, range.last))
        return reference_fail(machine, REFERENCE_FAILED, "a map beyond the IOVA width");
    if (output_last < address || output_last >> machine->geometry.output_bits != 0)
        return reference_fail(machine, REFERENCE_FAILED, "an output address beyond the format");
    if (!no_leaf_in(domain, range)) {
        if (machine->config->mapping.conflicts == CONFLICTS_ERROR)
            return reference_fail(machine, REFERENCE_FAILED, "a map over a mapped page");
        machine->metrics.map_conflicts++;
    }
    return map_free_runs(machine, domain, range, address, store->op[record] == TRACE_MAP);
}

/* ---- unmap ---- */

/* covered: "never the root; smmu: only tables whose span is a plain leaf size" */
static bool may_be_freed(const struct reference_machine *machine, const struct reference_table *table)
{
    unsigned granule_lg2 = machine->geometry.granule_lg2;

    if (!reference_is_arm(machine))
        return true;
    unsigned span_lg2 = reference_entry_lg2(&machine->geometry, table->level + 1);
    if (granule_lg2 == 12)
        return span_lg2 == 21 || span_lg2 == 30;
    return granule_lg2 == 14 ? span_lg2 == 25 : span_lg2 == 29;
}

/* Frees what the policy frees after the leaves of `range` went. Adds the spans of all freed tables to
 * `freed`. */
static void free_tables(struct reference_machine *machine, struct reference_domain *domain,
                        struct reference_range range, struct reference_range_list *freed)
{
    for (size_t i = domain->table_count; i-- > 1;) {
        const struct reference_table *table = &domain->tables[i];
        bool inside = range.first <= table->span.first && table->span.last <= range.last;
        if (machine->config->mapping.free_tables == FREE_COVERED ? !inside || !may_be_freed(machine, table)
                                                                 : !no_leaf_in(domain, table->span))
            continue;
        reference_add_range(freed, table->span.first, table->span.last);
        remove_table(machine, domain, i);
    }
    if (freed->count > 0)
        qsort(freed->ranges, freed->count, sizeof(*freed->ranges), compare_ranges);
}

static bool inside_another(const struct reference_range_list *list, struct reference_range range)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->ranges[i].first <= range.first && range.last <= list->ranges[i].last &&
            (list->ranges[i].first != range.first || list->ranges[i].last != range.last))
            return true;
    return false;
}

struct block {
    struct reference_range range; /* first member: compare_ranges sorts blocks */
    unsigned size_lg2;
};

/* smmu: "first one flush for each topmost freed table (ascending; its span, u = the granule; overlapping
 * pointers go), then one for each maximal run of adjacent removed blocks of one size (ascending; u = that
 * size; no pointers), a leaf of several entries being blocks of its level's size, and what a topmost freed
 * table covered being one block of its span" */
static void flush_smmu(struct reference_machine *machine, const struct reference_domain *domain,
                       const struct reference_leaf *removed, size_t removed_count,
                       const struct reference_range_list *freed)
{
    struct block *blocks = reference_allocate(NULL, (removed_count + freed->count) * sizeof(*blocks));
    size_t count = 0;

    for (size_t i = 0; i < freed->count; i++) {
        struct reference_range span = freed->ranges[i];
        if (inside_another(freed, span))
            continue;
        struct reference_flush flush = {0};
        reference_flush_range(machine, domain, span, REFERENCE_TABLES_GONE, machine->geometry.granule_lg2,
                              &flush);
        reference_count_unmap_flush(machine, &flush);
        unsigned lg2 = 12;
        while (span.last - span.first != (UINT64_C(1) << lg2) - 1)
            lg2++;
        blocks[count++] = (struct block){span, lg2};
    }
    size_t tables = count;
    for (size_t i = 0; i < removed_count; i++) {
        struct reference_range range = reference_leaf_range(&removed[i]);
        bool covered = false;
        for (size_t t = 0; t < tables; t++)
            covered = covered || reference_overlap(blocks[t].range, range);
        if (!covered)
            blocks[count++] =
                (struct block){range, reference_entry_lg2(&machine->geometry, removed[i].level)};
    }
    qsort(blocks, count, sizeof(*blocks), compare_ranges);
    for (size_t i = 0, next; i < count; i = next) {
        struct reference_range run = blocks[i].range;
        for (next = i + 1; next < count && blocks[next].size_lg2 == blocks[i].size_lg2 &&
                           blocks[next].range.first == run.last + 1;
             next++)
            run.last = blocks[next].range.last;
        struct reference_flush flush = {0};
        reference_flush_range(machine, domain, run, REFERENCE_LEAVES_GONE, blocks[i].size_lg2, &flush);
        reference_count_unmap_flush(machine, &flush);
    }
    free(blocks);
}

/* "`strict`: at once, over the hull of the record's range, the leaves removed and, under `free_tables:
 * empty`, the spans of the tables freed, by the vendor's `range` rule" */
static void flush_hull(struct reference_machine *machine, const struct reference_domain *domain,
                       struct reference_range hull, const struct reference_leaf *removed,
                       size_t removed_count, const struct reference_range_list *freed)
{
    struct reference_flush flush = {0};

    for (size_t i = 0; i < removed_count; i++) {
        struct reference_range range = reference_leaf_range(&removed[i]);
        hull.first = range.first < hull.first ? range.first : hull.first;
        hull.last = range.last > hull.last ? range.last : hull.last;
    }
    for (size_t i = 0; machine->config->mapping.free_tables == FREE_EMPTY && i < freed->count; i++) {
        hull.first = freed->ranges[i].first < hull.first ? freed->ranges[i].first : hull.first;
        hull.last = freed->ranges[i].last > hull.last ? freed->ranges[i].last : hull.last;
    }
    reference_flush_range(machine, domain, hull,
                          freed->count > 0 ? REFERENCE_TABLES_GONE : REFERENCE_LEAVES_GONE, 0, &flush);
    reference_count_unmap_flush(machine, &flush);
}

/* "An unmap removes the pages of the leaves it removes from T and counts them in `unmapped_dirty_pages`"; W
 * too. */
static void forget_pages(struct reference_machine *machine, struct reference_leaf *leaf)
{
    size_t count = (size_t)1 << (leaf->lg2 - 12);

    for (size_t i = 0; leaf->pages != NULL && i < count; i++)
        machine->metrics.unmapped_dirty_pages += leaf->pages[i].in_truth;
    free(leaf->pages);
    leaf->pages = NULL;
}

static void unmap(struct reference_machine *machine, struct reference_domain *domain,
                  struct reference_range range, uint64_t time_ns)
{
    size_t first = reference_first_leaf(domain, range.first), end = first;
    struct reference_range_list freed = {0};

    while (end < domain->leaf_count && domain->leaves[end].iova <= range.last)
        end++;
    size_t count = end - first;
    struct reference_leaf *removed = reference_allocate(NULL, count * sizeof(*removed));
    memcpy(removed, domain->leaves + first, count * sizeof(*removed));
    memmove(domain->leaves + first, domain->leaves + end, (domain->leaf_count - end) * sizeof(*removed));
    domain->leaf_count -= count;
    for (size_t i = 0; i < count; i++) {
        struct reference_range leaf = reference_leaf_range(&removed[i]);
        machine->metrics.unmap_overreach += leaf.first < range.first || leaf.last > range.last;
        forget_pages(machine, &removed[i]);
    }
    free_tables(machine, domain, range, &freed);

    if (machine->config->mapping.unmap_flush == UNMAP_STRICT) {
        if (reference_is_arm(machine))
            flush_smmu(machine, domain, removed, count, &freed);
        else
            flush_hull(machine, domain, range, removed, count, &freed);
    } else if (machine->config->mapping.unmap_flush == UNMAP_DEFERRED) {
        if (domain->pending_unmaps++ == 0)
            domain->oldest_pending_ns = time_ns;
    }
    free(removed);
    free(freed.ranges);
}

static bool every_page_mapped(const struct reference_domain *domain, struct reference_range range)
{
    for (uint64_t address = range.first;;) {
        const struct reference_leaf *leaf = reference_find_leaf(domain, address);
        if (leaf == NULL)
            return false;
        uint64_t last = reference_leaf_range(leaf).last;
        if (last >= range.last)
            return true;
        address = last + 1;
    }
}

bool reference_unmap_record(struct reference_machine *machine, const struct trace_store *store, size_t record)
{
    struct reference_domain *domain = &machine->domains[machine->domain_of_device[store->device[record]]];
    uint64_t smallest = UINT64_C(1) << reference_smallest_lg2(machine), bytes = store->bytes[record];
    struct reference_range range = {store->iova[record], store->iova[record] + (bytes - 1)};

    if ((range.first | bytes) % smallest != 0)
        return reference_fail(machine, REFERENCE_FAILED, "an unmap that is no multiple of the smallest size");
    if (!every_page_mapped(domain, range)) {
        if (machine->config->mapping.conflicts == CONFLICTS_ERROR)
            return reference_fail(machine, REFERENCE_FAILED, "an unmap of a page that is not mapped");
        machine->metrics.map_conflicts++;
    }
    if (no_leaf_in(domain, range))
        return true; /* "An unmap that removes no leaf does nothing" */
    if (machine->config->harvest.before_unmap && machine->started && !machine->stopped)
        reference_read_before_unmap(machine, domain, range);
    unmap(machine, domain, range, store->time_ns[record] - store->time_ns[0]);
    return true;
}

/* "per domain, nothing until 256 unmaps are pending or 10 ms have passed since the oldest (looked at before
 * every record): one domain flush, 1 command, 1 sync" */
void reference_flush_deferred(struct reference_machine *machine, uint64_t time_ns)
{
    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_domain *domain = &machine->domains[d];
        if (domain->pending_unmaps == 0 ||
            (domain->pending_unmaps < 256 && time_ns - domain->oldest_pending_ns < 10000000))
            continue;
        struct reference_flush flush = {.commands = 1, .syncs = 1};
        reference_drop_domain(machine, domain, false, &flush);
        reference_count_unmap_flush(machine, &flush);
        domain->pending_unmaps = 0;
    }
}

/* ---- sources ---- */

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* "each maximal run of such blocks is one map call, cut at multiples of 2^52; of a block that the IOVA width
 * cuts, the part below is mapped" */
static bool map_run(struct reference_machine *machine, struct reference_domain *domain, uint64_t first,
                    uint64_t last)
{
    uint64_t mask = (UINT64_C(1) << 52) - 1;

    if (!reference_in_width(&machine->geometry, first))
        return true;
    if (!reference_in_width(&machine->geometry, last))
        last = (UINT64_C(1) << machine->geometry.iova_bits) - 1;
    for (;;) {
        uint64_t end = (first | mask) < last ? first | mask : last;
        if (!map_call(machine, domain, first, end, first & mask, true))
            return false;
        if (end == last)
            return true;
        first = end + 1;
    }
}

/* "every extent-aligned block that a write or read of the domain's devices touches is mapped" */
static bool map_touched(struct reference_machine *machine, struct reference_domain *domain,
                        const struct trace_store *store, size_t records)
{
    uint64_t extent = machine->config->mapping.extent_bytes;
    uint64_t *blocks = NULL;
    size_t count = 0, capacity = 0, kept = 0;
    bool ok = true;

    for (size_t r = 0; r < records; r++) {
        if ((store->op[r] != TRACE_WRITE && store->op[r] != TRACE_READ) ||
            machine->domain_of_device[store->device[r]] != domain->index)
            continue;
        uint64_t last = store->iova[r] + (store->bytes[r] - 1);
        for (uint64_t block = store->iova[r] / extent; block <= last / extent; block++) {
            if (count == capacity) {
                capacity = 2 * capacity + 64;
                blocks = reference_allocate(blocks, capacity * sizeof(*blocks));
            }
            blocks[count++] = block;
        }
    }
    if (count > 0)
        qsort(blocks, count, sizeof(*blocks), compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || blocks[i] != blocks[i - 1])
            blocks[kept++] = blocks[i];
    for (size_t i = 0, next; i < kept && ok; i = next) {
        next = i + 1;
        while (next < kept && blocks[next] == blocks[next - 1] + 1)
            next++;
        uint64_t last = blocks[next - 1] * extent;
        last = extent - 1 > UINT64_MAX - last ? UINT64_MAX : last + (extent - 1);
        ok = map_run(machine, domain, blocks[i] * extent, last);
    }
    free(blocks);
    return ok;
}

bool reference_map_source(struct reference_machine *machine, const struct trace_store *store, size_t records)
{
    const struct cell_config *config = machine->config;

    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_domain *domain = &machine->domains[d];
        reference_add_table(machine, domain, machine->geometry.levels - 1, 0);
        reference_note_peak(machine);
        if (machine->source == REFERENCE_TOUCHED) {
            if (!map_touched(machine, domain, store, records))
                return false;
            continue;
        }
        for (size_t i = 0; i < config->mapping.region_count; i++) {
            const struct config_region *region = &config->mapping.regions[i];
            if (!map_call(machine, domain, region->iova, region->iova + (region->bytes - 1), region->address,
                          true))
                return false;
        }
    }
    return true;
}
