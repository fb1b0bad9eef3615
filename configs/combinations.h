/* Choices that exclude each other. */
#ifndef CONFIGS_COMBINATIONS_H
#define CONFIGS_COMBINATIONS_H

#include "sim/config.h"

/* Called for each pair: the key to blame, the key that excludes its value, and what to write. */
typedef void combination_report(void *context, const char *key, const char *other, const char *text);

/** Every pair of keys of a resolved cell whose values semantics.md does not allow together. */
void check_combinations(const struct cell_config *config, combination_report *report, void *context);

#endif
