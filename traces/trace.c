#include "traces/trace.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/memory.h"
#include "traces/file/foreign.h"
#include "traces/file/gz.h"
#include "traces/file/input.h"

enum { SHOWN_PATH_BYTES = 600 };

const char *const trace_op_names[TRACE_OP_COUNT] = {
    [TRACE_WRITE] = "write",
    [TRACE_READ] = "read",
    [TRACE_MAP] = "map",
    [TRACE_MAP_RO] = "map_ro",
    [TRACE_UNMAP] = "unmap",
    [TRACE_TRANSLATE] = "translate",
    [TRACE_TRANSLATE_W] = "translate_w",
    [TRACE_MARK] = "mark",
};

struct trace {
    char *path;
    const struct trace_format *format;
    void *state;
    uint64_t limit_records;
    uint64_t records;      /* handed out so far */
    uint64_t last_time_ns; /* of the last of them */
    struct error failure;  /* what a call reported, to be repeated by the next ones */
    struct trace_batch batch;
    struct trace_batch held; /* what trace_seek found: the next to hand out, if it has any */
};

/* ---- opening ---- */

static _Thread_local struct {
    void (*tell)(void *context, uint64_t lines);
    void *context;
} watch;

void trace_watch(void (*tell)(void *context, uint64_t lines), void *context)
{
    watch.tell = tell;
    watch.context = context;
}

void trace_preparing(uint64_t lines)
{
    if (watch.tell)
        watch.tell(watch.context, lines);
}

/* Report `cause`, whose text has no path yet. The end of a long path says more than its beginning. */
static bool fail(const char *path, const struct error *cause, struct error *error)
{
    if (strcmp(path, "/dev/stdin") == 0)
        path = "standard input";
    size_t length = strlen(path);
    bool cut = length > SHOWN_PATH_BYTES;
    const char *lead = cause->kind == ERROR_TRACE ? "" : "error: ";
    return error_set(error, cause->kind, "%s%s: %s%s", cut ? "..." : "",
                     cut ? path + length - SHOWN_PATH_BYTES : path, lead, cause->text);
}

static bool ends_with(const char *path, size_t length, const char *suffix)
{
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && memcmp(path + length - suffix_length, suffix, suffix_length) == 0;
}

/* The format that the first `length` bytes of a file name tell, or NULL. */
static const struct trace_format *format_of_name(const char *path, size_t length)
{
    for (size_t i = 0; trace_formats[i]; i++)
        for (const char *const *suffix = trace_formats[i]->suffixes; *suffix; suffix++)
            if (ends_with(path, length, *suffix))
                return trace_formats[i];
    return NULL;
}

/* A regular file that another command makes readable is told with that command. */
static bool refuse_foreign(const char *path, const char *format, struct error *error)
{
    uint8_t first[FOREIGN_BYTES];
    size_t bytes = 0;
    struct stat status;
    struct input input;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || !input_open(path, &input, NULL))
        return true;
    bool read = input_read(&input, first, sizeof first, &bytes, NULL);
    close(input.file);
    const struct foreign *form = read ? foreign_form(first, bytes) : NULL;
    if (!form)
        return true;
    /* It may be called a.csv.xz. */
    const char *dot = strrchr(path, '.');
    const struct trace_format *named = format_of_name(path, strlen(path));
    if (!named && dot)
        named = format_of_name(path, (size_t)(dot - path));
    bool input_named = strcmp(path, "/dev/stdin") != 0;
    return error_set(error, ERROR_TRACE,
                     "error: %s, which is not read here; pipe it in: %s %.400s | dirtywalk trace convert - "
                     "OUT.dwt --from %s",
                     form->what, form->command, input_named ? path : "FILE",
                     format  ? format
                     : named ? named->name
                             : "FORMAT");
}

bool trace_fail(const char *path, const char *format, const struct error *cause, struct error *error)
{
    struct error better = {0};
    bool content = cause->kind == ERROR_TRACE || (cause->kind == ERROR_EXPERIMENT && !format);
    bool found =
        content && (!refuse_foreign(path, format, &better) ||
                    (cause->kind == ERROR_TRACE && !gz_check(path, &better) && better.kind == ERROR_TRACE));
    return fail(path, found ? &better : cause, error);
}

/* "csv", "native" or ".csv, .csv.gz" for a message. */
static void list_formats(char *list, size_t capacity, bool suffixes)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; trace_formats[i]; i++) {
        const char *const *word = suffixes ? trace_formats[i]->suffixes : NULL;
        do {
            int more = snprintf(list + used, capacity - used, "%s%s", used ? ", " : "",
                                word ? *word : trace_formats[i]->name);
            used += more > 0 ? (size_t)more : 0;
        } while (used < capacity && word && *++word);
        if (used >= capacity)
            return;
    }
}

static const struct trace_format *format_named(const char *name, struct error *error)
{
    for (size_t i = 0; trace_formats[i]; i++)
        if (strcmp(trace_formats[i]->name, name) == 0)
            return trace_formats[i];
    char known[256];
    list_formats(known, sizeof known, false);
    error_set(error, ERROR_EXPERIMENT, "unknown trace format \"%.60s\"; formats: %s", name, known);
    return NULL;
}

static const struct trace_format *format_of_file(const char *path, struct error *error)
{
    const struct trace_format *format = format_of_name(path, strlen(path));
    if (format)
        return format;
    char endings[256], names[256];
    list_formats(endings, sizeof endings, true);
    list_formats(names, sizeof names, false);
    error_set(
        error, ERROR_EXPERIMENT,
        "the file name does not tell the trace format; end it in one of %s, or name one of %s (--from, in an "
        "experiment `format:`)",
        endings, names);
    return NULL;
}

static bool allocate(struct trace *trace, const char *path, struct error *error)
{
    enum { COUNT = TRACE_BATCH_RECORDS };
    struct trace_batch *batch = &trace->batch;
    if (!(trace->path = memory_zeroed(strlen(path) + 1, 1, error)) ||
        !(batch->time_ns = memory_zeroed(COUNT, sizeof *batch->time_ns, error)) ||
        !(batch->iova = memory_zeroed(COUNT, sizeof *batch->iova, error)) ||
        !(batch->bytes = memory_zeroed(COUNT, sizeof *batch->bytes, error)) ||
        !(batch->address = memory_zeroed(COUNT, sizeof *batch->address, error)) ||
        !(batch->device = memory_zeroed(COUNT, sizeof *batch->device, error)) ||
        !(batch->op = memory_zeroed(COUNT, sizeof *batch->op, error)))
        return false;
    memcpy(trace->path, path, strlen(path));
    return true;
}

static bool open_trace(struct trace *trace, const char *path, const char *format, struct error *error)
{
    trace->format = format ? format_named(format, error) : format_of_file(path, error);
    return trace->format && allocate(trace, path, error) && trace->format->open(path, &trace->state, error);
}

bool trace_open(const char *path, const char *format, uint64_t limit_records, struct trace **trace,
                struct error *error)
{
    assert(path && trace);
    struct error cause = {0};
    struct trace *opened = memory_zeroed(1, sizeof *opened, &cause);
    if (!opened)
        return fail(path, &cause, error);
    opened->limit_records = limit_records;
    if (!open_trace(opened, path, format, &cause)) {
        trace_close(opened);
        return trace_fail(path, format, &cause, error);
    }
    *trace = opened;
    return true;
}

void trace_close(struct trace *trace)
{
    if (!trace)
        return;
    if (trace->state)
        trace->format->close(trace->state);
    memory_free(trace->batch.time_ns);
    memory_free(trace->batch.iova);
    memory_free(trace->batch.bytes);
    memory_free(trace->batch.address);
    memory_free(trace->batch.device);
    memory_free(trace->batch.op);
    memory_free(trace->path);
    memory_free(trace);
}

/* ---- reading ---- */

/* Report and keep a failure: the next calls repeat it. */
static bool fail_record(struct trace *trace, const struct error *cause, struct error *error)
{
    trace_fail(trace->path, trace->format->name, cause, &trace->failure);
    return error_set(error, trace->failure.kind, "%s", trace->failure.text);
}

static bool next(struct trace *trace, struct trace_batch *batch, struct error *error)
{
    struct trace_batch *own = &trace->batch;
    struct error cause = {0};
    own->count = 0;
    own->first_record = trace->records;
    uint64_t left = trace->records < trace->limit_records ? trace->limit_records - trace->records : 0;
    if (left > 0 && !trace->format->read(trace->state, own, &cause))
        return fail_record(trace, &cause, error);
    assert(own->count <= TRACE_BATCH_RECORDS);
    if (own->count > left)
        own->count = (size_t)left;
    if (!trace_batch_check(own, trace->last_time_ns, &cause))
        return fail_record(trace, &cause, error);
    trace->records += own->count;
    if (own->count > 0)
        trace->last_time_ns = own->time_ns[own->count - 1];
    *batch = *own;
    return true;
}

bool trace_next(struct trace *trace, struct trace_batch *batch, struct error *error)
{
    if (trace->failure.kind != ERROR_NONE)
        return error_set(error, trace->failure.kind, "%s", trace->failure.text);
    if (trace->held.count == 0)
        return next(trace, batch, error);
    *batch = trace->held;
    trace->held.count = 0;
    return true;
}

/* Forget what was read. */
static void begin(struct trace *trace, uint64_t first_record)
{
    trace->records = first_record;
    trace->last_time_ns = 0;
    trace->failure = (struct error){0};
    trace->held.count = 0;
}

void trace_keep(struct trace *trace, uint64_t bytes)
{
    assert(trace->records == 0);
    if (trace->format->keep)
        trace->format->keep(trace->state, bytes);
}

bool trace_rewind(struct trace *trace, struct error *error)
{
    struct error cause = {0};
    begin(trace, 0);
    return trace->format->rewind(trace->state, &cause) || fail_record(trace, &cause, error);
}

/* The batch without its first `skip` records. */
static struct trace_batch without(const struct trace_batch *batch, size_t skip)
{
    return (struct trace_batch){.count = batch->count - skip,
                                .first_record = batch->first_record + skip,
                                .time_ns = batch->time_ns + skip,
                                .iova = batch->iova + skip,
                                .bytes = batch->bytes + skip,
                                .address = batch->address + skip,
                                .device = batch->device + skip,
                                .op = batch->op + skip};
}

bool trace_seek(struct trace *trace, uint64_t record, uint64_t time_ns, struct error *error)
{
    uint64_t first = 0;
    struct error cause = {0};
    const struct trace_format *format = trace->format;
    bool fresh = trace->records == 0 && trace->failure.kind == ERROR_NONE; /* a pipe can be entered once */
    bool moved = format->seek ? format->seek(trace->state, record, time_ns, &first, &cause)
                              : fresh || format->rewind(trace->state, &cause);
    begin(trace, first);
    if (!moved)
        return fail_record(trace, &cause, error);
    struct trace_batch batch = {.count = 1};
    while (batch.count > 0) {
        if (!next(trace, &batch, error))
            return false;
        size_t i = 0;
        while (i < batch.count && (batch.first_record + i < record || batch.time_ns[i] < time_ns))
            i++;
        if (i == batch.count)
            continue;
        trace->held = without(&batch, i);
        break;
    }
    return true;
}

bool trace_known_facts(const struct trace *trace, struct trace_facts *facts)
{
    return trace->format->facts && trace->format->facts(trace->state, facts) &&
           facts->records <= trace->limit_records;
}

bool trace_known_extents(const struct trace *trace, struct trace_extents *extents)
{
    struct trace_facts facts;
    return trace->format->extents && trace_known_facts(trace, &facts) && trace->format->extents(trace->state, extents);
}

const char *trace_warning(const struct trace *trace)
{
    return trace->format->warning ? trace->format->warning(trace->state) : NULL;
}

void trace_add_missing(const struct trace *trace, struct trace_missing *missing)
{
    if (trace->format->missing)
        trace->format->missing(trace->state, missing);
}

/* ---- facts and the store ---- */

/* Whether these records are nothing but reads and writes of devices that are known, as nearly all are; how many are
 * reads. Without branches. */
static bool are_accesses_of_known(const struct trace_facts *facts, const struct trace_batch *batch, uint64_t *reads)
{
    const uint8_t *const op = batch->op, *const devices = facts->devices;
    const uint16_t *const device = batch->device;
    uint64_t count = 0;
    uint8_t ops = 0;
    unsigned known = 1;
    for (size_t i = 0; i < batch->count; i++) {
        ops |= op[i];
        count += op[i];
    }
    for (size_t i = 0; i < batch->count; i++)
        known &= (unsigned)devices[device[i] / 8] >> device[i] % 8;
    *reads = count;
    return ops <= TRACE_READ && known;
}
_Static_assert(TRACE_WRITE == 0 && TRACE_READ == 1, "the sum of such ops is the number of reads");

void trace_facts_add(struct trace_facts *facts, const struct trace_batch *batch)
{
    if (batch->count == 0)
        return;
    if (facts->records == 0)
        facts->first_time_ns = batch->time_ns[0];
    facts->last_time_ns = batch->time_ns[batch->count - 1];
    facts->records += batch->count;
    uint64_t reads;
    if (are_accesses_of_known(facts, batch, &reads)) {
        facts->records_by_op[TRACE_READ] += reads;
        facts->records_by_op[TRACE_WRITE] += batch->count - reads;
        return;
    }
    uint32_t by_op[4][TRACE_OP_COUNT] = {0}; /* in turns: a count need not wait for the one before */
    uint32_t last = TRACE_DEVICES;
    for (size_t i = 0; i < batch->count; i++) {
        by_op[i % 4][batch->op[i]]++;
        if (batch->device[i] == last || batch->op[i] == TRACE_MARK)
            continue;
        last = batch->device[i];
        uint8_t *devices = &facts->devices[last / 8], bit = (uint8_t)(1U << last % 8);
        facts->device_count += !(*devices & bit);
        *devices |= bit;
    }
    for (size_t op = 0; op < TRACE_OP_COUNT; op++)
        facts->records_by_op[op] += (uint64_t)by_op[0][op] + by_op[1][op] + by_op[2][op] + by_op[3][op];
}

static bool grow(void *column, size_t needed, size_t item_bytes, const struct trace_store *store,
                 size_t *capacity, struct error *error)
{
    *capacity = store->capacity;
    return memory_grow(column, capacity, needed, item_bytes, error);
}

bool trace_store_add(struct trace_store *store, const struct trace_batch *batch, struct error *error)
{
    size_t needed = store->count + batch->count, capacity = store->capacity;
    if (batch->count == 0)
        return true;
    if (!grow(&store->time_ns, needed, sizeof *store->time_ns, store, &capacity, error) ||
        !grow(&store->iova, needed, sizeof *store->iova, store, &capacity, error) ||
        !grow(&store->bytes, needed, sizeof *store->bytes, store, &capacity, error) ||
        !grow(&store->address, needed, sizeof *store->address, store, &capacity, error) ||
        !grow(&store->device, needed, sizeof *store->device, store, &capacity, error) ||
        !grow(&store->op, needed, sizeof *store->op, store, &capacity, error))
        return false;
    store->capacity = capacity;
    memcpy(store->time_ns + store->count, batch->time_ns, batch->count * sizeof *store->time_ns);
    memcpy(store->iova + store->count, batch->iova, batch->count * sizeof *store->iova);
    memcpy(store->bytes + store->count, batch->bytes, batch->count * sizeof *store->bytes);
    memcpy(store->address + store->count, batch->address, batch->count * sizeof *store->address);
    memcpy(store->device + store->count, batch->device, batch->count * sizeof *store->device);
    memcpy(store->op + store->count, batch->op, batch->count * sizeof *store->op);
    store->count = needed;
    return true;
}

struct trace_batch trace_store_view(const struct trace_store *store, size_t first)
{
    if (first >= store->count)
        return (struct trace_batch){.first_record = first};
    size_t left = store->count - first;
    return (struct trace_batch){
        .count = left < TRACE_BATCH_RECORDS ? left : TRACE_BATCH_RECORDS,
        .first_record = first,
        .time_ns = store->time_ns + first,
        .iova = store->iova + first,
        .bytes = store->bytes + first,
        .address = store->address + first,
        .device = store->device + first,
        .op = store->op + first,
    };
}

void trace_store_free(struct trace_store *store)
{
    memory_free(store->time_ns);
    memory_free(store->iova);
    memory_free(store->bytes);
    memory_free(store->address);
    memory_free(store->device);
    memory_free(store->op);
    *store = (struct trace_store){0};
}
