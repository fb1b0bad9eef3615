/* The CSV trace format of interface.md 3, plain or gzip.
 *
 * Lines are parsed where they lie in the buffer, in one pass: fast_record() takes what programs write;
 * anything else (spaces, quotes, marks without a device, errors) goes through csv_line.c. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/csv/csv_line.h"
#include "traces/csv/csv_notes.h"
#include "traces/file/gz.h"
#include "traces/trace.h"

enum {
    CHUNK_BYTES = 256 * 1024,
    /* fast_record() may look this far past the end of a line. */
    SLACK_BYTES = 32,
};

struct csv {
    struct gz_reader *source;
    struct csv_layout layout;
    uint64_t line;    /* lines taken so far */
    uint64_t records; /* records returned so far */
    char *next;       /* first byte not taken yet */
    char *lines_end;  /* after the last complete line */
    char *data_end;
    bool at_end;          /* of the source */
    struct error pending; /* found behind records that were still to be returned */
    struct csv_notes notes;
    /* A partial line, then a chunk, then a missing final line end. */
    char buffer[CSV_LINE_BYTES_LIMIT + CHUNK_BYTES + 1 + SLACK_BYTES];
};

static bool too_long(uint64_t line, struct error *error)
{
    return error_set(error, ERROR_TRACE, "error: line %llu is longer than %d bytes; this is no CSV trace",
                     (unsigned long long)line, CSV_LINE_BYTES_LIMIT);
}

/* Make at least one complete line available, if there is one. */
static bool refill(struct csv *csv, struct error *error)
{
    while (csv->next == csv->lines_end && !csv->at_end) {
        size_t partial = (size_t)(csv->data_end - csv->next);
        if (partial > CSV_LINE_BYTES_LIMIT)
            return too_long(csv->line + 1, error);
        memmove(csv->buffer, csv->next, partial);
        csv->next = csv->lines_end = csv->buffer;
        char *fresh = csv->buffer + partial;
        size_t got;
        if (!gz_read(csv->source, fresh, CHUNK_BYTES, &got, error))
            return false;
        csv->data_end = fresh + got;
        csv->at_end = got == 0;
        if (csv->at_end && csv->data_end > csv->buffer && csv->data_end[-1] != '\n')
            *csv->data_end++ = '\n';
        char *last = memrchr(fresh, '\n', (size_t)(csv->data_end - fresh));
        if (last)
            csv->lines_end = last + 1;
    }
    return true;
}

/* The next line without its end, or *line NULL at the end of the file. */
static bool next_line(struct csv *csv, char **line, size_t *length, struct error *error)
{
    *line = NULL;
    if (!refill(csv, error))
        return false;
    if (csv->next == csv->lines_end)
        return true;
    char *end = memchr(csv->next, '\n', (size_t)(csv->lines_end - csv->next));
    assert(end);
    *line = csv->next;
    *length = (size_t)(end - csv->next);
    csv->next = end + 1;
    csv->line++;
    return *length <= CSV_LINE_BYTES_LIMIT || too_long(csv->line, error);
}

static bool read_header(struct csv *csv, struct error *error)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    char *line;
    size_t length;
    do {
        if (!next_line(csv, &line, &length, error))
            return false;
        if (!line)
            return error_set(error, ERROR_TRACE,
                             "error: the file is empty; a CSV trace begins with a header that names its "
                             "columns: time_ns,device,op,iova,bytes");
        if (csv->line == 1 && length >= 3 && memcmp(line, byte_order_mark, 3) == 0) {
            line += 3;
            length -= 3;
        }
    } while (*line == '#' || csv_blank(line, length));
    struct error cause = {0};
    if (!csv_header(line, length, &csv->layout, csv->notes.ignored, &cause))
        return error_set(error, cause.kind, "error: line %llu: %s", (unsigned long long)csv->line,
                         cause.text);
    csv_notes_write(&csv->notes, false);
    return true;
}

/* From the first byte on; the source stands there. */
static bool start(struct csv *csv, struct error *error)
{
    csv->line = csv->records = 0;
    csv->next = csv->lines_end = csv->data_end = csv->buffer;
    csv->at_end = false;
    csv->pending = (struct error){0};
    csv_notes_begin(&csv->notes);
    return read_header(csv, error);
}

static void csv_close(void *state)
{
    struct csv *csv = state;
    gz_close(csv->source);
    memory_free(csv);
}

static bool csv_open(const char *path, void **state, struct error *error)
{
    struct csv *csv = memory_zeroed(1, sizeof *csv, error);
    if (!csv)
        return false;
    if (!gz_open(path, &csv->source, error) || !start(csv, error)) {
        csv_close(csv);
        return false;
    }
    *state = csv;
    return true;
}

static bool csv_rewind(void *state, struct error *error)
{
    struct csv *csv = state;
    return gz_rewind(csv->source, error) && start(csv, error);
}

static const char *csv_warning(const void *state)
{
    const struct csv *csv = state;
    return csv->notes.warning[0] ? csv->notes.warning : NULL;
}

/* ---- the quick way: each function takes its field at `p` and returns the place after it, or NULL where the
 * careful way must decide. A line end stops every loop. ---- */

/* Value of a hexadecimal digit + 1; 0 for other characters. */
static const uint8_t hex_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static inline unsigned hex(const char *p)
{
    return hex_value[(unsigned char)*p] - 1U;
}

static inline const char *fast_number(const char *p, uint64_t *value)
{
    enum { DECIMAL_DIGITS = 19, HEX_DIGITS = 16 }; /* what 64 bits hold whatever the digits are */
    uint64_t sum = 0;
    const char *first = p;
    if (p[0] == '0' && p[1] == 'x') {
        first = p += 2;
        for (unsigned next; (next = hex(p)) < 16; p++)
            sum = sum << 4 | next;
        if ((size_t)(p - first - 1) >= HEX_DIGITS)
            return NULL;
    } else {
        for (unsigned next; (next = (unsigned)(unsigned char)*p - '0') < 10; p++)
            sum = sum * 10 + next;
        if ((size_t)(p - first - 1) >= DECIMAL_DIGITS)
            return NULL;
    }
    *value = sum;
    return p;
}

/* bb:dd.f */
static inline const char *fast_slot(const char *p, uint16_t *device)
{
    unsigned bus = hex(p) << 4 | hex(p + 1), slot = hex(p + 3) << 4 | hex(p + 4), function = hex(p + 6);
    /* A wrong digit is UINT_MAX and stays far above every limit. */
    if (bus > 0xff || p[2] != ':' || slot > 0x1f || p[5] != '.' || function > 7)
        return NULL;
    *device = (uint16_t)(bus << 8 | slot << 3 | function);
    return p + 7;
}

static inline const char *fast_device(const char *p, struct csv_record *record)
{
    if (p[2] == ':') {
        record->pci_domain = 0;
        return fast_slot(p, &record->device);
    }
    if (p[4] == ':') {
        unsigned domain = hex(p) << 12 | hex(p + 1) << 8 | hex(p + 2) << 4 | hex(p + 3);
        if (domain > 0xffff)
            return NULL;
        record->pci_domain = (int)domain;
        return fast_slot(p + 5, &record->device);
    }
    uint64_t id;
    p = fast_number(p, &id);
    if (!p || id >= TRACE_DEVICES)
        return NULL;
    record->device = (uint16_t)id;
    record->pci_domain = -1;
    return p;
}

static inline const char *fast_op(const char *p, uint8_t *op)
{
    if (memcmp(p, "write", 5) == 0) {
        *op = TRACE_WRITE;
        return p + 5;
    }
    if (memcmp(p, "read", 4) == 0) {
        *op = TRACE_READ;
        return p + 4;
    }
    for (unsigned other = TRACE_MAP; other < TRACE_OP_COUNT; other++) {
        size_t length = strlen(trace_op_names[other]);
        /* The character that must follow tells map from map_ro. */
        if (memcmp(p, trace_op_names[other], length) == 0 && p[length] < '_') {
            *op = (uint8_t)other;
            return p + length;
        }
    }
    return NULL;
}

static inline const char *fast_ignored(const char *p)
{
    while (*p != ',' && *p != '\n' && *p != '\r' && *p != '"')
        p++;
    return *p == '"' ? NULL : p;
}

/* One record at `p`; returns the start of the next line. */
static const char *fast_record(const struct csv_layout *layout, const char *p, struct csv_record *record)
{
    record->address_given = false;
    for (unsigned i = 0;; p++) {
        switch (layout->column[i]) {
        case CSV_TIME:
            p = fast_number(p, &record->time_ns);
            break;
        case CSV_DEVICE:
            p = fast_device(p, record);
            break;
        case CSV_OP:
            p = fast_op(p, &record->op);
            break;
        case CSV_IOVA: {
            const char *first = p;
            p = fast_number(p, &record->iova);
            record->hexadecimal_page = p && csv_hexadecimal_page(first, (size_t)(p - first), record->iova);
            break;
        }
        case CSV_BYTES:
            p = fast_number(p, &record->bytes);
            break;
        case CSV_ADDRESS:
            if (*p != ',' && *p != '\r' && *p != '\n') {
                p = fast_number(p, &record->address);
                record->address_given = true;
            }
            break;
        default:
            p = fast_ignored(p);
        }
        if (!p)
            return NULL;
        if (++i == layout->count)
            break;
        if (*p != ',')
            return NULL;
    }
    if (!record->address_given)
        record->address = record->iova;
    p += *p == '\r';
    return *p == '\n' ? p + 1 : NULL;
}

/* ---- both ways together ---- */

/* What is accepted but worth a word; `record` is made fit to store. */
static inline void note(struct csv *csv, struct csv_record *record)
{
    struct csv_notes *notes = &csv->notes;
    if (record->address_given && record->op != TRACE_MAP && record->op != TRACE_MAP_RO) {
        record->address = record->iova;
        notes->address = true;
    }
    if (record->pci_domain >= 0 && notes->domain_of[record->device] != (uint32_t)record->pci_domain + 1)
        csv_notes_domain(notes, record->device, (uint32_t)record->pci_domain);
    notes->addresses += record->op != TRACE_MARK;
    notes->hexadecimal += record->op != TRACE_MARK && record->hexadecimal_page;
}

static inline void store(struct trace_batch *batch, const struct csv_record *record)
{
    size_t i = batch->count++;
    batch->time_ns[i] = record->time_ns;
    batch->iova[i] = record->iova;
    batch->bytes[i] = record->bytes;
    batch->address[i] = record->address;
    batch->device[i] = record->device;
    batch->op[i] = record->op;
}

/* The line at csv->next the careful way: a record, or nothing. */
static bool slow_line(struct csv *csv, struct trace_batch *batch, struct error *error)
{
    char *line;
    size_t length = 0;
    if (!next_line(csv, &line, &length, error))
        return false;
    if (length == 0 || *line == '#' || csv_blank(line, length))
        return true;
    struct csv_record record;
    struct error cause = {0};
    if (!csv_record(&csv->layout, line, length, &record, &cause))
        return error_set(error, cause.kind, "record %llu: error: line %llu: %s",
                         (unsigned long long)(csv->records + batch->count + 1), (unsigned long long)csv->line,
                         cause.text);
    note(csv, &record);
    store(batch, &record);
    return true;
}

static bool read_lines(struct csv *csv, struct trace_batch *batch, struct error *error)
{
    struct csv_record record = {.pci_domain = -1};
    while (batch->count < TRACE_BATCH_RECORDS) {
        if (csv->next == csv->lines_end) {
            if (!refill(csv, error))
                return false;
            if (csv->next == csv->lines_end)
                return true;
        }
        const char *after = fast_record(&csv->layout, csv->next, &record);
        if (after) {
            csv->next += after - csv->next;
            csv->line++;
            note(csv, &record);
            store(batch, &record);
        } else if (!slow_line(csv, batch, error)) {
            return false;
        }
    }
    return true;
}

static bool csv_read(void *state, struct trace_batch *batch, struct error *error)
{
    struct csv *csv = state;
    batch->count = 0;
    if (csv->pending.kind == ERROR_NONE)
        read_lines(csv, batch, &csv->pending);
    csv->records += batch->count;
    csv_notes_write(&csv->notes, csv->records == 0 && csv->pending.kind == ERROR_NONE);
    if (batch->count == 0 && csv->pending.kind != ERROR_NONE)
        return error_set(error, csv->pending.kind, "%s", csv->pending.text);
    return true;
}

static const char *const suffixes[] = {".csv", ".csv.gz", NULL};

const struct trace_format trace_csv = {
    .name = "csv",
    .summary = "text with a header: time_ns,device,op,iova,bytes and optionally address; plain or gzip",
    .suffixes = suffixes,
    .open = csv_open,
    .read = csv_read,
    .rewind = csv_rewind,
    .warning = csv_warning,
    .close = csv_close,
};
