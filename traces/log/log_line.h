/* Lines of a text log, plain or gzip, and the fields in them: what the readers of kernel and QEMU logs share.
 */
#ifndef TRACES_LOG_LOG_LINE_H
#define TRACES_LOG_LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/log/log_number.h"

enum {
    LOG_LINE_BYTES_LIMIT = 64 * 1024,
    LOG_DEVICE_NAMES = 255, /* ff:1f.7 is none of them */
    LOG_DEVICE_NAME_BYTES = 64,
    LOG_DEVICE_FIRST = 0xff00, /* ff:00.0: the first id for a device whose PCI address is not known */
};

struct gz_reader;
struct log_lines;

/** Lines of `source`, which is closed with them, or now on failure. Errors here and below: ERROR_TRACE
 * "error: ..." without the path, or ERROR_MEMORY. The caller closes. */
bool log_lines_open(struct gz_reader *source, struct log_lines **lines, struct error *error);
/** The next line into `*text` without its end, NULL at the end of the file; it may be changed and is valid
 * until the next call. NULs in front of it, which pad dumps of a kernel's buffer, and a byte order mark are
 * dropped.
 */
bool log_lines_next(struct log_lines *lines, char **text, struct error *error);
/** The number of the line handed out last, from 1. */
uint64_t log_lines_number(const struct log_lines *lines);
/** Whether that line had no end: a log that was cut while it was written. */
bool log_lines_cut(const struct log_lines *lines);
bool log_lines_rewind(struct log_lines *lines, struct error *error);
void log_lines_close(struct log_lines *lines);

/** As log_number.h: [dddd:]bb:dd.f, the domain in four to eight digits, the function in one or two; the id is
 * bus<<8 | device<<3 | function. */
bool log_pci_domain(const char **p, uint32_t *domain, uint16_t *device);
bool log_pci(const char **p, uint16_t *device);

/** What follows `KEY=` in `text` (KEY at its beginning or behind a space), or NULL. */
const char *log_field(const char *text, const char *key);

/* Ids for devices that are known by a name only, in order of appearance. */
struct log_devices {
    unsigned count;
    char names[LOG_DEVICE_NAMES][LOG_DEVICE_NAME_BYTES];
};

/** The id of the device called by the first `length` bytes of `name`, cut to the room for a name. */
bool log_device_named(struct log_devices *devices, const char *name, unsigned length, uint16_t *device,
                      struct error *error);

enum { LOG_WARNING_BYTES = 1024 };

/** Add "COUNT TEXT" to a warning, behind "; " if it has something already; nothing when the count is 0. */
void log_warn(char warning[LOG_WARNING_BYTES], uint64_t count, const char *text);
/** Add a text to a warning. */
void log_warn_text(char warning[LOG_WARNING_BYTES], const char *text);

#endif
