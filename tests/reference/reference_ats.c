/* ATS: section 10. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

static struct reference_cache *atc_of(struct reference_machine *machine)
{
    struct reference_cache *atc = &machine->atcs[machine->device];

    if (atc->entries == NULL)
        reference_cache_make(atc, machine->config->ats.entries, machine->config->ats.ways, REPLACEMENT_LRU,
                             NULL);
    return atc;
}

/* "key (size, a >> lg2), sizes ascending, entries without the needed right skipped" */
static struct reference_entry *atc_lookup(struct reference_cache *atc, uint64_t address, bool write)
{
    for (unsigned lg2 = 12; lg2 < 64; lg2++) {
        struct reference_entry *entry = reference_cache_find(atc, 0, address, lg2);
        if (entry != NULL && (!write || entry->writes_pass))
            return entry;
    }
    return NULL;
}

void reference_ats_request(struct reference_machine *machine, struct reference_domain *domain,
                           uint64_t address, enum reference_access access)
{
    struct reference_cache *atc = atc_of(machine);
    bool writes = access == REFERENCE_WRITE || access == REFERENCE_TRANSLATE_W;

    machine->metrics.requests++;
    struct reference_entry *entry = atc_lookup(atc, address, writes);
    if (entry != NULL) {
        machine->metrics.atc_hits++;
        reference_cache_hit(atc, entry);
        if (access == REFERENCE_WRITE)
            reference_note_sneak(machine, domain, address);
    } else {
        machine->metrics.atc_misses++;
        /* "reads ask NW=1 if ats.no_write, else NW=0; writes ask NW=0; translate NW=1, translate_w NW=0" */
        struct reference_translation translation = {
            .write = writes || (access == REFERENCE_READ && !machine->config->ats.no_write),
            .must_write = access == REFERENCE_WRITE,
            .cause = access == REFERENCE_WRITE ? REFERENCE_WRITTEN : REFERENCE_ATS};
        reference_translate(machine, domain, address, &translation);
        if (!translation.answered)
            return;
        bool evicted;
        entry = reference_cache_insert(atc, 0, address, translation.lg2, &evicted);
        /* "it may write if NW=0 was granted, or if the IOTLB entry has writes_pass" */
        if (entry != NULL)
            entry->writes_pass = translation.granted || translation.writes_pass;
    }
    if (access == REFERENCE_WRITE)
        reference_write_succeeds(machine, domain, address);
}

/* "also sends each device of the domain one command for the power-of-two cover of its range, domain and global empty its
 * ATC (ATCs of other domains stay, also under `global`) (`atc_commands`), unless `ats.invalidate: false`" */
void reference_invalidate_atcs(struct reference_machine *machine, const struct reference_domain *domain,
                               struct reference_range range, bool everything)
{
    if (machine->atcs == NULL || !machine->config->ats.invalidate)
        return;
    machine->metrics.atc_commands += domain->devices;
    if (machine->count_only)
        return;
    if (!everything) {
        unsigned lg2 = 12;
        while (lg2 < 64 && range.first >> lg2 != range.last >> lg2)
            lg2++;
        uint64_t mask = lg2 == 64 ? UINT64_MAX : (UINT64_C(1) << lg2) - 1;
        range = (struct reference_range){range.first & ~mask, range.last | mask};
    }
    for (unsigned device = 0; device < TRACE_DEVICES; device++) {
        struct reference_cache *atc = &machine->atcs[device];
        if (atc->entries == NULL || machine->domain_of_device[device] != domain->index)
            continue;
        for (uint64_t i = 0; i < reference_cache_places(atc); i++)
            if (atc->entries[i].valid &&
                (everything || reference_overlap(reference_entry_range(&atc->entries[i]), range)))
                atc->entries[i].valid = false;
    }
}
