/* The keys that only an AMD IOMMU looks at. */
#include "sim/base/key_row.h"
#include "sim/config.h"

static const struct choice pde_values[] = {
    [PDE_FREED] = {"freed", "only where a table was freed (Linux from 7.2)", NULL},
    [PDE_ALWAYS] = {"always", "with every invalidation of pages (Linux before 7.2)", NULL},
    {0}};
static const struct choice_set pde_modes = {.what = "choice", .values = pde_values};

static bool is_amd(const struct cell_config *config)
{
    return config_vendor_is(config, "amd");
}

static const struct key rows[] = {
    {.name = "iommu.pde",
     KEY_CHOICES(pde_modes),
     KEY_TEXT("freed"),
     KEY_FIELD(iommu.pde),
     KEY_PRIVATE,
     KEY_USED(is_amd, "amd-v1"),
     .section = "7",
     .help = "when an invalidation of pages drops table pointers too"},
};

const struct key_rows keys_amd = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
