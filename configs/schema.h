/* JSON Schema (draft-07) of the experiment file, generated from the key table. */
#ifndef CONFIGS_SCHEMA_H
#define CONFIGS_SCHEMA_H

#include <stdbool.h>
#include <stdio.h>

#include "sim/base/error.h"

/** Write the schema. configs/experiment.schema.json is this text. Errors: ERROR_MEMORY, ERROR_RESULTS. */
bool schema_write(FILE *out, struct error *error);

#endif
