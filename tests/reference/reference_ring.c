/* The ring that hardware writes: `log` of section 9. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

enum reference_reading reference_reading_of(const struct reference_machine *machine,
                                            const struct reference_domain *domain)
{
    switch (machine->method) {
    case REFERENCE_HARDWARE:
        return REFERENCE_SCAN;
    case REFERENCE_WRITE_PROTECT:
        return REFERENCE_UNREAD;
    case REFERENCE_LOG:
        if (!domain->ring_overflowed)
            return REFERENCE_RING;
        return machine->config->log.overflow == LOG_SCAN ? REFERENCE_SCAN : REFERENCE_UNREAD;
    case REFERENCE_ALL:
    case REFERENCE_EXACT:
    case REFERENCE_NONE:
    case REFERENCE_DEVICE:
        break;
    }
    return REFERENCE_NO_LEAVES;
}

void reference_ring_append(struct reference_machine *machine, struct reference_domain *domain, uint64_t iova)
{
    if (machine->method != REFERENCE_LOG || !machine->started || machine->stopped)
        return;
    if (domain->ring_count == machine->config->log.entries) {
        domain->ring_overflowed = true; /* "D is still set, the append is lost" */
        return;
    }
    domain->ring = reference_allocate(domain->ring, (domain->ring_count + 1) * sizeof(*domain->ring));
    domain->ring[domain->ring_count++] = iova;
}

bool reference_ring_holds(const struct reference_domain *domain, uint64_t iova)
{
    for (size_t i = 0; i < domain->ring_count; i++)
        if (domain->ring[i] == iova)
            return true;
    return false;
}

void reference_ring_drain(struct reference_machine *machine, struct reference_domain *domain)
{
    if (domain->ring_overflowed)
        machine->metrics.log_overflows++; /* "log_drained 0" */
    else
        machine->metrics.log_drained += domain->ring_count;
    if (machine->config->harvest.no_clear)
        return; /* "keeps ring and overflow" */
    domain->ring_count = 0;
    domain->ring_overflowed = false;
}
