#include <stddef.h>

#include "sim/policy/policy.h"

const struct harvest_policy policy_marks = {
    .name = "marks",
    .summary = "at every mark record of the trace",
    .at_marks = true,
};
