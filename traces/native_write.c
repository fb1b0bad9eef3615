/* Writing a native trace: records are gathered into blocks, blocks go out as members. */
#include "traces/native.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/memory.h"
#include "traces/native_block.h"
#include "traces/native_gzip.h"
#include "traces/native_summary.h"

struct native_writer {
    int file;
    char *path, *part; /* `part` is the file until it is complete; NULL when `path` is written as it is */
    uint64_t position;
    uint64_t records; /* added so far */
    uint64_t last_time_ns;
    struct native_encoder *encoder;
    struct native_packer *packer;
    struct native_gatherer *gatherer;
    struct native_records block;
};

static const char *shown(const struct native_writer *writer)
{
    return strcmp(writer->path, "-") == 0 ? "standard output" : writer->path;
}

/* Put the path in front of `cause`. */
static bool fail(const struct native_writer *writer, const struct error *cause, struct error *error)
{
    return error_set(error, cause->kind, "%s: %s%s", shown(writer),
                     cause->kind == ERROR_MEMORY ? "error: " : "", cause->text);
}

static bool cannot(const struct native_writer *writer, const char *what, struct error *error)
{
    return error_set(error, ERROR_RESULTS, "%s: error: cannot %s: %s", shown(writer), what, strerror(errno));
}

/* ---- the file ---- */

/* A name beside `path` for what is not complete yet, and the file of that name. */
static bool create_part(struct native_writer *writer, struct error *error)
{
    enum { TRIES = 100, ENDING_BYTES = 40 };
    size_t room = strlen(writer->path) + ENDING_BYTES;
    struct error cause = {0};
    if (!(writer->part = memory_zeroed(room, 1, &cause)))
        return fail(writer, &cause, error);
    for (unsigned i = 0; i < TRIES && writer->file < 0; i++) {
        snprintf(writer->part, room, "%s.part-%ld-%u", writer->path, (long)getpid(), i);
        writer->file = open(writer->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->file < 0 && errno != EEXIST)
            break;
    }
    if (writer->file >= 0)
        return true;
    int cause_number = errno;
    memory_free(writer->part);
    writer->part = NULL;
    errno = cause_number;
    return cannot(writer, "create", error);
}

static bool open_file(struct native_writer *writer, struct error *error)
{
    struct stat status;
    if (strcmp(writer->path, "-") == 0)
        writer->file = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    else if (stat(writer->path, &status) != 0 || S_ISREG(status.st_mode))
        return create_part(writer, error);
    else
        writer->file = open(writer->path, O_WRONLY | O_CLOEXEC);
    return writer->file >= 0 || cannot(writer, "open", error);
}

static bool write_all(struct native_writer *writer, const uint8_t *data, size_t bytes, struct error *error)
{
    while (bytes > 0) {
        ssize_t done = write(writer->file, data, bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return cannot(writer, "write", error);
        data += done;
        bytes -= (size_t)done;
        writer->position += (uint64_t)done;
    }
    return true;
}

/* ---- members ---- */

static bool write_member(struct native_writer *writer, enum native_member_kind kind, uint64_t position,
                         const uint8_t *payload, size_t payload_bytes, size_t incompressible,
                         struct error *error)
{
    const uint8_t *member;
    size_t bytes;
    struct error cause = {0};
    if (!native_pack(writer->packer, kind, position, payload, payload_bytes, incompressible, &member, &bytes,
                     &cause))
        return fail(writer, &cause, error);
    return write_all(writer, member, bytes, error);
}

static bool write_block(struct native_writer *writer, struct error *error)
{
    struct native_records *block = &writer->block;
    if (block->count == 0)
        return true;
    struct trace_batch batch = {.count = block->count,
                                .time_ns = block->time_ns,
                                .iova = block->iova,
                                .bytes = block->bytes,
                                .address = block->address,
                                .device = block->device,
                                .op = block->op};
    native_gatherer_records(writer->gatherer, &batch);
    struct native_index_entry entry = {.position = writer->position,
                                       .first_record = writer->records - block->count,
                                       .first_time_ns = block->time_ns[0]};
    size_t payload_bytes, incompressible;
    const uint8_t *payload =
        native_block_encode(writer->encoder, block, entry.first_record, &payload_bytes, &incompressible);
    if (!write_member(writer, NATIVE_MEMBER_BLOCK, entry.position, payload, payload_bytes, incompressible,
                      error))
        return false;
    entry.bytes = (uint32_t)(writer->position - entry.position);
    block->count = 0;
    struct error cause = {0};
    return native_gatherer_block(writer->gatherer, &entry, payload, payload_bytes, &cause) ||
           fail(writer, &cause, error);
}

static bool write_tail(struct native_writer *writer, const char *provenance, struct error *error)
{
    const uint8_t *payload;
    size_t bytes;
    struct error cause = {0};
    uint64_t position = writer->position;
    if (!native_gatherer_finish(writer->gatherer, provenance, &payload, &bytes, &cause))
        return fail(writer, &cause, error);
    return write_member(writer, NATIVE_MEMBER_SUMMARY, position, payload, bytes, 0, error) &&
           write_member(writer, NATIVE_MEMBER_END, position, payload, 0, 0, error);
}

/* ---- the calls of native.h ---- */

bool native_writer_open(const char *path, struct native_writer **writer, struct error *error)
{
    struct error cause = {0};
    struct native_writer *w = memory_zeroed(1, sizeof *w, &cause);
    if (!w)
        return error_set(error, cause.kind, "%s: error: %s", path, cause.text);
    w->file = -1;
    if (!(w->path = memory_zeroed(strlen(path) + 1, 1, &cause))) {
        memory_free(w);
        return error_set(error, cause.kind, "%s: error: %s", path, cause.text);
    }
    memcpy(w->path, path, strlen(path));
    if (!native_encoder_new(&w->encoder, &cause) || !native_packer_new(&w->packer, &cause) ||
        !native_gatherer_new(&w->gatherer, &cause)) {
        fail(w, &cause, error);
        native_writer_abandon(w);
        return false;
    }
    if (!open_file(w, error)) {
        native_writer_abandon(w);
        return false;
    }
    *writer = w;
    return true;
}

bool native_writer_add(struct native_writer *writer, const struct trace_batch *batch, struct error *error)
{
    struct error cause = {0};
    struct trace_batch counted = *batch;
    counted.first_record = writer->records;
    if (!trace_batch_check(&counted, writer->last_time_ns, &cause))
        return fail(writer, &cause, error);
    struct native_records *block = &writer->block;
    for (size_t from = 0; from < batch->count;) {
        size_t room = NATIVE_BLOCK_RECORDS - block->count, left = batch->count - from;
        size_t now = left < room ? left : room;
        memcpy(block->time_ns + block->count, batch->time_ns + from, now * sizeof *block->time_ns);
        memcpy(block->iova + block->count, batch->iova + from, now * sizeof *block->iova);
        memcpy(block->bytes + block->count, batch->bytes + from, now * sizeof *block->bytes);
        memcpy(block->address + block->count, batch->address + from, now * sizeof *block->address);
        memcpy(block->device + block->count, batch->device + from, now * sizeof *block->device);
        memcpy(block->op + block->count, batch->op + from, now * sizeof *block->op);
        block->count += (uint32_t)now;
        writer->records += now;
        from += now;
        if (block->count == NATIVE_BLOCK_RECORDS && !write_block(writer, error))
            return false;
    }
    if (batch->count > 0)
        writer->last_time_ns = batch->time_ns[batch->count - 1];
    return true;
}

/* The bytes are on the disk before the name is: a crash leaves the old file or the new one. */
static bool publish(struct native_writer *writer, struct error *error)
{
    /* What cannot be synchronised (a pipe, some file systems) says EINVAL. */
    if (writer->part && fsync(writer->file) != 0 && errno != EINVAL)
        return cannot(writer, "write", error);
    int file = writer->file;
    writer->file = -1;
    if (close(file) != 0 && errno != EINTR)
        return cannot(writer, "write", error);
    if (writer->part && rename(writer->part, writer->path) != 0)
        return cannot(writer, "create", error);
    memory_free(writer->part);
    writer->part = NULL;
    return true;
}

bool native_writer_close(struct native_writer *writer, const char *provenance, struct error *error)
{
    bool good = write_block(writer, error) && write_tail(writer, provenance, error) && publish(writer, error);
    native_writer_abandon(writer);
    return good;
}

void native_writer_abandon(struct native_writer *writer)
{
    if (!writer)
        return;
    if (writer->file >= 0)
        close(writer->file);
    if (writer->part)
        unlink(writer->part);
    native_encoder_free(writer->encoder);
    native_packer_free(writer->packer);
    native_gatherer_free(writer->gatherer);
    memory_free(writer->part);
    memory_free(writer->path);
    memory_free(writer);
}
