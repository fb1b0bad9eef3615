/* Address translation services: section 10. */
#include "tests/reference/reference_machine.h"

/* "sizes ascending, entries without the needed right skipped" */
static struct reference_entry *atc_lookup(const struct reference_access *access)
{
    for (unsigned lg2 = 12; lg2 < 64; lg2++) {
        struct reference_entry *entry =
            reference_cache_find(&access->device->atc, access->domain->index, access->address, lg2);
        if (entry != NULL && (entry->may_write || !access->needs_right))
            return entry;
    }
    return NULL;
}

/* "The answer fills the ATC with the IOTLB entry's size" */
static void atc_fill(const struct reference_access *access, const struct reference_answer *answer)
{
    bool evicted;
    struct reference_entry *entry = reference_cache_insert(&access->device->atc, access->domain->index,
                                                           access->address, answer->lg2, &evicted);
    if (entry != NULL)
        entry->may_write = answer->may_write;
}

void reference_request(struct reference_machine *machine, const struct reference_access *access)
{
    struct reference_answer answer = {.given = true};

    machine->metrics.requests++;
    if (machine->config->ats.enabled) {
        struct reference_entry *entry = atc_lookup(access);
        if (entry != NULL) {
            machine->metrics.atc_hits++;
            answer.passed_once = true;
            reference_cache_hit(&access->device->atc, entry);
        } else {
            machine->metrics.atc_misses++;
            answer = reference_ask(machine, access);
            if (answer.given)
                atc_fill(access, &answer);
        }
    } else {
        answer = reference_ask(machine, access);
    }
    if (!answer.given || !access->write)
        return;
    /* "A write that succeeds through an entry with writes_pass (or an ATC entry that may write) on a leaf
     * that this harvest has cleaned, before its window's t_f" */
    const struct reference_leaf *leaf = reference_find_leaf(access->domain, access->address);
    machine->metrics.sneak_writes += answer.passed_once && leaf != NULL && leaf->cleaned;
    reference_write_succeeds(machine, access);
}

void reference_atc_invalidate(struct reference_machine *machine, const struct reference_domain *domain,
                              struct reference_range range, struct reference_flush *flush)
{
    unsigned lg2;
    struct reference_range cover = reference_power_of_two_cover(range, &lg2);

    if (!machine->config->ats.enabled || !machine->config->ats.invalidate)
        return;
    for (unsigned d = 0; d < machine->device_count; d++) {
        struct reference_device *device = &machine->devices[d];
        if (device->domain != domain->index)
            continue;
        flush->atc_commands++;
        if (flush->count_only)
            continue;
        machine->metrics.atc_commands++;
        for (uint64_t i = 0; i < reference_cache_places(&device->atc); i++)
            if (device->atc.entries[i].valid &&
                reference_overlap(reference_entry_range(&device->atc.entries[i]), cover))
                device->atc.entries[i].valid = false;
    }
}
