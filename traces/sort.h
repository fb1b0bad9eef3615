/* A trace whose time goes backwards, put in order: for sources that log each device or CPU on its own. */
#ifndef TRACES_SORT_H
#define TRACES_SORT_H

#include <stdbool.h>

#include "traces/trace.h"

/** Read all of `path` (as trace_open names it) into `store`, zeroed before, and sort by time; records of the
 *  same time keep their order. All records are in memory, TRACE_STORE_RECORD_BYTES each, and up to 24 bytes
 *  more while they are sorted. `warning` (TRACE_SORT_WARNING_BYTES) becomes what trace_warning would say, or
 *  "", and what is missing is added to `missing`. The caller frees the store, also after a failure. Errors:
 * ERROR_TRACE as trace_next, but for time that goes backwards; ERROR_MEMORY. */
bool trace_sorted(const char *path, const char *format, struct trace_store *store, char *warning,
                  struct trace_missing *missing, struct error *error);

enum { TRACE_SORT_WARNING_BYTES = 1024 };

#endif
