#include "traces/qemu/qemu_simple.h"

#include <string.h>

#include "sim/base/memory.h"
#include "traces/file/gz.h"
#include "traces/file/little_endian.h"

enum {
    EVENTS_LIMIT = 1 << 16, /* a QEMU has about ten thousand */
    RECORD_BYTES_LIMIT = 64 * 1024,
    CHUNK_BYTES = 256 * 1024,
    TYPE_BYTES = 8,
    NAME_HEADER_BYTES = 12,
    RECORD_HEADER_BYTES = 24,
    VERSION = 4,
};

static const uint64_t magic = UINT64_C(0xf2b177cb0aa429b4), dropped_id = ~UINT64_C(1);

struct known {
    const struct qemu_form *form;
    enum qemu_kind kind;
};

struct qemu_simple {
    struct gz_reader *source;
    uint64_t number, offset; /* `offset`: of `next` in the inflated file */
    uint64_t dropped;
    uint8_t *next, *end; /* what was read and not handed out */
    bool at_end, cut;
    struct known events[EVENTS_LIMIT]; /* by id */
    uint8_t buffer[RECORD_BYTES_LIMIT + CHUNK_BYTES];
};

bool qemu_simple_header(const uint8_t header[QEMU_SIMPLE_HEADER_BYTES], bool *simple, struct error *error)
{
    uint64_t found = le_get(header + 8, 8), version = le_get(header + 16, 8);
    bool begins = le_get(header, 8) == UINT64_MAX;
    *simple = begins && found == magic;
    if (begins && found == __builtin_bswap64(magic))
        return error_set(
            error, ERROR_TRACE,
            "error: is a binary QEMU trace of a big-endian machine, which is not read; record with "
            "the log backend there");
    return !*simple || version == VERSION ||
           error_set(error, ERROR_TRACE, "error: is a binary QEMU trace of version %llu; version %d is read",
                     (unsigned long long)version, VERSION);
}

static bool begin(struct qemu_simple *simple, struct error *error)
{
    size_t got;
    simple->number = simple->dropped = 0;
    simple->at_end = simple->cut = false;
    simple->next = simple->end = simple->buffer;
    simple->offset = QEMU_SIMPLE_HEADER_BYTES;
    return gz_read(simple->source, simple->buffer, QEMU_SIMPLE_HEADER_BYTES, &got, error);
}

bool qemu_simple_open(struct gz_reader *source, struct qemu_simple **simple, struct error *error)
{
    struct qemu_simple *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened) {
        gz_close(source);
        return false;
    }
    opened->source = source;
    if (!begin(opened, error)) {
        qemu_simple_close(opened);
        return false;
    }
    *simple = opened;
    return true;
}

void qemu_simple_close(struct qemu_simple *simple)
{
    if (!simple)
        return;
    gz_close(simple->source);
    memory_free(simple);
}

bool qemu_simple_rewind(struct qemu_simple *simple, struct error *error)
{
    return gz_rewind(simple->source, error) && begin(simple, error);
}

uint64_t qemu_simple_number(const struct qemu_simple *simple)
{
    return simple->number;
}

bool qemu_simple_cut(const struct qemu_simple *simple)
{
    return simple->cut;
}

uint64_t qemu_simple_dropped(const struct qemu_simple *simple)
{
    return simple->dropped;
}

static bool corrupt(uint64_t offset, const char *what, struct error *error)
{
    return error_set(error, ERROR_TRACE, "error: byte %llu: %s; record again, or copy the file again",
                     (unsigned long long)offset, what);
}

/* Have `bytes` <= RECORD_BYTES_LIMIT at `next`; `*have` is false where the file ends before. */
static bool need(struct qemu_simple *simple, size_t bytes, bool *have, struct error *error)
{
    size_t held = (size_t)(simple->end - simple->next), got;
    while (held < bytes && !simple->at_end) {
        memmove(simple->buffer, simple->next, held);
        simple->next = simple->buffer;
        simple->end = simple->buffer + held;
        if (!gz_read(simple->source, simple->end, CHUNK_BYTES, &got, error))
            return false;
        simple->end += got;
        simple->at_end = got == 0;
        held += got;
    }
    *have = held >= bytes;
    return true;
}

static void skip(struct qemu_simple *simple, size_t bytes)
{
    simple->next += bytes;
    simple->offset += bytes;
}

/* The name of an event, behind its type. */
static bool take_name(struct qemu_simple *simple, bool *have, struct error *error)
{
    if (!need(simple, TYPE_BYTES + NAME_HEADER_BYTES, have, error))
        return false;
    if (!*have)
        return true;
    const uint8_t *at = simple->next + TYPE_BYTES;
    uint64_t id = le_get(at, 8), length = le_get(at + 8, 4);
    if (id >= EVENTS_LIMIT || length > RECORD_BYTES_LIMIT - TYPE_BYTES - NAME_HEADER_BYTES)
        return corrupt(simple->offset, "the name of an event cannot be right", error);
    size_t bytes = TYPE_BYTES + NAME_HEADER_BYTES + (size_t)length;
    if (!need(simple, bytes, have, error))
        return false;
    if (!*have)
        return true;
    struct known *known = &simple->events[id];
    known->form = qemu_form_named((const char *)simple->next + TYPE_BYTES + NAME_HEADER_BYTES, (size_t)length,
                                  &known->kind);
    skip(simple, bytes);
    return true;
}

/* What the record of event `id` says. */
static bool understand(struct qemu_simple *simple, uint64_t id, const uint8_t *arguments, size_t bytes,
                       struct qemu_event *event, struct error *error)
{
    if (id == dropped_id) {
        simple->dropped += bytes >= 8 ? le_get(arguments, 8) : 0;
        return true;
    }
    const struct known *known = &simple->events[id % EVENTS_LIMIT];
    if (id >= EVENTS_LIMIT || known->kind == QEMU_NONE)
        return error_set(error, ERROR_TRACE, "its event has no name");
    event->kind = known->kind;
    return !known->form || qemu_form_binary(known->form, arguments, bytes, event, error);
}

/* An event, behind its type. */
static bool take_event(struct qemu_simple *simple, struct qemu_event *event, bool *have, struct error *error)
{
    if (!need(simple, TYPE_BYTES + RECORD_HEADER_BYTES, have, error))
        return false;
    if (!*have)
        return true;
    uint64_t offset = simple->offset, bytes = le_get(simple->next + TYPE_BYTES + 16, 4);
    if (bytes < RECORD_HEADER_BYTES || bytes > RECORD_BYTES_LIMIT - TYPE_BYTES)
        return corrupt(offset, "the size of a record cannot be right", error);
    if (!need(simple, TYPE_BYTES + (size_t)bytes, have, error))
        return false;
    if (!*have)
        return true;
    const uint8_t *at = simple->next + TYPE_BYTES;
    skip(simple, TYPE_BYTES + (size_t)bytes);
    simple->number++;
    event->time_ns = le_get(at + 8, 8);
    struct error cause = {0};
    return understand(simple, le_get(at, 8), at + RECORD_HEADER_BYTES, (size_t)bytes - RECORD_HEADER_BYTES,
                      event, &cause) ||
           corrupt(offset, cause.text, error);
}

bool qemu_simple_next(struct qemu_simple *simple, struct qemu_event *event, bool *end, struct error *error)
{
    enum { NAME = 0, EVENT = 1 };
    bool have = true;
    uint64_t type = NAME;
    while (have && type == NAME) {
        if (!need(simple, TYPE_BYTES, &have, error))
            return false;
        if (!have)
            break;
        type = le_get(simple->next, TYPE_BYTES);
        if (type != NAME && type != EVENT)
            return corrupt(simple->offset, "there is no record here", error);
        if (!(type == NAME ? take_name(simple, &have, error) : take_event(simple, event, &have, error)))
            return false;
    }
    *end = !have;
    simple->cut = *end && simple->next < simple->end;
    return true;
}
