/* Bytes of a file that is gzip (any number of members, as zcat reads them) or plain; its first bytes
 * decide, not its name; another form that they tell (foreign.h) is an error. The only file that knows zlib is
 * gz.c. */
#ifndef TRACES_FILE_GZ_H
#define TRACES_FILE_GZ_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/error.h"

struct gz_reader;

/** Open `path`; the caller closes. Errors here and below: ERROR_TRACE "error: ..." without the path. */
bool gz_open(const char *path, struct gz_reader **reader, struct error *error);

/** As gz_open, for one that will be rewound: what is no regular file is first copied into a temporary file
 * without a name, in TMPDIR or /tmp. */
bool gz_open_twice(const char *path, struct gz_reader **reader, struct error *error);

/** Read up to `capacity` bytes; `*got` is 0 only at the end of the data. Bytes before damage are handed out
 * first. */
bool gz_read(struct gz_reader *reader, void *buffer, size_t capacity, size_t *got, struct error *error);

/** Start again at the first byte. Fails on a pipe. */
bool gz_rewind(struct gz_reader *reader, struct error *error);

void gz_close(struct gz_reader *reader);

/** Whether all of the regular file `path` can be read: false with the damage in `error`. Anything that is no
 *  regular file passes. */
bool gz_check(const char *path, struct error *error);

#endif
