#include "analysis/report_series.h"

#include <stdint.h>
#include <string.h>

#include "analysis/csv_reader.h"
#include "analysis/doc.h"
#include "sim/base/memory.h"

/* time_ns is that of the last harvest of a point; the others are sums. */
enum { TIME, COLUMNS = 5 };
static const char *const names[COLUMNS] = {"time_ns", "reported_pages", "true_pages", "written_pages",
                                           "missed_pages"};

/* All cells together, and the least and the most of one that still looks like a curve. */
enum { POINTS_ALL = 60000, POINTS_LEAST = 20, POINTS_MOST = 240 };

struct pooled {
    uint64_t *numbers;
    size_t count;
};

size_t report_series_points(size_t cells)
{
    size_t points = cells ? POINTS_ALL / cells : POINTS_MOST;
    return points < POINTS_LEAST ? POINTS_LEAST : points > POINTS_MOST ? POINTS_MOST : points;
}

/* The index of these numbers in the pool. */
static bool pool_numbers(struct report_series *series, const uint64_t *numbers, size_t count, uint32_t *index,
                         struct error *error)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ numbers[i]) * 0x100000001b3 ^ hash >> 29;
    bool is_new;
    if (!number_map_intern(&series->by_hash, hash, (uint32_t)series->pool_count, index, &is_new, error))
        return false;
    const struct pooled *same = is_new ? NULL : &series->pool[*index];
    if (same && same->count == count && (!count || !memcmp(same->numbers, numbers, count * sizeof *numbers)))
        return true;
    *index = (uint32_t)series->pool_count; /* a clash of hashes is kept a second time */
    struct pooled fresh = {memory_zeroed(count + 1, sizeof *numbers, error), count};
    if (!fresh.numbers || !memory_grow(&series->pool, &series->pool_capacity, series->pool_count + 1,
                                       sizeof *series->pool, error)) {
        memory_free(fresh.numbers);
        return false;
    }
    if (count)
        memcpy(fresh.numbers, numbers, count * sizeof *numbers);
    series->pool[series->pool_count++] = fresh;
    return true;
}

struct rows {
    uint64_t *numbers[COLUMNS];
    size_t capacity[COLUMNS], count;
};

static bool read_rows(struct csv_reader *reader, const char *path, struct rows *rows, struct error *error)
{
    size_t columns[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++)
        if ((columns[c] = csv_column(reader, names[c])) == SIZE_MAX)
            return error_set(error, ERROR_RESULTS, "%s: error: has no column %s; run the experiment again",
                             path, names[c]);
    for (bool end;; rows->count++) {
        if (!csv_next(reader, &end, error))
            return false;
        if (end)
            return true;
        for (size_t c = 0; c < COLUMNS; c++) {
            if (!memory_grow(&rows->numbers[c], &rows->capacity[c], rows->count + 1, sizeof *rows->numbers[c],
                             error))
                return false;
            if (!csv_number(reader, columns[c], &rows->numbers[c][rows->count]))
                return error_set(error, ERROR_RESULTS,
                                 "%s: row %zu: error: %s is no number; run the experiment again", path,
                                 rows->count + 1, names[c]);
        }
    }
}

static struct json_t *rows_doc(struct report_series *series, struct rows *rows, struct error *error)
{
    size_t harvests = (rows->count + series->points - 1) / series->points;
    harvests += !harvests;
    size_t points = (rows->count + harvests - 1) / harvests;
    struct json_t *object = doc_put(doc_object(), "harvests", doc_integer(harvests));
    for (size_t c = 0; c < COLUMNS; c++) {
        uint64_t *numbers = rows->numbers[c];
        for (size_t r = 0; r < rows->count; r++) {
            uint64_t before = c != TIME && r % harvests > 0 ? numbers[r / harvests] : 0;
            numbers[r / harvests] = before + numbers[r];
        }
        uint32_t index;
        if (!pool_numbers(series, numbers, points, &index, error)) {
            doc_free(object);
            return NULL;
        }
        object = doc_put(object, names[c], doc_integer(index));
    }
    if (!object)
        error_set(error, ERROR_MEMORY, "error: no memory for report.html");
    return object;
}

struct json_t *report_series_read(struct report_series *series, const char *path, struct error *error)
{
    struct rows rows = {0};
    struct csv_reader *reader = csv_open(path, error);
    struct json_t *object = NULL;
    if (reader && read_rows(reader, path, &rows, error))
        object = rows_doc(series, &rows, error);
    csv_close(reader);
    for (size_t c = 0; c < COLUMNS; c++)
        memory_free(rows.numbers[c]);
    return object;
}

struct json_t *report_series_pool(const struct report_series *series)
{
    struct json_t *pool = doc_array();
    for (size_t p = 0; p < series->pool_count; p++) {
        struct json_t *numbers = doc_array();
        for (size_t i = 0; i < series->pool[p].count; i++)
            numbers = doc_add(numbers, doc_integer(series->pool[p].numbers[i]));
        pool = doc_add(pool, numbers);
    }
    return pool;
}

void report_series_free(struct report_series *series)
{
    for (size_t p = 0; p < series->pool_count; p++)
        memory_free(series->pool[p].numbers);
    memory_free(series->pool);
    number_map_free(&series->by_hash);
    *series = (struct report_series){0};
}
