#include "sim/engine/cost.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t to_ns(wide picoseconds)
{
    wide ns = (picoseconds + 500) / 1000;
    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

void cost_apply(const struct cost_model *c, struct metrics *m)
{
    m->walk_ns =
        to_ns((wide)m->walk_reads * c->walk_read_ps + (wide)m->walk_cache_hits * c->walk_cache_hit_ps +
              (wide)m->iotlb_hits * c->iotlb_hit_ps + (wide)m->atc_misses * c->atc_miss_ps);
    m->dirty_update_ns = to_ns((wide)(m->dirty_updates + m->access_updates) * c->ad_update_ps);
    m->harvest_ns =
        to_ns((wide)m->scanned_entries * c->scan_entry_ps + (wide)m->cleared_entries * c->clear_entry_ps +
              (wide)m->reported_pages * c->report_page_ps + (wide)m->log_drained * c->log_read_ps);
    m->flush_ns = to_ns((wide)m->flush_commands * c->command_ps + (wide)m->flush_syncs * c->sync_ps +
                        (wide)m->atc_commands * c->atc_command_ps);
    m->unmap_ns = to_ns((wide)m->unmap_commands * c->command_ps + (wide)m->unmap_syncs * c->sync_ps);
    m->toggle_ns = to_ns((wide)m->context_updates * c->context_update_ps +
                         (wide)m->toggle_scanned_entries * c->scan_entry_ps +
                         ((wide)m->toggle_cleared_entries + m->toggle_written_entries) * c->clear_entry_ps +
                         (wide)m->toggle_commands * c->command_ps + (wide)m->toggle_syncs * c->sync_ps);
    m->fault_ns = to_ns((wide)m->faults_recoverable * c->fault_ps);
    m->split_ns = to_ns((wide)m->split_entries * c->split_entry_ps);
}
