/* The cost model: counters times prices (semantics.md 12). */
#ifndef SIM_ENGINE_COST_H
#define SIM_ENGINE_COST_H

#include "sim/config.h"
#include "sim/engine/result.h"

/** Fill the cost columns from the counters. */
void cost_apply(const struct cost_model *cost, struct metrics *metrics);

#endif
