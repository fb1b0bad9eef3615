/* traces/stats/stats.c against the plainest way to count. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "traces/stats/stats.h"
#include "traces/stats/stats_reuse.h"

enum { RECORDS = 3000, PAGES = 4000 };

/* A trace in arrays, and lists of pages to look things up in. */
struct plain {
    uint64_t time_ns[RECORDS], iova[RECORDS], bytes[RECORDS], address[RECORDS];
    uint16_t device[RECORDS];
    uint8_t op[RECORDS];
};

struct list {
    uint64_t value[PAGES * 8];
    uint16_t device[PAGES * 8];
    size_t count;
};

static size_t list_find(const struct list *list, uint64_t value, uint16_t device)
{
    size_t i = 0;
    while (i < list->count && (list->value[i] != value || list->device[i] != device))
        i++;
    return i;
}

static void list_add(struct list *list, uint64_t value, uint16_t device)
{
    size_t i = list_find(list, value, device);
    if (i == list->count) {
        list->value[list->count] = value;
        list->device[list->count++] = device;
    }
}

static struct plain *make(uint64_t seed)
{
    struct plain *plain = calloc(1, sizeof *plain);
    cr_assert_not_null(plain);
    uint64_t time_ns = 12345;
    for (size_t i = 0; i < RECORDS; i++) {
        /* Pauses of several windows among records close together. */
        time_ns += rng_next(&seed) % 50 == 0 ? rng_next(&seed) % 100000 : rng_next(&seed) % 20;
        plain->time_ns[i] = time_ns;
        plain->op[i] = (uint8_t)(rng_next(&seed) % TRACE_OP_COUNT);
        plain->device[i] = (uint16_t)(rng_next(&seed) % 3);
        uint64_t page = rng_next(&seed) % 8 * 5 + rng_next(&seed) % 4;
        uint64_t region = rng_next(&seed) % 3 * ((UINT64_C(1) << 30) - 4096 * 3);
        plain->iova[i] = region + page * 4096;
        plain->bytes[i] = 4096;
        if (plain->op[i] <= TRACE_READ) {
            plain->iova[i] += rng_next(&seed) % 4096;
            plain->bytes[i] = 1 + rng_next(&seed) % (rng_next(&seed) % 10 == 0 ? 9000 : 70);
        }
        plain->address[i] = plain->iova[i];
    }
    return plain;
}

static const struct stats_result *look(const struct plain *plain, struct stats_options options, size_t step,
                                       struct stats **stats)
{
    struct error error = {0};
    const struct stats_result *result;
    cr_assert(stats_new(&options, stats, &error));
    for (size_t first = 0; first < RECORDS; first += step) {
        struct plain *p = (struct plain *)(uintptr_t)plain;
        struct trace_batch batch = {.count = RECORDS - first < step ? RECORDS - first : step,
                                    .first_record = first,
                                    .time_ns = p->time_ns + first,
                                    .iova = p->iova + first,
                                    .bytes = p->bytes + first,
                                    .address = p->address + first,
                                    .device = p->device + first,
                                    .op = p->op + first};
        cr_assert(stats_add(*stats, &batch, &error), "%s", error.text);
    }
    cr_assert(stats_finish(*stats, &result, &error), "%s", error.text);
    return result;
}

/* Distinct pages of records whose window is `window` (or all: -1) and op at most `most`. */
static size_t distinct(const struct plain *plain, uint64_t page_bytes, uint64_t window_ns, int64_t window,
                       uint8_t most, bool per_device)
{
    struct list *list = calloc(1, sizeof *list);
    cr_assert_not_null(list);
    for (size_t i = 0; i < RECORDS; i++) {
        if (plain->op[i] > most ||
            (window >= 0 && (plain->time_ns[i] - plain->time_ns[0]) / window_ns != (uint64_t)window))
            continue;
        for (uint64_t page = plain->iova[i] / page_bytes;
             page <= (plain->iova[i] + plain->bytes[i] - 1) / page_bytes; page++)
            list_add(list, page, per_device ? plain->device[i] : 0);
    }
    size_t count = list->count;
    free(list);
    return count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_pages(const struct plain *plain, struct stats_options options)
{
    struct stats *stats;
    const struct stats_result *result = look(plain, options, 777, &stats);
    uint64_t span = plain->time_ns[RECORDS - 1] - plain->time_ns[0];
    cr_expect_eq(result->windows, span / options.window_ns + 1);
    for (unsigned s = 0; s < STATS_PAGE_SIZES; s++) {
        const struct stats_pages *pages = &result->pages[s];
        uint64_t bytes = stats_page_bytes[s];
        cr_expect_eq(pages->written, distinct(plain, bytes, 0, -1, TRACE_WRITE, options.per_device));
        cr_expect_eq(pages->touched, distinct(plain, bytes, 0, -1, TRACE_READ, options.per_device));
        double *counts = calloc(result->windows, sizeof *counts), sum = 0;
        cr_assert_not_null(counts);
        size_t used = 0;
        for (uint64_t w = 0; w < result->windows; w++) {
            size_t count =
                distinct(plain, bytes, options.window_ns, (int64_t)w, TRACE_WRITE, options.per_device);
            if (count > 0)
                counts[used++] = (double)count;
            sum += (double)count;
        }
        qsort(counts, used, sizeof *counts, compare);
        cr_expect_eq(result->written_windows, used);
        cr_expect(pages->window.min == counts[0] && pages->window.max == counts[used - 1]);
        cr_expect(pages->window.median == counts[(used - 1) / 2]);
        size_t at_most = 0;
        while (at_most < used && counts[at_most] <= pages->window.p90)
            at_most++;
        cr_expect(at_most * 10 >= used * 9);
        cr_expect_float_eq(pages->window.mean, sum / (double)used, 1e-9);
        free(counts);
    }
    cr_expect(result->pages[0].window_amplification.max == 1 && result->pages[0].amplification == 1);
    cr_expect(result->pages[1].amplification ==
              512.0 * (double)result->pages[1].written / (double)result->pages[0].written);
    stats_free(stats);
}

Test(stats, pages_overall_and_per_window)
{
    struct plain *plain = make(1);
    check_pages(plain, (struct stats_options){.window_ns = 5000});
    check_pages(plain, (struct stats_options){.window_ns = 5000, .per_device = true});
    check_pages(plain, (struct stats_options){.window_ns = 1 << 30});
    free(plain);
}

/* The distance is the number of distinct pages since the last touch, counted one by one. */
Test(stats, reuse_distances_are_exact)
{
    enum { TOUCHES = 60000, DIFFERENT = 700 };
    struct stats_reuse reuse = {0};
    uint32_t *order = calloc(DIFFERENT, sizeof *order); /* most recent first */
    cr_assert_not_null(order);
    uint64_t seed = 5, known = 0;
    for (size_t t = 0; t < TOUCHES; t++) {
        uint32_t page = (uint32_t)(rng_next(&seed) % (1 + rng_next(&seed) % DIFFERENT));
        uint64_t distance, at = 0;
        cr_assert(stats_reuse_touch(&reuse, page, &distance, NULL));
        while (at < known && order[at] != page)
            at++;
        cr_assert_eq(distance, at == known ? STATS_REUSE_COLD : at);
        known += at == known;
        memmove(order + 1, order, at * sizeof *order);
        order[0] = page;
    }
    cr_assert_gt(known, DIFFERENT / 2);
    stats_reuse_free(&reuse);
    free(order);
}

Test(stats, the_line_of_positions_grows_with_the_pages)
{
    enum { DIFFERENT = 50000 };
    struct stats_reuse reuse = {0};
    uint64_t distance;
    for (unsigned round = 0; round < 3; round++)
        for (uint32_t page = 0; page < DIFFERENT; page++) {
            cr_assert(stats_reuse_touch(&reuse, page, &distance, NULL));
            cr_assert_eq(distance, round == 0 ? STATS_REUSE_COLD : DIFFERENT - 1);
        }
    stats_reuse_free(&reuse);
    cr_expect_eq(memory_used(), 0);
}

Test(stats, sizes_histograms_and_sums)
{
    struct plain *plain = make(2);
    struct stats *stats;
    const struct stats_result *result =
        look(plain, (struct stats_options){.window_ns = 100}, RECORDS, &stats);
    uint64_t bytes[TRACE_OP_COUNT] = {0}, bucket[STATS_BUCKETS] = {0}, touched = 0, size_70 = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        if (plain->op[i] != TRACE_MARK)
            bytes[plain->op[i]] += plain->bytes[i];
        if (plain->op[i] <= TRACE_READ)
            touched += (plain->iova[i] + plain->bytes[i] - 1) / 4096 - plain->iova[i] / 4096 + 1;
        if (plain->op[i] != TRACE_WRITE)
            continue;
        size_70 += plain->bytes[i] == result->top_writes[0].bytes;
        unsigned b = 0;
        while (plain->bytes[i] >> b)
            b++;
        bucket[b]++;
    }
    cr_expect_arr_eq(result->bytes_by_op, bytes, sizeof bytes);
    cr_expect_arr_eq(result->write_bytes.bucket, bucket, sizeof bucket);
    cr_expect_eq(result->write_bytes.total, result->facts.records_by_op[TRACE_WRITE]);
    cr_expect_eq(result->reuse.total + result->cold, touched);
    cr_expect_eq(result->cold, result->pages[0].touched);
    cr_expect_eq(result->top_writes[0].count, size_70);
    for (unsigned t = 1; t < STATS_TOP_SIZES; t++)
        cr_expect_leq(result->top_writes[t].count, result->top_writes[t - 1].count);
    stats_free(stats);
    free(plain);
}

Test(stats, maps_live_until_their_unmap)
{
    /* time, device, op, iova */
    static const uint64_t rows[][4] = {{0, 1, TRACE_UNMAP, 0x1000},   {0, 1, TRACE_MAP, 0x1000},
                                       {10, 2, TRACE_MAP_RO, 0x1000}, {15, 1, TRACE_UNMAP, 0x1000},
                                       {16, 1, TRACE_MAP, 0x1000},    {16, 1, TRACE_MAP, 0x2000},
                                       {17, 1, TRACE_UNMAP, 0x3000},  {18, 2, TRACE_UNMAP, 0x1000}};
    struct stats *stats;
    cr_assert(stats_new(&(struct stats_options){.window_ns = 1}, &stats, NULL));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t time_ns = rows[i][0], iova = rows[i][3], bytes = 8192;
        uint16_t device = (uint16_t)rows[i][1];
        uint8_t op = (uint8_t)rows[i][2];
        struct trace_batch one = {.count = 1,
                                  .first_record = i,
                                  .time_ns = &time_ns,
                                  .iova = &iova,
                                  .bytes = &bytes,
                                  .address = &iova,
                                  .device = &device,
                                  .op = &op};
        cr_assert(stats_add(stats, &one, NULL));
    }
    const struct stats_result *result;
    cr_assert(stats_finish(stats, &result, NULL));
    cr_expect_eq(result->map_addresses, 3);
    cr_expect_eq(result->live_maps_most, 3);
    cr_expect_eq(result->unmatched_unmaps, 2);
    cr_expect_eq(result->lifetime_ns.total, 2);
    cr_expect_eq(result->lifetime_ns.bucket[4], 2); /* 15 ns and 8 ns */
    cr_expect_eq(result->map_bytes.bucket[14], 4);
    cr_expect_eq(result->written_windows, 0);
    stats_free(stats);
}

Test(stats, short_memory_and_huge_accesses)
{
    struct stats *stats;
    struct error error = {0};
    uint64_t time_ns = 0, iova = 0, bytes = UINT64_MAX;
    uint16_t device = 1;
    uint8_t op = TRACE_WRITE;
    struct trace_batch one = {.count = 1,
                              .time_ns = &time_ns,
                              .iova = &iova,
                              .bytes = &bytes,
                              .address = &iova,
                              .device = &device,
                              .op = &op};
    cr_assert(stats_new(&(struct stats_options){.window_ns = 1}, &stats, NULL));
    memory_limit_set(memory_used() + 10000);
    cr_expect_not(stats_add(stats, &one, &error));
    cr_expect_eq(error.kind, ERROR_MEMORY);
    stats_free(stats);
    memory_limit_set(0);
    cr_assert(stats_new(&(struct stats_options){.window_ns = 1}, &stats, NULL));
    cr_assert(stats_add(stats, &one, NULL));
    const struct stats_result *result;
    cr_assert(stats_finish(stats, &result, NULL));
    cr_expect_eq(result->clipped, 1);
    cr_expect_eq(result->pages[0].written, STATS_ACCESS_BYTES_LIMIT / 4096);
    cr_expect_eq(result->pages[2].written, 1);
    cr_expect_eq(result->bytes_by_op[TRACE_WRITE], UINT64_MAX);
    stats_free(stats);
    cr_expect_eq(memory_used(), 0);
}
