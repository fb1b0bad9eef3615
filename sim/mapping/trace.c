#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/mapping/mapping.h"
#include "sim/mapping/regions.h"

const struct mapping_source mapping_trace = {
    .name = "trace",
    .summary = "map and unmap records of the trace; regions, if any, are mapped first",
    .follows_trace = true,
    .map_calls = mapping_regions_calls,
};

/* ---- its keys ---- */

static const struct choice conflict_values[] = {
    [CONFLICTS_ERROR] = {"error", "a conflict stops the cell", NULL},
    [CONFLICTS_COUNT] = {"count", "conflicts are counted", NULL},
    {0}};
static const struct choice unmap_flush_values[] = {
    [UNMAP_STRICT] = {"strict", "every unmap flushes at once", NULL},
    [UNMAP_DEFERRED] = {"deferred", "256 unmaps or 10 ms share one domain flush", NULL},
    [UNMAP_NONE] = {"none", "unmaps never flush", NULL},
    {0}};
static const struct choice free_tables_values[] = {
    [FREE_COVERED] = {"covered", "an unmap frees the tables that it covers", NULL},
    [FREE_EMPTY] = {"empty", "a table goes with its last entry", NULL},
    {0}};
static const struct choice_set conflict_modes = {.what = "choice", .values = conflict_values};
static const struct choice_set unmap_flush_modes = {.what = "choice", .values = unmap_flush_values};
static const struct choice_set free_tables_modes = {.what = "choice", .values = free_tables_values};

static bool follows_trace(const struct cell_config *config)
{
    return config->mapping.source->follows_trace;
}

/* clang-format off */
static const struct key rows[] = {
    {.name = "mapping.conflicts", KEY_CHOICES(conflict_modes), KEY_TEXT("error"),
     KEY_FIELD(mapping.conflicts), KEY_USED(follows_trace, "mapping.source trace"), .section = "3",
     .help = "maps over mapped pages and unmaps of unmapped ones"},
    {.name = "mapping.unmap_flush", KEY_CHOICES(unmap_flush_modes), KEY_TEXT("strict"),
     KEY_FIELD(mapping.unmap_flush), KEY_USED(follows_trace, "mapping.source trace"), .section = "7",
     .help = "when an unmap invalidates"},
    {.name = "mapping.free_tables", KEY_CHOICES(free_tables_modes), KEY_TEXT("covered"),
     KEY_FIELD(mapping.free_tables), KEY_USED(follows_trace, "mapping.source trace"), .section = "3",
     .help = "when an unmap frees tables"},
    {.name = "harvest.before_unmap", .type = KEY_BOOLEAN, KEY_TEXT("false"), KEY_FIELD(harvest.before_unmap),
     KEY_USED(follows_trace, "mapping.source trace"), .section = "8",
     .help = "an unmap reads the dirty state of its range first"},
};
/* clang-format on */

const struct key_rows keys_trace = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
