#include "sim/cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t received;

static void handle(int number)
{
    if (received)
        _exit(128 + number);
    received = number;
    atomic_store(&interrupt_flag, true);
}

void interrupt_catch(void)
{
    /* Interrupted writes go on: what is being written now is still wanted. */
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A closed pipe on stdout is a failed write, not a death in the middle of the results. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow further */
}

int interrupt_signal(void)
{
    return received;
}
