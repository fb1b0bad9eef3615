#include "traces/ftrace/ftrace_line.h"

#include <string.h>

#include "traces/log/log_line.h"

/* ---- "TASK-PID (TGID) [CPU] FLAGS SECONDS.FRACTION: SUBSYSTEM:EVENT: TEXT"; TGID, FLAGS and SUBSYSTEM may
 * be missing, and a task's name may hold anything, so the CPU is looked for first. ---- */

/* The process id in front of `cpu`, which is the "[" of the CPU. */
static bool pid_before(const char *line, const char *cpu, uint64_t *pid)
{
    const char *end = cpu;
    while (end > line && end[-1] == ' ')
        end--;
    if (end > line && end[-1] == ')') {
        while (end > line && end[-1] != '(')
            end--;
        end -= end > line;
        while (end > line && end[-1] == ' ')
            end--;
    }
    const char *digits = end;
    while (digits > line && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits < end && log_decimal(&digits, pid);
}

/* The time behind the CPU, after at most two columns of flags; NULL when there is none. */
static const char *time_behind(const char *p, uint64_t *time_ns, bool *no_seconds)
{
    for (unsigned column = 0; column < 3 && *p; column++) {
        while (*p == ' ')
            p++;
        const char *after = p;
        uint64_t ticks;
        if (log_time(&after, time_ns) && *after == ':')
            return after + 1;
        after = p;
        if (log_decimal(&after, &ticks) && *after == ':')
            *no_seconds = true;
        while (*p && *p != ' ')
            p++;
    }
    return NULL;
}

/* The text behind the header, or NULL where there is no header. */
static const char *header(const char *line, struct ftrace_event *event, bool *no_seconds)
{
    for (const char *cpu = strchr(line, '['); cpu; cpu = strchr(cpu + 1, '[')) {
        const char *p = cpu + 1;
        uint64_t number, pid;
        if (!log_decimal(&p, &number) || !log_literal(&p, "] ") || !pid_before(line, cpu, &pid))
            continue;
        p = time_behind(p, &event->time_ns, no_seconds);
        if (!p)
            continue;
        event->context = pid == 0 ? number : ~pid;
        return p;
    }
    return NULL;
}

/* ---- fields ---- */

static bool missing(const char *what, struct error *error)
{
    return error_set(error, ERROR_TRACE, "%s is missing or no number", what);
}

/* A field that the kernel prints in hexadecimal without 0x; a raw field of libtraceevent says which it is. */
static bool address_field(const char *text, const char *key, bool raw, uint64_t *value, struct error *error)
{
    const char *p = log_field(text, key);
    return (p && (raw ? log_number(&p, value) : log_hex(&p, value))) || missing(key, error);
}

static bool number_field(const char *text, const char *key, uint64_t *value, struct error *error)
{
    const char *p = log_field(text, key);
    return (p && log_number(&p, value)) || missing(key, error);
}

/* {0x1,0x2} or ARRAY[01, 00, 00, 00, ...] with `item_bytes` bytes, the lowest first, for each item. Items
 * beyond the capacity are counted and not kept. */
static bool list(const char *p, unsigned item_bytes, uint64_t *items, size_t stride, unsigned capacity,
                 unsigned *count)
{
    bool raw = log_literal(&p, "ARRAY[");
    char close = raw ? ']' : '}';
    if (!raw && !log_literal(&p, "{"))
        return false;
    uint64_t item = 0;
    unsigned bytes = 0;
    for (*count = 0; *p != close;) {
        uint64_t value;
        if (!log_hex(&p, &value) || (raw && value > 0xff))
            return false;
        item = raw ? item | value << 8 * bytes : value;
        if (!raw || ++bytes == item_bytes) {
            if (*count < capacity)
                items[*count * stride] = item;
            ++*count;
            item = bytes = 0;
        }
        if (*p == ',') {
            p++;
            while (*p == ' ')
                p++;
        } else if (*p != close) {
            return false;
        }
    }
    return bytes == 0;
}

static bool direction(const char *text, struct ftrace_event *event, struct error *error)
{
    static const struct {
        const char *word, *number;
        bool device_reads, device_writes;
    } directions[] = {
        {"BIDIRECTIONAL", "0", true, true},
        {"TO_DEVICE", "1", true, false},
        {"FROM_DEVICE", "2", false, true},
        {"NONE", "3", false, false},
    };
    const char *p = log_field(text, "dir");
    if (!p && (event->kind == FTRACE_DMA_ALLOC || event->kind == FTRACE_DMA_FREE))
        p = "BIDIRECTIONAL"; /* the first kernels with these events did not print it */
    for (unsigned i = 0; p && i < sizeof directions / sizeof directions[0]; i++) {
        const char *after = p;
        if ((log_literal(&after, directions[i].word) || log_literal(&after, directions[i].number)) &&
            (*after == '\0' || *after == ' ')) {
            event->device_reads = directions[i].device_reads;
            event->device_writes = directions[i].device_writes;
            return true;
        }
    }
    return error_set(error, ERROR_TRACE, "dir is missing or none of FROM_DEVICE, TO_DEVICE, BIDIRECTIONAL");
}

static bool device(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    event->device = raw ? log_field(text, "device") : text;
    if (event->device)
        event->device_length = (unsigned)strcspn(event->device, " ");
    return (event->device && event->device_length > 0) ||
           error_set(error, ERROR_TRACE, "the device is missing");
}

static uint64_t hash(const uint64_t *items, unsigned count)
{
    uint64_t sum = UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < count; i++) {
        sum = (sum ^ items[i]) * UINT64_C(0xbf58476d1ce4e5b9);
        sum ^= sum >> 29;
    }
    return sum | 1;
}

/* The physical addresses of a scatter list; the kernel's name of the raw field differs between map and unmap.
 */
static bool phys_list(const char *text, struct ftrace_event *event, struct error *error)
{
    uint64_t items[FTRACE_PHYS_HASHED];
    unsigned count;
    const char *p = log_field(text, "phys_addrs");
    if (!p)
        p = log_field(text, "addrs");
    if (!p || !list(p, 8, items, 1, FTRACE_PHYS_HASHED, &count) || count == 0)
        return error_set(error, ERROR_TRACE, "phys_addrs is missing or no list of addresses");
    event->phys_hash = hash(items, count < FTRACE_PHYS_HASHED ? count : FTRACE_PHYS_HASHED);
    return true;
}

/* The bus addresses and sizes of a scatter list. */
static bool range_list(const char *text, struct ftrace_event *event, struct error *error)
{
    enum { STRIDE = sizeof event->ranges[0] / sizeof(uint64_t) };
    const char *addresses = log_field(text, "dma_addrs"), *sizes = log_field(text, "sizes");
    unsigned address_count, size_count;
    if (!sizes)
        sizes = log_field(text, "lengths");
    if (!addresses || !list(addresses, 8, &event->ranges[0].iova, STRIDE, FTRACE_RANGES, &address_count))
        return error_set(error, ERROR_TRACE, "dma_addrs is missing or no list of addresses");
    if (!sizes || !list(sizes, 4, &event->ranges[0].bytes, STRIDE, FTRACE_RANGES, &size_count))
        return error_set(error, ERROR_TRACE, "sizes is missing or no list of sizes");
    if (address_count != size_count)
        return error_set(error, ERROR_TRACE, "%u dma_addrs with %u sizes", address_count, size_count);
    uint64_t cut;
    const char *flag = log_field(text, "truncated");
    event->truncated = address_count > FTRACE_RANGES || strstr(text, "[TRUNCATED]") ||
                       (flag && log_number(&flag, &cut) && cut != 0);
    event->count = address_count < FTRACE_RANGES ? address_count : FTRACE_RANGES;
    return true;
}

/* ---- events ---- */

/* IOMMU: iova=0x... [- 0x...] paddr=0x... size=... */
static bool iommu_map(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    const char *end = log_field(text, "iova");
    if (!address_field(text, "iova", raw, &event->iova, error) ||
        !address_field(text, "paddr", raw, &event->address, error) ||
        !number_field(text, "size", &event->bytes, error))
        return false;
    uint64_t start, stop;
    if (log_hex(&end, &start) && log_literal(&end, " - ") && log_hex(&end, &stop) &&
        stop - start != event->bytes)
        return error_set(error, ERROR_TRACE, "the range has %llu bytes but size=%llu",
                         (unsigned long long)(stop - start), (unsigned long long)event->bytes);
    return true;
}

static bool iommu_unmap(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    const char *unmapped = log_field(text, "unmapped_size");
    return address_field(text, "iova", raw, &event->iova, error) &&
           number_field(text, unmapped ? "unmapped_size" : "size", &event->bytes, error);
}

/* IOMMU:DRIVER DEVICE iova=0x... flags=0x... */
static bool fault(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    enum { FAULT_WRITE = 1 };
    uint64_t flags;
    if (!address_field(text, "iova", raw, &event->iova, error) || !number_field(text, "flags", &flags, error))
        return false;
    event->device_writes = flags & FAULT_WRITE;
    event->device_reads = !event->device_writes;
    event->bytes = 1;
    if (raw)
        return device(text, true, event, error);
    const char *end = strstr(text, " iova=");
    const char *name = end;
    while (name && name > text && name[-1] != ' ')
        name--;
    if (!name || name == text || name == end)
        return error_set(error, ERROR_TRACE, "the device is missing");
    event->device = name;
    event->device_length = (unsigned)(end - name);
    return true;
}

static bool dma_single(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    event->count = 1;
    return device(text, raw, event, error) && direction(text, event, error) &&
           address_field(text, "dma_addr", raw, &event->ranges[0].iova, error) &&
           number_field(text, "size", &event->ranges[0].bytes, error);
}

static bool dma_map_sg(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    return device(text, raw, event, error) && direction(text, event, error) &&
           phys_list(text, event, error) && range_list(text, event, error);
}

static bool dma_unmap_sg(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    return device(text, raw, event, error) && direction(text, event, error) && phys_list(text, event, error);
}

static bool dma_sync_sg(const char *text, bool raw, struct ftrace_event *event, struct error *error)
{
    return device(text, raw, event, error) && direction(text, event, error) && range_list(text, event, error);
}

static const struct known {
    const char *name;
    enum ftrace_kind kind;
    bool (*parse)(const char *text, bool raw, struct ftrace_event *event, struct error *error);
} known_events[] = {
    {"map", FTRACE_IOMMU_MAP, iommu_map},
    {"unmap", FTRACE_IOMMU_UNMAP, iommu_unmap},
    {"io_page_fault", FTRACE_FAULT, fault},
    {"dma_map_page", FTRACE_DMA_MAP, dma_single},
    {"dma_map_phys", FTRACE_DMA_MAP, dma_single},
    {"dma_map_resource", FTRACE_DMA_MAP, dma_single},
    {"dma_map_sg", FTRACE_DMA_MAP, dma_map_sg},
    {"dma_unmap_page", FTRACE_DMA_UNMAP, dma_single},
    {"dma_unmap_phys", FTRACE_DMA_UNMAP, dma_single},
    {"dma_unmap_resource", FTRACE_DMA_UNMAP, dma_single},
    {"dma_unmap_sg", FTRACE_DMA_UNMAP_SG, dma_unmap_sg},
    {"dma_alloc", FTRACE_DMA_ALLOC, dma_single},
    {"dma_alloc_pages", FTRACE_DMA_ALLOC, dma_single},
    {"dma_alloc_sgt", FTRACE_DMA_ALLOC, dma_single},
    {"dma_free", FTRACE_DMA_FREE, dma_single},
    {"dma_free_pages", FTRACE_DMA_FREE, dma_single},
    {"dma_free_sgt", FTRACE_DMA_FREE, dma_single},
    {"dma_sync_single_for_cpu", FTRACE_DMA_SYNC, dma_single},
    {"dma_sync_sg_for_cpu", FTRACE_DMA_SYNC, dma_sync_sg},
    {"dma_sync_single_for_device", FTRACE_PASSED, NULL},
    {"dma_sync_sg_for_device", FTRACE_PASSED, NULL},
    {"dma_map_sg_err", FTRACE_PASSED, NULL},
    {"dma_alloc_sgt_err", FTRACE_PASSED, NULL},
    {"nvme_setup_cmd", FTRACE_PASSED, NULL},
    {"nvme_complete_rq", FTRACE_PASSED, NULL},
    {"nvme_sq", FTRACE_PASSED, NULL},
    {"add_device_to_group", FTRACE_PASSED, NULL},
    {"remove_device_from_group", FTRACE_PASSED, NULL},
    {"attach_device_to_domain", FTRACE_PASSED, NULL},
    {"detach_device_from_domain", FTRACE_PASSED, NULL},
};

/* The event called by the last word of "SUBSYSTEM:EVENT:"; `*p` is moved to its text. */
static const struct known *event_at(const char **p)
{
    while (**p == ' ')
        ++*p;
    const char *name = *p;
    size_t length = strcspn(name, " ");
    if (length < 2 || name[length - 1] != ':')
        return NULL;
    *p = name + length;
    while (**p == ' ')
        ++*p;
    length--;
    const char *colon = memrchr(name, ':', length);
    if (colon) {
        length -= (size_t)(colon + 1 - name);
        name = colon + 1;
    }
    for (unsigned i = 0; i < sizeof known_events / sizeof known_events[0]; i++)
        if (strlen(known_events[i].name) == length && memcmp(known_events[i].name, name, length) == 0)
            return &known_events[i];
    return NULL;
}

/* A line without a header. */
static enum ftrace_kind other_line(const char *line, struct ftrace_event *event)
{
    static const char *const headings[] = {"#", "cpus=", "version = "};
    while (*line == ' ')
        line++;
    for (unsigned i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (strncmp(line, headings[i], strlen(headings[i])) == 0)
            return FTRACE_NONE;
    /* CPU:1 [LOST 12 EVENTS] in the kernel's text, CPU:1 [12 EVENTS DROPPED] in trace-cmd's */
    const char *lost = strchr(line, '[');
    if (lost && log_literal(&line, "CPU:")) {
        lost++;
        log_literal(&lost, "LOST ");
        if (log_decimal(&lost, &event->bytes) && log_literal(&lost, " EVENTS"))
            return FTRACE_LOST;
    }
    return *line ? FTRACE_UNKNOWN : FTRACE_NONE;
}

bool ftrace_line(const char *line, struct ftrace_event *event, struct error *error)
{
    bool no_seconds = false;
    const char *text = header(line, event, &no_seconds);
    if (!text && no_seconds)
        return error_set(error, ERROR_TRACE,
                         "its time is no seconds.microseconds; record with trace_clock mono, boot or local");
    const struct known *known = text ? event_at(&text) : NULL;
    event->kind = known ? known->kind : text ? FTRACE_UNKNOWN : other_line(line, event);
    if (!known || !known->parse)
        return true;
    bool raw = log_literal(&text, "[FAILED TO PARSE] ");
    /* Other subsystems may have a map and an unmap as well. */
    bool iommu = known->kind == FTRACE_IOMMU_MAP || known->kind == FTRACE_IOMMU_UNMAP;
    if (iommu && !raw && strncmp(text, "IOMMU:", 6) != 0) {
        event->kind = FTRACE_UNKNOWN;
        return true;
    }
    event->device = NULL;
    event->truncated = false;
    event->count = 0;
    event->phys_hash = 0;
    return known->parse(text, raw, event, error) || error_context(error, "%s", known->name);
}
