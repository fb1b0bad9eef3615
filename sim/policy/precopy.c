/* Pre-copy live migration (semantics.md 11): rounds that take as long as the link needs for what the harvest before
 * them reported. */
#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/policy/policy.h"

__extension__ typedef unsigned __int128 wide;

enum { PAGE_BYTES = 4096 };

/* Bytes over the link, rounded up; POLICY_NEVER if that passes the end of time. */
static uint64_t sending_ns(const struct cell_config *config, uint64_t bytes)
{
    wide ns = ((wide)bytes * 1000000000 + (config->harvest.link_rate - 1)) / config->harvest.link_rate;
    return ns < POLICY_NEVER ? (uint64_t)ns : POLICY_NEVER;
}

static void send(struct policy_state *state, const struct cell_config *config, uint64_t bytes)
{
    uint64_t ns = sending_ns(config, bytes);
    state->rounds++;
    state->precopy_bytes += bytes;
    state->rounds_ns = ns < POLICY_NEVER - state->rounds_ns ? state->rounds_ns + ns : POLICY_NEVER;
    policy_schedule(state, state->next_ns, ns);
}

static void first(struct policy_state *state, const struct cell_config *config, uint64_t tracked_pages)
{
    state->next_ns = config->tracking.start_ns;
    send(state, config, tracked_pages * PAGE_BYTES);
}

static void after(struct policy_state *state, const struct cell_config *config, uint64_t reported_pages)
{
    uint64_t bytes = reported_pages * PAGE_BYTES;
    state->stop_ns = sending_ns(config, bytes);
    state->converged = state->stop_ns <= config->harvest.downtime_limit_ns;
    if (!state->converged && state->rounds < config->harvest.max_rounds) {
        send(state, config, bytes);
        return;
    }
    state->stop_bytes = bytes;
    state->ended = true;
    state->next_ns = POLICY_NEVER;
}

const struct harvest_policy policy_precopy = {
    .name = "precopy",
    .summary = "rounds of a live migration over a link; the replay ends when the source stops",
    .first = first,
    .after = after,
    .migrates = true,
};

/* ---- its keys ---- */

static bool is_precopy(const struct cell_config *config)
{
    return config->harvest.policy == &policy_precopy;
}

static const struct key rows[] = {
    {.name = "harvest.link_rate",
     .type = KEY_RATE,
     KEY_TEXT("12.5GB/s"),
     KEY_FIELD(harvest.link_rate),
     .min = 1,
     KEY_USED(is_precopy, "harvest.policy precopy"),
     .section = "11",
     .help = "bandwidth of a migration"},
    {.name = "harvest.downtime_limit",
     .type = KEY_TIME,
     KEY_TEXT("300ms"),
     KEY_FIELD(harvest.downtime_limit_ns),
     KEY_USED(is_precopy, "harvest.policy precopy"),
     .section = "11",
     .help = "longest stop-copy"},
    {.name = "harvest.downtime_fixed",
     .type = KEY_TIME,
     KEY_TEXT("50ms"),
     KEY_FIELD(harvest.downtime_fixed_ns),
     KEY_PRIVATE,
     KEY_USED(is_precopy, "harvest.policy precopy"),
     .section = "11",
     .help = "downtime besides the stop-copy"},
    {.name = "harvest.max_rounds",
     .type = KEY_INTEGER,
     KEY_TEXT("30"),
     KEY_FIELD(harvest.max_rounds),
     .min = 1,
     KEY_USED(is_precopy, "harvest.policy precopy"),
     .section = "11",
     .help = "rounds before the source stops anyway"},
};

const struct key_rows keys_precopy = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
