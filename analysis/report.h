/* report.html: a results folder as one page that works without a network. The page is in report/, the build
 * puts it into the program; here the data goes into it. */
#ifndef ANALYSIS_REPORT_H
#define ANALYSIS_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/folder.h"
#include "sim/base/error.h"

struct report_options {
    struct folder_rows rows;  /* as folder_write_tables counted them: what is missing is said */
    const char *keep_pattern; /* said in the page, or NULL: all rows */
    bool (*keeps)(const char *pattern, const char *label);
};

/** Write FOLDER/report.html from the tables that are there. Errors: ERROR_RESULTS, ERROR_MEMORY. */
bool report_write(const struct folder *folder, const struct report_options *options, struct error *error);

/** Has this program the library that draws the charts? Without it the page has tables only. */
bool report_has_charts(void);

/** Bytes of the page around its data. */
size_t report_page_bytes(void);

#endif
