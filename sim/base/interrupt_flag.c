#include "sim/base/interrupt_flag.h"

_Atomic bool interrupt_flag;

bool interrupt_check(struct error *error)
{
    return !atomic_load_explicit(&interrupt_flag, memory_order_relaxed) ||
           error_set(error, ERROR_INTERRUPTED, "interrupted");
}
