/* The enable table and range invalidations of each vendor (semantics.md 7), row by row from the CSV
 * files. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/iommu/iommu.h"
#include "table.h"

Test(vendors, toggle_rows)
{
    const struct table *table = table_read("toggle_rows.csv", 34);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct iommu_vendor *vendor = iommu_vendor_find(table_text(table, row, "vendor"));
        struct iommu_config config = {.per_entry = table_flag(table, row, "per_entry")};
        struct iommu_toggle toggle = vendor->toggle(&config, table_number(table, row, "devices", 10),
                                                    table_flag(table, row, "enable"));
        table_expect(table, row, toggle.context_updates == table_number(table, row, "context_updates", 10));
        table_expect(table, row, toggle.commands == table_number(table, row, "commands", 10));
        table_expect(table, row, toggle.syncs == table_number(table, row, "syncs", 10));
        table_expect(table, row, toggle.drops_domain == table_flag(table, row, "drops_domain"));
    }
}

static enum iommu_reason row_reason(const struct table *table, size_t row)
{
    const char *reason = table_text(table, row, "reason");
    if (strcmp(reason, "tables") == 0)
        return IOMMU_TABLES_GONE;
    cr_assert(strcmp(reason, "harvest") == 0 || strcmp(reason, "leaves") == 0, "%s:%u: reason %s",
              table->name, table->lines[row], reason);
    return strcmp(reason, "leaves") == 0 ? IOMMU_LEAVES_GONE : IOMMU_HARVEST;
}

static struct span row_span(const struct table *table, size_t row, const char *first, const char *last)
{
    return (struct span){table_number(table, row, first, 16), table_number(table, row, last, 16)};
}

Test(vendors, flush_vectors)
{
    const struct table *table = table_read("flush_vectors.csv", 86);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct iommu_vendor *vendor = iommu_vendor_find(table_text(table, row, "vendor"));
        struct iommu_config config = {
            .ril = table_flag(table, row, "ril"),
            .ril_pair = table_flag(table, row, "pair"),
            .pde_always = table_flag(table, row, "pde_always"),
            .mamv = (unsigned)table_number(table, row, "mamv", 10),
            .granule_lg2 = (unsigned)table_number(table, row, "granule_lg2", 10),
            .smallest_leaf_lg2 = (unsigned)table_number(table, row, "smallest_leaf_lg2", 10),
        };
        struct iommu_invalidation flush =
            vendor->range(&config, row_span(table, row, "first", "last"), row_reason(table, row));
        table_expect(table, row, flush.commands == table_number(table, row, "commands", 10));
        table_expect(table, row, flush.syncs == table_number(table, row, "syncs", 10));
        table_expect(table, row, flush.size_lg2_max == table_number(table, row, "size_lg2_max", 10));
        table_expect(table, row, flush.pointers == table_flag(table, row, "pointers"));
        bool whole_domain = table_flag(table, row, "whole_domain");
        table_expect(table, row, flush.whole_domain == whole_domain);
        if (whole_domain)
            continue;
        table_expect(table, row, flush.span.first == table_number(table, row, "flush_first", 16));
        table_expect(table, row, flush.span.last == table_number(table, row, "flush_last", 16));
    }
}

Test(vendors, amd_flush_v72)
{
    const struct table *table = table_read("amd_flush_v72.csv", 14);
    const struct iommu_vendor *vendor = iommu_vendor_find("amd");
    for (size_t row = 0; row < table->row_count; row++) {
        struct iommu_config config = {.pde_always = false};
        struct iommu_invalidation flush =
            vendor->range(&config, row_span(table, row, "first", "last"),
                          table_flag(table, row, "tables_freed") ? IOMMU_TABLES_GONE : IOMMU_HARVEST);
        table_expect(table, row, !flush.whole_domain && flush.commands == 1);
        table_expect(table, row, flush.span.first == table_number(table, row, "flush_first", 16));
        table_expect(table, row, flush.span.last == table_number(table, row, "flush_last", 16));
        table_expect(table, row,
                     flush.span.last - flush.span.first ==
                         (UINT64_C(1) << table_number(table, row, "size_lg2", 10)) - 1);
        table_expect(table, row, flush.size_lg2_max == table_number(table, row, "leaf_max_lg2", 10));
        table_expect(table, row, flush.pointers == table_flag(table, row, "pde"));
        if (flush.pointers)
            table_expect(table, row, flush.size_lg2_max == table_number(table, row, "pointer_max_lg2", 10));
        else
            table_expect(table, row, strcmp(table_text(table, row, "pointer_max_lg2"), "none") == 0);
    }
}

Test(vendors, riscv_flush_v72)
{
    const struct table *table = table_read("riscv_flush_v72.csv", 12);
    const struct iommu_vendor *vendor = iommu_vendor_find("riscv");
    for (size_t row = 0; row < table->row_count; row++) {
        unsigned lg2 = 12 + 9 * (unsigned)table_number(table, row, "leaf_level", 10);
        struct iommu_config config = {.smallest_leaf_lg2 = lg2};
        uint64_t first = UINT64_C(1) << 40;
        struct span span = {first, first + table_number(table, row, "bytes", 10) - 1};
        struct iommu_invalidation flush = vendor->range(
            &config, span, table_flag(table, row, "tables_freed") ? IOMMU_TABLES_GONE : IOMMU_LEAVES_GONE);
        table_expect(table, row, flush.commands == table_number(table, row, "commands", 10));
        table_expect(table, row, flush.whole_domain == table_flag(table, row, "whole_domain"));
    }
}

Test(vendors, smmu_ril_cut)
{
    const struct table *table = table_read("smmu_ril_cut.csv", 36);
    const struct iommu_vendor *vendor = iommu_vendor_find("smmu");
    for (size_t row = 0; row < table->row_count; row++)
        for (unsigned granule_lg2 = 12; granule_lg2 <= 16; granule_lg2 += 2) {
            uint64_t bytes = table_number(table, row, "granules", 10) << granule_lg2;
            struct span span = {bytes, bytes + bytes - 1};
            struct iommu_config config = {.ril = true, .granule_lg2 = granule_lg2};
            struct iommu_invalidation loop = vendor->range(&config, span, IOMMU_HARVEST);
            config.ril_pair = true;
            struct iommu_invalidation pair = vendor->range(&config, span, IOMMU_HARVEST);
            table_expect(table, row, loop.commands == table_number(table, row, "loop_commands", 10));
            table_expect(table, row, pair.commands == table_number(table, row, "pair_commands", 10));
            table_expect(table, row, pair.span.first == span.first && pair.span.last == span.last);
        }
}

/* One command, exactly the leaf; the sync is the caller's. Only amd has a size rule and may drop pointers. */
Test(vendors, leaf_is_exactly_the_leaf)
{
    size_t count = 0;
    for (; iommu_vendors[count]; count++)
        for (unsigned lg2 = 12; lg2 <= 51; lg2++)
            for (unsigned n = 0; n < 2; n++) {
                const struct iommu_vendor *vendor = iommu_vendors[count];
                bool amd = strcmp(vendor->name, "amd") == 0;
                struct iommu_config config = {
                    .pde_always = n, .granule_lg2 = 12, .smallest_leaf_lg2 = 12, .ril = n};
                uint64_t bytes = UINT64_C(1) << lg2;
                struct span leaf = {5 * bytes, 6 * bytes - 1};
                struct iommu_invalidation flush = vendor->leaf(&config, leaf);
                cr_expect(flush.commands == 1 && flush.syncs == 0 && !flush.whole_domain, "%s", vendor->name);
                cr_expect(flush.span.first == leaf.first && flush.span.last == leaf.last, "%s", vendor->name);
                cr_expect_eq(flush.size_lg2_max, amd ? lg2 : 64, "%s", vendor->name);
                cr_expect_eq(flush.pointers, amd && n, "%s", vendor->name);
            }
    cr_expect_geq(count, 4);
}

Test(vendors, domain)
{
    struct iommu_invalidation domain = iommu_domain();
    cr_expect(domain.whole_domain && domain.pointers && domain.commands == 1 && domain.syncs == 1);
}

Test(vendors, describe_themselves)
{
    for (size_t i = 0; iommu_vendors[i]; i++)
        cr_expect(iommu_vendors[i]->summary[0], "%s", iommu_vendors[i]->name);
}

/* Whatever is asked for becomes invalid, on every vendor, and no leaf inside is too large for it; pointers go
 * when tables did. */
Test(vendors, nothing_asked_for_survives)
{
    uint64_t stream = 3;
    for (unsigned n = 0; n < 20000; n++) {
        uint64_t first = rng_next(&stream) >> (rng_next(&stream) % 52) & ~UINT64_C(4095);
        uint64_t bytes = rng_next(&stream) >> (rng_next(&stream) % 52) & ~UINT64_C(4095);
        struct span span = {first, bytes > UINT64_MAX - first ? UINT64_MAX : (first + bytes) | 4095};
        for (size_t i = 0; iommu_vendors[i]; i++) {
            const char *name = iommu_vendors[i]->name;
            struct iommu_config config = {.ril = n % 2,
                                          .ril_pair = n / 2 % 2,
                                          .pde_always = n / 4 % 2,
                                          .mamv = n % 53,
                                          .granule_lg2 = 12,
                                          .smallest_leaf_lg2 = 12};
            enum iommu_reason reason = (enum iommu_reason)(n % 3);
            struct iommu_invalidation flush = iommu_vendors[i]->range(&config, span, reason);
            cr_assert(flush.span.first <= span.first && flush.span.last >= span.last, "%s", name);
            cr_assert(flush.size_lg2_max == 64 || (span.last - span.first) >> (flush.size_lg2_max - 1) <= 1,
                      "%s", name);
            cr_assert(flush.commands >= 1 && flush.syncs == 1, "%s", name);
            cr_assert(flush.pointers || reason != IOMMU_TABLES_GONE, "%s", name);
            cr_assert(!flush.pointers || reason == IOMMU_TABLES_GONE || flush.whole_domain ||
                          config.pde_always,
                      "%s", name);
        }
    }
}

/* Try every aligned power-of-two block, smallest first. */
static unsigned cover_by_search(uint64_t *first, uint64_t *last)
{
    for (unsigned lg2 = 0; lg2 < 64; lg2++) {
        uint64_t bytes = UINT64_C(1) << lg2, start = *first / bytes * bytes;
        if (*last - start < bytes) {
            *first = start;
            *last = start + (bytes - 1);
            return lg2;
        }
    }
    *first = 0;
    *last = UINT64_MAX;
    return 64;
}

static void check_cover(uint64_t first, uint64_t last)
{
    uint64_t want_first = first, want_last = last;
    unsigned got;
    struct span cover = iommu_cover((struct span){first, last}, &got);
    unsigned want = cover_by_search(&want_first, &want_last);
    cr_assert(got == want && cover.first == want_first && cover.last == want_last,
              "[0x%jx, 0x%jx]: 2^%u at 0x%jx, not 2^%u at 0x%jx", (uintmax_t)first, (uintmax_t)last, got,
              (uintmax_t)cover.first, want, (uintmax_t)want_first);
}

Test(vendors, cover_is_the_smallest_aligned_block)
{
    for (uint64_t first = 0; first < 200; first++)
        for (uint64_t last = first; last < 200; last++) {
            check_cover(first, last);
            check_cover(UINT64_MAX - last, UINT64_MAX - first);
            check_cover(first << 30, (last << 30) | 0x3fffffff);
        }
    for (unsigned a = 0; a < 64; a++)
        for (unsigned b = a; b < 64; b++) {
            check_cover(UINT64_C(1) << a, UINT64_C(1) << b);
            check_cover((UINT64_C(1) << a) - 1, UINT64_C(1) << b);
            check_cover((UINT64_C(1) << a) - 1, UINT64_MAX);
        }
    check_cover(0, UINT64_MAX);
    check_cover(UINT64_MAX, UINT64_MAX);
    unsigned lg2;
    struct span cover = iommu_cover((struct span){0, UINT64_MAX}, &lg2);
    cr_expect(lg2 == 64 && cover.first == 0 && cover.last == UINT64_MAX);
    cover = iommu_cover((struct span){UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000)}, NULL);
    cr_expect(cover.first == 0 && cover.last == UINT64_MAX);
}
