/* What stands in front of an event in a line of a kernel trace: task, CPU, flags, time. */
#ifndef TRACES_FTRACE_FTRACE_HEADER_H
#define TRACES_FTRACE_FTRACE_HEADER_H

#include "traces/ftrace/ftrace_line.h"

/** Set time and context of the event; returns what is behind the header, or NULL where there is none that can
 * be used: then `*problem` is why, or NULL. */
const char *ftrace_header(const char *line, bool dump, struct ftrace_event *event, const char **problem);

/** What is behind the stamps of the kernel's log or of a system log, if `line` begins with some. */
const char *ftrace_behind_stamps(const char *line);

#endif
