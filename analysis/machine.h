/* The machine that a run happened on: for provenance and for the default memory ceiling. */
#ifndef ANALYSIS_MACHINE_H
#define ANALYSIS_MACHINE_H

#include <stdint.h>

struct machine {
    char host[65], kernel[200], cpu[128]; /* "" when unknown */
    unsigned cores;                       /* that this process may use */
    uint64_t memory_bytes;                /* of the machine, or of the control group if that is less */
};

void machine_look(struct machine *machine);
/** Largest resident memory of this process so far. */
uint64_t machine_peak_rss_bytes(void);

#endif
