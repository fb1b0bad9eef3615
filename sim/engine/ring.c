#include "sim/engine/ring.h"

static bool overflowed(const struct leaves *leaves, uint32_t domain)
{
    return leaves->keeps_rings && leaves->domains[domain].appended > leaves->config->log.entries;
}

bool ring_scans(const struct leaves *leaves, uint32_t domain)
{
    return !leaves->keeps_rings || (overflowed(leaves, domain) && leaves->config->log.overflow == LOG_SCAN);
}

bool ring_reports_all(const struct leaves *leaves, uint32_t domain)
{
    return overflowed(leaves, domain) && leaves->config->log.overflow == LOG_ALL;
}

static void add_scan(const struct leaves_scan *scan, struct harvest_report *report)
{
    report->scanned_entries += scan->entries;
    report->scanned_tables += scan->tables;
}

/* With no_clear a tile can stand, and would not be looked at: now all of its tracked pages are reported. */
static void wake_tiles(struct leaves *leaves)
{
    for (uint32_t id = 0; id < leaves->tile_count; id++)
        if (ring_reports_all(leaves, leaves->tiles[id].domain))
            leaves->active[id + 1] = 1;
}

void rings_read(struct leaves *leaves, struct harvest_report *report)
{
    struct leaves_scan scan;
    if (!leaves->keeps_rings) {
        scan = leaves_scan(leaves, false);
        add_scan(&scan, report);
        return;
    }
    for (uint32_t d = 0; d < leaves->domain_count; d++) {
        if (!overflowed(leaves, d)) {
            report->log_drained += leaves->domains[d].appended;
            continue;
        }
        report->log_overflows++;
        if (ring_scans(leaves, d)) {
            scan = leaves_scan_domain(leaves, d);
            add_scan(&scan, report);
        }
    }
    if (leaves->config->harvest.no_clear)
        wake_tiles(leaves);
}

void rings_drain(struct leaves *leaves)
{
    for (uint32_t d = 0; leaves->keeps_rings && !leaves->config->harvest.no_clear && d < leaves->domain_count;
         d++)
        leaves->domains[d].appended = 0;
}
