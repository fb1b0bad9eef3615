#include "traces/native/native_summary.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/native/native_block.h"
#include "traces/file/sha256.h"

enum {
    PAGE_SHIFT = 12,
    GRANULES_LIMIT = NATIVE_EXTENTS_LIMIT,
    SLOTS = 4 * GRANULES_LIMIT, /* of the hash table, a power of two */
};

/* ---- touched granules ---- */

/* The granules at the smallest size, from 4 KiB on, at which there are at most GRANULES_LIMIT. */
struct granules {
    unsigned shift;
    size_t count;
    uint64_t slot[SLOTS]; /* granule + 1; 0 is empty */
};

static void insert(struct granules *set, uint64_t granule)
{
    size_t slot = (size_t)(granule * UINT64_C(0x9e3779b97f4a7c15) >> 40) % SLOTS;
    while (set->slot[slot] != 0) {
        if (set->slot[slot] == granule + 1)
            return;
        slot = (slot + 1) % SLOTS;
    }
    set->slot[slot] = granule + 1;
    set->count++;
}

/* Double the size of the granules. */
static void coarsen(struct granules *set)
{
    uint64_t old[GRANULES_LIMIT + 1];
    size_t count = 0;
    for (size_t i = 0; i < SLOTS; i++)
        if (set->slot[i] != 0)
            old[count++] = set->slot[i] - 1;
    memset(set->slot, 0, sizeof set->slot);
    set->count = 0;
    set->shift++;
    for (size_t i = 0; i < count; i++)
        insert(set, old[i] >> 1);
}

static void touch(struct granules *set, uint64_t first, uint64_t last)
{
    while ((last >> set->shift) - (first >> set->shift) >= GRANULES_LIMIT)
        coarsen(set);
    for (uint64_t at = first;;) {
        insert(set, at >> set->shift);
        while (set->count > GRANULES_LIMIT)
            coarsen(set);
        uint64_t granule_end = at | ((UINT64_C(1) << set->shift) - 1);
        if (granule_end >= last)
            return;
        at = granule_end + 1;
    }
}

static int compare(const void *one, const void *other)
{
    uint64_t a, b;
    memcpy(&a, one, sizeof a);
    memcpy(&b, other, sizeof b);
    return (a > b) - (a < b);
}

/* Runs of neighbours; returns how many. */
static uint32_t runs(const struct granules *set, struct trace_extent extents[GRANULES_LIMIT])
{
    uint64_t sorted[GRANULES_LIMIT + 1];
    size_t count = 0;
    for (size_t i = 0; i < SLOTS; i++)
        if (set->slot[i] != 0)
            sorted[count++] = set->slot[i] - 1;
    qsort(sorted, count, sizeof *sorted, compare);
    uint32_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1] + 1)
            extents[used - 1].count++;
        else
            extents[used++] = (struct trace_extent){.first = sorted[i], .count = 1};
    }
    return used;
}

/* ---- gathering ---- */

struct native_gatherer {
    struct trace_facts facts;
    uint64_t bytes_by_op[TRACE_OP_COUNT];
    uint64_t payload_bytes;
    struct granules granules;
    struct sha256_stream *sha256;
    struct native_index_entry *blocks;
    size_t block_count, block_capacity;
    uint8_t *payload;
};

bool native_gatherer_new(struct native_gatherer **gatherer, struct error *error)
{
    struct native_gatherer *g = memory_zeroed(1, sizeof *g, error);
    if (!g)
        return false;
    g->granules.shift = PAGE_SHIFT;
    if (!sha256_stream_new(&g->sha256, error)) {
        native_gatherer_free(g);
        return false;
    }
    *gatherer = g;
    return true;
}

void native_gatherer_free(struct native_gatherer *g)
{
    if (!g)
        return;
    sha256_stream_free(g->sha256);
    memory_free(g->blocks);
    memory_free(g->payload);
    memory_free(g);
}

void native_gatherer_records(struct native_gatherer *g, const struct trace_batch *batch)
{
    trace_facts_add(&g->facts, batch);
    for (size_t i = 0; i < batch->count; i++) {
        uint8_t op = batch->op[i];
        if (op == TRACE_MARK)
            continue;
        uint64_t bytes = batch->bytes[i], sum = g->bytes_by_op[op] + bytes;
        g->bytes_by_op[op] = sum >= bytes ? sum : UINT64_MAX;
        if (op != TRACE_MAP && op != TRACE_MAP_RO && op != TRACE_UNMAP)
            touch(&g->granules, batch->iova[i], batch->iova[i] + (bytes - 1));
    }
}

bool native_gatherer_block(struct native_gatherer *g, const struct native_index_entry *entry,
                           const uint8_t *payload, size_t payload_bytes, struct error *error)
{
    if (!memory_grow(&g->blocks, &g->block_capacity, g->block_count + 1, sizeof *g->blocks, error))
        return false;
    g->blocks[g->block_count++] = *entry;
    g->payload_bytes += payload_bytes;
    sha256_stream_add(g->sha256, payload, payload_bytes);
    return true;
}

static uint8_t *put_header(const struct native_gatherer *g, uint8_t *at, uint32_t extents, size_t provenance)
{
    const struct trace_facts *facts = &g->facts;
    le_put(at, 8, facts->records);
    le_put(at + 8, 8, g->block_count);
    le_put(at + 16, 8, g->payload_bytes);
    sha256_stream_end(g->sha256, at + 24);
    le_put(at + 56, 8, facts->first_time_ns);
    le_put(at + 64, 8, facts->last_time_ns);
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++) {
        le_put(at + 72 + 8 * op, 8, facts->records_by_op[op]);
        le_put(at + 136 + 8 * op, 8, g->bytes_by_op[op]);
    }
    le_put(at + 200, 4, g->granules.shift);
    le_put(at + 204, 4, facts->device_count);
    le_put(at + 208, 4, extents);
    le_put(at + 212, 4, provenance);
    le_put(at + 216, 8, 0);
    return at + NATIVE_SUMMARY_HEADER_BYTES;
}

bool native_gatherer_finish(struct native_gatherer *g, const char *provenance, const uint8_t **payload,
                            size_t *bytes, struct error *error)
{
    struct trace_extent extents[NATIVE_EXTENTS_LIMIT];
    uint32_t extent_count = runs(&g->granules, extents);
    size_t length = strlen(provenance);
    if (length > NATIVE_PROVENANCE_BYTES_LIMIT)
        return error_set(error, ERROR_TRACE, "error: the text about the origin has %zu bytes; %d at most",
                         length, NATIVE_PROVENANCE_BYTES_LIMIT);
    size_t total = NATIVE_SUMMARY_HEADER_BYTES + 2 * (size_t)g->facts.device_count +
                   16 * (size_t)extent_count + length + g->block_count * NATIVE_INDEX_ENTRY_BYTES;
    memory_free(g->payload);
    if (!(g->payload = memory_zeroed(total, 1, error)))
        return false;
    uint8_t *at = put_header(g, g->payload, extent_count, length);
    for (unsigned device = 0; device < TRACE_DEVICES; device++)
        if (g->facts.devices[device / 8] >> device % 8 & 1) {
            le_put(at, 2, device);
            at += 2;
        }
    for (uint32_t i = 0; i < extent_count; i++, at += 16) {
        le_put(at, 8, extents[i].first);
        le_put(at + 8, 8, extents[i].count);
    }
    memcpy(at, provenance, length);
    at += length;
    for (size_t i = 0; i < g->block_count; i++, at += NATIVE_INDEX_ENTRY_BYTES) {
        le_put(at, 8, g->blocks[i].position);
        le_put(at + 8, 8, g->blocks[i].first_record);
        le_put(at + 16, 8, g->blocks[i].first_time_ns);
        le_put(at + 24, 4, g->blocks[i].bytes);
        le_put(at + 28, 4, 0);
    }
    assert(at == g->payload + total);
    *payload = g->payload;
    *bytes = total;
    return true;
}

/* ---- parsing ---- */

static bool corrupt(struct error *error, const char *what)
{
    return error_set(error, ERROR_TRACE,
                     "error: the summary contradicts itself (%s); make or copy the file again", what);
}

static void parse_header(struct native_summary *s, const uint8_t *at)
{
    s->records = le_get(at, 8);
    s->blocks = le_get(at + 8, 8);
    s->payload_bytes = le_get(at + 16, 8);
    for (size_t i = 0; i < SHA256_BYTES; i++)
        snprintf(s->sha256 + 2 * i, 3, "%02x", at[24 + i]);
    s->first_time_ns = le_get(at + 56, 8);
    s->last_time_ns = le_get(at + 64, 8);
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++) {
        s->records_by_op[op] = le_get(at + 72 + 8 * op, 8);
        s->bytes_by_op[op] = le_get(at + 136 + 8 * op, 8);
    }
    s->granule_shift = (unsigned)le_get(at + 200, 4);
    s->device_count = (uint32_t)le_get(at + 204, 4);
    s->extent_count = (uint32_t)le_get(at + 208, 4);
}

/* Counts that no loop below may trust before. */
static bool check_counts(const struct native_summary *s, const uint8_t *payload, size_t bytes,
                         struct error *error)
{
    if (le_get(payload + 216, 8) != 0)
        return error_set(
            error, ERROR_TRACE,
            "error: the summary has a property that this version does not know; use a newer one");
    uint64_t provenance = le_get(payload + 212, 4);
    if (s->granule_shift < PAGE_SHIFT || s->granule_shift > 63 || s->device_count > TRACE_DEVICES ||
        s->extent_count > NATIVE_EXTENTS_LIMIT || provenance > NATIVE_PROVENANCE_BYTES_LIMIT ||
        s->blocks > bytes / NATIVE_INDEX_ENTRY_BYTES)
        return corrupt(error, "a count");
    if (NATIVE_SUMMARY_HEADER_BYTES + 2 * (uint64_t)s->device_count + 16 * (uint64_t)s->extent_count +
            provenance + NATIVE_INDEX_ENTRY_BYTES * s->blocks !=
        bytes)
        return corrupt(error, "its size");
    uint64_t sum = 0;
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++) {
        if (s->records_by_op[op] > s->records - sum)
            return corrupt(error, "the records per op");
        sum += s->records_by_op[op];
    }
    if (sum != s->records || s->last_time_ns < s->first_time_ns || (s->records == 0) != (s->blocks == 0) ||
        s->records / NATIVE_BLOCK_RECORDS > s->blocks || s->records < s->blocks)
        return corrupt(error, "the number of records");
    return true;
}

static bool parse_index(struct native_tail *tail, const uint8_t *at, struct error *error)
{
    const struct native_summary *s = &tail->summary;
    uint64_t position = 0, time_ns = s->first_time_ns;
    for (uint64_t i = 0; i < s->blocks; i++, at += NATIVE_INDEX_ENTRY_BYTES) {
        struct native_index_entry *entry = &tail->blocks[i];
        entry->position = le_get(at, 8);
        entry->first_record = le_get(at + 8, 8);
        entry->first_time_ns = le_get(at + 16, 8);
        entry->bytes = (uint32_t)le_get(at + 24, 4);
        bool follows = i == 0 ? entry->first_record == 0
                              : entry->first_record > entry[-1].first_record &&
                                    entry->first_record - entry[-1].first_record <= NATIVE_BLOCK_RECORDS;
        if (!follows || entry->position != position || entry->first_record >= s->records ||
            entry->first_time_ns < time_ns || entry->first_time_ns > s->last_time_ns ||
            le_get(at + 28, 4) != 0)
            return corrupt(error, "its index");
        position += entry->bytes;
        time_ns = entry->first_time_ns;
    }
    return true;
}

bool native_tail_parse(struct native_tail *tail, const uint8_t *payload, size_t bytes, struct error *error)
{
    struct native_summary *s = &tail->summary;
    if (bytes < NATIVE_SUMMARY_HEADER_BYTES)
        return corrupt(error, "its size");
    parse_header(s, payload);
    if (!check_counts(s, payload, bytes, error))
        return false;
    size_t provenance = (size_t)le_get(payload + 212, 4);
    if (!(tail->devices = memory_zeroed(s->device_count, sizeof *tail->devices, error)) ||
        !(s->extents = memory_zeroed(s->extent_count, sizeof *s->extents, error)) ||
        !(tail->provenance = memory_zeroed(provenance + 1, 1, error)) ||
        !(tail->blocks = memory_zeroed(s->blocks, sizeof *tail->blocks, error)))
        return false;
    const uint8_t *at = payload + NATIVE_SUMMARY_HEADER_BYTES;
    for (uint32_t i = 0; i < s->device_count; i++, at += 2) {
        tail->devices[i] = (uint16_t)le_get(at, 2);
        if (i > 0 && tail->devices[i] <= tail->devices[i - 1])
            return corrupt(error, "its devices");
    }
    for (uint32_t i = 0; i < s->extent_count; i++, at += 16) {
        struct trace_extent *extent = &s->extents[i];
        *extent = (struct trace_extent){.first = le_get(at, 8), .count = le_get(at + 8, 8)};
        uint64_t last = UINT64_MAX >> s->granule_shift;
        if (extent->count == 0 || extent->first > last || extent->count - 1 > last - extent->first ||
            (i > 0 && extent->first <= extent[-1].first + extent[-1].count))
            return corrupt(error, "its extents");
    }
    memcpy(tail->provenance, at, provenance);
    if (memchr(at, 0, provenance))
        return corrupt(error, "its text");
    s->devices = tail->devices;
    s->provenance = tail->provenance;
    return parse_index(tail, at + provenance, error);
}

void native_tail_free(struct native_tail *tail)
{
    memory_free(tail->devices);
    memory_free(tail->summary.extents);
    memory_free(tail->provenance);
    memory_free(tail->blocks);
    *tail = (struct native_tail){0};
}
