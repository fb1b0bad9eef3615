/* The trace events of QEMU that say something about DMA: how a log prints their arguments, what they mean.
 *
 * Text logs (qemu_line.h) and binary traces (qemu_simple.h) give the same events. */
#ifndef TRACES_QEMU_QEMU_EVENT_H
#define TRACES_QEMU_QEMU_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

enum qemu_kind {
    QEMU_NONE,    /* blank, or a comment that says nothing to us */
    QEMU_NAMED,   /* "# as:0x... bb:dd.f", a comment in which a user names the device of an address space */
    QEMU_UNKNOWN, /* no event of a family that this reader knows */
    QEMU_PASSED,  /* known, and of no use here */
    QEMU_ACCESS,  /* address_space_dma, of QEMUs with an added print: any access */
    QEMU_AS_MAP,  /* address_space_map: what is left of an access, from here on */
    QEMU_NVME_COMMAND,   /* direction of the pci_nvme_map_addr that follow on its thread, if any */
    QEMU_NVME_ADDRESS,   /* pci_nvme_map_addr */
    QEMU_NVME_OWN,       /* that address is the controller's own memory */
    QEMU_NIC_WRITE,      /* e1000e and igb: received data */
    QEMU_NIC_DESCRIPTOR, /* the same: a receive descriptor was fetched, to be written back soon */
    QEMU_REFUSED,        /* the IOMMU let an access fail */
    QEMU_TRANSLATE,      /* a device's address was translated; with a direction: for an access */
    QEMU_INVALIDATE,     /* pages of a domain (VT-d) or of an address space id (SMMU) were unmapped */
    QEMU_ATTACH,         /* virtio-iommu from here on */
    QEMU_DETACH,
    QEMU_MAP,
    QEMU_UNMAP,
};

struct qemu_event {
    enum qemu_kind kind;
    uint64_t thread, time_ns;
    uint64_t as; /* pointer of the address space */
    uint64_t iova, bytes, address;
    uint64_t domain; /* of which kind too, in the upper half; 0: not said */
    uint16_t device;
    bool timed;         /* the log says the time */
    bool writes, reads; /* which the device may do, or does */
    const char *name;   /* of the device model of an access, `name_length` bytes */
    unsigned name_length;
};

struct qemu_form;

/* A form taken apart: literals of up to 8 bytes and the argument behind each. */
struct qemu_pattern {
    const struct qemu_form *form;
    unsigned count;
    struct qemu_piece {
        uint64_t literal, mask;
        uint8_t literal_bytes;
        char conversion, letter; /* 0: the literal goes on */
    } pieces[20];
};

/** The event called by the first `length` bytes of `name`, or NULL; `*kind` is that of the event, QEMU_PASSED
 * for another of a family that has to do with DMA, or QEMU_UNKNOWN. */
const struct qemu_form *qemu_form_named(const char *name, size_t length, enum qemu_kind *kind);

/* Both set `kind` and what the event says; thread, time and `timed` are the caller's. Errors: ERROR_TRACE
 * "EVENT: what is wrong". */

void qemu_pattern_of(const struct qemu_form *form, struct qemu_pattern *pattern);
/** From the text that a log has behind the name, spaces skipped; log_number.h's slack is behind it. */
bool qemu_pattern_text(const struct qemu_pattern *pattern, const char *text, struct qemu_event *event,
                       struct error *error);
/** From the arguments of a binary record: numbers as u64, strings as u32 length and bytes, little-endian. */
bool qemu_form_binary(const struct qemu_form *form, const uint8_t *data, size_t bytes,
                      struct qemu_event *event, struct error *error);

#endif
