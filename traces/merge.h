/* Several traces on one timeline. Records of the same time come in the order of the inputs. */
#ifndef TRACES_MERGE_H
#define TRACES_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/trace.h"

struct merge_options {
    bool align_starts;      /* each input's first record is at time 0; else times are as recorded */
    bool remap_devices;     /* every device of every input has its own id; else ids are kept */
    uint64_t spacing_bytes; /* iovas and addresses of input i are moved up by i times this */
};

struct merge;

/** Begin to merge open traces, which stay the caller's and must outlive the merge. Remapped, the
 *  devices of input i move up by i buses; where that is taken, to the next bus where it is not, or to the
 *  lowest free id.
 *  Errors: ERROR_MEMORY, and those of trace_next. */
bool merge_new(const struct merge_options *options, struct trace *const inputs[], size_t count,
               struct merge **merge, struct error *error);
/** The next records, valid until the next call; count 0 at the end. Errors: those of trace_next;
 *  ERROR_EXPERIMENT when addresses would pass 2^64 or no device id is free. */
bool merge_next(struct merge *merge, struct trace_batch *batch, struct error *error);
/** What id `device` of input `input` has become; false if no record had it. */
bool merge_device(const struct merge *merge, size_t input, uint16_t device, uint16_t *becomes);
void merge_free(struct merge *merge);

#endif
