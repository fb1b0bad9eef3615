/* What devices log: blocks once per device, in order, across sorting and draining. */
#include <criterion/criterion.h>

#include "sim/state/device_log.h"

#define MIB (UINT64_C(1) << 20)

static void write_at(struct device_log *log, uint32_t domain, uint16_t device, uint64_t iova)
{
    struct device_log_row *row = device_log_row(log, domain, device, iova);
    cr_assert_not_null(row);
    device_log_add(row, device_log_block(log, iova));
}

static struct span_list blocks_of(struct device_log *log, uint32_t domain)
{
    struct span_list blocks = {0};
    struct error error = {0};
    cr_assert(device_log_sort(log, &error));
    size_t at = device_log_lower(log, domain);
    cr_assert(device_log_blocks(log, domain, &at, &blocks, &error));
    cr_expect_neq(device_log_domain(log, at), domain);
    return blocks;
}

Test(device_log, blocks_are_entries_once_per_device)
{
    struct device_log log;
    device_log_init(&log, 65536);
    write_at(&log, 0, 7, 0x10000);
    write_at(&log, 0, 7, 0x1f000); /* the same block */
    write_at(&log, 0, 9, 0x10fff); /* another device */
    write_at(&log, 0, 9, 0x20000);
    write_at(&log, 0, 9, 6 * MIB);
    write_at(&log, 3, 5, 0);
    cr_expect_eq(device_log_entries(&log), 5);
    struct span_list blocks = blocks_of(&log, 0);
    cr_assert_eq(blocks.count, 2); /* those that touch are one span */
    cr_expect_eq(blocks.spans[0].first, 0x10000);
    cr_expect_eq(blocks.spans[0].last, 0x2ffff);
    cr_expect_eq(blocks.spans[1].first, 6 * MIB);
    cr_expect_eq(blocks.spans[1].last, 6 * MIB + 65535);
    span_free(&blocks);
    blocks = blocks_of(&log, 3);
    cr_expect_eq(blocks.count, 1);
    span_free(&blocks);
    blocks = blocks_of(&log, 1);
    cr_expect_eq(blocks.count, 0);
    span_free(&blocks);
    device_log_drain(&log);
    cr_expect_eq(device_log_entries(&log), 0);
    write_at(&log, 0, 7, 0x10000); /* what was found last before is forgotten */
    cr_expect_eq(device_log_entries(&log), 1);
    device_log_free(&log);
}

/* Blocks above a region of 2 MiB, up to the largest, and many rows that share a place among those found last. */
Test(device_log, large_blocks_and_many_regions)
{
    struct device_log log;
    device_log_init(&log, UINT64_C(1) << 63);
    write_at(&log, 0, 1, UINT64_MAX - 4095);
    write_at(&log, 0, 1, 0);
    struct span_list blocks = blocks_of(&log, 0);
    cr_assert_eq(blocks.count, 1);
    cr_expect_eq(blocks.spans[0].last, UINT64_MAX);
    cr_expect_eq(device_log_entries(&log), 2);
    span_free(&blocks);
    device_log_free(&log);

    device_log_init(&log, 4096);
    for (uint64_t round = 0; round < 2; round++)
        for (uint64_t i = 1000; i-- > 0;)
            write_at(&log, 0, (uint16_t)(i % 3), i * 2 * MIB * DEVICE_LOG_RECENT + i % 512 * 4096);
    cr_expect_eq(device_log_entries(&log), 1000);
    blocks = blocks_of(&log, 0);
    cr_assert_eq(blocks.count, 1000);
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert_eq(blocks.spans[i].first, i * 2 * MIB * DEVICE_LOG_RECENT + i % 512 * 4096);
    span_free(&blocks);
    device_log_free(&log);
}
