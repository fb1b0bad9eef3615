#include "sim/engine/requests.h"

#include <assert.h>
#include <string.h>

enum { LINE_RECORDS = 8, AHEAD_RECORDS = 256 };

/* Where the next request of the piece goes; the tile of `page_number` may be new. */
static inline bool put(struct request_cursor *cursor, struct requests *piece, uint32_t domain,
                       uint64_t page_number, uint32_t write, struct error *error)
{
    bool is_new = false;
    uint32_t tile = tile_id(&cursor->tiles, domain, page_number >> TILE_PAGES_LG2, &is_new, error);
    if (__builtin_expect(tile == TILE_NONE, false))
        return false;
    if (__builtin_expect(is_new, false))
        piece->new_tiles[piece->new_tile_count++] =
            (struct tile_name){page_number >> TILE_PAGES_LG2, domain};
    piece->key[piece->count] =
        tile << (TILE_PAGES_LG2 + 1) | (uint32_t)(page_number & (TILE_PAGES - 1)) << 1 | write;
    piece->page[piece->count] = (uint32_t)page_number;
    piece->count++;
    return true;
}

static uint32_t domain_of(const struct request_cursor *cursor, uint16_t device)
{
    return cursor->domain_of ? cursor->domain_of[device] : 0;
}

/* One request per max_payload-aligned block that the access touches in each page. True when the record is
 * done. */
static bool split_access(struct request_cursor *cursor, const struct trace_batch *batch, size_t record,
                         struct requests *piece, struct error *error)
{
    uint64_t payload = cursor->max_payload_bytes;
    uint64_t at = batch->iova[record] + cursor->done;
    uint64_t left = batch->bytes[record] - cursor->done;
    uint32_t write = batch->op[record] == TRACE_WRITE, domain = domain_of(cursor, batch->device[record]);
    while (left > 0) {
        if (piece->count == REQUESTS_MAX)
            return false;
        uint64_t room = payload - (at & (payload - 1));
        uint64_t step = room < left ? room : left;
        if (!put(cursor, piece, domain, at >> PAGE_LG2, write, error))
            return false;
        at += step;
        left -= step;
        cursor->done += step;
    }
    cursor->done = 0;
    return true;
}

/* Records of one request each in tiles seen before: nearly all. Returns how many it took; `room` is in
 * records and requests. The domain stays that of the first record's device. */
static size_t split_simple(struct request_cursor *cursor, const struct trace_batch *batch, size_t room,
                           struct requests *piece, size_t n)
{
    const uint64_t payload = cursor->max_payload_bytes;
    const uint16_t *const device = batch->device + cursor->record;
    const uint16_t same = device[0];
    const bool shared = cursor->domain_of == NULL;
    const struct tile_view view = cursor->tiles.views[domain_of(cursor, same)];
    const unsigned window_lg2 = cursor->tiles.window_lg2;
    const uint64_t *const iova = batch->iova + cursor->record, *const bytes = batch->bytes + cursor->record;
    const uint8_t *const op = batch->op + cursor->record;
    const uint32_t base = (uint32_t)piece->count;
    uint32_t *const key = piece->key + base, *const page = piece->page + base;
    uint64_t write_bytes = 0, all_bytes = 0, writes = 0;
    size_t taken = 0;
    if (cursor->done != 0 || !view.ids)
        return 0;
    for (; taken < room; taken++) {
        if (taken % LINE_RECORDS == 0) { /* hardware prefetchers stop at every 4 KiB of each column */
            __builtin_prefetch(iova + taken + AHEAD_RECORDS);
            __builtin_prefetch(bytes + taken + AHEAD_RECORDS);
            __builtin_prefetch(op + taken + AHEAD_RECORDS);
        }
        uint64_t at = iova[taken], number = at >> TILE_LG2, write = op[taken] == TRACE_WRITE;
        if (op[taken] > TRACE_READ || bytes[taken] > payload - (at & (payload - 1)) ||
            number >> window_lg2 != view.number || (!shared && device[taken] != same))
            break;
        uint32_t id = view.ids[number & ((1u << window_lg2) - 1)];
        if (id == 0)
            break;
        uint32_t page_number = (uint32_t)(at >> PAGE_LG2);
        key[taken] = (id - 1) << (TILE_PAGES_LG2 + 1) | (page_number & (TILE_PAGES - 1)) << 1 |
                     (uint32_t)write;
        page[taken] = page_number;
        writes += write;
        all_bytes += bytes[taken];
        write_bytes += bytes[taken] & (0 - write);
    }
    if (!piece->one_each)
        for (size_t i = 0; i < taken; i++)
            piece->first[n + i] = base + (uint32_t)i;
    piece->volume.records += taken;
    piece->volume.writes += writes;
    piece->volume.reads += taken - writes;
    piece->volume.write_bytes += write_bytes;
    piece->volume.read_bytes += all_bytes - write_bytes;
    cursor->record += taken;
    piece->count += taken;
    return taken;
}

static void count_record(struct volume *volume, enum trace_op op, uint64_t bytes)
{
    volume->records++;
    volume->writes += op == TRACE_WRITE;
    volume->reads += op == TRACE_READ;
    volume->maps += op == TRACE_MAP || op == TRACE_MAP_RO;
    volume->unmaps += op == TRACE_UNMAP;
    volume->translates += op == TRACE_TRANSLATE || op == TRACE_TRANSLATE_W;
    volume->marks += op == TRACE_MARK;
    volume->write_bytes += op == TRACE_WRITE ? bytes : 0;
    volume->read_bytes += op == TRACE_READ ? bytes : 0;
}

/* Any record, the next of the piece. False: an error, or the piece is full and the record goes on in the
 * next. */
static bool split_record(struct request_cursor *cursor, const struct trace_batch *batch,
                         struct requests *piece, size_t n, struct error *error)
{
    size_t r = cursor->record;
    enum trace_op op = batch->op[r];
    if (piece->one_each)
        for (size_t i = 0; i < n; i++)
            piece->first[i] = (uint32_t)i;
    piece->one_each = false;
    piece->first[n] = (uint32_t)piece->count;
    if (op <= TRACE_READ) {
        if (!split_access(cursor, batch, r, piece, error)) {
            piece->unfinished = true;
            return false;
        }
    } else if (op == TRACE_MARK) {
        piece->marks[piece->mark_count++] = (uint32_t)n;
    } else if (op == TRACE_MAP || op == TRACE_MAP_RO || op == TRACE_UNMAP) {
        piece->tables[piece->table_count++] =
            (struct table_record){.record = (uint32_t)n,
                                  .domain = domain_of(cursor, batch->device[r]),
                                  .op = op,
                                  .iova = batch->iova[r],
                                  .bytes = batch->bytes[r],
                                  .address = batch->address[r]};
    }
    count_record(&piece->volume, op, batch->bytes[r]);
    cursor->record++;
    return true;
}

bool requests_split(struct request_cursor *cursor, const struct trace_batch *batch, size_t record_limit,
                    struct requests *piece, struct error *error)
{
    assert(record_limit >= 1 && record_limit <= TRACE_BATCH_RECORDS);
    size_t start = cursor->record, n = 0;
    piece->record_count = piece->count = piece->mark_count = piece->table_count = piece->new_tile_count = 0;
    piece->volume = (struct volume){0};
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
    piece->first_record = batch->first_record + start;
    piece->time_ns = batch->time_ns + start;
    if (!cursor->stable) {
        memcpy(piece->time_copy, piece->time_ns, n * sizeof *piece->time_ns);
        piece->time_ns = piece->time_copy;
    }
    piece->first[n] = (uint32_t)piece->count;
    piece->record_count = n;
    return true;
}

bool requests_learn_tiles(struct tile_index *tiles, const struct requests *piece, struct error *error)
{
    for (size_t i = 0; i < piece->new_tile_count; i++) {
        bool is_new;
        if (tile_id(tiles, piece->new_tiles[i].domain, piece->new_tiles[i].number, &is_new, error) == TILE_NONE)
            return false;
    }
    return true;
}
