#include "traces/ftrace/ftrace_event.h"

#include <string.h>

#include "traces/log/log_line.h"

/* ---- fields ---- */

/* The text of an event, and where its next field is expected: that saves looking for it. */
struct fields {
    const char *text, *next;
    /* Fields as they are stored, with names and without a form: of libtraceevent where it knows no better, of
     * `trace-cmd report -R`, of the option `fields`. */
    bool raw;
};

static bool missing(const char *what, struct error *error)
{
    return error_set(error, ERROR_TRACE, "%s is missing or no number", what);
}

/* The value of a field, or NULL. */
static const char *find(const struct fields *fields, const char *key)
{
    const char *p = fields->next;
    while (*p == ' ')
        p++;
    size_t length = strlen(key);
    return strncmp(p, key, length) == 0 && p[length] == '=' ? p + length + 1 : log_field(fields->text, key);
}

/* A field that the kernel prints in hexadecimal without 0x; a raw field says which it is. */
static bool address_field(struct fields *fields, const char *key, uint64_t *value, struct error *error)
{
    const char *p = find(fields, key);
    if (!p || !(fields->raw ? log_number(&p, value) : log_hex(&p, value)))
        return missing(key, error);
    fields->next = p;
    return true;
}

static bool number_field(struct fields *fields, const char *key, uint64_t *value, struct error *error)
{
    const char *p = find(fields, key);
    if (!p || !log_number(&p, value))
        return missing(key, error);
    fields->next = p;
    return true;
}

/* {0x1,0x2}; or ARRAY[01, 00, 00, 00, ...] or 01,00,00,00,... with `item_bytes` bytes, the lowest first, for
 * each item. Items beyond the capacity are counted and not kept. */
static bool list(const char **text, unsigned item_bytes, uint64_t *items, size_t stride, unsigned capacity,
                 unsigned *count)
{
    const char *p = *text;
    bool named = log_literal(&p, "ARRAY["), raw = named || *p != '{';
    p += !raw;
    char close = !raw ? '}' : named ? ']' : ' ';
    uint64_t item = 0;
    unsigned bytes = 0;
    for (*count = 0; *p != close && (*p || named || !raw);) {
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
            while (named && *p == ' ')
                p++;
        } else if (*p != close && *p) {
            return false;
        }
    }
    *text = close == ' ' ? p : p + 1;
    return bytes == 0;
}

static bool direction(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    static const struct {
        const char *word;
        bool device_reads, device_writes;
    } directions[] = {
        {"BIDIRECTIONAL", true, true},
        {"TO_DEVICE", true, false},
        {"FROM_DEVICE", false, true},
        {"NONE", false, false},
    };
    enum { COUNT = sizeof directions / sizeof directions[0] };
    const char *p = find(fields, "dir");
    if (!p && (event->kind == FTRACE_DMA_ALLOC || event->kind == FTRACE_DMA_FREE))
        p = "BIDIRECTIONAL"; /* the first kernels with these events did not print it */
    uint64_t number = COUNT;
    for (unsigned i = 0; p && i < COUNT && number == COUNT; i++)
        if (log_literal(&p, directions[i].word))
            number = i;
    if (!p || (number == COUNT && !log_number(&p, &number)) || number >= COUNT || (*p && *p != ' '))
        return error_set(error, ERROR_TRACE,
                         "dir is missing or none of FROM_DEVICE, TO_DEVICE, BIDIRECTIONAL");
    event->device_reads = directions[number].device_reads;
    event->device_writes = directions[number].device_writes;
    if (*p == ' ')
        fields->next = p;
    return true;
}

static bool device(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    event->device = fields->raw ? find(fields, "device") : fields->text;
    if (!event->device || *event->device == '\0' || *event->device == ' ')
        return error_set(error, ERROR_TRACE, "the device is missing");
    const char *end = event->device;
    while (*end && *end != ' ')
        end++;
    event->device_length = (unsigned)(end - event->device);
    fields->next = end;
    return true;
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
static bool phys_list(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    uint64_t items[FTRACE_PHYS_HASHED];
    unsigned count;
    const char *p = find(fields, "phys_addrs");
    if (!p)
        p = find(fields, "addrs");
    if (!p || !list(&p, 8, items, 1, FTRACE_PHYS_HASHED, &count) || count == 0)
        return error_set(error, ERROR_TRACE, "phys_addrs is missing or no list of addresses");
    event->phys_count = count < FTRACE_PHYS_HASHED ? count : FTRACE_PHYS_HASHED;
    event->phys_hash = hash(items, event->phys_count);
    event->direct = event->count > 0 && event->ranges[0].iova == items[0];
    event->moved = event->count > 0 && !event->direct;
    fields->next = p;
    return true;
}

/* Whether the kernel listed fewer ranges than there are: "ents=128/300 [TRUNCATED]". */
static bool is_cut(const struct fields *fields, unsigned listed)
{
    const char *flag = fields->raw ? log_field(fields->text, "truncated") : NULL;
    uint64_t cut = 0, shown, all;
    if (flag) {
        flag += *flag == '(';
        log_number(&flag, &cut);
    }
    if (!cut && !strstr(fields->text, "[TRUNCATED]"))
        return false;
    const char *ents = log_field(fields->text, fields->raw ? "full_ents" : "ents");
    if (ents && !fields->raw && (!log_decimal(&ents, &shown) || *ents++ != '/'))
        ents = NULL;
    return !ents || !log_number(&ents, &all) || all > listed;
}

/* The bus addresses and sizes of a scatter list. */
static bool range_list(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    enum { STRIDE = sizeof event->ranges[0] / sizeof(uint64_t) };
    unsigned address_count, size_count;
    const char *p = find(fields, "dma_addrs");
    if (!p || !list(&p, 8, &event->ranges[0].iova, STRIDE, FTRACE_RANGES, &address_count))
        return error_set(error, ERROR_TRACE, "dma_addrs is missing or no list of addresses");
    fields->next = p;
    p = find(fields, "sizes");
    if (!p)
        p = find(fields, "lengths");
    if (!p || !list(&p, 4, &event->ranges[0].bytes, STRIDE, FTRACE_RANGES, &size_count))
        return error_set(error, ERROR_TRACE, "sizes is missing or no list of sizes");
    if (address_count != size_count)
        return error_set(error, ERROR_TRACE, "%u dma_addrs with %u sizes", address_count, size_count);
    fields->next = p;
    event->scattered = true;
    event->open_end = address_count > FTRACE_RANGES || is_cut(fields, address_count);
    event->count = address_count < FTRACE_RANGES ? address_count : FTRACE_RANGES;
    return true;
}

/* ---- events ---- */

static bool pages(const struct ftrace_event *event, struct error *error)
{
    enum { PAGE_BYTES = 4096 };
    uint64_t iova = event->iova, bytes = event->bytes;
    if ((iova | bytes | event->address) % PAGE_BYTES != 0)
        return error_set(
            error, ERROR_TRACE, "iova 0x%llx, address 0x%llx or size %llu is no multiple of 4 KiB",
            (unsigned long long)iova, (unsigned long long)event->address, (unsigned long long)bytes);
    return bytes == 0 || bytes - 1 <= UINT64_MAX - iova ||
           error_set(error, ERROR_TRACE, "iova 0x%llx + %llu bytes passes 2^64", (unsigned long long)iova,
                     (unsigned long long)bytes);
}

/* IOMMU: iova=0x... [- 0x...] paddr=0x... size=... */
static bool iommu_map(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    uint64_t stop = 0;
    if (!address_field(fields, "iova", &event->iova, error))
        return false;
    bool stops = log_literal(&fields->next, " - ") && log_hex(&fields->next, &stop);
    if (!address_field(fields, "paddr", &event->address, error) ||
        !number_field(fields, "size", &event->bytes, error))
        return false;
    if (stops && stop - event->iova != event->bytes)
        return error_set(error, ERROR_TRACE, "the range has %llu bytes but size=%llu",
                         (unsigned long long)(stop - event->iova), (unsigned long long)event->bytes);
    return pages(event, error);
}

static bool iommu_unmap(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    if (!address_field(fields, "iova", &event->iova, error))
        return false;
    const char *unmapped = log_field(fields->next, "unmapped_size");
    event->address = 0;
    if (unmapped ? !log_number(&unmapped, &event->bytes) && !missing("unmapped_size", error)
                 : !number_field(fields, "size", &event->bytes, error))
        return false;
    return pages(event, error);
}

/* IOMMU:DRIVER DEVICE iova=0x... flags=0x... */
static bool fault(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    uint64_t flags;
    if (!address_field(fields, "iova", &event->iova, error) || !number_field(fields, "flags", &flags, error))
        return false;
    const char *end = strstr(fields->text, " iova="), *name = end;
    while (name && name > fields->text && name[-1] != ' ')
        name--;
    return fields->raw || (name && name != fields->text && name != end) ||
           error_set(error, ERROR_TRACE, "the device is missing");
}

static bool dma_single(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    event->count = 1;
    event->scattered = event->kind == FTRACE_DMA_ALLOC;
    if (!device(fields, event, error) || !direction(fields, event, error))
        return false;
    const char *key = fields->raw && !find(fields, "dma_addr") && find(fields, "addr") ? "addr" : "dma_addr";
    if (!address_field(fields, key, &event->ranges[0].iova, error) ||
        !number_field(fields, "size", &event->ranges[0].bytes, error))
        return false;
    const char *phys = event->kind == FTRACE_DMA_MAP ? find(fields, "phys_addr") : NULL;
    uint64_t address;
    if (phys && (fields->raw ? log_number(&phys, &address) : log_hex(&phys, &address))) {
        event->direct = address == event->ranges[0].iova;
        event->moved = !event->direct;
    }
    return true;
}

static bool dma_map_sg(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    return device(fields, event, error) && direction(fields, event, error) &&
           range_list(fields, event, error) && phys_list(fields, event, error);
}

static bool dma_unmap_sg(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    return device(fields, event, error) && direction(fields, event, error) && phys_list(fields, event, error);
}

static bool dma_sync_sg(struct fields *fields, struct ftrace_event *event, struct error *error)
{
    return device(fields, event, error) && direction(fields, event, error) &&
           range_list(fields, event, error);
}

#define NAME(text) text, sizeof text - 1

static const struct known {
    const char *name;
    size_t length;
    enum ftrace_kind kind;
    bool (*parse)(struct fields *fields, struct ftrace_event *event, struct error *error);
} known_events[] = {
    {NAME("map"), FTRACE_IOMMU_MAP, iommu_map},
    {NAME("unmap"), FTRACE_IOMMU_UNMAP, iommu_unmap},
    {NAME("io_page_fault"), FTRACE_FAULT, fault},
    {NAME("dma_map_page"), FTRACE_DMA_MAP, dma_single},
    {NAME("dma_map_phys"), FTRACE_DMA_MAP, dma_single},
    {NAME("dma_map_resource"), FTRACE_DMA_MAP, dma_single},
    {NAME("dma_map_sg"), FTRACE_DMA_MAP, dma_map_sg},
    {NAME("dma_unmap_page"), FTRACE_DMA_UNMAP, dma_single},
    {NAME("dma_unmap_phys"), FTRACE_DMA_UNMAP, dma_single},
    {NAME("dma_unmap_resource"), FTRACE_DMA_UNMAP, dma_single},
    {NAME("dma_unmap_sg"), FTRACE_DMA_UNMAP_SG, dma_unmap_sg},
    {NAME("dma_alloc"), FTRACE_DMA_ALLOC, dma_single},
    {NAME("dma_alloc_pages"), FTRACE_DMA_ALLOC, dma_single},
    {NAME("dma_alloc_sgt"), FTRACE_DMA_ALLOC, dma_single},
    {NAME("dma_free"), FTRACE_DMA_FREE, dma_single},
    {NAME("dma_free_pages"), FTRACE_DMA_FREE, dma_single},
    {NAME("dma_free_sgt"), FTRACE_DMA_FREE, dma_single},
    {NAME("dma_sync_single_for_cpu"), FTRACE_DMA_SYNC, dma_single},
    {NAME("dma_sync_sg_for_cpu"), FTRACE_DMA_SYNC, dma_sync_sg},
    {NAME("dma_sync_single_for_device"), FTRACE_PASSED, NULL},
    {NAME("dma_sync_sg_for_device"), FTRACE_PASSED, NULL},
    {NAME("dma_map_sg_err"), FTRACE_PASSED, NULL},
    {NAME("dma_alloc_sgt_err"), FTRACE_PASSED, NULL},
    {NAME("nvme_setup_cmd"), FTRACE_PASSED, NULL},
    {NAME("nvme_complete_rq"), FTRACE_PASSED, NULL},
    {NAME("nvme_sq"), FTRACE_PASSED, NULL},
    {NAME("add_device_to_group"), FTRACE_PASSED, NULL},
    {NAME("remove_device_from_group"), FTRACE_PASSED, NULL},
    {NAME("attach_device_to_domain"), FTRACE_PASSED, NULL},
    {NAME("detach_device_from_domain"), FTRACE_PASSED, NULL},
};

static const struct known *known_as(const char *name, size_t length)
{
    for (unsigned i = 0; i < sizeof known_events / sizeof known_events[0]; i++)
        if (known_events[i].length == length && memcmp(known_events[i].name, name, length) == 0)
            return &known_events[i];
    return NULL;
}

/* The event called by "NAME:", "SUBSYSTEM:NAME:" or "SUBSYSTEM:NAME:MODIFIERS:"; `*p` is moved to its text.
 */
static const struct known *event_at(const char **p)
{
    const char *name = *p, *end;
    uint64_t period;
    while (*name == ' ')
        name++;
    /* perf script prints periods where it is told to count */
    if (log_decimal(&name, &period))
        while (*name == ' ')
            name++;
    for (end = name; *end && *end != ' ';)
        end++;
    if (end - name < 2 || end[-1] != ':')
        return NULL;
    *p = end;
    while (**p == ' ')
        ++*p;
    const struct known *known = NULL;
    for (unsigned part = 0; part < 2 && !known && end > name; part++) {
        const char *colon = --end;
        while (colon > name && colon[-1] != ':')
            colon--;
        bool modifier = part == 0 && colon > name && strspn(colon, "ukhGHIpPSDWe") == (size_t)(end - colon);
        known = known_as(colon, (size_t)(end - colon));
        if (!modifier)
            break;
        end = colon;
    }
    return known;
}

bool ftrace_event(const char *text, struct ftrace_event *event, struct error *error)
{
    /* perf script --show-lost-events */
    const char *lost = text + strspn(text, " ");
    if (log_literal(&lost, "PERF_RECORD_LOST lost ") && log_decimal(&lost, &event->bytes)) {
        event->kind = FTRACE_LOST;
        return true;
    }
    const struct known *known = event_at(&text);
    event->kind = known ? known->kind : FTRACE_UNKNOWN;
    if (!known || !known->parse)
        return true;
    struct fields fields = {.raw = log_literal(&text, "[FAILED TO PARSE] ") ||
                                   strncmp(text, "device=", 7) == 0 || strncmp(text, "iova=", 5) == 0};
    bool iommu = known->kind == FTRACE_IOMMU_MAP || known->kind == FTRACE_IOMMU_UNMAP;
    if (iommu && !fields.raw && !log_literal(&text, "IOMMU:")) {
        /* Other subsystems may have a map and an unmap as well. */
        event->kind = strcmp(text, "[LINE TOO BIG]") == 0 ? FTRACE_CUT : FTRACE_UNKNOWN;
        return true;
    }
    fields.text = fields.next = text;
    event->scattered = event->open_end = event->direct = event->moved = false;
    event->count = event->phys_count = 0;
    event->phys_hash = 0;
    if (known->parse(&fields, event, error))
        return true;
    if (!strstr(text, "[LINE TOO BIG]"))
        return error_context(error, "%s", known->name);
    event->kind = FTRACE_CUT;
    return true;
}
