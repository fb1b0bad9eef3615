#include "sim/config.h"
#include "sim/policy/policy.h"

static uint64_t interval_records(const struct cell_config *config)
{
    return config->harvest.count;
}

const struct harvest_policy policy_records = {
    .name = "records",
    .summary = "after every `count` records",
    .interval_ns = harvest_never,
    .interval_records = interval_records,
};
