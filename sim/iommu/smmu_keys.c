/* The keys that only an Arm SMMU looks at. */
#include "sim/base/key_row.h"
#include "sim/config.h"

static const struct choice dbm_values[] = {
    [DBM_STATIC] = {"static", "HA=HD=1 always; a writable leaf is born DBM=1 and dirty", NULL},
    [DBM_DYNAMIC] = {"dynamic", "a walk over the entries switches DBM at start and stop", NULL},
    [DBM_OFF] = {"off", "HD=0 and DBM=0 for ever", NULL},
    {0}};
static const struct choice ril_cut_values[] = {
    [RIL_LOOP] = {"loop", "exact, from the lowest set bit up", NULL},
    [RIL_PAIR] = {"pair", "at most two commands, which may overlap", NULL},
    {0}};
static const struct choice_set dbm_modes = {.what = "choice", .values = dbm_values};
static const struct choice_set ril_cuts = {.what = "choice", .values = ril_cut_values};

static const uint64_t granules[] = {4096, 16384, 65536, 0};
static const uint64_t address_bits[] = {32, 36, 40, 42, 44, 48, 0};

static bool is_smmu(const struct cell_config *config)
{
    return config_vendor_is(config, "smmu");
}
static bool cuts_ranges(const struct cell_config *config)
{
    return is_smmu(config) && config->iommu.ril;
}

/* clang-format off */
static const struct key rows[] = {
    {.name = "iommu.granule", .type = KEY_SIZE, KEY_TEXT("4KiB"), KEY_FIELD(iommu.granule_bytes),
     .allowed = granules, KEY_USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "3",
     .help = "translation granule of an SMMU"},
    {.name = "iommu.dbm", KEY_CHOICES(dbm_modes), KEY_TEXT("static"), KEY_FIELD(iommu.dbm),
     KEY_USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "6", .help = "how an SMMU's DBM bits are used"},
    {.name = "iommu.ha", .type = KEY_BOOLEAN, KEY_TEXT("true"), KEY_FIELD(iommu.ha),
     KEY_USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "6",
     .help = "false takes hardware access updates away"},
    {.name = "iommu.hd", .type = KEY_BOOLEAN, KEY_TEXT("true"), KEY_FIELD(iommu.hd),
     KEY_USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "6",
     .help = "false takes hardware dirty updates away"},
    {.name = "iommu.ril", .type = KEY_BOOLEAN, KEY_TEXT("true"), KEY_FIELD(iommu.ril), KEY_PRIVATE,
     KEY_USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "7", .help = "range invalidation commands of an SMMU"},
    {.name = "iommu.ril_cut", KEY_CHOICES(ril_cuts), KEY_TEXT("loop"), KEY_FIELD(iommu.ril_cut), KEY_PRIVATE,
     KEY_USED(cuts_ranges, "smmu-s1 and smmu-s2 with ril"), .section = "7",
     .help = "how a range is cut into range invalidation commands"},
    {.name = "iommu.address_bits", .type = KEY_INTEGER, KEY_TEXT("48"), KEY_FIELD(iommu.address_bits),
     .allowed = address_bits, KEY_USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "3",
     .help = "width of the IOVAs of an SMMU"},
};
/* clang-format on */

const struct key_rows keys_smmu = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
