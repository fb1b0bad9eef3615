#include "sim/engine/requests.h"

#include <assert.h>
#include <string.h>

enum { LINE_RECORDS = 8, AHEAD_RECORDS = 256 };

/* Where request i of the piece goes; the tile of `page_number` may be new. */
static inline bool put(struct request_cursor *cursor, struct requests *piece, uint64_t page_number,
                       uint32_t write, struct error *error)
{
    bool is_new = false;
    uint32_t tile = tile_id(&cursor->tiles, page_number >> TILE_PAGES_LG2, &is_new, error);
    if (__builtin_expect(tile == UINT32_MAX, false))
        return false;
    if (__builtin_expect(is_new, false))
        piece->new_tiles[piece->new_tile_count++] = page_number >> TILE_PAGES_LG2;
    piece->key[piece->count] =
        tile << (TILE_PAGES_LG2 + 1) | (uint32_t)(page_number & (TILE_PAGES - 1)) << 1 | write;
    piece->page[piece->count] = (uint32_t)page_number;
    piece->count++;
    return true;
}

/* One request per max_payload-aligned block that the access touches in each page. True when the record is
 * done. */
static bool split_access(struct request_cursor *cursor, const struct trace_batch *batch, size_t record,
                         struct requests *piece, struct error *error)
{
    uint64_t payload = cursor->max_payload_bytes;
    uint64_t at = batch->iova[record] + cursor->done;
    uint64_t left = batch->bytes[record] - cursor->done;
    uint32_t write = batch->op[record] == TRACE_WRITE;
    while (left > 0) {
        if (piece->count == REQUESTS_MAX)
            return false;
        uint64_t room = payload - (at & (payload - 1));
        uint64_t step = room < left ? room : left;
        if (!put(cursor, piece, at >> PAGE_LG2, write, error))
            return false;
        at += step;
        left -= step;
        cursor->done += step;
    }
    cursor->done = 0;
    return true;
}

/* Records of one request each in tiles seen before: nearly all. Returns how many it took; `room` is in
 * records and requests. */
static size_t split_simple(struct request_cursor *cursor, const struct trace_batch *batch, size_t room,
                           struct requests *piece, size_t n)
{
    const uint64_t payload = cursor->max_payload_bytes;
    const uint64_t window = cursor->tiles.current_number;
    const uint32_t *const ids = cursor->tiles.current;
    const uint64_t *const iova = batch->iova + cursor->record, *const bytes = batch->bytes + cursor->record;
    const uint8_t *const op = batch->op + cursor->record;
    const uint32_t base = (uint32_t)piece->count;
    uint32_t *const key = piece->key + base, *const page = piece->page + base;
    size_t taken = 0;
    if (cursor->done != 0 || !ids)
        return 0;
    for (; taken < room; taken++) {
        if (taken % LINE_RECORDS == 0) { /* hardware prefetchers stop at every 4 KiB of each column */
            __builtin_prefetch(iova + taken + AHEAD_RECORDS);
            __builtin_prefetch(bytes + taken + AHEAD_RECORDS);
            __builtin_prefetch(op + taken + AHEAD_RECORDS);
        }
        uint64_t at = iova[taken], number = at >> TILE_LG2;
        if (op[taken] > TRACE_READ || bytes[taken] > payload - (at & (payload - 1)) ||
            number >> TILE_WINDOW_LG2 != window)
            break;
        uint32_t id = ids[number & ((1u << TILE_WINDOW_LG2) - 1)];
        if (id == 0)
            break;
        uint32_t page_number = (uint32_t)(at >> PAGE_LG2);
        key[taken] = (id - 1) << (TILE_PAGES_LG2 + 1) | (page_number & (TILE_PAGES - 1)) << 1 |
                     (op[taken] == TRACE_WRITE);
        page[taken] = page_number;
    }
    if (!piece->one_each)
        for (size_t i = 0; i < taken; i++)
            piece->first[n + i] = base + (uint32_t)i;
    cursor->record += taken;
    piece->count += taken;
    return taken;
}

/* Any record, the next of the piece. False: an error, or the piece is full and the record goes on in the
 * next. */
static bool split_record(struct request_cursor *cursor, const struct trace_batch *batch,
                         struct requests *piece, size_t n, struct error *error)
{
    size_t r = cursor->record;
    if (piece->one_each)
        for (size_t i = 0; i < n; i++)
            piece->first[i] = (uint32_t)i;
    piece->one_each = false;
    piece->first[n] = (uint32_t)piece->count;
    if (batch->op[r] <= TRACE_READ) {
        if (!split_access(cursor, batch, r, piece, error)) {
            piece->unfinished = true;
            return false;
        }
    } else if (batch->op[r] == TRACE_MARK) {
        piece->marks[piece->mark_count++] = (uint32_t)n;
    }
    cursor->record++;
    return true;
}

bool requests_split(struct request_cursor *cursor, const struct trace_batch *batch, size_t record_limit,
                    struct requests *piece, struct error *error)
{
    assert(record_limit >= 1 && record_limit <= TRACE_BATCH_RECORDS);
    size_t start = cursor->record, n = 0;
    piece->record_count = piece->count = piece->mark_count = piece->new_tile_count = 0;
    piece->continued = cursor->done > 0;
    piece->unfinished = false;
    piece->one_each = true;
    if (start == batch->count) {
        cursor->record = 0;
        return false;
    }
    size_t limit = batch->count - start < record_limit ? batch->count - start : record_limit;
    while (n < limit && piece->count < REQUESTS_MAX && !piece->unfinished) {
        size_t room = REQUESTS_MAX - piece->count < limit - n ? REQUESTS_MAX - piece->count : limit - n;
        n += split_simple(cursor, batch, room, piece, n);
        if (n < limit && piece->count < REQUESTS_MAX) {
            if (!split_record(cursor, batch, piece, n, error) && error->kind != ERROR_NONE)
                return false;
            n++;
        }
    }
    piece->time_ns = batch->time_ns + start;
    if (!cursor->stable) {
        memcpy(piece->time_copy, piece->time_ns, n * sizeof *piece->time_ns);
        piece->time_ns = piece->time_copy;
    }
    piece->first[n] = (uint32_t)piece->count;
    piece->record_count = n;
    return true;
}
