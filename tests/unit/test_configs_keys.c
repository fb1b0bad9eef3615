/* The rows of all kinds as one table, and which keys keep cells from sharing tables (sim/base/key_row.h). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "configs/key.h"
#include "test_configs_support.h"

/* Typed from interface.md 2, with what semantics.md 12 and 14 add. */
static const char *const keys_of_the_page[] = {"limits.records",
                                               "domains",
                                               "dma.max_payload",
                                               "iommu.model",
                                               "iommu.levels",
                                               "iommu.granule",
                                               "iommu.dbm",
                                               "iommu.ha",
                                               "iommu.hd",
                                               "iommu.ril",
                                               "iommu.ril_cut",
                                               "iommu.address_bits",
                                               "iommu.pde",
                                               "iommu.mamv",
                                               "mapping.source",
                                               "mapping.regions",
                                               "mapping.page_sizes",
                                               "mapping.extent",
                                               "mapping.conflicts",
                                               "mapping.unmap_flush",
                                               "mapping.free_tables",
                                               "iotlb.entries",
                                               "iotlb.ways",
                                               "iotlb.replacement",
                                               "walk_cache.entries",
                                               "walk_cache.ways",
                                               "ats.enabled",
                                               "ats.entries",
                                               "ats.ways",
                                               "ats.no_write",
                                               "ats.invalidate",
                                               "tracking.method",
                                               "tracking.start",
                                               "tracking.stop",
                                               "tracking.ranges",
                                               "tracking.clear_on_start",
                                               "tracking.split",
                                               "tracking.split_size",
                                               "harvest.policy",
                                               "harvest.interval",
                                               "harvest.count",
                                               "harvest.flush",
                                               "harvest.granule",
                                               "harvest.chunk",
                                               "harvest.no_clear",
                                               "harvest.before_unmap",
                                               "harvest.final",
                                               "harvest.timing",
                                               "harvest.copy",
                                               "harvest.link_rate",
                                               "harvest.downtime_limit",
                                               "harvest.downtime_fixed",
                                               "harvest.max_rounds",
                                               "device.granule",
                                               "device.ranges",
                                               "log.entries",
                                               "log.overflow",
                                               "cost.walk_read",
                                               "cost.walk_cache_hit",
                                               "cost.iotlb_hit",
                                               "cost.atc_miss",
                                               "cost.ad_update",
                                               "cost.scan_entry",
                                               "cost.clear_entry",
                                               "cost.report_page",
                                               "cost.command",
                                               "cost.sync",
                                               "cost.context_update",
                                               "cost.atc_command",
                                               "cost.fault",
                                               "cost.log_read",
                                               "cost.split_entry",
                                               "seed"};

Test(configs_keys, order_is_that_of_interface_2)
{
    cr_assert_eq(key_count, sizeof keys_of_the_page / sizeof *keys_of_the_page);
    for (size_t i = 0; i < key_count; i++)
        cr_expect_str_eq(key_table[i].name, keys_of_the_page[i]);
}

Test(configs_keys, rows_are_well_formed)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        cr_expect(key->help && key->section && *key->help, "%s", key->name);
        cr_expect_eq(key->used == NULL, key->belongs_to == NULL, "%s", key->name);
        cr_expect_eq(key->type == KEY_CHOICE, key->choices != NULL, "%s", key->name);
        cr_expect(key->sharing != KEY_PRIVATE_UNLESS_FIRST || key->type == KEY_CHOICE, "%s", key->name);
        /* Two rows for one field would hide a key from the comparison of cells. */
        for (size_t k = 0; k < i; k++)
            cr_expect(key->field_bytes == 0 || key_table[k].field_bytes == 0 ||
                          key->offset != key_table[k].offset,
                      "%s and %s", key->name, key_table[k].name);
    }
}

/* Names that end with a point are of whole blocks. */
static bool is_among(const char *const names[], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        bool block = names[i][strlen(names[i]) - 1] == '.';
        if (block ? strncmp(name, names[i], strlen(names[i])) == 0 : strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Keys that influence no table, leaf state, truth or schedule, whatever their values. */
static bool is_private(const char *name)
{
    static const char *const names[] = {"iotlb.",    "walk_cache.", "cost.",         "seed",
                                        "iommu.pde", "iommu.ril",   "iommu.ril_cut", "iommu.mamv",
                                        "harvest.downtime_fixed"};
    return is_among(names, sizeof names / sizeof *names, name);
}

/* Of these, keys that leave alone which requests and invalidations reach the IOTLB as well. */
static bool keeps_traffic(const char *name)
{
    static const char *const names[] = {"iotlb.entries", "iotlb.ways", "walk_cache.", "cost."};
    return is_among(names, sizeof names / sizeof *names, name);
}

static struct config_region one_region = {0, 4096, 4096};

/* Another value of the key than `value`. */
static void perturb(const struct key *key, struct key_value *value)
{
    struct choice choice;
    switch (key->type) {
    case KEY_CHOICE:
        value->number = choice_get(key->choices, (size_t)value->number + 1, &choice)
                            ? value->number + 1
                            : value->number - 1;
        break;
    case KEY_REGIONS:
    case KEY_RANGES:
        value->regions = &one_region;
        value->count = 1;
        break;
    case KEY_BOOLEAN:
        value->number = !value->number;
        break;
    default:
        value->number ^= UINT64_C(1) << 13;
    }
    value->none = false;
}

/* Every key alone, from the defaults of every model: cells that differ in it share only if it is private. */
Test(configs_keys, every_key_alone_decides_whether_cells_share)
{
    struct loaded loaded =
        load_text(HEAD "sweep: {iommu.model: [amd-v1, intel-ss, smmu-s1]}\nharvest: {flush: leaf}\n", NULL);
    cr_assert(loaded.good);
    for (size_t c = 0; c < loaded.plan->cell_count; c++) {
        const struct cell_config *base = &loaded.plan->cells[c].config;
        for (size_t i = 0; i < key_count; i++) {
            const struct key *key = &key_table[i];
            struct cell_config other = *base;
            struct key_value value;
            cr_expect(config_same_tables(base, &other));
            key_load(key, base, &value);
            perturb(key, &value);
            cr_assert(key_store(key, &value, &other, NULL));
            bool same = is_private(key->name) || strcmp(key->name, "harvest.flush") == 0;
            cr_expect_eq(config_same_tables(base, &other), same, "%s", key->name);
            cr_expect_eq(config_same_tables(&other, base), same, "%s", key->name);
            cr_expect_eq(config_same_traffic(base, &other), keeps_traffic(key->name), "%s", key->name);
            if (other.mapping.regions != base->mapping.regions)
                free(other.mapping.regions);
            if (other.tracking.ranges != base->tracking.ranges)
                free(other.tracking.ranges);
        }
    }
    unload(&loaded);
}

Test(configs_keys, flush_is_private_but_for_none)
{
    struct loaded loaded =
        load_text(HEAD "sweep: {harvest.flush: [none, range, leaf, domain, global]}\n", NULL);
    cr_assert(loaded.good);
    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < 5; b++)
            cr_expect_eq(config_same_tables(&loaded.plan->cells[a].config, &loaded.plan->cells[b].config),
                         (a == 0) == (b == 0));
    unload(&loaded);
}

Test(configs_keys, regions_and_ranges_are_compared_by_content)
{
    static const char yaml[] =
        "schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: amd-v1}\nmapping: {source: static}\n"
        "sweep:\n  mapping.regions: [[{iova: 0, size: 1GiB}], [{iova: 0, size: 1GiB, address: 4KiB}]]\n"
        "  tracking.ranges: [none, [{iova: 0, size: 8KiB}], [{iova: 0, size: 4KiB}]]\n  seed: [1, 2]\n"
        "iotlb: {replacement: random}\n";
    struct loaded loaded = load_text(yaml, NULL);
    cr_assert(loaded.good);
    for (size_t a = 0; a < loaded.plan->cell_count; a++)
        for (size_t b = 0; b < loaded.plan->cell_count; b++)
            cr_expect_eq(config_same_tables(&loaded.plan->cells[a].config, &loaded.plan->cells[b].config),
                         a / 2 == b / 2);
    unload(&loaded);
}
