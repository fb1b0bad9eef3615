/* One run at a time in a results folder, or several shards of one plan: a lock that dies with its process,
 * whatever it dies of. */
#ifndef ANALYSIS_CLAIM_H
#define ANALYSIS_CLAIM_H

#include <stdbool.h>

#include "sim/base/error.h"

enum { CLAIM_NONE = -1 };
#define CLAIM_FILE ".lock"

/** Lock an existing folder, `shared` with others that share it. `*claim`: for claim_drop; CLAIM_NONE, without
 * an error, on a file system that knows no locks. Errors: ERROR_EXPERIMENT when it is in use, with who uses
 * it; ERROR_RESULTS. */
bool claim_take(const char *folder, bool shared, int *claim, struct error *error);
void claim_drop(int claim);

#endif
