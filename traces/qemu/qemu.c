/* QEMU's trace events: accesses of emulated devices, and mappings and unmappings of the emulated IOMMU, as
 * records.
 *
 * The file is read twice: qemu_learn.h says what the first pass is for. README.md here says what becomes of
 * each event. */
#include <stdio.h>
#include <string.h>

#include "sim/base/interrupt_flag.h"
#include "sim/base/memory.h"
#include "traces/log/log_line.h"
#include "traces/log/log_order.h"
#include "traces/log/log_steps.h"
#include "traces/qemu/qemu_learn.h"
#include "traces/qemu/qemu_maps.h"
#include "traces/qemu/qemu_source.h"
#include "traces/qemu/qemu_threads.h"
#include "traces/trace.h"

static const char limits[] =
    "emulated devices: addresses and sizes are real, rates are the emulator's; a stock QEMU logs data "
    "transfers (address_space_map, or NVMe data and NIC receive buffers) but no descriptors, "
    "completions or doorbells, except the NIC's receive descriptors, shown when they are fetched, and "
    "behind virtio-iommu those whose translation is logged, as 1 byte; interrupts are not seen; VT-d and "
    "SMMUv3 log invalidations, which count as unmaps (strict mode: all of them; lazy mode: flushes of "
    "whole domains, which are no records), and never maps; AMD's IOMMU logs neither; with passthrough "
    "nothing tells which device an address space belongs to; devices that share a domain are not told "
    "apart";

enum {
    PAGE_BYTES = 4096,
    THREAD_SPACES = 4,  /* address spaces that a thread may use by turns */
    THREAD_WAITING = 8, /* accesses that wait for their translation */
};

_Static_assert((int)QEMU_ENDPOINTS <= (int)LOG_ORDER_ROOM, "a line must fit into the window");

/* The last address_space_map of a thread in an address space: the next one may cut it. */
struct transfer {
    struct log_handle handle;
    uint64_t as, iova, end;
    bool writes;
};

struct waiting {
    struct log_handle handle;
    uint64_t page;
};

struct thread {
    bool nvme_writes, nvme_reads; /* direction of the NVMe command it carries out */
    uint64_t iova, end;           /* of its last access */
    bool writes;
    struct log_handle access;
    unsigned next_transfer, next_waiting;
    struct transfer transfers[THREAD_SPACES];
    struct waiting waiting[THREAD_WAITING];
};

struct qemu {
    struct qemu_source *source;
    struct log_order *order;
    struct qemu_known known; /* from the first pass, as are */
    struct log_steps steps;
    bool timed; /* the log has times */
    bool keep_times;
    struct qemu_maps maps;
    struct qemu_event event;
    struct qemu_threads places;
    struct thread threads[QEMU_THREADS];
    uint64_t events, unknown, first_unknown, left_out, no_domain, no_direction, own, refused;
    bool numbered[LOG_DEVICE_NAMES]; /* which names of known.unnamed have records */
    bool ended;
    struct error failure; /* found behind records that were still to be returned */
    char warning[LOG_WARNING_BYTES];
};

static struct thread *thread_of(struct qemu *q, uint64_t id)
{
    bool fresh;
    struct thread *thread = &q->threads[qemu_thread_place(&q->places, id, &fresh)];
    if (fresh)
        *thread = (struct thread){0};
    return thread;
}

/* ---- records ---- */

static struct log_handle add(struct qemu *q, enum trace_op op, uint16_t device, unsigned nth)
{
    const struct qemu_event *event = &q->event;
    struct log_record record = {.time_ns = event->time_ns,
                                .iova = event->iova,
                                .bytes = event->bytes,
                                .address = event->address,
                                .device = device,
                                .op = (uint8_t)op};
    return log_order_add(q->order, &record, qemu_source_number(q->source) << 16 | (nth + 1));
}

static enum trace_op access_op(const struct qemu_event *event)
{
    return event->writes ? TRACE_WRITE : TRACE_READ;
}

/* address_space_map logs what is left of a transfer each time that pages of it are translated: the line
 * before then reached only to where this one begins, at a page. */
static void cut_transfer(struct qemu *q, struct thread *thread, struct log_handle handle)
{
    const struct qemu_event *event = &q->event;
    uint64_t end = event->iova + event->bytes;
    struct transfer *transfer = NULL;
    for (unsigned i = 0; i < THREAD_SPACES && !transfer; i++)
        if (thread->transfers[i].handle.rank != 0 && thread->transfers[i].as == event->as)
            transfer = &thread->transfers[i];
    if (!transfer)
        transfer = &thread->transfers[thread->next_transfer++ % THREAD_SPACES];
    else if (transfer->end == end && transfer->writes == event->writes && transfer->iova < event->iova &&
             event->iova % PAGE_BYTES == 0) {
        struct log_record *before = log_order_at(q->order, transfer->handle);
        if (before)
            before->bytes = event->iova - before->iova;
    }
    *transfer = (struct transfer){
        .handle = handle, .as = event->as, .iova = event->iova, .end = end, .writes = event->writes};
}

/* Nothing else happens on the thread during a transfer. */
static void end_transfers(struct thread *thread)
{
    for (unsigned i = 0; i < THREAD_SPACES; i++)
        thread->transfers[i].handle = (struct log_handle){0};
}

static void note_access(struct thread *thread, const struct qemu_event *event, struct log_handle handle)
{
    thread->access = handle;
    thread->iova = event->iova;
    thread->end = event->iova + event->bytes;
    thread->writes = event->writes;
}

static void space_access(struct qemu *q)
{
    const struct qemu_event *event = &q->event;
    const struct qemu_space *space = qemu_space_of(&q->known, event->as);
    if (!space || space->left_out) {
        q->left_out++;
        return;
    }
    if (event->bytes == 0)
        return;
    struct log_handle handle = add(q, access_op(event), space->device, 0);
    struct thread *thread = thread_of(q, event->thread);
    note_access(thread, event, handle);
    if (event->kind == QEMU_AS_MAP)
        cut_transfer(q, thread, handle);
    else
        end_transfers(thread);
}

/* An access of a device model's own event. Its device is the one that alone can reach the page, or that of
 * the translation which follows on its thread, or the usual one. */
static bool model_access(struct qemu *q, bool decided, uint16_t usual, const char *name, struct error *error)
{
    const struct qemu_event *event = &q->event;
    if (event->bytes == 0)
        return true;
    if (!qemu_maps_device(&q->maps, event->iova, &usual) && !decided &&
        !log_device_named(&q->known.unnamed, name, (unsigned)strlen(name), &usual, error))
        return false;
    struct thread *thread = thread_of(q, event->thread);
    struct log_handle handle = add(q, access_op(event), usual, 0);
    note_access(thread, event, handle);
    thread->waiting[thread->next_waiting++ % THREAD_WAITING] =
        (struct waiting){.handle = handle, .page = event->iova / PAGE_BYTES};
    return true;
}

static bool nvme_address(struct qemu *q, struct error *error)
{
    const struct thread *thread = thread_of(q, q->event.thread);
    if (q->known.has_as_map)
        return true;
    if (!thread->nvme_writes && !thread->nvme_reads) {
        q->no_direction++;
        return true;
    }
    q->event.writes = thread->nvme_writes;
    q->event.reads = thread->nvme_reads;
    return model_access(q, q->known.nvme_decided, q->known.nvme, "nvme", error);
}

/* The address just logged is in the controller's own memory: no DMA. */
static void nvme_own(struct qemu *q)
{
    struct thread *thread = thread_of(q, q->event.thread);
    for (unsigned i = 0; i < THREAD_WAITING; i++) {
        const struct log_record *record = log_order_at(q->order, thread->waiting[i].handle);
        if (!record || record->iova != q->event.iova)
            continue;
        log_order_drop(q->order, thread->waiting[i].handle);
        thread->waiting[i].handle = (struct log_handle){0};
        q->own++;
        return;
    }
}

/* The IOMMU refused a page of the thread's last access, which ends there. */
static void refusal(struct qemu *q)
{
    struct thread *thread = thread_of(q, q->event.thread);
    struct log_record *record = log_order_at(q->order, thread->access);
    uint64_t page = q->event.iova / PAGE_BYTES * PAGE_BYTES;
    q->refused++;
    if (!record || q->event.iova < record->iova / PAGE_BYTES * PAGE_BYTES ||
        q->event.iova - record->iova / PAGE_BYTES * PAGE_BYTES >= record->bytes + record->iova % PAGE_BYTES)
        return;
    if (page <= record->iova)
        log_order_drop(q->order, thread->access);
    else
        record->bytes = page - record->iova;
}

static void nvme_command(struct qemu *q)
{
    struct thread *thread = thread_of(q, q->event.thread);
    thread->nvme_writes = q->event.writes;
    thread->nvme_reads = q->event.reads;
    end_transfers(thread);
}

/* Where virtio-iommu has interrupts pass, on x86 and on Arm's virt machine; no memory is behind it. */
static bool is_interrupt(const struct qemu *q, const struct qemu_event *event)
{
    bool window = event->iova >> 20 == 0xfee || event->iova >> 20 == 0x80;
    return window && event->writes && !qemu_maps_reaches(&q->maps, event->iova, event->device);
}

/* Tells the device of the accesses that wait for it. One that says its direction and belongs to no access in
 * the log (of a descriptor, a completion) is an access itself, of unknown length. */
static void translation(struct qemu *q)
{
    struct qemu_event *event = &q->event;
    struct thread *thread = thread_of(q, event->thread);
    bool known = event->iova >= thread->iova && event->iova < thread->end && event->writes == thread->writes;
    for (unsigned i = 0; i < THREAD_WAITING; i++) {
        struct waiting *waiting = &thread->waiting[i];
        if (waiting->handle.rank == 0 || waiting->page != event->iova / PAGE_BYTES)
            continue;
        struct log_record *record = log_order_at(q->order, waiting->handle);
        if (record)
            record->device = event->device;
        waiting->handle = (struct log_handle){0};
        known = true;
    }
    if (!known && (event->writes || event->reads) && !is_interrupt(q, event)) {
        event->bytes = 1;
        add(q, access_op(event), event->device, 0);
    }
}

static void invalidation(struct qemu *q)
{
    const struct qemu_domain *domain = qemu_domain_of(&q->known, q->event.domain);
    if (domain && domain->decided)
        add(q, TRACE_UNMAP, domain->device, 0);
    else
        q->no_domain++;
}

/* virtio-iommu: once for each device of the domain. */
static void mapping(struct qemu *q)
{
    const struct qemu_event *event = &q->event;
    enum trace_op op = event->kind == QEMU_UNMAP ? TRACE_UNMAP : event->writes ? TRACE_MAP : TRACE_MAP_RO;
    unsigned devices = 0;
    for (unsigned i = 0; i < q->maps.endpoint_count; i++)
        if (q->maps.endpoints[i].domain == event->domain)
            add(q, op, q->maps.endpoints[i].device, devices++);
    q->no_domain += devices == 0;
}

/* ---- the trace ---- */

/* Without any times each line is a microsecond behind the one before. */
static bool set_time(struct qemu *q, struct error *error)
{
    enum { LINE_NS = 1000 };
    struct qemu_event *event = &q->event;
    uint64_t number = qemu_source_number(q->source);
    if (!q->timed)
        event->time_ns = (number - 1) * LINE_NS;
    else if (!event->timed)
        return error_set(error, ERROR_TRACE,
                         "error: %s %llu: has no time, which others have; record with -msg timestamp=on, or "
                         "mend the %s",
                         qemu_source_unit(q->source), (unsigned long long)number,
                         qemu_source_unit(q->source));
    else if (!q->keep_times)
        event->time_ns = log_steps_mend(&q->steps, number, event->time_ns);
    return true;
}

static bool take_event(struct qemu *q, struct error *error)
{
    struct qemu_event *event = &q->event;
    if (event->kind == QEMU_PASSED && q->timed && !event->timed)
        event->kind = QEMU_UNKNOWN;
    if (event->kind == QEMU_UNKNOWN && q->unknown++ == 0)
        q->first_unknown = qemu_source_number(q->source);
    if (event->kind == QEMU_UNKNOWN || event->kind == QEMU_NONE || event->kind == QEMU_NAMED)
        return true;
    q->events++;
    if (!set_time(q, error))
        return false;
    log_order_advance(q->order, event->time_ns);
    switch (event->kind) {
    case QEMU_ACCESS:
    case QEMU_AS_MAP:
        space_access(q);
        return true;
    case QEMU_NVME_COMMAND:
        nvme_command(q);
        return true;
    case QEMU_NVME_ADDRESS:
        return nvme_address(q, error);
    case QEMU_NVME_OWN:
        nvme_own(q);
        return true;
    case QEMU_REFUSED:
        refusal(q);
        return true;
    case QEMU_NIC_WRITE:
        return q->known.has_access || model_access(q, q->known.nic_decided, q->known.nic, "nic", error);
    case QEMU_NIC_DESCRIPTOR:
        return q->known.has_access || q->known.has_directions ||
               model_access(q, q->known.nic_decided, q->known.nic, "nic", error);
    case QEMU_TRANSLATE:
        translation(q);
        return true;
    case QEMU_INVALIDATE:
        invalidation(q);
        return true;
    case QEMU_MAP:
    case QEMU_UNMAP:
        mapping(q);
        return qemu_maps_take(&q->maps, event, error);
    default:
        return qemu_maps_take(&q->maps, event, error);
    }
}

static bool read_event(struct qemu *q, struct error *error)
{
    if (!qemu_source_next(q->source, &q->event, &q->ended, error))
        return false;
    if (!q->ended)
        return take_event(q, error);
    return q->events > 0 || q->unknown == 0 ||
           error_set(error, ERROR_TRACE,
                     "error: none of its %llu %ss is a QEMU trace event that says anything about DMA",
                     (unsigned long long)qemu_source_number(q->source), qemu_source_unit(q->source));
}

/* Names whose accesses were all found to be of known devices, or left out, do not count. */
static void warn_of_numbers(struct qemu *q)
{
    uint64_t count = 0;
    const char *first = NULL;
    for (unsigned i = 0; i < q->known.unnamed.count; i++) {
        if (q->numbered[i] && !first)
            first = q->known.unnamed.names[i];
        count += q->numbered[i];
    }
    char text[256];
    snprintf(text, sizeof text,
             "devices have no PCI address in the log and are numbered from ff:00.0 (name them by lines "
             "\"# as:0x... bb:dd.f\"), the first is \"%s\"",
             first ? first : "");
    log_warn(q->warning, count, text);
}

static void warn_of_time(struct qemu *q)
{
    char text[256];
    if (!q->timed && q->events > 0)
        log_warn_text(q->warning, "the log has no times, so they are made up: 1 us from line to line (run "
                                  "QEMU with -msg timestamp=on to have them)");
    snprintf(text, sizeof text,
             "steps back of the clock, the first at %s %llu; time goes on there from the line before "
             "(dirtywalk trace convert --sort keeps the times in the log)",
             qemu_source_unit(q->source), (unsigned long long)q->steps.steps[0].line);
    log_warn(q->warning, q->keep_times ? 0 : q->steps.count, text);
    log_order_warn(q->order, q->warning);
}

static void write_warning(struct qemu *q)
{
    char text[256];
    q->warning[0] = '\0';
    const char *unit = qemu_source_unit(q->source);
    snprintf(text, sizeof text, "%ss are no event of this reader and were passed over, the first is %s %llu",
             unit, unit, (unsigned long long)q->first_unknown);
    log_warn(q->warning, q->unknown, text);
    warn_of_time(q);
    warn_of_numbers(q);
}

static void qemu_missing(const void *state, struct trace_missing *missing)
{
    const struct qemu *q = state;
    char text[TRACE_MISSING_WHAT_BYTES];
    trace_missing_add(missing, q->left_out,
                      "accesses are of address spaces that no device is known for and were left out",
                      "if they are a device's, name it by a line \"# as:0x... bb:dd.f\" in the log");
    trace_missing_add(missing, q->no_domain,
                      "maps or unmaps are of domains that no device is known for and were left out", NULL);
    trace_missing_add(missing, q->no_direction,
                      "NVMe transfers belong to no command that says their direction and were left out",
                      "record the event pci_nvme_io_cmd too");
    trace_missing_add(missing, q->own, "NVMe transfers are in the controller's own memory and are no records",
                      NULL);
    trace_missing_add(missing, q->refused, "accesses were refused by the IOMMU and are no records", NULL);
    trace_missing_add(missing, qemu_source_dropped(q->source),
                      "events were lost by QEMU itself while it recorded", "record fewer events at once");
    snprintf(text, sizeof text, "%s at the end is cut and was passed over", qemu_source_unit(q->source));
    trace_missing_add(missing, qemu_source_cut(q->source), text, NULL);
}

static void note_numbers(struct qemu *q, const struct trace_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        unsigned number = (unsigned)batch->device[i] - LOG_DEVICE_FIRST;
        if (number < LOG_DEVICE_NAMES)
            q->numbered[number] = true;
    }
}

static bool qemu_read(void *state, struct trace_batch *batch, struct error *error)
{
    struct qemu *q = state;
    batch->count = 0;
    while (batch->count < TRACE_BATCH_RECORDS) {
        bool end = q->ended || q->failure.kind != ERROR_NONE;
        if (log_order_ready(q->order, end))
            log_order_take(q->order, batch);
        else if (end)
            break;
        else
            read_event(q, &q->failure);
    }
    note_numbers(q, batch);
    write_warning(q);
    if (batch->count == 0 && q->failure.kind != ERROR_NONE)
        return error_set(error, q->failure.kind, "%s", q->failure.text);
    return true;
}

static bool qemu_rewind(void *state, struct error *error)
{
    struct qemu *q = state;
    qemu_maps_clear(&q->maps);
    q->places.count = q->places.next = 0;
    q->events = q->unknown = q->left_out = q->no_domain = q->no_direction = q->own = q->refused = 0;
    memset(q->numbered, 0, sizeof q->numbered);
    log_steps_begin(&q->steps);
    q->ended = false;
    q->failure = (struct error){0};
    log_order_clear(q->order);
    return qemu_source_rewind(q->source, error);
}

/* The first pass. What is wrong or damaged is left to the second one, behind the records before it. */
static bool learn(struct qemu *q, struct error *error)
{
    enum { TELL_EACH = 4096 };
    struct qemu_learner *learner = qemu_learner_new(&q->known, error);
    if (!learner)
        return false;
    struct qemu_event event;
    bool good = true, end = false;
    while (good && !end) {
        uint64_t number = qemu_source_number(q->source);
        if (number % TELL_EACH == 0)
            trace_preparing(number);
        bool understood = qemu_source_next(q->source, &event, &end, NULL);
        if (understood && event.timed && event.kind > QEMU_UNKNOWN) {
            q->timed = true;
            log_steps_learn(&q->steps, qemu_source_number(q->source), event.thread, event.time_ns);
        }
        if (understood)
            good = end || (qemu_learn(learner, &event, error) && interrupt_check(error));
        else
            end = qemu_source_number(q->source) == number; /* there is nothing behind it */
    }
    qemu_learner_free(learner);
    log_steps_learnt(&q->steps);
    return good && qemu_learned(&q->known, error) && qemu_rewind(q, error);
}

static void qemu_close(void *state)
{
    struct qemu *q = state;
    qemu_source_close(q->source);
    log_order_free(q->order);
    qemu_maps_clear(&q->maps);
    memory_free(q);
}

static bool open_log(struct qemu *q, const char *path, struct error *error)
{
    return qemu_source_open(path, &q->source, error) && (q->order = log_order_new(error)) && learn(q, error);
}

static bool qemu_open(const char *path, void **state, struct error *error)
{
    struct qemu *q = memory_zeroed(1, sizeof *q, error);
    if (!q)
        return false;
    if (!open_log(q, path, error)) {
        qemu_close(q);
        return false;
    }
    *state = q;
    return true;
}

static void qemu_keep_times(void *state)
{
    struct qemu *q = state;
    q->keep_times = true;
    log_order_keep_times(q->order);
}

static const char *qemu_warning(const void *state)
{
    const struct qemu *q = state;
    return q->warning[0] ? q->warning : NULL;
}

static const char *const suffixes[] = {".qemu.log", ".qemu.log.gz", ".qemu.simple", ".qemu.simple.gz", NULL};

const struct trace_format trace_qemu = {
    .name = "qemu",
    .summary = "QEMU trace events of devices and IOMMUs, as a log (made with -msg timestamp=on) or as the "
               "binary file of the simple backend; plain or gzip",
    .limits = limits,
    .suffixes = suffixes,
    .open = qemu_open,
    .read = qemu_read,
    .rewind = qemu_rewind,
    .keep_times = qemu_keep_times,
    .warning = qemu_warning,
    .missing = qemu_missing,
    .close = qemu_close,
};
