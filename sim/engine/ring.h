/* What a harvest reads to find dirty leaves: the tables, or under method log a ring for each domain, to which hardware
 * appends what it makes dirty (semantics.md 7 and 9).
 *
 * A ring need not hold addresses: those of them whose leaves are dirty and tracked are all the leaves that are, unless
 * the ring overflowed. For the start leaves no tracked leaf dirty (clear_on_start is required, or the DBM walk cleans),
 * leaves are born clean while tracking, a harvest that drains cleans what it finds, and one that does not keeps the
 * ring. So a ring is a count. */
#ifndef SIM_ENGINE_RING_H
#define SIM_ENGINE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/engine/score.h"
#include "sim/state/leaves.h"

/** Must the tables of the domain be scanned? Always without a ring, else where it overflowed (log.overflow: scan). */
bool ring_scans(const struct leaves *leaves, uint32_t domain);
/** Does a harvest report every tracked page of the domain (log.overflow: all)? */
bool ring_reports_all(const struct leaves *leaves, uint32_t domain);

/** A harvest begins: count what it reads in all domains. Before leaves_list_active. */
void rings_read(struct leaves *leaves, struct harvest_report *report);
/** It is over: the rings are empty, unless harvest.no_clear. */
void rings_drain(struct leaves *leaves);

#endif
