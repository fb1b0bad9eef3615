/* The run: records in order, what happens before each (semantics.md 2), and the cost columns (12). */
#include "tests/reference/reference.h"

#include <stdlib.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "tests/reference/reference_machine.h"

typedef reference_wide wide;

static bool find_name(const char *name, const char *const names[], size_t count, int *found)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) {
            *found = (int)i;
            return true;
        }
    return false;
}

static bool resolve_names(struct reference_machine *machine)
{
    static const char *const models[] = {"amd-v1", "intel-ss", "smmu-s1", "smmu-s2", "riscv-g"};
    static const char *const methods[] = {"hardware",      "all",    "exact", "none",
                                          "write-protect", "device", "log"};
    static const char *const policies[] = {"periodic", "records", "marks", "none", "precopy"};
    static const char *const sources[] = {"static", "touched", "trace"};
    const struct cell_config *config = machine->config;
    int model, method, policy, source;

    if (!find_name(config->iommu.model->name, models, 5, &model) ||
        !find_name(config->tracking.method->name, methods, 7, &method) ||
        !find_name(config->harvest.policy->name, policies, 5, &policy) ||
        !find_name(config->mapping.source->name, sources, 3, &source))
        return reference_fail(machine, REFERENCE_CANNOT, "an unknown model, method, policy or source");
    machine->model = (enum reference_model)model;
    machine->method = (enum reference_method)method;
    machine->policy = (enum reference_policy)policy;
    machine->source = (enum reference_source)source;
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
 * block. translate* makes one request per page" */
static void replay_access(struct reference_machine *machine, const struct trace_store *store, size_t i)
{
    enum trace_op op = (enum trace_op)store->op[i];
    bool dma = op == TRACE_WRITE || op == TRACE_READ, write = op == TRACE_WRITE;
    uint64_t block_bytes = dma ? machine->config->max_payload_bytes : REFERENCE_PAGE_BYTES;
    uint64_t first = store->iova[i], last = first + (store->bytes[i] - 1);
    /* "reads ask NW=1 if `ats.no_write`, else NW=0; writes ask NW=0; `translate` NW=1, `translate_w` NW=0" */
    bool read_asks_write = machine->config->ats.enabled && !machine->config->ats.no_write;
    struct reference_access access = {
        .device = &machine->devices[machine->device_of_id[store->device[i]]],
        .domain = reference_domain_of(machine, store->device[i]),
        .write = write,
        .needs_right = write || op == TRACE_TRANSLATE_W,
        .asks_write = write || op == TRACE_TRANSLATE_W || (op == TRACE_READ && read_asks_write),
    };

    for (uint64_t block = first / block_bytes; block <= last / block_bytes; block++) {
        access.address = block * block_bytes;
        reference_request(machine, &access);
    }
}

/* "The devices of a domain are the ids of all records but marks inside limits.records (an empty trace has
 * device 0)"; per_device: "one domain per device id in the trace, handled in ascending order". */
static void make_domains(struct reference_machine *machine, const struct trace_store *store, size_t records)
{
    bool *seen = calloc(TRACE_DEVICES, sizeof(*seen)), any = false;
    bool shared = machine->config->domains == DOMAINS_SHARED;

    if (seen == NULL)
        abort();
    for (size_t i = 0; i < records; i++)
        if (store->op[i] != TRACE_MARK) {
            seen[store->device[i]] = true;
            any = true;
        }
    seen[0] = seen[0] || !any;
    for (unsigned id = 0; id < TRACE_DEVICES; id++) {
        if (!seen[id])
            continue;
        if (machine->domain_count == 0 || !shared) {
            machine->domains =
                reference_allocate(machine->domains, (machine->domain_count + 1) * sizeof(*machine->domains));
            machine->domains[machine->domain_count] =
                (struct reference_domain){.index = machine->domain_count};
            machine->domain_count++;
        }
        machine->domains[machine->domain_count - 1].devices++;
        machine->devices =
            reference_allocate(machine->devices, (machine->device_count + 1) * sizeof(*machine->devices));
        machine->devices[machine->device_count] =
            (struct reference_device){.domain = machine->domain_count - 1};
        machine->device_of_id[id] = machine->device_count++;
    }
    machine->metrics.device_count = machine->device_count;
    machine->metrics.domain_count = machine->domain_count;
    free(seen);
}

static void harvest_at_deadline(struct reference_machine *machine)
{
    uint64_t time_ns = (uint64_t)machine->deadline_ns;

    if (machine->policy == REFERENCE_PRECOPY) {
        reference_harvest(machine, time_ns);
        reference_migration_next(machine, machine->intervals[machine->interval_count - 1].reported_pages);
    } else {
        machine->deadline_ns += machine->config->harvest.interval_ns; /* the next one */
        reference_harvest(machine, time_ns);
    }
}

/* Harvest deadlines and the stop, in time order, a harvest before a stop at the same time: the first that is
 * due, if any. */
static bool happens_before(struct reference_machine *machine, uint64_t time_ns)
{
    const struct cell_config *config = machine->config;
    bool has_deadlines = machine->policy == REFERENCE_PERIODIC || machine->policy == REFERENCE_PRECOPY;

    if (!machine->started || machine->stopped || machine->source_stopped)
        return false;
    bool harvest_due = has_deadlines && machine->deadline_ns <= time_ns;
    bool stop_due = config->tracking.has_stop && config->tracking.stop_ns <= time_ns;
    if (harvest_due && (!stop_due || machine->deadline_ns <= config->tracking.stop_ns))
        harvest_at_deadline(machine);
    else if (stop_due)
        reference_stop(machine);
    return harvest_due || stop_due;
}

/* False: the record stops the cell. */
static bool replay_record(struct reference_machine *machine, const struct trace_store *store, size_t i)
{
    enum trace_op op = (enum trace_op)store->op[i];

    count_volume(&machine->metrics, store, i);
    /* "`translate*` records without ATS make none" */
    bool translates = op == TRACE_TRANSLATE || op == TRACE_TRANSLATE_W;
    if (op == TRACE_WRITE || op == TRACE_READ || (translates && machine->config->ats.enabled))
        replay_access(machine, store, i);
    /* "Under `static` and `touched`, map and unmap records are counted and do nothing" */
    if (machine->source != REFERENCE_TRACE)
        return true;
    if (op == TRACE_MAP || op == TRACE_MAP_RO)
        return reference_map_record(machine, store, i);
    return op != TRACE_UNMAP || reference_unmap_record(machine, store, i);
}

static void start(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    reference_start(machine);
    if (machine->policy == REFERENCE_PRECOPY)
        reference_migration_start(machine);
    else
        machine->deadline_ns = (wide)config->tracking.start_ns + config->harvest.interval_ns;
}

/* What comes behind the last record. */
static void end(struct reference_machine *machine)
{
    if (machine->policy == REFERENCE_PRECOPY) {
        /* "the trace ended before the stop, then later rounds see no writes, or before the start" */
        machine->metrics.trace_exhausted = !machine->source_stopped;
        while (machine->started && !machine->source_stopped)
            harvest_at_deadline(machine);
        return;
    }
    /* "unless a harvest came at or after the last record before it" */
    if (machine->started && !machine->stopped && machine->config->harvest.final &&
        !machine->harvested_since_record)
        reference_harvest(machine, machine->metrics.span_ns);
}

/* The next record. False: it stops the cell. */
static bool replay_next(struct reference_machine *machine)
{
    if (!replay_record(machine, machine->store, machine->next_record))
        return false;
    machine->next_record++;
    machine->harvested_since_record = false;
    return true;
}

/* Is it a mark, or the last of `count`, that a policy harvests at? */
static bool triggers(struct reference_machine *machine)
{
    bool is_mark = machine->store->op[machine->next_record - 1] == TRACE_MARK;

    if (!machine->started || machine->stopped)
        return false;
    machine->records_since_start++;
    return (machine->policy == REFERENCE_RECORDS &&
            machine->records_since_start % machine->config->harvest.count == 0) ||
           (machine->policy == REFERENCE_MARKS && is_mark);
}

static uint64_t next_time_ns(const struct reference_machine *machine)
{
    return machine->store->time_ns[machine->next_record] - machine->store->time_ns[0];
}

void reference_replay_before(struct reference_machine *machine, wide ps)
{
    const struct cell_config *config = machine->config;

    /* "a record at time_ns comes before a step at p if time_ns * 1000 < p" */
    while (machine->next_record < machine->record_count && (wide)next_time_ns(machine) * 1000 < ps) {
        if (!machine->stopped && config->tracking.has_stop &&
            config->tracking.stop_ns <= next_time_ns(machine))
            reference_timed_stop_meanwhile(machine);
        if (!replay_next(machine))
            abort(); /* only what source: trace maps stops a cell */
        machine->metrics.harvest_overruns += triggers(machine);
    }
}

static bool replay(struct reference_machine *machine)
{
    machine->metrics.migrates = machine->policy == REFERENCE_PRECOPY;
    while (machine->next_record < machine->record_count) {
        uint64_t time_ns = next_time_ns(machine);
        reference_flush_deferred(machine, time_ns);
        if (!machine->started && time_ns >= machine->config->tracking.start_ns)
            start(machine);
        if (happens_before(machine, time_ns))
            continue; /* a timed harvest has replayed records itself */
        if (machine->source_stopped)
            break; /* "Records after the stop are not replayed" */
        if (!replay_next(machine))
            return false;
        if (triggers(machine))
            reference_harvest(machine, time_ns);
    }
    end(machine);
    return true;
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
    m->split_ns = to_ns((wide)m->split_entries * c->split_entry_ps);
}

static void free_machine(struct reference_machine *machine)
{
    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_domain *domain = &machine->domains[d];
        for (size_t i = 0; i < domain->leaf_count; i++)
            free(domain->leaves[i].pages);
        free(domain->leaves);
        free(domain->tables);
        free(domain->last_reported);
        free(domain->mapped_at_start.ranges);
        free(domain->ring);
    }
    for (unsigned d = 0; d < machine->device_count; d++) {
        free(machine->devices[d].log);
        reference_cache_free(&machine->devices[d].atc);
    }
    free(machine->devices);
    free(machine->domains);
    reference_cache_free(&machine->iotlb);
    for (unsigned level = 1; level < REFERENCE_LEVELS_MAX; level++)
        reference_cache_free(&machine->walk_caches[level]);
    free(machine);
}

static void make_caches(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    machine->random_state = config->seed;
    reference_cache_make(&machine->iotlb, config->iotlb.entries, config->iotlb.ways,
                         config->iotlb.replacement, &machine->random_state);
    for (unsigned level = 1; level < machine->geometry.levels; level++)
        reference_cache_make(&machine->walk_caches[level], config->walk_cache.entries,
                             config->walk_cache.ways, REPLACEMENT_LRU, NULL);
    for (unsigned d = 0; config->ats.enabled && d < machine->device_count; d++)
        reference_cache_make(&machine->devices[d].atc, config->ats.entries, config->ats.ways, REPLACEMENT_LRU,
                             NULL);
}

void reference_run(const struct cell_config *config, const struct trace_store *store,
                   struct reference_result *result)
{
    size_t records = config->limit_records < store->count ? (size_t)config->limit_records : store->count;
    struct reference_machine *machine = calloc(1, sizeof(*machine));

    if (machine == NULL)
        abort();
    *result = (struct reference_result){0};
    machine->config = config;
    machine->why = result->why;
    machine->why_bytes = sizeof(result->why);
    if (resolve_names(machine)) {
        machine->geometry = reference_geometry_of(machine);
        make_domains(machine, store, records);
        make_caches(machine);
        machine->store = store;
        machine->record_count = records;
        if (reference_map_source(machine, store, records) && replay(machine)) {
            for (unsigned d = 0; d < machine->domain_count; d++)
                machine->metrics.leaves += machine->domains[d].leaf_count;
            reference_lost(machine);
            count_costs(&machine->metrics, &config->cost);
            machine->metrics.harvest_span_ns = to_ns(machine->harvest_span_ps);
        }
    }
    result->outcome = machine->outcome;
    result->failed_record = machine->next_record;
    result->metrics = machine->metrics;
    result->intervals = machine->intervals;
    result->interval_count = machine->interval_count;
    free_machine(machine);
}

void reference_result_free(struct reference_result *result)
{
    free(result->intervals);
    result->intervals = NULL;
}
