/* SHA-256 of bytes as they come. */
#ifndef TRACES_FILE_SHA256_H
#define TRACES_FILE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

enum { SHA256_BYTES = 32 };

struct sha256_stream;

bool sha256_stream_new(struct sha256_stream **stream, struct error *error);
void sha256_stream_add(struct sha256_stream *stream, const void *data, size_t bytes);
/** The digest of all that was added; the stream is empty again. */
void sha256_stream_end(struct sha256_stream *stream, uint8_t digest[SHA256_BYTES]);
void sha256_stream_free(struct sha256_stream *stream);

#endif
