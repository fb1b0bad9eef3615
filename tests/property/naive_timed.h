/* Timed harvests by visiting slot after slot (semantics.md 13), for cells so small that nothing is ever
 * evicted: one domain, one region from IOVA 0, an IOTLB that holds everything, marks or deadlines, no stop.
 */
#ifndef TESTS_PROPERTY_NAIVE_TIMED_H
#define TESTS_PROPERTY_NAIVE_TIMED_H

#include "sim/engine/result.h"
#include "tests/property/random_experiment.h"

enum { NAIVE_PAGES_MAX = 4096 };

struct naive_record {
    enum trace_op op;
    uint64_t time_ns, page;
};

/** Fills the counters that a harvest decides: those of the judgement, and of the harvests themselves. */
void naive_timed_run(const struct cell_config *cell, uint64_t pages, const struct naive_record *records,
                     size_t count, struct metrics *metrics);

#endif
