/* The blocks that an earlier, broken off making of a native trace left in PATH.part (whole_file.h). */
#ifndef TRACES_NATIVE_NATIVE_PART_H
#define TRACES_NATIVE_NATIVE_PART_H

#include "traces/native/native_block.h"
#include "traces/native/native_read.h"
#include "traces/file/whole_file.h"

/* Zeroed at first. */
struct native_part {
    struct native_buffers buffers;
    struct native_records decoded;
};

/** Whether the next block of the part holds exactly `records`, of which the first is number `first_record` of
 * the trace, and is undamaged. If so, `*member` is it and its payload is in `buffers.payload` until the next
 * call. */
bool native_part_holds(struct native_part *part, const struct whole_file *file,
                       const struct native_records *records, uint64_t first_record,
                       struct native_member *member);
void native_part_free(struct native_part *part);

#endif
