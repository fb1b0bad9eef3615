/* A naive second implementation of semantics.md 1-8 and 12 (and the methods `all`, `exact`, `none` of 9) for
 * static and touched mappings in a shared domain: small, slow, written from the page sentence by sentence and
 * from nothing else. The engine must print the same integers. */
#ifndef TESTS_REFERENCE_REFERENCE_H
#define TESTS_REFERENCE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/config.h"
#include "sim/engine/result.h"
#include "traces/trace.h"

/** Most leaves and pages that the reference agrees to hold one by one. */
enum { REFERENCE_LEAVES_MAX = 1 << 20, REFERENCE_PAGES_MAX = 1 << 23 };

/** Replay the first config->limit_records records of `store` through one cell. Fills `metrics` and an array
 * of one interval per harvest that the caller frees with free(). Of the kinds that `config` points to only
 * the names are read. False: the reference cannot do this cell; `why` (never NULL) says so, nothing is to be
 * freed. */
bool reference_run(const struct cell_config *config, const struct trace_store *store, struct metrics *metrics,
                   struct interval **intervals, size_t *interval_count, char *why, size_t why_bytes);

#endif
