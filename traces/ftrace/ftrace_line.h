/* One line of a kernel trace: the text of ftrace, of a dump of its buffer in the kernel's log, of `trace-cmd
 * report`, or of `perf script`. */
#ifndef TRACES_FTRACE_FTRACE_LINE_H
#define TRACES_FTRACE_FTRACE_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"

enum ftrace_kind {
    FTRACE_NONE,        /* blank, a comment, a heading of trace-cmd */
    FTRACE_UNKNOWN,     /* no event that this reader knows */
    FTRACE_PASSED,      /* known, and of no use here */
    FTRACE_OVERWRITTEN, /* that many events, in `bytes`, were overwritten in the ring buffer */
    FTRACE_LOST,        /* "LOST n EVENTS": n in `bytes`, 0 if the number is not known */
    FTRACE_CUT,         /* the kernel found the event's text too long */
    FTRACE_IOMMU_MAP,
    FTRACE_IOMMU_UNMAP,
    FTRACE_FAULT,
    FTRACE_DMA_MAP,
    FTRACE_DMA_UNMAP,
    FTRACE_DMA_UNMAP_SG, /* has no ranges */
    FTRACE_DMA_ALLOC,
    FTRACE_DMA_FREE,
    FTRACE_DMA_SYNC, /* for the CPU */
};

enum {
    FTRACE_RANGES = 512,
    FTRACE_PHYS_HASHED = 128, /* newer kernels list no more of them when they map */
};

struct ftrace_range {
    uint64_t iova, bytes;
};

struct ftrace_event {
    enum ftrace_kind kind;
    uint64_t time_ns;
    uint64_t context; /* the task, or the CPU of an idle task: events of one call have the same */
    uint64_t iova, bytes, address;    /* iommu events */
    bool device_reads, device_writes; /* what the direction allows */
    const char *device;
    unsigned device_length;
    bool scattered; /* the ranges were mapped in pieces, else with one call */
    bool open_end;  /* the kernel did not list the last ranges */
    bool direct;    /* mapped where the memory is: behind no IOMMU, or one that passes all */
    bool moved;     /* mapped elsewhere; neither: it is not known */
    /* Of the first physical addresses of a scatter list, which its map and unmap have in common; else 0. */
    uint64_t phys_hash;
    unsigned phys_count; /* those hashed */
    unsigned count;
    struct ftrace_range ranges[FTRACE_RANGES];
};

/* What earlier lines say about the later ones; zeroed at first. */
struct ftrace_print {
    bool dump; /* of the buffer, in the kernel's log */
};

/** Errors: ERROR_TRACE with what is wrong in a line of a known event, without the line's number. */
bool ftrace_line(const char *line, struct ftrace_print *print, struct ftrace_event *event,
                 struct error *error);

#endif
