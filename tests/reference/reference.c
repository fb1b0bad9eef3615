/* The run: records in order, what happens before each (semantics.md 2), and the cost columns (12). */
#include "tests/reference/reference.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/policy/policy.h"
#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "tests/reference/reference_machine.h"

/* For "sums exact", and for deadlines that pass 2^64. */
__extension__ typedef unsigned __int128 wide;

static bool find_name(const char *name, const char *const names[], size_t count, int *found)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) {
            *found = (int)i;
            return true;
        }
    return false;
}

static bool resolve_names(struct reference_machine *machine, char *why, size_t why_bytes)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1", "smmu-s2"};
    static const char *const methods[] = {"hardware", "all", "exact", "none"};
    static const char *const policies[] = {"periodic", "records", "marks", "none"};
    static const char *const sources[] = {"static", "touched"};
    const struct cell_config *config = machine->config;
    int model, method, policy, source;

    if (!find_name(config->iommu.model->name, models, 4, &model) ||
        !find_name(config->tracking.method->name, methods, 4, &method) ||
        !find_name(config->harvest.policy->name, policies, 4, &policy) ||
        !find_name(config->mapping.source->name, sources, 2, &source)) {
        snprintf(why, why_bytes, "a model, method, policy or source that the reference does not know");
        return false;
    }
    machine->model = (enum reference_model)model;
    machine->method = (enum reference_method)method;
    machine->policy = (enum reference_policy)policy;
    return true;
}

/* ---- records ---- */

static void count_volume(struct metrics *metrics, const struct trace_store *store, size_t i)
{
    metrics->records++;
    switch ((enum trace_op)store->op[i]) {
    case TRACE_WRITE:
        metrics->writes++;
        metrics->write_bytes += store->bytes[i];
        break;
    case TRACE_READ:
        metrics->reads++;
        metrics->read_bytes += store->bytes[i];
        break;
    case TRACE_MAP:
    case TRACE_MAP_RO:
        metrics->maps++;
        break;
    case TRACE_UNMAP:
        metrics->unmaps++;
        break;
    case TRACE_TRANSLATE:
    case TRACE_TRANSLATE_W:
        metrics->translates++;
        break;
    case TRACE_MARK:
        metrics->marks++;
        break;
    case TRACE_OP_COUNT:
        abort();
    }
    metrics->span_ns = store->time_ns[i] - store->time_ns[0];
}

/* "An access touches pages in ascending order. In each page it makes one request per max_payload-aligned
 * block" */
static void replay_access(struct reference_machine *machine, uint64_t iova, uint64_t bytes, bool write)
{
    uint64_t block_bytes = machine->config->max_payload_bytes;
    uint64_t last = iova + (bytes - 1);

    for (uint64_t block = iova / block_bytes; block <= last / block_bytes; block++)
        reference_request(machine, block * block_bytes, write);
}

/* "The devices of a domain are the ids of all records but marks inside limits.records (an empty trace has
 * device 0)" */
static uint64_t count_devices(const struct trace_store *store, size_t records)
{
    bool *seen = calloc(TRACE_DEVICES, sizeof(*seen));
    uint64_t count = 0;

    if (seen == NULL)
        abort();
    for (size_t i = 0; i < records; i++)
        if (store->op[i] != TRACE_MARK && !seen[store->device[i]]) {
            seen[store->device[i]] = true;
            count++;
        }
    free(seen);
    return count > 0 ? count : 1;
}

/* Harvest deadlines and the stop, in time order, a harvest before a stop at the same time. */
static void happen_until(struct reference_machine *machine, uint64_t time_ns, wide *deadline_ns)
{
    const struct cell_config *config = machine->config;

    while (machine->started && !machine->stopped) {
        bool harvest_due = machine->policy == REFERENCE_PERIODIC && *deadline_ns <= time_ns;
        bool stop_due = config->tracking.has_stop && config->tracking.stop_ns <= time_ns;
        if (harvest_due && (!stop_due || *deadline_ns <= config->tracking.stop_ns)) {
            reference_harvest(machine, (uint64_t)*deadline_ns);
            *deadline_ns += config->harvest.interval_ns;
        } else if (stop_due) {
            reference_stop(machine);
        } else {
            return;
        }
    }
}

static void replay(struct reference_machine *machine, const struct trace_store *store, size_t records)
{
    const struct cell_config *config = machine->config;
    uint64_t since_start = 0;
    wide deadline_ns = 0; /* may lie beyond all times */

    for (size_t i = 0; i < records; i++) {
        uint64_t time_ns = store->time_ns[i] - store->time_ns[0];
        if (!machine->started && time_ns >= config->tracking.start_ns) {
            reference_start(machine);
            deadline_ns = (wide)config->tracking.start_ns + config->harvest.interval_ns;
        }
        happen_until(machine, time_ns, &deadline_ns);

        count_volume(&machine->metrics, store, i);
        if (store->op[i] == TRACE_WRITE || store->op[i] == TRACE_READ)
            replay_access(machine, store->iova[i], store->bytes[i], store->op[i] == TRACE_WRITE);

        if (!machine->started || machine->stopped)
            continue;
        since_start++;
        if (machine->policy == REFERENCE_RECORDS && since_start % config->harvest.count == 0)
            reference_harvest(machine, time_ns);
        if (machine->policy == REFERENCE_MARKS && store->op[i] == TRACE_MARK)
            reference_harvest(machine, time_ns);
    }
    if (machine->started && !machine->stopped && config->harvest.final)
        reference_harvest(machine, machine->metrics.span_ns);
}

/* ---- section 12 ---- */

static uint64_t to_ns(wide picoseconds)
{
    return (uint64_t)((picoseconds + 500) / 1000);
}

static void count_costs(struct metrics *m, const struct cost_model *c)
{
    wide walk = (wide)m->walk_reads * c->walk_read_ps;
    walk += (wide)m->walk_cache_hits * c->walk_cache_hit_ps;
    walk += (wide)m->iotlb_hits * c->iotlb_hit_ps;
    walk += (wide)m->atc_misses * c->atc_miss_ps;
    m->walk_ns = to_ns(walk);

    m->dirty_update_ns = to_ns((wide)(m->dirty_updates + m->access_updates) * c->ad_update_ps);

    wide harvest = (wide)m->scanned_entries * c->scan_entry_ps;
    harvest += (wide)m->cleared_entries * c->clear_entry_ps;
    harvest += (wide)m->reported_pages * c->report_page_ps;
    harvest += (wide)m->log_drained * c->log_read_ps;
    m->harvest_ns = to_ns(harvest);

    wide flush = (wide)m->flush_commands * c->command_ps;
    flush += (wide)m->flush_syncs * c->sync_ps;
    flush += (wide)m->atc_commands * c->atc_command_ps;
    m->flush_ns = to_ns(flush);

    m->unmap_ns = to_ns((wide)m->unmap_commands * c->command_ps + (wide)m->unmap_syncs * c->sync_ps);

    wide toggle = (wide)m->context_updates * c->context_update_ps;
    toggle += (wide)m->toggle_scanned_entries * c->scan_entry_ps;
    toggle += (wide)(m->toggle_cleared_entries + m->toggle_written_entries) * c->clear_entry_ps;
    toggle += (wide)m->toggle_commands * c->command_ps;
    toggle += (wide)m->toggle_syncs * c->sync_ps;
    m->toggle_ns = to_ns(toggle);

    m->fault_ns = to_ns((wide)m->faults_recoverable * c->fault_ps);
}

bool reference_run(const struct cell_config *config, const struct trace_store *store, struct metrics *metrics,
                   struct interval **intervals, size_t *interval_count, char *why, size_t why_bytes)
{
    struct reference_machine machine = {.config = config, .random_state = config->seed};
    size_t records = store->count;

    if (config->limit_records < records)
        records = (size_t)config->limit_records;
    if (!resolve_names(&machine, why, why_bytes))
        return false;
    bool built = reference_tables_build(&machine, store, records, why, why_bytes);
    if (built) {
        reference_cache_make(&machine.iotlb, config->iotlb.entries, config->iotlb.ways,
                             config->iotlb.replacement, &machine.random_state);
        for (unsigned level = 1; level < machine.geometry.levels; level++)
            reference_cache_make(&machine.walk_caches[level], config->walk_cache.entries,
                                 config->walk_cache.ways, REPLACEMENT_LRU, NULL);
        machine.metrics.device_count = count_devices(store, records);
        machine.metrics.domain_count = 1;

        replay(&machine, store, records);
        reference_lost(&machine);
        count_costs(&machine.metrics, &config->cost);
        *metrics = machine.metrics;
        *intervals = machine.intervals;
        *interval_count = machine.interval_count;

        reference_cache_free(&machine.iotlb);
        for (unsigned level = 1; level < machine.geometry.levels; level++)
            reference_cache_free(&machine.walk_caches[level]);
    }
    reference_tables_free(&machine);
    return built;
}
