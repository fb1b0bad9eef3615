/* The page of report.html around its data; cmake/write_page.cmake makes it of the files in analysis/report/.
 */
#ifndef ANALYSIS_REPORT_PAGE_H
#define ANALYSIS_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>

extern const unsigned char report_page_before[], report_page_after[];
extern const size_t report_page_before_bytes, report_page_after_bytes;
extern const bool report_page_has_charts;

#endif
