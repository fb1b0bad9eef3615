/* What devices log themselves (semantics.md 9, method device): a bit per block that a device has written, kept by region
 * and device only where something was. */
#ifndef SIM_STATE_DEVICE_LOG_H
#define SIM_STATE_DEVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/number_map.h"
#include "sim/base/span.h"

enum { DEVICE_LOG_WORDS = 8, DEVICE_LOG_RECENT = 64 };

/* The blocks that one device wrote in one region: 2 MiB, or a block if that is larger. */
struct device_log_row {
    uint64_t number; /* iova >> region_lg2 */
    uint32_t domain;
    uint64_t blocks[DEVICE_LOG_WORDS];
};

struct device_log {
    unsigned block_lg2, region_lg2;
    bool failed; /* memory ran out: entries are missing */
    struct device_log_row *rows; /* in the order of their first writes */
    size_t count, capacity;
    uint32_t *order; /* rows by domain and address, as of device_log_sort */
    size_t ordered, order_capacity;
    struct number_map index; /* device and region → row */
    struct {
        uint64_t key;
        uint32_t row;
    } recent[DEVICE_LOG_RECENT]; /* rows found last, by low bits of the key */
};

void device_log_init(struct device_log *log, uint64_t granule_bytes);
void device_log_free(struct device_log *log);

/** The row for what a device writes in the region of an IOVA, valid until the next call. NULL: no memory; the log has
 *  failed for good. */
struct device_log_row *device_log_row(struct device_log *log, uint32_t domain, uint16_t device, uint64_t iova);

/** Index of the block that holds an IOVA in its region. */
static inline unsigned device_log_block(const struct device_log *log, uint64_t iova)
{
    return (unsigned)((iova & ((UINT64_C(1) << log->region_lg2) - 1)) >> log->block_lg2);
}

static inline void device_log_add(struct device_log_row *row, unsigned block)
{
    row->blocks[block / 64] |= UINT64_C(1) << block % 64;
}

/** Entries in the logs: blocks, each counted for every device that wrote it. */
uint64_t device_log_entries(const struct device_log *log);
/** Put the rows in order for the next two functions. */
bool device_log_sort(struct device_log *log, struct error *error);
/** The domain of the row at this place of the order; UINT32_MAX behind the last. */
uint32_t device_log_domain(const struct device_log *log, size_t at);
/** Blocks of the domain, ascending, whichever devices wrote them: from *at, which must be its first place, and which
 *  moves behind its last. */
bool device_log_blocks(const struct device_log *log, uint32_t domain, size_t *at, struct span_list *blocks,
                       struct error *error);
/** Place of the first row of a domain. */
size_t device_log_lower(const struct device_log *log, uint32_t domain);
/** The logs are empty again. */
void device_log_drain(struct device_log *log);

#endif
