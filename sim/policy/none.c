#include <stddef.h>

#include "sim/policy/policy.h"

const struct harvest_policy policy_none = {
    .name = "none",
    .summary = "only the final harvest, if any",
};
