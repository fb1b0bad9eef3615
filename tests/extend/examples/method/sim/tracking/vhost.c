#include <stddef.h>

#include "sim/tracking/tracking.h"

const struct tracking_method tracking_vhost = {
    .name = "vhost",
    .summary = "software carries out every access and logs the pages it writes (vhost, mediated devices)",
    .uses_hardware = false,
    .reports_written = true,
};
