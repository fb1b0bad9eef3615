/* The ATCs of all devices (semantics.md 10): each is made when its device first asks, so that devices which
 * never do cost nothing. */
#ifndef SIM_CACHE_ATCS_H
#define SIM_CACHE_ATCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/cache/atc.h"

struct atcs_item {
    struct atc atc;
    uint32_t next; /* of the same domain, as index + 1 */
    uint16_t device;
};

struct atcs {
    uint64_t entries, ways;
    uint64_t devices; /* attached to each domain, whether they ask or not */
    struct atcs_item *items;
    size_t count, capacity;
    uint32_t *of_device; /* index + 1 */
    uint32_t *of_domain; /* the first of each, as index + 1 */
    bool failed;         /* memory ran out: what was to be kept is missing */
};

/** Free with atcs_free in any case. */
bool atcs_init(struct atcs *atcs, uint64_t entries, uint64_t ways, uint32_t domain_count, uint64_t devices,
               struct error *error);
void atcs_free(struct atcs *atcs);
/** Bytes before a device has asked, in one domain. */
uint64_t atcs_bytes(void);

/** The ATC of a device of a domain, valid until the next call. NULL: memory. */
struct atc *atcs_get(struct atcs *atcs, uint32_t domain, uint16_t device);
/** Drop what overlaps the span from the ATCs of a domain (atc_drop), or everything. */
void atcs_drop(struct atcs *atcs, uint32_t domain, struct span span, uint64_t sizes);
void atcs_drop_all(struct atcs *atcs, uint32_t domain);

#endif
