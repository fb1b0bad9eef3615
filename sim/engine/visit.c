/* Domains one after another: what a harvest, or the clear at start, visits in each (semantics.md 7 and 9). */
#include "sim/engine/cohort.h"
#include "sim/engine/ring.h"
#include "sim/tracking/tracking.h"

/* The part of the listed tiles that lies in a domain, from *at on. */
static size_t slice_of(const struct leaves *leaves, uint32_t domain, size_t at)
{
    while (at < leaves->listed_count && leaves->tiles[leaves->listed[at].id].domain == domain)
        at++;
    return at;
}

/* Can the domain hold dirty leaves that no listed tile stands for? */
static bool has_dirty_runs(const struct leaves *leaves, uint32_t domain)
{
    return tables_first_dirty(leaves->domains[domain].tables) != NULL;
}

/* All windows of one domain: read, flush, clean. */
static bool visit_domain(struct cohort *cohort, enum harvest_kind kind, uint32_t domain, size_t from,
                         size_t to, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct harvest *harvest = &cohort->harvest;
    const struct window *window;
    if (!harvest_domain(harvest, leaves, kind, domain, leaves->listed + from, to - from, NULL, error))
        return false;
    for (;;) {
        if (!harvest_window(harvest, &window, error))
            return false;
        if (!window)
            break;
        for (size_t i = 0; kind != HARVEST_PEEK && i < cohort->cell_count; i++)
            cell_flush(cohort->cells[i], window, kind == HARVEST_START);
        harvest_clean(harvest);
    }
    return !ring_reports_all(leaves, domain) || harvest_report_all(harvest, error);
}

/* Domains in ascending order, as far as anything can be dirty, written or missed there. */
bool cohort_visit_domains(struct cohort *cohort, enum harvest_kind kind, struct harvest_report *report,
                          struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    bool splits = kind == HARVEST_CLEAR && cohort->config->tracking.split == SPLIT_DIRTY;
    /* Domains that share tables have the same dirty runs; those that own theirs are asked one by one. */
    bool everywhere = leaves->follows_trace || !leaves->base || has_dirty_runs(leaves, 0);
    size_t from = 0;
    uint32_t domain = 0;
    while (domain < leaves->domain_count) {
        if (!everywhere) {
            if (from == leaves->listed_count)
                break;
            domain = leaves->tiles[leaves->listed[from].id].domain;
        }
        size_t to = slice_of(leaves, domain, from);
        if (to > from || has_dirty_runs(leaves, domain)) {
            if (!visit_domain(cohort, kind, domain, from, to, error))
                return false;
            if (kind == HARVEST_START) /* reports nothing */
                report->cleared_entries += cohort->harvest.met_entries;
            else if (!score_domain(&cohort->score, &cohort->harvest, leaves->listed + from, to - from, report,
                                   error))
                return false;
            if ((splits && !cohort_split_harvested(cohort, report, error)) ||
                !harvest_end(&cohort->harvest, error))
                return false;
        }
        from = to;
        domain++;
    }
    return kind == HARVEST_PEEK || harvest_end_shared(leaves, error);
}

/* Domains in ascending order in which devices logged, or pages were written or missed. */
bool cohort_read_device_logs(struct cohort *cohort, struct harvest_report *report, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    struct device_log *log = leaves->device_log;
    size_t from = 0, at = 0;
    report->device_log_entries = device_log_entries(log);
    if (!device_log_sort(log, error))
        return false;
    for (;;) {
        uint32_t domain = device_log_domain(log, at);
        if (from < leaves->listed_count && leaves->tiles[leaves->listed[from].id].domain < domain)
            domain = leaves->tiles[leaves->listed[from].id].domain;
        if (domain == UINT32_MAX)
            break;
        size_t to = slice_of(leaves, domain, from);
        if (!harvest_device_logs(&cohort->harvest, leaves, domain, &at, NULL, error) ||
            !score_domain(&cohort->score, &cohort->harvest, leaves->listed + from, to - from, report, error))
            return false;
        from = to;
    }
    if (!cohort->config->harvest.no_clear)
        device_log_drain(log);
    return true;
}
