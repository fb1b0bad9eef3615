#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/policy/policy.h"

static void first(struct policy_state *state, const struct cell_config *config, uint64_t tracked_pages)
{
    (void)tracked_pages;
    policy_schedule(state, config->tracking.start_ns, config->harvest.interval_ns);
}

static void after(struct policy_state *state, const struct cell_config *config, uint64_t reported_pages)
{
    (void)reported_pages;
    policy_schedule(state, state->next_ns, config->harvest.interval_ns);
}

const struct harvest_policy policy_periodic = {
    .name = "periodic",
    .summary = "at start + k * interval",
    .first = first,
    .after = after,
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
