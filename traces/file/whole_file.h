/* A file that appears under its name whole or not at all: it is made beside it under another name, written
 * through to the disk, then renamed. What was there before stays until then. Pipes, devices and standard
 * output ("-") are written as they are; the process ignores SIGPIPE, so that a reader that went away is an
 * error like others.
 *
 * A file made with a part, PATH.part, can be gone on with when its making was broken off: what is in the part
 * stays, to be read, taken over or dropped by the one who makes the same file again. */
#ifndef TRACES_FILE_WHOLE_FILE_H
#define TRACES_FILE_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

struct whole_file;

/** Begin to make `path`. Errors here and below: ERROR_RESULTS "PATH: error: cannot ...: reason; remedy",
 *  ERROR_MEMORY. */
bool whole_file_open(const char *path, bool with_part, struct whole_file **file, struct error *error);

bool whole_file_write(struct whole_file *file, const void *data, size_t bytes, struct error *error);

/** Bytes written or taken over. */
uint64_t whole_file_bytes(const struct whole_file *file);

/** Read what an earlier part has behind whole_file_bytes; false where it has not as many bytes, or there is
 * none. */
bool whole_file_left(const struct whole_file *file, void *data, size_t bytes);
/** Take over that many bytes of it. */
void whole_file_take(struct whole_file *file, size_t bytes);
/** Drop the rest of it; to be called before the next write. */
bool whole_file_drop(struct whole_file *file, struct error *error);

/** Have the file appear, and free. A failure leaves no file. */
bool whole_file_publish(struct whole_file *file, struct error *error);

/** Give up and free: no file is left but, with a part, the first `kept` bytes in PATH.part (0: none), or all
 * of an earlier part that was not dropped. NULL is nothing to give up. */
void whole_file_abandon(struct whole_file *file, uint64_t kept);

/** "PATH", or "standard output", for messages. */
const char *whole_file_shown(const struct whole_file *file);
/** "PATH.part", or NULL for one without a part. */
const char *whole_file_part(const struct whole_file *file);

#endif
