#include "sim/policy/policy.h"

const struct harvest_policy policy_marks = {
    .name = "marks",
    .summary = "at every mark record of the trace",
    .interval_ns = harvest_never,
    .interval_records = harvest_never,
    .at_marks = true,
};
