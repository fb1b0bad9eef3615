/* What report.html shows, as one JSON document; analysis/report/data.js reads it. */
#ifndef ANALYSIS_REPORT_DATA_H
#define ANALYSIS_REPORT_DATA_H

#include "analysis/report.h"

struct json_t;

/** NULL: an error. Errors: ERROR_RESULTS for a table that cannot be read, ERROR_MEMORY. */
struct json_t *report_data(const struct folder *folder, const struct report_options *options,
                           struct error *error);

#endif
