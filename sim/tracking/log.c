#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/tracking/tracking.h"

const struct tracking_method tracking_log = {
    .name = "log",
    .summary = "the IOMMU appends every leaf that it makes dirty to a ring in memory",
    .uses_hardware = true,
    .uses_ring = true,
};

/* ---- its keys ---- */

static const struct choice overflow_values[] = {
    [LOG_SCAN] = {"scan", "an overflowed ring makes the next harvest scan", NULL},
    [LOG_ALL] = {"all", "an overflowed ring makes the next harvest report every page", NULL},
    {0}};
static const struct choice_set overflows = {.what = "choice", .values = overflow_values};

static bool is_log(const struct cell_config *config)
{
    return config->tracking.method == &tracking_log;
}

enum { ENTRIES_MAX = 1 << 24 };
static const struct key rows[] = {
    {.name = "log.entries",
     .type = KEY_INTEGER,
     KEY_TEXT("512"),
     KEY_FIELD(log.entries),
     .min = 1,
     .max = ENTRIES_MAX,
     KEY_USED(is_log, "tracking.method log"),
     .section = "9",
     .help = "entries of a domain's ring"},
    {.name = "log.overflow",
     KEY_CHOICES(overflows),
     KEY_TEXT("scan"),
     KEY_FIELD(log.overflow),
     KEY_USED(is_log, "tracking.method log"),
     .section = "9",
     .help = "what a harvest does about a ring that overflowed"},
};

const struct key_rows keys_log = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
