#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/policy/policy.h"

static uint64_t interval_ns(const struct cell_config *config)
{
    return config->harvest.interval_ns;
}

const struct harvest_policy policy_periodic = {
    .name = "periodic",
    .summary = "at start + k * interval",
    .interval_ns = interval_ns,
    .interval_records = harvest_never,
};

/* ---- its keys ---- */

static bool is_periodic(const struct cell_config *config)
{
    return config->harvest.policy == &policy_periodic;
}

static const struct key rows[] = {
    {.name = "harvest.interval",
     .type = KEY_TIME,
     KEY_TEXT("100ms"),
     KEY_FIELD(harvest.interval_ns),
     .min = 1,
     KEY_USED(is_periodic, "harvest.policy periodic"),
     .section = "7",
     .help = "time between harvests"},
};

const struct key_rows keys_periodic = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
