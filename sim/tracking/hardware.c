#include <stddef.h>

#include "sim/tracking/tracking.h"

const struct tracking_method tracking_hardware = {
    .name = "hardware",
    .summary = "the dirty bits of the page tables, set by the IOMMU",
    .uses_hardware = true,
};
