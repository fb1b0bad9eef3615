#include "traces/file/gz_write.h"

#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "sim/base/memory.h"
#include "traces/file/whole_file.h"

enum {
    OUTPUT_BYTES = 256 * 1024,
    GZIP_ONLY = 16, /* added to the window bits: a gzip header, without time or name */
    LEVEL = 3,      /* a CSV trace at level 6 takes three times as long for a tenth less */
    MEMORY_LEVEL = 9,
};

struct gz_writer {
    struct whole_file *file;
    bool gzip;
    z_stream stream;
    size_t used;
    unsigned char output[OUTPUT_BYTES];
};

static bool flush(struct gz_writer *writer, struct error *error)
{
    size_t used = writer->used;
    writer->used = 0;
    return whole_file_write(writer->file, writer->output, used, error);
}

static void release(struct gz_writer *writer)
{
    if (writer->gzip)
        deflateEnd(&writer->stream);
    memory_free(writer);
}

bool gz_writer_open(const char *path, bool gzip, struct gz_writer **writer, struct error *error)
{
    struct gz_writer *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened)
        return false;
    if (gzip)
        opened->gzip = deflateInit2(&opened->stream, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_ONLY, MEMORY_LEVEL,
                                    Z_DEFAULT_STRATEGY) == Z_OK;
    if (gzip && !opened->gzip)
        error_set(error, ERROR_MEMORY, "out of memory (opening a file for writing)");
    if (opened->gzip != gzip || !whole_file_open(path, false, &opened->file, error)) {
        release(opened);
        return false;
    }
    *writer = opened;
    return true;
}

/* Feed what stream.next_in has to deflate, and write what comes out. */
static bool deflate_all(struct gz_writer *writer, int mode, struct error *error)
{
    z_stream *stream = &writer->stream;
    for (;;) {
        stream->next_out = writer->output + writer->used;
        stream->avail_out = (uInt)(OUTPUT_BYTES - writer->used);
        int status = deflate(stream, mode);
        writer->used = OUTPUT_BYTES - stream->avail_out;
        if (mode == Z_FINISH ? status == Z_STREAM_END : stream->avail_in == 0 && stream->avail_out > 0)
            return true;
        if (!flush(writer, error))
            return false;
    }
}

bool gz_writer_put(struct gz_writer *writer, const void *data, size_t bytes, struct error *error)
{
    const unsigned char *next = data;
    if (writer->gzip) {
        while (bytes > 0) {
            uInt some = bytes < INT32_MAX ? (uInt)bytes : INT32_MAX;
            writer->stream.next_in = (unsigned char *)(uintptr_t)next;
            writer->stream.avail_in = some;
            if (!deflate_all(writer, Z_NO_FLUSH, error))
                return false;
            next += some;
            bytes -= some;
        }
        return true;
    }
    if (bytes > OUTPUT_BYTES - writer->used && !flush(writer, error))
        return false;
    if (bytes > OUTPUT_BYTES)
        return whole_file_write(writer->file, next, bytes, error);
    memcpy(writer->output + writer->used, next, bytes);
    writer->used += bytes;
    return true;
}

bool gz_writer_close(struct gz_writer *writer, struct error *error)
{
    writer->stream.avail_in = 0;
    bool good = (!writer->gzip || deflate_all(writer, Z_FINISH, error)) && flush(writer, error);
    if (good)
        good = whole_file_publish(writer->file, error);
    else
        whole_file_abandon(writer->file, 0);
    release(writer);
    return good;
}

void gz_writer_abandon(struct gz_writer *writer)
{
    if (!writer)
        return;
    whole_file_abandon(writer->file, 0);
    release(writer);
}
