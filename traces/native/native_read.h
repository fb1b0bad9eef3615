/* What the two ways of reading a native trace share: by the index (native_file.c) and from front to back
 * (native.c). */
#ifndef TRACES_NATIVE_NATIVE_READ_H
#define TRACES_NATIVE_NATIVE_READ_H

#include "traces/native/native_block.h"
#include "traces/native/native_gzip.h"
#include "traces/native/native_summary.h"

/* A block's member is at most this much larger than the largest payload. */
enum { MEMBER_BYTES_MORE = 4096 };

/* A member on its way in. Zeroed at first; everything in it is taken when needed. */
struct native_buffers {
    uint8_t *member, *payload;
    size_t member_capacity, payload_capacity;
    struct native_unpacker *unpacker;
};

/** Make room for a member and its payload; its sizes were checked by one of the two below. */
bool native_room(struct native_buffers *buffers, const struct native_member *member, struct error *error);
void native_buffers_free(struct native_buffers *buffers);

/** Whether the sizes can be right for a block, for the end, or for the summary of a file whose blocks end at
 * `position`.
 */
bool native_block_fits(const struct native_member *member, struct error *error);
bool native_end_fits(const struct native_member *member);
bool native_summary_fits(const struct native_member *member, uint64_t position, struct error *error);

/** Read end, summary and index of a regular file. `*tail` is zeroed at first. */
bool native_tail_load(int file, struct native_tail *tail, struct error *error);
/** Whether the blocks of the index end where the summary begins. */
bool native_tail_ends(const struct native_tail *tail, uint64_t summary_at, struct error *error);

uint64_t native_tail_block_of_record(const struct native_tail *tail, uint64_t record);
uint64_t native_tail_block_of_time(const struct native_tail *tail, uint64_t time_ns);

#endif
