/* What the tests of traces/ share. */
#ifndef TESTS_UNIT_TEST_TRACES_H
#define TESTS_UNIT_TEST_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traces/trace.h"

#define TRACE_TEST_HEADER "time_ns,device,op,iova,bytes\n"

/** Write a new temporary file whose name ends in `suffix`; returns its path, valid to the end of the test. */
const char *trace_test_file(const char *suffix, const void *data, size_t length);
const char *trace_test_text(const char *text); /* the same for text in a .csv file */
/** The bytes that `gzip` makes of `data`, to be freed. */
unsigned char *trace_test_gzip(const void *data, size_t length, size_t *gzip_length);
/** `count` correct records as CSV rows behind a header, to be freed; the same for the same seed. */
char *trace_test_rows(size_t count, uint64_t seed, size_t *length);

/** Read all of a trace; the store is filled up to the failure. */
bool trace_test_read(const char *path, uint64_t limit, struct trace_store *store, struct error *error);
bool trace_test_same(const struct trace_store *one, const struct trace_store *other);

/** Expect that all of `path` can be read, and return it. */
struct trace_store trace_test_good(const char *path);
/** Expect that reading ends in ERROR_TRACE "PATH: TEXT". */
void trace_test_bad(const char *path, const char *text);

void trace_test_clean(void); /* .fini of a suite */

#endif
