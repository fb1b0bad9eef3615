#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/tracking/tracking.h"

const struct tracking_method tracking_device = {
    .name = "device",
    .summary = "every device logs the blocks that it writes",
    .uses_device_logs = true,
};

/* ---- its keys ---- */

static const struct choice ranges_values[] = {
    [DEVICE_LIVE] = {"live", "devices log whatever is tracked", NULL},
    [DEVICE_START] = {"start", "devices log what is mapped when tracking begins", NULL},
    {0}};
static const struct choice_set ranges = {.what = "choice", .values = ranges_values};

static bool is_device(const struct cell_config *config)
{
    return config->tracking.method == &tracking_device;
}

enum { PAGE_BYTES = 4096 };
static const struct key rows[] = {
    {.name = "device.granule",
     .type = KEY_SIZE,
     KEY_TEXT("4KiB"),
     KEY_FIELD(device.granule_bytes),
     .min = PAGE_BYTES,
     .power_of_two = true,
     KEY_USED(is_device, "tracking.method device"),
     .section = "9",
     .help = "block of a device's own log"},
    {.name = "device.ranges",
     KEY_CHOICES(ranges),
     KEY_TEXT("live"),
     KEY_FIELD(device.ranges),
     KEY_USED(is_device, "tracking.method device"),
     .section = "9",
     .help = "which pages a device logs"},
};

const struct key_rows keys_device = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
