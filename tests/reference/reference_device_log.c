/* Logs that devices keep themselves: `device` of section 9. */
#include <stdlib.h>
#include <string.h>

#include "tests/reference/reference_machine.h"

void reference_device_logs_start(struct reference_machine *machine, struct reference_domain *domain)
{
    (void)machine;
    domain->mapped_at_start = reference_mapped_runs(domain);
}

static bool was_mapped_at_start(const struct reference_domain *domain, uint64_t address)
{
    for (size_t i = 0; i < domain->mapped_at_start.count; i++)
        if (domain->mapped_at_start.ranges[i].first <= address &&
            address <= domain->mapped_at_start.ranges[i].last)
            return true;
    return false;
}

void reference_device_log_write(struct reference_machine *machine, const struct reference_access *access)
{
    struct reference_device *device = access->device;
    uint64_t block = access->address / machine->config->device.granule_bytes;
    size_t place = 0;

    /* "`device.ranges: start`: devices log only pages whose addresses are mapped when tracking starts" */
    if (machine->config->device.ranges == DEVICE_START &&
        !was_mapped_at_start(access->domain, access->address))
        return;
    while (place < device->log_count && device->log[place] < block)
        place++;
    if (place < device->log_count && device->log[place] == block)
        return;
    device->log = reference_allocate(device->log, (device->log_count + 1) * sizeof(*device->log));
    memmove(device->log + place + 1, device->log + place, (device->log_count - place) * sizeof(*device->log));
    device->log[place] = block;
    device->log_count++;
}

void reference_device_logs_read(const struct reference_machine *machine, struct reference_domain *domain,
                                const struct reference_range_list *ranges)
{
    uint64_t granule = machine->config->device.granule_bytes;

    for (unsigned d = 0; d < machine->device_count; d++) {
        const struct reference_device *device = &machine->devices[d];
        for (size_t i = 0; device->domain == domain->index && i < device->log_count; i++) {
            struct reference_range block = {device->log[i] * granule,
                                            device->log[i] * granule + (granule - 1)};
            for (size_t r = 0; r < ranges->count; r++)
                if (reference_overlap(block, ranges->ranges[r]))
                    reference_report_mapped(domain, reference_common(block, ranges->ranges[r]));
        }
    }
}

void reference_device_logs_drain(struct reference_machine *machine, const struct reference_domain *domain)
{
    for (unsigned d = 0; d < machine->device_count; d++) {
        struct reference_device *device = &machine->devices[d];
        if (device->domain != domain->index)
            continue;
        machine->metrics.device_log_entries += device->log_count;
        if (!machine->config->harvest.no_clear) /* "no_clear keeps the logs" */
            device->log_count = 0;
    }
}
