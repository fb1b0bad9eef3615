#include "sim/requests.h"

#include <assert.h>

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

/* One request per max_payload-aligned block that the access touches in each page. True when the record is done. */
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

bool requests_split(struct request_cursor *cursor, const struct trace_batch *batch,
                    size_t record_limit, struct requests *piece, struct error *error)
{
    assert(record_limit >= 1 && record_limit <= TRACE_BATCH_RECORDS);
    piece->record_count = piece->count = piece->mark_count = piece->new_tile_count = 0;
    piece->first_record = batch->first_record + cursor->record;
    piece->continued = cursor->done > 0;
    piece->unfinished = false;
    piece->new_tile_first = cursor->tiles.count;
    if (cursor->record == batch->count) {
        cursor->record = 0;
        return false;
    }
    size_t n = 0;
    uint64_t simple = cursor->max_payload_bytes;
    while (cursor->record < batch->count && n < record_limit && piece->count < REQUESTS_MAX) {
        size_t r = cursor->record;
        piece->time_ns[n] = batch->time_ns[r];
        piece->first[n] = (uint32_t)piece->count;
        n++;
        if (batch->op[r] <= TRACE_READ) {
            uint64_t iova = batch->iova[r];
            if (cursor->done == 0 && batch->bytes[r] <= simple - (iova & (simple - 1))) {
                if (!put(cursor, piece, iova >> PAGE_LG2, batch->op[r] == TRACE_WRITE, error))
                    return false;
            } else if (!split_access(cursor, batch, r, piece, error)) {
                if (error->kind != ERROR_NONE)
                    return false;
                piece->unfinished = true;
                break;
            }
        } else if (batch->op[r] == TRACE_MARK) {
            piece->marks[piece->mark_count++] = (uint32_t)(n - 1);
        }
        cursor->record++;
    }
    piece->first[n] = (uint32_t)piece->count;
    piece->record_count = n;
    return true;
}
