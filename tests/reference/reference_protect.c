/* Write protection by software: `write-protect` of section 9. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

void reference_set_protection(const struct reference_machine *machine, struct reference_leaf *leaf,
                              bool enable)
{
    leaf->write_protected = enable;
    leaf->marked = false;
    leaf->write_permission = reference_is_arm(machine) && !enable;
    /* riscv: a writable leaf needs D=1 while GADE is off (6). */
    leaf->dirty_bit = machine->model == REFERENCE_RISCV_G && !enable;
}

void reference_protect(struct reference_machine *machine, struct reference_domain *domain, bool enable)
{
    struct reference_flush flush = {.commands = 1, .syncs = 1};

    reference_toggle_scan(machine, domain);
    for (size_t i = 0; i < domain->leaf_count; i++) {
        struct reference_leaf *leaf = &domain->leaves[i];
        if (!leaf->granted || leaf->write_protected == enable || !reference_overlaps_ranges(machine, leaf))
            continue;
        reference_set_protection(machine, leaf, enable);
        machine->metrics.toggle_written_entries += reference_leaf_entries(machine, leaf);
    }
    reference_drop_domain(machine, domain, false, &flush);
    reference_count_toggle_flush(machine, &flush);
}

bool reference_recover(struct reference_machine *machine, struct reference_leaf *leaf)
{
    /* "A leaf mapped read-only, or none behind the stale entry: faults_permission" */
    if (machine->method != REFERENCE_WRITE_PROTECT || leaf == NULL || !leaf->granted)
        return false;
    machine->metrics.faults_recoverable++;
    if (leaf->write_protected) {
        reference_set_protection(machine, leaf, false);
        leaf->marked = true;
        leaf->cause = REFERENCE_WRITTEN;
    }
    return true;
}
