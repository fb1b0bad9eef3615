/* What the tests of closed forms share: uniform traces, and how far a mean may be off. */
#ifndef TESTS_PROPERTY_CLOSED_FORMS_H
#define TESTS_PROPERTY_CLOSED_FORMS_H

#include <stdint.h>

#include "tests/property/random_experiment.h"

enum { PAGE_BYTES = 4096, BATCH = TRACE_BATCH_RECORDS };

/** `count` accesses by device 0 to pages drawn uniformly, one each nanosecond. */
void add_uniform(struct trace_store *store, uint64_t *rng, enum trace_op op, uint64_t pages, uint64_t count);
void add_mark(struct trace_store *store);
/** amd-v1, 4 levels, `pages` pages mapped by leaves of one size. */
struct cell_config uniform_cell(uint64_t pages, unsigned leaf_lg2);

/* Runs of one experiment with different random numbers. */
struct sample {
    double sum, squares;
    unsigned runs;
};

void sample_add(struct sample *sample, double value);
double sample_mean(const struct sample *sample);
/** Four standard errors of the mean, from the spread of the runs. */
double sample_4_errors(const struct sample *sample);

/** V1: distinct pages among w uniform writes to n pages, and their standard deviation. */
double distinct_mean(double n, double w);
double distinct_sigma(double n, double w);

#endif
