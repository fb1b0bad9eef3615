/* One line of a QEMU trace log: "THREAD@SECONDS.MICROSECONDS:EVENT TEXT", as `-msg timestamp=on` makes them.
 */
#ifndef TRACES_QEMU_QEMU_LINE_H
#define TRACES_QEMU_QEMU_LINE_H

#include <stdbool.h>

#include "traces/qemu/qemu_event.h"

/** Errors: ERROR_TRACE with what is wrong in a line of a known event, without the line's number. */
bool qemu_line(const char *line, struct qemu_event *event, struct error *error);

#endif
