/* What the tests of the log readers share. */
#ifndef TESTS_UNIT_TEST_LOGS_H
#define TESTS_UNIT_TEST_LOGS_H

#include "traces/trace.h"

/** Expect that a log, in a file whose name ends in `suffix`, has the records of the CSV rows `rows`, and
 * after the last the remarks `remarks` (NULL: none): its warnings, then "missing: ..." for each kind, joined
 * by "; ". */
void log_test(const char *suffix, const char *text, const char *rows, const char *remarks);
/** The same of a file that is no text. */
void log_test_bytes(const char *suffix, const void *data, size_t bytes, const char *rows,
                    const char *remarks);
/** The same of the file tests/data/reports/NAME. */
void log_test_report(const char *name, const char *rows, const char *remarks);
/** Expect that tests/data/logs/NAME+SUFFIX has the records of tests/data/logs/NAME.csv; returns how many. */
size_t log_test_excerpt(const char *name, const char *suffix);
/** Expect that reading ends in "PATH: MESSAGE" behind `records` records. */
void log_test_bad(const char *suffix, const char *text, size_t records, const char *message);
void log_test_bad_bytes(const char *suffix, const void *data, size_t bytes, size_t records,
                        const char *message);

#endif
