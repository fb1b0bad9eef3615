/* Any bytes as the payload of a native trace, where no checksum keeps them out: an error, or records that
 * fit. The first byte chooses between a block and a summary. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "tests/fuzz/fuzz.h"
#include "traces/native/native_block.h"
#include "traces/native/native_summary.h"

static void try_block(const uint8_t *payload, size_t bytes)
{
    static uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], sizes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS];
    static uint16_t device[TRACE_BATCH_RECORDS];
    static uint8_t op[TRACE_BATCH_RECORDS];
    static struct native_block block;
    struct trace_batch batch = {
        .time_ns = time_ns, .iova = iova, .bytes = sizes, .address = address, .device = device, .op = op};
    struct error error = {0};
    if (!native_block_open(&block, payload, bytes, &error)) {
        if (error.kind != ERROR_TRACE)
            abort();
        return;
    }
    uint64_t records = 0;
    while (native_block_next(&block, &batch), batch.count > 0) {
        for (size_t i = 0; i < batch.count; i++)
            if (op[i] >= TRACE_OP_COUNT)
                abort();
        records += batch.count;
    }
    if (records != block.records || records > NATIVE_BLOCK_RECORDS)
        abort();
}

static void try_summary(const uint8_t *payload, size_t bytes)
{
    struct native_tail tail = {0};
    struct error error = {0};
    if (!native_tail_parse(&tail, payload, bytes, &error) && error.kind != ERROR_TRACE)
        abort();
    native_tail_free(&tail);
    if (memory_used() != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    /* A copy of its own size, so that the sanitizers see what is read behind it. */
    uint8_t *payload = malloc(bytes - 1 + NATIVE_SLACK_BYTES);
    if (!payload)
        abort();
    memcpy(payload, data + 1, bytes - 1);
    if (data[0] % 2 == 0)
        try_block(payload, bytes - 1);
    else
        try_summary(payload, bytes - 1);
    free(payload);
    return 0;
}
