/* The rows of the key table, in the order of interface.md 2. */
#include "configs/key.h"

#include <string.h>

#include "sim/policy/policy.h"
#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

const char *const key_vendors[KEY_VENDORS] = {"amd", "intel", "smmu", "riscv"};

/* ---- choices ---- */

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Choice `index` of a catalogue followed by the choices of later versions that the catalogue does not hold
 * yet. */
#define CATALOGUE_CHOICES(function, catalogue, later)                                                        \
    static bool function(size_t index, struct choice *choice)                                                \
    {                                                                                                        \
        size_t count = 0;                                                                                    \
        while (catalogue[count])                                                                             \
            count++;                                                                                         \
        if (index < count) {                                                                                 \
            *choice =                                                                                        \
                (struct choice){catalogue[index]->name, catalogue[index]->summary, catalogue[index], true};  \
            return true;                                                                                     \
        }                                                                                                    \
        index -= count;                                                                                      \
        for (size_t i = 0; i < LENGTH(later); i++) {                                                         \
            bool built = false;                                                                              \
            for (size_t k = 0; k < count && !built; k++)                                                     \
                built = strcmp(catalogue[k]->name, later[i].name) == 0;                                      \
            if (!built && index-- == 0) {                                                                    \
                *choice = later[i];                                                                          \
                return true;                                                                                 \
            }                                                                                                \
        }                                                                                                    \
        return false;                                                                                        \
    }

#define ENUM_CHOICES(function, choices_array)                                                                \
    static bool function(size_t index, struct choice *choice)                                                \
    {                                                                                                        \
        if (index >= LENGTH(choices_array))                                                                  \
            return false;                                                                                    \
        *choice = choices_array[index];                                                                      \
        return true;                                                                                         \
    }

static const struct choice later_models[] = {
    {"riscv-g", "RISC-V IOMMU second stage, GADE updates", NULL, false}};
static const struct choice later_sources[] = {{"trace", "map and unmap records of the trace", NULL, false}};
static const struct choice later_methods[] = {
    {"write-protect", "software write-protects leaves and takes a fault at the first write", NULL, false},
    {"device", "every device logs the blocks that it writes", NULL, false},
    {"log", "hardware appends dirtied leaves to a ring", NULL, false}};
static const struct choice later_policies[] = {
    {"precopy", "rounds of a live migration over a link", NULL, false}};
CATALOGUE_CHOICES(model_choice, pt_formats, later_models)
CATALOGUE_CHOICES(source_choice, mapping_sources, later_sources)
CATALOGUE_CHOICES(method_choice, tracking_methods, later_methods)
CATALOGUE_CHOICES(policy_choice, harvest_policies, later_policies)

static const struct choice domain_values[] = {{"shared", "all devices in one domain", NULL, true},
                                              {"per_device", "one domain per device", NULL, false}};
static const struct choice dbm_values[] = {
    [DBM_STATIC] = {"static", "HA=HD=1 always; a writable leaf is born DBM=1 and dirty", NULL, true},
    [DBM_DYNAMIC] = {"dynamic", "a walk over the entries switches DBM at start and stop", NULL, true},
    [DBM_OFF] = {"off", "HD=0 and DBM=0 for ever", NULL, true}};
static const struct choice conflict_values[] = {{"error", "a conflict stops the cell", NULL, true},
                                                {"count", "conflicts are counted", NULL, false}};
static const struct choice unmap_flush_values[] = {
    {"strict", "every unmap flushes at once", NULL, true},
    {"deferred", "256 unmaps or 10 ms share one domain flush", NULL, false},
    {"none", "unmaps never flush", NULL, false}};
static const struct choice free_tables_values[] = {
    {"covered", "an unmap frees the tables that it covers", NULL, true},
    {"empty", "a table goes with its last entry", NULL, false}};
static const struct choice replacement_values[] = {
    [REPLACEMENT_LRU] = {"lru", "the least recently used way", NULL, true},
    [REPLACEMENT_FIFO] = {"fifo", "the oldest insert", NULL, true},
    [REPLACEMENT_PLRU] = {"plru", "a tree of bits; ways must be a power of two", NULL, true},
    [REPLACEMENT_RANDOM] = {"random", "a way drawn from the stream that `seed` starts", NULL, true}};
static const struct choice flush_values[] = {
    [FLUSH_NONE] = {"none", "nothing is invalidated", NULL, true},
    [FLUSH_RANGE] = {"range", "the hull of the dirty leaves, as the vendor's commands can say it", NULL,
                     true},
    [FLUSH_LEAF] = {"leaf", "one command per dirty leaf", NULL, true},
    [FLUSH_DOMAIN] = {"domain", "the whole domain", NULL, true},
    [FLUSH_GLOBAL] = {"global", "everything", NULL, true}};
static const struct choice overflow_values[] = {
    {"scan", "an overflowed log makes the next harvest scan", NULL, true},
    {"all", "an overflowed log reports every page", NULL, false}};
ENUM_CHOICES(domain_choice, domain_values)
ENUM_CHOICES(dbm_choice, dbm_values)
ENUM_CHOICES(conflict_choice, conflict_values)
ENUM_CHOICES(unmap_flush_choice, unmap_flush_values)
ENUM_CHOICES(free_tables_choice, free_tables_values)
ENUM_CHOICES(replacement_choice, replacement_values)
ENUM_CHOICES(flush_choice, flush_values)
ENUM_CHOICES(overflow_choice, overflow_values)

static const struct choice_set models = {"model", true, model_choice};
static const struct choice_set sources = {"source", true, source_choice};
static const struct choice_set methods = {"method", true, method_choice};
static const struct choice_set policies = {"policy", true, policy_choice};
static const struct choice_set domain_modes = {"choice", false, domain_choice};
static const struct choice_set dbm_modes = {"choice", false, dbm_choice};
static const struct choice_set conflict_modes = {"choice", false, conflict_choice};
static const struct choice_set unmap_flush_modes = {"choice", false, unmap_flush_choice};
static const struct choice_set free_tables_modes = {"choice", false, free_tables_choice};
static const struct choice_set replacements = {"replacement", false, replacement_choice};
static const struct choice_set flush_modes = {"flush", false, flush_choice};
static const struct choice_set overflow_modes = {"choice", false, overflow_choice};

/* ---- who looks at a key ---- */

static bool vendor_is(const struct cell_config *config, const char *vendor)
{
    return strcmp(config->iommu.model->vendor, vendor) == 0;
}
static bool has_levels(const struct cell_config *config)
{
    return config->iommu.model->levels_max > 0;
}
static bool is_smmu(const struct cell_config *config)
{
    return vendor_is(config, "smmu");
}
static bool is_intel(const struct cell_config *config)
{
    return vendor_is(config, "intel");
}
static bool is_static(const struct cell_config *config)
{
    return !config->mapping.source->needs_touched;
}
static bool is_touched(const struct cell_config *config)
{
    return config->mapping.source->needs_touched;
}
static bool has_iotlb(const struct cell_config *config)
{
    return config->iotlb.entries > 0;
}
static bool has_walk_cache(const struct cell_config *config)
{
    return config->walk_cache.entries > 0;
}
static bool draws_numbers(const struct cell_config *config)
{
    return has_iotlb(config) && config->iotlb.replacement == REPLACEMENT_RANDOM;
}
static bool is_hardware(const struct cell_config *config)
{
    return config->tracking.method->uses_hardware;
}
static bool is_periodic(const struct cell_config *config)
{
    return strcmp(config->harvest.policy->name, "periodic") == 0;
}
static bool is_by_records(const struct cell_config *config)
{
    return strcmp(config->harvest.policy->name, "records") == 0;
}
static bool reports_pages(const struct cell_config *config)
{
    return config->tracking.method->report == TRACKING_REPORTS_LEAVES ||
           config->tracking.method->report == TRACKING_REPORTS_ALL;
}

/* ---- the table ---- */

#define FIELD(member)                                                                                        \
    .offset = offsetof(struct cell_config, member), .field_bytes = sizeof(((struct cell_config *)0)->member)
#define COUNT(member) .count_offset = offsetof(struct cell_config, member)
#define TEXT(words) .fallback = KEY_DEFAULT_TEXT, .text = words
#define NONE .fallback = KEY_DEFAULT_NONE
#define REQUIRED .fallback = KEY_DEFAULT_REQUIRED
#define CHOICES(set) .type = KEY_CHOICE, .choices = &set
#define USED(predicate, who) .used = predicate, .belongs_to = who
#define COST(name_, ...)                                                                                     \
    .name = "cost." #name_, .type = KEY_COST, .section = "12", FIELD(cost.name_##_ps), __VA_ARGS__
#define VENDORS(amd, intel, smmu, riscv)                                                                     \
    .fallback = KEY_DEFAULT_VENDOR, .vendor_text = {amd, intel, smmu, riscv}

/* clang-format off */
enum { CACHE_ENTRIES_MAX = 1 << 24, PAGE_BYTES = 4096 };
static const uint64_t granules[] = {4096, 16384, 65536, 0};

const struct key key_table[] = {
    {.name = "limits.records", .type = KEY_INTEGER, NONE, FIELD(limit_records), .none_number = UINT64_MAX,
     .min = 1, .max = UINT64_MAX - 1, .section = "2", .help = "stop a cell after this many records"},
    {.name = "domains", CHOICES(domain_modes), TEXT("shared"), .section = "2",
     .help = "which devices share one I/O page table"},
    {.name = "dma.max_payload", .type = KEY_SIZE, TEXT("4KiB"), FIELD(max_payload_bytes), .min = 128,
     .max = PAGE_BYTES, .power_of_two = true, .section = "2", .help = "block of one translation request"},

    {.name = "iommu.model", CHOICES(models), REQUIRED, FIELD(iommu.model), .section = "3",
     .help = "page-table format and its hardware"},
    {.name = "iommu.levels", .type = KEY_INTEGER, .fallback = KEY_DEFAULT_LEVELS, FIELD(iommu.levels),
     .min = 3, .max = PT_LEVELS_MAX, USED(has_levels, "amd-v1, intel-ss and riscv-g"), .section = "3",
     .help = "levels of page tables"},
    {.name = "iommu.granule", .type = KEY_SIZE, TEXT("4KiB"), FIELD(iommu.granule_bytes),
     .allowed = granules, USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "3",
     .help = "translation granule of an SMMU"},
    {.name = "iommu.dbm", CHOICES(dbm_modes), TEXT("static"), FIELD(iommu.dbm),
     USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "6", .help = "how an SMMU's DBM bits are used"},
    {.name = "iommu.ha", .type = KEY_BOOLEAN, TEXT("true"), FIELD(iommu.ha),
     USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "6",
     .help = "false takes hardware access updates away"},
    {.name = "iommu.hd", .type = KEY_BOOLEAN, TEXT("true"), FIELD(iommu.hd),
     USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "6",
     .help = "false takes hardware dirty updates away"},
    {.name = "iommu.ril", .type = KEY_BOOLEAN, TEXT("true"), FIELD(iommu.ril),
     USED(is_smmu, "smmu-s1 and smmu-s2"), .section = "7", .help = "range invalidation commands of an SMMU"},
    {.name = "iommu.mamv", .type = KEY_INTEGER, TEXT("18"), FIELD(iommu.mamv), .max = 52,
     USED(is_intel, "intel-ss"), .section = "7",
     .help = "largest address mask of an invalidation, lg2 of pages"},

    {.name = "mapping.source", CHOICES(sources), REQUIRED, FIELD(mapping.source), .section = "3",
     .help = "what software maps"},
    {.name = "mapping.regions", .type = KEY_REGIONS, NONE, FIELD(mapping.regions),
     COUNT(mapping.region_count), USED(is_static, "mapping.source static"), .section = "3",
     .help = "ranges mapped before the first record, each {iova, size, address}; address defaults to iova"},
    {.name = "mapping.page_sizes", .type = KEY_SIZES, .fallback = KEY_DEFAULT_PAGE_SIZES,
     FIELD(mapping.page_sizes_lg2), COUNT(mapping.page_size_count), .section = "3",
     .help = "leaf sizes that software may use"},
    {.name = "mapping.extent", .type = KEY_SIZE, TEXT("2MiB"), FIELD(mapping.extent_bytes),
     .min = PAGE_BYTES, .multiple = PAGE_BYTES, USED(is_touched, "mapping.source touched"), .section = "3",
     .help = "aligned block that is mapped when the trace touches it"},
    {.name = "mapping.conflicts", CHOICES(conflict_modes), TEXT("error"), .section = "3",
     .help = "maps over mapped pages and unmaps of unmapped ones"},
    {.name = "mapping.unmap_flush", CHOICES(unmap_flush_modes), TEXT("strict"), .section = "7",
     .help = "when an unmap invalidates"},
    {.name = "mapping.free_tables", CHOICES(free_tables_modes), TEXT("covered"), .section = "3",
     .help = "when an unmap frees tables"},

    {.name = "iotlb.entries", .type = KEY_INTEGER, TEXT("64"), FIELD(iotlb.entries),
     .max = CACHE_ENTRIES_MAX, .section = "4", .help = "entries of the IOTLB; 0 = none"},
    {.name = "iotlb.ways", .type = KEY_INTEGER, TEXT("8"), FIELD(iotlb.ways), .max = CACHE_ENTRIES_MAX,
     USED(has_iotlb, "an IOTLB with entries"), .section = "4",
     .help = "ways of a set; 0 = fully associative"},
    {.name = "iotlb.replacement", CHOICES(replacements), TEXT("lru"), FIELD(iotlb.replacement),
     USED(has_iotlb, "an IOTLB with entries"), .section = "4", .help = "which way of a full set goes"},
    {.name = "walk_cache.entries", .type = KEY_INTEGER, TEXT("32"), FIELD(walk_cache.entries),
     .max = CACHE_ENTRIES_MAX, .section = "5", .help = "cached table pointers per level; 0 = off"},
    {.name = "walk_cache.ways", .type = KEY_INTEGER, TEXT("0"), FIELD(walk_cache.ways),
     .max = CACHE_ENTRIES_MAX, USED(has_walk_cache, "a walk cache with entries"), .section = "5",
     .help = "ways of a set; 0 = fully associative"},
    {.name = "ats.enabled", .type = KEY_BOOLEAN, TEXT("false"), .section = "10",
     .help = "devices cache translations themselves"},
    {.name = "ats.entries", .type = KEY_INTEGER, TEXT("64"), .max = CACHE_ENTRIES_MAX, .section = "10",
     .help = "entries of each device's cache"},
    {.name = "ats.ways", .type = KEY_INTEGER, TEXT("0"), .max = CACHE_ENTRIES_MAX, .section = "10",
     .help = "ways of a set; 0 = fully associative"},
    {.name = "ats.no_write", .type = KEY_BOOLEAN, TEXT("true"), .section = "10",
     .help = "requests for reads say that no write follows"},
    {.name = "ats.invalidate", .type = KEY_BOOLEAN, TEXT("true"), .section = "10",
     .help = "invalidations reach the devices"},

    {.name = "tracking.method", CHOICES(methods), TEXT("hardware"), FIELD(tracking.method), .section = "9",
     .help = "who knows which pages were written"},
    {.name = "tracking.start", .type = KEY_TIME, TEXT("0ns"), FIELD(tracking.start_ns), .section = "7",
     .help = "when tracking begins, after the first record"},
    {.name = "tracking.stop", .type = KEY_TIME, NONE, FIELD(tracking.stop_ns),
     .present_offset = offsetof(struct cell_config, tracking.has_stop), .section = "7",
     .help = "when tracking ends, after the first record"},
    {.name = "tracking.ranges", .type = KEY_RANGES, NONE, FIELD(tracking.ranges),
     COUNT(tracking.range_count), .section = "7",
     .help = "ranges that are tracked, each {iova, size}; by default every mapped page"},
    {.name = "tracking.clear_on_start", .type = KEY_BOOLEAN, TEXT("true"), FIELD(tracking.clear_on_start),
     USED(is_hardware, "tracking.method hardware"), .section = "7",
     .help = "make every leaf clean before tracking begins"},

    {.name = "harvest.policy", CHOICES(policies), TEXT("periodic"), FIELD(harvest.policy), .section = "7",
     .help = "when dirty state is collected"},
    {.name = "harvest.interval", .type = KEY_TIME, TEXT("100ms"), FIELD(harvest.interval_ns), .min = 1,
     USED(is_periodic, "harvest.policy periodic"), .section = "7", .help = "time between harvests"},
    {.name = "harvest.count", .type = KEY_INTEGER, TEXT("100000"), FIELD(harvest.count), .min = 1,
     USED(is_by_records, "harvest.policy records"), .section = "7", .help = "records between harvests"},
    {.name = "harvest.flush", CHOICES(flush_modes), TEXT("range"), FIELD(harvest.flush),
     USED(is_hardware, "tracking.method hardware"), .section = "7",
     .help = "what a harvest invalidates after cleaning"},
    {.name = "harvest.granule", .type = KEY_SIZE, TEXT("4KiB"), FIELD(harvest.granule_bytes),
     .min = PAGE_BYTES, .power_of_two = true, USED(reports_pages, "tracking.method hardware and all"),
     .section = "8", .help = "block of the report; one dirty page reports its block"},
    {.name = "harvest.chunk", .type = KEY_SIZE, NONE, FIELD(harvest.chunk_bytes), .min = PAGE_BYTES,
     .multiple = PAGE_BYTES, USED(is_hardware, "tracking.method hardware"), .section = "7",
     .help = "window of one request to the driver; by default a whole range"},
    {.name = "harvest.no_clear", .type = KEY_BOOLEAN, TEXT("false"), FIELD(harvest.no_clear), .section = "7",
     .help = "harvests read without cleaning"},
    {.name = "harvest.before_unmap", .type = KEY_BOOLEAN, TEXT("false"), .section = "8",
     .help = "an unmap reads the dirty state of its range first"},
    {.name = "harvest.final", .type = KEY_BOOLEAN, TEXT("true"), FIELD(harvest.final), .section = "7",
     .help = "one more harvest after the last record"},
    {.name = "harvest.link_rate", .type = KEY_RATE, TEXT("12.5GB/s"), .min = 1, .section = "11",
     .help = "bandwidth of a migration"},
    {.name = "harvest.downtime_limit", .type = KEY_TIME, TEXT("300ms"), .section = "11",
     .help = "longest stop-copy"},
    {.name = "harvest.downtime_fixed", .type = KEY_TIME, TEXT("50ms"), .section = "11",
     .help = "downtime besides the stop-copy"},
    {.name = "harvest.max_rounds", .type = KEY_INTEGER, TEXT("30"), .min = 1, .section = "11",
     .help = "rounds before the source stops anyway"},
    {.name = "device.granule", .type = KEY_SIZE, TEXT("4KiB"), .min = PAGE_BYTES, .power_of_two = true,
     .section = "9", .help = "block of a device's own log"},
    {.name = "log.entries", .type = KEY_INTEGER, TEXT("512"), .min = 1, .max = CACHE_ENTRIES_MAX,
     .section = "9", .help = "entries of the hardware log"},
    {.name = "log.overflow", CHOICES(overflow_modes), TEXT("scan"), .section = "9",
     .help = "what a harvest does about a log that overflowed"},

    {COST(walk_read, TEXT("70ns")), .help = "one table entry read by a walk"},
    {COST(walk_cache_hit, TEXT("5ns")), .help = "a walk-cache hit"},
    {COST(iotlb_hit, TEXT("2ns")), .help = "an IOTLB hit"},
    {COST(atc_miss, TEXT("900ns")), .help = "an ATS translation request"},
    {COST(ad_update, TEXT("100ns")), .help = "an accessed or dirty update by hardware (assumption)"},
    {COST(scan_entry, TEXT("2.75ns")), .help = "one entry visited by a harvest (assumption)"},
    {COST(clear_entry, TEXT("10ns")), .help = "one entry cleaned (assumption)"},
    {COST(report_page, TEXT("1ns")), .help = "one page reported (assumption)"},
    {COST(command, VENDORS("66ns", "66ns", "120ns", "120ns")),
     .help = "one invalidation command (assumption for amd and riscv)"},
    {COST(sync, VENDORS("1us", "1060ns", "250ns", "250ns")),
     .help = "waiting for commands (assumption for amd)"},
    {COST(context_update, VENDORS("1100ns", "2200ns", "400ns", "400ns")),
     .help = "rewriting a device's context entry (assumption)"},
    {COST(atc_command, TEXT("1400ns")), .help = "one ATC invalidation (assumption)"},
    {COST(fault, TEXT("20us")), .help = "one recoverable fault (assumption)"},
    {COST(log_read, TEXT("5ns")), .help = "one hardware log entry read (assumption)"},

    {.name = "seed", .type = KEY_INTEGER, TEXT("1"), FIELD(seed),
     USED(draws_numbers, "iotlb.replacement random"), .section = "4",
     .help = "start of the stream that `random` replacement draws from"},
};
/* clang-format on */

const size_t key_count = LENGTH(key_table);
_Static_assert(LENGTH(key_table) <= KEY_COUNT_MAX, "raise KEY_COUNT_MAX");
