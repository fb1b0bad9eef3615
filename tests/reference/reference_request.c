/* One request: semantics.md 4 and 5. */
#include "tests/reference/reference_machine.h"

/* "A write succeeds on a page and it is then a tracked page" (8). Only called for mapped pages: the mapping
 * never changes here, so that no IOTLB entry outlives its leaf. */
static void write_succeeds(struct reference_machine *machine, uint64_t address)
{
    const struct reference_leaf *leaf = &machine->leaves[reference_find_leaf(machine, address)];
    struct reference_page *page =
        &machine->pages[leaf->first_page + (address - leaf->iova) / REFERENCE_PAGE_BYTES];

    if (!machine->started || machine->stopped || !page->tracked || page->in_truth)
        return;
    page->in_truth = true;
    page->missed = false;
    machine->metrics.truth_pages++;
}

/* "over the leaf sizes that the domain has ever used, ascending" */
static struct reference_entry *iotlb_lookup(struct reference_machine *machine, uint64_t address)
{
    for (unsigned lg2 = 12; lg2 < 64; lg2++) {
        bool used = false;
        for (size_t i = 0; i < machine->config->mapping.page_size_count; i++)
            used = used || machine->config->mapping.page_sizes_lg2[i] == lg2;
        if (!used)
            continue;
        struct reference_entry *entry = reference_cache_find(&machine->iotlb, address, lg2);
        if (entry != NULL)
            return entry;
    }
    return NULL;
}

/* Section 5. Returns the index of the leaf, or REFERENCE_NOWHERE. */
static ptrdiff_t walk(struct reference_machine *machine, uint64_t address)
{
    const struct reference_geometry *geometry = &machine->geometry;
    unsigned root = geometry->levels - 1, level = root;

    machine->metrics.walks++;
    /* "A walk looks at l = 1, 2, ... up to the root level; the first hit lets it start reading at level l-1"
     */
    for (unsigned l = 1; l <= root; l++) {
        struct reference_cache *cache = &machine->walk_caches[l];
        unsigned lg2 = geometry->granule_lg2 + geometry->index_bits * l;
        struct reference_entry *entry = reference_cache_find(cache, address, lg2);
        if (entry != NULL) {
            machine->metrics.walk_cache_hits++;
            reference_cache_hit(cache, entry);
            level = l - 1;
            break;
        }
    }
    ptrdiff_t found = reference_find_leaf(machine, address);
    for (;; level--) {
        machine->metrics.walk_reads++;
        if (found != REFERENCE_NOWHERE && machine->leaves[found].level == level)
            return found;
        if (level == 0 || !reference_table_exists(machine, level - 1, address))
            return REFERENCE_NOWHERE; /* an absent entry */
        bool evicted;
        reference_cache_insert(&machine->walk_caches[level], address,
                               geometry->granule_lg2 + geometry->index_bits * level, &evicted);
    }
}

static void miss(struct reference_machine *machine, uint64_t address, bool write)
{
    machine->metrics.iotlb_misses++;
    if (!reference_in_width(&machine->geometry, address)) {
        machine->metrics.faults_translation++;
        return;
    }
    ptrdiff_t found = walk(machine, address);
    if (found == REFERENCE_NOWHERE) {
        machine->metrics.faults_translation++;
        return;
    }
    struct reference_leaf *leaf = &machine->leaves[found];
    bool managed = reference_managed(machine, leaf);
    if (write && !reference_writable(machine, leaf) && !managed) {
        machine->metrics.faults_permission++;
        return;
    }

    /* The fill. "writes_pass, set at fill iff the leaf is writable and (dirty already or not managed by
     * hardware)" */
    bool writes_pass = reference_writable(machine, leaf) && (reference_dirty(machine, leaf) || !managed);
    bool was_accessed = leaf->accessed;
    if (write && managed && !reference_dirty(machine, leaf)) {
        reference_make_dirty(machine, leaf);
        writes_pass = true;
    } else if (!reference_is_arm(machine) && machine->hardware_on && !was_accessed) {
        leaf->accessed = true;
        machine->metrics.access_updates++;
    }

    bool evicted;
    struct reference_entry *entry = reference_cache_insert(&machine->iotlb, address, leaf->lg2, &evicted);
    if (evicted)
        machine->metrics.iotlb_evictions++;
    if (entry != NULL) {
        entry->output = leaf->output;
        entry->writes_pass = writes_pass;
        entry->managed = managed;
    }
    if (write)
        write_succeeds(machine, address);
}

void reference_request(struct reference_machine *machine, uint64_t address, bool write)
{
    machine->metrics.requests++;
    struct reference_entry *entry = NULL;
    if (reference_in_width(&machine->geometry, address))
        entry = iotlb_lookup(machine, address);
    if (entry == NULL) {
        miss(machine, address, write);
        return;
    }

    machine->metrics.iotlb_hits++;
    reference_cache_hit(&machine->iotlb, entry);
    if (!write)
        return;
    if (!entry->writes_pass) {
        if (!entry->managed) {
            /* "A cached entry that is neither writable nor managed faults a write" */
            machine->metrics.faults_permission++;
            return;
        }
        machine->metrics.dirty_rechecks++;
        machine->metrics.walk_reads++;
        ptrdiff_t found = reference_find_leaf(machine, address);
        if (found == REFERENCE_NOWHERE || machine->leaves[found].lg2 != entry->lg2 ||
            machine->leaves[found].output != entry->output ||
            !reference_managed(machine, &machine->leaves[found])) {
            entry->valid = false;
            miss(machine, address, write);
            return;
        }
        if (!reference_dirty(machine, &machine->leaves[found]))
            reference_make_dirty(machine, &machine->leaves[found]);
        entry->writes_pass = true;
    }
    write_succeeds(machine, address);
}
