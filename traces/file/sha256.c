/* The identity of a trace file: results are keyed by it (interface.md 4). The only file of this room that
 * knows nettle. */
#include "traces/file/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "sim/base/memory.h"
#include "traces/trace.h"

enum { CHUNK_BYTES = 256 * 1024 };

struct sha256_stream {
    struct sha256_ctx context;
};

bool sha256_stream_new(struct sha256_stream **stream, struct error *error)
{
    *stream = memory_zeroed(1, sizeof **stream, error);
    if (*stream)
        sha256_init(&(*stream)->context);
    return *stream != NULL;
}

void sha256_stream_add(struct sha256_stream *stream, const void *data, size_t bytes)
{
    sha256_update(&stream->context, bytes, data);
}

void sha256_stream_end(struct sha256_stream *stream, uint8_t digest[SHA256_BYTES])
{
    sha256_digest(&stream->context, SHA256_BYTES, digest);
}

void sha256_stream_free(struct sha256_stream *stream)
{
    memory_free(stream);
}

static bool digest_file(int file, struct sha256_ctx *context, struct error *error)
{
    uint8_t *chunk = memory_zeroed(CHUNK_BYTES, 1, error);
    if (!chunk)
        return false;
    ssize_t got;
    do {
        got = read(file, chunk, CHUNK_BYTES);
        if (got > 0)
            sha256_update(context, (size_t)got, chunk);
    } while (got > 0 || (got < 0 && errno == EINTR));
    int cause = errno;
    memory_free(chunk);
    return got == 0 || error_set(error, ERROR_TRACE, "cannot read: %s", strerror(cause));
}

bool trace_file_sha256(const char *path, char hex[65], struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_set(error, ERROR_TRACE, "%s: error: cannot open: %s", path, strerror(errno));
    struct sha256_ctx context;
    sha256_init(&context);
    struct error cause = {0};
    bool done = digest_file(file, &context, &cause);
    close(file);
    if (!done)
        return error_set(error, cause.kind, "%s: error: %s", path, cause.text);
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return true;
}
