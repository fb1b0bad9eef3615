/* Encoding a block (FORMAT.md, "Block payload"). */
#include "traces/native/native_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

enum {
    SLOTS = 4 * NATIVE_BLOCK_RECORDS, /* of the hash table, a power of two */
    PAIR_KINDS_LIMIT = 128,
    OWN_KIND_RECORDS = 8, /* with fewer a kind of its own takes more than an open size in each */
    SMALL_BYTES = 256,    /* of a column that is not looked at: it goes where the others go */
};

/* One (device, op, bytes). */
struct triple {
    uint64_t bytes;
    uint32_t count;
    uint16_t device;
    uint8_t op;
    uint8_t kind;
    bool has_kind;
};

struct kind {
    uint64_t iova, bytes, last_iova, offset;
    uint64_t bits; /* set in any iova difference */
    uint16_t device;
    uint8_t op, open, shift;
    bool used;
};

/* Values on their way into a column. */
struct values {
    uint32_t count;
    uint32_t with_length[9];
    uint8_t length[4];
    uint64_t value[NATIVE_BLOCK_RECORDS];
    size_t control_bytes, data_bytes;
    uint8_t control[NATIVE_BLOCK_RECORDS / 4];
    uint8_t data[NATIVE_BLOCK_RECORDS * 8 + NATIVE_SLACK_BYTES];
};

struct native_encoder {
    uint32_t stamp; /* a slot of another stamp is empty */
    uint32_t slot_stamp[SLOTS];
    uint16_t slot_triple[SLOTS];
    uint32_t triples, kinds;
    struct triple triple[NATIVE_BLOCK_RECORDS];
    uint16_t by_count[NATIVE_BLOCK_RECORDS];
    uint16_t triple_of[NATIVE_BLOCK_RECORDS];
    uint8_t kind_of[NATIVE_BLOCK_RECORDS];
    struct kind kind[NATIVE_KINDS];
    struct values column[NATIVE_COLUMN_LIMIT];
    uint32_t seen[8192]; /* strings, by their hash */
    uint8_t payload[NATIVE_PAYLOAD_BYTES_LIMIT];
};

bool native_encoder_new(struct native_encoder **encoder, struct error *error)
{
    *encoder = memory_zeroed(1, sizeof **encoder, error);
    return *encoder != NULL;
}

void native_encoder_free(struct native_encoder *encoder)
{
    memory_free(encoder);
}

/* ---- kinds ---- */

static uint16_t find_triple(struct native_encoder *e, uint64_t bytes, uint16_t device, uint8_t op)
{
    uint64_t hash = (bytes ^ (uint64_t)device << 40 ^ (uint64_t)op << 59) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t slot = (uint32_t)(hash >> 40) % SLOTS;; slot = (slot + 1) % SLOTS) {
        if (e->slot_stamp[slot] != e->stamp) {
            e->slot_stamp[slot] = e->stamp;
            e->slot_triple[slot] = (uint16_t)e->triples;
            e->triple[e->triples] = (struct triple){.bytes = bytes, .device = device, .op = op};
            return (uint16_t)e->triples++;
        }
        const struct triple *triple = &e->triple[e->slot_triple[slot]];
        if (triple->bytes == bytes && triple->device == device && triple->op == op)
            return e->slot_triple[slot];
    }
}

static void find_triples(struct native_encoder *e, const struct native_records *r)
{
    e->triples = 0;
    if (++e->stamp == 0) {
        memset(e->slot_stamp, 0, sizeof e->slot_stamp);
        e->stamp = 1;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        e->triple_of[i] = find_triple(e, r->bytes[i], r->device[i], r->op[i]);
        e->triple[e->triple_of[i]].count++;
    }
}

static uint8_t add_kind(struct native_encoder *e, const struct triple *triple, uint8_t open)
{
    assert(e->kinds < NATIVE_KINDS);
    e->kind[e->kinds] = (struct kind){.bytes = open & NATIVE_OPEN_BYTES ? 0 : triple->bytes,
                                      .device = open & NATIVE_OPEN_DEVICE ? 0 : triple->device,
                                      .op = triple->op,
                                      .open = open};
    return (uint8_t)e->kinds++;
}

/* The kind for a triple that has none of its own; a new one if need be. */
static uint8_t open_kind(struct native_encoder *e, const struct triple *triple, uint8_t open,
                         uint32_t first_open)
{
    for (uint32_t k = first_open; k < e->kinds; k++)
        if (e->kind[k].op == triple->op && (open & NATIVE_OPEN_DEVICE || e->kind[k].device == triple->device))
            return (uint8_t)k;
    return add_kind(e, triple, open);
}

/* Distinct (device, op), counted up to the limit. */
static uint32_t count_pairs(const struct native_encoder *e)
{
    uint32_t pairs = 0;
    uint16_t device[PAIR_KINDS_LIMIT];
    uint8_t op[PAIR_KINDS_LIMIT];
    for (uint32_t t = 0; t < e->triples && pairs < PAIR_KINDS_LIMIT; t++) {
        uint32_t p = 0;
        while (p < pairs && (device[p] != e->triple[t].device || op[p] != e->triple[t].op))
            p++;
        device[p] = e->triple[t].device;
        op[p] = e->triple[t].op;
        pairs += p == pairs;
    }
    return pairs;
}

/* The triples by falling count, those of the same count in order of appearance. A counting sort: no count
 * passes NATIVE_BLOCK_RECORDS. */
static void sort_triples(struct native_encoder *e)
{
    uint32_t *start = e->slot_stamp; /* empty after this; the stamps begin again */
    static_assert(SLOTS > NATIVE_BLOCK_RECORDS + 1, "room to count in");
    memset(e->slot_stamp, 0, sizeof e->slot_stamp);
    e->stamp = 0;
    for (uint32_t t = 0; t < e->triples; t++)
        start[NATIVE_BLOCK_RECORDS - e->triple[t].count + 1]++;
    for (uint32_t i = 1; i <= NATIVE_BLOCK_RECORDS; i++)
        start[i] += start[i - 1];
    for (uint32_t t = 0; t < e->triples; t++)
        e->by_count[start[NATIVE_BLOCK_RECORDS - e->triple[t].count]++] = (uint16_t)t;
    memset(e->slot_stamp, 0, sizeof e->slot_stamp);
}

/* Every triple is a kind while there are few. Else the frequent ones are, and the others share one kind for
 * each (device, op) that leaves the size open or, with many of those, for each op that leaves both open. */
static void make_kinds(struct native_encoder *e, const struct native_records *r)
{
    find_triples(e, r);
    e->kinds = 0;
    uint32_t own;
    uint8_t open = 0;
    if (e->triples <= NATIVE_KINDS) {
        for (uint32_t t = 0; t < e->triples; t++)
            e->triple[t].kind = add_kind(e, &e->triple[t], 0);
    } else {
        uint32_t pairs = count_pairs(e);
        open = pairs < PAIR_KINDS_LIMIT ? NATIVE_OPEN_BYTES : NATIVE_OPEN_BYTES | NATIVE_OPEN_DEVICE;
        own = NATIVE_KINDS - (pairs < PAIR_KINDS_LIMIT ? pairs : TRACE_OP_COUNT);
        sort_triples(e);
        while (own > 0 && e->triple[e->by_count[own - 1]].count < OWN_KIND_RECORDS)
            own--;
        for (uint32_t i = 0; i < own; i++) {
            struct triple *triple = &e->triple[e->by_count[i]];
            triple->kind = add_kind(e, triple, 0);
        }
        for (uint32_t i = own; i < e->triples; i++) {
            struct triple *triple = &e->triple[e->by_count[i]];
            triple->kind = open_kind(e, triple, open, own);
        }
    }
    for (uint32_t i = 0; i < r->count; i++)
        e->kind_of[i] = e->triple[e->triple_of[i]].kind;
}

/* ---- columns ---- */

static uint64_t zigzag(uint64_t difference)
{
    return difference << 1 ^ (0 - (difference >> 63));
}

static uint64_t zigzag_shifted(uint64_t difference, unsigned shift)
{
    uint64_t sign = 0 - (difference >> 63);
    uint64_t shifted = difference >> shift | (shift > 0 ? sign << (64 - shift) : 0);
    return zigzag(shifted);
}

static unsigned bytes_of(uint64_t value)
{
    return value == 0 ? 0 : (71U - (unsigned)__builtin_clzll(value)) / 8;
}

static void add_value(struct values *values, uint64_t value)
{
    values->value[values->count++] = value;
    values->with_length[bytes_of(value)]++;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The greatest number of which all time differences are multiples. */
static uint64_t time_unit(const struct native_records *r)
{
    uint64_t unit = 0;
    for (uint32_t i = 1; i < r->count && unit != 1; i++)
        unit = greatest_common_divisor(r->time_ns[i] - r->time_ns[i - 1], unit);
    return unit == 0 ? 1 : unit;
}

/* Where each kind begins, and the low bits in which its iovas never differ. */
static void find_shifts(struct native_encoder *e, const struct native_records *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct kind *kind = &e->kind[e->kind_of[i]];
        if (!kind->used)
            kind->iova = kind->last_iova = r->iova[i];
        kind->used = true;
        kind->bits |= r->iova[i] ^ kind->iova;
    }
    for (uint32_t k = 0; k < e->kinds; k++)
        e->kind[k].shift = e->kind[k].bits == 0 ? 0 : (uint8_t)__builtin_ctzll(e->kind[k].bits);
}

static void collect(struct native_encoder *e, const struct native_records *r, uint64_t unit)
{
    for (unsigned id = 1; id < NATIVE_COLUMN_LIMIT; id++) {
        e->column[id].count = 0;
        memset(e->column[id].with_length, 0, sizeof e->column[id].with_length);
    }
    for (uint32_t i = 0; i < r->count; i++) {
        struct kind *kind = &e->kind[e->kind_of[i]];
        uint64_t passed = i == 0 ? 0 : r->time_ns[i] - r->time_ns[i - 1];
        add_value(&e->column[NATIVE_TIME], unit == 1 ? passed : passed / unit);
        add_value(&e->column[NATIVE_IOVA], zigzag_shifted(r->iova[i] - kind->last_iova, kind->shift));
        kind->last_iova = r->iova[i];
        if (kind->open & NATIVE_OPEN_BYTES)
            add_value(&e->column[NATIVE_BYTES], r->bytes[i]);
        if (kind->open & NATIVE_OPEN_DEVICE)
            add_value(&e->column[NATIVE_DEVICE], r->device[i]);
        if (kind->op == TRACE_MAP || kind->op == TRACE_MAP_RO) {
            uint64_t offset = r->address[i] - r->iova[i];
            add_value(&e->column[NATIVE_ADDRESS], zigzag(offset - kind->offset));
            kind->offset = offset;
        }
    }
}

/* The four lengths that store the values in the fewest bytes; the last is the greatest needed. */
static void choose_lengths(struct values *values)
{
    unsigned longest = 8;
    while (longest > 0 && values->with_length[longest] == 0)
        longest--;
    uint64_t best = UINT64_MAX;
    for (unsigned a = 0; a <= longest; a++)
        for (unsigned b = a; b <= longest; b++)
            for (unsigned c = b; c <= longest; c++) {
                uint64_t total = 0;
                for (unsigned n = 0; n <= longest; n++)
                    total += (uint64_t)values->with_length[n] * (n <= a   ? a
                                                                 : n <= b ? b
                                                                 : n <= c ? c
                                                                          : longest);
                if (total < best) {
                    best = total;
                    values->length[0] = (uint8_t)a;
                    values->length[1] = (uint8_t)b;
                    values->length[2] = (uint8_t)c;
                    values->length[3] = (uint8_t)longest;
                }
            }
}

static void pack(struct values *values)
{
    choose_lengths(values);
    uint8_t code_of[9], *data = values->data;
    for (unsigned n = 0; n <= 8; n++) {
        unsigned code = 0;
        while (code < 3 && values->length[code] < n)
            code++;
        code_of[n] = (uint8_t)code;
    }
    memset(values->control, 0, sizeof values->control);
    for (uint32_t i = 0; i < values->count; i++) {
        unsigned code = code_of[bytes_of(values->value[i])];
        values->control[i / 4] |= (uint8_t)(code << i % 4 * 2);
        le_put(data, 8, values->value[i]);
        data += values->length[code];
    }
    values->control_bytes = (values->count + 3) / 4;
    values->data_bytes = (size_t)(data - values->data);
}

/* ---- the payload ---- */

struct output {
    uint8_t *payload;
    size_t used;
};

static uint32_t append(struct output *output, const uint8_t *data, size_t bytes)
{
    assert(bytes <= NATIVE_PAYLOAD_BYTES_LIMIT - output->used);
    size_t at = output->used;
    memcpy(output->payload + at, data, bytes);
    output->used += bytes;
    return (uint32_t)at;
}

static void put_kinds(uint8_t *at, const struct native_encoder *e)
{
    for (uint32_t k = 0; k < e->kinds; k++, at += NATIVE_KIND_BYTES) {
        le_put(at, 8, e->kind[k].iova);
        le_put(at + 8, 8, e->kind[k].bytes);
        le_put(at + 16, 2, e->kind[k].device);
        at[18] = e->kind[k].op;
        at[19] = e->kind[k].open;
        at[20] = e->kind[k].shift;
        le_put(at + 21, 3, 0);
    }
}

/* What `sum` bytes of which `count` are the same take by their frequency alone, in 1/256 bits each. */
static uint32_t bits_of(uint32_t count, uint32_t sum)
{
    /* log2 of sum / count: the fraction by squaring. */
    uint64_t ratio = ((uint64_t)sum << 32) / count;
    unsigned whole = 63U - (unsigned)__builtin_clzll(ratio) - 32;
    uint32_t bits = whole;
    ratio >>= whole;
    for (unsigned i = 0; i < 8; i++) {
        ratio = (ratio >> 1) * (ratio >> 1) >> 30;
        bits = bits << 1 | (uint32_t)(ratio >> 33);
        ratio >>= ratio >> 33;
    }
    return bits;
}

/* Whether deflating saves an eighth: by the frequency of the bytes, or because strings of them come again.
 * Decided here and not by trying, so that the payload does not depend on the library that deflates. */
static bool shrinks(struct native_encoder *e, const uint8_t *data, size_t bytes)
{
    enum { STRING_BYTES = 4, SEEN = 8192 };
    uint32_t with_value[256] = {0};
    for (size_t i = 0; i < bytes; i++)
        with_value[data[i]]++;
    uint64_t bits = 0;
    for (unsigned v = 0; v < 256; v++)
        bits += with_value[v] == 0 ? 0 : (uint64_t)with_value[v] * bits_of(with_value[v], (uint32_t)bytes);
    if (bits / 256 < bytes * 7)
        return true;
    size_t repeated = 0;
    memset(e->seen, 0, sizeof e->seen);
    for (size_t i = 0; i + STRING_BYTES <= bytes;) {
        uint32_t string = (uint32_t)le_get(data + i, STRING_BYTES);
        uint32_t *seen = &e->seen[string * UINT32_C(0x9e3779b1) >> 19];
        bool again = *seen == string;
        *seen = string;
        repeated += again ? STRING_BYTES : 0;
        i += again ? STRING_BYTES : 1;
    }
    static_assert(sizeof e->seen / sizeof *e->seen == SEEN && SEEN == 1 << (32 - 19), "the hash fits");
    return repeated > bytes / 4;
}

/* The data of the columns, those that do not shrink first; returns where they end, or 0. */
static size_t append_data(struct native_encoder *e, struct output *output,
                          uint8_t *const column_at[NATIVE_COLUMN_LIMIT])
{
    size_t incompressible = 0;
    bool stored[NATIVE_COLUMN_LIMIT] = {0};
    for (unsigned round = 0; round < 2; round++)
        for (unsigned id = 1; id < NATIVE_COLUMN_LIMIT; id++) {
            const struct values *column = &e->column[id];
            if (!column_at[id])
                continue;
            if (round == 0)
                stored[id] =
                    column->data_bytes >= SMALL_BYTES && !shrinks(e, column->data, column->data_bytes);
            if (stored[id] != (round == 0))
                continue;
            le_put(column_at[id] + 16, 4, append(output, column->data, column->data_bytes));
            if (round == 0)
                incompressible = output->used;
        }
    return incompressible;
}

const uint8_t *native_block_encode(struct native_encoder *e, const struct native_records *r,
                                   uint64_t first_record, size_t *payload_bytes, size_t *incompressible)
{
    assert(r->count > 0 && r->count <= NATIVE_BLOCK_RECORDS);
    uint64_t unit = time_unit(r);
    make_kinds(e, r);
    find_shifts(e, r);
    collect(e, r, unit);
    struct output output = {.payload = e->payload, .used = NATIVE_HEADER_BYTES};
    uint8_t *column_at[NATIVE_COLUMN_LIMIT] = {0}, columns = 0;
    for (unsigned id = 1; id < NATIVE_COLUMN_LIMIT; id++) {
        if (e->column[id].count == 0)
            continue;
        pack(&e->column[id]);
        column_at[id] = e->payload + output.used;
        output.used += NATIVE_COLUMN_BYTES;
        columns++;
    }
    put_kinds(e->payload + output.used, e);
    output.used += e->kinds * NATIVE_KIND_BYTES;
    *incompressible = append_data(e, &output, column_at);
    for (unsigned id = 1; id < NATIVE_COLUMN_LIMIT; id++) {
        const struct values *column = &e->column[id];
        uint8_t *at = column_at[id];
        if (!at)
            continue;
        le_put(at, 4, id);
        memcpy(at + 4, column->length, 4);
        le_put(at + 8, 4, column->count);
        le_put(at + 12, 4, append(&output, column->control, column->control_bytes));
        le_put(at + 20, 4, column->data_bytes);
    }
    le_put(e->payload, 4, r->count);
    le_put(e->payload + 4, 2, e->kinds);
    e->payload[6] = columns;
    e->payload[7] = 0;
    le_put(e->payload + 8, 8, first_record);
    le_put(e->payload + 16, 8, r->time_ns[0]);
    le_put(e->payload + 24, 8, unit);
    le_put(e->payload + 32, 4, append(&output, e->kind_of, r->count));
    le_put(e->payload + 36, 4, 0);
    *payload_bytes = output.used;
    return e->payload;
}
