/* The rules of semantics.md 2, which every record of every trace keeps. */
#include <stdio.h>

#include "sim/base/cpu.h"
#include "traces/trace.h"

enum { PAGE_BYTES = 4096, ACCESS_BYTES_LG2 = 32 };

/* Of an access or ATS request. */
static const uint64_t most_access_bytes = UINT64_C(1) << ACCESS_BYTES_LG2;

static bool bad(uint64_t record, const char *text, struct error *error)
{
    return error_set(error, ERROR_TRACE, "record %llu: error: %s", (unsigned long long)record, text);
}

/* Say why record i of the batch is wrong; it is. */
static bool explain(const struct trace_batch *b, size_t i, uint64_t last_time_ns, struct error *error)
{
    uint64_t record = b->first_record + i + 1;
    char text[256];
    if (b->op[i] >= TRACE_OP_COUNT)
        snprintf(text, sizeof text, "op %u does not exist", b->op[i]);
    else if (b->time_ns[i] < last_time_ns)
        snprintf(text, sizeof text,
                 "time goes backwards (%llu ns after %llu ns); dirtywalk trace convert --sort puts a file in "
                 "order",
                 (unsigned long long)b->time_ns[i], (unsigned long long)last_time_ns);
    else if (b->bytes[i] == 0)
        snprintf(text, sizeof text, "%s of 0 bytes; only a mark may have 0", trace_op_names[b->op[i]]);
    else if (b->bytes[i] - 1 > UINT64_MAX - b->iova[i])
        snprintf(text, sizeof text, "iova 0x%llx + %llu bytes passes 2^64", (unsigned long long)b->iova[i],
                 (unsigned long long)b->bytes[i]);
    else if (b->op[i] < TRACE_MAP || b->op[i] > TRACE_UNMAP)
        snprintf(text, sizeof text,
                 "%s of %llu bytes; an access has at most 4 GiB, so this is damaged, or no size in bytes",
                 trace_op_names[b->op[i]], (unsigned long long)b->bytes[i]);
    else if (b->iova[i] % PAGE_BYTES != 0)
        snprintf(text, sizeof text, "%s at iova 0x%llx, which is no multiple of 4 KiB",
                 trace_op_names[b->op[i]], (unsigned long long)b->iova[i]);
    else if (b->bytes[i] % PAGE_BYTES != 0)
        snprintf(text, sizeof text, "%s of %llu bytes, which is no multiple of 4 KiB",
                 trace_op_names[b->op[i]], (unsigned long long)b->bytes[i]);
    else
        snprintf(text, sizeof text, "%s to address 0x%llx, which is no multiple of 4 KiB",
                 trace_op_names[b->op[i]], (unsigned long long)b->address[i]);
    return bad(record, text, error);
}

/* Whether an op that is no mark keeps the rules on its range. */
static bool range_right(const struct trace_batch *b, size_t i)
{
    uint64_t iova = b->iova[i], bytes = b->bytes[i], aligned = 0;
    bool change = b->op[i] >= TRACE_MAP && b->op[i] <= TRACE_UNMAP;
    if (change)
        aligned = iova | bytes | (b->op[i] == TRACE_UNMAP ? 0 : b->address[i]);
    return (change || bytes <= most_access_bytes) && bytes != 0 && bytes - 1 <= UINT64_MAX - iova &&
           aligned % PAGE_BYTES == 0;
}

/* ---- records that are nothing but accesses, many at a time ---- */

enum { GROUP = 512 };

/* Whether all records are reads and writes that keep the rules. Without branches, and in bits alone, so that compilers
 * make vectors of it: of the columns of 64 bits the sign says what is wrong. */
static inline __attribute__((always_inline)) bool are_accesses_in(const struct trace_batch *b, size_t from, size_t count,
                                                                  uint64_t last_time_ns)
{
    const uint64_t *const time = b->time_ns + from, *const iova = b->iova + from, *const bytes = b->bytes + from;
    const uint8_t *const op = b->op + from;
    uint64_t wrong = (uint64_t)(time[0] < last_time_ns) << 63, long_ones = 0;
    uint8_t ops = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t before = time[i - 1], now = time[i];
        wrong |= (~now & before) | (~(now ^ before) & (now - before));
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t more = bytes[i] - 1; /* of 0: too long */
        long_ones |= more >> ACCESS_BYTES_LG2;
        wrong |= iova[i] & ~(iova[i] + more);
    }
    for (size_t i = 0; i < count; i++)
        ops |= op[i];
    return (wrong >> 63 | long_ones) == 0 && ops <= TRACE_READ;
}
_Static_assert(TRACE_WRITE == 0 && TRACE_READ == 1, "the ops of accesses are those without higher bits");

#if defined(__x86_64__)
CPU_TARGET_AVX2 static bool are_accesses_avx2(const struct trace_batch *b, size_t from, size_t count,
                                              uint64_t last_time_ns)
{
    return are_accesses_in(b, from, count, last_time_ns);
}
#endif

static bool are_accesses(const struct trace_batch *b, size_t from, size_t count, uint64_t last_time_ns)
{
#if defined(__x86_64__)
    if (cpu_set() >= CPU_AVX2)
        return are_accesses_avx2(b, from, count, last_time_ns);
#endif
    return are_accesses_in(b, from, count, last_time_ns);
}

bool trace_batch_check(const struct trace_batch *b, uint64_t last_time_ns, struct error *error)
{
    for (size_t from = 0; from < b->count; from += GROUP) {
        size_t count = b->count - from < GROUP ? b->count - from : GROUP;
        size_t i = are_accesses(b, from, count, last_time_ns) ? from + count : from;
        for (; i < from + count; i++) {
            bool right = b->time_ns[i] >= last_time_ns && b->op[i] < TRACE_OP_COUNT &&
                         (b->op[i] == TRACE_MARK || range_right(b, i));
            if (!right)
                return explain(b, i, last_time_ns, error);
            last_time_ns = b->time_ns[i];
        }
        last_time_ns = b->time_ns[from + count - 1];
    }
    return true;
}
