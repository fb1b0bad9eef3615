/* What is flushed after an unmap, or after a map that met empty tables (semantics.md 7). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sim/iommu/iommu.h"
#include "table.h"

enum { LIST_MAX = 8 };

struct flushes {
    struct iommu_invalidation list[LIST_MAX];
    size_t count;
};

static void emit(void *context, const struct iommu_invalidation *invalidation)
{
    struct flushes *flushes = context;
    cr_assert(flushes->count < LIST_MAX);
    flushes->list[flushes->count++] = *invalidation;
}

static struct flushes flushes_of(const char *vendor, const struct iommu_config *config,
                                 const struct iommu_change *change)
{
    struct flushes flushes = {.count = 0};
    iommu_vendor_find(vendor)->change(config, change, emit, &flushes);
    return flushes;
}

/* "first..last" or "first..last:entry_lg2", hexadecimal but for the size, separated by spaces. */
static size_t parse_spans(const char *text, struct iommu_gone list[LIST_MAX])
{
    size_t count = 0;
    while (*text) {
        char *end;
        cr_assert(count < LIST_MAX);
        list[count].span.first = strtoull(text, &end, 16);
        cr_assert(strncmp(end, "..", 2) == 0);
        list[count].span.last = strtoull(end + 2, &end, 16);
        list[count].entry_lg2 = *end == ':' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
        count++;
        cr_assert(*end == ' ' || *end == '\0');
        text = *end ? end + 1 : end;
    }
    return count;
}

static struct span hull_of(const struct iommu_gone *list, size_t count)
{
    cr_assert(count > 0);
    return (struct span){list[0].span.first, list[count - 1].span.last};
}

static bool spans_equal(struct span a, struct span b)
{
    return a.first == b.first && a.last == b.last;
}

/* The kernel names the bytes; a vendor that flushes blocks flushes the block around them. */
Test(changes, kernel_unmap_flushes)
{
    const struct table *table = table_read("kernel_unmap_flushes.csv", 30);
    for (size_t row = 0; row < table->row_count; row++) {
        const char *vendor = table_text(table, row, "vendor");
        bool exact = strcmp(vendor, "smmu") == 0;
        struct iommu_gone leaves[LIST_MAX], tables[LIST_MAX], ranges[LIST_MAX];
        struct iommu_change change = {.leaves = leaves, .tables = tables};
        change.leaf_count = parse_spans(table_text(table, row, "leaves"), leaves);
        change.table_count = parse_spans(table_text(table, row, "tables"), tables);
        change.hull = hull_of(leaves, change.leaf_count);
        size_t range_count = parse_spans(table_text(table, row, "ranges"), ranges);
        struct iommu_config config = {.ril = true, .mamv = 52, .granule_lg2 = 12, .smallest_leaf_lg2 = 12};
        struct flushes flushes = flushes_of(vendor, &config, &change);
        table_expect(table, row, flushes.count == table_number(table, row, "flushes", 10));
        cr_assert_eq(flushes.count, range_count, "%s:%u", table->name, table->lines[row]);
        for (size_t i = 0; i < flushes.count; i++) {
            const struct iommu_invalidation *flush = &flushes.list[i];
            struct span expected = exact ? ranges[i].span : iommu_cover(ranges[i].span, NULL);
            table_expect(table, row, !flush->whole_domain && spans_equal(flush->span, expected));
            table_expect(table, row, flush->syncs == 1 && flush->commands >= 1);
            bool tables_go = exact ? i < change.table_count : change.table_count > 0;
            table_expect(table, row, flush->pointers == tables_go);
        }
    }
}

/* Without range commands a run counts blocks of its own size, a table counts granules. */
Test(changes, smmu_without_ril)
{
    struct iommu_gone leaves[] = {
        {{0x1fc000, 0x1fffff}, 12}, {{0x200000, 0x7fffff}, 21}, {{0x800000, 0x9fefff}, 12}};
    struct iommu_gone tables[] = {{{0x200000, 0x3fffff}, 21}};
    struct iommu_change change = {.hull = {0x1fc000, 0x9fefff}, .leaves = leaves, .leaf_count = 3};
    struct iommu_config config = {.granule_lg2 = 12, .smallest_leaf_lg2 = 12};
    struct flushes flushes = flushes_of("smmu", &config, &change);
    cr_assert_eq(flushes.count, 3);
    static const uint64_t commands[] = {4, 3, 511};
    for (size_t i = 0; i < flushes.count; i++) {
        cr_expect_eq(flushes.list[i].commands, commands[i], "%zu", i);
        cr_expect(spans_equal(flushes.list[i].span, leaves[i].span), "%zu", i);
        cr_expect_not(flushes.list[i].pointers || flushes.list[i].whole_domain, "%zu", i);
    }
    change.tables = tables;
    change.table_count = 1;
    leaves[2].span.last = 0x9fffff;
    flushes = flushes_of("smmu", &config, &change);
    cr_assert_eq(flushes.count, 4);
    cr_expect(flushes.list[0].whole_domain && flushes.list[0].pointers, "2 MiB are 512 granules");
    cr_expect_eq(flushes.list[2].commands, 3);
    cr_expect(flushes.list[3].whole_domain, "512 pages are too many");
}

/* A map call freed two empty tables: no leaves went. */
Test(changes, tables_freed_by_a_map)
{
    struct iommu_gone tables[] = {{{0x200000, 0x3fffff}, 21}, {{0x800000, 0x9fffff}, 21}};
    struct iommu_change change = {.hull = {0x200000, 0x9fffff}, .tables = tables, .table_count = 2};
    struct iommu_config config = {.ril = true, .mamv = 18, .granule_lg2 = 12, .smallest_leaf_lg2 = 21};
    struct flushes flushes = flushes_of("smmu", &config, &change);
    cr_assert_eq(flushes.count, 2);
    for (size_t i = 0; i < 2; i++)
        cr_expect(spans_equal(flushes.list[i].span, tables[i].span) && flushes.list[i].pointers);
    flushes = flushes_of("intel", &config, &change);
    cr_expect(flushes.count == 1 && flushes.list[0].pointers && !flushes.list[0].whole_domain);
    cr_expect(spans_equal(flushes.list[0].span, (struct span){0, 0xffffff}));
    flushes = flushes_of("amd", &config, &change);
    cr_expect(flushes.count == 1 && flushes.list[0].pointers && flushes.list[0].size_lg2_max == 24);
    flushes = flushes_of("riscv", &config, &change);
    cr_expect(flushes.count == 1 && flushes.list[0].whole_domain && flushes.list[0].commands == 1);
}

/* The hull, which is the record's range where that is wider, decides on riscv and x86. */
Test(changes, one_flush_over_the_hull)
{
    struct iommu_gone leaves[] = {{{0x3000, 0x3fff}, 12}};
    struct iommu_change change = {.hull = {0x1000, 0x4fff}, .leaves = leaves, .leaf_count = 1};
    struct iommu_config config = {.pde_always = true, .smallest_leaf_lg2 = 12};
    struct flushes flushes = flushes_of("riscv", &config, &change);
    cr_expect(flushes.count == 1 && flushes.list[0].commands == 4 && !flushes.list[0].pointers);
    cr_expect(spans_equal(flushes.list[0].span, change.hull));
    flushes = flushes_of("amd", &config, &change);
    cr_expect(flushes.count == 1 && flushes.list[0].size_lg2_max == 15 && flushes.list[0].pointers);
    config.pde_always = false;
    flushes = flushes_of("amd", &config, &change);
    cr_expect(flushes.count == 1 && !flushes.list[0].pointers);
    flushes = flushes_of("intel", &config, &change);
    cr_expect(flushes.count == 1 && flushes.list[0].whole_domain, "MAMV 0 is a page");
}
