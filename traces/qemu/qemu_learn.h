/* What a first pass over QEMU's events learns: which device an address space and a domain belong to.
 *
 * They name devices only where an IOMMU translates for them or where they are attached (virtio-iommu).
 * Accesses name the pointer of an address space, invalidations the number of a domain. Both are assigned by
 * votes: a translation of the page just accessed on the same thread votes for its device, as does an access
 * to a page that only one device can reach, a translation in a domain, or an invalidation of a page that only
 * one device has used. */
#ifndef TRACES_QEMU_QEMU_LEARN_H
#define TRACES_QEMU_QEMU_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/log/log_line.h"
#include "traces/qemu/qemu_maps.h"

enum {
    QEMU_SPACES = 256,
    QEMU_DOMAINS = 1024,
    QEMU_VOTED = 8, /* devices that one thing may have votes for */
};

struct qemu_votes {
    unsigned count;
    uint16_t devices[QEMU_VOTED];
    uint64_t votes[QEMU_VOTED];
};

struct qemu_space {
    uint64_t as;
    char name[16]; /* of the device model, if the log has it */
    bool decided;  /* by a comment, or in the end */
    bool left_out; /* no device's */
    uint16_t device;
    struct qemu_votes votes;
};

struct qemu_domain {
    uint64_t domain;
    bool decided;
    uint16_t device;
    struct qemu_votes votes;
};

struct qemu_known {
    bool has_access, has_as_map; /* better events than the NIC's and NVMe's own */
    bool has_directions;         /* translations say what they are for */
    unsigned space_count, domain_count;
    struct qemu_space spaces[QEMU_SPACES];
    struct qemu_domain domains[QEMU_DOMAINS];
    struct qemu_votes nvme_votes, nic_votes;
    /* The device for an access whose own translation is not in the log, if there is one. */
    bool nvme_decided, nic_decided;
    uint16_t nvme, nic;
    struct log_devices unnamed;
};

struct qemu_learner;

struct qemu_learner *qemu_learner_new(struct qemu_known *known, struct error *error);
void qemu_learner_free(struct qemu_learner *learner);
/** Errors: ERROR_TRACE when there are more things than the tables above hold; ERROR_MEMORY. */
bool qemu_learn(struct qemu_learner *learner, const struct qemu_event *event, struct error *error);
/** Decide. What has no votes gets an id of log_device_named or is left out (README.md). */
bool qemu_learned(struct qemu_known *known, struct error *error);

/** NULL for one that the first pass did not see. */
const struct qemu_space *qemu_space_of(const struct qemu_known *known, uint64_t as);
const struct qemu_domain *qemu_domain_of(const struct qemu_known *known, uint64_t domain);

#endif
