#include "configs/check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    char text[512];
    va_list args;
    if (!checking->report)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    checking->report(checking->context, key_find(name), place, text);
}

static void list_available(const char *name, char *text, size_t bytes)
{
    const struct choice_set *choices = key_find(name)->choices;
    struct choice choice, next;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; choices->get(i, &choice) && choice.available && used < bytes; i++) {
        bool last = !choices->get(i + 1, &next) || !next.available;
        used += (size_t)snprintf(text + used, bytes - used, "%s%s",
                                 i == 0 ? ""
                                 : last ? " or "
                                        : ", ",
                                 choice.name);
    }
}

bool check_model(const struct cell_draft *draft, check_report *report, void *context)
{
    struct checking checking = {draft, report, context};
    const struct cell_config *config = &draft->config;
    char list[256];
    bool good = true;
    if (!config->iommu.model) {
        list_available("iommu.model", list, sizeof list);
        problem(&checking, "iommu.model", draft->place, "is required; write %s", list);
        good = false;
    }
    if (!config->mapping.source) {
        list_available("mapping.source", list, sizeof list);
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

static struct pt_geometry geometry_of(const struct cell_config *config)
{
    const struct pt_format *model = config->iommu.model;
    if (model->levels_max > 0)
        return model->geometry(config->iommu.levels, 12);
    return model->geometry(0, (unsigned)__builtin_ctzll(config->iommu.granule_bytes));
}

/* Leaf sizes that the architecture has and this version has not: the contiguous hint, NAPOT, AMD page mode 7
 * (semantics.md 3). */
static bool is_later_size(const struct cell_config *config, const struct pt_geometry *geometry, unsigned lg2)
{
    static const uint8_t contiguous[3][3] = {{16, 25, 34}, {21, 30, 0}, {21, 34, 0}};
    const char *vendor = config->iommu.model->vendor;
    if (strcmp(vendor, "amd") == 0) {
        unsigned root_lg2 = pt_entry_lg2(geometry, geometry->levels);
        return lg2 >= 12 && lg2 <= 51 && lg2 < root_lg2 && lg2 != 39;
    }
    if (strcmp(vendor, "smmu") == 0) {
        const uint8_t *sizes = contiguous[(geometry->granule_lg2 - 12) / 2];
        return sizes[0] == lg2 || sizes[1] == lg2 || (sizes[2] != 0 && sizes[2] == lg2);
    }
    return strcmp(vendor, "riscv") == 0 && lg2 == 16;
}

static const char *shape_text(const struct cell_config *config, char text[UNITS_TEXT_BYTES * 2])
{
    char size[UNITS_TEXT_BYTES];
    if (config->iommu.model->levels_max > 0)
        return config->iommu.model->name;
    snprintf(text, UNITS_TEXT_BYTES * 2, "%s with granule %s", config->iommu.model->name,
             units_format_size(config->iommu.granule_bytes, size));
    return text;
}

static bool check_page_sizes(const struct checking *checking, const struct pt_geometry *geometry)
{
    static const char *const others[] = {"iommu.granule", "iommu.model", NULL};
    const struct cell_config *config = &checking->draft->config;
    struct place place = place_of(checking->draft, "mapping.page_sizes", others);
    char shape[UNITS_TEXT_BYTES * 2], size[UNITS_TEXT_BYTES], plain[UNITS_TEXT_BYTES], list[128] = "";
    size_t used = 0;
    bool good = true;
    for (unsigned k = 0; k < geometry->leaf_size_count; k++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 k == 0                               ? ""
                                 : k + 1 == geometry->leaf_size_count ? " or "
                                                                      : ", ",
                                 units_format_size(UINT64_C(1) << geometry->leaf_sizes_lg2[k], plain));
    for (unsigned i = 0; i < config->mapping.page_size_count; i++) {
        unsigned lg2 = config->mapping.page_sizes_lg2[i], k = 0;
        while (k < geometry->leaf_size_count && geometry->leaf_sizes_lg2[k] != lg2)
            k++;
        if (k < geometry->leaf_size_count)
            continue;
        good = false;
        units_format_size(UINT64_C(1) << lg2, size);
        if (is_later_size(config, geometry, lg2))
            problem(checking, "mapping.page_sizes", place,
                    "%s leaves of %s are not available in this version; write %s", size,
                    shape_text(config, shape), list);
        else
            problem(checking, "mapping.page_sizes", place, "%s has no leaves of %s; write %s",
                    shape_text(config, shape), size, list);
    }
    return good;
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
    uint64_t ways = config->iotlb.ways != 0 ? config->iotlb.ways : config->iotlb.entries;
    if (config->iotlb.replacement == REPLACEMENT_PLRU && (ways & (ways - 1)) != 0)
        problem(checking, "iotlb.replacement", place_of(checking->draft, "iotlb.replacement", others),
                "plru needs a power of two of ways, not %" PRIu64 "; change iotlb.ways or the replacement",
                ways);
}

static void check_region(const struct checking *checking, const struct pt_geometry *geometry,
                         struct place place, const struct config_region *region)
{
    const struct cell_config *config = &checking->draft->config;
    uint64_t smallest = UINT64_C(1) << config->mapping.page_sizes_lg2[0];
    char size[UNITS_TEXT_BYTES];
    const char *word = region->iova % smallest != 0      ? "iova"
                       : region->bytes % smallest != 0   ? "size"
                       : region->address % smallest != 0 ? "address"
                                                         : NULL;
    if (word)
        problem(checking, "mapping.regions", place,
                "%s is no multiple of %s, the smallest of page_sizes; write one", word,
                units_format_size(smallest, size));
    if (geometry->iova_bits < 64 && (region->iova + region->bytes - 1) >> geometry->iova_bits != 0)
        problem(checking, "mapping.regions", place, "ends beyond the %u bits of IOVA of %s%s",
                geometry->iova_bits, config->iommu.model->name,
                config->iommu.model->levels_max > config->iommu.levels ? "; shorten it or raise iommu.levels"
                                                                       : "; shorten it");
}

static void check_mapping(const struct checking *checking, const struct pt_geometry *geometry)
{
    const struct cell_draft *draft = checking->draft;
    const struct cell_config *config = &draft->config;
    const struct setting *regions = chosen(draft, "mapping.regions");
    static const char *const extent_others[] = {"mapping.page_sizes", "iommu.granule", "mapping.source",
                                                NULL};
    static const char *const source_others[] = {NULL};
    char size[UNITS_TEXT_BYTES];
    uint64_t smallest = UINT64_C(1) << config->mapping.page_sizes_lg2[0];
    if (config->mapping.source->needs_touched) {
        if (config->mapping.region_count > 0)
            problem(checking, "mapping.regions", regions->node->place,
                    "mapping.source touched maps what the trace touches; leave regions out, or write source: "
                    "static");
        if (config->mapping.extent_bytes % smallest != 0)
            problem(checking, "mapping.extent", place_of(draft, "mapping.extent", extent_others),
                    "%s is no multiple of the smallest of page_sizes; write a multiple of %s",
                    units_format_size(config->mapping.extent_bytes, (char[UNITS_TEXT_BYTES]){0}),
                    units_format_size(smallest, size));
        return;
    }
    if (config->mapping.region_count == 0)
        problem(checking, "mapping.regions", place_of(draft, "mapping.source", source_others),
                "is required by mapping.source %s; write [{iova: 0, size: 64GiB, address: 0}]",
                config->mapping.source->name);
    for (size_t i = 0; i < config->mapping.region_count; i++)
        check_region(checking, geometry, regions->value.nodes[i]->place, &config->mapping.regions[i]);
}

void check_cell(const struct cell_draft *draft, check_report *report, void *context)
{
    struct checking checking = {draft, report, context};
    const struct cell_config *config = &draft->config;
    struct pt_geometry geometry = geometry_of(config);
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
}
