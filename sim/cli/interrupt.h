/* SIGINT and SIGTERM: the first asks the run to stop cleanly, the second ends the process at once. */
#ifndef SIM_CLI_INTERRUPT_H
#define SIM_CLI_INTERRUPT_H

#include "sim/base/interrupt_flag.h"

/** Catch the two signals from now on: the first sets interrupt_flag. */
void interrupt_catch(void);
/** The signal that came, or 0. */
int interrupt_signal(void);

#endif
