/* Pre-copy: section 11. */
#include "tests/reference/reference_machine.h"

/* "A round of B bytes takes ceil(B * 10^9 / link_rate) ns" */
static reference_wide sending_ns(const struct reference_machine *machine, uint64_t bytes)
{
    uint64_t rate = machine->config->harvest.link_rate;
    return ((reference_wide)bytes * 1000000000 + (rate - 1)) / rate;
}

static void send_round(struct reference_machine *machine, uint64_t bytes)
{
    reference_wide ns = sending_ns(machine, bytes);

    machine->metrics.rounds++;
    machine->metrics.precopy_bytes += bytes;
    machine->metrics.migration_ns += (uint64_t)ns;
    machine->deadline_ns += ns;
}

static uint64_t tracked_pages(const struct reference_machine *machine)
{
    uint64_t pages = 0;

    for (unsigned d = 0; d < machine->domain_count; d++)
        for (size_t l = 0; l < machine->domains[d].leaf_count; l++) {
            const struct reference_leaf *leaf = &machine->domains[d].leaves[l];
            uint64_t count = UINT64_C(1) << (leaf->lg2 - 12);
            for (uint64_t i = 0; i < count; i++)
                pages += reference_is_tracked(machine, leaf->iova + i * REFERENCE_PAGE_BYTES);
        }
    return pages;
}

void reference_migration_start(struct reference_machine *machine)
{
    machine->deadline_ns = machine->config->tracking.start_ns;
    send_round(machine, tracked_pages(machine) * REFERENCE_PAGE_BYTES);
}

void reference_migration_next(struct reference_machine *machine, uint64_t reported_pages)
{
    struct metrics *metrics = &machine->metrics;
    uint64_t bytes = reported_pages * REFERENCE_PAGE_BYTES;
    bool fits = sending_ns(machine, bytes) <= machine->config->harvest.downtime_limit_ns;

    if (!fits && metrics->rounds < machine->config->harvest.max_rounds) {
        send_round(machine, bytes);
        return;
    }
    metrics->stop_bytes = bytes;
    metrics->downtime_ns = (uint64_t)sending_ns(machine, bytes) + machine->config->harvest.downtime_fixed_ns;
    metrics->migration_ns += metrics->downtime_ns;
    metrics->converged = fits;
    machine->source_stopped = true;
}
