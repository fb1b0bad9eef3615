/* What virtio-iommu's events say at one moment: which devices are attached to which domain, and which domains
 * map a page. Where one device alone can reach a page, an access to it is that device's. */
#ifndef TRACES_QEMU_QEMU_MAPS_H
#define TRACES_QEMU_QEMU_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "traces/log/log_table.h"
#include "traces/qemu/qemu_event.h"

enum {
    QEMU_ENDPOINTS = 1024,
    QEMU_BITS = 64,            /* things that are told apart by page: domains here, devices in qemu_learn.c */
    QEMU_LEARNT_PAGES = 16384, /* of one mapping or invalidation */
};

/* Zeroed at first. */
struct qemu_maps {
    unsigned endpoint_count, domain_count;
    struct qemu_endpoint {
        uint64_t domain;
        uint16_t device;
    } endpoints[QEMU_ENDPOINTS];
    uint64_t domains[QEMU_BITS]; /* the domain of each bit in `mapped` */
    struct log_table mapped;     /* page -> bit per domain that maps it */
};

/** Take an attach, detach, map or unmap; others do nothing. Errors: ERROR_TRACE "error: ..." for more
 * endpoints than there is room for; ERROR_MEMORY. */
bool qemu_maps_take(struct qemu_maps *maps, const struct qemu_event *event, struct error *error);
/** Whether one device alone can reach the page at `iova`, and which. */
bool qemu_maps_device(const struct qemu_maps *maps, uint64_t iova, uint16_t *device);
/** Whether the page at `iova` is mapped for the device. */
bool qemu_maps_reaches(const struct qemu_maps *maps, uint64_t iova, uint16_t device);
void qemu_maps_clear(struct qemu_maps *maps);

/** Whether exactly one bit is set, and which. */
bool qemu_one_bit(uint64_t bits, unsigned *index);

#endif
