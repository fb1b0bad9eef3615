/* Native traces as files with an index: the summary, and blocks in any order. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/memory.h"
#include "traces/file/input.h"
#include "traces/native/native_read.h"

/* ---- members ---- */

bool native_room(struct native_buffers *buffers, const struct native_member *member, struct error *error)
{
    return memory_grow(&buffers->member, &buffers->member_capacity, member->bytes, 1, error) &&
           memory_grow(&buffers->payload, &buffers->payload_capacity,
                       (size_t)member->payload_bytes + NATIVE_SLACK_BYTES, 1, error) &&
           (buffers->unpacker || native_unpacker_new(&buffers->unpacker, error));
}

void native_buffers_free(struct native_buffers *buffers)
{
    memory_free(buffers->member);
    memory_free(buffers->payload);
    native_unpacker_free(buffers->unpacker);
    *buffers = (struct native_buffers){0};
}

bool native_block_fits(const struct native_member *member, struct error *error)
{
    return (member->payload_bytes <= NATIVE_PAYLOAD_BYTES_LIMIT &&
            member->bytes <= NATIVE_PAYLOAD_BYTES_LIMIT + MEMBER_BYTES_MORE) ||
           error_set(error, ERROR_TRACE, "error: a block of %u bytes is larger than any can be; %s",
                     member->bytes, "make or copy the file again");
}

bool native_summary_fits(const struct native_member *member, uint64_t position, struct error *error)
{
    /* No block takes fewer bytes than the end member, so this many at most lie before the summary. */
    uint64_t blocks = position / NATIVE_END_BYTES;
    uint64_t payload_limit = NATIVE_SUMMARY_BYTES_LIMIT + NATIVE_INDEX_ENTRY_BYTES * blocks;
    return (member->payload_bytes <= payload_limit && member->bytes <= payload_limit * 2) ||
           error_set(error, ERROR_TRACE, "error: a summary of %u bytes does not fit the file; %s",
                     member->payload_bytes, "make or copy the file again");
}

bool native_end_fits(const struct native_member *member)
{
    return member->bytes == NATIVE_END_BYTES && member->payload_bytes == 0;
}

/* ---- reading anywhere ---- */

static bool truncated(struct error *error)
{
    return error_set(error, ERROR_TRACE, "error: the file is truncated; make or copy it again");
}

static bool read_at(int file, uint64_t position, void *buffer, size_t bytes, struct error *error)
{
    uint8_t *at = buffer;
    while (bytes > 0) {
        ssize_t got = pread(file, at, bytes, (off_t)position);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, ERROR_TRACE, "error: cannot read: %s", strerror(errno));
        if (got == 0)
            return truncated(error);
        at += got;
        position += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

/* The whole member that is `bytes` long; `fits` bounds it before memory is taken. */
static bool unpack_at(int file, const struct native_member *member, uint64_t position,
                      struct native_buffers *buffers, struct error *error)
{
    return native_room(buffers, member, error) &&
           read_at(file, position, buffers->member, member->bytes, error) &&
           native_unpack(buffers->unpacker, member, buffers->member, buffers->payload, error);
}

bool native_tail_load(int file, struct native_tail *tail, struct error *error)
{
    uint8_t header[NATIVE_MEMBER_HEADER_BYTES];
    struct native_member end, summary;
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size < NATIVE_END_BYTES)
        return truncated(error);
    uint64_t end_at = (uint64_t)status.st_size - NATIVE_END_BYTES;
    struct error cause = {0};
    if (!read_at(file, end_at, header, sizeof header, error))
        return false;
    if (!native_member_parse(header, &end, &cause) || end.kind != NATIVE_MEMBER_END)
        return error_set(
            error, ERROR_TRACE,
            "error: not a native trace, or truncated: its end is missing; make or copy it again");
    if (end.position > end_at || end_at - end.position < NATIVE_END_BYTES || !native_end_fits(&end))
        return error_set(error, ERROR_TRACE,
                         "error: the end of the file contradicts it; make or copy it again");
    if (!read_at(file, end.position, header, sizeof header, error) ||
        !native_member_parse(header, &summary, error))
        return false;
    if (summary.kind != NATIVE_MEMBER_SUMMARY || summary.position != end.position ||
        summary.bytes != end_at - end.position)
        return error_set(error, ERROR_TRACE,
                         "error: the end of the file contradicts it; make or copy it again");
    struct native_buffers buffers = {0};
    struct native_member end_again = end;
    end_again.position = end_at;
    bool good = native_summary_fits(&summary, end.position, error) &&
                unpack_at(file, &end_again, end_at, &buffers, error) &&
                unpack_at(file, &summary, end.position, &buffers, error) &&
                native_tail_parse(tail, buffers.payload, summary.payload_bytes, error) &&
                native_tail_ends(tail, end.position, error);
    native_buffers_free(&buffers);
    return good;
}

bool native_tail_ends(const struct native_tail *tail, uint64_t summary_at, struct error *error)
{
    uint64_t blocks = tail->summary.blocks;
    const struct native_index_entry *last = blocks > 0 ? &tail->blocks[blocks - 1] : NULL;
    uint64_t end = last ? last->position + last->bytes : 0;
    return end == summary_at ||
           error_set(error, ERROR_TRACE,
                     "error: the index ends at byte %llu, but the blocks at byte %llu; %s",
                     (unsigned long long)end, (unsigned long long)summary_at, "make or copy the file again");
}

/* ---- files ---- */

struct native_file {
    int file;
    struct native_tail tail;
};

bool native_file_open(const char *path, struct native_file **file, struct error *error)
{
    /* To open a pipe and close it again would take the data from whoever is to read them. */
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return error_set(error, ERROR_TRACE, "error: no regular file, so its end cannot be read first");
    struct native_file *opened = memory_zeroed(1, sizeof *opened, error);
    struct input input;
    if (!opened)
        return false;
    if (!input_open(path, &input, error)) {
        memory_free(opened);
        return false;
    }
    opened->file = input.file;
    if (!native_tail_load(opened->file, &opened->tail, error)) {
        native_file_close(opened);
        return false;
    }
    *file = opened;
    return true;
}

void native_file_close(struct native_file *file)
{
    if (!file)
        return;
    close(file->file);
    native_tail_free(&file->tail);
    memory_free(file);
}

const struct native_summary *native_file_summary(const struct native_file *file)
{
    return &file->tail.summary;
}

uint64_t native_tail_block_of_record(const struct native_tail *tail, uint64_t record)
{
    if (record >= tail->summary.records)
        return tail->summary.blocks;
    uint64_t low = 0, high = tail->summary.blocks - 1;
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (tail->blocks[middle].first_record <= record)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Equal times may cross from one block into the next, so the block is the last that begins before. */
uint64_t native_tail_block_of_time(const struct native_tail *tail, uint64_t time_ns)
{
    if (tail->summary.records == 0 || time_ns > tail->summary.last_time_ns)
        return tail->summary.blocks;
    uint64_t low = 0, high = tail->summary.blocks - 1;
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (tail->blocks[middle].first_time_ns < time_ns)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

uint64_t native_file_block_of_record(const struct native_file *file, uint64_t record)
{
    return native_tail_block_of_record(&file->tail, record);
}

uint64_t native_file_block_of_time(const struct native_file *file, uint64_t time_ns)
{
    return native_tail_block_of_time(&file->tail, time_ns);
}

/* ---- cursors ---- */

struct native_cursor {
    const struct native_file *file;
    struct native_buffers buffers;
    struct native_block block;
    size_t payload_bytes; /* of the block */
};

bool native_cursor_new(const struct native_file *file, struct native_cursor **cursor, struct error *error)
{
    *cursor = memory_zeroed(1, sizeof **cursor, error);
    if (*cursor)
        (*cursor)->file = file;
    return *cursor != NULL;
}

void native_cursor_free(struct native_cursor *cursor)
{
    if (!cursor)
        return;
    native_buffers_free(&cursor->buffers);
    memory_free(cursor);
}

/* Read the block that `entry` describes. */
static bool load_block(struct native_cursor *cursor, const struct native_index_entry *entry,
                       struct error *error)
{
    uint8_t header[NATIVE_MEMBER_HEADER_BYTES];
    struct native_member member;
    int file = cursor->file->file;
    if (!read_at(file, entry->position, header, sizeof header, error) ||
        !native_member_parse(header, &member, error))
        return false;
    if (member.kind != NATIVE_MEMBER_BLOCK || member.position != entry->position ||
        member.bytes != entry->bytes)
        return error_set(error, ERROR_TRACE,
                         "error: byte %llu is not where a block begins; make or copy it again",
                         (unsigned long long)entry->position);
    cursor->payload_bytes = member.payload_bytes;
    return native_block_fits(&member, error) &&
           unpack_at(file, &member, entry->position, &cursor->buffers, error) &&
           native_block_open(&cursor->block, cursor->buffers.payload, member.payload_bytes, error);
}

bool native_cursor_block(struct native_cursor *cursor, uint64_t index, struct error *error)
{
    const struct native_tail *tail = &cursor->file->tail;
    assert(index < tail->summary.blocks);
    cursor->block.records = cursor->block.done = 0;
    const struct native_index_entry *entry = &tail->blocks[index];
    uint64_t next = index + 1 < tail->summary.blocks ? entry[1].first_record : tail->summary.records;
    struct native_block *block = &cursor->block;
    if (!load_block(cursor, entry, error) || block->first_record != entry->first_record ||
        block->records != next - entry->first_record || block->time_ns != entry->first_time_ns) {
        block->records = block->done = 0;
        return error_set(error, ERROR_TRACE, "error: block %llu is not what the index says; %s",
                         (unsigned long long)index, "make or copy the file again");
    }
    return true;
}

void native_cursor_next(struct native_cursor *cursor, struct trace_batch *batch)
{
    native_block_next(&cursor->block, batch);
}

/* ---- checking ---- */

struct columns {
    uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS];
    uint16_t device[TRACE_BATCH_RECORDS];
    uint8_t op[TRACE_BATCH_RECORDS];
};

static bool gather_block(struct native_cursor *cursor, uint64_t index, struct columns *columns,
                         struct native_gatherer *gatherer, uint64_t *last_time_ns, struct error *error)
{
    struct trace_batch batch = {.time_ns = columns->time_ns,
                                .iova = columns->iova,
                                .bytes = columns->bytes,
                                .address = columns->address,
                                .device = columns->device,
                                .op = columns->op};
    if (!native_cursor_block(cursor, index, error) ||
        !native_gatherer_block(gatherer, &cursor->file->tail.blocks[index], cursor->buffers.payload,
                               cursor->payload_bytes, error))
        return false;
    while (native_cursor_next(cursor, &batch), batch.count > 0) {
        if (!trace_batch_check(&batch, *last_time_ns, error))
            return false;
        *last_time_ns = batch.time_ns[batch.count - 1];
        native_gatherer_records(gatherer, &batch);
    }
    return true;
}

/* The stored summary payload again, to be compared with what was gathered. */
static bool same_summary(const struct native_file *file, struct native_gatherer *gatherer,
                         struct error *error)
{
    const uint8_t *payload;
    size_t bytes;
    struct native_buffers buffers = {0};
    uint8_t header[NATIVE_MEMBER_HEADER_BYTES];
    struct native_member member;
    const struct native_summary *summary = &file->tail.summary;
    const struct native_index_entry *last =
        summary->blocks > 0 ? &file->tail.blocks[summary->blocks - 1] : NULL;
    uint64_t position = last ? last->position + last->bytes : 0;
    bool good = native_gatherer_finish(gatherer, summary->provenance, &payload, &bytes, error) &&
                read_at(file->file, position, header, sizeof header, error) &&
                native_member_parse(header, &member, error) &&
                native_summary_fits(&member, position, error) &&
                unpack_at(file->file, &member, position, &buffers, error);
    if (good && (member.payload_bytes != bytes || memcmp(payload, buffers.payload, bytes) != 0))
        good = error_set(error, ERROR_TRACE, "error: the summary does not describe the records; %s",
                         "make or copy the file again");
    native_buffers_free(&buffers);
    return good;
}

bool native_file_check(const struct native_file *file, struct error *error)
{
    struct native_cursor *cursor = NULL;
    struct native_gatherer *gatherer = NULL;
    struct columns *columns = memory_zeroed(1, sizeof *columns, error);
    uint64_t last_time_ns = 0;
    bool good = columns && native_cursor_new(file, &cursor, error) && native_gatherer_new(&gatherer, error);
    for (uint64_t i = 0; good && i < file->tail.summary.blocks; i++)
        good = gather_block(cursor, i, columns, gatherer, &last_time_ns, error);
    good = good && same_summary(file, gatherer, error);
    native_cursor_free(cursor);
    native_gatherer_free(gatherer);
    memory_free(columns);
    return good;
}
