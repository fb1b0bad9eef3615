/* Loading experiments from texts, for the tests of configs/. */
#ifndef TESTS_UNIT_TEST_CONFIGS_SUPPORT_H
#define TESTS_UNIT_TEST_CONFIGS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "configs/experiment.h"
#include "configs/plan.h"

struct loaded {
    struct error_list messages;
    struct experiment *experiment;
    struct plan *plan;
    bool good; /* the plan stands */
};

/* Enough of an experiment for what follows it to be the matter of a test. 5 lines. */
#define HEAD                                                                                                 \
    "schema: 1\n"                                                                                            \
    "name: x\n"                                                                                              \
    "traces: [{path: t.csv}]\n"                                                                              \
    "iommu: {model: amd-v1}\n"                                                                               \
    "mapping: {source: touched}\n"

/** Write `yaml` as x.yaml into a fresh folder with a trace t.csv, go there, load it with the NULL-terminated
 *  overrides and build the plan. */
struct loaded load_text(const char *yaml, const char *const sets[]);
/** Go to a fresh folder; leave_folder removes it with all that is in it. */
void enter_fresh_folder(void);
void leave_folder(void);
void write_file(const char *path, const char *text, size_t bytes);
void unload(struct loaded *loaded);

/** The experiment has exactly these errors, in this order; NULL ends the list. */
void expect_errors(const char *yaml, const char *const sets[], const char *const expected[]);
/** It loads and has exactly these warnings. */
void expect_warnings(const char *yaml, const char *const expected[]);
/** It loads and its cells have these labels. */
void expect_labels(const char *yaml, const char *const expected[]);

#endif
