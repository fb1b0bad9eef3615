/* One line of a QEMU trace log: "THREAD@SECONDS.MICROSECONDS:EVENT TEXT", as `-msg timestamp=on` makes them.
 */
#ifndef TRACES_QEMU_LINE_H
#define TRACES_QEMU_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"

enum qemu_kind {
    QEMU_NONE,    /* blank, or a comment that says nothing to us */
    QEMU_NAMED,   /* "# as:0x... dd:dd.f", a comment in which a user names the device of an address space */
    QEMU_UNKNOWN, /* no event of a family that this reader knows */
    QEMU_PASSED,  /* known, and of no use here */
    QEMU_ACCESS,  /* address_space_dma, of QEMUs with an added print: any access */
    QEMU_AS_MAP,  /* address_space_map: what is left of an access, from here on */
    QEMU_NVME_COMMAND, /* direction of the pci_nvme_map_addr that follow on its thread, if any */
    QEMU_NVME_ADDRESS, /* pci_nvme_map_addr */
    QEMU_NIC_WRITE,    /* e1000e and igb: received data, or a receive descriptor */
    QEMU_TRANSLATE,    /* a device's address was translated */
    QEMU_INVALIDATE,   /* pages of a domain (VT-d) or of an address space id (SMMU) were unmapped */
    QEMU_ATTACH,       /* virtio-iommu from here on */
    QEMU_DETACH,
    QEMU_MAP,
    QEMU_UNMAP,
};

struct qemu_event {
    enum qemu_kind kind;
    uint64_t thread, time_ns;
    uint64_t as; /* pointer of the address space */
    uint64_t iova, bytes, address;
    uint64_t domain; /* of which kind too, in the upper half */
    uint16_t device;
    bool writes, reads; /* which the device may do, or does */
    const char *name;   /* of the device model of an access, `name_length` bytes */
    unsigned name_length;
};

/** Errors: ERROR_TRACE with what is wrong in a line of a known event, without the line's number. */
bool qemu_line(const char *line, struct qemu_event *event, struct error *error);

#endif
