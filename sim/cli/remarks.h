/* What the reader of a trace has to say: warnings, and what is missing. */
#ifndef SIM_CLI_REMARKS_H
#define SIM_CLI_REMARKS_H

#include <stdio.h>

#include "traces/trace.h"

struct json_t;

/** Print a line for each thing that `trace` warns of or that is missing from it, as "LEAD...". */
void remarks_print(const struct trace *trace, const char *lead, FILE *file);
void remarks_print_missing(const struct trace_missing *missing, const char *lead, FILE *file);
/** [{"count", "what", "remedy"}] for doc.h. */
struct json_t *remarks_missing_doc(const struct trace_missing *missing);

#endif
