/* The keys that only Intel VT-d looks at. */
#include "sim/base/key_row.h"
#include "sim/config.h"

static bool is_intel(const struct cell_config *config)
{
    return config_vendor_is(config, "intel");
}

static const struct key rows[] = {
    {.name = "iommu.mamv",
     .type = KEY_INTEGER,
     KEY_TEXT("18"),
     KEY_FIELD(iommu.mamv),
     KEY_PRIVATE,
     .max = 52,
     KEY_USED(is_intel, "intel-ss"),
     .section = "7",
     .help = "largest address mask of an invalidation, lg2 of pages"},
};

const struct key_rows keys_intel = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
