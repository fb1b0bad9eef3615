/* Splitting records into requests against the letter of semantics.md 2: devices and domains, every op,
 * records that span pieces, pieces of any length. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/engine/requests.h"

enum { RECORDS = 3000, BATCHES = 3, DEVICES = 5, TOUCHED_MAX = 4000 };

struct records {
    uint64_t time_ns[RECORDS], iova[RECORDS], bytes[RECORDS], address[RECORDS];
    uint16_t device[RECORDS];
    uint8_t op[RECORDS];
};

/* Where the plain splitting of the whole trace stands. */
struct expected {
    const struct records *records;
    const uint32_t *domain_of;
    uint64_t payload;
    size_t record;
    uint64_t done; /* bytes of it */
    struct tile_name touched[TOUCHED_MAX];
    size_t touched_count;
};

static void make_records(struct records *records, uint64_t *rng)
{
    for (size_t i = 0; i < RECORDS; i++) {
        uint64_t bits = rng_next(rng), kind = bits % 200;
        records->time_ns[i] = i;
        records->device[i] = (uint16_t)((bits >> 8) % DEVICES * (bits >> 16 & 1));
        records->iova[i] = (bits >> 20) % (UINT64_C(64) << 20);
        records->bytes[i] = 1 + (bits >> 50) % 300;
        records->op[i] = bits >> 19 & 1 ? TRACE_READ : TRACE_WRITE;
        records->address[i] = bits >> 12;
        if (kind == 0) /* more requests than a piece takes, with small payloads */
            records->bytes[i] = (bits >> 40) % (UINT64_C(6) << 20) + 1;
        else if (kind < 10)
            records->bytes[i] = 8192 + (bits >> 44) % 8192;
        else if (kind < 40)
            records->op[i] = (uint8_t)(TRACE_READ + 1 + (bits >> 60) % (TRACE_MARK - TRACE_READ));
        if (kind == 11)
            records->iova[i] = UINT64_MAX - records->bytes[i] + 1;
    }
}

static uint32_t domain_of(const struct expected *expected, size_t record)
{
    return expected->domain_of ? expected->domain_of[expected->records->device[record]] : 0;
}

/* The tile of the next request: known, or the next new one of the piece. */
static uint32_t tile_of(struct expected *expected, const struct requests *piece, size_t *new_at,
                        uint64_t number, uint32_t domain)
{
    size_t id = 0;
    while (id < expected->touched_count &&
           (expected->touched[id].number != number || expected->touched[id].domain != domain))
        id++;
    if (id < expected->touched_count)
        return (uint32_t)id;
    cr_assert_lt(*new_at, piece->new_tile_count);
    cr_assert(piece->new_tiles[*new_at].number == number && piece->new_tiles[*new_at].domain == domain);
    (*new_at)++;
    cr_assert_lt(expected->touched_count, TOUCHED_MAX);
    expected->touched[expected->touched_count++] = (struct tile_name){number, domain};
    return (uint32_t)id;
}

/* The next request of an access. */
static void expect_request(struct expected *expected, const struct requests *piece, size_t at, size_t *new_at)
{
    const struct records *records = expected->records;
    size_t r = expected->record;
    uint64_t address = records->iova[r] + expected->done, left = records->bytes[r] - expected->done;
    uint64_t room = expected->payload - address % expected->payload;
    uint32_t tile = tile_of(expected, piece, new_at, address >> TILE_LG2, domain_of(expected, r));
    uint32_t page = tile << TILE_PAGES_LG2 | (uint32_t)(address >> PAGE_LG2 & (TILE_PAGES - 1));
    cr_assert_eq(piece->key[at], page << 1 | (records->op[r] == TRACE_WRITE));
    cr_assert_eq(piece->page[at], (uint32_t)(address >> PAGE_LG2));
    expected->done += room < left ? room : left;
}

static void count(struct volume *volume, enum trace_op op, uint64_t bytes)
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

static void expect_table(const struct expected *expected, const struct table_record *table, size_t n)
{
    const struct records *records = expected->records;
    size_t r = expected->record;
    cr_assert(table->record == n && table->domain == domain_of(expected, r) && table->op == records->op[r]);
    cr_assert(table->iova == records->iova[r] && table->bytes == records->bytes[r] &&
              table->address == records->address[r]);
}

static void expect_piece(struct expected *expected, const struct requests *piece)
{
    const struct records *records = expected->records;
    struct volume volume = {0};
    size_t marks = 0, tables = 0, new_tiles = 0;
    cr_assert_eq(piece->first_record, expected->record);
    cr_assert_eq(piece->continued, expected->done > 0);
    for (size_t n = 0; n < piece->record_count; n++) {
        size_t r = expected->record, at = requests_first(piece, n), end = requests_first(piece, n + 1);
        bool access = records->op[r] <= TRACE_READ, last = n + 1 == piece->record_count;
        cr_assert_eq(piece->time_ns[n], records->time_ns[r]);
        for (; at < end; at++)
            expect_request(expected, piece, at, &new_tiles);
        bool whole = !access || expected->done == records->bytes[r];
        cr_assert_eq(whole, !(last && piece->unfinished), "record %zu", r);
        if (!whole) {
            cr_assert_eq(piece->count, REQUESTS_MAX);
            break;
        }
        if (records->op[r] == TRACE_MARK)
            cr_assert_eq(piece->marks[marks++], n);
        else if (records->op[r] == TRACE_MAP || records->op[r] == TRACE_MAP_RO ||
                 records->op[r] == TRACE_UNMAP)
            expect_table(expected, &piece->tables[tables++], n);
        count(&volume, records->op[r], records->bytes[r]);
        expected->record++;
        expected->done = 0;
    }
    cr_assert(piece->mark_count == marks && piece->table_count == tables &&
              piece->new_tile_count == new_tiles);
    cr_assert_eq(piece->count, requests_first(piece, piece->record_count));
    cr_assert_eq(memcmp(&piece->volume, &volume, sizeof volume), 0);
}

static void split_all(uint64_t payload, bool per_device, bool stable, uint64_t seed)
{
    static struct records records;
    static struct requests piece;
    static struct expected expected;
    static uint32_t domains[TRACE_DEVICES];
    struct error error = {0};
    uint64_t rng = seed;
    struct request_cursor cursor = {.max_payload_bytes = payload, .stable = stable};
    for (uint32_t d = 0; d < DEVICES; d++)
        domains[d] = (d * 2 + 1) % DEVICES;
    cursor.domain_of = per_device ? domains : NULL;
    make_records(&records, &rng);
    expected = (struct expected){.records = &records, .domain_of = cursor.domain_of, .payload = payload};
    cr_assert(tile_index_init(&cursor.tiles, per_device ? DEVICES : 1, &error));
    for (size_t b = 0; b < BATCHES; b++) {
        size_t from = RECORDS * b / BATCHES, to = RECORDS * (b + 1) / BATCHES;
        struct trace_batch batch = {to - from,
                                    from,
                                    records.time_ns + from,
                                    records.iova + from,
                                    records.bytes + from,
                                    records.address + from,
                                    records.device + from,
                                    records.op + from};
        while (requests_split(&cursor, &batch,
                              rng_next(&rng) % 5 ? TRACE_BATCH_RECORDS : 1 + rng_next(&rng) % 50, &piece,
                              &error)) {
            cr_assert_gt(piece.record_count, 0);
            expect_piece(&expected, &piece);
        }
        cr_assert_eq(error.kind, ERROR_NONE);
        cr_assert_eq(expected.record, to);
    }
    tile_index_free(&cursor.tiles);
}

Test(requests, split_by_the_letter)
{
    for (uint64_t payload = 128; payload <= 4096; payload *= 2)
        for (unsigned how = 0; how < 4; how++)
            split_all(payload, how & 1, how & 2, payload + how);
    cr_assert_eq(memory_used(), 0);
}
