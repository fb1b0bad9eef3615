/* The text of an event in a line of a kernel trace. */
#ifndef TRACES_FTRACE_FTRACE_EVENT_H
#define TRACES_FTRACE_FTRACE_EVENT_H

#include "traces/ftrace/ftrace_line.h"

/** Fill in the event whose name begins at `text`, behind the header; its time and context are set. Errors: as
 * ftrace_line. */
bool ftrace_event(const char *text, struct ftrace_event *event, struct error *error);

#endif
