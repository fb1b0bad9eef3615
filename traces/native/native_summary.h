/* What a whole native trace contains, gathered while it is written and stored at its end together with the
 * index of its blocks (FORMAT.md, "Summary and index"). */
#ifndef TRACES_NATIVE_NATIVE_SUMMARY_H
#define TRACES_NATIVE_NATIVE_SUMMARY_H

#include "traces/native/native.h"

enum {
    NATIVE_EXTENTS_LIMIT = 1024,
    NATIVE_PROVENANCE_BYTES_LIMIT = 1 << 16,
    NATIVE_SUMMARY_HEADER_BYTES = 224,
    NATIVE_INDEX_ENTRY_BYTES = 32,
    /* Of all but the index. */
    NATIVE_SUMMARY_BYTES_LIMIT = NATIVE_SUMMARY_HEADER_BYTES + 2 * TRACE_DEVICES + 16 * NATIVE_EXTENTS_LIMIT +
                                 NATIVE_PROVENANCE_BYTES_LIMIT,
};

struct native_index_entry {
    uint64_t position, first_record, first_time_ns;
    uint32_t bytes; /* of the member */
};

struct native_tail {
    struct native_summary summary;
    struct native_index_entry *blocks;
    uint16_t *devices; /* what the summary points to */
    char *provenance;
};

/** Read a summary payload into `*tail`, zeroed at first; free with native_tail_free, also after a failure. */
bool native_tail_parse(struct native_tail *tail, const uint8_t *payload, size_t bytes, struct error *error);
void native_tail_free(struct native_tail *tail);

/* Gathers a summary. Constant size but for the index. */
struct native_gatherer;

bool native_gatherer_new(struct native_gatherer **gatherer, struct error *error);
void native_gatherer_free(struct native_gatherer *gatherer);
void native_gatherer_records(struct native_gatherer *gatherer, const struct trace_batch *batch);
/** A block went out. `entry` describes it. */
bool native_gatherer_block(struct native_gatherer *gatherer, const struct native_index_entry *entry,
                           const uint8_t *payload, size_t payload_bytes, struct error *error);
/** The summary payload, which belongs to the gatherer. */
bool native_gatherer_finish(struct native_gatherer *gatherer, const char *provenance, const uint8_t **payload,
                            size_t *bytes, struct error *error);

#endif
