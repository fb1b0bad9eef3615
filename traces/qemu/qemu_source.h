/* Events of QEMU from a text log or a binary trace, whichever the file is; it can be read twice. */
#ifndef TRACES_QEMU_QEMU_SOURCE_H
#define TRACES_QEMU_QEMU_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "traces/qemu/qemu_event.h"

struct qemu_source;

/** A pipe is copied first (gz.h). Errors here and below: ERROR_TRACE "error: ..." without the path,
 * ERROR_MEMORY. */
bool qemu_source_open(const char *path, struct qemu_source **source, struct error *error);
void qemu_source_close(struct qemu_source *source);
bool qemu_source_rewind(struct qemu_source *source, struct error *error);

/** The next event, valid until the next call; `*end` behind the last. An event that cannot be understood is
 * an error with its place, and the next call goes on behind it. */
bool qemu_source_next(struct qemu_source *source, struct qemu_event *event, bool *end, struct error *error);

/** The line or record handed out last, from 1, and what it is called. */
uint64_t qemu_source_number(const struct qemu_source *source);
const char *qemu_source_unit(const struct qemu_source *source);
/** Whether the file ended within one, as when QEMU was killed; it is passed over. */
bool qemu_source_cut(const struct qemu_source *source);
/** Events that QEMU itself says it lost. */
uint64_t qemu_source_dropped(const struct qemu_source *source);

#endif
