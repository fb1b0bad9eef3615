/* Bytes into a file (whole_file.h), plain or as one gzip member. */
#ifndef TRACES_FILE_GZ_WRITE_H
#define TRACES_FILE_GZ_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/error.h"

struct gz_writer;

/** Begin to write `path`. Errors here and below: ERROR_RESULTS "PATH: error: cannot write: ...",
 * ERROR_MEMORY. After a failure only gz_writer_abandon may follow. */
bool gz_writer_open(const char *path, bool gzip, struct gz_writer **writer, struct error *error);

bool gz_writer_put(struct gz_writer *writer, const void *data, size_t bytes, struct error *error);

/** Finish the file and free the writer; a failure leaves no file. */
bool gz_writer_close(struct gz_writer *writer, struct error *error);

/** Give up and free: no file is left. NULL is nothing to give up. */
void gz_writer_abandon(struct gz_writer *writer);

#endif
