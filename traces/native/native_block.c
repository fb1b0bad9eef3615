/* Decoding a block (FORMAT.md, "Block payload"). All checks are made when it is opened, so that the loops
 * behind have none. */
#include "traces/native/native_block.h"

#include <assert.h>
#include <string.h>

enum { OPEN_ADDRESS = 4, OPEN_KNOWN = NATIVE_OPEN_BYTES | NATIVE_OPEN_DEVICE };

static bool corrupt(struct error *error, const char *what)
{
    return error_set(error, ERROR_TRACE,
                     "error: the block contradicts itself (%s); make or copy the file again", what);
}

static bool newer(struct error *error, const char *what)
{
    return error_set(error, ERROR_TRACE,
                     "error: the block has %s, which this version does not know; use a newer one", what);
}

static inline uint64_t unzigzag(uint64_t value)
{
    return (value >> 1) ^ (0 - (value & 1));
}

/* ---- opening ---- */

static bool inside(uint64_t at, uint64_t bytes, size_t payload_bytes)
{
    return at <= payload_bytes && bytes <= payload_bytes - at;
}

/* Bytes of data that the control bytes ask for. */
static uint64_t data_bytes(const struct native_column *column)
{
    uint16_t sum[256];
    for (unsigned c = 0; c < 256; c++)
        sum[c] = (uint16_t)(column->length[c & 3] + column->length[c >> 2 & 3] + column->length[c >> 4 & 3] +
                            column->length[c >> 6]);
    uint64_t total = 0;
    for (uint32_t i = 0; i < column->values / 4; i++)
        total += sum[column->control[i]];
    for (uint32_t i = column->values & ~UINT32_C(3); i < column->values; i++)
        total += column->length[column->control[i / 4] >> i % 4 * 2 & 3];
    return total;
}

static bool open_column(struct native_block *block, const uint8_t *at, const uint8_t *payload,
                        size_t payload_bytes, struct error *error)
{
    uint64_t id = le_get(at, 4);
    if (id == 0 || id >= NATIVE_COLUMN_LIMIT)
        return newer(error, "a column");
    struct native_column *column = &block->column[id];
    if (column->control)
        return corrupt(error, "a column comes twice");
    uint64_t control_at = le_get(at + 12, 4), data_at = le_get(at + 16, 4);
    uint64_t bytes = le_get(at + 20, 4);
    column->values = (uint32_t)le_get(at + 8, 4);
    if (column->values > block->records)
        return corrupt(error, "a column has more values than there are records");
    uint32_t control_bytes = (column->values + 3) / 4;
    if (!inside(control_at, control_bytes, payload_bytes) || !inside(data_at, bytes, payload_bytes))
        return corrupt(error, "a column lies outside");
    for (unsigned i = 0; i < 4; i++) {
        column->length[i] = at[4 + i];
        if (column->length[i] > 8)
            return corrupt(error, "a number has more than 8 bytes");
        column->mask[i] = column->length[i] == 0 ? 0 : UINT64_MAX >> (64 - 8 * column->length[i]);
    }
    column->control = payload + control_at;
    column->data = payload + data_at;
    return data_bytes(column) == bytes || corrupt(error, "a column's numbers do not fill it");
}

static bool open_kinds(struct native_block *block, const uint8_t *at, uint32_t kinds, struct error *error)
{
    for (uint32_t k = 0; k < kinds; k++, at += NATIVE_KIND_BYTES) {
        block->kind_iova[k] = le_get(at, 8);
        block->kind_bytes[k] = le_get(at + 8, 8);
        block->kind_device[k] = (uint16_t)le_get(at + 16, 2);
        block->kind_op[k] = at[18];
        block->kind_open[k] = at[19];
        block->kind_unit[k] = UINT64_C(1) << (at[20] & 63);
        if (block->kind_op[k] >= TRACE_OP_COUNT || (block->kind_open[k] & ~OPEN_KNOWN) != 0 || at[20] > 63 ||
            le_get(at + 21, 3) != 0)
            return newer(error, "a kind of record");
        if (block->kind_op[k] == TRACE_MAP || block->kind_op[k] == TRACE_MAP_RO)
            block->kind_open[k] |= OPEN_ADDRESS;
        block->open |= block->kind_open[k];
    }
    return true;
}

/* The greatest of `count` bytes. The inner loop is one that compilers turn into vector instructions. */
static uint8_t highest(const uint8_t *bytes, size_t count)
{
    enum { LANES = 32 };
    uint8_t lane[LANES] = {0}, result = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] = bytes[i + k] > lane[k] ? bytes[i + k] : lane[k];
    for (; i < count; i++)
        result = bytes[i] > result ? bytes[i] : result;
    for (size_t k = 0; k < LANES; k++)
        result = lane[k] > result ? lane[k] : result;
    return result;
}

/* The kind of every record exists, and the columns have as many values as the kinds ask for. */
static bool check_values(const struct native_block *block, uint32_t kinds, struct error *error)
{
    if (highest(block->kinds, block->records) >= kinds)
        return corrupt(error, "a record's kind does not exist");
    uint32_t values[NATIVE_COLUMN_LIMIT] = {[NATIVE_TIME] = block->records, [NATIVE_IOVA] = block->records};
    for (uint32_t i = 0; block->open != 0 && i < block->records; i++) {
        unsigned open = block->kind_open[block->kinds[i]];
        values[NATIVE_BYTES] += (open & NATIVE_OPEN_BYTES) != 0;
        values[NATIVE_DEVICE] += (open & NATIVE_OPEN_DEVICE) != 0;
        values[NATIVE_ADDRESS] += (open & OPEN_ADDRESS) != 0;
    }
    for (unsigned id = 1; id < NATIVE_COLUMN_LIMIT; id++)
        if (block->column[id].values != values[id])
            return corrupt(error, "a column has the wrong number of values");
    return true;
}

bool native_block_open(struct native_block *block, const uint8_t *payload, size_t bytes, struct error *error)
{
    if (bytes < NATIVE_HEADER_BYTES || bytes > NATIVE_PAYLOAD_BYTES_LIMIT)
        return corrupt(error, "its size");
    block->records = (uint32_t)le_get(payload, 4);
    block->first_record = le_get(payload + 8, 8);
    block->time_ns = le_get(payload + 16, 8);
    block->time_unit_ns = le_get(payload + 24, 8);
    block->done = 0;
    block->open = 0;
    uint32_t kinds = (uint32_t)le_get(payload + 4, 2), columns = payload[6];
    uint64_t kinds_at = le_get(payload + 32, 4);
    if (payload[7] != 0 || le_get(payload + 36, 4) != 0)
        return newer(error, "a property");
    if (block->records == 0 || block->records > NATIVE_BLOCK_RECORDS || kinds == 0 || kinds > NATIVE_KINDS)
        return corrupt(error, "its counts");
    size_t tables = columns * NATIVE_COLUMN_BYTES + kinds * NATIVE_KIND_BYTES;
    if (!inside(NATIVE_HEADER_BYTES, tables, bytes) || !inside(kinds_at, block->records, bytes))
        return corrupt(error, "its tables lie outside");
    memset(block->column, 0, sizeof block->column);
    const uint8_t *at = payload + NATIVE_HEADER_BYTES;
    for (uint32_t i = 0; i < columns; i++, at += NATIVE_COLUMN_BYTES)
        if (!open_column(block, at, payload, bytes, error))
            return false;
    memset(block->kind_offset, 0, sizeof block->kind_offset);
    block->kinds = payload + kinds_at;
    return open_kinds(block, at, kinds, error) && check_values(block, kinds, error);
}

/* ---- records ---- */

/* The next value, whose control bits are the lowest of *control; both cursors move on. */
static inline uint64_t take(const struct native_column *column, unsigned *control, const uint8_t **data)
{
    unsigned code = *control & 3;
    *control >>= 2;
    uint64_t value = le_get(*data, 8) & column->mask[code];
    *data += column->length[code];
    return value;
}

/* The loops over all records: groups of four share a control byte. Batches begin at multiples of four. */
static void decode_times(struct native_block *block, uint64_t *restrict time_ns, size_t count)
{
    const struct native_column column = block->column[NATIVE_TIME];
    const uint8_t *control = column.control, *data = column.data;
    uint64_t now = block->time_ns, unit = block->time_unit_ns;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        unsigned codes = *control++;
        time_ns[i] = now += unit * take(&column, &codes, &data);
        time_ns[i + 1] = now += unit * take(&column, &codes, &data);
        time_ns[i + 2] = now += unit * take(&column, &codes, &data);
        time_ns[i + 3] = now += unit * take(&column, &codes, &data);
    }
    for (unsigned codes = i < count ? *control : 0; i < count; i++)
        time_ns[i] = now += unit * take(&column, &codes, &data);
    block->column[NATIVE_TIME].control = control;
    block->column[NATIVE_TIME].data = data;
    block->time_ns = now;
}

static void decode_iovas(struct native_block *block, struct trace_batch *batch)
{
    const struct native_column column = block->column[NATIVE_IOVA];
    const uint8_t *control = column.control, *data = column.data;
    const uint8_t *restrict kinds = block->kinds;
    const uint64_t *restrict unit = block->kind_unit;
    uint64_t *restrict last = block->kind_iova;
    uint64_t *restrict iova = batch->iova;
    size_t count = batch->count, i = 0;
    for (; i + 4 <= count; i += 4) {
        unsigned codes = *control++;
        for (unsigned k = 0; k < 4; k++) {
            unsigned kind = kinds[i + k];
            iova[i + k] = last[kind] += unzigzag(take(&column, &codes, &data)) * unit[kind];
        }
    }
    for (unsigned codes = i < count ? *control : 0; i < count; i++)
        iova[i] = last[kinds[i]] += unzigzag(take(&column, &codes, &data)) * unit[kinds[i]];
    memcpy(batch->address, iova, count * sizeof *iova);
    block->column[NATIVE_IOVA].control = control;
    block->column[NATIVE_IOVA].data = data;
}

static void decode_kinds(const struct native_block *block, struct trace_batch *batch)
{
    const uint8_t *restrict kinds = block->kinds;
    uint64_t *restrict bytes = batch->bytes;
    uint16_t *restrict device = batch->device;
    uint8_t *restrict op = batch->op;
    for (size_t i = 0; i < batch->count; i++) {
        unsigned kind = kinds[i];
        bytes[i] = block->kind_bytes[kind];
        device[i] = block->kind_device[kind];
        op[i] = block->kind_op[kind];
    }
}

static uint64_t next_value(struct native_column *column)
{
    unsigned codes = (unsigned)*column->control >> column->next % 4 * 2;
    uint64_t value = take(column, &codes, &column->data);
    column->control += ++column->next % 4 == 0;
    return value;
}

/* The columns that only some records have. */
static void decode_open(struct native_block *block, struct trace_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        unsigned kind = block->kinds[i], open = block->kind_open[kind];
        if (open == 0)
            continue;
        if (open & NATIVE_OPEN_BYTES)
            batch->bytes[i] = next_value(&block->column[NATIVE_BYTES]);
        if (open & NATIVE_OPEN_DEVICE)
            batch->device[i] = (uint16_t)next_value(&block->column[NATIVE_DEVICE]);
        if (open & OPEN_ADDRESS) {
            block->kind_offset[kind] += unzigzag(next_value(&block->column[NATIVE_ADDRESS]));
            batch->address[i] = batch->iova[i] + block->kind_offset[kind];
        }
    }
}

void native_block_next(struct native_block *block, struct trace_batch *batch)
{
    uint32_t left = block->records - block->done;
    batch->count = left < TRACE_BATCH_RECORDS ? left : TRACE_BATCH_RECORDS;
    batch->first_record = block->first_record + block->done;
    decode_times(block, batch->time_ns, batch->count);
    decode_iovas(block, batch);
    decode_kinds(block, batch);
    if (block->open != 0)
        decode_open(block, batch);
    block->kinds += batch->count;
    block->done += (uint32_t)batch->count;
}
