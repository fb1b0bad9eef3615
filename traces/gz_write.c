#include "traces/gz_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "sim/base/memory.h"

enum {
    OUTPUT_BYTES = 256 * 1024,
    GZIP_ONLY = 16, /* added to the window bits: a gzip header, without time or name */
    LEVEL = 3,      /* a CSV trace at level 6 takes three times as long for a tenth less */
    MEMORY_LEVEL = 9,
};

struct gz_writer {
    char *shown;     /* for messages */
    char *path;      /* the file to appear; NULL: written as it is */
    char *temporary; /* until then */
    int file;
    bool gzip;
    z_stream stream;
    size_t used;
    unsigned char output[OUTPUT_BYTES];
};

static bool fail(const struct gz_writer *writer, int cause, struct error *error)
{
    const char *remedy = "";
    if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
        remedy = "; free some space or write to another place";
    else if (cause == ENOENT)
        remedy = "; make the folder first";
    return error_set(error, ERROR_RESULTS, "%s: error: cannot write: %s%s", writer->shown, strerror(cause),
                     remedy);
}

static bool write_all(struct gz_writer *writer, const unsigned char *bytes, size_t count, struct error *error)
{
    while (count > 0) {
        ssize_t written = write(writer->file, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail(writer, errno, error);
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

static bool flush(struct gz_writer *writer, struct error *error)
{
    size_t used = writer->used;
    writer->used = 0;
    return write_all(writer, writer->output, used, error);
}

/* Names for a file that is to appear at once; one that is no regular file is written as it is. */
static bool choose_names(struct gz_writer *writer, const char *path, struct error *error)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode))
        return true;
    /* Through a link, the file that it points to is replaced, not the link. */
    writer->path = exists ? realpath(path, NULL) : strdup(path);
    if (!writer->path)
        return error_set(error, ERROR_MEMORY, "out of memory (a file name)");
    const char *slash = strrchr(writer->path, '/');
    int folder = slash ? (int)(slash + 1 - writer->path) : 0;
    if (asprintf(&writer->temporary, "%.*s.tmp-%s-%ld", folder, writer->path, writer->path + folder,
                 (long)getpid()) < 0) {
        writer->temporary = NULL;
        return error_set(error, ERROR_MEMORY, "out of memory (a file name)");
    }
    return true;
}

static bool open_file(struct gz_writer *writer, const char *path, struct error *error)
{
    if (strcmp(path, "-") == 0) {
        writer->file = dup(STDOUT_FILENO);
    } else {
        if (!choose_names(writer, path, error))
            return false;
        writer->file = writer->temporary
                           ? open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                           : open(path, O_WRONLY | O_CLOEXEC);
    }
    return writer->file >= 0 || fail(writer, errno, error);
}

/* Free; `keep` the temporary file, which is none any more. */
static void release(struct gz_writer *writer, bool keep)
{
    if (writer->file >= 0) {
        close(writer->file);
        if (writer->temporary && !keep)
            unlink(writer->temporary);
    }
    if (writer->gzip)
        deflateEnd(&writer->stream);
    free(writer->shown);
    free(writer->path);
    free(writer->temporary);
    memory_free(writer);
}

bool gz_writer_open(const char *path, bool gzip, struct gz_writer **writer, struct error *error)
{
    struct gz_writer *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened)
        return false;
    opened->file = -1;
    opened->shown = strdup(strcmp(path, "-") == 0 ? "standard output" : path);
    bool good = opened->shown != NULL;
    if (good && gzip)
        good = opened->gzip = deflateInit2(&opened->stream, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_ONLY,
                                           MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
    if (!good)
        error_set(error, ERROR_MEMORY, "out of memory (opening a file for writing)");
    if (!good || !open_file(opened, path, error)) {
        release(opened, false);
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
        return write_all(writer, next, bytes, error);
    memcpy(writer->output + writer->used, next, bytes);
    writer->used += bytes;
    return true;
}

bool gz_writer_close(struct gz_writer *writer, struct error *error)
{
    writer->stream.avail_in = 0;
    bool good = (!writer->gzip || deflate_all(writer, Z_FINISH, error)) && flush(writer, error);
    if (good && writer->temporary && fsync(writer->file) != 0 && errno != EINVAL && errno != ENOTSUP)
        good = fail(writer, errno, error);
    if (good && writer->temporary && rename(writer->temporary, writer->path) != 0)
        good = fail(writer, errno, error);
    release(writer, good);
    return good;
}

void gz_writer_abandon(struct gz_writer *writer)
{
    if (writer)
        release(writer, false);
}
