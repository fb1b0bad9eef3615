#include "traces/native/native_part.h"

#include <string.h>

/* The next member of the part, unpacked, if it is a block and undamaged. */
static bool load(struct native_part *part, const struct whole_file *file, struct native_member *member)
{
    uint8_t header[NATIVE_MEMBER_HEADER_BYTES];
    struct native_buffers *buffers = &part->buffers;
    return whole_file_left(file, header, sizeof header) && native_member_parse(header, member, NULL) &&
           member->kind == NATIVE_MEMBER_BLOCK && member->position == whole_file_bytes(file) &&
           native_block_fits(member, NULL) && native_room(buffers, member, NULL) &&
           whole_file_left(file, buffers->member, member->bytes) &&
           native_unpack(buffers->unpacker, member, buffers->member, buffers->payload, NULL);
}

static bool decode(struct native_part *part, const struct native_member *member, uint64_t first_record)
{
    struct native_block block;
    struct native_records *to = &part->decoded;
    if (!native_block_open(&block, part->buffers.payload, member->payload_bytes, NULL) ||
        block.first_record != first_record)
        return false;
    struct trace_batch batch = {.count = 1};
    for (to->count = 0; batch.count > 0; to->count += (uint32_t)batch.count) {
        batch.time_ns = to->time_ns + to->count;
        batch.iova = to->iova + to->count;
        batch.bytes = to->bytes + to->count;
        batch.address = to->address + to->count;
        batch.device = to->device + to->count;
        batch.op = to->op + to->count;
        native_block_next(&block, &batch);
    }
    return true;
}

static bool same(const struct native_records *a, const struct native_records *b)
{
    size_t count = a->count;
    bool alike = b->count == count && memcmp(a->time_ns, b->time_ns, count * sizeof *a->time_ns) == 0 &&
                 memcmp(a->iova, b->iova, count * sizeof *a->iova) == 0 &&
                 memcmp(a->bytes, b->bytes, count * sizeof *a->bytes) == 0 &&
                 memcmp(a->device, b->device, count * sizeof *a->device) == 0 &&
                 memcmp(a->op, b->op, count) == 0;
    for (size_t i = 0; alike && i < count; i++)
        if (a->op[i] == TRACE_MAP || a->op[i] == TRACE_MAP_RO)
            alike = a->address[i] == b->address[i];
    return alike;
}

bool native_part_holds(struct native_part *part, const struct whole_file *file,
                       const struct native_records *records, uint64_t first_record,
                       struct native_member *member)
{
    return load(part, file, member) && decode(part, member, first_record) && same(&part->decoded, records);
}

void native_part_free(struct native_part *part)
{
    native_buffers_free(&part->buffers);
}
