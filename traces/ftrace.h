/* The reader of kernel traces, as text of ftrace or of `trace-cmd report` (README.md here). */
#ifndef TRACES_FTRACE_H
#define TRACES_FTRACE_H

/** What such a trace cannot show, in sentences. */
extern const char ftrace_limits[];

#endif
