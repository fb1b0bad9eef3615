/* The members of a native trace: gzip with one extra field (FORMAT.md, "Members"), and the deflate code
 * behind them. libdeflate does the work when the build found it (HAVE_LIBDEFLATE), zlib otherwise; both read
 * what the other wrote. */
#ifndef TRACES_NATIVE_NATIVE_GZIP_H
#define TRACES_NATIVE_NATIVE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"

enum {
    NATIVE_VERSION = 1,
    NATIVE_MEMBER_HEADER_BYTES = 38,
    NATIVE_MEMBER_TRAILER_BYTES = 8,
    NATIVE_END_BYTES = 48, /* of the last member: an empty one */
};

enum native_member_kind { NATIVE_MEMBER_BLOCK = 'B', NATIVE_MEMBER_SUMMARY = 'S', NATIVE_MEMBER_END = 'E' };

struct native_member {
    enum native_member_kind kind;
    uint32_t bytes;         /* of the whole member */
    uint32_t payload_bytes; /* inflated */
    uint64_t position;      /* byte of the file that it begins at; of the end, where the summary begins */
};

/** Whether these 4 bytes begin a member. */
bool native_member_begins(const uint8_t begin[4]);
/** Read the NATIVE_MEMBER_HEADER_BYTES at `header`. Errors here and below: ERROR_TRACE "error: ...". */
bool native_member_parse(const uint8_t *header, struct native_member *member, struct error *error);

/* Compression state of one thread. */
struct native_packer;
struct native_unpacker;

bool native_packer_new(struct native_packer **packer, struct error *error);
void native_packer_free(struct native_packer *packer);

/** Make a member of the payload (empty for the end alone), whose first `incompressible` bytes are stored; the
 *  rest is too unless deflating saves an eighth of it. The result belongs to the packer until the next call.
 */
bool native_pack(struct native_packer *packer, enum native_member_kind kind, uint64_t position,
                 const uint8_t *payload, size_t payload_bytes, size_t incompressible, const uint8_t **member,
                 size_t *member_bytes, struct error *error);

bool native_unpacker_new(struct native_unpacker **unpacker, struct error *error);
void native_unpacker_free(struct native_unpacker *unpacker);

/** Inflate the whole member at `bytes`, described by `member`, into `payload`, which has room for its
 *  payload, and check size and checksum. */
bool native_unpack(struct native_unpacker *unpacker, const struct native_member *member, const uint8_t *bytes,
                   uint8_t *payload, struct error *error);

#endif
