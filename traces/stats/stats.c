#include "traces/stats/stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/stats/stats_reuse.h"
#include "traces/stats/stats_table.h"

const uint64_t stats_page_bytes[STATS_PAGE_SIZES] = {UINT64_C(1) << 12, UINT64_C(1) << 21, UINT64_C(1) << 30};
static const unsigned page_shift[STATS_PAGE_SIZES] = {12, 21, 30};

/* Distinct pages of one size. */
struct page_set {
    struct stats_table table;
    uint32_t *written_window; /* by number: the last window with a write, from 1; 0: never written */
    size_t written_capacity;
    uint64_t written;   /* distinct pages */
    uint64_t in_window; /* distinct pages written in this window */
};

/* One window with at least one write. */
struct window {
    uint64_t pages[STATS_PAGE_SIZES];
};

struct stats {
    struct stats_options options;
    struct stats_result result;
    struct page_set pages[STATS_PAGE_SIZES];
    struct window *windows;
    size_t window_count, window_capacity;
    uint64_t window_index;  /* in time, of the last write */
    uint32_t window_number; /* of those with a write, from 1; 0: none yet */
    struct stats_reuse reuse;
    struct stats_table sizes; /* of writes */
    uint64_t *size_counts;
    size_t size_capacity;
    struct stats_table map_keys;
    struct open_map {
        uint64_t time_ns, bytes;
        bool open;
    } * maps;
    size_t map_capacity;
    uint64_t live_maps;
};

static void count_value(struct stats_histogram *histogram, uint64_t value)
{
    histogram->total++;
    histogram->bucket[value ? 64 - __builtin_clzll(value) : 0]++;
}

/* ---- pages ---- */

/* Touch a page; `*news` tells whether larger pages around it may learn something. */
static bool touch(struct stats *stats, struct page_set *set, struct stats_key key, bool write,
                  uint32_t *number, bool *news, struct error *error)
{
    bool is_new;
    if (!stats_table_number(&set->table, key, number, &is_new, error))
        return false;
    if (is_new) {
        if (!memory_grow(&set->written_window, &set->written_capacity, set->table.count,
                         sizeof *set->written_window, error))
            return false;
        set->written_window[*number] = 0;
    }
    *news = is_new;
    uint32_t *window = &set->written_window[*number];
    if (write && *window != stats->window_number) {
        set->written += *window == 0;
        set->in_window++;
        *window = stats->window_number;
        *news = true;
    }
    return true;
}

static bool touch_pages(struct stats *stats, uint64_t iova, uint64_t bytes, uint32_t space, bool write,
                        struct error *error)
{
    uint64_t first = iova >> page_shift[0], last = (iova + bytes - 1) >> page_shift[0];
    for (uint64_t page = first; page <= last; page++) {
        uint32_t number, larger;
        bool news;
        uint64_t distance;
        if (!touch(stats, &stats->pages[0], (struct stats_key){page, space}, write, &number, &news, error) ||
            !stats_reuse_touch(&stats->reuse, number, &distance, error))
            return false;
        if (distance == STATS_REUSE_COLD)
            stats->result.cold++;
        else
            count_value(&stats->result.reuse, distance);
        for (unsigned s = 1; news && s < STATS_PAGE_SIZES; s++) {
            struct stats_key key = {page >> (page_shift[s] - page_shift[0]), space};
            if (!touch(stats, &stats->pages[s], key, write, &larger, &news, error))
                return false;
        }
    }
    return true;
}

/* Keep what the window had. */
static bool end_window(struct stats *stats, struct error *error)
{
    if (stats->window_number == 0)
        return true;
    if (!memory_grow(&stats->windows, &stats->window_capacity, stats->window_count + 1,
                     sizeof *stats->windows, error))
        return false;
    struct window *window = &stats->windows[stats->window_count++];
    for (unsigned s = 0; s < STATS_PAGE_SIZES; s++) {
        window->pages[s] = stats->pages[s].in_window;
        stats->pages[s].in_window = 0;
    }
    return true;
}

/* A write comes at this time. */
static bool enter_window(struct stats *stats, uint64_t time_ns, struct error *error)
{
    uint64_t index = (time_ns - stats->result.facts.first_time_ns) / stats->options.window_ns;
    if (stats->window_number > 0 && index == stats->window_index)
        return true;
    if (!end_window(stats, error))
        return false;
    if (stats->window_number == UINT32_MAX)
        return error_set(error, ERROR_MEMORY, "more than 2^32 windows; choose longer ones");
    stats->window_index = index;
    stats->window_number++;
    return true;
}

/* ---- sizes and maps ---- */

static bool count_size(struct stats *stats, uint64_t bytes, struct error *error)
{
    uint32_t number;
    bool is_new;
    if (!stats_table_number(&stats->sizes, (struct stats_key){bytes, 0}, &number, &is_new, error))
        return false;
    if (is_new) {
        if (!memory_grow(&stats->size_counts, &stats->size_capacity, stats->sizes.count,
                         sizeof *stats->size_counts, error))
            return false;
        stats->size_counts[number] = 0;
    }
    stats->size_counts[number]++;
    return true;
}

static bool add_map(struct stats *stats, const struct trace_batch *b, size_t i, struct error *error)
{
    uint32_t number;
    bool is_new;
    if (!stats_table_number(&stats->map_keys, (struct stats_key){b->iova[i], b->device[i]}, &number, &is_new,
                            error))
        return false;
    if (is_new) {
        if (!memory_grow(&stats->maps, &stats->map_capacity, stats->map_keys.count, sizeof *stats->maps,
                         error))
            return false;
        stats->maps[number] = (struct open_map){0};
        stats->result.map_addresses++;
    }
    struct open_map *map = &stats->maps[number];
    count_value(&stats->result.map_bytes, b->bytes[i]);
    stats->live_maps += !map->open;
    if (stats->live_maps > stats->result.live_maps_most)
        stats->result.live_maps_most = stats->live_maps;
    *map = (struct open_map){b->time_ns[i], b->bytes[i], true};
    return true;
}

static void close_map(struct stats *stats, struct open_map *map, uint64_t time_ns, uint64_t *closed)
{
    if (!map->open)
        return;
    map->open = false;
    count_value(&stats->result.lifetime_ns, time_ns - map->time_ns);
    stats->live_maps--;
    ++*closed;
}

/* One unmap ends all maps that begin in its range: drivers and IOMMUs unmap at once what was mapped in
 * pieces. */
static void add_unmap(struct stats *stats, const struct trace_batch *b, size_t i)
{
    enum { PAGE_BYTES = 4096 };
    uint64_t first = b->iova[i], last = first + (b->bytes[i] - 1), closed = 0;
    const struct stats_table *keys = &stats->map_keys;
    uint32_t number;
    if (b->bytes[i] / PAGE_BYTES > keys->count) {
        for (size_t k = 0; k < keys->count; k++)
            if (keys->keys[k].space == b->device[i] && keys->keys[k].value >= first &&
                keys->keys[k].value <= last)
                close_map(stats, &stats->maps[k], b->time_ns[i], &closed);
    } else {
        for (uint64_t done = 0; done < b->bytes[i]; done += PAGE_BYTES)
            if (stats_table_find(keys, (struct stats_key){first + done, b->device[i]}, &number))
                close_map(stats, &stats->maps[number], b->time_ns[i], &closed);
    }
    stats->result.unmatched_unmaps += closed == 0;
}

/* ---- records ---- */

static bool add_access(struct stats *stats, const struct trace_batch *b, size_t i, struct error *error)
{
    bool write = b->op[i] == TRACE_WRITE;
    uint64_t bytes = b->bytes[i];
    count_value(write ? &stats->result.write_bytes : &stats->result.read_bytes, bytes);
    if (write && (!enter_window(stats, b->time_ns[i], error) || !count_size(stats, bytes, error)))
        return false;
    if (bytes > STATS_ACCESS_BYTES_LIMIT) {
        stats->result.clipped++;
        bytes = STATS_ACCESS_BYTES_LIMIT;
    }
    return touch_pages(stats, b->iova[i], bytes, stats->options.per_device ? b->device[i] : 0, write, error);
}

bool stats_new(const struct stats_options *options, struct stats **stats, struct error *error)
{
    assert(options->window_ns > 0);
    *stats = memory_zeroed(1, sizeof **stats, error);
    if (!*stats)
        return false;
    (*stats)->options = *options;
    return true;
}

bool stats_add(struct stats *stats, const struct trace_batch *b, struct error *error)
{
    trace_facts_add(&stats->result.facts, b);
    for (size_t i = 0; i < b->count; i++) {
        uint8_t op = b->op[i];
        if (op == TRACE_MARK)
            continue;
        uint64_t *sum = &stats->result.bytes_by_op[op];
        *sum = b->bytes[i] > UINT64_MAX - *sum ? UINT64_MAX : *sum + b->bytes[i];
        if (op <= TRACE_READ ? !add_access(stats, b, i, error)
                             : op <= TRACE_MAP_RO && !add_map(stats, b, i, error))
            return false;
        if (op == TRACE_UNMAP)
            add_unmap(stats, b, i);
    }
    return true;
}

void stats_free(struct stats *stats)
{
    if (!stats)
        return;
    for (unsigned s = 0; s < STATS_PAGE_SIZES; s++) {
        stats_table_free(&stats->pages[s].table);
        memory_free(stats->pages[s].written_window);
    }
    memory_free(stats->windows);
    stats_reuse_free(&stats->reuse);
    stats_table_free(&stats->sizes);
    memory_free(stats->size_counts);
    stats_table_free(&stats->map_keys);
    memory_free(stats->maps);
    memory_free(stats);
}

/* ---- the end ---- */

static int compare_numbers(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* `values` become sorted. The q-quantile is the smallest value that at least a share q of all do not exceed.
 */
static struct stats_spread spread(double *values, size_t count)
{
    if (count == 0)
        return (struct stats_spread){0};
    qsort(values, count, sizeof *values, compare_numbers);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return (struct stats_spread){
        .min = values[0],
        .p10 = values[(count + 9) / 10 - 1],
        .median = values[(count + 1) / 2 - 1],
        .p90 = values[(count * 9 + 9) / 10 - 1],
        .max = values[count - 1],
        .mean = sum / (double)count,
    };
}

static void finish_windows(struct stats *stats, double *values)
{
    size_t count = stats->window_count;
    for (unsigned s = 0; s < STATS_PAGE_SIZES; s++) {
        struct stats_pages *pages = &stats->result.pages[s];
        double coarser = (double)stats_page_bytes[s] / (double)stats_page_bytes[0];
        for (size_t w = 0; w < count; w++)
            values[w] = (double)stats->windows[w].pages[s] * coarser / (double)stats->windows[w].pages[0];
        pages->window_amplification = spread(values, count);
        for (size_t w = 0; w < count; w++)
            values[w] = (double)stats->windows[w].pages[s];
        pages->window = spread(values, count);
        pages->written = stats->pages[s].written;
        pages->touched = stats->pages[s].table.count;
        if (stats->pages[0].written > 0)
            pages->amplification = (double)pages->written * coarser / (double)stats->pages[0].written;
    }
}

/* The most frequent sizes; among equals the smaller one first. */
static void finish_sizes(struct stats *stats)
{
    struct stats_size *top = stats->result.top_writes;
    stats->result.write_sizes = stats->sizes.count;
    for (size_t i = 0; i < stats->sizes.count; i++) {
        struct stats_size size = {stats->sizes.keys[i].value, stats->size_counts[i]};
        size_t at = STATS_TOP_SIZES;
        while (at > 0 && (size.count > top[at - 1].count ||
                          (size.count == top[at - 1].count && size.bytes < top[at - 1].bytes)))
            at--;
        if (at < STATS_TOP_SIZES) {
            memmove(top + at + 1, top + at, (STATS_TOP_SIZES - at - 1) * sizeof *top);
            top[at] = size;
        }
    }
}

bool stats_finish(struct stats *stats, const struct stats_result **result, struct error *error)
{
    struct stats_result *own = &stats->result;
    if (!end_window(stats, error))
        return false;
    stats->window_number = 0; /* the window is kept now */
    double *values = memory_zeroed(stats->window_count + 1, sizeof *values, error);
    if (!values)
        return false;
    own->written_windows = stats->window_count;
    if (own->facts.records > 0)
        own->windows = (own->facts.last_time_ns - own->facts.first_time_ns) / stats->options.window_ns;
    if (own->facts.records > 0 && own->windows < UINT64_MAX)
        own->windows++; /* the last one, which is not full */
    finish_windows(stats, values);
    finish_sizes(stats);
    memory_free(values);
    *result = own;
    return true;
}
