#include "sim/engine/cohort.h"

#include <assert.h>
#include <string.h>

#include "sim/base/interrupt_flag.h"
#include "sim/base/memory.h"
#include "sim/engine/invariants.h"
#include "sim/engine/ring.h"
#include "sim/tracking/tracking.h"

bool cohort_shareable(const struct cell_config *a, const struct cell_config *b)
{
    bool timed = a->harvest.timing == TIMING_TIMED; /* prices decide when what happens */
    return !timed && !leaves_depend_on_caches(a) && !leaves_depend_on_caches(b) && config_same_tables(a, b);
}

bool cohort_init(struct cohort *cohort, const struct cell_config *config, const struct map_calls *calls,
                 size_t call_lists, const struct cohort_trace *trace, bool one_by_one,
                 struct tile_index *tiles, struct error *error)
{
    cohort->config = config;
    cohort->trace = *trace;
    cohort->tiles = tiles;
    cohort->one_by_one = one_by_one || leaves_depend_on_caches(config);
    cohort->policy.next_ns = POLICY_NEVER;
    cohort->deferred_due_ns = UINT64_MAX;
    if (config->mapping.unmap_flush == UNMAP_DEFERRED) {
        cohort->deferred = memory_zeroed(trace->domain_count, sizeof *cohort->deferred, error);
        if (!cohort->deferred)
            return false;
    }
    return timed_new(&cohort->timed, config, error) &&
           leaves_init(&cohort->leaves, config, calls, call_lists, trace->domain_count, error);
}

bool cohort_join(struct cohort *cohort, const struct cell_config *config, struct pass_result *result,
                 bool keeps_intervals, struct error *error)
{
    struct cell **cells = memory_zeroed(cohort->cell_count + 1, sizeof *cells, error);
    if (!cells)
        return false;
    if (cohort->cell_count > 0)
        memcpy(cells, cohort->cells, cohort->cell_count * sizeof *cells);
    memory_free(cohort->cells);
    cohort->cells = cells;
    struct cell *cell = memory_zeroed(1, sizeof *cell, error);
    if (!cell)
        return false;
    uint64_t devices = config->domains == DOMAINS_SHARED ? cohort->trace.device_count : 1;
    bool keeps_contents = cohort->one_by_one || cohort->timed;
    if (!cell_init(cell, config, &cohort->leaves, cohort->tiles, keeps_contents, result, keeps_intervals, error) ||
        (config->ats.enabled && !cell_init_atcs(cell, devices, error))) {
        cell_free(cell);
        memory_free(cell);
        return false;
    }
    cell->keeps_contents = cohort->one_by_one;
    cohort->cells[cohort->cell_count++] = cell;
    return true;
}

void cohort_free(struct cohort *cohort)
{
    cohort_unstack(cohort);
    for (size_t i = 0; i < cohort->cell_count; i++) {
        cell_free(cohort->cells[i]);
        memory_free(cohort->cells[i]);
    }
    memory_free(cohort->cells);
    memory_free(cohort->deferred);
    timed_free(cohort->timed);
    tables_change_free(&cohort->change);
    span_free(&cohort->windows);
    span_free(&cohort->splits);
    harvest_free(&cohort->harvest);
    score_free(&cohort->score);
    leaves_free(&cohort->leaves);
}

/* ---- start, harvest, stop ---- */

static bool clear_on_start(struct cohort *cohort, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    uint64_t scanned = leaves_scan(leaves, true).entries;
    struct harvest_report report = {0};
    if (!leaves_list_active(leaves, error) || !cohort_visit_domains(cohort, HARVEST_START, &report, error))
        return false;
    for (size_t i = 0; i < cohort->cell_count; i++) {
        cohort->cells[i]->metrics.toggle_scanned_entries += scanned;
        cohort->cells[i]->metrics.toggle_cleared_entries += report.cleared_entries;
    }
    return true;
}

bool cohort_toggle(struct cohort *cohort, enum phase phase, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    bool shared = cohort->config->domains == DOMAINS_SHARED;
    uint64_t scanned = 0, written = 0;
    if (leaves_walks_entries(leaves)) {
        scanned = leaves_scan(leaves, true).entries;
        if (!leaves_rewritten_entries(leaves, &written, error))
            return false;
    }
    if (!leaves_enter(leaves, phase, error))
        return false;
    bool toggles = tracking_visits_leaves(cohort->config->tracking.method);
    for (size_t i = 0; toggles && i < cohort->cell_count; i++) {
        struct cell *cell = cohort->cells[i];
        cell->metrics.toggle_scanned_entries += scanned;
        cell->metrics.toggle_written_entries += written;
        cell_toggle(cell, shared ? cohort->trace.device_count : 1, leaves->domain_count,
                    phase == PHASE_TRACKING);
    }
    return true;
}

static bool start(struct cohort *cohort, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    const struct cell_config *config = cohort->config;
    if (config->tracking.split == SPLIT_START && !cohort_split_all(cohort, error))
        return false;
    if (leaves->hardware && config->tracking.clear_on_start && !leaves_walks_entries(leaves) &&
        !clear_on_start(cohort, error))
        return false;
    if (!cohort_toggle(cohort, PHASE_TRACKING, error))
        return false;
    if (leaves->device_log && config->device.ranges == DEVICE_START && !leaves_fix_log_ranges(leaves, error))
        return false;
    if (config->harvest.no_clear && leaves->tile_count > 0) /* what no harvest has looked at does not stand */
        memset(leaves->active, 1, (size_t)leaves->tile_count + 1);
    if (config->harvest.policy->first)
        config->harvest.policy->first(&cohort->policy, config, leaves_tracked_pages(leaves));
    return true;
}

struct leaves_marks cohort_begin_row(struct cohort *cohort)
{
    uint64_t written = cohort->leaves.written_pages;
    struct leaves_marks since = {cohort->volume.records, written - cohort->written_at_row};
    cohort->written_at_row = written;
    cohort->quiet = true;
    for (size_t i = 0; i < cohort->cell_count; i++)
        cell_begin_row(cohort->cells[i]);
    return since;
}

static bool harvest(struct cohort *cohort, uint64_t time_ns, struct harvest_report *total, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct score *score = &cohort->score;
    struct harvest_report report = {0};
    /* Between two records there may be any number of harvests. */
    if (!interrupt_check(error))
        return false;
    if (cohort->timed)
        return timed_trigger(cohort, time_ns, error);
    if (leaves->hardware)
        rings_read(leaves, &report);
    if (!leaves_list_active(leaves, error))
        return false;
    score_begin(score, leaves);
    if (tracking_visits_leaves(cohort->config->tracking.method)) {
        enum harvest_kind kind = cohort->config->harvest.no_clear ? HARVEST_PEEK : HARVEST_CLEAR;
        if (!cohort_visit_domains(cohort, kind, &report, error))
            return false;
        rings_drain(leaves);
    } else if (leaves->device_log) {
        if (!cohort_read_device_logs(cohort, &report, error))
            return false;
    } else if (!score_by_method(score, leaves, leaves->listed, leaves->listed_count, &report, error)) {
        return false;
    }
    score_end(score, &report);
    score_finish_report(leaves, &report);
    invariants_of_report(&report);
    struct leaves_marks since = cohort_begin_row(cohort);
    for (size_t i = 0; i < cohort->cell_count; i++)
        if (!cell_harvested(cohort->cells[i], &report, time_ns, &since, error))
            return false;
    if (total)
        *total = report;
    return true;
}

/* The harvest of a deadline, and what the policy makes of it. */
static bool harvest_due(struct cohort *cohort, struct error *error)
{
    const struct cell_config *config = cohort->config;
    struct harvest_report report = {0};
    if (!harvest(cohort, cohort->policy.next_ns, &report, error))
        return false;
    config->harvest.policy->after(&cohort->policy, config, report.reported_pages);
    return true;
}

static bool final_harvest(struct cohort *cohort, uint64_t time_ns, struct error *error)
{
    return !cohort->config->harvest.final || cohort->quiet || harvest(cohort, time_ns, NULL, error);
}

static bool stop(struct cohort *cohort, struct error *error)
{
    if (cohort->timed) {
        timed_stop(cohort);
        return true;
    }
    return final_harvest(cohort, cohort->config->tracking.stop_ns, error) &&
           cohort_toggle(cohort, PHASE_AFTER, error);
}

/* When the next start, deadline or stop comes, relative to the first record. */
static uint64_t next_event_ns(const struct cohort *cohort)
{
    const struct cell_config *config = cohort->config;
    switch (cohort->leaves.phase) {
    case PHASE_BEFORE:
        return config->tracking.start_ns;
    case PHASE_TRACKING: {
        if (cohort->timed && cohort->timed->stops)
            return UINT64_MAX;
        uint64_t stop_ns = config->tracking.has_stop ? config->tracking.stop_ns : UINT64_MAX;
        return cohort->policy.next_ns < stop_ns ? cohort->policy.next_ns : stop_ns;
    }
    case PHASE_AFTER:
        break;
    }
    return UINT64_MAX;
}

/* Everything due before a record at this time (semantics.md 2): deferred unmap flushes, start, deadlines, stop; a
 * harvest before a stop. */
bool cohort_advance(struct cohort *cohort, uint64_t time_ns, struct error *error)
{
    if (cohort->deferred_due_ns <= time_ns)
        cohort_flush_deferred(cohort, time_ns);
    while (cohort->leaves.phase != PHASE_AFTER && !cohort->policy.ended) {
        uint64_t event_ns = next_event_ns(cohort);
        if (cohort->timed && !timed_go_on(cohort, event_ns < time_ns ? event_ns : time_ns, error))
            return false;
        if (event_ns > time_ns)
            break;
        if (cohort->leaves.phase == PHASE_BEFORE) {
            if (!start(cohort, error))
                return false;
        } else if (event_ns < cohort->policy.next_ns) {
            if (!stop(cohort, error))
                return false;
        } else {
            if (cohort->policy.next_ns == POLICY_NEVER)
                return true; /* no deadline and no stop: a record at the end of time */
            if (!harvest_due(cohort, error))
                return false;
        }
    }
    return true;
}

/* ---- requests ---- */

/* Leaf keys and set numbers of requests that meet a leaf that lets them pass; stops at the first other one. */
static size_t find_leaves(struct cohort *cohort, const uint32_t *keys, const uint32_t *pages, size_t count)
{
    const struct leaves *leaves = &cohort->leaves;
    for (size_t i = 0; i < count; i++) {
        uint32_t page = keys[i] >> 1, write = keys[i] & 1;
        if (!(leaves->state[page] & PAGE_MAPPED))
            return i;
        uint32_t head = leaves_head(leaves, page);
        if (write && !(leaves->state[head] & STATE_WRITABLE))
            return i;
        cohort->leaf_keys[i] = head << 1 | write;
        cohort->numbers[i] = pages[i] >> (leaves_lg2(leaves, page) - PAGE_LG2);
    }
    return count;
}

/* The same where every touched page is mapped read-write and no tile holds leaves of several sizes. */
static void find_plain_leaves(struct cohort *cohort, const uint32_t *keys, const uint32_t *pages, size_t count)
{
    const struct tile *const tiles = cohort->leaves.tiles;
    for (size_t i = 0; i < count; i++) {
        uint32_t key = keys[i];
        const struct tile *tile = &tiles[key >> (TILE_PAGES_LG2 + 1)];
        cohort->leaf_keys[i] = (tile->head_base + (key >> 1 & tile->head_mask)) << 1 | (key & 1);
        cohort->numbers[i] = pages[i] >> (tile->leaf_lg2 - PAGE_LG2);
    }
}

/* The same where every leaf is a page: keys and numbers are right as they are. */
static size_t find_pages(const struct leaves *leaves, const uint32_t *keys, size_t count)
{
    const uint16_t *const state = leaves->state;
    const uint32_t needed[2] = {PAGE_MAPPED, PAGE_MAPPED | STATE_WRITABLE};
    size_t i = 0;
    while (i < count && (needed[keys[i] & 1] & ~(uint32_t)state[keys[i] >> 1]) == 0)
        i++;
    return i;
}

/* All at once, one structure after the other. */
static void pass(struct cohort *cohort, struct cell_requests *run)
{
    struct leaves *leaves = &cohort->leaves;
    memset(cohort->dirtied, 0, (run->count + 63) / 64 * sizeof *cohort->dirtied);
    if (leaves_steps(leaves))
        leaves_step(leaves, run->page_keys, run->leaf_keys, run->count, cohort->dirtied);
    for (size_t i = 0; i < cohort->cell_count; i++) {
        cell_translate(cohort->cells[i], run, leaves->protection ? cohort->dirtied : NULL);
        if (!leaves->protection)
            cell_recheck(cohort->cells[i], cohort->dirtied, run->count);
    }
}

/* A request that passes cannot take: every cell, in order. */
void cohort_request(struct cohort *cohort, const struct requests *piece, size_t request)
{
    if (piece->device)
        cohort->leaves.device = piece->device[request];
    if (cohort->config->ats.enabled) {
        cell_request_ats(cohort->cells[0], piece->key[request], cohort->leaves.device,
                         piece->request_op[request]);
        return;
    }
    if (cohort->stacks && leaves_lg2(&cohort->leaves, piece->key[request] >> 1) != 0)
        cohort_unstack(cohort); /* a write that its leaf refuses */
    for (size_t i = 0; i < cohort->cell_count; i++)
        cell_request(cohort->cells[i], piece->key[request]);
}

static void step_one(struct cohort *cohort, const struct requests *piece, size_t request)
{
    if (timed_is_under_way(cohort->timed))
        timed_request(cohort, piece, request);
    else
        cohort_request(cohort, piece, request);
}

/* Cuts a run into what passes can take and what they cannot: requests that meet no leaf, or one that forbids.
 */
static void run_requests(struct cohort *cohort, const struct requests *piece, size_t first, size_t last)
{
    struct leaves *leaves = &cohort->leaves;
    bool in_order = cohort->one_by_one || timed_is_under_way(cohort->timed);
    while (first < last && !in_order) {
        struct cell_requests run = {
            .page_keys = piece->key + first, .numbers = piece->page + first, .count = last - first};
        run.leaf_keys = run.page_keys;
        if (!leaves->one_page_leaves) {
            if (leaves->all_plain)
                find_plain_leaves(cohort, run.page_keys, run.numbers, run.count);
            else
                run.count = find_leaves(cohort, run.page_keys, run.numbers, run.count);
            run.leaf_keys = cohort->leaf_keys;
            run.numbers = cohort->numbers;
        } else if (!leaves->all_plain) {
            run.count = find_pages(leaves, run.page_keys, run.count);
        }
        if (run.count > 0)
            pass(cohort, &run);
        if (leaves->device_log)
            leaves_log_writes(leaves, run.page_keys, piece->device + first, run.count);
        first += run.count;
        if (first < last)
            step_one(cohort, piece, first++);
    }
    for (; first < last; first++)
        step_one(cohort, piece, first);
}

/* ---- pieces ---- */

/* The first record from `from` on that something comes before: by time, by count of records, after a mark or a
 * map or unmap record. */
static size_t run_end(const struct cohort *cohort, const struct requests *piece, size_t from)
{
    size_t end = piece->record_count;
    if (timed_is_under_way(cohort->timed))
        return from + 1;
    uint64_t event_ns = next_event_ns(cohort);
    if (cohort->deferred_due_ns < event_ns)
        event_ns = cohort->deferred_due_ns;
    if (event_ns <= piece->time_ns[end - 1] - cohort->trace.first_time_ns) {
        size_t low = from + 1, high = end;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (piece->time_ns[middle] - cohort->trace.first_time_ns < event_ns)
                low = middle + 1;
            else
                high = middle;
        }
        end = low;
    }
    if (cohort->leaves.phase != PHASE_TRACKING)
        return end;
    const struct harvest_policy *policy = cohort->config->harvest.policy;
    if (policy->records) {
        uint64_t every = policy->records(cohort->config);
        uint64_t left = every - cohort->records_since_start % every;
        if (left < end - from)
            end = from + (size_t)left;
    }
    if (policy->at_marks)
        for (size_t i = 0; i < piece->mark_count; i++)
            if (piece->marks[i] >= from) {
                if (piece->marks[i] + 1 < end)
                    end = piece->marks[i] + 1;
                break;
            }
    return end;
}

/* A whole record is done: does the policy harvest now? */
static bool after_record(struct cohort *cohort, const struct requests *piece, size_t record,
                         struct error *error)
{
    const struct harvest_policy *policy = cohort->config->harvest.policy;
    if (cohort->leaves.phase != PHASE_TRACKING)
        return true;
    bool due = policy->records && cohort->records_since_start % policy->records(cohort->config) == 0;
    due = due || (policy->at_marks && piece->op[record] == TRACE_MARK);
    return !due || harvest(cohort, piece->time_ns[record] - cohort->trace.first_time_ns, NULL, error);
}

static bool take_tiles(struct cohort *cohort, const struct requests *piece, struct error *error)
{
    uint32_t known = cohort->leaves.tile_count;
    if (piece->new_tile_count == 0)
        return true;
    for (size_t i = 0; i < piece->new_tile_count; i++)
        if (!leaves_add_tile(&cohort->leaves, piece->new_tiles[i].number, piece->new_tiles[i].domain, error))
            return false;
    if (!score_reserve(&cohort->score, cohort->leaves.tile_count, error))
        return false;
    for (size_t i = 0; i < cohort->cell_count; i++)
        if (!cell_reserve(cohort->cells[i], error))
            return false;
    return timed_add_tiles(cohort, known, error);
}

/* Records are counted as they are replayed, step_run. */
static void add_volume(struct volume *sum, const struct volume *more)
{
    sum->writes += more->writes;
    sum->reads += more->reads;
    sum->maps += more->maps;
    sum->unmaps += more->unmaps;
    sum->translates += more->translates;
    sum->marks += more->marks;
    sum->write_bytes += more->write_bytes;
    sum->read_bytes += more->read_bytes;
}

/* Records from ... end - 1 of a run: what changes tables is a run's last record. */
static bool step_run(struct cohort *cohort, const struct requests *piece, size_t from, size_t end,
                     const struct table_record *change, struct error *error)
{
    cohort->quiet = false;
    cohort->last_record_ns = piece->time_ns[end - 1] - cohort->trace.first_time_ns;
    run_requests(cohort, piece, requests_first(piece, from), requests_first(piece, end));
    if (change && !cohort_change_tables(cohort, change, piece->first_record + end - 1, cohort->last_record_ns,
                                        error))
        return false;
    const struct atcs *atcs = cohort->cells[0]->atcs;
    if ((cohort->leaves.device_log && cohort->leaves.device_log->failed) || (atcs && atcs->failed))
        return error_set(error, ERROR_MEMORY, "out of memory");
    bool whole = end < piece->record_count || !piece->unfinished;
    uint64_t done = end - from - !whole;
    cohort->volume.records += done;
    if (cohort->leaves.phase != PHASE_TRACKING)
        cohort_observe_records(cohort, piece, from, from + done);
    if (cohort->leaves.phase == PHASE_TRACKING)
        cohort->records_since_start += done;
    return true;
}

bool cohort_step(struct cohort *cohort, const struct requests *piece, struct error *error)
{
    size_t change = 0; /* next map or unmap record of the piece */
    size_t changes = cohort->leaves.follows_trace ? piece->table_count : 0;
    if (cohort->policy.ended)
        return true;
    if (!take_tiles(cohort, piece, error))
        return false;
    for (size_t from = 0, stretch; from < piece->record_count;) {
        uint64_t time_ns = piece->time_ns[from] - cohort->trace.first_time_ns;
        bool begins = from > 0 || !piece->continued;
        if (begins && !cohort_advance(cohort, time_ns, error))
            return false;
        if (cohort->policy.ended) {
            struct volume replayed = requests_volume(piece, from);
            add_volume(&cohort->volume, &replayed);
            return true;
        }
        stretch = run_end(cohort, piece, from);
        do {
            bool changes_tables = change < changes && piece->tables[change].record < stretch;
            size_t end = changes_tables ? piece->tables[change].record + 1 : stretch;
            if (!step_run(cohort, piece, from, end, changes_tables ? &piece->tables[change++] : NULL, error))
                return false;
            from = end;
            /* An unmap may have made a flush due within the stretch. */
        } while (from < stretch &&
                 cohort->deferred_due_ns > piece->time_ns[stretch - 1] - cohort->trace.first_time_ns);
        bool whole = from < piece->record_count || !piece->unfinished;
        if (from == stretch && whole && !after_record(cohort, piece, from - 1, error))
            return false;
    }
    add_volume(&cohort->volume, &piece->volume);
    return true;
}

/* ---- the end ---- */

/* What comes after the last record: rounds that see no more writes, or the final harvest. */
static bool last_harvests(struct cohort *cohort, struct error *error)
{
    if (cohort->leaves.phase != PHASE_TRACKING)
        return true;
    if (cohort->timed)
        return timed_finish(cohort, error);
    if (!cohort->config->harvest.policy->migrates)
        return final_harvest(cohort, cohort->last_record_ns, error);
    while (!cohort->policy.ended)
        if (!harvest_due(cohort, error))
            return false;
    return true;
}

bool cohort_finish(struct cohort *cohort, struct error *error)
{
    bool exhausted = !cohort->policy.ended;
    if (!last_harvests(cohort, error))
        return false;
    uint64_t lost_pages = score_lost(&cohort->score, &cohort->leaves);
    struct observations regions = {0};
    /* After a migration that ended sooner nobody knows what the rest of the trace would touch. */
    if (exhausted && !cohort_observe_regions(cohort, &regions, error))
        return false;
    cohort_unstack(cohort);
    for (size_t i = 0; i < cohort->cell_count; i++) {
        struct cell *cell = cohort->cells[i];
        cohort_fill(cohort, cell->config, exhausted, &cell->metrics);
        cell_finish(cell, lost_pages);
        cell->result->metrics = cell->metrics;
        struct observations *seen = &cell->result->seen;
        seen->untouched_regions = regions.untouched_regions;
        seen->first_untouched = regions.first_untouched;
        seen->writes_before_start = cohort->writes_before_start;
        seen->writes_after_stop = cohort->writes_after_stop;
    }
    invariants_of_cohort(cohort);
    return true;
}
