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
