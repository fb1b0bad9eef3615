/* Writing a native trace: records are gathered into blocks, blocks go out as members.
 *
 * When the making of a file was broken off, the blocks that it left are taken over as long as they hold the
 * records that are added now; so the file is right whatever they hold. */
#include "traces/native/native.h"

#include <assert.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/native/native_block.h"
#include "traces/native/native_gzip.h"
#include "traces/native/native_part.h"
#include "traces/native/native_summary.h"
#include "traces/file/whole_file.h"

struct native_writer {
    struct whole_file *file;
    uint64_t blocks_bytes;  /* the blocks in the file, */
    uint64_t block_records; /* the records in them, */
    uint64_t reused;        /* and how many of these an earlier part had */
    uint64_t last_time_ns;
    bool parted; /* the part may have the next block too */
    struct native_part part;
    struct native_encoder *encoder;
    struct native_packer *packer;
    struct native_gatherer *gatherer;
    struct native_records block;
};

/* Put the path in front of `cause`. */
static bool fail(const struct native_writer *writer, const struct error *cause, struct error *error)
{
    return error_set(error, cause->kind, "%s: %s%s", whole_file_shown(writer->file),
                     cause->kind == ERROR_MEMORY ? "error: " : "", cause->text);
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
    return whole_file_write(writer->file, member, bytes, error);
}

/* Have the block in the file: that of the part, or a new one. The payload is valid until the next call. */
static bool put_block(struct native_writer *writer, uint64_t first_record, const uint8_t **payload,
                      size_t *payload_bytes, struct error *error)
{
    struct native_member member;
    if (writer->parted &&
        native_part_holds(&writer->part, writer->file, &writer->block, first_record, &member)) {
        whole_file_take(writer->file, member.bytes);
        writer->reused += writer->block.count;
        *payload = writer->part.buffers.payload;
        *payload_bytes = member.payload_bytes;
        return true;
    }
    writer->parted = false;
    size_t incompressible;
    *payload =
        native_block_encode(writer->encoder, &writer->block, first_record, payload_bytes, &incompressible);
    return whole_file_drop(writer->file, error) &&
           write_member(writer, NATIVE_MEMBER_BLOCK, whole_file_bytes(writer->file), *payload, *payload_bytes,
                        incompressible, error);
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
    struct native_index_entry entry = {.position = whole_file_bytes(writer->file),
                                       .first_record = writer->block_records,
                                       .first_time_ns = block->time_ns[0]};
    const uint8_t *payload;
    size_t payload_bytes;
    struct error cause = {0};
    if (!put_block(writer, entry.first_record, &payload, &payload_bytes, error))
        return false;
    writer->blocks_bytes = whole_file_bytes(writer->file);
    entry.bytes = (uint32_t)(writer->blocks_bytes - entry.position);
    writer->block_records += block->count;
    block->count = 0;
    return native_gatherer_block(writer->gatherer, &entry, payload, payload_bytes, &cause) ||
           fail(writer, &cause, error);
}

static bool write_tail(struct native_writer *writer, const char *provenance, struct error *error)
{
    const uint8_t *payload;
    size_t bytes;
    struct error cause = {0};
    uint64_t position = whole_file_bytes(writer->file);
    if (!whole_file_drop(writer->file, error))
        return false;
    if (!native_gatherer_finish(writer->gatherer, provenance, &payload, &bytes, &cause))
        return fail(writer, &cause, error);
    return write_member(writer, NATIVE_MEMBER_SUMMARY, position, payload, bytes, 0, error) &&
           write_member(writer, NATIVE_MEMBER_END, position, payload, 0, 0, error);
}

/* ---- the calls of native.h ---- */

/* A file that happens to be called like a part is not to be lost. */
static bool part_is_ours(const struct native_writer *writer, struct error *error)
{
    uint8_t begin[4];
    return !whole_file_left(writer->file, begin, sizeof begin) || native_member_begins(begin) ||
           error_set(
               error, ERROR_RESULTS,
               "%s: error: cannot write: %s is in the way, which is no beginning of a native trace; move it",
               whole_file_shown(writer->file), whole_file_part(writer->file));
}

bool native_writer_open(const char *path, struct native_writer **writer, struct error *error)
{
    struct error cause = {0};
    struct native_writer *w = memory_zeroed(1, sizeof *w, &cause);
    if (!w)
        return error_set(error, cause.kind, "%s: error: %s", path, cause.text);
    if (!whole_file_open(path, true, &w->file, error)) {
        memory_free(w);
        return false;
    }
    w->parted = true;
    if (!part_is_ours(w, error)) {
        whole_file_abandon(w->file, 0);
        memory_free(w);
        return false;
    }
    if (!native_encoder_new(&w->encoder, &cause) || !native_packer_new(&w->packer, &cause) ||
        !native_gatherer_new(&w->gatherer, &cause)) {
        fail(w, &cause, error);
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
    counted.first_record = writer->block_records + writer->block.count;
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
        from += now;
        if (block->count == NATIVE_BLOCK_RECORDS && !write_block(writer, error))
            return false;
    }
    if (batch->count > 0)
        writer->last_time_ns = batch->time_ns[batch->count - 1];
    return true;
}

static void release(struct native_writer *writer)
{
    native_part_free(&writer->part);
    native_encoder_free(writer->encoder);
    native_packer_free(writer->packer);
    native_gatherer_free(writer->gatherer);
    memory_free(writer);
}

bool native_writer_close(struct native_writer *writer, const char *provenance, struct error *error)
{
    bool good = write_block(writer, error) && write_tail(writer, provenance, error);
    if (!good) {
        native_writer_abandon(writer);
        return false;
    }
    good = whole_file_publish(writer->file, error);
    release(writer);
    return good;
}

const char *native_writer_part(const struct native_writer *writer)
{
    return whole_file_part(writer->file);
}

uint64_t native_writer_reused(const struct native_writer *writer)
{
    return writer->reused;
}

void native_writer_abandon(struct native_writer *writer)
{
    if (!writer)
        return;
    whole_file_abandon(writer->file, writer->blocks_bytes);
    release(writer);
}
