/* Map and unmap records: what they change, and what is flushed when (semantics.md 3 and 7). */
#include <inttypes.h>

#include "sim/base/memory.h"
#include "sim/engine/cohort.h"
#include "sim/engine/ring.h"
#include "sim/tracking/tracking.h"

enum { DEFERRED_UNMAPS_MAX = 256, DEFERRED_NS = 10000000 };

/* ---- what a record must keep ---- */

static bool refuse(const struct table_record *record, uint64_t number, struct error *error, const char *what)
{
    return error_set(error, ERROR_CELL, "record %" PRIu64 ": error: %s of %" PRIu64 " bytes at %#" PRIx64 ": %s",
                     number + 1, record->op == TRACE_UNMAP ? "unmap" : "map", record->bytes, record->iova,
                     what);
}

static bool check_record(const struct cohort *cohort, const struct table_record *record, uint64_t number,
                         struct error *error)
{
    const struct pt_geometry *geometry = &cohort->leaves.geometry;
    uint64_t sizes = cohort->config->mapping.page_sizes, smallest = sizes & (0 - sizes);
    uint64_t last = record->iova + (record->bytes - 1);
    bool maps = record->op != TRACE_UNMAP;
    if (((record->iova | record->bytes | (maps ? record->address : 0)) & (smallest - 1)) != 0)
        return refuse(record, number, error,
                      "not a multiple of the smallest of mapping.page_sizes; list a smaller size");
    if (!maps)
        return true;
    if (geometry->iova_bits < 64 && last >> geometry->iova_bits != 0)
        return refuse(record, number, error,
                      "beyond the IOVA width of the model; raise iommu.levels or iommu.address_bits");
    if ((record->address + (record->bytes - 1)) >> geometry->output_bits != 0 ||
        record->address + (record->bytes - 1) < record->address)
        return refuse(record, number, error, "the output address is beyond what an entry can hold");
    return true;
}

static bool conflict(struct cohort *cohort, const struct table_record *record, uint64_t number,
                     uint64_t address, struct error *error)
{
    if (cohort->config->mapping.conflicts == CONFLICTS_COUNT) {
        cohort->leaves.map_conflicts++;
        return true;
    }
    bool shares = cohort->config->domains == DOMAINS_SHARED && cohort->trace.device_count > 1;
    return error_set(error, ERROR_CELL,
                     "record %" PRIu64 ": error: %s of %" PRIu64 " bytes at %#" PRIx64
                     ": the page at %#" PRIx64
                     " is %s;%s with mapping.conflicts: count such records are counted and the rest is done",
                     number + 1, record->op == TRACE_UNMAP ? "unmap" : "map", record->bytes, record->iova,
                     address, record->op == TRACE_UNMAP ? "not mapped" : "mapped already",
                     shares ? " if devices have addresses of their own, write domains: per_device;" : "");
}

/* ---- map ---- */

/* Tables without leaves stood where leaves go: flushed at once, whatever unmap_flush says. */
static void flush_freed(struct cohort *cohort, uint32_t domain)
{
    struct tables_change *change = &cohort->change;
    struct iommu_change freed = {
        .hull = change->hull, .tables = change->tables, .table_count = change->table_count};
    for (size_t i = 0; change->table_count > 0 && i < cohort->cell_count; i++)
        cell_flush_change(cohort->cells[i], domain, &freed);
}

/* Each maximal free run is a map call. */
static bool map(struct cohort *cohort, const struct table_record *record, uint64_t number,
                struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct span span = {record->iova, record->iova + (record->bytes - 1)}, mapped;
    for (uint64_t at = span.first;; at = mapped.last + 1) {
        bool some = tables_mapped_lower(leaves->domains[record->domain].tables, at, &mapped) &&
                    mapped.first <= span.last;
        struct span free_run = {at, some ? mapped.first - 1 : span.last};
        if (some && at == span.first && !conflict(cohort, record, number, span_common(mapped, span).first, error))
            return false;
        if (!some || mapped.first > at) {
            if (!leaves_map(leaves, cohort->tiles, record->domain, free_run,
                            record->address + (free_run.first - span.first), record->op == TRACE_MAP,
                            &cohort->change, error))
                return false;
            flush_freed(cohort, record->domain);
        }
        if (!some || mapped.last >= span.last)
            return true;
    }
}

/* ---- unmap ---- */

static bool list_tiles(struct cohort *cohort, uint32_t domain, struct span span, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct tile_walk walk;
    struct span part;
    uint32_t id;
    leaves->listed_count = 0;
    if (!leaves_walk_begin(&walk, leaves, cohort->tiles, domain, span, error))
        return false;
    while (leaves_walk_next(&walk, &id, &part)) {
        if (!memory_grow(&leaves->listed, &leaves->listed_capacity, leaves->listed_count + 1,
                         sizeof *leaves->listed, error))
            return false;
        leaves->listed[leaves->listed_count++] =
            (struct tile_place){leaves_tile_key(&leaves->tiles[id]), id};
    }
    return true;
}

/* The record's range cut with each tracked range, a window each; ranges that touch stay apart. */
static bool cut_windows(struct cohort *cohort, uint32_t domain, struct span span, struct error *error)
{
    struct span_list *windows = &cohort->windows;
    struct span range;
    uint64_t at = span.first;
    windows->count = 0;
    while (leaves_range_lower(&cohort->leaves, domain, at, &range) && range.first <= span.last) {
        if (!memory_grow(&windows->spans, &windows->capacity, windows->count + 1, sizeof *windows->spans,
                         error))
            return false;
        windows->spans[windows->count++] = span_common(range, span);
        if (range.last >= span.last)
            break;
        at = range.last + 1;
    }
    return true;
}

/* Leaves above a tile reach beyond the record: what they hold decides causes. */
static struct span whole_leaves(const struct tables *tables, struct span span)
{
    const struct leaf_run *ends[2] = {tables_find(tables, span.first), tables_find(tables, span.last)};
    if (ends[0])
        span.first &= ~((UINT64_C(1) << ends[0]->lg2) - 1);
    if (ends[1])
        span.last |= (UINT64_C(1) << ends[1]->lg2) - 1;
    return span;
}

/* harvest.before_unmap (semantics.md 8). */
static bool read_before(struct cohort *cohort, uint32_t domain, struct span span, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct harvest *harvest = &cohort->harvest;
    const struct tables *tables = leaves->domains[domain].tables;
    struct harvest_report report = {0};
    const struct window *window;
    if (!cut_windows(cohort, domain, span, error))
        return false;
    if (cohort->windows.count == 0)
        return true;
    if (!list_tiles(cohort, domain, whole_leaves(tables, span), error))
        return false;
    bool visits = tracking_visits_leaves(cohort->config->tracking.method);
    bool scans = leaves->hardware && ring_scans(leaves, domain);
    for (size_t i = 0; scans && i < cohort->windows.count; i++)
        tables_scan(tables, cohort->windows.spans[i], &report.scanned_entries, &report.scanned_tables);
    if (!harvest_domain(harvest, leaves, HARVEST_PEEK, domain, leaves->listed,
                        visits ? leaves->listed_count : 0, &cohort->windows, error))
        return false;
    if (leaves->device_log) {
        if (!device_log_sort(leaves->device_log, error))
            return false;
        size_t at = device_log_lower(leaves->device_log, domain);
        if (!harvest_device_logs(harvest, leaves, domain, &at, &cohort->windows, error))
            return false;
    }
    while (visits) {
        if (!harvest_window(harvest, &window, error))
            return false;
        if (!window)
            break;
    }
    if (ring_reports_all(leaves, domain) && !harvest_report_all(harvest, error))
        return false;
    if (!score_before_unmap(&cohort->score, harvest, &cohort->windows, leaves->listed, leaves->listed_count,
                            &report, error))
        return false;
    score_finish_report(leaves, &report);
    for (size_t i = 0; i < cohort->cell_count; i++)
        cell_count_report(cohort->cells[i], &report);
    return true;
}

static void defer(struct cohort *cohort, uint32_t domain, uint64_t time_ns)
{
    struct deferred *waiting = &cohort->deferred[domain];
    if (waiting->unmaps++ == 0)
        waiting->oldest_ns = time_ns;
    uint64_t due_ns = waiting->oldest_ns > UINT64_MAX - DEFERRED_NS ? UINT64_MAX - 1
                                                                   : waiting->oldest_ns + DEFERRED_NS;
    if (waiting->unmaps >= DEFERRED_UNMAPS_MAX)
        due_ns = 0;
    if (due_ns < cohort->deferred_due_ns)
        cohort->deferred_due_ns = due_ns;
}

void cohort_flush_deferred(struct cohort *cohort, uint64_t time_ns)
{
    uint64_t due_ns = UINT64_MAX;
    for (uint32_t d = 0; d < cohort->leaves.domain_count; d++) {
        struct deferred *waiting = &cohort->deferred[d];
        if (waiting->unmaps == 0)
            continue;
        if (waiting->unmaps >= DEFERRED_UNMAPS_MAX || time_ns - waiting->oldest_ns >= DEFERRED_NS) {
            waiting->unmaps = 0;
            for (size_t i = 0; i < cohort->cell_count; i++)
                cell_flush_deferred(cohort->cells[i], d);
        } else if (waiting->oldest_ns + DEFERRED_NS < due_ns) {
            due_ns = waiting->oldest_ns + DEFERRED_NS;
        }
    }
    cohort->deferred_due_ns = due_ns;
}

/* Before tiles forget the leaves: caches still ask them what their tags name. */
static bool flush_unmapped(struct cohort *cohort, uint32_t domain, uint64_t time_ns, struct error *error)
{
    const struct tables_change *change = &cohort->change;
    struct iommu_change gone = {.hull = change->hull,
                                .leaves = change->leaves,
                                .leaf_count = change->leaf_count,
                                .tables = change->tables,
                                .table_count = change->table_count};
    enum unmap_flush mode = cohort->config->mapping.unmap_flush;
    for (size_t i = 0; i < cohort->cell_count; i++) {
        if (mode == UNMAP_STRICT)
            cell_flush_change(cohort->cells[i], domain, &gone);
        else if (!cell_keep_ghosts(cohort->cells[i], domain, change, error))
            return false;
    }
    if (mode == UNMAP_DEFERRED)
        defer(cohort, domain, time_ns);
    return true;
}

static bool unmap(struct cohort *cohort, const struct table_record *record, uint64_t number, uint64_t time_ns,
                  struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct span span = {record->iova, record->iova + (record->bytes - 1)};
    struct span mapped;
    bool some = tables_mapped_lower(leaves->domains[record->domain].tables, span.first, &mapped) &&
                mapped.first <= span.last;
    if (!some || mapped.first > span.first || mapped.last < span.last) {
        uint64_t hole = some && mapped.first <= span.first ? mapped.last + 1 : span.first;
        if (!conflict(cohort, record, number, hole, error))
            return false;
    }
    if (!some)
        return true; /* an unmap that removes no leaf does nothing */
    if (cohort->config->harvest.before_unmap && leaves->phase == PHASE_TRACKING &&
        !read_before(cohort, record->domain, span, error))
        return false;
    return leaves_unmap(leaves, record->domain, span, &cohort->change, error) &&
           flush_unmapped(cohort, record->domain, time_ns, error) &&
           leaves_forget(leaves, cohort->tiles, record->domain, &cohort->change, error);
}

bool cohort_change_tables(struct cohort *cohort, const struct table_record *record, uint64_t number,
                          uint64_t time_ns, struct error *error)
{
    if (!check_record(cohort, record, number, error))
        return false;
    return record->op == TRACE_UNMAP ? unmap(cohort, record, number, time_ns, error)
                                     : map(cohort, record, number, error);
}
