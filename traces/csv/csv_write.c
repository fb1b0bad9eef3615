/* CSV traces as this program writes them: PCI addresses for devices, hexadecimal addresses, decimal times and
 * sizes, one header, no comments (interface.md 3). */
#include <string.h>

#include "sim/base/memory.h"
#include "traces/file/gz_write.h"
#include "traces/file/writer.h"

static const char header[] = "time_ns,device,op,iova,bytes,address\n";

enum {
    TEXT_BYTES = 64 * 1024,
    LINE_BYTES_LIMIT = 128, /* 20 + 7 + 11 + 18 + 20 + 18 and the commas are less */
};

struct csv_writer {
    struct gz_writer *out;
    char text[TEXT_BYTES];
};

static inline char *put_decimal(char *at, uint64_t value)
{
    char digits[20];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

static const char hex_digits[] = "0123456789abcdef";

static inline char *put_hex(char *at, uint64_t value)
{
    unsigned digits = value ? (67U - (unsigned)__builtin_clzll(value)) / 4 : 1;
    *at++ = '0';
    *at++ = 'x';
    for (unsigned i = digits; i > 0; i--)
        *at++ = hex_digits[value >> 4 * (i - 1) & 0xf];
    return at;
}

/* bb:dd.f */
static inline char *put_device(char *at, uint16_t device)
{
    *at++ = hex_digits[device >> 12];
    *at++ = hex_digits[device >> 8 & 0xf];
    *at++ = ':';
    *at++ = hex_digits[device >> 7 & 0x1];
    *at++ = hex_digits[device >> 3 & 0xf];
    *at++ = '.';
    *at++ = hex_digits[device & 0x7];
    return at;
}

static char *put_record(char *at, const struct trace_batch *batch, size_t i)
{
    uint8_t op = batch->op[i];
    at = put_decimal(at, batch->time_ns[i]);
    *at++ = ',';
    at = put_device(at, batch->device[i]);
    *at++ = ',';
    for (const char *name = trace_op_names[op]; *name; name++)
        *at++ = *name;
    *at++ = ',';
    at = put_hex(at, batch->iova[i]);
    *at++ = ',';
    at = put_decimal(at, batch->bytes[i]);
    *at++ = ',';
    if (op == TRACE_MAP || op == TRACE_MAP_RO)
        at = put_hex(at, batch->address[i]);
    *at++ = '\n';
    return at;
}

static bool csv_writer_open(const char *path, bool gzip, void **state, struct error *error)
{
    struct csv_writer *csv = memory_zeroed(1, sizeof *csv, error);
    if (!csv)
        return false;
    if (!gz_writer_open(path, gzip, &csv->out, error)) {
        memory_free(csv);
        return false;
    }
    if (!gz_writer_put(csv->out, header, strlen(header), error)) {
        gz_writer_abandon(csv->out);
        memory_free(csv);
        return false;
    }
    *state = csv;
    return true;
}

static bool open_plain(const char *path, void **state, struct error *error)
{
    return csv_writer_open(path, false, state, error);
}

static bool open_gzip(const char *path, void **state, struct error *error)
{
    return csv_writer_open(path, true, state, error);
}

static bool csv_writer_add(void *state, const struct trace_batch *batch, struct error *error)
{
    struct csv_writer *csv = state;
    char *at = csv->text;
    for (size_t i = 0; i < batch->count; i++) {
        at = put_record(at, batch, i);
        if (at - csv->text > TEXT_BYTES - LINE_BYTES_LIMIT) {
            if (!gz_writer_put(csv->out, csv->text, (size_t)(at - csv->text), error))
                return false;
            at = csv->text;
        }
    }
    return gz_writer_put(csv->out, csv->text, (size_t)(at - csv->text), error);
}

static bool csv_writer_close(void *state, const char *provenance, struct error *error)
{
    (void)provenance;
    struct csv_writer *csv = state;
    bool good = gz_writer_close(csv->out, error);
    memory_free(csv);
    return good;
}

static void csv_writer_abandon(void *state)
{
    struct csv_writer *csv = state;
    gz_writer_abandon(csv->out);
    memory_free(csv);
}

const struct trace_writer_format trace_writer_csv = {
    .name = "csv",
    .suffix = ".csv",
    .open = open_plain,
    .add = csv_writer_add,
    .close = csv_writer_close,
    .abandon = csv_writer_abandon,
};

const struct trace_writer_format trace_writer_csv_gz = {
    .name = "csv.gz",
    .suffix = ".csv.gz",
    .open = open_gzip,
    .add = csv_writer_add,
    .close = csv_writer_close,
    .abandon = csv_writer_abandon,
};
