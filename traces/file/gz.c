#include "traces/file/gz.h"

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
#include "traces/file/foreign.h"
#include "traces/file/input.h"

enum {
    INPUT_BYTES = 256 * 1024,
    GZIP_ONLY = 16, /* added to the window bits: a gzip header must follow */
};

struct gz_reader {
    struct input source;
    bool gzip;
    bool in_member; /* between the first byte of a member and the last byte of its trailer */
    bool at_end;    /* read() has returned 0 */
    z_stream stream;
    uint64_t input_offset; /* of the byte after the buffered input, in the file */
    unsigned char *next;   /* plain files: buffered bytes not handed out yet */
    size_t left;
    struct error failure; /* behind the bytes handed out */
    unsigned char input[INPUT_BYTES];
};

static bool read_file(struct gz_reader *reader, void *buffer, size_t capacity, size_t *got,
                      struct error *error)
{
    if (!input_read(&reader->source, buffer, capacity, got, error))
        return false;
    reader->input_offset += *got;
    reader->at_end = *got == 0;
    return true;
}

/* Refill the input buffer behind the `left` bytes that it still holds at `next`. */
static bool refill(struct gz_reader *reader, struct error *error)
{
    memmove(reader->input, reader->next, reader->left);
    reader->next = reader->input;
    size_t got = 0;
    if (!read_file(reader, reader->input + reader->left, INPUT_BYTES - reader->left, &got, error))
        return false;
    reader->left += got;
    return true;
}

static bool has_magic(const struct gz_reader *reader)
{
    return reader->left >= 2 && reader->next[0] == 0x1f && reader->next[1] == 0x8b;
}

/* Look at the first bytes. A pipe may deliver them one by one. */
static bool start(struct gz_reader *reader, struct error *error)
{
    reader->input_offset = 0;
    reader->next = reader->input;
    reader->left = 0;
    reader->at_end = false;
    reader->in_member = false;
    reader->failure = (struct error){0};
    while (reader->left < FOREIGN_BYTES && !reader->at_end)
        if (!refill(reader, error))
            return false;
    reader->gzip = has_magic(reader);
    const struct foreign *form = foreign_form(reader->next, reader->left);
    return !form ||
           error_set(error, ERROR_TRACE, "error: %s, which is not read here; put \"%s\" in front of the pipe",
                     form->what, form->command);
}

/* A reader of an open file, which it closes, also on failure. */
static bool read_from(struct input file, struct gz_reader **reader, struct error *error)
{
    struct gz_reader *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened) {
        close(file.file);
        return false;
    }
    opened->source = file;
    if (inflateInit2(&opened->stream, MAX_WBITS + GZIP_ONLY) != Z_OK) {
        close(file.file);
        memory_free(opened);
        return error_set(error, ERROR_MEMORY, "out of memory (opening a gzip reader)");
    }
    if (!start(opened, error)) {
        gz_close(opened);
        return false;
    }
    *reader = opened;
    return true;
}

bool gz_open(const char *path, struct gz_reader **reader, struct error *error)
{
    struct input file;
    return input_open(path, &file, error) && read_from(file, reader, error);
}

/* ---- what cannot be read twice ---- */

static int temporary_file(void)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    int length = snprintf(path, sizeof path, "%s/dirtywalk-XXXXXX", folder && *folder ? folder : "/tmp");
    int file = length < (int)sizeof path ? mkostemp(path, O_CLOEXEC) : (errno = ENAMETOOLONG, -1);
    if (file >= 0)
        unlink(path);
    return file;
}

static bool no_copy(struct error *error)
{
    return error_set(error, ERROR_TRACE,
                     "error: is read twice, and no copy can be made in TMPDIR or /tmp: %s; save it as a file",
                     strerror(errno));
}

static bool copy_file(const struct input *from, int to, struct error *error)
{
    char buffer[65536];
    size_t got = 1;
    while (got > 0) {
        if (!input_read(from, buffer, sizeof buffer, &got, error))
            return false;
        for (size_t done = 0; done < got;) {
            ssize_t now = write(to, buffer + done, got - done);
            if (now < 0)
                return no_copy(error);
            done += (size_t)now;
        }
    }
    return lseek(to, 0, SEEK_SET) == 0 || no_copy(error);
}

bool gz_open_twice(const char *path, struct gz_reader **reader, struct error *error)
{
    struct input file, copy = {.regular = true};
    if (!input_open(path, &file, error))
        return false;
    if (file.regular)
        return read_from(file, reader, error);
    copy.file = temporary_file();
    bool good = copy.file >= 0 ? copy_file(&file, copy.file, error) : no_copy(error);
    close(file.file);
    if (!good && copy.file >= 0)
        close(copy.file);
    return good && read_from(copy, reader, error);
}

/* ---- reading ---- */

static bool read_plain(struct gz_reader *reader, unsigned char *buffer, size_t capacity, size_t *got,
                       struct error *error)
{
    size_t done = reader->left < capacity ? reader->left : capacity;
    memcpy(buffer, reader->next, done);
    reader->next += done;
    reader->left -= done;
    while (done < capacity && !reader->at_end) {
        size_t bytes = 0;
        if (!read_file(reader, buffer + done, capacity - done, &bytes, error))
            return false;
        done += bytes;
    }
    *got = done;
    return true;
}

/* Between two members: begin the next one, or leave `in_member` false at the end of the file. */
static bool next_member(struct gz_reader *reader, struct error *error)
{
    while (reader->left < 2 && !reader->at_end)
        if (!refill(reader, error))
            return false;
    if (reader->left == 0)
        return true;
    if (!has_magic(reader))
        return error_set(error, ERROR_TRACE,
                         "error: %s after the end of the gzip data at byte %llu; cut the file there, or "
                         "make or copy it again",
                         reader->left == 1 && reader->next[0] == 0x1f ? "a truncated member" : "other bytes",
                         (unsigned long long)(reader->input_offset - reader->left));
    if (inflateReset(&reader->stream) != Z_OK)
        return error_set(error, ERROR_TRACE, "error: the gzip reader cannot restart");
    reader->in_member = true;
    return true;
}

/* One step of inflation into [*buffer, *buffer + *capacity), both moved on. */
static bool inflate_some(struct gz_reader *reader, unsigned char **buffer, size_t *capacity,
                         struct error *error)
{
    if (reader->left == 0) {
        if (!refill(reader, error))
            return false;
        if (reader->at_end)
            return error_set(error, ERROR_TRACE,
                             "error: the gzip data is truncated at byte %llu; make or copy the file again",
                             (unsigned long long)reader->input_offset);
    }
    z_stream *stream = &reader->stream;
    stream->next_in = reader->next;
    stream->avail_in = (uInt)reader->left;
    stream->next_out = *buffer;
    stream->avail_out = *capacity < INT32_MAX ? (uInt)*capacity : INT32_MAX;
    uInt offered = stream->avail_out;
    int status = inflate(stream, Z_NO_FLUSH);
    *buffer += offered - stream->avail_out;
    *capacity -= offered - stream->avail_out;
    reader->next = stream->next_in;
    reader->left = stream->avail_in;
    if (status == Z_STREAM_END)
        reader->in_member = false;
    else if (status == Z_MEM_ERROR)
        return error_set(error, ERROR_MEMORY, "out of memory (inflating gzip data)");
    else if (status != Z_OK && status != Z_BUF_ERROR)
        return error_set(error, ERROR_TRACE,
                         "error: the gzip data is corrupt before byte %llu (%s); make or copy the file again",
                         (unsigned long long)(reader->input_offset - reader->left),
                         stream->msg ? stream->msg : "a preset dictionary");
    return true;
}

/* Inflate until [*buffer, *buffer + *capacity) is full, or the data ends. */
static bool inflate_all(struct gz_reader *reader, unsigned char **buffer, size_t *capacity,
                        struct error *error)
{
    while (*capacity > 0) {
        if (!reader->in_member && !next_member(reader, error))
            return false;
        if (!reader->in_member)
            return true;
        if (!inflate_some(reader, buffer, capacity, error))
            return false;
    }
    return true;
}

bool gz_read(struct gz_reader *reader, void *buffer, size_t capacity, size_t *got, struct error *error)
{
    if (!reader->gzip)
        return read_plain(reader, buffer, capacity, got, error);
    unsigned char *out = buffer;
    size_t room = reader->failure.kind == ERROR_NONE ? capacity : 0;
    if (room > 0)
        inflate_all(reader, &out, &room, &reader->failure);
    *got = (size_t)(out - (unsigned char *)buffer);
    return *got > 0 || reader->failure.kind == ERROR_NONE ||
           error_set(error, reader->failure.kind, "%s", reader->failure.text);
}

bool gz_rewind(struct gz_reader *reader, struct error *error)
{
    if (lseek(reader->source.file, 0, SEEK_SET) < 0)
        return error_set(error, ERROR_TRACE,
                         "error: cannot be read a second time (%s); store it in a regular file",
                         strerror(errno));
    return start(reader, error);
}

void gz_close(struct gz_reader *reader)
{
    if (!reader)
        return;
    inflateEnd(&reader->stream);
    close(reader->source.file);
    memory_free(reader);
}

bool gz_check(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    struct gz_reader *reader;
    if (!gz_open(path, &reader, error))
        return false;
    unsigned char buffer[16384];
    size_t got = 1;
    bool intact = true;
    while (reader->gzip && intact && got > 0)
        intact = gz_read(reader, buffer, sizeof buffer, &got, error);
    gz_close(reader);
    return intact;
}
