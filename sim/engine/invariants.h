/* What must hold whatever the trace and the experiment: looked at after harvests and at the end of a run, in
 * every build that keeps assertions. Work grows with the touched tiles and the caches' sizes, not with the
 * trace. */
#ifndef SIM_ENGINE_INVARIANTS_H
#define SIM_ENGINE_INVARIANTS_H

#include "sim/engine/cohort.h"
#include "sim/engine/score.h"

/** A harvest's counts agree with each other (semantics.md 8). */
void invariants_of_report(const struct harvest_report *report);

/** At the end of a run: what DMA wrote was reported, unmapped or lost; |T| is what the pages say; caches hold
 * no more than their size, and nothing that has neither a leaf nor a ghost (4.4); ghosts are cached; where
 * passes rely on it, cached pointers name tables that stand (5). */
void invariants_of_cohort(const struct cohort *cohort);

#endif
