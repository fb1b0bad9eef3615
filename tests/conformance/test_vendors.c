/* The enable table and range invalidations of each vendor (semantics.md 7), row by row from the CSV
 * files. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/rng.h"
#include "sim/iommu/iommu.h"
#include "table.h"

Test(vendors, toggle_rows)
{
    const struct table *table = table_read("toggle_rows.csv", 14);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct iommu_vendor *vendor = iommu_vendor_find(table_text(table, row, "vendor"));
        struct iommu_config config = {.per_entry = table_flag(table, row, "per_entry")};
        struct iommu_toggle toggle = vendor->toggle(&config, table_number(table, row, "devices", 10));
        table_expect(table, row, toggle.context_updates == table_number(table, row, "context_updates", 10));
        table_expect(table, row, toggle.commands == table_number(table, row, "commands", 10));
        table_expect(table, row, toggle.syncs == table_number(table, row, "syncs", 10));
        table_expect(table, row, toggle.drops_domain == table_flag(table, row, "drops_domain"));
    }
}

Test(vendors, flush_vectors)
{
    const struct table *table = table_read("flush_vectors.csv", 61);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct iommu_vendor *vendor = iommu_vendor_find(table_text(table, row, "vendor"));
        struct iommu_config config = {
            .ril = table_flag(table, row, "ril"),
            .mamv = (unsigned)table_number(table, row, "mamv", 10),
            .granule_lg2 = (unsigned)table_number(table, row, "granule_lg2", 10),
            .smallest_leaf_lg2 = (unsigned)table_number(table, row, "smallest_leaf_lg2", 10),
            .entries_per_table = table_number(table, row, "entries_per_table", 10),
        };
        struct iommu_flush flush = vendor->range(&config, table_number(table, row, "first", 16),
                                                 table_number(table, row, "last", 16));
        table_expect(table, row, flush.commands == table_number(table, row, "commands", 10));
        table_expect(table, row, flush.syncs == table_number(table, row, "syncs", 10));
        bool whole_domain = table_flag(table, row, "whole_domain");
        table_expect(table, row, flush.whole_domain == whole_domain);
        if (whole_domain)
            continue;
        table_expect(table, row, flush.first == table_number(table, row, "flush_first", 16));
        table_expect(table, row, flush.last == table_number(table, row, "flush_last", 16));
    }
}

/* semantics.md 7: only amd's address-based invalidations drop walk-cache pointers. */
Test(vendors, who_drops_pointers)
{
    size_t count = 0;
    for (; iommu_vendors[count]; count++) {
        const struct iommu_vendor *vendor = iommu_vendors[count];
        cr_expect_eq(vendor->address_flush_drops_pointers, strcmp(vendor->name, "amd") == 0, "%s",
                     vendor->name);
        cr_expect(vendor->summary[0], "%s", vendor->name);
    }
    cr_expect_geq(count, 3);
}

/* Whatever is asked for becomes invalid, on every vendor. */
Test(vendors, nothing_asked_for_survives)
{
    uint64_t stream = 3;
    for (unsigned n = 0; n < 20000; n++) {
        uint64_t first = rng_next(&stream) >> (rng_next(&stream) % 52) & ~UINT64_C(4095);
        uint64_t bytes = rng_next(&stream) >> (rng_next(&stream) % 52) & ~UINT64_C(4095);
        uint64_t last = bytes > UINT64_MAX - first ? UINT64_MAX : (first + bytes) | 4095;
        for (size_t i = 0; iommu_vendors[i]; i++) {
            struct iommu_config config = {.ril = n % 2,
                                          .mamv = n % 53,
                                          .granule_lg2 = 12,
                                          .smallest_leaf_lg2 = 12,
                                          .entries_per_table = 512};
            struct iommu_flush flush = iommu_vendors[i]->range(&config, first, last);
            cr_assert(flush.whole_domain || (flush.first <= first && flush.last >= last), "%s",
                      iommu_vendors[i]->name);
            cr_assert(flush.commands >= 1 && flush.syncs == 1, "%s", iommu_vendors[i]->name);
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
    uint64_t got_first = first, got_last = last, want_first = first, want_last = last;
    unsigned got = iommu_cover(&got_first, &got_last);
    unsigned want = cover_by_search(&want_first, &want_last);
    cr_assert(got == want && got_first == want_first && got_last == want_last,
              "[0x%jx, 0x%jx]: 2^%u at 0x%jx, not 2^%u at 0x%jx", (uintmax_t)first, (uintmax_t)last, got,
              (uintmax_t)got_first, want, (uintmax_t)want_first);
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
    uint64_t first = 0, last = UINT64_MAX;
    cr_expect_eq(iommu_cover(&first, &last), 64);
    first = UINT64_C(0x7fffffffffffffff);
    last = UINT64_C(0x8000000000000000);
    cr_expect_eq(iommu_cover(&first, &last), 64);
    cr_expect(first == 0 && last == UINT64_MAX);
}
