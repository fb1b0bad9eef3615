/* Sets as move-to-front lists: lru and fifo of up to 16 ways. Order in the set is age, so a hit or a fill is
 * one permutation and there are no stamps. One loop per width; the processor's vector width is chosen when
 * the cell starts. */
#ifndef SIM_CACHE_IOTLB_FRONT_H
#define SIM_CACHE_IOTLB_FRONT_H

#include "sim/base/cpu.h"
#include "sim/cache/iotlb.h"

struct iotlb_front_loop {
    enum cpu_set set;
    uint64_t ways; /* 0: any */
    enum replacement replacement;
    iotlb_run_fn *run;
};

/** All loops, fastest first; for tests. */
const struct iotlb_front_loop *iotlb_front_loops(size_t *count);

/** The fastest loop for this shape on this processor. */
iotlb_run_fn *iotlb_front_choose(uint64_t ways, enum replacement replacement);

#endif
