/* Mapped scatter lists: a dma_unmap_sg names the physical addresses of its dma_map_sg and no ranges. */
#ifndef TRACES_FTRACE_FTRACE_LISTS_H
#define TRACES_FTRACE_FTRACE_LISTS_H

#include "traces/ftrace/ftrace_line.h"
#include "traces/log/log_table.h"

/* Zeroed at first. */
struct ftrace_lists {
    struct log_table lists; /* device and physical addresses -> the lists, the oldest first */
    uint64_t ranges;        /* in all of them, and 1 for each */
};

void ftrace_lists_clear(struct ftrace_lists *lists);
/** Remember what a dma_map_sg of the device maps, as long as there is room. */
bool ftrace_lists_keep(struct ftrace_lists *lists, uint16_t device, const struct ftrace_event *event,
                       struct error *error);
/** Give a dma_unmap_sg the ranges of its list, which is forgotten; false: there is none. */
bool ftrace_lists_take(struct ftrace_lists *lists, uint16_t device, struct ftrace_event *event);

#endif
