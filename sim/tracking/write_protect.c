#include <stddef.h>

#include "sim/tracking/tracking.h"

const struct tracking_method tracking_write_protect = {
    .name = "write-protect",
    .summary = "software makes leaves read-only; the first write to one faults, and is counted and let through",
    .uses_protection = true,
};
