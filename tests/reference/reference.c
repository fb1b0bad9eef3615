/* The run: records in order, what happens before each (semantics.md 2), and the cost columns (12). */
#include "tests/reference/reference.h"

#include <stdlib.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
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
 * block" */
static void replay_access(struct reference_machine *machine, struct reference_domain *domain, uint64_t iova,
                          uint64_t bytes, enum trace_op op)
{
    bool translates = op == TRACE_TRANSLATE || op == TRACE_TRANSLATE_W;
    /* "`translate*` makes one request per page" */
    uint64_t block_bytes = translates ? REFERENCE_PAGE_BYTES : machine->config->max_payload_bytes;
    uint64_t last = iova + (bytes - 1);
    enum reference_access access = op == TRACE_WRITE       ? REFERENCE_WRITE
                                   : op == TRACE_READ      ? REFERENCE_READ
                                   : op == TRACE_TRANSLATE ? REFERENCE_TRANSLATE
                                                           : REFERENCE_TRANSLATE_W;

    for (uint64_t block = iova / block_bytes; block <= last / block_bytes; block++) {
        if (machine->atcs != NULL)
            reference_ats_request(machine, domain, block * block_bytes, access);
        else if (!translates) /* "translate* records without ATS make none" */
            reference_request(machine, domain, block * block_bytes, op == TRACE_WRITE);
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
        machine->metrics.device_count++;
        if (machine->domain_count == 0 || !shared) {
            machine->domains =
                reference_allocate(machine->domains, (machine->domain_count + 1) * sizeof(*machine->domains));
            machine->domains[machine->domain_count] =
                (struct reference_domain){.index = machine->domain_count};
            machine->domain_count++;
        }
        machine->domains[machine->domain_count - 1].devices++;
        machine->domain_of_device[id] = machine->domain_count - 1;
    }
    machine->metrics.domain_count = machine->domain_count;
    free(seen);
}

/* ---- section 11 ---- */

static wide sending_ns(const struct reference_machine *machine, uint64_t bytes)
{
    uint64_t rate = machine->config->harvest.link_rate;
    return ((wide)bytes * 1000000000 + rate - 1) / rate;
}

static uint64_t tracked_pages(const struct reference_machine *machine)
{
    uint64_t pages = 0;

    for (unsigned d = 0; d < machine->domain_count; d++) {
        struct reference_range_list list = reference_take_ranges(machine, &machine->domains[d]);
        for (size_t r = 0; r < list.count; r++)
            for (size_t l = reference_first_leaf(&machine->domains[d], list.ranges[r].first);
                 l < machine->domains[d].leaf_count && machine->domains[d].leaves[l].iova <= list.ranges[r].last;
                 l++) {
                struct reference_range part = reference_common(
                    reference_leaf_range(&machine->domains[d].leaves[l]), list.ranges[r]);
                pages += (part.last - part.first) / REFERENCE_PAGE_BYTES + 1;
            }
        free(list.ranges);
    }
    return pages;
}

/* "A round of B bytes takes ceil(B*10^9/link_rate) ns and ends in a harvest" */
static void send_round(struct reference_machine *machine, uint64_t pages, wide *deadline_ns)
{
    uint64_t bytes = pages * REFERENCE_PAGE_BYTES;

    machine->metrics.rounds++;
    machine->metrics.precopy_bytes += bytes;
    *deadline_ns += sending_ns(machine, bytes);
    machine->rounds_ns += sending_ns(machine, bytes);
}

static uint64_t at_most_all(wide ns)
{
    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/* "If the next round's bytes would take <= downtime_limit, or max_rounds rounds were sent, the source stops" */
static void end_round(struct reference_machine *machine, wide *deadline_ns)
{
    const struct cell_config *config = machine->config;
    uint64_t pages = reference_harvest(machine, at_most_all(*deadline_ns));
    uint64_t bytes = pages * REFERENCE_PAGE_BYTES;
    bool fits = sending_ns(machine, bytes) <= config->harvest.downtime_limit_ns;

    if (!fits && machine->metrics.rounds < config->harvest.max_rounds) {
        send_round(machine, pages, deadline_ns);
        return;
    }
    wide downtime_ns = sending_ns(machine, bytes) + config->harvest.downtime_fixed_ns;
    machine->source_stopped = true;
    machine->metrics.stop_bytes = bytes;
    machine->metrics.downtime_ns = at_most_all(downtime_ns);
    machine->metrics.migration_ns = at_most_all(machine->rounds_ns + downtime_ns);
    machine->metrics.converged = fits;
}

static uint64_t to_ns(wide picoseconds)
{
    return (uint64_t)((picoseconds + 500) / 1000);
}

/* ---- section 13 ---- */

#define FOREVER (~(wide)0 >> 1)

/* Triggers of a timed run. */
struct timed_run {
    wide deadline_ns;
    bool stop_came, final_due;
    uint64_t final_ns; /* row time of the final harvest */
};

/* What follows the end of a harvest at `now_ps`: deadlines that fell before it are dropped; the final harvest. */
static void after_timed(struct reference_machine *machine, struct timed_run *timing, wide now_ps)
{
    const struct cell_config *config = machine->config;

    while (machine->policy == REFERENCE_PERIODIC && timing->deadline_ns * 1000 < now_ps) {
        bool before_stop = !config->tracking.has_stop || timing->deadline_ns <= config->tracking.stop_ns;
        if (timing->deadline_ns > machine->last_record_ns || !before_stop)
            break;
        machine->metrics.harvest_overruns++;
        timing->deadline_ns += config->harvest.interval_ns;
    }
    if (timing->stop_came && timing->final_due) {
        timing->final_due = false;
        reference_timed_begin(machine, now_ps, timing->final_ns);
    } else if (timing->stop_came) {
        reference_stop(machine); /* "the disable row comes at its end" */
        machine->truth_closed = false;
    }
}

/* Deadlines, steps and the stop up to a time, in order. */
static void timed_until(struct reference_machine *machine, struct timed_run *timing, wide until_ps)
{
    const struct cell_config *config = machine->config;

    while (machine->started && !machine->stopped) {
        wide end_ps, next_ps = FOREVER, stop_ps = FOREVER;
        if (machine->policy == REFERENCE_PERIODIC && machine->timed == NULL && !timing->stop_came)
            next_ps = timing->deadline_ns * 1000;
        if (config->tracking.has_stop && !timing->stop_came)
            stop_ps = (wide)config->tracking.stop_ns * 1000;
        wide first_ps = next_ps < stop_ps ? next_ps : stop_ps;
        if (machine->timed != NULL) {
            wide limit_ps = stop_ps < until_ps ? stop_ps : until_ps;
            if (reference_timed_advance(machine, limit_ps, &end_ps)) {
                after_timed(machine, timing, end_ps);
                continue;
            }
            if (stop_ps > until_ps)
                return;
        } else if (first_ps > until_ps) {
            return;
        }
        if (machine->timed == NULL && next_ps <= stop_ps) {
            reference_timed_begin(machine, next_ps, (uint64_t)timing->deadline_ns);
            timing->deadline_ns += config->harvest.interval_ns;
            continue;
        }
        /* "at a stop the final harvest begins at the stop, or at the end of the one under way" */
        timing->stop_came = true;
        machine->truth_closed = true;
        timing->final_due = config->harvest.final && !machine->harvested_since_record;
        timing->final_ns = config->tracking.stop_ns;
        if (machine->timed == NULL)
            after_timed(machine, timing, stop_ps);
    }
}

static void trigger_timed(struct reference_machine *machine, struct timed_run *timing, uint64_t time_ns)
{
    (void)timing;
    if (machine->timed != NULL || machine->truth_closed)
        machine->metrics.harvest_overruns += !machine->truth_closed;
    else
        reference_timed_begin(machine, (wide)time_ns * 1000, time_ns);
}

/* The trace is over: the harvest under way ends, the final one follows, and the disable row if the stop has come. */
static void finish_timed(struct reference_machine *machine, struct timed_run *timing, uint64_t last_ns)
{
    wide end_ps = (wide)last_ns * 1000;
    bool quiet = machine->harvested_since_record;

    timing->final_due = timing->stop_came ? timing->final_due : false;
    while (machine->timed != NULL) {
        reference_timed_advance(machine, FOREVER, &end_ps);
        after_timed(machine, timing, end_ps);
    }
    if (timing->stop_came || !machine->started || machine->stopped || !machine->config->harvest.final || quiet)
        return;
    reference_timed_begin(machine, end_ps > (wide)last_ns * 1000 ? end_ps : (wide)last_ns * 1000, last_ns);
    reference_timed_advance(machine, FOREVER, &end_ps);
}

/* Harvest deadlines and the stop, in time order, a harvest before a stop at the same time. */
static void happen_until(struct reference_machine *machine, uint64_t time_ns, wide *deadline_ns)
{
    const struct cell_config *config = machine->config;

    while (machine->policy == REFERENCE_PRECOPY && machine->started && !machine->source_stopped &&
           *deadline_ns <= time_ns)
        end_round(machine, deadline_ns);
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

/* False: the record stops the cell. */
static bool replay_record(struct reference_machine *machine, const struct trace_store *store, size_t i)
{
    struct reference_domain *domain = &machine->domains[machine->domain_of_device[store->device[i]]];
    enum trace_op op = (enum trace_op)store->op[i];

    count_volume(&machine->metrics, store, i);
    machine->device = store->device[i];
    if (op == TRACE_WRITE || op == TRACE_READ || op == TRACE_TRANSLATE || op == TRACE_TRANSLATE_W)
        replay_access(machine, domain, store->iova[i], store->bytes[i], op);
    /* "Under `static` and `touched`, map and unmap records are counted and do nothing" */
    if (machine->source != REFERENCE_TRACE)
        return true;
    if (op == TRACE_MAP || op == TRACE_MAP_RO)
        return reference_map_record(machine, store, i);
    return op != TRACE_UNMAP || reference_unmap_record(machine, store, i);
}

static bool replay(struct reference_machine *machine, const struct trace_store *store, size_t records,
                   uint64_t *failed_record)
{
    const struct cell_config *config = machine->config;
    bool timed = config->harvest.timing == TIMING_TIMED;
    struct timed_run timing = {0};
    uint64_t since_start = 0;
    wide deadline_ns = 0; /* may lie beyond all times */

    if (records > 0)
        machine->last_record_ns = store->time_ns[records - 1] - store->time_ns[0];

    for (size_t i = 0; i < records; i++) {
        uint64_t time_ns = store->time_ns[i] - store->time_ns[0];
        reference_flush_deferred(machine, time_ns);
        if (!machine->started && time_ns >= config->tracking.start_ns) {
            reference_start(machine);
            deadline_ns = config->tracking.start_ns;
            if (machine->policy == REFERENCE_PRECOPY) /* "Round 0 sends every tracked page" */
                send_round(machine, tracked_pages(machine), &deadline_ns);
            else
                deadline_ns += config->harvest.interval_ns;
        }
        if (timed && timing.deadline_ns == 0)
            timing.deadline_ns = deadline_ns;
        if (timed)
            timed_until(machine, &timing, (wide)time_ns * 1000);
        else
            happen_until(machine, time_ns, &deadline_ns);
        if (machine->source_stopped)
            return true; /* "Records after the stop are not replayed" */

        *failed_record = i;
        if (!replay_record(machine, store, i))
            return false;
        machine->harvested_since_record = false;

        if (!machine->started || machine->stopped)
            continue;
        since_start++;
        if ((machine->policy == REFERENCE_RECORDS && since_start % config->harvest.count == 0) ||
            (machine->policy == REFERENCE_MARKS && store->op[i] == TRACE_MARK)) {
            if (timed)
                trigger_timed(machine, &timing, time_ns);
            else
                reference_harvest(machine, time_ns);
        }
    }
    if (timed) {
        finish_timed(machine, &timing, machine->metrics.span_ns);
        machine->metrics.harvest_span_ns = to_ns(machine->harvest_span_ps);
        return true;
    }
    if (machine->policy == REFERENCE_PRECOPY) {
        /* "1 when the trace ended before the stop, then later rounds see no writes, or before the start" */
        machine->metrics.trace_exhausted = 1;
        while (machine->started && !machine->source_stopped)
            end_round(machine, &deadline_ns);
        return true;
    }
    /* "unless a harvest came at or after the last record before it" */
    if (machine->started && !machine->stopped && config->harvest.final && !machine->harvested_since_record)
        reference_harvest(machine, machine->metrics.span_ns);
    return true;
}

/* ---- section 12 ---- */


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
        free(domain->ring);
        free(domain->at_start.ranges);
    }
    for (unsigned device = 0; machine->device_logs != NULL && device < TRACE_DEVICES; device++)
        free(machine->device_logs[device].blocks);
    free(machine->device_logs);
    for (unsigned device = 0; machine->atcs != NULL && device < TRACE_DEVICES; device++)
        reference_cache_free(&machine->atcs[device]);
    free(machine->atcs);
    free(machine->domains);
    reference_cache_free(&machine->iotlb);
    for (unsigned level = 1; level < REFERENCE_LEVELS_MAX; level++)
        reference_cache_free(&machine->walk_caches[level]);
    free(machine);
}

static void make_caches(struct reference_machine *machine)
{
    const struct cell_config *config = machine->config;

    if (config->ats.enabled) {
        machine->atcs = calloc(TRACE_DEVICES, sizeof(*machine->atcs));
        if (machine->atcs == NULL)
            abort();
    }

    machine->random_state = config->seed;
    reference_cache_make(&machine->iotlb, config->iotlb.entries, config->iotlb.ways,
                         config->iotlb.replacement, &machine->random_state);
    for (unsigned level = 1; level < machine->geometry.levels; level++)
        reference_cache_make(&machine->walk_caches[level], config->walk_cache.entries,
                             config->walk_cache.ways, REPLACEMENT_LRU, NULL);
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
        if (reference_map_source(machine, store, records) &&
            replay(machine, store, records, &result->failed_record)) {
            for (unsigned d = 0; d < machine->domain_count; d++)
                machine->metrics.leaves += machine->domains[d].leaf_count;
            reference_lost(machine);
            count_costs(&machine->metrics, &config->cost);
            machine->metrics.migrates = machine->policy == REFERENCE_PRECOPY;
        }
    }
    result->outcome = machine->outcome;
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
