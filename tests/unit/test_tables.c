/* sim/pt/tables.h: what Linux's page-table code did in the same places, and what tables cost. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/pt/tables.h"

#define BIT(n) (UINT64_C(1) << (n))

enum { K = 1 << 10, M = 1 << 20, G = 1 << 30 };

static const struct tables_birth born_clean = {.leaf = {LEAF_WRITABLE, LEAF_WRITABLE}};

/* Tables as the formats have them; leaves may be of all sizes that one entry holds, and of `more`. */
static struct tables *tables_of(unsigned levels, unsigned granule_lg2, unsigned leaf_levels, uint64_t more,
                                bool frees_blocks_only)
{
    unsigned index_bits = granule_lg2 - 3, bits = granule_lg2 + index_bits * levels;
    struct pt_geometry geometry = {.levels = levels,
                                   .granule_lg2 = granule_lg2,
                                   .index_bits = index_bits,
                                   .iova_bits = bits > 48 && granule_lg2 > 12 ? 48 : bits,
                                   .output_bits = 52,
                                   .table_bytes = BIT(granule_lg2),
                                   .root_bytes = BIT(granule_lg2)};
    for (unsigned level = 0; level < leaf_levels; level++)
        geometry.plain_sizes |= BIT(pt_entry_lg2(&geometry, level));
    geometry.sizes = geometry.plain_sizes | more;
    struct tables *tables = tables_new(&geometry, geometry.sizes, FREE_COVERED, frees_blocks_only, NULL);
    cr_assert_not_null(tables);
    return tables;
}

/* One map call that no leaf larger than 2^lg2 bytes fits into. */
static void map(struct tables *tables, uint64_t first, uint64_t bytes, unsigned lg2)
{
    struct tables_change change = {0};
    uint64_t address = first + BIT(lg2);
    cr_assert(
        tables_map(tables, (struct span){first, first + bytes - 1}, address, &born_clean, &change, NULL));
    tables_change_free(&change);
}

/* ---- unmaps: flush calls as recorded from the kernel ---- */

struct unmap_row {
    const char *name;
    struct {
        uint64_t first, bytes;
        unsigned lg2; /* of the leaves */
    } maps[3];
    uint64_t tables_freed;
    const char *smmu; /* each flush */
    const char *hull; /* amd and vtd: the one flush */
};

static const struct unmap_row unmap_rows[] = {
    {"4 pages", {{0, 16 * K, 12}}, 0, "0x0..0x3fff", "0x0..0x3fff"},
    {"one 2M leaf", {{0, 2 * M, 21}}, 0, "0x0..0x1fffff", "0x0..0x1fffff"},
    {"4 pages + 2M leaf + 4 pages",
     {{2 * M - 16 * K, 16 * K, 12}, {2 * M, 2 * M, 21}, {4 * M, 16 * K, 12}},
     0,
     "0x1fc000..0x1fffff 0x200000..0x3fffff 0x400000..0x403fff",
     "0x1fc000..0x403fff"},
    {"full table of pages (2M)", {{0, 2 * M, 12}}, 1, "0x0..0x1fffff 0x0..0x1fffff", "0x0..0x1fffff"},
    {"full table of pages + 2M leaf",
     {{0, 2 * M, 12}, {2 * M, 2 * M, 21}},
     1,
     "0x0..0x1fffff 0x0..0x3fffff",
     "0x0..0x3fffff"},
    {"3 full tables of pages",
     {{0, 6 * M, 12}},
     3,
     "0x0..0x1fffff 0x200000..0x3fffff 0x400000..0x5fffff 0x0..0x5fffff",
     "0x0..0x5fffff"},
    {"half table, full table, half table",
     {{M, 4 * M, 12}},
     1,
     "0x200000..0x3fffff 0x100000..0x1fffff 0x200000..0x3fffff 0x400000..0x4fffff",
     "0x100000..0x4fffff"},
    {"8 x 2M leaves", {{0, 16 * M, 21}}, 0, "0x0..0xffffff", "0x0..0xffffff"},
    {"1G of 2M leaves", {{0, G, 21}}, 1, "0x0..0x3fffffff 0x0..0x3fffffff", "0x0..0x3fffffff"},
    {"1G leaf then 2M leaf", {{0, G, 30}, {G, 2 * M, 21}}, 0, NULL, "0x0..0x401fffff"},
};

static void print_spans(char *text, size_t bytes, const struct iommu_gone *gone, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, bytes - used, "%s0x%" PRIx64 "..0x%" PRIx64, used ? " " : "",
                 gone[i].span.first, gone[i].span.last);
    }
}

static void check_unmap(const struct unmap_row *row, bool smmu)
{
    struct tables *tables = tables_of(4, 12, 3, 0, smmu);
    struct tables_change change = {0};
    char text[512] = "";
    struct span request = {row->maps[0].first, 0};
    for (unsigned i = 0; i < 3 && row->maps[i].bytes > 0; i++) {
        map(tables, row->maps[i].first, row->maps[i].bytes, row->maps[i].lg2);
        request.last = row->maps[i].first + row->maps[i].bytes - 1;
    }
    uint64_t before = tables_count(tables)->tables;
    cr_assert(tables_unmap(tables, request, &change, NULL));
    cr_assert_eq(before - tables_count(tables)->tables, row->tables_freed, "%s", row->name);
    if (smmu) {
        print_spans(text, sizeof text, change.tables, change.table_count);
        print_spans(text, sizeof text, change.leaves, change.leaf_count);
    } else {
        print_spans(text, sizeof text, &(struct iommu_gone){change.hull, 0}, 1);
    }
    cr_assert_str_eq(text, smmu ? row->smmu : row->hull, "%s", row->name);
    tables_change_free(&change);
    tables_free(tables);
}

Test(tables, unmaps_flush_what_linux_flushed)
{
    for (size_t i = 0; i < sizeof unmap_rows / sizeof *unmap_rows; i++) {
        check_unmap(&unmap_rows[i], false);
        if (unmap_rows[i].smmu)
            check_unmap(&unmap_rows[i], true);
    }
}

/* ---- scans: slots and tables, the columns semantics_scanned and semantics_tables ---- */

/* The window is the hull of the pieces unless it is given; everything in entries of a level, or in leaves. */
struct scan_row {
    const char *name;
    unsigned levels, granule_lg2, leaf_levels;
    unsigned leaf_lg2;
    struct {
        uint64_t leaf, count;
    } pieces[2];
    uint64_t window_4k, window_pages; /* in granules; 0 pages: the hull */
    uint64_t entries, tables;
};

static const struct scan_row scan_rows[] = {
    /* amd-plain, vtd4, s1-4k, s2-4k */
    {"one page", 4, 12, 3, 12, {{7, 1}}, 0, 0, 4, 4},
    {"full table of pages", 4, 12, 3, 12, {{512, 512}}, 0, 0, 515, 4},
    {"half of a table", 4, 12, 3, 12, {{512, 512}}, 512 + 128, 128, 131, 4},
    {"table and a half, window across", 4, 12, 3, 12, {{512, 1024}}, 512 + 256, 512, 516, 5},
    {"one block", 4, 12, 3, 21, {{3, 1}}, 0, 0, 3, 3},
    {"32 blocks", 4, 12, 3, 21, {{32, 32}}, 0, 0, 34, 3},
    {"page, hole, page in one table", 4, 12, 3, 12, {{16, 1}, {24, 1}}, 0, 0, 12, 4},
    {"block, hole of 5 blocks, block", 4, 12, 3, 21, {{8, 1}, {14, 1}}, 0, 0, 9, 3},
    {"pages behind a hole of a table", 4, 12, 3, 12, {{0, 1}, {1025, 1}}, 0, 0, 519, 5},
    {"two 1G leaves", 4, 12, 3, 30, {{2, 2}}, 0, 0, 3, 2},
    {"window inside a block", 4, 12, 3, 21, {{3, 1}}, 3 * 512 + 5, 9, 3, 3},
    /* vtd3, vtd5 */
    {"one page", 3, 12, 2, 12, {{7, 1}}, 0, 0, 3, 3},
    {"table and a half, window across", 3, 12, 2, 12, {{512, 1024}}, 512 + 256, 512, 515, 4},
    {"pages behind a hole of a table", 3, 12, 2, 12, {{0, 1}, {1025, 1}}, 0, 0, 518, 4},
    {"32 blocks", 5, 12, 3, 21, {{32, 32}}, 0, 0, 35, 4},
    {"two 1G leaves", 5, 12, 3, 30, {{2, 2}}, 0, 0, 4, 3},
    {"pages behind a hole of a table", 5, 12, 3, 12, {{0, 1}, {1025, 1}}, 0, 0, 520, 6},
    /* s1-16k, s1-64k */
    {"full table of pages", 4, 14, 2, 14, {{2048, 2048}}, 0, 0, 2051, 4},
    {"half of a table", 4, 14, 2, 14, {{2048, 2048}}, 2048 + 512, 512, 515, 4},
    {"table and a half, window across", 4, 14, 2, 14, {{2048, 4096}}, 2048 + 1024, 2048, 2052, 5},
    {"pages behind a hole of a table", 4, 14, 2, 14, {{0, 1}, {4097, 1}}, 0, 0, 2055, 5},
    {"32 blocks", 4, 14, 2, 25, {{32, 32}}, 0, 0, 34, 3},
    {"full table of pages", 3, 16, 2, 16, {{8192, 8192}}, 0, 0, 8194, 3},
    {"table and a half, window across", 3, 16, 2, 16, {{8192, 16384}}, 8192 + 4096, 8192, 8195, 4},
    {"pages behind a hole of a table", 3, 16, 2, 16, {{0, 1}, {16385, 1}}, 0, 0, 8198, 4},
    {"block, hole of 5 blocks, block", 3, 16, 2, 29, {{8, 1}, {14, 1}}, 0, 0, 8, 2},
    /* amd-all */
    {"one 16K leaf", 4, 12, 3, 14, {{5, 1}}, 0, 0, 7, 4},
    {"4 x 16K leaves", 4, 12, 3, 14, {{8, 4}}, 0, 0, 19, 4},
    {"one 16K leaf, window on the 2nd item", 4, 12, 3, 14, {{5, 1}}, 21, 1, 4, 4},
    {"one 64K leaf", 4, 12, 3, 16, {{5, 1}}, 0, 0, 19, 4},
    {"one 1M leaf", 4, 12, 3, 20, {{5, 1}}, 0, 0, 259, 4},
    {"4 x 1M leaves", 4, 12, 3, 20, {{8, 4}}, 0, 0, 1028, 5},
    {"one 4M leaf", 4, 12, 3, 22, {{5, 1}}, 0, 0, 4, 3},
    {"4 x 4M leaves", 4, 12, 3, 22, {{5, 4}}, 0, 0, 10, 3},
    {"one 4M leaf, window on the 2nd item", 4, 12, 3, 22, {{5, 1}}, 11 * 512, 512, 3, 3},
    {"4 x 64M leaves", 4, 12, 3, 26, {{4, 4}}, 0, 0, 130, 3},
    {"4 x 512M leaves", 4, 12, 3, 29, {{4, 4}}, 0, 0, 1027, 4},
};

Test(tables, scans_count_what_linux_visited)
{
    for (size_t i = 0; i < sizeof scan_rows / sizeof *scan_rows; i++) {
        const struct scan_row *row = &scan_rows[i];
        struct tables *tables =
            tables_of(row->levels, row->granule_lg2, row->leaf_levels, BIT(row->leaf_lg2), false);
        struct span window = {row->pieces[0].leaf << row->leaf_lg2, 0};
        for (unsigned n = 0; n < 2 && row->pieces[n].count > 0; n++) {
            uint64_t first = row->pieces[n].leaf << row->leaf_lg2,
                     bytes = row->pieces[n].count << row->leaf_lg2;
            map(tables, first, bytes, row->leaf_lg2);
            window.last = first + bytes - 1;
        }
        uint64_t entries = 0, table_count = 0;
        if (row->pieces[1].count == 0 && row->window_pages == 0) {
            cr_assert_eq(tables_count(tables)->scan_entries, row->entries, "%s", row->name);
            cr_assert_eq(tables_count(tables)->scan_tables, row->tables, "%s", row->name);
        }
        if (row->window_pages > 0)
            window = (struct span){row->window_4k << row->granule_lg2,
                                   ((row->window_4k + row->window_pages) << row->granule_lg2) - 1};
        tables_scan(tables, window, &entries, &table_count);
        cr_assert_eq(entries, row->entries, "%s: %" PRIu64, row->name, entries);
        cr_assert_eq(table_count, row->tables, "%s: %" PRIu64, row->name, table_count);
        tables_free(tables);
    }
}

/* ---- cases of semantics.md 3 that are easily got wrong ---- */

Test(tables, empty_tables_give_way_to_a_leaf)
{
    struct tables *tables = tables_of(4, 12, 3, BIT(22), false);
    struct tables_change change = {0};
    map(tables, 0, 4 * M, 12);
    cr_assert_eq(tables_count(tables)->tables, 5);
    for (unsigned i = 0; i < 4; i++) /* piecemeal: both tables stay */
        cr_assert(
            tables_unmap(tables, (struct span){i * (uint64_t)M, (i + 1) * (uint64_t)M - 1}, &change, NULL));
    cr_assert_eq(tables_count(tables)->tables, 5);
    cr_assert_eq(tables_terminal_level(tables, M), 0);
    cr_assert(tables_map(tables, (struct span){0, 4 * M - 1}, 0, &born_clean, &change, NULL));
    cr_assert_eq(tables_count(tables)->tables, 3);
    cr_assert_eq(change.table_count, 2);
    cr_assert(change.hull.first == 0 && change.hull.last == 4 * M - 1);
    cr_assert(change.tables[1].span.first == 2 * M && change.tables[1].entry_lg2 == 21);
    tables_change_free(&change);
    tables_free(tables);
}

Test(tables, unmap_of_nothing_frees_nothing)
{
    struct tables *tables = tables_of(4, 12, 3, 0, false);
    struct tables_change change = {0};
    map(tables, 0, 8 * K, 12);
    cr_assert(tables_unmap(tables, (struct span){0, 4 * K - 1}, &change, NULL));
    cr_assert(tables_unmap(tables, (struct span){4 * K, 8 * K - 1}, &change, NULL));
    cr_assert(tables_unmap(tables, (struct span){0, G - 1}, &change, NULL));
    cr_assert(change.leaves_count == 0 && change.table_count == 0);
    cr_assert_eq(tables_count(tables)->tables, 4);
    tables_change_free(&change);
    tables_free(tables);
}

/* ---- memory ---- */

static bool change_much(struct tables *tables, struct tables_change *change, struct error *error)
{
    for (uint64_t i = 0; i < 40; i++) {
        struct span span = {i * 6 * M, i * 6 * M + 2 * M + 8 * K - 1};
        if (!tables_map(tables, span, i * 4 * K, &born_clean, change, error) ||
            !tables_change_leaves(tables, (struct span){span.first + 4 * K, span.first + 12 * K}, 0,
                                  LEAF_DIRTY, false, error) ||
            !tables_unmap(tables, (struct span){span.first + M, span.first + M + 4 * K}, change, error) ||
            (i % 3 == 0 && !tables_unmap(tables, span, change, error)))
            return false;
    }
    struct tables *copy = tables_copy(tables, error);
    tables_free(copy);
    return copy != NULL;
}

Test(tables, every_lack_of_memory_is_an_error)
{
    uint64_t used = memory_used(), limit = memory_limit_get();
    bool done = false;
    unsigned failures = 0;
    for (uint64_t bytes = 64; !done; bytes += 64) {
        struct error error = {0};
        struct tables_change change = {0};
        memory_limit_set(used + bytes);
        struct pt_geometry geometry = {.levels = 4,
                                       .granule_lg2 = 12,
                                       .index_bits = 9,
                                       .iova_bits = 48,
                                       .table_bytes = 4096,
                                       .root_bytes = 4096,
                                       .sizes = BIT(12) | BIT(21),
                                       .plain_sizes = BIT(12) | BIT(21)};
        struct tables *tables = tables_new(&geometry, geometry.sizes, FREE_COVERED, false, &error);
        done = tables && change_much(tables, &change, &error);
        cr_assert(done || error.kind == ERROR_MEMORY);
        failures += !done;
        tables_free(tables);
        tables_change_free(&change);
        cr_assert_eq(memory_used(), used);
    }
    memory_limit_set(limit);
    cr_assert_gt(failures, 20);
}

Test(tables, a_million_mappings_cost_less_than_200_bytes_each)
{
    uint64_t used = memory_used();
    struct tables *tables = tables_of(4, 12, 3, 0, false);
    struct tables_change change = {0};
    for (uint64_t i = 0; i < M; i++) {
        uint64_t first = (i * 0x9e375 % M) * 8 * K;
        cr_assert(
            tables_map(tables, (struct span){first, first + 4 * K - 1}, first, &born_clean, &change, NULL));
    }
    cr_assert_eq(tables_mapped_runs(tables), M);
    cr_log_info("%" PRIu64 " bytes for each of a million mappings", (memory_used() - used) / M);
    cr_assert_lt(memory_used() - used, UINT64_C(200) * M);
    tables_change_free(&change);
    tables_free(tables);
    cr_assert_eq(memory_used(), used);
}

/* ---- speed: printed with --verbose, not judged ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

Test(tables, mapping_64_tib_makes_one_run)
{
    const uint64_t step = UINT64_C(16) * M;
    struct tables *tables = tables_of(4, 12, 3, 0, false);
    struct tables_change change = {0};
    double start = seconds();
    for (uint64_t at = 0; at < BIT(46); at += step)
        cr_assert(
            tables_map(tables, (struct span){at, at + step - 1}, at + 4 * K, &born_clean, &change, NULL));
    double middle = seconds();
    const struct leaf_run *run = tables_lower(tables, 0);
    cr_assert(run->span.first == 0 && run->span.last == BIT(46) - 1 && !tables_next(run));
    cr_assert_eq(tables_count(tables)->leaves, BIT(34));
    for (uint64_t at = 0; at < BIT(46); at += step)
        cr_assert(tables_unmap(tables, (struct span){at, at + step - 1}, &change, NULL));
    double calls = (double)(BIT(46) / (step));
    cr_log_info("64 TiB in steps of 16 MiB: %.1f ns a map, %.1f ns an unmap", 1e9 * (middle - start) / calls,
                1e9 * (seconds() - middle) / calls);
    /* The tables of 1 GiB and 512 GiB were emptied piecemeal and stay. */
    cr_assert_eq(tables_count(tables)->tables, 1 + BIT(16) + BIT(7));
    tables_change_free(&change);
    tables_free(tables);
}

Test(tables, churn_of_pages)
{
    enum { SLOTS = 2000, CALLS = 2000000 };
    static bool mapped[SLOTS];
    struct tables *tables = tables_of(4, 12, 3, 0, false);
    struct tables_change change = {0};
    uint64_t random = 1;
    double start = seconds();
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned slot = (unsigned)(rng_next(&random) % SLOTS);
        struct span span = {slot * UINT64_C(20480), slot * UINT64_C(20480) + 4 * K - 1};
        cr_assert(mapped[slot] ? tables_unmap(tables, span, &change, NULL)
                               : tables_map(tables, span, span.first, &born_clean, &change, NULL));
        mapped[slot] = !mapped[slot];
    }
    cr_log_info("churn over %" PRIu64 " runs: %.1f ns a call", tables_mapped_runs(tables),
                1e9 * (seconds() - start) / CALLS);
    tables_change_free(&change);
    tables_free(tables);
}
