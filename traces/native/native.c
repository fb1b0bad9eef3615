/* The native format as trace.h reads it: from front to back, also from a pipe; to any place in a file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sim/base/memory.h"
#include "traces/file/input.h"
#include "traces/native/native_kept.h"
#include "traces/native/native_read.h"

struct native {
    struct input input;
    bool indexed; /* the tail was read when the file was opened */
    /* Why it could not be; the blocks before the damage can be read in order all the same. */
    struct error damage;
    uint64_t position; /* of the next byte */
    uint64_t records;  /* index of the first record of the next block */
    bool at_end;
    bool has_tail; /* read when the file was opened, else when it comes by */
    struct native_tail tail;
    struct native_buffers buffers;
    struct native_kept kept;
    size_t again; /* kept payloads gone over since the last rewind; as many as there are: the file goes on */
    struct native_block block;
};

static void native_close(void *state)
{
    struct native *native = state;
    close(native->input.file);
    native_tail_free(&native->tail);
    native_buffers_free(&native->buffers);
    native_kept_free(&native->kept);
    memory_free(native);
}

static bool native_open(const char *path, void **state, struct error *error)
{
    struct native *native = memory_zeroed(1, sizeof *native, error);
    if (!native)
        return false;
    if (!input_open(path, &native->input, error)) {
        memory_free(native);
        return false;
    }
    native->indexed =
        native->input.regular && native_tail_load(native->input.file, &native->tail, &native->damage);
    native->has_tail = native->indexed;
    if (native->damage.kind != ERROR_NONE && native->damage.kind != ERROR_TRACE) {
        error_set(error, native->damage.kind, "%s", native->damage.text);
        native_close(native);
        return false;
    }
    if (!native->indexed)
        native_tail_free(&native->tail);
    *state = native;
    return true;
}

/* ---- from front to back ---- */

/* Up to `bytes` bytes; fewer at the end of the file alone. */
static bool read_some(struct native *native, uint8_t *buffer, size_t bytes, size_t *got, struct error *error)
{
    size_t now = 1;
    for (*got = 0; *got < bytes && now > 0; *got += now) {
        if (!input_read(&native->input, buffer + *got, bytes - *got, &now, error))
            return false;
        native->position += now;
    }
    return true;
}

static bool read_all(struct native *native, uint8_t *buffer, size_t bytes, struct error *error)
{
    size_t got;
    if (!read_some(native, buffer, bytes, &got, error))
        return false;
    return got == bytes ||
           error_set(error, ERROR_TRACE, "error: the file is truncated at byte %llu; make or copy it again",
                     (unsigned long long)native->position);
}

static bool read_header(struct native *native, uint8_t header[NATIVE_MEMBER_HEADER_BYTES],
                        struct native_member *member, struct error *error)
{
    uint64_t position = native->position;
    if (!read_all(native, header, NATIVE_MEMBER_HEADER_BYTES, error) ||
        !native_member_parse(header, member, error))
        return false;
    return member->kind == NATIVE_MEMBER_END || member->position == position ||
           error_set(error, ERROR_TRACE, "error: what is at byte %llu belongs to byte %llu; %s",
                     (unsigned long long)position, (unsigned long long)member->position,
                     "make or copy the file again");
}

/* The rest of the member behind its header, inflated to `payload`; NULL: to the buffers. */
static bool read_body(struct native *native, const uint8_t header[NATIVE_MEMBER_HEADER_BYTES],
                      const struct native_member *member, uint8_t *payload, struct error *error)
{
    struct native_buffers *buffers = &native->buffers;
    if (!native_room(buffers, member, error))
        return false;
    memcpy(buffers->member, header, NATIVE_MEMBER_HEADER_BYTES);
    return read_all(native, buffers->member + NATIVE_MEMBER_HEADER_BYTES,
                    member->bytes - NATIVE_MEMBER_HEADER_BYTES, error) &&
           native_unpack(buffers->unpacker, member, buffers->member, payload ? payload : buffers->payload, error);
}

/* The summary member came by: what follows is the end and nothing else. */
static bool finish(struct native *native, const struct native_member *summary, struct error *error)
{
    if (!native->has_tail &&
        !native_tail_parse(&native->tail, native->buffers.payload, summary->payload_bytes, error))
        return false;
    native->has_tail = true;
    uint8_t header[NATIVE_MEMBER_HEADER_BYTES], more;
    struct native_member end;
    if (!native_tail_ends(&native->tail, summary->position, error) ||
        !read_header(native, header, &end, error))
        return false;
    if (end.kind != NATIVE_MEMBER_END || end.position != summary->position || !native_end_fits(&end) ||
        native->tail.summary.records != native->records)
        return error_set(error, ERROR_TRACE, "error: the summary is not of these records; %s",
                         "make or copy the file again");
    size_t got;
    if (!read_body(native, header, &end, NULL, error) || !read_some(native, &more, 1, &got, error))
        return false;
    native->at_end = true;
    return got == 0 || error_set(error, ERROR_TRACE, "error: other bytes after the end at byte %llu; %s",
                                 (unsigned long long)(native->position - 1), "cut the file there");
}

/* Begin to decode a payload; the block must be the next. */
static bool enter_block(struct native *native, const uint8_t *payload, size_t bytes, struct error *error)
{
    if (!native_block_open(&native->block, payload, bytes, error))
        return false;
    if (native->block.first_record != native->records)
        return error_set(error, ERROR_TRACE, "error: a block begins with record %llu instead of %llu; %s",
                         (unsigned long long)native->block.first_record + 1,
                         (unsigned long long)native->records + 1, "make or copy the file again");
    native->records += native->block.records;
    return true;
}

static bool read_block(struct native *native, const uint8_t header[NATIVE_MEMBER_HEADER_BYTES],
                       const struct native_member *member, struct error *error)
{
    bool first_time = member->position == native->kept.end; /* none is left out in front */
    uint8_t *room = first_time ? native_kept_room(&native->kept, member->payload_bytes) : NULL;
    bool good = read_body(native, header, member, room, error) &&
                enter_block(native, room ? room : native->buffers.payload, member->payload_bytes, error);
    if (room && good) {
        struct native_payload payload = {.bytes = room, .count = member->payload_bytes};
        native_kept_add(&native->kept, payload, native->position);
        native->again = native->kept.count;
    } else if (room) {
        memory_free(room);
        native->kept.limit_bytes = 0;
    }
    return good;
}

/* From memory as long as it was kept. */
static bool next_kept(struct native *native, struct error *error)
{
    const struct native_payload *payload = &native->kept.payloads[native->again++];
    return enter_block(native, payload->bytes, payload->count, error);
}

static bool next_block(struct native *native, struct error *error)
{
    if (native->again < native->kept.count)
        return next_kept(native, error);
    uint8_t header[NATIVE_MEMBER_HEADER_BYTES];
    struct native_member member;
    if (!read_header(native, header, &member, error))
        return false;
    if (member.kind == NATIVE_MEMBER_SUMMARY)
        return native_summary_fits(&member, member.position, error) &&
               read_body(native, header, &member, NULL, error) && finish(native, &member, error);
    if (member.kind == NATIVE_MEMBER_END)
        return error_set(error, ERROR_TRACE, "error: the file ends without a summary; make or copy it again");
    return native_block_fits(&member, error) && read_block(native, header, &member, error);
}

static bool native_read(void *state, struct trace_batch *batch, struct error *error)
{
    struct native *native = state;
    batch->count = 0;
    while (native->block.done == native->block.records) {
        if (native->at_end)
            return native->damage.kind == ERROR_NONE ||
                   error_set(error, native->damage.kind, "%s", native->damage.text);
        struct error cause = {0};
        if (next_block(native, &cause))
            continue;
        native->block.done = native->block.records;
        bool whole = native->records == 0 && native->damage.kind != ERROR_NONE; /* nothing can be read */
        return error_set(error, cause.kind, "%s", whole ? native->damage.text : cause.text);
    }
    native_block_next(&native->block, batch);
    return true;
}

/* ---- to any place ---- */

static bool go(struct native *native, uint64_t position, uint64_t record, struct error *error)
{
    /* Where nothing was read yet, a pipe will do. */
    if (position != native->position && lseek(native->input.file, (off_t)position, SEEK_SET) < 0)
        return error_set(error, ERROR_TRACE,
                         "error: cannot be read a second time (%s); store it in a regular file",
                         strerror(errno));
    native->position = position;
    native->records = record;
    native->at_end = false;
    native->again = native->kept.count;
    native->block.records = native->block.done = 0;
    return true;
}

static bool native_rewind(void *state, struct error *error)
{
    struct native *native = state;
    if (!go(native, native->kept.end, 0, error))
        return false;
    native->again = 0;
    return true;
}

static void native_keep(void *state, uint64_t bytes)
{
    struct native *native = state;
    native->kept.limit_bytes = bytes;
}

static bool native_seek(void *state, uint64_t record, uint64_t time_ns, uint64_t *first, struct error *error)
{
    struct native *native = state;
    const struct native_tail *tail = &native->tail;
    *first = 0;
    if (!native->indexed || tail->summary.blocks == 0)
        return go(native, 0, 0, error);
    uint64_t by_record = native_tail_block_of_record(tail, record);
    uint64_t by_time = native_tail_block_of_time(tail, time_ns);
    uint64_t block = by_record > by_time ? by_record : by_time;
    if (block == tail->summary.blocks)
        block--; /* past the end: the last block is read, and found to have nothing */
    *first = tail->blocks[block].first_record;
    return go(native, tail->blocks[block].position, *first, error);
}

static bool native_facts(const void *state, struct trace_facts *facts)
{
    const struct native *native = state;
    const struct native_summary *summary = &native->tail.summary;
    if (!native->indexed)
        return false;
    *facts = (struct trace_facts){.records = summary->records,
                                  .first_time_ns = summary->first_time_ns,
                                  .last_time_ns = summary->last_time_ns,
                                  .device_count = summary->device_count};
    memcpy(facts->records_by_op, summary->records_by_op, sizeof facts->records_by_op);
    for (uint32_t i = 0; i < summary->device_count; i++)
        facts->devices[summary->devices[i] / 8] |= (uint8_t)(1U << summary->devices[i] % 8);
    return true;
}

static bool native_extents(const void *state, struct trace_extents *extents)
{
    const struct native *native = state;
    const struct native_summary *summary = &native->tail.summary;
    *extents = (struct trace_extents){
        .granule_shift = summary->granule_shift, .count = summary->extent_count, .items = summary->extents};
    return native->indexed;
}

/* What its provenance says of its origin; from a pipe that is known at the end. */
static void native_missing(const void *state, struct trace_missing *missing)
{
    const struct native *native = state;
    if (native->has_tail)
        trace_missing_add_lines(missing, native->tail.summary.provenance);
}

static const char *const suffixes[] = {".dwt", NULL};

const struct trace_format trace_native = {
    .name = "native",
    .summary = "compact blocks with an index and a summary, made by this program (traces/FORMAT.md)",
    .suffixes = suffixes,
    .open = native_open,
    .read = native_read,
    .rewind = native_rewind,
    .keep = native_keep,
    .seek = native_seek,
    .facts = native_facts,
    .extents = native_extents,
    .missing = native_missing,
    .close = native_close,
};
