/* Which map calls the sources make before the first record (semantics.md 3). */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/state/page_set.h"

static const struct mapping_source *find(const char *name)
{
    size_t i = 0;
    while (mapping_sources[i] && strcmp(mapping_sources[i]->name, name) != 0)
        i++;
    cr_assert_not_null(mapping_sources[i]);
    return mapping_sources[i];
}

/* The source makes exactly `expected[count]` map calls when these pages are touched. */
static void expect_calls(const struct cell_config *config, const uint64_t *touched, size_t touched_count,
                         uint64_t limit, const struct config_region *expected, size_t count)
{
    struct page_set pages;
    cr_assert(page_set_init(&pages, false, NULL));
    struct config_region *calls;
    size_t call_count;
    for (size_t i = 0; i < touched_count; i++) {
        uint64_t time_ns = 0, iova = touched[i], bytes = 1, address = 0;
        uint16_t device = 0;
        uint8_t op = TRACE_WRITE;
        struct trace_batch batch = {1, 0, &time_ns, &iova, &bytes, &address, &device, &op};
        cr_assert(page_set_add_batch(&pages, &batch, NULL));
    }
    page_set_finish(&pages);
    cr_assert(config->mapping.source->map_calls(config, &pages, 0, limit - 1, &calls, &call_count, NULL));
    cr_assert_eq(call_count, count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(calls[i].iova, expected[i].iova, "%zu: %#llx", i, (unsigned long long)calls[i].iova);
        cr_expect_eq(calls[i].bytes, expected[i].bytes, "%zu: %#llx", i, (unsigned long long)calls[i].bytes);
        cr_expect_eq(calls[i].address, expected[i].address, "%zu: %#llx", i,
                     (unsigned long long)calls[i].address);
    }
    memory_free(calls);
    page_set_free(&pages);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(mapping, regions_are_mapped_under_static_and_trace)
{
    struct config_region regions[] = {{8192, 4096, 0}, {0, 4096, 0x7000}};
    const struct config_region ascending[] = {{0, 4096, 0x7000}, {8192, 4096, 0}};
    struct cell_config config = {.mapping = {.regions = regions, .region_count = 2}};
    config.mapping.source = find("static");
    cr_expect_not(config.mapping.source->follows_trace);
    expect_calls(&config, NULL, 0, 0, ascending, 2);
    config.mapping.source = find("trace");
    cr_expect(config.mapping.source->follows_trace && !config.mapping.source->needs_touched);
    expect_calls(&config, NULL, 0, 0, ascending, 2);
    config.mapping.region_count = 0;
    config.mapping.regions = NULL;
    expect_calls(&config, NULL, 0, 0, NULL, 0);
}

Test(mapping, touched_extents_join_and_are_cut)
{
    const uint64_t m = 1 << 20, top = UINT64_C(1) << 52;
    struct cell_config config = {.mapping = {.source = find("touched"), .extent_bytes = 3 * m}};
    /* Neighbours join; the width cuts a block that passes it and drops those beyond. */
    const uint64_t touched[] = {0, 5 * m, 12 * m, 15 * m, 40 * m};
    const struct config_region calls[] = {{0, 6 * m, 0}, {12 * m, 4 * m, 12 * m}};
    expect_calls(&config, touched, COUNT(touched), 16 * m, calls, COUNT(calls));
    const struct config_region narrow[] = {{0, 2 * m, 0}};
    expect_calls(&config, touched, COUNT(touched), 2 * m, narrow, 1);
    /* Output addresses begin anew at every multiple of 2^52, and the last block ends with the addresses. */
    config.mapping.extent_bytes = 2 * m;
    const uint64_t high[] = {top - 1, top, UINT64_MAX};
    const struct config_region split[] = {
        {top - 2 * m, 2 * m, top - 2 * m}, {top, 2 * m, 0}, {UINT64_MAX - 2 * m + 1, 2 * m, top - 2 * m}};
    expect_calls(&config, high, COUNT(high), 0, split, COUNT(split));
    config.mapping.extent_bytes = 3 * m;
    const uint64_t last[] = {UINT64_MAX};
    const struct config_region cut[] = {{UINT64_MAX - m + 1, m, top - m}};
    expect_calls(&config, last, 1, 0, cut, 1);
}
