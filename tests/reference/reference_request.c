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

static void miss(struct reference_machine *machine, struct reference_domain *domain, uint64_t address,
                 struct reference_translation *translation)
{
    machine->metrics.iotlb_misses++;
    if (!reference_in_width(&machine->geometry, address)) {
        machine->metrics.faults_translation++;
        return;
    }
    struct reference_leaf *leaf = walk(machine, domain, address);
    if (leaf == NULL) {
        machine->metrics.faults_translation++;
        return;
    }
    bool managed = reference_managed(machine, leaf), writable = reference_writable(machine, leaf);
    if (translation->write && !writable && !managed && translation->must_write) {
        if (machine->method != REFERENCE_WRITE_PROTECT)
            machine->metrics.faults_permission++;
        else if (reference_protection_fault(machine, leaf))
            miss(machine, domain, address, translation); /* "restarts at 4.2 as a miss" */
        return;
    }

    /* The fill. "writes_pass, set at fill iff the leaf is writable and (dirty already or not managed by
     * hardware)" */
    bool writes_pass = writable && (reference_dirty(machine, leaf) || !managed);
    if (translation->write && managed && !reference_dirty(machine, leaf)) {
        reference_make_dirty(machine, domain, leaf, translation->cause);
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
    translation->answered = true;
    translation->lg2 = leaf->lg2;
    translation->writes_pass = writes_pass;
    translation->granted = translation->write && writes_pass;
}

/* "through a managed clean entry: hardware re-reads the leaf entry". False: the entry is gone, the request
 * must restart as a miss. */
static bool recheck(struct reference_machine *machine, struct reference_domain *domain,
                    uint64_t address, struct reference_entry *entry, enum reference_cause cause)
{
    machine->metrics.dirty_rechecks++;
    machine->metrics.walk_reads++;
    struct reference_leaf *leaf = reference_find_leaf(domain, address);
    if (leaf == NULL || leaf->lg2 != entry->lg2 || leaf->output != entry->output ||
        !reference_managed(machine, leaf)) {
        entry->valid = false;
        return false;
    }
    if (!reference_dirty(machine, leaf))
        reference_make_dirty(machine, domain, leaf, cause);
    entry->writes_pass = true;
    return true;
}

/* A hit asks for write permission that the entry does not have. False: the entry is gone, the request restarts as a miss;
 * or, with *faulted, is dropped. */
static bool hit_without_permission(struct reference_machine *machine, struct reference_domain *domain,
                                   uint64_t address, struct reference_entry *entry,
                                   const struct reference_translation *translation, bool *faulted)
{
    if (entry->managed)
        return recheck(machine, domain, address, entry, translation->cause);
    if (!translation->must_write)
        return true; /* "NW=0 on a leaf that cannot be written is answered read-only" */
    /* "A cached entry that is neither writable nor managed faults a write, except under write-protect" */
    if (machine->method != REFERENCE_WRITE_PROTECT) {
        machine->metrics.faults_permission++;
        *faulted = true;
    } else if (reference_protection_fault(machine, reference_find_leaf(domain, address))) {
        entry->valid = false; /* "the stale entry is dropped" */
    } else {
        *faulted = true;
    }
    return false;
}

void reference_note_sneak(struct reference_machine *machine, const struct reference_domain *domain,
                          uint64_t address)
{
    const struct reference_leaf *leaf = reference_find_leaf(domain, address);
    machine->metrics.sneak_writes += leaf != NULL && leaf->sneaks;
}

void reference_translate(struct reference_machine *machine, struct reference_domain *domain, uint64_t address,
                         struct reference_translation *translation)
{
    struct reference_entry *entry = NULL;
    bool faulted = false;

    if (reference_in_width(&machine->geometry, address))
        entry = iotlb_lookup(machine, domain, address);
    if (entry == NULL) {
        miss(machine, domain, address, translation);
        return;
    }
    machine->metrics.iotlb_hits++;
    reference_cache_hit(&machine->iotlb, entry);
    if (translation->must_write && entry->writes_pass)
        reference_note_sneak(machine, domain, address);
    if (translation->write && !entry->writes_pass &&
        !hit_without_permission(machine, domain, address, entry, translation, &faulted)) {
        if (!faulted)
            miss(machine, domain, address, translation);
        return;
    }
    translation->answered = true;
    translation->lg2 = entry->lg2;
    translation->writes_pass = entry->writes_pass;
    translation->granted = translation->write && entry->writes_pass;
}

void reference_request(struct reference_machine *machine, struct reference_domain *domain, uint64_t address,
                       bool write)
{
    struct reference_translation translation = {
        .write = write, .must_write = write, .cause = REFERENCE_WRITTEN};

    machine->metrics.requests++;
    reference_translate(machine, domain, address, &translation);
    if (write && translation.answered)
        reference_write_succeeds(machine, domain, address);
}
