/* One line of a QEMU trace log. What stands in front of "EVENT TEXT" depends on version and options:
 *
 *     THREAD@SECONDS.MICROSECONDS:          up to 10.0, with -msg timestamp=on
 *     2026-01-08T17:03:14.791413Z           from 10.1 on; UTC, no fraction when it is 0
 *     [GUEST] PROGRAM(THREAD:NAME):         later ones, behind the time if there is one; each part may be
 * missing nothing                               without -msg timestamp=on */
#ifndef TRACES_QEMU_QEMU_LINE_H
#define TRACES_QEMU_QEMU_LINE_H

#include <stdbool.h>

#include "traces/qemu/qemu_event.h"

/* The events met last by name: a log has few, and their forms are looked for once. Zeroed at first. */
struct qemu_names {
    struct qemu_name {
        uint32_t length;
        enum qemu_kind kind;
        struct qemu_pattern pattern; /* without form: of an event that says nothing here */
        char name[48];
    } names[64];
};

/** Errors: ERROR_TRACE with what is wrong in a line of a known event, without the line's number. */
bool qemu_line(struct qemu_names *names, const char *line, struct qemu_event *event, struct error *error);

#endif
