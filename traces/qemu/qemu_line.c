#include "traces/qemu/qemu_line.h"

#include <string.h>

#include "traces/log/log_line.h"

/* "# as:0x... dd:dd.f" */
static bool comment(const char *text, struct qemu_event *event, struct error *error)
{
    event->kind = QEMU_NONE;
    while (*text == '#' || *text == ' ')
        text++;
    if (!log_literal(&text, "as:"))
        return true;
    if (!log_hex(&text, &event->as) || !log_literal(&text, " ") || !log_pci(&text, &event->device))
        return error_set(error, ERROR_TRACE, "it should read \"# as:0x... bb:dd.f\"");
    event->kind = QEMU_NAMED;
    return true;
}

bool qemu_line(const char *line, struct qemu_event *event, struct error *error)
{
    if (*line == '#')
        return comment(line, event, error);
    const char *p = line;
    bool timed = log_decimal(&p, &event->thread) && log_literal(&p, "@") && log_time(&p, &event->time_ns) &&
                 log_literal(&p, ":");
    if (!timed)
        p = line;
    size_t length = strcspn(p, " ");
    const struct qemu_form *form = qemu_form_named(p, length, &event->kind);
    if (!form) {
        if (!timed)
            event->kind = *p == '\0' ? QEMU_NONE : QEMU_UNKNOWN;
        return true;
    }
    if (!timed)
        return error_set(error, ERROR_TRACE, "%.*s has no time; run QEMU with -msg timestamp=on", (int)length,
                         p);
    p += length;
    while (*p == ' ')
        p++;
    return qemu_form_text(form, p, event, error);
}
