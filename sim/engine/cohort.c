#include "sim/engine/group.h"

#include <assert.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"

bool group_init(struct group *group, const struct cell_config *config, const struct config_region *calls,
                size_t call_count, uint64_t devices, uint64_t first_time_ns, uint64_t last_time_ns,
                struct error *error)
{
    group->config = config;
    group->devices = devices;
    group->first_time_ns = first_time_ns;
    group->last_time_ns = last_time_ns;
    group->next_harvest_ns = UINT64_MAX;
    group->judge = judge_new(error);
    return group->judge && ledger_init(&group->ledger, config, calls, call_count, error);
}

bool group_join(struct group *group, const struct cell_config *config, struct pass_result *result,
                bool keeps_intervals, struct error *error)
{
    struct cell **cells = memory_zeroed(group->cell_count + 1, sizeof *cells, error);
    if (!cells)
        return false;
    if (group->cell_count > 0)
        memcpy(cells, group->cells, group->cell_count * sizeof *cells);
    memory_free(group->cells);
    group->cells = cells;
    struct cell *cell = memory_zeroed(1, sizeof *cell, error);
    if (!cell)
        return false;
    if (!cell_init(cell, config, &group->ledger, result, keeps_intervals, error)) {
        cell_free(cell);
        memory_free(cell);
        return false;
    }
    group->cells[group->cell_count++] = cell;
    return true;
}

void group_free(struct group *group)
{
    for (size_t i = 0; i < group->cell_count; i++) {
        cell_free(group->cells[i]);
        memory_free(group->cells[i]);
    }
    memory_free(group->cells);
    ledger_free(&group->ledger);
    judge_free(group->judge);
}

/* ---- start, harvest, stop ---- */

struct flush_context {
    struct group *group;
    bool at_start;
};

static void flush_cells(void *context, const struct window *window)
{
    struct flush_context *flush = context;
    for (size_t i = 0; i < flush->group->cell_count; i++)
        cell_flush(flush->group->cells[i], window, flush->at_start);
}

static bool clears_on_start(const struct group *group)
{
    const struct cell_config *config = group->config;
    bool walk_cleans = config->iommu.model->control == PT_CONTROL_ENTRY && config->iommu.dbm == DBM_DYNAMIC;
    return config->tracking.clear_on_start && !walk_cleans;
}

/* The next deadline, or none once it would pass the end of time. */
static void schedule(struct group *group, uint64_t after_ns)
{
    uint64_t interval_ns = group->config->harvest.policy->interval_ns(group->config);
    if (interval_ns == HARVEST_NEVER ||
        __builtin_add_overflow(after_ns, interval_ns, &group->next_harvest_ns))
        group->next_harvest_ns = UINT64_MAX;
}

static bool start(struct group *group, struct error *error)
{
    struct ledger *ledger = &group->ledger;
    if (group->config->tracking.method->uses_hardware) {
        if (clears_on_start(group)) {
            struct flush_context context = {group, true};
            uint64_t cleared = 0;
            if (!judge_clear(group->judge, ledger, flush_cells, &context, &cleared, error))
                return false;
            for (size_t i = 0; i < group->cell_count; i++) {
                group->cells[i]->metrics.toggle_scanned_entries += ledger->visit_entries;
                group->cells[i]->metrics.toggle_cleared_entries += cleared;
            }
        }
        for (size_t i = 0; i < group->cell_count; i++)
            cell_toggle(group->cells[i], group->devices);
    }
    ledger_enter(ledger, PHASE_TRACKING);
    schedule(group, group->config->tracking.start_ns);
    return true;
}

static bool harvest(struct group *group, uint64_t time_ns, struct error *error)
{
    struct flush_context context = {group, false};
    struct harvest_report report;
    if (!judge_harvest(group->judge, &group->ledger, flush_cells, &context, &report, error))
        return false;
    for (size_t i = 0; i < group->cell_count; i++)
        if (!cell_harvested(group->cells[i], &report, time_ns, group->records, error))
            return false;
    return true;
}

static bool stop(struct group *group, struct error *error)
{
    const struct cell_config *config = group->config;
    if (config->harvest.final && !harvest(group, config->tracking.stop_ns, error))
        return false;
    if (config->tracking.method->uses_hardware)
        for (size_t i = 0; i < group->cell_count; i++)
            cell_toggle(group->cells[i], group->devices);
    ledger_enter(&group->ledger, PHASE_AFTER);
    return true;
}

/* When the next thing happens by time, relative to the first record. */
static uint64_t next_event_ns(const struct group *group)
{
    const struct cell_config *config = group->config;
    switch (group->ledger.phase) {
    case PHASE_BEFORE:
        return config->tracking.start_ns;
    case PHASE_TRACKING: {
        uint64_t stop_ns = config->tracking.has_stop ? config->tracking.stop_ns : UINT64_MAX;
        return group->next_harvest_ns < stop_ns ? group->next_harvest_ns : stop_ns;
    }
    case PHASE_AFTER:
        break;
    }
    return UINT64_MAX;
}

/* Everything due before a record at this time (semantics.md 2): start, deadlines, stop; a harvest before a
 * stop. */
static bool before_record(struct group *group, uint64_t time_ns, struct error *error)
{
    const struct cell_config *config = group->config;
    while (group->ledger.phase != PHASE_AFTER && next_event_ns(group) <= time_ns) {
        if (group->ledger.phase == PHASE_BEFORE) {
            if (!start(group, error))
                return false;
        } else if (config->tracking.has_stop && config->tracking.stop_ns < group->next_harvest_ns) {
            if (!stop(group, error))
                return false;
        } else {
            uint64_t deadline_ns = group->next_harvest_ns;
            if (deadline_ns == UINT64_MAX)
                return true; /* no deadline and no stop: a record at the end of time */
            if (!harvest(group, deadline_ns, error))
                return false;
            schedule(group, deadline_ns);
        }
    }
    return true;
}

/* ---- requests ---- */

/* Keep requests on mapped pages; list the others with their place among them. */
static size_t filter_faults(struct group *group, struct cell_requests *run, size_t count)
{
    const struct ledger *ledger = &group->ledger;
    size_t kept = 0, faults = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t key = run->page_keys[i];
        group->page_keys[kept] = key;
        group->numbers[kept] = run->numbers[i];
        group->fault_keys[faults] = key;
        group->fault_at[faults] = (uint32_t)kept;
        bool mapped = ledger->state[key >> 1] & PAGE_MAPPED;
        kept += mapped;
        faults += !mapped;
    }
    run->page_keys = group->page_keys;
    run->numbers = group->numbers;
    run->fault_keys = group->fault_keys;
    run->fault_at = group->fault_at;
    run->fault_count = faults;
    return kept;
}

/* Heads and set numbers for leaves of any size. */
static void find_heads(struct group *group, struct cell_requests *run)
{
    const struct ledger_tile *tiles = group->ledger.tiles;
    for (size_t i = 0; i < run->count; i++) {
        uint32_t key = run->page_keys[i];
        const struct ledger_tile *tile = &tiles[key >> (TILE_PAGES_LG2 + 1)];
        group->leaf_keys[i] = (tile->head_base + (key >> 1 & tile->head_mask)) << 1 | (key & 1);
        group->numbers[i] = run->numbers[i] >> (tile->leaf_lg2 - PAGE_LG2);
    }
    run->leaf_keys = group->leaf_keys;
    run->numbers = group->numbers;
}

/* Writes to clean leaves that nothing will make dirty: a miss inserts nothing (semantics.md 4.3). */
static void forbid_writes(struct group *group, struct cell_requests *run)
{
    memset(group->no_insert, 0, sizeof group->no_insert);
    for (size_t i = 0; i < run->count; i++)
        if ((run->leaf_keys[i] & 1) && !(group->ledger.state[run->leaf_keys[i] >> 1] & PAGE_DIRTY))
            group->no_insert[i >> 6] |= UINT64_C(1) << (i & 63);
    run->no_insert = group->no_insert;
}

static void run_requests(struct group *group, const struct requests *piece, size_t first, size_t last)
{
    struct ledger *ledger = &group->ledger;
    struct cell_requests run = {
        .page_keys = piece->key + first, .numbers = piece->page + first, .count = last - first};
    if (first == last)
        return;
    if (!ledger->all_plain)
        run.count = filter_faults(group, &run, run.count);
    run.leaf_keys = run.page_keys;
    if (!ledger->one_page_leaves)
        find_heads(group, &run);
    bool forbids = ledger_forbids(ledger);
    if (forbids)
        forbid_writes(group, &run);
    memset(group->dirtied, 0, (run.count + 63) / 64 * sizeof *group->dirtied);
    if (ledger->steps && !ledger->needs_hits)
        ledger_step(ledger, run.page_keys, run.leaf_keys, run.count, NULL, group->dirtied);
    for (size_t i = 0; i < group->cell_count; i++)
        cell_translate(group->cells[i], &run);
    struct cell *only = group->cells[0];
    assert(!ledger->needs_hits || group->cell_count == 1);
    if (forbids)
        only->metrics.faults_permission +=
            ledger_step_forbidding(ledger, run.page_keys, run.leaf_keys, run.count, only->hits);
    else if (ledger->steps && ledger->needs_hits)
        ledger_step(ledger, run.page_keys, run.leaf_keys, run.count, only->hits, group->dirtied);
    if (ledger->managed)
        for (size_t i = 0; i < group->cell_count; i++)
            cell_recheck(group->cells[i], group->dirtied, run.count);
}

/* ---- pieces ---- */

/* The first record from `from` on that something comes before: by time, by count of records, after a mark. */
static size_t run_end(const struct group *group, const struct requests *piece, size_t from)
{
    size_t end = piece->record_count;
    uint64_t event_ns = next_event_ns(group);
    if (event_ns <= piece->time_ns[end - 1] - group->first_time_ns) {
        size_t low = from + 1, high = end;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (piece->time_ns[middle] - group->first_time_ns < event_ns)
                low = middle + 1;
            else
                high = middle;
        }
        end = low;
    }
    if (group->ledger.phase != PHASE_TRACKING)
        return end;
    uint64_t every = group->config->harvest.policy->interval_records(group->config);
    if (every != HARVEST_NEVER) {
        uint64_t left = every - group->records_since_start % every;
        if (left < end - from)
            end = from + (size_t)left;
    }
    if (group->config->harvest.policy->at_marks)
        for (size_t i = 0; i < piece->mark_count; i++)
            if (piece->marks[i] >= from) {
                if (piece->marks[i] + 1 < end)
                    end = piece->marks[i] + 1;
                break;
            }
    return end;
}

/* A whole record is done: does the policy harvest now? */
static bool after_record(struct group *group, const struct requests *piece, size_t record,
                         struct error *error)
{
    const struct harvest_policy *policy = group->config->harvest.policy;
    if (group->ledger.phase != PHASE_TRACKING)
        return true;
    uint64_t every = policy->interval_records(group->config);
    bool due = every != HARVEST_NEVER && group->records_since_start % every == 0;
    if (policy->at_marks)
        for (size_t i = 0; i < piece->mark_count && !due; i++)
            due = piece->marks[i] == record;
    return !due || harvest(group, piece->time_ns[record] - group->first_time_ns, error);
}

bool group_step(struct group *group, const struct requests *piece, struct error *error)
{
    if (piece->new_tile_count > 0) {
        if (!ledger_add_tiles(&group->ledger, piece->new_tiles, piece->new_tile_count, error))
            return false;
        for (size_t i = 0; i < group->cell_count; i++)
            if (!cell_reserve(group->cells[i], error))
                return false;
    }
    for (size_t from = 0, end; from < piece->record_count; from = end) {
        bool begins = from > 0 || !piece->continued;
        if (begins && !before_record(group, piece->time_ns[from] - group->first_time_ns, error))
            return false;
        end = run_end(group, piece, from);
        run_requests(group, piece, requests_first(piece, from), requests_first(piece, end));
        bool whole = end < piece->record_count || !piece->unfinished;
        uint64_t done = end - from - !whole;
        group->records += done;
        if (group->ledger.phase == PHASE_TRACKING)
            group->records_since_start += done;
        if (whole && !after_record(group, piece, end - 1, error))
            return false;
    }
    return true;
}

bool group_finish(struct group *group, struct error *error)
{
    uint64_t lost_pages = 0;
    if (group->ledger.phase == PHASE_TRACKING && group->config->harvest.final &&
        !harvest(group, group->last_time_ns - group->first_time_ns, error))
        return false;
    if (!judge_lost(group->judge, &group->ledger, &lost_pages, error))
        return false;
    for (size_t i = 0; i < group->cell_count; i++)
        cell_finish(group->cells[i], lost_pages);
    return true;
}
