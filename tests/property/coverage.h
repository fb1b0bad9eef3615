/* What a run over random experiments never varied: a key or column that no seed moves is not tested. */
#ifndef TESTS_PROPERTY_COVERAGE_H
#define TESTS_PROPERTY_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/config.h"
#include "tests/reference/reference.h"

enum { COVERAGE_SLOTS_MAX = 256 };

/* One key or column. */
struct coverage_slot {
    const char *name;
    uint64_t first;
    bool seen, varied;
};

/* Start with all zero. */
struct coverage {
    struct coverage_slot slots[COVERAGE_SLOTS_MAX];
    size_t slot_count;
    size_t finished, failed, stacked; /* cells */
};

/** One cell and what the reference made of it. */
void coverage_add(struct coverage *coverage, const struct cell_config *cell,
                  const struct reference_result *result);
/** Print what never varied. True: only columns of features that are not drawn, and all kinds of cells came. */
bool coverage_print(FILE *stream, const struct coverage *coverage);

#endif
