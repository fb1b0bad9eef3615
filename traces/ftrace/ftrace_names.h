/* The ids of the devices that a kernel trace names. */
#ifndef TRACES_FTRACE_FTRACE_NAMES_H
#define TRACES_FTRACE_FTRACE_NAMES_H

#include "traces/ftrace/ftrace_line.h"
#include "traces/log/log_line.h"

enum { FTRACE_NO_DEVICE = 0xffff }; /* ff:1f.7 */

struct ftrace_names;

struct ftrace_names *ftrace_names_new(struct error *error);
void ftrace_names_free(struct ftrace_names *names);
void ftrace_names_clear(struct ftrace_names *names);

/** The id of the device called by the first `length` bytes of `name`: its PCI address, which has no room for
 * the PCI domain. A device without one, or with that of a device of another domain, has a number from
 * LOG_DEVICE_FIRST on. Errors: ERROR_TRACE when these are used up. */
bool ftrace_names_find(struct ftrace_names *names, const char *name, unsigned length, uint16_t *device,
                       struct error *error);

/** Add to a warning which devices have a number. */
void ftrace_names_warn(const struct ftrace_names *names, char warning[LOG_WARNING_BYTES]);

#endif
