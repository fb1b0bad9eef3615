#include "configs/check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "configs/combinations.h"
#include "sim/base/units.h"
#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"

struct checking {
    const struct cell_draft *draft;
    check_report *report;
    void *context;
};

static const struct setting *chosen(const struct cell_draft *draft, const char *name)
{
    const struct key *key = key_find(name);
    assert(key);
    return draft->chosen[key_index(key)];
}

/* Where to look: the key itself, else the first of `others` that is set, else the file. */
static struct place place_of(const struct cell_draft *draft, const char *name, const char *const others[])
{
    const struct setting *setting = chosen(draft, name);
    for (; !setting && others && *others; others++)
        setting = chosen(draft, *others);
    return setting ? setting->node->place : draft->place;
}

static void problem(const struct checking *checking, const char *name, struct place place, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

static void problem(const struct checking *checking, const char *name, struct place place, const char *format,
                    ...)
{
    char text[1024];
    va_list args;
    if (!checking->report)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    checking->report(checking->context, key_find(name), place, text);
}

bool check_model(const struct cell_draft *draft, check_report *report, void *context)
{
    struct checking checking = {draft, report, context};
    const struct cell_config *config = &draft->config;
    char list[256];
    bool good = true;
    if (!config->iommu.model) {
        key_list_choices(key_find("iommu.model"), list, sizeof list);
        problem(&checking, "iommu.model", draft->place, "is required; write %s", list);
        good = false;
    }
    if (!config->mapping.source) {
        key_list_choices(key_find("mapping.source"), list, sizeof list);
        problem(&checking, "mapping.source", draft->place, "is required; write %s", list);
        good = false;
    }
    const struct pt_format *model = config->iommu.model;
    if (model && model->levels_max > 0 &&
        (config->iommu.levels < model->levels_min || config->iommu.levels > model->levels_max)) {
        problem(&checking, "iommu.levels", place_of(draft, "iommu.levels", NULL),
                "%s has no tables of %u levels; write %u to %u", model->name, config->iommu.levels,
                model->levels_min, model->levels_max);
        good = false;
    }
    return good;
}

enum { SHAPE_BYTES = 80, SIZES_BYTES = 512 };

/* The model with what else decides its sizes and width: "smmu-s1 with granule 16KiB, 40 address bits". */
static const char *shape_text(const struct cell_config *config, char text[SHAPE_BYTES])
{
    const struct pt_format *model = config->iommu.model;
    char size[UNITS_TEXT_BYTES];
    if (model->levels_max == 0)
        snprintf(text, SHAPE_BYTES, "%s with granule %s, %u address bits", model->name,
                 units_format_size(config->iommu.granule_bytes, size), config->iommu.address_bits);
    else if (config->iommu.levels != model->levels_default)
        snprintf(text, SHAPE_BYTES, "%s with %u levels", model->name, config->iommu.levels);
    else
        return model->name;
    return text;
}

static size_t append_sizes(uint64_t sizes, uint64_t last, char text[SIZES_BYTES], size_t used)
{
    char size[UNITS_TEXT_BYTES];
    for (; sizes != 0 && used < SIZES_BYTES; sizes &= sizes - 1) {
        uint64_t bytes = sizes & -sizes;
        used += (size_t)snprintf(text + used, SIZES_BYTES - used, "%s%s",
                                 used == 0 ? "" : (bytes == last ? " or " : ", "),
                                 units_format_size(bytes, size));
    }
    return used;
}

/* "4KiB, 2MiB, 1GiB, 64KiB or 32MiB": the plain sizes first. */
static void list_sizes(const struct pt_geometry *geometry, char text[SIZES_BYTES])
{
    uint64_t others = geometry->sizes & ~geometry->plain_sizes;
    uint64_t last = UINT64_C(1) << (63 - __builtin_clzll(others != 0 ? others : geometry->plain_sizes));
    size_t used = append_sizes(geometry->plain_sizes, others != 0 ? 0 : last, text, 0);
    append_sizes(others, last, text, used);
}

static bool check_page_sizes(const struct checking *checking, const struct pt_geometry *geometry)
{
    static const char *const others[] = {"iommu.address_bits", "iommu.granule", "iommu.levels", "iommu.model",
                                         NULL};
    const struct cell_config *config = &checking->draft->config;
    struct place place = place_of(checking->draft, "mapping.page_sizes", others);
    char shape[SHAPE_BYTES], size[UNITS_TEXT_BYTES], list[SIZES_BYTES];
    uint64_t wrong = config->mapping.page_sizes & ~geometry->sizes;
    list_sizes(geometry, list);
    for (uint64_t left = wrong; left != 0; left &= left - 1)
        problem(checking, "mapping.page_sizes", place, "%s has no leaves of %s; write %s",
                shape_text(config, shape), units_format_size(left & -left, size), list);
    return wrong == 0;
}

/* Entries and ways of a set-associative structure whose keys are in `block`. */
static void check_shape(const struct checking *checking, const char *block, uint64_t entries, uint64_t ways)
{
    char ways_name[64], entries_name[64];
    const char *others[] = {entries_name, NULL};
    snprintf(ways_name, sizeof ways_name, "%s.ways", block);
    snprintf(entries_name, sizeof entries_name, "%s.entries", block);
    if (entries == 0 || ways == 0)
        return;
    struct place place = place_of(checking->draft, ways_name, others);
    uint64_t sets = entries / ways;
    if (ways > entries)
        problem(checking, ways_name, place,
                "%" PRIu64 " ways are more than %" PRIu64 " entries; write at most %" PRIu64
                ", or 0 for fully associative",
                ways, entries, entries);
    else if (entries % ways != 0)
        problem(checking, ways_name, place,
                "%" PRIu64 " ways do not divide %" PRIu64
                " entries; write a divisor, or 0 for fully associative",
                ways, entries);
    else if ((sets & (sets - 1)) != 0)
        problem(checking, ways_name, place,
                "%" PRIu64 " entries in %" PRIu64 " ways make %" PRIu64
                " sets, no power of two; change one of them, or write 0 for fully associative",
                entries, ways, sets);
}

static void check_caches(const struct checking *checking)
{
    static const char *const others[] = {"iotlb.ways", "iotlb.entries", NULL};
    const struct cell_config *config = &checking->draft->config;
    check_shape(checking, "iotlb", config->iotlb.entries, config->iotlb.ways);
    check_shape(checking, "walk_cache", config->walk_cache.entries, config->walk_cache.ways);
    if (config->ats.enabled)
        check_shape(checking, "ats", config->ats.entries, config->ats.ways);
    uint64_t ways = config->iotlb.ways != 0 ? config->iotlb.ways : config->iotlb.entries;
    if (config->iotlb.replacement == REPLACEMENT_PLRU && (ways & (ways - 1)) != 0)
        problem(checking, "iotlb.replacement", place_of(checking->draft, "iotlb.replacement", others),
                "plru needs a power of two of ways, not %" PRIu64 "; change iotlb.ways or the replacement",
                ways);
}

static uint64_t smallest_size(const struct cell_config *config)
{
    return config->mapping.page_sizes & -config->mapping.page_sizes;
}

static const char *width_remedy(const struct cell_config *config)
{
    if (config->iommu.model->levels_max > config->iommu.levels)
        return "shorten it or raise iommu.levels";
    if (config->iommu.model->levels_max == 0 && config->iommu.address_bits < 48)
        return "shorten it or raise iommu.address_bits";
    return "shorten it";
}

static void check_region(const struct checking *checking, const struct pt_geometry *geometry,
                         struct place place, const struct config_region *region)
{
    const struct cell_config *config = &checking->draft->config;
    uint64_t smallest = smallest_size(config);
    char size[UNITS_TEXT_BYTES], shape[SHAPE_BYTES];
    const char *word = region->iova % smallest != 0      ? "iova"
                       : region->bytes % smallest != 0   ? "size"
                       : region->address % smallest != 0 ? "address"
                                                         : NULL;
    if (word)
        problem(checking, "mapping.regions", place,
                "%s is no multiple of %s, the smallest of page_sizes; write one", word,
                units_format_size(smallest, size));
    if (geometry->iova_bits < 64 && (region->iova + region->bytes - 1) >> geometry->iova_bits != 0)
        problem(checking, "mapping.regions", place, "ends beyond the %u bits of IOVA of %s; %s",
                geometry->iova_bits, config->iommu.model->name, width_remedy(config));
    if ((region->address + region->bytes - 1) >> geometry->output_bits != 0)
        problem(checking, "mapping.regions", place,
                "address and size pass 2^%u, the largest output address of %s; write a smaller address",
                geometry->output_bits, shape_text(config, shape));
}

static void check_mapping(const struct checking *checking, const struct pt_geometry *geometry)
{
    const struct cell_draft *draft = checking->draft;
    const struct cell_config *config = &draft->config;
    const struct setting *regions = chosen(draft, "mapping.regions");
    static const char *const extent_others[] = {"mapping.page_sizes", "iommu.granule", "mapping.source",
                                                NULL};
    char extent[UNITS_TEXT_BYTES], size[UNITS_TEXT_BYTES];
    if (config->mapping.source->needs_touched) {
        if (config->mapping.region_count > 0)
            problem(checking, "mapping.regions", regions->node->place,
                    "mapping.source %s maps what the trace touches; leave regions out, or write source: "
                    "static",
                    config->mapping.source->name);
        if (config->mapping.extent_bytes % smallest_size(config) != 0)
            problem(checking, "mapping.extent", place_of(draft, "mapping.extent", extent_others),
                    "%s is no multiple of the smallest of page_sizes; write a multiple of %s",
                    units_format_size(config->mapping.extent_bytes, extent),
                    units_format_size(smallest_size(config), size));
        return;
    }
    if (config->mapping.region_count == 0 && !config->mapping.source->follows_trace)
        problem(checking, "mapping.regions", place_of(draft, "mapping.source", NULL),
                "is required by mapping.source %s; write [{iova: 0, size: 64GiB, address: 0}]",
                config->mapping.source->name);
    for (size_t i = 0; i < config->mapping.region_count; i++)
        check_region(checking, geometry, regions->value.nodes[i]->place, &config->mapping.regions[i]);
}

static void check_split(const struct checking *checking, const struct pt_geometry *geometry)
{
    static const char *const others[] = {"tracking.split", NULL};
    const struct cell_config *config = &checking->draft->config;
    uint64_t bytes = config->tracking.split_size_bytes;
    char size[UNITS_TEXT_BYTES], list[SIZES_BYTES], shape[SHAPE_BYTES];
    if (config->tracking.split == SPLIT_NONE || bytes == 0 || (bytes & geometry->plain_sizes) != 0)
        return;
    append_sizes(geometry->plain_sizes, UINT64_C(1) << (63 - __builtin_clzll(geometry->plain_sizes)), list, 0);
    problem(checking, "tracking.split_size", place_of(checking->draft, "tracking.split_size", others),
            "%s is no plain leaf size of %s; write %s", units_format_size(bytes, size),
            shape_text(config, shape), list);
}

static void report_combination(void *context, const char *key, const char *other, const char *text)
{
    const struct checking *checking = context;
    const char *const others[] = {other, NULL};
    problem(checking, key, place_of(checking->draft, key, others), "%s", text);
}

void check_cell(const struct cell_draft *draft, check_report *report, void *context)
{
    struct checking checking = {draft, report, context};
    const struct cell_config *config = &draft->config;
    struct pt_geometry geometry = config->iommu.model->geometry(config);
    check_caches(&checking);
    if (check_page_sizes(&checking, &geometry))
        check_mapping(&checking, &geometry);
    if (config->tracking.has_stop && config->tracking.stop_ns <= config->tracking.start_ns) {
        char start[UNITS_TEXT_BYTES], stop[UNITS_TEXT_BYTES];
        problem(&checking, "tracking.stop", place_of(draft, "tracking.stop", NULL),
                "%s is not after tracking.start, %s; write a later time",
                units_format_time(config->tracking.stop_ns, stop),
                units_format_time(config->tracking.start_ns, start));
    }
    check_split(&checking, &geometry);
    check_combinations(config, report_combination, &checking);
}
