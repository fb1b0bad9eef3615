/* Which iommu event and which dma event belong to one call.
 *
 * iommu:map and unmap have the pages but no device, dma:* has the device. What must belong together does: the
 * same task, within the window of log_order.h, the nearest in time, and the pages are those of the ranges of
 * the dma event, rounded out to the IOMMU's granule: 4, 16 or 64 KiB, but no more than all pages so far
 * allow. A range mapped or unmapped with one call has one event with exactly its pages; the events of a
 * scatter list lie inside. An event that stays alone keeps the unknown device, as those of VFIO do. */
#ifndef TRACES_FTRACE_FTRACE_PAIRS_H
#define TRACES_FTRACE_FTRACE_PAIRS_H

#include "traces/ftrace/ftrace_line.h"
#include "traces/log/log_order.h"

/* A dma_unmap that comes before its iommu:unmap. */
struct ftrace_unmap {
    uint64_t time_ns, iova, bytes; /* all ranges, from the first to the end of the last */
    uint64_t left_bytes;           /* pages not seen unmapped yet; 0: none is waited for */
    uint16_t device;
    bool scattered, open_end;
    bool tentative; /* the kernel may as well have printed it behind */
    bool device_reads, device_writes;
};

/* An iommu event that waits for its dma event. */
struct ftrace_waiting {
    uint64_t time_ns, iova, bytes;
    struct log_handle record;
    struct log_handle
        guessed[2]; /* accesses of a list whose ranges are not known, if it was taken for its unmap */
};

/* A dma_unmap_sg of a list that is not in the log: the unmap that comes next may be its own. */
struct ftrace_open {
    uint64_t time_ns, least_bytes; /* 0: there is none */
    uint16_t device;
    bool device_reads, device_writes;
    bool taken; /* an unmap was taken for its own */
};

struct ftrace_pairs;

struct ftrace_pairs *ftrace_pairs_new(struct error *error);
void ftrace_pairs_free(struct ftrace_pairs *pairs);
void ftrace_pairs_clear(struct ftrace_pairs *pairs);

/* Each function below is about the task of `event`. Pointers are valid until the next call. */

/** See an iommu event; it waits for its dma event. */
struct ftrace_waiting *ftrace_pairs_wait(struct ftrace_pairs *pairs, const struct ftrace_event *event,
                                         struct log_handle record);
/** The next map, or unmap, that belongs to this dma event, and waits no longer; NULL: no more. `*below` is
 * UINT64_MAX at first. */
bool ftrace_pairs_map(struct ftrace_pairs *pairs, const struct ftrace_event *event, uint64_t *below,
                      struct ftrace_waiting *found);
bool ftrace_pairs_unmap(struct ftrace_pairs *pairs, const struct ftrace_event *event, uint64_t *below,
                        struct ftrace_waiting *found);
/** Where the pages end that were mapped for a list whose end was not listed, or 0. */
uint64_t ftrace_pairs_list_end(struct ftrace_pairs *pairs, const struct ftrace_event *event);

/** See a dma_unmap whose iommu:unmap is still to come. */
void ftrace_pairs_expect(struct ftrace_pairs *pairs, const struct ftrace_event *event, uint16_t device);
/** The dma_unmap that this iommu:unmap belongs to. */
bool ftrace_pairs_expected(struct ftrace_pairs *pairs, const struct ftrace_event *event,
                           struct ftrace_unmap *found);

/** The task's open list. */
struct ftrace_open *ftrace_pairs_open(struct ftrace_pairs *pairs, const struct ftrace_event *event);

/** `iova` or the end of a range, rounded out to the largest granule that all pages so far allow. */
uint64_t ftrace_pairs_round_up(const struct ftrace_pairs *pairs, uint64_t end);

#endif
