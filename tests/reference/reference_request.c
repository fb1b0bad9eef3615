/* One request: semantics.md 4 and 5. */
#include "tests/reference/reference_machine.h"

/* "over the leaf sizes that the domain has ever used, ascending" */
static struct reference_entry *iotlb_lookup(struct reference_machine *machine,
                                            const struct reference_domain *domain, uint64_t address)
{
    for (unsigned lg2 = 12; lg2 < 64; lg2++) {
        if ((domain->sizes_used >> lg2 & 1) == 0)
            continue;
        struct reference_entry *entry = reference_cache_find(&machine->iotlb, domain->index, address, lg2);
        if (entry != NULL)
            return entry;
    }
    return NULL;
}

/* Section 5. Returns the leaf, or NULL. */
static struct reference_leaf *walk(struct reference_machine *machine, const struct reference_domain *domain,
                                   uint64_t address)
{
    const struct reference_geometry *geometry = &machine->geometry;
    unsigned root = geometry->levels - 1, level = root;

    machine->metrics.walks++;
    /* "A walk looks at l = 1, 2, ... up to the root level; the first hit lets it start reading at level l-1"
     */
    for (unsigned l = 1; l <= root; l++) {
        struct reference_cache *cache = &machine->walk_caches[l];
        struct reference_entry *entry =
            reference_cache_find(cache, domain->index, address, reference_entry_lg2(geometry, l));
        if (entry != NULL) {
            machine->metrics.walk_cache_hits++;
            reference_cache_hit(cache, entry);
            level = l - 1;
            break;
        }
    }
    /* "A cached pointer names a place, not a memory page: if no table is there now, the walk reads one absent
     * entry." */
    if (!reference_table_exists(domain, level, address)) {
        machine->metrics.walk_reads++;
        return NULL;
    }
    struct reference_leaf *leaf = reference_find_leaf(domain, address);
    for (;; level--) {
        machine->metrics.walk_reads++;
        if (leaf != NULL && leaf->level == level)
            return leaf;
        if (level == 0 || !reference_table_exists(domain, level - 1, address))
            return NULL; /* an absent entry */
        bool evicted;
        reference_cache_insert(&machine->walk_caches[level], domain->index, address,
                               reference_entry_lg2(geometry, level), &evicted);
    }
}

/* "false_ats: a translation request for a read or a translate record made it dirty" */
static enum reference_cause cause_of(const struct reference_access *access)
{
    return access->write ? REFERENCE_WRITTEN : REFERENCE_TRANSLATED;
}

static struct reference_answer miss(struct reference_machine *machine, const struct reference_access *access)
{
    struct reference_domain *domain = access->domain;
    uint64_t address = access->address;
    struct reference_answer fault = {false};

    machine->metrics.iotlb_misses++;
    if (!reference_in_width(&machine->geometry, address)) {
        machine->metrics.faults_translation++;
        return fault;
    }
    struct reference_leaf *leaf = walk(machine, domain, address);
    if (leaf == NULL) {
        machine->metrics.faults_translation++;
        return fault;
    }
    bool managed = reference_managed(machine, leaf);
    if (access->write && leaf->write_protected) {
        /* "the request restarts at 4.2 as a miss. The walk that found the protected leaf inserts nothing" */
        reference_recover(machine, leaf);
        return miss(machine, access);
    }
    /* "NW=0 on a leaf that cannot be written is answered read-only without a fault, unless a write record
     * needs it" */
    if (access->write && !reference_writable(machine, leaf) && !managed) {
        machine->metrics.faults_permission++;
        return fault;
    }

    /* The fill. "writes_pass, set at fill iff the leaf is writable and (dirty already or not managed by
     * hardware)" */
    bool writes_pass = reference_writable(machine, leaf) && (reference_dirty(machine, leaf) || !managed);
    if (access->asks_write && managed && !reference_dirty(machine, leaf)) {
        reference_make_dirty(machine, domain, leaf, cause_of(access));
        writes_pass = true;
    } else if (!reference_is_arm(machine) && machine->hardware_on && !leaf->accessed) {
        leaf->accessed = true;
        machine->metrics.access_updates++;
    }

    bool evicted;
    struct reference_entry *entry =
        reference_cache_insert(&machine->iotlb, domain->index, address, leaf->lg2, &evicted);
    if (evicted)
        machine->metrics.iotlb_evictions++;
    if (entry != NULL) {
        entry->output = leaf->output;
        entry->writes_pass = writes_pass;
        entry->managed = managed;
    }
    return (struct reference_answer){.given = true, .lg2 = leaf->lg2, .may_write = writes_pass};
}

/* "through a managed clean entry: hardware re-reads the leaf entry". False: the entry is gone, the request
 * must restart as a miss. */
static bool recheck(struct reference_machine *machine, const struct reference_access *access,
                    struct reference_entry *entry)
{
    machine->metrics.dirty_rechecks++;
    machine->metrics.walk_reads++;
    struct reference_leaf *leaf = reference_find_leaf(access->domain, access->address);
    if (leaf == NULL || leaf->lg2 != entry->lg2 || leaf->output != entry->output ||
        !reference_managed(machine, leaf)) {
        entry->valid = false;
        return false;
    }
    if (!reference_dirty(machine, leaf))
        reference_make_dirty(machine, access->domain, leaf, cause_of(access));
    entry->writes_pass = true;
    return true;
}

struct reference_answer reference_ask(struct reference_machine *machine,
                                      const struct reference_access *access)
{
    struct reference_entry *entry = NULL;

    if (reference_in_width(&machine->geometry, access->address))
        entry = iotlb_lookup(machine, access->domain, access->address);
    if (entry == NULL)
        return miss(machine, access);

    bool passed_once = entry->writes_pass;
    machine->metrics.iotlb_hits++;
    reference_cache_hit(&machine->iotlb, entry);
    if (access->write && !entry->writes_pass && !entry->managed) {
        /* "A cached entry that is neither writable nor managed faults a write, except under write-protect" */
        if (reference_recover(machine, reference_find_leaf(access->domain, access->address))) {
            entry->valid = false;
            return miss(machine, access);
        }
        machine->metrics.faults_permission++;
        return (struct reference_answer){false};
    }
    if (access->asks_write && !entry->writes_pass && entry->managed && !recheck(machine, access, entry))
        return miss(machine, access);
    return (struct reference_answer){true, passed_once, entry->lg2, entry->writes_pass};
}
