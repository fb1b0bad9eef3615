#include <stddef.h>

#include "sim/tracking/tracking.h"

const struct tracking_method tracking_all = {
    .name = "all",
    .summary = "every tracked page counts as dirty (VFIO without tracking)",
    .uses_hardware = false,
    .reports_written = true,
    .reports_others = true,
};
