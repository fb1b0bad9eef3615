/* Whether SIGINT or SIGTERM came (sim/cli/interrupt.h): looked at by what takes long below sim/cli. */
#ifndef SIM_BASE_INTERRUPT_FLAG_H
#define SIM_BASE_INTERRUPT_FLAG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "sim/base/error.h"

/** Set by the first signal, or by whoever wants all work to end soon. */
extern _Atomic bool interrupt_flag;

/** False with ERROR_INTERRUPTED when it is set. */
bool interrupt_check(struct error *error);

#endif
