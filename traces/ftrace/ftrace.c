/* Kernel traces: the iommu and dma events of ftrace as records.
 *
 * The events of one dma_map or dma_unmap call name different things: iommu:map and unmap have the pages but
 * no device, dma:* has the device and the direction. They are joined by task and address (a line later or
 * earlier), which is what the window of log_order.h is for. README.md here says what becomes of each event.
 */

#include <stdio.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/ftrace/ftrace_line.h"
#include "traces/file/gz.h"
#include "traces/log/log_line.h"
#include "traces/log/log_order.h"
#include "traces/log/log_table.h"
#include "traces/trace.h"

static const char limits[] =
    "the kernel knows what a device may touch, not what it touched: a mapping for the device to write "
    "counts as written completely when it is unmapped, one for it to read as read completely then; "
    "writes into memory that stays mapped (rings, queues, completions) and mappings made before "
    "recording began are not seen; buffers that a driver recycles show as written only where it calls "
    "dma_sync_*_for_cpu; a map or unmap without a dma event of the same task (VFIO, kernels before "
    "6.12) has no device; scatter lists are cut by the kernel";

enum {
    PENDING = 1024,      /* iommu events waiting for the dma event that has their device */
    EXPECTED = 64,       /* dma events waiting for their iommu:unmap */
    SYNCED_PAGES = 4096, /* of one unmapped range, at most this many are looked up */
    PAGE_BYTES = 4096,
    SCATTER_RANGES = 1 << 22, /* remembered at a time: 64 MiB */
    NO_DEVICE = 0xffff,       /* ff:1f.7 */
    LAST_RANK = 0xffff,       /* of an unmap among the records of its line: the accesses come before it */
};

_Static_assert(2 * (int)FTRACE_RANGES <= (int)LOG_ORDER_ROOM, "a line must fit into the window");

struct pending {
    struct log_handle handle;
    uint64_t context, iova, bytes;
    bool unmap;
};

/* A dma_unmap whose iommu:unmap was not seen yet. */
struct expected {
    uint64_t time_ns, context, first, last; /* of all pages of its ranges */
    uint64_t left_bytes;                    /* 0: this place is free */
    uint16_t device;
    bool all; /* the ranges are not known: whatever is unmapped next was accessed */
    bool device_reads, device_writes;
};

/* A mapped scatter list, for its dma_unmap_sg. */
struct scatter {
    struct scatter *next; /* mapped later with the same key */
    unsigned count;
    struct ftrace_range ranges[];
};

struct ftrace {
    struct log_lines *lines;
    struct log_order *order;
    struct log_devices devices;
    struct log_table mapped;   /* iova of a live map -> device + 1 */
    struct log_table synced;   /* device and page -> reported as written since it was mapped */
    struct log_table scatters; /* device and physical addresses -> struct scatter */
    uint64_t scatter_ranges;   /* in all of them, and 1 for each */
    struct ftrace_event event;
    struct pending pending[PENDING];
    unsigned pending_count;
    struct expected expected[EXPECTED];
    unsigned next_expected;
    uint64_t events, unknown, first_unknown, lost, without_device, unpaired, truncated;
    bool ended, cut;
    struct error failure; /* found behind records that were still to be returned */
    char warning[LOG_WARNING_BYTES];
};

/* ---- small things ---- */

static uint64_t first_page(uint64_t iova)
{
    return iova / PAGE_BYTES;
}

static uint64_t last_page(uint64_t iova, uint64_t bytes)
{
    uint64_t last = bytes == 0 ? iova : iova + (bytes - 1);
    return (last < iova ? UINT64_MAX : last) / PAGE_BYTES;
}

static bool share_page(uint64_t iova, uint64_t bytes, uint64_t other, uint64_t other_bytes)
{
    return first_page(iova) <= last_page(other, other_bytes) && first_page(other) <= last_page(iova, bytes);
}

static bool in_event(const struct ftrace_event *event, uint64_t iova, uint64_t bytes)
{
    for (unsigned i = 0; i < event->count; i++)
        if (share_page(iova, bytes, event->ranges[i].iova, event->ranges[i].bytes))
            return true;
    return false;
}

static uint64_t device_key(uint16_t device, uint64_t number)
{
    return number ^ (uint64_t)device << 48;
}

static bool find_device(struct ftrace *f, uint16_t *device, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    const char *p = event->device;
    if (log_pci(&p, device) && p == event->device + event->device_length)
        return true;
    return log_device_named(&f->devices, event->device, event->device_length, device, error);
}

/* ---- iommu events and their device ---- */

static uint64_t line_rank(const struct ftrace *f)
{
    return log_lines_number(f->lines) << 16;
}

/* Forget pending event i; its device stays what it is. */
static void drop_pending(struct ftrace *f, unsigned i)
{
    f->pending[i] = f->pending[--f->pending_count];
}

static void drop_left(struct ftrace *f)
{
    for (unsigned i = f->pending_count; i-- > 0;)
        if (!log_order_at(f->order, f->pending[i].handle))
            f->pending[i] = f->pending[--f->pending_count];
}

static void add_pending(struct ftrace *f, struct log_handle handle, bool unmap)
{
    if (f->pending_count == PENDING)
        drop_left(f);
    if (f->pending_count == PENDING)
        drop_pending(f, 0);
    f->pending[f->pending_count++] = (struct pending){.handle = handle,
                                                      .context = f->event.context,
                                                      .iova = f->event.iova,
                                                      .bytes = f->event.bytes,
                                                      .unmap = unmap};
}

static void iommu_map(struct ftrace *f)
{
    const struct ftrace_event *event = &f->event;
    struct log_record record = {.time_ns = event->time_ns,
                                .iova = event->iova,
                                .bytes = event->bytes,
                                .address = event->address,
                                .device = NO_DEVICE,
                                .op = TRACE_MAP};
    add_pending(f, log_order_add(f->order, &record, line_rank(f) | LAST_RANK), false);
}

static void add_access(struct ftrace *f, enum trace_op op, uint64_t time_ns, uint64_t rank, uint16_t device,
                       uint64_t iova, uint64_t bytes)
{
    struct log_record record = {
        .time_ns = time_ns, .iova = iova, .bytes = bytes, .device = device, .op = (uint8_t)op};
    log_order_add(f->order, &record, rank);
}

/* The dma_unmap before this iommu:unmap in the same task, or NULL. */
static struct expected *expected_for(struct ftrace *f)
{
    const struct ftrace_event *event = &f->event;
    uint64_t first = first_page(event->iova), last = last_page(event->iova, event->bytes);
    for (unsigned i = 0; i < EXPECTED; i++) {
        struct expected *e = &f->expected[i];
        if (e->left_bytes == 0 || e->context != event->context)
            continue;
        if (event->time_ns - e->time_ns > LOG_ORDER_WINDOW_NS)
            e->left_bytes = 0;
        else if (e->all || (first >= e->first && last <= e->last))
            return e;
    }
    return NULL;
}

static void iommu_unmap(struct ftrace *f)
{
    const struct ftrace_event *event = &f->event;
    if (event->bytes == 0)
        return;
    const uint64_t *owner = log_table_find(&f->mapped, event->iova);
    uint16_t device = owner ? (uint16_t)(*owner - 1) : NO_DEVICE;
    struct expected *expected = expected_for(f);
    uint64_t rank = line_rank(f);
    if (expected) {
        device = expected->device;
        if (expected->all && expected->device_reads)
            add_access(f, TRACE_READ, event->time_ns, rank | 1, device, event->iova, event->bytes);
        if (expected->all && expected->device_writes)
            add_access(f, TRACE_WRITE, event->time_ns, rank | 2, device, event->iova, event->bytes);
        f->unpaired -= expected->all;
        bool done = expected->all || event->bytes >= expected->left_bytes;
        expected->left_bytes = done ? 0 : expected->left_bytes - event->bytes;
    }
    log_table_remove(&f->mapped, event->iova);
    struct log_record record = {.time_ns = event->time_ns,
                                .iova = event->iova,
                                .bytes = event->bytes,
                                .device = device,
                                .op = TRACE_UNMAP};
    struct log_handle handle = log_order_add(f->order, &record, rank | LAST_RANK);
    if (!expected)
        add_pending(f, handle, true);
}

/* ---- dma events ---- */

/* Give the device of this dma event to the iommu:maps before it in the same task. */
static bool claim_maps(struct ftrace *f, uint16_t device, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    for (unsigned i = f->pending_count; i-- > 0;) {
        const struct pending *pending = &f->pending[i];
        if (pending->unmap || pending->context != event->context ||
            !in_event(event, pending->iova, pending->bytes))
            continue;
        struct log_record *record = log_order_at(f->order, pending->handle);
        if (record) {
            record->device = device;
            record->op = event->device_writes ? TRACE_MAP : TRACE_MAP_RO;
        }
        uint64_t iova = pending->iova;
        drop_pending(f, i);
        if (log_table_full(&f->mapped))
            continue;
        uint64_t *owner = log_table_make(&f->mapped, iova, error);
        if (!owner)
            return false;
        *owner = device + UINT64_C(1);
    }
    return true;
}

/* Likewise for the iommu:unmaps; returns the first of them that is still in the window, or no handle. */
static struct log_handle claim_unmaps(struct ftrace *f, uint16_t device, bool *claimed)
{
    const struct ftrace_event *event = &f->event;
    struct log_handle found = {0};
    for (unsigned i = f->pending_count; i-- > 0;) {
        const struct pending *pending = &f->pending[i];
        if (!pending->unmap || pending->context != event->context ||
            !in_event(event, pending->iova, pending->bytes))
            continue;
        struct log_record *record = log_order_at(f->order, pending->handle);
        if (record) {
            record->device = device;
            if (found.rank == 0 || pending->handle.rank < found.rank)
                found = pending->handle;
        }
        *claimed = true;
        drop_pending(f, i);
    }
    return found;
}

static struct expected *new_expected(struct ftrace *f, uint16_t device)
{
    struct expected *e = &f->expected[f->next_expected++ % EXPECTED];
    *e = (struct expected){.time_ns = f->event.time_ns,
                           .context = f->event.context,
                           .device = device,
                           .device_reads = f->event.device_reads,
                           .device_writes = f->event.device_writes,
                           .left_bytes = 1};
    return e;
}

static void expect_unmap(struct ftrace *f, uint16_t device)
{
    const struct ftrace_event *event = &f->event;
    struct expected *e = new_expected(f, device);
    e->left_bytes = 0;
    e->first = UINT64_MAX;
    for (unsigned i = 0; i < event->count; i++) {
        uint64_t first = first_page(event->ranges[i].iova);
        uint64_t last = last_page(event->ranges[i].iova, event->ranges[i].bytes);
        e->first = first < e->first ? first : e->first;
        e->last = last > e->last ? last : e->last;
        e->left_bytes += (last - first + 1) * PAGE_BYTES;
    }
}

/* Whether a dma_sync showed writes to the range, which is then forgotten. */
static bool was_synced(struct ftrace *f, uint16_t device, const struct ftrace_range *range)
{
    bool synced = false;
    if (!f->synced.entries)
        return false;
    uint64_t first = first_page(range->iova), last = last_page(range->iova, range->bytes);
    for (uint64_t page = first; page <= last && page - first < SYNCED_PAGES; page++) {
        uint64_t key = device_key(device, page);
        synced |= log_table_find(&f->synced, key) != NULL;
        log_table_remove(&f->synced, key);
    }
    return synced;
}

/* The ranges of the event are unmapped: what its direction allows was done by then. */
static void dma_unmap(struct ftrace *f, uint16_t device, bool accessed)
{
    const struct ftrace_event *event = &f->event;
    bool claimed = false;
    struct log_handle unmap = claim_unmaps(f, device, &claimed);
    const struct log_record *unmap_record = log_order_at(f->order, unmap);
    uint64_t time_ns = unmap_record ? unmap_record->time_ns : event->time_ns;
    uint64_t rank = unmap_record ? unmap.rank & ~(uint64_t)LAST_RANK : line_rank(f);
    if (!claimed)
        expect_unmap(f, device);
    for (unsigned i = 0; accessed && i < event->count; i++) {
        const struct ftrace_range *range = &event->ranges[i];
        bool synced = was_synced(f, device, range);
        if (range->bytes == 0)
            continue;
        if (event->device_reads)
            add_access(f, TRACE_READ, time_ns, ++rank, device, range->iova, range->bytes);
        if (event->device_writes && !synced)
            add_access(f, TRACE_WRITE, time_ns, ++rank, device, range->iova, range->bytes);
    }
}

/* A page handed back to the CPU and mapped on: the device wrote to it before. */
static bool dma_sync(struct ftrace *f, uint16_t device, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    uint64_t rank = line_rank(f);
    for (unsigned i = 0; event->device_writes && i < event->count; i++) {
        const struct ftrace_range *range = &event->ranges[i];
        if (range->bytes == 0)
            continue;
        add_access(f, TRACE_WRITE, event->time_ns, ++rank, device, range->iova, range->bytes);
        if (!log_table_full(&f->synced) &&
            !log_table_make(&f->synced, device_key(device, first_page(range->iova)), error))
            return false;
    }
    return true;
}

static bool keep_scatter(struct ftrace *f, uint16_t device, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    if (event->phys_hash == 0) /* a single range */
        return true;
    if (f->scatter_ranges + event->count + 1 > SCATTER_RANGES) /* its unmap will be counted as unpaired */
        return true;
    size_t bytes = sizeof(struct scatter) + event->count * sizeof event->ranges[0];
    struct scatter *scatter = memory_zeroed(bytes, 1, error);
    if (!scatter)
        return false;
    scatter->count = event->count;
    memcpy(scatter->ranges, event->ranges, event->count * sizeof event->ranges[0]);
    uint64_t *head = log_table_make(&f->scatters, device_key(device, event->phys_hash), error);
    if (!head) {
        memory_free(scatter);
        return false;
    }
    f->scatter_ranges += event->count + 1;
    struct scatter *last = (struct scatter *)(uintptr_t)*head;
    if (!last) {
        *head = (uintptr_t)scatter;
        return true;
    }
    while (last->next)
        last = last->next;
    last->next = scatter;
    return true;
}

static void dma_unmap_sg(struct ftrace *f, uint16_t device)
{
    struct ftrace_event *event = &f->event;
    uint64_t key = device_key(device, event->phys_hash);
    uint64_t *head = log_table_find(&f->scatters, key);
    if (!head) {
        struct expected *e = new_expected(f, device);
        e->all = true;
        f->unpaired++;
        return;
    }
    struct scatter *scatter = (struct scatter *)(uintptr_t)*head;
    event->count = scatter->count;
    memcpy(event->ranges, scatter->ranges, scatter->count * sizeof event->ranges[0]);
    f->scatter_ranges -= scatter->count + 1;
    if (scatter->next)
        *head = (uintptr_t)scatter->next;
    else
        log_table_remove(&f->scatters, key);
    memory_free(scatter);
    dma_unmap(f, device, true);
}

/* An unmap of unknown range is followed by its iommu:unmap at once, or was none of an IOMMU. */
static void forget_open_ends(struct ftrace *f)
{
    for (unsigned i = 0; i < EXPECTED; i++)
        if (f->expected[i].all && f->expected[i].context == f->event.context)
            f->expected[i].left_bytes = 0;
}

static bool device_event(struct ftrace *f, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    uint16_t device;
    if (!find_device(f, &device, error))
        return false;
    forget_open_ends(f);
    f->truncated += event->truncated;
    switch (event->kind) {
    case FTRACE_DMA_MAP:
        return claim_maps(f, device, error) && keep_scatter(f, device, error);
    case FTRACE_DMA_ALLOC:
        return claim_maps(f, device, error);
    case FTRACE_DMA_UNMAP:
        dma_unmap(f, device, true);
        return true;
    case FTRACE_DMA_FREE:
        dma_unmap(f, device, false);
        return true;
    case FTRACE_DMA_UNMAP_SG:
        dma_unmap_sg(f, device);
        return true;
    case FTRACE_DMA_SYNC:
        return dma_sync(f, device, error);
    default:
        add_access(f, event->device_writes ? TRACE_WRITE : TRACE_READ, event->time_ns, line_rank(f) | 1,
                   device, event->iova, event->bytes);
        return true;
    }
}

/* ---- the trace ---- */

static bool take_event(struct ftrace *f, struct error *error)
{
    switch (f->event.kind) {
    case FTRACE_NONE:
        return true;
    case FTRACE_UNKNOWN:
        if (f->unknown++ == 0)
            f->first_unknown = log_lines_number(f->lines);
        return true;
    case FTRACE_LOST:
        f->lost += f->event.bytes;
        return true;
    default:
        break;
    }
    f->events++;
    log_order_advance(f->order, f->event.time_ns);
    switch (f->event.kind) {
    case FTRACE_PASSED:
        return true;
    case FTRACE_IOMMU_MAP:
        iommu_map(f);
        return true;
    case FTRACE_IOMMU_UNMAP:
        iommu_unmap(f);
        return true;
    default:
        return device_event(f, error);
    }
}

static bool read_line(struct ftrace *f, struct error *error)
{
    char *line;
    if (!log_lines_next(f->lines, &line, error))
        return false;
    f->ended = line == NULL;
    if (!line)
        return f->events > 0 || f->unknown == 0 ||
               error_set(error, ERROR_TRACE,
                         "error: none of its %llu lines is an event of iommu or dma as ftrace or `trace-cmd "
                         "report` print them",
                         (unsigned long long)log_lines_number(f->lines));
    if (log_lines_number(f->lines) == 1 && strncmp(line, "\027\bDtracing", 10) == 0)
        return error_set(
            error, ERROR_TRACE,
            "error: is a binary trace.dat; give its text: trace-cmd report FILE | dirtywalk trace "
            "convert - OUT --from ftrace");
    struct error cause = {0};
    if (!ftrace_line(line, &f->event, &cause)) {
        f->cut = log_lines_cut(f->lines);
        return f->cut || error_set(error, cause.kind, "error: line %llu: %s",
                                   (unsigned long long)log_lines_number(f->lines), cause.text);
    }
    return take_event(f, error);
}

static void write_warning(struct ftrace *f)
{
    char text[256];
    f->warning[0] = '\0';
    snprintf(text, sizeof text,
             "lines are no event of iommu or dma and were passed over, the first is line %llu",
             (unsigned long long)f->first_unknown);
    log_warn(f->warning, f->unknown, text);
    log_warn(f->warning, f->lost, "events were lost while recording");
    log_warn(f->warning, f->without_device,
             "maps or unmaps belong to no dma event and have the device ff:1f.7");
    log_warn(f->warning, f->unpaired,
             "dma_unmap_sg belong to no mapping in the log; their accesses are missing");
    log_warn(f->warning, f->truncated,
             "scatter lists were cut by the kernel; the accesses behind are missing");
    log_order_warn(f->order, f->warning);
    snprintf(text, sizeof text,
             "devices have no PCI address and are numbered from ff:00.0, the first is \"%s\"",
             f->devices.names[0]);
    log_warn(f->warning, f->devices.count, text);
    log_warn(f->warning, f->cut, "line at the end is cut and was passed over");
}

static void take_record(struct ftrace *f, struct trace_batch *batch)
{
    log_order_take(f->order, batch);
    size_t i = batch->count - 1;
    bool map = batch->op[i] == TRACE_MAP || batch->op[i] == TRACE_MAP_RO || batch->op[i] == TRACE_UNMAP;
    f->without_device += map && batch->device[i] == NO_DEVICE;
}

static bool ftrace_read(void *state, struct trace_batch *batch, struct error *error)
{
    struct ftrace *f = state;
    batch->count = 0;
    while (batch->count < TRACE_BATCH_RECORDS) {
        bool end = f->ended || f->failure.kind != ERROR_NONE;
        if (log_order_ready(f->order, end))
            take_record(f, batch);
        else if (end)
            break;
        else
            read_line(f, &f->failure);
    }
    write_warning(f);
    if (batch->count == 0 && f->failure.kind != ERROR_NONE)
        return error_set(error, f->failure.kind, "%s", f->failure.text);
    return true;
}

static void free_scatters(uint64_t head)
{
    for (struct scatter *scatter = (struct scatter *)(uintptr_t)head, *next; scatter; scatter = next) {
        next = scatter->next;
        memory_free(scatter);
    }
}

static void forget(struct ftrace *f)
{
    log_table_clear(&f->mapped, NULL);
    log_table_clear(&f->synced, NULL);
    log_table_clear(&f->scatters, free_scatters);
}

static void ftrace_close(void *state)
{
    struct ftrace *f = state;
    forget(f);
    log_lines_close(f->lines);
    log_order_free(f->order);
    memory_free(f);
}

static bool ftrace_open(const char *path, void **state, struct error *error)
{
    struct ftrace *f = memory_zeroed(1, sizeof *f, error);
    if (!f)
        return false;
    struct gz_reader *source;
    if (!gz_open(path, &source, error) || !log_lines_open(source, &f->lines, error) ||
        !(f->order = log_order_new(error))) {
        ftrace_close(f);
        return false;
    }
    *state = f;
    return true;
}

static bool ftrace_rewind(void *state, struct error *error)
{
    struct ftrace *f = state;
    struct log_lines *lines = f->lines;
    struct log_order *order = f->order;
    forget(f);
    log_order_clear(order);
    *f = (struct ftrace){.lines = lines, .order = order};
    return log_lines_rewind(lines, error);
}

static void ftrace_keep_times(void *state)
{
    struct ftrace *f = state;
    log_order_keep_times(f->order);
}

static const char *ftrace_warning(const void *state)
{
    const struct ftrace *f = state;
    return f->warning[0] ? f->warning : NULL;
}

static const char *const suffixes[] = {".ftrace.txt", ".ftrace.txt.gz", NULL};

const struct trace_format trace_ftrace = {
    .name = "ftrace",
    .summary = "Linux iommu and dma trace events as text of ftrace or trace-cmd report; plain or gzip",
    .limits = limits,
    .suffixes = suffixes,
    .open = ftrace_open,
    .read = ftrace_read,
    .rewind = ftrace_rewind,
    .keep_times = ftrace_keep_times,
    .warning = ftrace_warning,
    .close = ftrace_close,
};
