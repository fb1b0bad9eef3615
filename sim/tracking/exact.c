#include <stddef.h>

#include "sim/tracking/tracking.h"

const struct tracking_method tracking_exact = {
    .name = "exact",
    .summary = "exactly the pages written: the ideal to compare with",
    .uses_hardware = false,
    .reports_written = true,
};
