/* Payloads of the first blocks of a native trace, kept in memory when they are read: who goes over the trace again need
 * neither read, inflate nor check them again. */
#ifndef TRACES_NATIVE_NATIVE_KEPT_H
#define TRACES_NATIVE_NATIVE_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct native_payload {
    uint8_t *bytes; /* NATIVE_SLACK_BYTES more may be read */
    uint32_t count;
};

/* Zeroed at first: keeps nothing. */
struct native_kept {
    uint64_t limit_bytes; /* of all payloads; 0: no more are taken */
    uint64_t bytes;
    struct native_payload *payloads;
    size_t count, capacity;
    uint64_t end; /* position of the first block that is not kept */
};

/** Room for the payload of the next block, which is the caller's until native_kept_add or memory_free takes it. NULL:
 *  it will not be kept, nor any after it. */
uint8_t *native_kept_room(struct native_kept *kept, uint32_t payload_bytes);
/** Keep it: the block is good, and ends at byte `end`. */
void native_kept_add(struct native_kept *kept, struct native_payload payload, uint64_t end);
void native_kept_free(struct native_kept *kept);

#endif
