#include "traces/sort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

/* ---- reading without looking at time ---- */

static const struct trace_format *find_format(const char *path, const char *name)
{
    for (size_t f = 0; trace_formats[f]; f++) {
        if (name && strcmp(trace_formats[f]->name, name) == 0)
            return trace_formats[f];
        for (const char *const *suffix = trace_formats[f]->suffixes; !name && *suffix; suffix++) {
            size_t length = strlen(path), ending = strlen(*suffix);
            if (length > ending && strcmp(path + length - ending, *suffix) == 0)
                return trace_formats[f];
        }
    }
    return NULL;
}

/* The rules of semantics.md 2 but the order of time: all times are taken for 0. */
static bool check(const struct trace_batch *batch, uint64_t first_record, uint64_t *zeros,
                  struct error *error)
{
    struct trace_batch timeless = *batch;
    timeless.first_record = first_record;
    timeless.time_ns = zeros;
    return trace_batch_check(&timeless, 0, error);
}

struct columns {
    uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS], zeros[TRACE_BATCH_RECORDS];
    uint16_t device[TRACE_BATCH_RECORDS];
    uint8_t op[TRACE_BATCH_RECORDS];
};

static bool read_all(const struct trace_format *format, void *state, struct columns *columns,
                     struct trace_store *store, struct error *error)
{
    struct trace_batch batch = {.time_ns = columns->time_ns,
                                .iova = columns->iova,
                                .bytes = columns->bytes,
                                .address = columns->address,
                                .device = columns->device,
                                .op = columns->op};
    do {
        batch.count = 0;
        if (!format->read(state, &batch, error) || !check(&batch, store->count, columns->zeros, error) ||
            !trace_store_add(store, &batch, error))
            return false;
    } while (batch.count > 0);
    return true;
}

static bool read_store(const char *path, const struct trace_format *format, struct trace_store *store,
                       char *warning, struct trace_missing *missing, struct error *error)
{
    struct columns *columns = memory_zeroed(1, sizeof *columns, error);
    void *state = NULL;
    bool good = columns && format->open(path, &state, error);
    if (good) {
        if (format->keep_times)
            format->keep_times(state);
        good = read_all(format, state, columns, store, error);
        const char *said = format->warning ? format->warning(state) : NULL;
        snprintf(warning, TRACE_SORT_WARNING_BYTES, "%s", said ? said : "");
        if (format->missing)
            format->missing(state, missing);
        format->close(state);
    }
    memory_free(columns);
    return good;
}

/* ---- sorting ---- */

struct item {
    uint64_t time_ns, index;
};

static int compare(const void *one, const void *other)
{
    const struct item *a = one, *b = other;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static bool in_order(const struct trace_store *store)
{
    for (size_t i = 1; i < store->count; i++)
        if (store->time_ns[i] < store->time_ns[i - 1])
            return false;
    return true;
}

static void permute_words(uint64_t *column, const struct item *items, size_t count, uint64_t *spare)
{
    for (size_t i = 0; i < count; i++)
        spare[i] = column[items[i].index];
    memcpy(column, spare, count * sizeof *column);
}

static void permute(struct trace_store *store, const struct item *items, void *spare)
{
    size_t count = store->count;
    permute_words(store->time_ns, items, count, spare);
    permute_words(store->iova, items, count, spare);
    permute_words(store->bytes, items, count, spare);
    permute_words(store->address, items, count, spare);
    uint16_t *devices = spare;
    for (size_t i = 0; i < count; i++)
        devices[i] = store->device[items[i].index];
    memcpy(store->device, devices, count * sizeof *devices);
    uint8_t *ops = spare;
    for (size_t i = 0; i < count; i++)
        ops[i] = store->op[items[i].index];
    memcpy(store->op, ops, count);
}

static bool sort(struct trace_store *store, struct error *error)
{
    if (in_order(store))
        return true;
    struct item *items = memory_zeroed(store->count, sizeof *items, error);
    uint64_t *spare = items ? memory_zeroed(store->count, sizeof *spare, error) : NULL;
    if (spare) {
        for (size_t i = 0; i < store->count; i++)
            items[i] = (struct item){store->time_ns[i], i};
        qsort(items, store->count, sizeof *items, compare);
        permute(store, items, spare);
    }
    memory_free(items);
    memory_free(spare);
    return spare != NULL;
}

bool trace_sorted(const char *path, const char *format, struct trace_store *store, char *warning,
                  struct trace_missing *missing, struct error *error)
{
    warning[0] = '\0';
    const struct trace_format *found = find_format(path, format);
    if (!found) {
        /* trace_open says best what is wrong with the name. */
        struct trace *trace = NULL;
        trace_open(path, format, 0, &trace, error);
        trace_close(trace);
        return error_set(error, ERROR_TRACE, "%s: error: the trace format is not known", path);
    }
    struct error cause = {0};
    if (read_store(path, found, store, warning, missing, &cause) && sort(store, &cause))
        return true;
    return trace_fail(path, found->name, &cause, error);
}
