#include <stddef.h>

#include "sim/tracking/tracking.h"

const struct tracking_method tracking_none = {
    .name = "none",
    .summary = "nothing is ever reported",
    .uses_hardware = false,
};
