/* The keys that belong to no single kind (interface.md 2). */
#include <string.h>

#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"

/* ---- choices ---- */

#define CATALOGUE_CHOICES(function, catalogue)                                                               \
    static bool function(size_t index, struct choice *choice)                                                \
    {                                                                                                        \
        if (!catalogue[index])                                                                               \
            return false;                                                                                    \
        *choice = (struct choice){catalogue[index]->name, catalogue[index]->summary, catalogue[index]};      \
        return true;                                                                                         \
    }

CATALOGUE_CHOICES(model_choice, pt_formats)
CATALOGUE_CHOICES(source_choice, mapping_sources)
CATALOGUE_CHOICES(method_choice, tracking_methods)
CATALOGUE_CHOICES(policy_choice, harvest_policies)
static const struct choice_set models = {"model", NULL, model_choice};
static const struct choice_set sources = {"source", NULL, source_choice};
static const struct choice_set methods = {"method", NULL, method_choice};
static const struct choice_set policies = {"policy", NULL, policy_choice};

#define ENUM_CHOICES(set, what_, ...)                                                                        \
    static const struct choice set##_values[] = {__VA_ARGS__, {0}};                                          \
    static const struct choice_set set = {.what = what_, .values = set##_values}

ENUM_CHOICES(domain_modes, "choice", [DOMAINS_SHARED] = {"shared", "all devices in one domain", NULL},
             [DOMAINS_PER_DEVICE] = {"per_device", "one domain per device", NULL});
ENUM_CHOICES(replacements,
             "replacement", [REPLACEMENT_LRU] = {"lru", "the least recently used way", NULL},
             [REPLACEMENT_FIFO] = {"fifo", "the oldest insert", NULL},
             [REPLACEMENT_PLRU] = {"plru", "a tree of bits; ways must be a power of two", NULL},
             [REPLACEMENT_RANDOM] = {"random", "a way drawn from the stream that `seed` starts", NULL});
ENUM_CHOICES(split_modes, "choice", [SPLIT_NONE] = {"none", "leaves stay as they are mapped", NULL},
             [SPLIT_START] = {"start", "every tracked leaf is split when tracking begins", NULL},
             [SPLIT_DIRTY] = {"dirty", "every harvested leaf is split", NULL});
ENUM_CHOICES(flush_modes, "flush", [FLUSH_NONE] = {"none", "nothing is invalidated", NULL},
             [FLUSH_RANGE] = {"range", "the hull of the dirty leaves, as the vendor's commands can say it", NULL},
             [FLUSH_LEAF] = {"leaf", "one command per dirty leaf", NULL},
             [FLUSH_DOMAIN] = {"domain", "the whole domain", NULL},
             [FLUSH_GLOBAL] = {"global", "everything", NULL});
ENUM_CHOICES(timings, "timing", [TIMING_INSTANT] = {"instant", "a harvest takes no time", NULL},
             [TIMING_TIMED] = {"timed", "a harvest takes what the cost model says", NULL});
ENUM_CHOICES(copies,
             "choice", [COPY_AFTER_FLUSH] = {"after_flush", "reported pages are copied after the flush", NULL},
             [COPY_AT_READ] = {"at_read", "each page is copied when its leaf is read", NULL});

/* ---- who looks at a key ---- */

static bool has_levels(const struct cell_config *config)
{
    return config->iommu.model->levels_max > 0;
}
static bool has_regions(const struct cell_config *config)
{
    return !config->mapping.source->needs_touched;
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
static bool has_ats(const struct cell_config *config)
{
    return config->ats.enabled;
}
static bool uses_hardware(const struct cell_config *config)
{
    return config->tracking.method->uses_hardware;
}
static bool visits_leaves(const struct cell_config *config)
{
    return tracking_visits_leaves(config->tracking.method);
}
static bool reports_pages(const struct cell_config *config)
{
    return tracking_visits_leaves(config->tracking.method) || config->tracking.method->uses_device_logs ||
           config->tracking.method->reports_others;
}
static bool splits(const struct cell_config *config)
{
    return config->tracking.split != SPLIT_NONE;
}
static bool is_timed(const struct cell_config *config)
{
    return config->harvest.timing == TIMING_TIMED;
}
static bool harvests_at_the_end(const struct cell_config *config)
{
    return !config->harvest.policy->migrates;
}

bool config_vendor_is(const struct cell_config *config, const char *vendor)
{
    return strcmp(config->iommu.model->vendor, vendor) == 0;
}

/* ---- the rows ---- */

#define COST(name_, ...)                                                                                     \
    .name = "cost." #name_, .type = KEY_COST, .section = "12", KEY_SAME_TRAFFIC, KEY_FIELD(cost.name_##_ps), \
    __VA_ARGS__
#define VENDORS(amd, intel, smmu, riscv)                                                                     \
    .fallback = KEY_DEFAULT_VENDOR, .vendor_text = {amd, intel, smmu, riscv}

/* clang-format off */
enum { CACHE_ENTRIES_MAX = 1 << 24, PAGE_BYTES = 4096 };

static const struct key rows[] = {
    {.name = "limits.records", .type = KEY_INTEGER, KEY_NONE, KEY_FIELD(limit_records),
     .none_number = UINT64_MAX, .min = 1, .max = UINT64_MAX - 1, .section = "2",
     .help = "stop a cell after this many records"},
    {.name = "domains", KEY_CHOICES(domain_modes), KEY_TEXT("shared"), KEY_FIELD(domains), .section = "2",
     .help = "which devices share one I/O page table"},
    {.name = "dma.max_payload", .type = KEY_SIZE, KEY_TEXT("4KiB"), KEY_FIELD(max_payload_bytes), .min = 128,
     .max = PAGE_BYTES, .power_of_two = true, .section = "2", .help = "block of one translation request"},

    {.name = "iommu.model", KEY_CHOICES(models), KEY_REQUIRED, KEY_FIELD(iommu.model), .section = "3",
     .help = "page-table format and its hardware"},
    {.name = "iommu.levels", .type = KEY_INTEGER, .fallback = KEY_DEFAULT_LEVELS, KEY_FIELD(iommu.levels),
     .min = 3, .max = PT_LEVELS_MAX, KEY_USED(has_levels, "amd-v1, intel-ss and riscv-g"), .section = "3",
     .help = "levels of page tables"},

    {.name = "mapping.source", KEY_CHOICES(sources), KEY_REQUIRED, KEY_FIELD(mapping.source), .section = "3",
     .help = "what software maps"},
    {.name = "mapping.regions", .type = KEY_REGIONS, KEY_NONE, KEY_FIELD(mapping.regions),
     KEY_COUNT(mapping.region_count), KEY_USED(has_regions, "mapping.source static and trace"),
     .section = "3",
     .help = "ranges mapped before the first record, each {iova, size, address}; address defaults to iova"},
    {.name = "mapping.page_sizes", .type = KEY_SIZES, .fallback = KEY_DEFAULT_PAGE_SIZES,
     KEY_FIELD(mapping.page_sizes), .section = "3", .help = "leaf sizes that software may use"},

    {.name = "iotlb.entries", .type = KEY_INTEGER, KEY_TEXT("64"), KEY_FIELD(iotlb.entries), KEY_SAME_TRAFFIC,
     .max = CACHE_ENTRIES_MAX, .section = "4", .help = "entries of the IOTLB; 0 = none"},
    {.name = "iotlb.ways", .type = KEY_INTEGER, KEY_TEXT("8"), KEY_FIELD(iotlb.ways), KEY_SAME_TRAFFIC,
     .max = CACHE_ENTRIES_MAX, KEY_USED(has_iotlb, "an IOTLB with entries"), .section = "4",
     .help = "ways of a set; 0 = fully associative"},
    {.name = "iotlb.replacement", KEY_CHOICES(replacements), KEY_TEXT("lru"), KEY_FIELD(iotlb.replacement),
     KEY_PRIVATE, KEY_USED(has_iotlb, "an IOTLB with entries"), .section = "4",
     .help = "which way of a full set goes"},
    {.name = "walk_cache.entries", .type = KEY_INTEGER, KEY_TEXT("32"), KEY_FIELD(walk_cache.entries),
     KEY_SAME_TRAFFIC, .max = CACHE_ENTRIES_MAX, .section = "5",
     .help = "cached table pointers per level; 0 = off"},
    {.name = "walk_cache.ways", .type = KEY_INTEGER, KEY_TEXT("0"), KEY_FIELD(walk_cache.ways), KEY_SAME_TRAFFIC,
     .max = CACHE_ENTRIES_MAX, KEY_USED(has_walk_cache, "a walk cache with entries"), .section = "5",
     .help = "ways of a set; 0 = fully associative"},

    {.name = "ats.enabled", .type = KEY_BOOLEAN, KEY_TEXT("false"), KEY_FIELD(ats.enabled), .section = "10",
     .help = "devices cache translations themselves"},
    {.name = "ats.entries", .type = KEY_INTEGER, KEY_TEXT("64"), KEY_FIELD(ats.entries),
     .max = CACHE_ENTRIES_MAX, KEY_USED(has_ats, "ats.enabled true"), .section = "10",
     .help = "entries of each device's cache; 0 = none"},
    {.name = "ats.ways", .type = KEY_INTEGER, KEY_TEXT("0"), KEY_FIELD(ats.ways), .max = CACHE_ENTRIES_MAX,
     KEY_USED(has_ats, "ats.enabled true"), .section = "10", .help = "ways of a set; 0 = fully associative"},
    {.name = "ats.no_write", .type = KEY_BOOLEAN, KEY_TEXT("true"), KEY_FIELD(ats.no_write),
     KEY_USED(has_ats, "ats.enabled true"), .section = "10",
     .help = "requests for reads say that no write follows (NW=1)"},
    {.name = "ats.invalidate", .type = KEY_BOOLEAN, KEY_TEXT("true"), KEY_FIELD(ats.invalidate),
     KEY_USED(has_ats, "ats.enabled true"), .section = "10", .help = "invalidations reach the devices"},

    {.name = "tracking.method", KEY_CHOICES(methods), KEY_TEXT("hardware"), KEY_FIELD(tracking.method),
     .section = "9", .help = "who knows which pages were written"},
    {.name = "tracking.start", .type = KEY_TIME, KEY_TEXT("0ns"), KEY_FIELD(tracking.start_ns),
     .section = "7", .help = "when tracking begins, after the first record"},
    {.name = "tracking.stop", .type = KEY_TIME, KEY_NONE, KEY_FIELD(tracking.stop_ns),
     KEY_PRESENT(tracking.has_stop), .section = "7", .help = "when tracking ends, after the first record"},
    {.name = "tracking.ranges", .type = KEY_RANGES, KEY_NONE, KEY_FIELD(tracking.ranges),
     KEY_COUNT(tracking.range_count), .section = "7",
     .help = "ranges that are tracked, each {iova, size}; by default every mapped page"},
    {.name = "tracking.clear_on_start", .type = KEY_BOOLEAN, KEY_TEXT("true"),
     KEY_FIELD(tracking.clear_on_start), KEY_USED(uses_hardware, "tracking.method hardware and log"),
     .section = "7",
     .help = "make every leaf clean before tracking begins"},
    {.name = "tracking.split", KEY_CHOICES(split_modes), KEY_TEXT("none"), KEY_FIELD(tracking.split),
     .section = "14", .help = "when larger leaves are split"},
    {.name = "tracking.split_size", .type = KEY_SIZE, KEY_NONE, KEY_FIELD(tracking.split_size_bytes),
     .min = PAGE_BYTES, .power_of_two = true, KEY_USED(splits, "tracking.split start and dirty"),
     .section = "14", .help = "size of the parts; by default the smallest plain size"},

    {.name = "harvest.policy", KEY_CHOICES(policies), KEY_TEXT("periodic"), KEY_FIELD(harvest.policy),
     .section = "7", .help = "when dirty state is collected"},
    {.name = "harvest.flush", KEY_CHOICES(flush_modes), KEY_TEXT("range"), KEY_FIELD(harvest.flush),
     .sharing = KEY_PRIVATE_UNLESS_FIRST,
     KEY_USED(visits_leaves, "tracking.method hardware, log and write-protect"), .section = "7",
     .help = "what a harvest invalidates after cleaning"},
    {.name = "harvest.granule", .type = KEY_SIZE, KEY_TEXT("4KiB"), KEY_FIELD(harvest.granule_bytes),
     .min = PAGE_BYTES, .power_of_two = true,
     KEY_USED(reports_pages, "tracking.method all, device, hardware, log and write-protect"),
     .section = "8", .help = "block of the report; one dirty page reports its block"},
    {.name = "harvest.chunk", .type = KEY_SIZE, KEY_NONE, KEY_FIELD(harvest.chunk_bytes), .min = PAGE_BYTES,
     .multiple = PAGE_BYTES, KEY_USED(visits_leaves, "tracking.method hardware, log and write-protect"),
     .section = "7",
     .help = "window of one call to the driver; by default a whole range"},
    {.name = "harvest.no_clear", .type = KEY_BOOLEAN, KEY_TEXT("false"), KEY_FIELD(harvest.no_clear),
     .section = "7", .help = "harvests read without cleaning"},
    {.name = "harvest.final", .type = KEY_BOOLEAN, KEY_TEXT("true"), KEY_FIELD(harvest.final),
     KEY_USED(harvests_at_the_end, "policies other than precopy"), .section = "7",
     .help = "one more harvest after the last record, or at the stop"},
    {.name = "harvest.timing", KEY_CHOICES(timings), KEY_TEXT("instant"), KEY_FIELD(harvest.timing),
     .section = "13", .help = "whether records go on while a harvest runs"},
    {.name = "harvest.copy", KEY_CHOICES(copies), KEY_TEXT("after_flush"), KEY_FIELD(harvest.copy),
     KEY_USED(is_timed, "harvest.timing timed"), .section = "13",
     .help = "when a timed harvest copies what it reports"},

    {COST(walk_read, KEY_TEXT("70ns")), .source = "Agilex 5 SMMU latency example: 68 ns",
     .help = "one table entry read by a walk"},
    {COST(walk_cache_hit, KEY_TEXT("5ns")), .source = "HyperSIO 5 ns; gem5 4 cycles", .help = "a walk-cache hit"},
    {COST(iotlb_hit, KEY_TEXT("2ns")), .source = "HyperSIO 2 ns; gem5 3 cycles; MMU-500 2 cycles",
     .help = "an IOTLB hit"},
    {COST(atc_miss, KEY_TEXT("900ns")), .source = "HyperSIO: two PCIe ways of 450 ns",
     .help = "an ATS translation request"},
    {COST(ad_update, KEY_TEXT("100ns")), .source = "no figure published; a walk read and 30 ns", .assumed = "",
     .help = "an accessed or dirty update by hardware"},
    {COST(scan_entry, KEY_TEXT("2.75ns")),
     .source = "1.5 ns an entry from generic-pt's unmap of 256 pages, and 10 ns a cache line", .assumed = "",
     .help = "one entry visited by a harvest"},
    {COST(clear_entry, KEY_TEXT("10ns")), .source = "an atomic write to a line in the cache", .assumed = "",
     .help = "one entry cleaned"},
    {COST(report_page, KEY_TEXT("1ns")), .source = "a bit set in a bitmap", .assumed = "",
     .help = "one page reported"},
    {COST(command, VENDORS("66ns", "66ns", "120ns", "120ns")),
     .source = "intel: a descriptor in a batch of 16; smmu: SM8150 by-VA invalidations; others as these",
     .assumed = "amd, riscv", .help = "one invalidation command"},
    {COST(sync, VENDORS("1us", "1060ns", "250ns", "250ns")),
     .source = "intel: 2548 cycles at 2.4 GHz; smmu: CMD_SYNC on an empty queue, local; others as these",
     .assumed = "amd, riscv", .help = "waiting for commands"},
    {COST(context_update, VENDORS("1100ns", "2200ns", "400ns", "400ns")),
     .source = "a write, its invalidation and a wait", .assumed = "",
     .help = "rewriting a device's context entry"},
    {COST(atc_command, KEY_TEXT("1400ns")), .source = "a PCIe round trip and 500 ns in the device", .assumed = "",
     .help = "one ATC invalidation"},
    {COST(fault, KEY_TEXT("20us")), .source = "between 5 and 300 us in what is published", .assumed = "",
     .help = "one recoverable fault"},
    {COST(log_read, KEY_TEXT("5ns")), .source = "half a cache line streamed from memory", .assumed = "",
     .help = "one hardware log entry read"},
    {COST(split_entry, KEY_TEXT("60ns")), .source = "KVM's eager split: 31.5 us a table", .assumed = "",
     .help = "one entry written by a split"},

    {.name = "seed", .type = KEY_INTEGER, KEY_TEXT("1"), KEY_FIELD(seed), KEY_PRIVATE,
     KEY_USED(draws_numbers, "iotlb.replacement random"), .section = "4",
     .help = "start of the stream that `random` replacement draws from"},
};
/* clang-format on */

const struct key_rows keys_common = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
