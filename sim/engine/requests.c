#include "sim/engine/requests.h"

#include <assert.h>
#include <string.h>

#include "sim/base/cpu.h"

enum { LINE_RECORDS = 8, AHEAD_RECORDS = 256 };

static uint32_t domain_of(const struct request_cursor *cursor, uint16_t device)
{
    return cursor->domain_of ? cursor->domain_of[device] : 0;
}

/* Requests of an access in one tile, from `at` on; returns the bytes they take, less than `left` when the tile or
 * the piece ends. */
static uint64_t split_in_tile(struct requests *piece, uint64_t payload, uint32_t tile, uint32_t write,
                              uint64_t at, uint64_t left)
{
    const uint64_t begin = at, room = (UINT64_C(1) << TILE_LG2) - (at & ((UINT64_C(1) << TILE_LG2) - 1));
    const uint64_t end = at + (left < room ? left : room);
    const uint32_t base = tile << (TILE_PAGES_LG2 + 1) | write;
    size_t count = piece->count;
    for (; at != end && count < REQUESTS_MAX; count++) {
        uint64_t page = at >> PAGE_LG2, step = payload - (at & (payload - 1));
        piece->key[count] = base | (uint32_t)(page & (TILE_PAGES - 1)) << 1;
        piece->page[count] = (uint32_t)page;
        at += step < end - at ? step : end - at;
    }
    piece->count = count;
    return at - begin;
}

/* One request per max_payload-aligned block that the access touches in each page, of a translate record one per page.
 * True when the record is done. */
static bool split_access(struct request_cursor *cursor, const struct trace_batch *batch, size_t record,
                         struct requests *piece, struct error *error)
{
    enum trace_op op = batch->op[record];
    uint64_t payload = op <= TRACE_READ ? cursor->max_payload_bytes : UINT64_C(1) << PAGE_LG2;
    uint32_t write = op == TRACE_WRITE || op == TRACE_TRANSLATE_W;
    uint32_t domain = domain_of(cursor, batch->device[record]);
    while (cursor->done < batch->bytes[record]) {
        uint64_t at = batch->iova[record] + cursor->done;
        bool is_new = false;
        if (piece->count == REQUESTS_MAX)
            return false;
        uint32_t tile = tile_id(&cursor->tiles, domain, at >> TILE_LG2, &is_new, error);
        if (tile == TILE_NONE)
            return false;
        if (is_new)
            piece->new_tiles[piece->new_tile_count++] = (struct tile_name){at >> TILE_LG2, domain};
        cursor->done += split_in_tile(piece, payload, tile, write, at,
                                      batch->bytes[record] - cursor->done);
    }
    cursor->done = 0;
    return true;
}

/* Volume of records that are reads as far as they are no writes, in a loop of its own that compilers make vectors of. */
static inline __attribute__((always_inline)) void count_accesses_in(struct volume *volume, const uint8_t *op,
                                                                    const uint64_t *bytes, size_t count)
{
    uint64_t write_bytes = 0, all_bytes = 0, writes = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t write = op[i] == TRACE_WRITE;
        writes += write;
        all_bytes += bytes[i];
        write_bytes += bytes[i] & (0 - write);
    }
    volume->records += count;
    volume->writes += writes;
    volume->reads += count - writes;
    volume->write_bytes += write_bytes;
    volume->read_bytes += all_bytes - write_bytes;
}

#if defined(__x86_64__)
CPU_TARGET_AVX2 static void count_accesses_avx2(struct volume *volume, const uint8_t *op, const uint64_t *bytes,
                                                size_t count)
{
    count_accesses_in(volume, op, bytes, count);
}
#endif

static void count_accesses(struct volume *volume, const uint8_t *op, const uint64_t *bytes, size_t count)
{
#if defined(__x86_64__)
    if (cpu_set() >= CPU_AVX2) {
        count_accesses_avx2(volume, op, bytes, count);
        return;
    }
#endif
    count_accesses_in(volume, op, bytes, count);
}

/* Records of one request each in tiles seen before: nearly all. Returns how many it took; `room` is in
 * records and requests. */
static inline __attribute__((always_inline)) size_t split_simple_in(struct request_cursor *cursor,
                                                                    const struct trace_batch *batch,
                                                                    size_t room, struct requests *piece,
                                                                    bool shared)
{
    const uint64_t payload = cursor->max_payload_bytes;
    const uint16_t *const device = batch->device + cursor->record;
    const uint32_t *const domains = cursor->domain_of;
    const struct tile_view *const views = cursor->tiles.views;
    const struct tile_view first = views[0];
    const unsigned window_lg2 = cursor->tiles.window_lg2;
    const uint64_t *const iova = batch->iova + cursor->record, *const bytes = batch->bytes + cursor->record;
    const uint8_t *const op = batch->op + cursor->record;
    uint32_t *const key = piece->key + piece->count, *const page = piece->page + piece->count;
    size_t taken = 0;
    for (; taken < room; taken++) {
        if (taken % LINE_RECORDS == 0) { /* hardware prefetchers stop at every 4 KiB of each column */
            if (!shared)
                __builtin_prefetch(device + taken + AHEAD_RECORDS);
            __builtin_prefetch(iova + taken + AHEAD_RECORDS);
            __builtin_prefetch(bytes + taken + AHEAD_RECORDS);
            __builtin_prefetch(op + taken + AHEAD_RECORDS);
        }
        uint64_t at = iova[taken], number = at >> TILE_LG2;
        const struct tile_view view = shared ? first : views[domains[device[taken]]];
        if (op[taken] > TRACE_READ || bytes[taken] > payload - (at & (payload - 1)) ||
            number >> window_lg2 != view.number || !view.ids)
            break;
        uint32_t id = view.ids[number & ((1u << window_lg2) - 1)];
        if (id == 0)
            break;
        uint32_t page_number = (uint32_t)(at >> PAGE_LG2);
        key[taken] = (id - 1) << (TILE_PAGES_LG2 + 1) | (page_number & (TILE_PAGES - 1)) << 1 |
                     (op[taken] == TRACE_WRITE);
        page[taken] = page_number;
    }
    return taken;
}

static size_t split_simple(struct request_cursor *cursor, const struct trace_batch *batch, size_t room,
                           struct requests *piece, size_t n)
{
    const uint32_t base = (uint32_t)piece->count;
    if (cursor->done != 0)
        return 0;
    size_t taken = cursor->domain_of ? split_simple_in(cursor, batch, room, piece, false)
                                     : split_simple_in(cursor, batch, room, piece, true);
    if (!piece->one_each)
        for (size_t i = 0; i < taken; i++)
            piece->first[n + i] = base + (uint32_t)i;
    cursor->record += taken;
    piece->count += taken;
    return taken;
}

/* A record that count_accesses takes for a read and that is none. */
static void count_other(struct volume *volume, enum trace_op op, uint64_t bytes)
{
    volume->reads--;
    volume->read_bytes -= bytes;
    volume->maps += op == TRACE_MAP || op == TRACE_MAP_RO;
    volume->unmaps += op == TRACE_UNMAP;
    volume->translates += op == TRACE_TRANSLATE || op == TRACE_TRANSLATE_W;
    volume->marks += op == TRACE_MARK;
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
    if (op <= TRACE_READ || (cursor->ats && (op == TRACE_TRANSLATE || op == TRACE_TRANSLATE_W))) {
        if (!split_access(cursor, batch, r, piece, error)) {
            piece->unfinished = true;
            return false;
        }
    } else if (op == TRACE_MARK) {
        piece->marks[piece->mark_count++] = (uint32_t)n;
    } else if (op == TRACE_MAP || op == TRACE_MAP_RO || op == TRACE_UNMAP) {
        __builtin_prefetch(&batch->address[r + AHEAD_RECORDS]); /* nobody else reads that column */
        piece->tables[piece->table_count++] =
            (struct table_record){.record = (uint32_t)n,
                                  .domain = domain_of(cursor, batch->device[r]),
                                  .op = op,
                                  .iova = batch->iova[r],
                                  .bytes = batch->bytes[r],
                                  .address = batch->address[r]};
    }
    if (op > TRACE_READ)
        count_other(&piece->volume, op, batch->bytes[r]);
    cursor->record++;
    return true;
}

struct volume requests_volume(const struct requests *piece, size_t records)
{
    struct volume volume = {0};
    count_accesses(&volume, piece->op, piece->bytes, records);
    for (size_t i = 0; i < records; i++)
        if (piece->op[i] > TRACE_READ)
            count_other(&volume, piece->op[i], piece->bytes[i]);
    return volume;
}

static void keep_columns(struct requests *piece, size_t records)
{
    memcpy(piece->time_copy, piece->time_ns, records * sizeof *piece->time_ns);
    memcpy(piece->bytes_copy, piece->bytes, records * sizeof *piece->bytes);
    memcpy(piece->op_copy, piece->op, records * sizeof *piece->op);
    piece->time_ns = piece->time_copy;
    piece->bytes = piece->bytes_copy;
    piece->op = piece->op_copy;
}

/* Device and op of every request, as far as somebody asks. */
static void tell_requests(const struct request_cursor *cursor, struct requests *piece, const uint16_t *device,
                          const uint8_t *op)
{
    bool copies = !piece->one_each || !cursor->stable;
    for (size_t r = 0; copies && r < piece->record_count; r++)
        for (size_t i = requests_first(piece, r), end = requests_first(piece, r + 1); i < end; i++) {
            piece->device_copy[i] = device[r];
            piece->request_op_copy[i] = op[r];
        }
    piece->device = copies ? piece->device_copy : device;
    piece->request_op = !cursor->ats ? NULL : copies ? piece->request_op_copy : op;
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
    count_accesses(&piece->volume, batch->op + start, batch->bytes + start, n - piece->unfinished);
    piece->first_record = batch->first_record + start;
    piece->time_ns = batch->time_ns + start;
    piece->bytes = batch->bytes + start;
    piece->op = batch->op + start;
    if (!cursor->stable)
        keep_columns(piece, n);
    piece->first[n] = (uint32_t)piece->count;
    piece->record_count = n;
    piece->device = NULL;
    piece->request_op = NULL;
    if (cursor->wants_devices)
        tell_requests(cursor, piece, batch->device + start, batch->op + start);
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
