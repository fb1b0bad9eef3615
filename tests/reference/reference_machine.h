/* The parts of the naive reference model; private to tests/reference. All byte ranges are inclusive, [first,
 * last], so that the end of a 64-bit space can be named. */
#ifndef TESTS_REFERENCE_REFERENCE_MACHINE_H
#define TESTS_REFERENCE_REFERENCE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/config.h"
#include "sim/engine/result.h"
#include "traces/trace.h"

enum { REFERENCE_PAGE_BYTES = 4096, REFERENCE_LEVELS_MAX = 6, REFERENCE_NOWHERE = -1 };

enum reference_model { REFERENCE_AMD_V1, REFERENCE_INTEL_SS, REFERENCE_SMMU_S1, REFERENCE_SMMU_S2 };

enum reference_method { REFERENCE_HARDWARE, REFERENCE_ALL, REFERENCE_EXACT, REFERENCE_NONE };

enum reference_policy { REFERENCE_PERIODIC, REFERENCE_RECORDS, REFERENCE_MARKS, REFERENCE_NO_POLICY };

struct reference_range {
    uint64_t first, last;
};

/* Semantics.md 3. */
struct reference_geometry {
    unsigned levels, granule_lg2, index_bits, iova_bits;
    uint64_t table_bytes, entries_per_table;
};

/* One leaf: on AMD and Intel the bits A and D say what hardware did; on ARM the bits are DBM and the write
 * permission (AP[2]=0, or S2AP[1]=1), which together are "dirty" (6). */
struct reference_leaf {
    uint64_t iova, output;
    unsigned lg2, level;
    size_t first_page, page_count; /* in the array of pages */
    bool accessed, dirty_bit;      /* amd-v1, intel-ss */
    bool dbm, write_permission;    /* smmu */
    bool dirtied_by_write;         /* what last made it dirty: a write, else it was mapped so */
    bool seen_dirty;               /* by the harvest under way */
};

/* One mapped 4 KiB page. */
struct reference_page {
    uint64_t iova;
    size_t leaf;
    bool tracked;
    bool in_truth;      /* member of T (8) */
    bool missed;        /* by a harvest since it last entered T */
    bool reported;      /* member of R of the harvest under way */
    bool reported_last; /* member of R of the last harvest */
};

struct reference_table {
    unsigned level;
    uint64_t first, last; /* its span */
};

/* A set-associative cache with every entry spelled out: the IOTLB, and one per level for table pointers. */
struct reference_entry {
    bool valid;
    unsigned lg2;    /* size of what it covers */
    uint64_t number; /* address >> lg2 */
    uint64_t output;
    bool writes_pass, managed;
    uint64_t used_stamp, inserted_stamp;
};

struct reference_cache {
    uint64_t sets, ways; /* sets 0: off */
    enum replacement replacement;
    struct reference_entry *entries; /* sets * ways, way after way */
    bool *tree_bits;                 /* plru: ways per set, in heap order from index 1 */
    uint64_t *random_state;
    uint64_t stamp;
};

struct reference_machine {
    const struct cell_config *config;
    enum reference_model model;
    enum reference_method method;
    enum reference_policy policy;
    struct reference_geometry geometry;

    struct reference_leaf *leaves; /* ascending by iova */
    size_t leaf_count;
    struct reference_page *pages; /* ascending by iova */
    size_t page_count;
    struct reference_table *tables;
    size_t table_count;
    struct reference_range *ranges; /* tracked ranges, cut at the IOVA width */
    size_t range_count;

    struct reference_cache iotlb;
    struct reference_cache walk_caches[REFERENCE_LEVELS_MAX]; /* [0] is not used */
    uint64_t random_state;

    bool started, stopped; /* the run has passed tracking.start, tracking.stop */
    bool hardware_on;      /* between the enable and the disable row */

    struct metrics metrics;
    struct interval *intervals;
    size_t interval_count;
    uint64_t misses_at_last_row;
};

/* ---- reference_tables.c: section 3 and the bits of section 6 ---- */

/** Geometry, leaves, pages, tables and ranges of the cell. False: see `why`. */
bool reference_tables_build(struct reference_machine *machine, const struct trace_store *store,
                            size_t records, char *why, size_t why_bytes);
void reference_tables_free(struct reference_machine *machine);
bool reference_is_arm(const struct reference_machine *machine);
/** Is the address representable in the page table? */
bool reference_in_width(const struct reference_geometry *geometry, uint64_t address);
/** Index of the leaf that holds `address`, or REFERENCE_NOWHERE. */
ptrdiff_t reference_find_leaf(const struct reference_machine *machine, uint64_t address);
/** Is there a table at `level` that spans `address`? */
bool reference_table_exists(const struct reference_machine *machine, unsigned level, uint64_t address);
struct reference_range reference_leaf_range(const struct reference_leaf *leaf);
bool reference_overlap(struct reference_range a, struct reference_range b);

/** Does hardware manage the dirty state of this leaf now? (6) */
bool reference_managed(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Would a harvest report it? (6) */
bool reference_dirty(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Do the permission bits alone allow a write? */
bool reference_writable(const struct reference_machine *machine, const struct reference_leaf *leaf);
void reference_make_dirty(struct reference_machine *machine, struct reference_leaf *leaf);
void reference_make_clean(struct reference_machine *machine, struct reference_leaf *leaf);

/* ---- reference_caches.c: the replacement rules of section 4 ---- */

void reference_cache_make(struct reference_cache *cache, uint64_t entries, uint64_t ways,
                          enum replacement replacement, uint64_t *random_state);
void reference_cache_free(struct reference_cache *cache);
/** The valid entry for `address` among entries of size lg2, or NULL. Changes nothing. */
struct reference_entry *reference_cache_find(struct reference_cache *cache, uint64_t address, unsigned lg2);
/** A hit on this entry: what the replacement policy remembers of it. */
void reference_cache_hit(struct reference_cache *cache, struct reference_entry *entry);
/** Insert by the rules of 4.2. Returns the entry; *evicted says whether a valid one had to go. */
struct reference_entry *reference_cache_insert(struct reference_cache *cache, uint64_t address, unsigned lg2,
                                               bool *evicted);
/** Number of places, valid or not. */
uint64_t reference_cache_places(const struct reference_cache *cache);
struct reference_range reference_entry_range(const struct reference_entry *entry);

/* ---- reference_request.c: sections 4 and 5 ---- */

/** One request for the page that holds `address`. */
void reference_request(struct reference_machine *machine, uint64_t address, bool write);

/* ---- reference_harvest.c: sections 7 and 8 ---- */

void reference_start(struct reference_machine *machine);
void reference_stop(struct reference_machine *machine);
/** One harvest, with its row; `time_ns` is relative to the first record. */
void reference_harvest(struct reference_machine *machine, uint64_t time_ns);
/** T at the end of the run. */
void reference_lost(struct reference_machine *machine);

#endif
