#include "traces/native/native_gzip.h"

#include <assert.h>
#include <string.h>

#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#define ZLIB_CONST
#include <zlib.h>
#endif

#include "sim/base/memory.h"
#include "traces/native/native_block.h"

enum {
    LEVEL = 6,
    QUICK_LEVEL = 1,            /* of random records, whose payload has nothing to search for */
    STORED_BYTES_LIMIT = 65535, /* of one stored deflate block */
    STORED_HEADER_BYTES = 5,
    FIELD_BYTES = 20,
    SAVING = 8,           /* deflate must save one part in so many */
    DEFLATED_BYTES = 512, /* less is stored: nothing to gain, and small files are the same everywhere */
    HEADER_CRC_AT = NATIVE_MEMBER_HEADER_BYTES - 2,
};

/* FEXTRA and FHCRC, no time, no level, no system: then the extra field with its id and size. */
static const uint8_t fixed_header[] = {0x1f, 0x8b, 8,   6,           0, 0, 0, 0, 0, 255, FIELD_BYTES + 4,
                                       0,    'D',  'W', FIELD_BYTES, 0};

/* ---- the two libraries ---- */

#ifdef HAVE_LIBDEFLATE

struct deflater {
    struct libdeflate_compressor *compressor, *quick;
};

struct inflater {
    struct libdeflate_decompressor *decompressor;
};

static uint32_t checksum(const uint8_t *data, size_t bytes)
{
    return libdeflate_crc32(0, data, bytes);
}

static bool deflater_begin(struct deflater *deflater)
{
    deflater->compressor = libdeflate_alloc_compressor(LEVEL);
    deflater->quick = libdeflate_alloc_compressor(QUICK_LEVEL);
    return deflater->compressor && deflater->quick;
}

static void deflater_end(struct deflater *deflater)
{
    if (deflater->compressor)
        libdeflate_free_compressor(deflater->compressor);
    if (deflater->quick)
        libdeflate_free_compressor(deflater->quick);
}

/* Bytes written, or 0 if there is not enough room. */
static size_t deflate_all(struct deflater *deflater, const uint8_t *data, size_t bytes, uint8_t *out,
                          size_t room, bool quick)
{
    return libdeflate_deflate_compress(quick ? deflater->quick : deflater->compressor, data, bytes, out,
                                       room);
}

static bool inflater_begin(struct inflater *inflater)
{
    inflater->decompressor = libdeflate_alloc_decompressor();
    return inflater->decompressor != NULL;
}

static void inflater_end(struct inflater *inflater)
{
    libdeflate_free_decompressor(inflater->decompressor);
}

/* Whether `data` is one deflate stream of exactly `out_bytes` bytes. */
static bool inflate_all(struct inflater *inflater, const uint8_t *data, size_t bytes, uint8_t *out,
                        size_t out_bytes)
{
    size_t used = 0;
    return libdeflate_deflate_decompress_ex(inflater->decompressor, data, bytes, out, out_bytes, &used,
                                            NULL) == LIBDEFLATE_SUCCESS &&
           used == bytes;
}

#else

struct deflater {
    z_stream stream;
};

struct inflater {
    z_stream stream;
};

static uint32_t checksum(const uint8_t *data, size_t bytes)
{
    return (uint32_t)crc32_z(0, data, bytes);
}

static bool deflater_begin(struct deflater *deflater)
{
    return deflateInit2(&deflater->stream, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

static void deflater_end(struct deflater *deflater)
{
    deflateEnd(&deflater->stream);
}

/* No payload passes 4 GiB, so the sizes fit in a uInt. */
static void point(z_stream *stream, const uint8_t *data, size_t bytes, uint8_t *out, size_t room)
{
    stream->next_in = data;
    stream->avail_in = (uInt)bytes;
    stream->next_out = out;
    stream->avail_out = (uInt)room;
}

static size_t deflate_all(struct deflater *deflater, const uint8_t *data, size_t bytes, uint8_t *out,
                          size_t room, bool quick)
{
    z_stream *stream = &deflater->stream;
    deflateReset(stream);
    deflateParams(stream, quick ? QUICK_LEVEL : LEVEL, Z_DEFAULT_STRATEGY);
    point(stream, data, bytes, out, room);
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? room - stream->avail_out : 0;
}

static bool inflater_begin(struct inflater *inflater)
{
    return inflateInit2(&inflater->stream, -MAX_WBITS) == Z_OK;
}

static void inflater_end(struct inflater *inflater)
{
    inflateEnd(&inflater->stream);
}

static bool inflate_all(struct inflater *inflater, const uint8_t *data, size_t bytes, uint8_t *out,
                        size_t out_bytes)
{
    z_stream *stream = &inflater->stream;
    inflateReset(stream);
    point(stream, data, bytes, out, out_bytes);
    return inflate(stream, Z_FINISH) == Z_STREAM_END && stream->avail_in == 0 && stream->avail_out == 0;
}

#endif

/* ---- headers ---- */

static void put_header(uint8_t *at, const struct native_member *member)
{
    memcpy(at, fixed_header, sizeof fixed_header);
    at[16] = NATIVE_VERSION;
    at[17] = (uint8_t)member->kind;
    le_put(at + 18, 2, 0);
    le_put(at + 20, 4, member->bytes);
    le_put(at + 24, 4, member->payload_bytes);
    le_put(at + 28, 8, member->position);
    le_put(at + HEADER_CRC_AT, 2, checksum(at, HEADER_CRC_AT) & 0xffff);
}

bool native_member_begins(const uint8_t begin[4])
{
    return memcmp(begin, fixed_header, 4) == 0;
}

bool native_member_parse(const uint8_t *header, struct native_member *member, struct error *error)
{
    if (!native_member_begins(header) || memcmp(header + 10, fixed_header + 10, 6) != 0)
        return error_set(error, ERROR_TRACE,
                         "error: not a native trace, or damaged where a part of it should begin");
    if (le_get(header + HEADER_CRC_AT, 2) != (checksum(header, HEADER_CRC_AT) & 0xffff))
        return error_set(error, ERROR_TRACE, "error: a header is corrupt; make or copy the file again");
    if (header[16] != NATIVE_VERSION || le_get(header + 18, 2) != 0)
        return error_set(error, ERROR_TRACE,
                         "error: native trace of version %u; this program reads version %d; use a newer one",
                         header[16], NATIVE_VERSION);
    *member = (struct native_member){
        .kind = header[17],
        .bytes = (uint32_t)le_get(header + 20, 4),
        .payload_bytes = (uint32_t)le_get(header + 24, 4),
        .position = le_get(header + 28, 8),
    };
    bool known = member->kind == NATIVE_MEMBER_BLOCK || member->kind == NATIVE_MEMBER_SUMMARY ||
                 member->kind == NATIVE_MEMBER_END;
    if (!known || member->bytes < NATIVE_END_BYTES ||
        (member->kind == NATIVE_MEMBER_END && member->bytes != NATIVE_END_BYTES))
        return error_set(error, ERROR_TRACE,
                         "error: a header contradicts itself; make or copy the file again");
    return true;
}

/* ---- packing ---- */

struct native_packer {
    struct deflater deflater;
    uint8_t *member;
    size_t capacity;
};

bool native_packer_new(struct native_packer **packer, struct error *error)
{
    *packer = memory_zeroed(1, sizeof **packer, error);
    if (!*packer)
        return false;
    if (deflater_begin(&(*packer)->deflater))
        return true;
    native_packer_free(*packer);
    *packer = NULL;
    return error_set(error, ERROR_MEMORY, "out of memory (preparing to deflate)");
}

void native_packer_free(struct native_packer *packer)
{
    if (!packer)
        return;
    deflater_end(&packer->deflater);
    memory_free(packer->member);
    memory_free(packer);
}

/* Stored deflate blocks; the last is marked as the end of the stream if it is. */
static uint8_t *store(uint8_t *out, const uint8_t *data, size_t bytes, bool end)
{
    while (bytes > 0) {
        size_t now = bytes < STORED_BYTES_LIMIT ? bytes : STORED_BYTES_LIMIT;
        *out = end && now == bytes;
        le_put(out + 1, 2, now);
        le_put(out + 3, 2, ~now);
        memcpy(out + STORED_HEADER_BYTES, data, now);
        out += STORED_HEADER_BYTES + now;
        data += now;
        bytes -= now;
    }
    return out;
}

bool native_pack(struct native_packer *packer, enum native_member_kind kind, uint64_t position,
                 const uint8_t *payload, size_t payload_bytes, size_t incompressible, const uint8_t **member,
                 size_t *member_bytes, struct error *error)
{
    assert(incompressible <= payload_bytes);
    size_t limit =
        payload_bytes + (payload_bytes / STORED_BYTES_LIMIT + 2) * STORED_HEADER_BYTES + NATIVE_END_BYTES;
    if (limit > UINT32_MAX)
        return error_set(error, ERROR_TRACE, "error: %zu bytes are too many for one part of a trace",
                         payload_bytes);
    if (!memory_grow(&packer->member, &packer->capacity, limit, 1, error))
        return false;
    size_t rest = payload_bytes - incompressible;
    uint8_t *out = packer->member + NATIVE_MEMBER_HEADER_BYTES;
    out = store(out, payload, incompressible, rest == 0);
    size_t deflated = rest < DEFLATED_BYTES ? 0
                                            : deflate_all(&packer->deflater, payload + incompressible, rest,
                                                          out, rest - rest / SAVING, incompressible > 0);
    if (deflated > 0)
        out += deflated;
    else
        out = store(out, payload + incompressible, rest, true);
    if (payload_bytes == 0) {
        /* A block with the fixed code that holds nothing but its end. */
        le_put(out, 2, 3);
        out += 2;
    }
    le_put(out, 4, checksum(payload, payload_bytes));
    le_put(out + 4, 4, payload_bytes);
    out += NATIVE_MEMBER_TRAILER_BYTES;
    *member = packer->member;
    *member_bytes = (size_t)(out - packer->member);
    put_header(packer->member, &(struct native_member){.kind = kind,
                                                       .bytes = (uint32_t)*member_bytes,
                                                       .payload_bytes = (uint32_t)payload_bytes,
                                                       .position = position});
    return true;
}

/* ---- unpacking ---- */

struct native_unpacker {
    struct inflater inflater;
};

bool native_unpacker_new(struct native_unpacker **unpacker, struct error *error)
{
    *unpacker = memory_zeroed(1, sizeof **unpacker, error);
    if (!*unpacker)
        return false;
    if (inflater_begin(&(*unpacker)->inflater))
        return true;
    memory_free(*unpacker);
    *unpacker = NULL;
    return error_set(error, ERROR_MEMORY, "out of memory (preparing to inflate)");
}

void native_unpacker_free(struct native_unpacker *unpacker)
{
    if (!unpacker)
        return;
    inflater_end(&unpacker->inflater);
    memory_free(unpacker);
}

bool native_unpack(struct native_unpacker *unpacker, const struct native_member *member, const uint8_t *bytes,
                   uint8_t *payload, struct error *error)
{
    const uint8_t *trailer = bytes + member->bytes - NATIVE_MEMBER_TRAILER_BYTES;
    size_t deflated = member->bytes - NATIVE_MEMBER_HEADER_BYTES - NATIVE_MEMBER_TRAILER_BYTES;
    if (le_get(trailer + 4, 4) != member->payload_bytes ||
        !inflate_all(&unpacker->inflater, bytes + NATIVE_MEMBER_HEADER_BYTES, deflated, payload,
                     member->payload_bytes) ||
        checksum(payload, member->payload_bytes) != le_get(trailer, 4))
        return error_set(error, ERROR_TRACE,
                         "error: the part at byte %llu is corrupt; make or copy the file again",
                         (unsigned long long)member->position);
    return true;
}
