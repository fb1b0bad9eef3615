/* QEMU's binary traces, of its `simple` trace backend: a header, then names of events and records of events.
 *
 *     u64 all ones, u64 QEMU_SIMPLE_MAGIC, u64 version 4
 *     u64 0, u64 id, u32 length, name                                    an event's name
 *     u64 1, u64 id, u64 time_ns, u32 bytes, u32 process, arguments      an event; bytes from the id on
 *
 * little-endian (that of the machine that wrote it). Records of id all ones but bit 0 count events that were
 * dropped. They have no thread. */
#ifndef TRACES_QEMU_QEMU_SIMPLE_H
#define TRACES_QEMU_QEMU_SIMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "traces/qemu/qemu_event.h"

enum { QEMU_SIMPLE_HEADER_BYTES = 24 };

struct gz_reader;
struct qemu_simple;

/** Whether a file that begins with these bytes is one. Errors: ERROR_TRACE "error: ..." for one that cannot
 * be read here (another version, another byte order), also below. */
bool qemu_simple_header(const uint8_t header[QEMU_SIMPLE_HEADER_BYTES], bool *simple, struct error *error);

/** Read records of `source`, which stands at its beginning and is closed with this, or now on failure. */
bool qemu_simple_open(struct gz_reader *source, struct qemu_simple **simple, struct error *error);
void qemu_simple_close(struct qemu_simple *simple);
bool qemu_simple_rewind(struct qemu_simple *simple, struct error *error);

/** The next event; its `name` is valid until the next call. `*end` at the end of the file. */
bool qemu_simple_next(struct qemu_simple *simple, struct qemu_event *event, bool *end, struct error *error);

/** The number of the event handed out last, from 1. */
uint64_t qemu_simple_number(const struct qemu_simple *simple);
/** Whether the file ended within a record. */
bool qemu_simple_cut(const struct qemu_simple *simple);
/** Events that QEMU did not keep up with, up to here. */
uint64_t qemu_simple_dropped(const struct qemu_simple *simple);

#endif
