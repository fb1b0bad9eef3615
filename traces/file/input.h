/* Opening and reading files that may be pipes: while one waits for data, SIGINT and SIGTERM end the waiting.
 */
#ifndef TRACES_FILE_INPUT_H
#define TRACES_FILE_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/error.h"

struct input {
    int file;
    bool regular;
};

/** Open `path`, which is no directory; the caller closes the file. Errors here and below: ERROR_TRACE "error:
 * ..." without the path, ERROR_INTERRUPTED. */
bool input_open(const char *path, struct input *input, struct error *error);

/** Read up to `bytes` bytes, as many as there are now; 0 at the end alone. */
bool input_read(const struct input *input, void *buffer, size_t bytes, size_t *got, struct error *error);

#endif
