/* Kernel traces: the iommu and dma events of ftrace as records.
 *
 * The events of one dma_map or dma_unmap call name different things: iommu:map and unmap have the pages but
 * no device, dma:* has the device and the direction. ftrace_pairs.h joins them, a line later or earlier,
 * which is what the window of log_order.h is for. README.md here says what becomes of each event. */

#include <stdio.h>
#include <string.h>

#include "sim/base/interrupt_flag.h"
#include "sim/base/memory.h"
#include "traces/file/gz.h"
#include "traces/ftrace/ftrace_lists.h"
#include "traces/ftrace/ftrace_names.h"
#include "traces/ftrace/ftrace_pairs.h"
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
    "6.12) has no device";

enum {
    SYNCED_PAGES = 4096, /* of one unmapped range, at most this many are looked up */
    PAGE_BYTES = 4096,
    LAST_RANK = 0xffff, /* of an unmap among the records of its line: the accesses come before it */
    OPEN_NS = 10000000, /* from a dma_unmap_sg to its iommu:unmap, when nothing else tells them */
};

static const uint64_t most_bytes = UINT64_C(1) << 32; /* of an access (trace.h) */

_Static_assert(2 * (int)FTRACE_RANGES <= (int)LOG_ORDER_ROOM, "a line must fit into the window");

struct ftrace {
    struct log_lines *lines;
    struct log_order *order;
    struct ftrace_pairs *pairs;
    struct ftrace_names *names;
    struct ftrace_print print;
    struct log_table mapped;           /* iova of a map that was not unmapped */
    struct log_table synced;           /* device and page -> reported as written since it was mapped */
    uint8_t syncs[TRACE_DEVICES / 8];  /* devices in it, once */
    uint8_t direct[TRACE_DEVICES / 8]; /* devices that were last seen to map memory where it is */
    struct ftrace_lists lists;
    uint64_t events, unknown, first_unknown, without_device;
    /* What is missing. */
    uint64_t overwritten, lost, gaps, cut_events, unpaired, cut_lists, refused, empty, too_far;
    bool ended, cut;
    struct error failure; /* found behind records that were still to be returned */
    char warning[LOG_WARNING_BYTES];
    struct ftrace_event event;
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

static uint64_t device_key(uint16_t device, uint64_t number)
{
    return number ^ (uint64_t)device << 48;
}

static bool is_in(const uint8_t set[TRACE_DEVICES / 8], uint16_t device)
{
    return set[device / 8] >> device % 8 & 1;
}

static void put_in(uint8_t set[TRACE_DEVICES / 8], uint16_t device, bool in)
{
    uint8_t bit = (uint8_t)(1U << device % 8);
    set[device / 8] = (uint8_t)(in ? set[device / 8] | bit : set[device / 8] & ~bit);
}

static uint64_t line_rank(const struct ftrace *f)
{
    return log_lines_number(f->lines) << 16;
}

static struct log_handle add_access(struct ftrace *f, enum trace_op op, uint64_t time_ns, uint64_t rank,
                                    uint16_t device, uint64_t iova, uint64_t bytes)
{
    struct log_record record = {
        .time_ns = time_ns, .iova = iova, .bytes = bytes, .device = device, .op = (uint8_t)op};
    return log_order_add(f->order, &record, rank);
}

/* ---- iommu events ---- */

static bool iommu_map(struct ftrace *f, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    struct log_record record = {.time_ns = event->time_ns,
                                .iova = event->iova,
                                .bytes = event->bytes,
                                .address = event->address,
                                .device = FTRACE_NO_DEVICE,
                                .op = TRACE_MAP};
    ftrace_pairs_wait(f->pairs, event, log_order_add(f->order, &record, line_rank(f) | LAST_RANK));
    return log_table_full(&f->mapped) || log_table_make(&f->mapped, event->iova, error);
}

/* The list that this unmap ends goes on behind what was listed of it. */
static void access_rest(struct ftrace *f, const struct ftrace_unmap *unmap)
{
    const struct ftrace_event *event = &f->event;
    uint64_t from = ftrace_pairs_round_up(f->pairs, unmap->iova + unmap->bytes);
    uint64_t end = event->iova + event->bytes, rank = line_rank(f);
    f->cut_lists--;
    if (from >= end)
        return;
    if (unmap->device_reads)
        add_access(f, TRACE_READ, event->time_ns, ++rank, unmap->device, from, end - from);
    if (unmap->device_writes)
        add_access(f, TRACE_WRITE, event->time_ns, ++rank, unmap->device, from, end - from);
}

/* The dma_unmap_sg before this unmap in its task has no addresses, and its list is not in the log. */
static void access_open(struct ftrace *f, const struct ftrace_open *open, struct ftrace_waiting *waiting)
{
    const struct ftrace_event *event = &f->event;
    uint64_t rank = line_rank(f);
    if (open->device_reads)
        waiting->guessed[0] =
            add_access(f, TRACE_READ, event->time_ns, ++rank, open->device, event->iova, event->bytes);
    if (open->device_writes)
        waiting->guessed[1] =
            add_access(f, TRACE_WRITE, event->time_ns, ++rank, open->device, event->iova, event->bytes);
}

static bool is_open_here(const struct ftrace *f, const struct ftrace_open *open)
{
    const struct ftrace_event *event = &f->event;
    return open->least_bytes > 0 && !open->taken && event->bytes >= open->least_bytes &&
           event->bytes <= most_bytes && (open->device_reads || open->device_writes) &&
           event->time_ns - open->time_ns <= OPEN_NS && !log_table_find(&f->mapped, event->iova);
}

static void iommu_unmap(struct ftrace *f)
{
    const struct ftrace_event *event = &f->event;
    struct ftrace_unmap unmap;
    struct ftrace_open *open = ftrace_pairs_open(f->pairs, event);
    bool expected = ftrace_pairs_expected(f->pairs, event, &unmap);
    bool guess = !expected && is_open_here(f, open);
    struct log_record record = {.time_ns = event->time_ns,
                                .iova = event->iova,
                                .bytes = event->bytes,
                                .device = expected ? unmap.device
                                          : guess  ? open->device
                                                   : FTRACE_NO_DEVICE,
                                .op = TRACE_UNMAP};
    struct log_handle handle = log_order_add(f->order, &record, line_rank(f) | LAST_RANK);
    log_table_remove(&f->mapped, event->iova);
    if (expected && unmap.open_end)
        access_rest(f, &unmap);
    if (expected && !unmap.tentative)
        return;
    struct ftrace_waiting *waiting = ftrace_pairs_wait(f->pairs, event, handle);
    if (!guess)
        return;
    access_open(f, open, waiting);
    f->unpaired--;
    open->taken = true;
}

/* ---- dma events ---- */

/* Give the device of this dma event to its iommu:maps. */
static void claim_maps(struct ftrace *f, uint16_t device)
{
    struct ftrace_event *event = &f->event;
    struct ftrace_waiting map;
    uint64_t below = UINT64_MAX;
    if (event->direct || event->moved)
        put_in(f->direct, device, event->direct);
    if (is_in(f->direct, device))
        return;
    uint64_t end = event->open_end ? ftrace_pairs_list_end(f->pairs, event) : 0;
    if (end > 0 && event->count < FTRACE_RANGES) {
        const struct ftrace_range *last = &event->ranges[event->count - 1];
        uint64_t from = ftrace_pairs_round_up(f->pairs, last->iova + last->bytes);
        if (end > from)
            event->ranges[event->count++] = (struct ftrace_range){from, end - from};
        event->open_end = false;
    }
    while (ftrace_pairs_map(f->pairs, event, &below, &map)) {
        struct log_record *record = log_order_at(f->order, map.record);
        if (!record)
            continue;
        record->device = device;
        record->op = event->device_writes ? TRACE_MAP : TRACE_MAP_RO;
    }
}

/* It was no unmap of an open list, which goes on waiting. */
static void take_back(struct ftrace *f, const struct ftrace_waiting *unmap)
{
    if (unmap->guessed[0].rank == 0 && unmap->guessed[1].rank == 0)
        return;
    log_order_drop(f->order, unmap->guessed[0]);
    log_order_drop(f->order, unmap->guessed[1]);
    f->unpaired++;
    ftrace_pairs_open(f->pairs, &f->event)->taken = false;
}

/* Likewise for the iommu:unmaps; returns the first of them, or no handle. */
static struct log_handle claim_unmaps(struct ftrace *f, uint16_t device)
{
    struct log_handle first = {0};
    struct ftrace_waiting unmap;
    uint64_t below = UINT64_MAX;
    while (ftrace_pairs_unmap(f->pairs, &f->event, &below, &unmap)) {
        struct log_record *record = log_order_at(f->order, unmap.record);
        if (!record)
            continue;
        take_back(f, &unmap);
        record->device = device;
        if (first.rank == 0 || unmap.record.rank < first.rank)
            first = unmap.record;
    }
    return first;
}

/* Some drivers unmap or sync what could not be mapped, at the address -1. */
static bool is_range(struct ftrace *f, const struct ftrace_range *range)
{
    bool passes = range->bytes > 0 && range->bytes - 1 > UINT64_MAX - range->iova;
    f->too_far += passes;
    return range->bytes > 0 && !passes;
}

/* Whether a dma_sync showed writes to the range, which is then forgotten. */
static bool was_synced(struct ftrace *f, uint16_t device, const struct ftrace_range *range)
{
    bool synced = false;
    if (!is_in(f->syncs, device))
        return false;
    uint64_t first = first_page(range->iova), last = last_page(range->iova, range->bytes);
    for (uint64_t page = first; page <= last && page - first < SYNCED_PAGES; page++) {
        uint64_t key = device_key(device, page);
        synced |= log_table_find(&f->synced, key) != NULL;
        log_table_remove(&f->synced, key);
    }
    return synced;
}

/* The ranges of the event are unmapped: what its direction allows was done by then. The kernel prints the
 * iommu:unmap of a page before this event, that of a list or of memory that is freed behind it. */
static void dma_unmap(struct ftrace *f, uint16_t device, bool accessed)
{
    const struct ftrace_event *event = &f->event;
    struct log_handle unmap = {0};
    bool direct = is_in(f->direct, device);
    if (event->kind == FTRACE_DMA_UNMAP && !direct)
        unmap = claim_unmaps(f, device);
    if (unmap.rank == 0 && !direct)
        ftrace_pairs_expect(f->pairs, event, device);
    const struct log_record *record = log_order_at(f->order, unmap);
    uint64_t time_ns = record ? record->time_ns : event->time_ns;
    uint64_t rank = record ? unmap.rank & ~(uint64_t)LAST_RANK : line_rank(f);
    for (unsigned i = 0; accessed && i < event->count; i++) {
        const struct ftrace_range *range = &event->ranges[i];
        bool synced = was_synced(f, device, range);
        if (!is_range(f, range))
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
    f->cut_lists += event->open_end;
    for (unsigned i = 0; event->device_writes && i < event->count; i++) {
        const struct ftrace_range *range = &event->ranges[i];
        if (!is_range(f, range))
            continue;
        add_access(f, TRACE_WRITE, event->time_ns, ++rank, device, range->iova, range->bytes);
        put_in(f->syncs, device, true);
        if (!log_table_full(&f->synced) &&
            !log_table_make(&f->synced, device_key(device, first_page(range->iova)), error))
            return false;
    }
    return true;
}

static bool dma_map(struct ftrace *f, uint16_t device, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    claim_maps(f, device);
    if (event->phys_hash == 0) /* a single range */
        return true;
    f->cut_lists += event->open_end;
    return ftrace_lists_keep(&f->lists, device, event, error);
}

static void dma_unmap_sg(struct ftrace *f, uint16_t device)
{
    struct ftrace_event *event = &f->event;
    if (ftrace_lists_take(&f->lists, device, event)) {
        dma_unmap(f, device, true);
        return;
    }
    f->unpaired++;
    if (is_in(f->direct, device))
        return;
    *ftrace_pairs_open(f->pairs, event) =
        (struct ftrace_open){.time_ns = event->time_ns,
                             .least_bytes = (uint64_t)event->phys_count * PAGE_BYTES,
                             .device = device,
                             .device_reads = event->device_reads,
                             .device_writes = event->device_writes};
}

static bool device_event(struct ftrace *f, struct error *error)
{
    const struct ftrace_event *event = &f->event;
    uint16_t device;
    if (!ftrace_names_find(f->names, event->device, event->device_length, &device, error))
        return false;
    /* The unmap of an open list follows at once, but for an interrupt that ends transfers of its own. */
    if (event->kind != FTRACE_DMA_UNMAP)
        ftrace_pairs_open(f->pairs, event)->least_bytes = 0;
    switch (event->kind) {
    case FTRACE_DMA_MAP:
        return dma_map(f, device, error);
    case FTRACE_DMA_ALLOC:
        claim_maps(f, device);
        return true;
    case FTRACE_DMA_UNMAP:
        dma_unmap(f, device, true);
        return true;
    case FTRACE_DMA_FREE:
        dma_unmap(f, device, false);
        return true;
    case FTRACE_DMA_UNMAP_SG:
        dma_unmap_sg(f, device);
        return true;
    default:
        return dma_sync(f, device, error);
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
    case FTRACE_OVERWRITTEN:
        f->overwritten += f->event.bytes;
        return true;
    case FTRACE_LOST:
        f->lost += f->event.bytes;
        f->gaps += f->event.bytes == 0;
        return true;
    case FTRACE_CUT:
        f->cut_events++;
        return true;
    default:
        break;
    }
    f->events++;
    log_order_advance(f->order, f->event.time_ns);
    switch (f->event.kind) {
    case FTRACE_PASSED:
        return true;
    case FTRACE_FAULT:
        f->refused++;
        return true;
    case FTRACE_IOMMU_MAP:
    case FTRACE_IOMMU_UNMAP:
        if (f->event.bytes == 0) {
            f->empty++;
            return true;
        }
        if (f->event.kind == FTRACE_IOMMU_MAP)
            return iommu_map(f, error);
        iommu_unmap(f);
        return true;
    default:
        return device_event(f, error);
    }
}

static bool read_line(struct ftrace *f, struct error *error)
{
    char *line;
    if (!log_lines_next(f->lines, &line, error) ||
        (log_lines_number(f->lines) % 65536 == 0 && !interrupt_check(error)))
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
    if (!ftrace_line(line, &f->print, &f->event, &cause)) {
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
    log_warn(f->warning, f->without_device,
             "maps or unmaps belong to no dma event and have the device ff:1f.7");
    log_order_warn(f->order, f->warning);
    ftrace_names_warn(f->names, f->warning);
}

static const char larger_buffers[] =
    "record with larger buffers (buffer_size_kb, trace-cmd record -b) or fewer events";

static void ftrace_missing(const void *state, struct trace_missing *missing)
{
    const struct ftrace *f = state;
    trace_missing_add(missing, f->overwritten, "events were overwritten while recording", larger_buffers);
    trace_missing_add(missing, f->lost, "events were lost while recording", larger_buffers);
    trace_missing_add(missing, f->gaps, "gaps in the recording have lost events whose number is not known", larger_buffers);
    trace_missing_add(missing, f->cut_events,
                      "events were cut by the kernel ([LINE TOO BIG]) and passed over",
                      "record with trace-cmd, whose report has no longest line");
    trace_missing_add(missing, f->unpaired,
                      "dma_unmap_sg belong to no mapping in the log, so their accesses are not known",
                      "record from boot on (trace_event=iommu,dma)");
    trace_missing_add(missing, f->cut_lists,
                      "scatter lists were cut by the kernel, and what they have behind is not known",
                      "record iommu events too");
    trace_missing_add(missing, f->refused,
                      "accesses were refused by the IOMMU (io_page_fault) and are no records", NULL);
    trace_missing_add(missing, f->empty, "maps or unmaps of 0 bytes were passed over", NULL);
    trace_missing_add(missing, f->too_far, "dma ranges pass 2^64 and were passed over", NULL);
    trace_missing_add(missing, f->cut, "line at the end is cut and was passed over", NULL);
}

static void take_record(struct ftrace *f, struct trace_batch *batch)
{
    size_t i = batch->count;
    log_order_take(f->order, batch);
    if (batch->count == i) /* it was dropped */
        return;
    bool map = batch->op[i] == TRACE_MAP || batch->op[i] == TRACE_MAP_RO || batch->op[i] == TRACE_UNMAP;
    f->without_device += map && batch->device[i] == FTRACE_NO_DEVICE;
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

static void forget(struct ftrace *f)
{
    log_table_clear(&f->mapped, NULL);
    log_table_clear(&f->synced, NULL);
    ftrace_lists_clear(&f->lists);
    if (f->pairs)
        ftrace_pairs_clear(f->pairs);
    if (f->names)
        ftrace_names_clear(f->names);
}

static void ftrace_close(void *state)
{
    struct ftrace *f = state;
    forget(f);
    log_lines_close(f->lines);
    log_order_free(f->order);
    ftrace_pairs_free(f->pairs);
    ftrace_names_free(f->names);
    memory_free(f);
}

static bool ftrace_open(const char *path, void **state, struct error *error)
{
    struct ftrace *f = memory_zeroed(1, sizeof *f, error);
    if (!f)
        return false;
    struct gz_reader *source;
    if (!gz_open(path, &source, error) || !log_lines_open(source, &f->lines, error) ||
        !(f->order = log_order_new(error)) || !(f->pairs = ftrace_pairs_new(error)) ||
        !(f->names = ftrace_names_new(error))) {
        ftrace_close(f);
        return false;
    }
    *state = f;
    return true;
}

static bool ftrace_rewind(void *state, struct error *error)
{
    struct ftrace *f = state;
    forget(f);
    log_order_clear(f->order);
    *f = (struct ftrace){.lines = f->lines, .order = f->order, .pairs = f->pairs, .names = f->names};
    return log_lines_rewind(f->lines, error);
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
    .missing = ftrace_missing,
    .close = ftrace_close,
};
