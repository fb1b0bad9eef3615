/* Tracking without dirty bits, and rings of them: section 9. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

/* ---- write-protect ---- */

static void set_protection(struct reference_machine *machine, struct reference_leaf *leaf, bool is_protected)
{
    leaf->is_protected = is_protected;
    if (reference_is_arm(machine))
        leaf->write_permission = !is_protected;
    if (machine->model == REFERENCE_RISCV_G) /* "software must preset it or writes fault" */
        leaf->dirty_bit = !is_protected;
}

/* "at start every writable leaf overlapping a range is made read-only (toggle_scanned_entries,
 * toggle_written_entries), domain flush (1 command, 1 sync)"; "Stop: makes them writable (toggle_* as the start), domain
 * flush (1, 1)" */
void reference_protect_domain(struct reference_machine *machine, struct reference_domain *domain,
                              bool protects)
{
    struct reference_range_list list = reference_take_ranges(machine, domain);
    struct reference_window window = {0};
    struct reference_flush flush = {.commands = 1, .syncs = 1};

    for (size_t r = 0; r < list.count; r++)
        reference_scan_tables(machine, domain, list.ranges[r], &window);
    machine->metrics.toggle_scanned_entries += window.entries;
    for (size_t i = 0; i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (!leaf->granted || !reference_overlaps_range(machine, leaf) || leaf->is_protected == protects)
            continue;
        set_protection(machine, leaf, protects);
        leaf->marked = false;
        machine->metrics.toggle_written_entries += reference_leaf_entries(machine, leaf);
    }
    reference_drop_domain(machine, domain, false, &flush);
    machine->metrics.toggle_commands += flush.commands;
    machine->metrics.toggle_syncs += flush.syncs;
    machine->metrics.toggle_invalidated += flush.dropped;
    free(list.ranges);
}

/* "faults recoverably: faults_recoverable+1; if still protected, software marks the leaf dirty and makes it writable"; "A
 * leaf mapped read-only, or none behind the stale entry: faults_permission" */
bool reference_protection_fault(struct reference_machine *machine, struct reference_leaf *leaf)
{
    if (leaf == NULL || !leaf->granted) {
        machine->metrics.faults_permission++;
        return false;
    }
    machine->metrics.faults_recoverable++;
    if (leaf->is_protected) {
        set_protection(machine, leaf, false);
        leaf->marked = true;
        leaf->cause = REFERENCE_WRITTEN;
    }
    return true;
}

/* ---- device ---- */

void reference_start_device_logs(struct reference_machine *machine)
{
    machine->device_logs = calloc(TRACE_DEVICES, sizeof(*machine->device_logs));
    if (machine->device_logs == NULL)
        abort();
    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_domain *domain = &machine->domains[d];
        for (size_t i = 0; i < domain->leaf_count; i++) {
            struct reference_range range = reference_leaf_range(&domain->leaves[i]);
            reference_add_range(&domain->at_start, range.first, range.last);
        }
    }
}

/* "each device logs the device.granule blocks that its successful writes to tracked pages touch"; "`device.ranges: start`:
 * devices log only pages whose addresses are mapped when tracking starts" */
void reference_log_write(struct reference_machine *machine, const struct reference_domain *domain,
                         uint64_t address)
{
    struct reference_block_log *log = &machine->device_logs[machine->device];
    uint64_t block = address / machine->config->device.granule_bytes;
    bool in_ranges = machine->config->device.ranges == DEVICE_LIVE;

    for (size_t i = 0; !in_ranges && i < domain->at_start.count; i++)
        in_ranges =
            domain->at_start.ranges[i].first <= address && address <= domain->at_start.ranges[i].last;
    if (!in_ranges)
        return;
    for (size_t i = log->count; i-- > 0;) /* the last ones are asked for most */
        if (log->blocks[i] == block)
            return;
    if (log->count == log->capacity) {
        log->capacity = 2 * log->capacity + 16;
        log->blocks = reference_allocate(log->blocks, log->capacity * sizeof(*log->blocks));
    }
    log->blocks[log->count++] = block;
}

static bool in_any(const struct reference_range_list *list, uint64_t address)
{
    for (size_t i = 0; list != NULL && i < list->count; i++)
        if (list->ranges[i].first <= address && address <= list->ranges[i].last)
            return true;
    return list == NULL;
}

/* "reports their tracked pages"; "a logged block reports all its tracked pages" */
void reference_report_device_logs(struct reference_machine *machine, unsigned d,
                                  const struct reference_range_list *pieces)
{
    struct reference_domain *domain = &machine->domains[d];
    uint64_t granule = machine->config->device.granule_bytes;

    for (unsigned device = 0; device < TRACE_DEVICES; device++) {
        const struct reference_block_log *log = &machine->device_logs[device];
        for (size_t b = 0; machine->domain_of_device[device] == d && b < log->count; b++) {
            struct reference_range block = {log->blocks[b] * granule,
                                            log->blocks[b] * granule + (granule - 1)};
            for (size_t l = reference_first_leaf(domain, block.first);
                 l < domain->leaf_count && domain->leaves[l].iova <= block.last; l++) {
                struct reference_leaf *leaf = &domain->leaves[l];
                struct reference_range part = reference_common(reference_leaf_range(leaf), block);
                for (uint64_t page = part.first / REFERENCE_PAGE_BYTES;
                     page <= part.last / REFERENCE_PAGE_BYTES; page++) {
                    uint64_t address = page * REFERENCE_PAGE_BYTES;
                    if (reference_is_tracked(machine, address) && in_any(pieces, address))
                        reference_page(leaf, address)->reported = true;
                }
            }
        }
    }
}

uint64_t reference_device_log_entries(const struct reference_machine *machine)
{
    uint64_t entries = 0;

    for (unsigned device = 0; device < TRACE_DEVICES; device++)
        entries += machine->device_logs[device].count;
    return entries;
}

void reference_drain_device_logs(struct reference_machine *machine)
{
    for (unsigned device = 0; device < TRACE_DEVICES; device++)
        machine->device_logs[device].count = 0;
}

/* ---- log ---- */

/* "appended at each clean->dirty step"; "Ring full: D is still set, the append is lost" */
void reference_append_to_ring(struct reference_machine *machine, struct reference_domain *domain,
                              const struct reference_leaf *leaf)
{
    uint64_t entries = machine->config->log.entries, count = domain->ring_count;

    if (count == entries) {
        domain->ring_overflowed = true;
        return;
    }
    if ((count & (count - 1)) == 0) /* doubles at every power of two */
        domain->ring = reference_allocate(domain->ring, (count == 0 ? 1 : 2 * count) * sizeof(uint64_t));
    domain->ring[domain->ring_count++] = leaf->iova;
}

bool reference_in_ring(const struct reference_domain *domain, const struct reference_leaf *leaf)
{
    for (uint64_t i = 0; i < domain->ring_count; i++)
        if (domain->ring[i] == leaf->iova)
            return true;
    return false;
}
