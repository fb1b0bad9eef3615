/* SIGINT and SIGTERM: the first asks the run to stop cleanly, the second ends the process at once. */
#ifndef SIM_CLI_INTERRUPT_H
#define SIM_CLI_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

/** Catch the two signals from now on. */
void interrupt_catch(void);
/** Set by the first signal (or by whoever wants all passes to end); looked at between batches. */
extern _Atomic bool interrupt_flag;
/** The signal that came, or 0. */
int interrupt_signal(void);

#endif
