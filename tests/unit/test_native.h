/* What the tests of the native format share. */
#ifndef TESTS_UNIT_TEST_NATIVE_H
#define TESTS_UNIT_TEST_NATIVE_H

#include "tests/unit/test_traces.h"
#include "traces/native/native.h"

/** Write the records to a new temporary .dwt file; returns its path, valid to the end of the test. */
const char *native_test_file(const struct trace_store *store, const char *provenance);
/** Add one record. `address` counts for map and map_ro. */
void native_test_add(struct trace_store *store, uint64_t time_ns, unsigned device, enum trace_op op,
                     uint64_t iova, uint64_t bytes, uint64_t address);
/** Add `count` records that keep semantics.md 2, drawn from `seed`: `kinds` distinct sizes, `devices` ids,
 * all ops, extreme values now and then. */
void native_test_random(struct trace_store *store, size_t count, uint64_t seed, uint64_t kinds,
                        uint64_t devices);
/** A few records of every kind: the smallest file that uses everything but open kinds. */
struct trace_store native_test_few(void);

/** All bytes of a file, to be freed. */
uint8_t *native_test_bytes(const char *path, size_t *length);

#endif
