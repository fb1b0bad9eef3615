#include "traces/native/native_kept.h"

#include "sim/base/memory.h"
#include "traces/native/native_block.h"

uint8_t *native_kept_room(struct native_kept *kept, uint32_t payload_bytes)
{
    const uint64_t bytes = (uint64_t)payload_bytes + NATIVE_SLACK_BYTES;
    uint8_t *room = NULL;
    if (kept->limit_bytes >= kept->bytes + bytes &&
        memory_grow(&kept->payloads, &kept->capacity, kept->count + 1, sizeof *kept->payloads, NULL))
        room = memory_zeroed((size_t)bytes, 1, NULL);
    if (!room)
        kept->limit_bytes = 0;
    return room;
}

void native_kept_add(struct native_kept *kept, struct native_payload payload, uint64_t end)
{
    kept->payloads[kept->count++] = payload;
    kept->bytes += (uint64_t)payload.count + NATIVE_SLACK_BYTES;
    kept->end = end;
}

void native_kept_free(struct native_kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        memory_free(kept->payloads[i].bytes);
    memory_free(kept->payloads);
    *kept = (struct native_kept){0};
}
