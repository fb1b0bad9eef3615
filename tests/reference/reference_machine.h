/* The parts of the naive reference model; private to tests/reference. All byte ranges are inclusive, [first,
 * last], so that the end of a 64-bit space can be named. */
#ifndef TESTS_REFERENCE_REFERENCE_MACHINE_H
#define TESTS_REFERENCE_REFERENCE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/config.h"
#include "sim/engine/result.h"
#include "tests/reference/reference.h"
#include "traces/trace.h"

/* For sums that are exact, and for times that pass 2^64. */
__extension__ typedef unsigned __int128 reference_wide;

enum { REFERENCE_PAGE_BYTES = 4096, REFERENCE_LEVELS_MAX = 6 };

enum reference_model {
    REFERENCE_AMD_V1,
    REFERENCE_INTEL_SS,
    REFERENCE_SMMU_S1,
    REFERENCE_SMMU_S2,
    REFERENCE_RISCV_G
};

enum reference_method {
    REFERENCE_HARDWARE,
    REFERENCE_ALL,
    REFERENCE_EXACT,
    REFERENCE_NONE,
    REFERENCE_WRITE_PROTECT,
    REFERENCE_DEVICE,
    REFERENCE_LOG
};

enum reference_policy {
    REFERENCE_PERIODIC,
    REFERENCE_RECORDS,
    REFERENCE_MARKS,
    REFERENCE_NO_POLICY,
    REFERENCE_PRECOPY
};

enum reference_source { REFERENCE_STATIC, REFERENCE_TOUCHED, REFERENCE_TRACE };

struct reference_range {
    uint64_t first, last;
};

/* Section 3. */
struct reference_geometry {
    unsigned levels, granule_lg2, index_bits, iova_bits, output_bits;
    uint64_t table_bytes, root_bytes;
};

/* One mapped 4 KiB page, as far as anything is known of it. */
struct reference_page {
    bool in_truth;   /* member of T (8) */
    bool missed;     /* by a harvest since it last entered T */
    bool in_written; /* member of W */
    bool reported;   /* member of R of the harvest under way */
    bool truth_then, written_then; /* timed (13): member of T, of W, when the window began */
    bool taken;                    /* out of T by the timed harvest under way */
};

enum reference_cause { REFERENCE_WRITTEN, REFERENCE_ATS, REFERENCE_RESIDUE, REFERENCE_BORN };

/* One leaf: on AMD, Intel and RISC-V the bits A and D say what hardware did; on ARM the bits are DBM and the
 * write permission (AP[2]=0, or S2AP[1]=1), which together are "dirty" (6). */
struct reference_leaf {
    uint64_t iova, output;
    unsigned lg2, level;
    bool granted;                 /* mapped read-write */
    bool accessed, dirty_bit;     /* amd-v1, intel-ss, riscv-g */
    bool dbm, write_permission;   /* smmu */
    bool is_protected, marked;    /* write-protect (9) */
    enum reference_cause cause;   /* what made it dirty */
    bool seen_dirty;              /* by the harvest under way */
    bool sneaks;                  /* timed (13): cleaned, and its window is not flushed yet */
    bool held_truth;              /* the leaf that it was a part of, when that was harvested (14) */
    struct reference_page *pages; /* owned; NULL: all of them are all false */
};

struct reference_table {
    unsigned level;
    struct reference_range span;
};

struct reference_range_list {
    struct reference_range *ranges;
    size_t count;
};

/* One I/O page table. */
struct reference_domain {
    unsigned index;
    uint64_t devices;
    struct reference_leaf *leaves; /* ascending by iova */
    size_t leaf_count, leaf_capacity;
    struct reference_table *tables; /* the root first, then in no order */
    size_t table_count;
    uint64_t sizes_used; /* bit n: leaves of 2^n bytes were ever mapped */
    uint64_t pending_unmaps, oldest_pending_ns;
    uint64_t *ring; /* log (9): addresses of leaves, log.entries of them at most */
    uint64_t ring_count;
    bool ring_overflowed;
    bool reports_all;                        /* the harvest under way: a ring overflowed, log.overflow all */
    struct reference_range_list at_start;    /* device.ranges start: what was mapped then */
    uint64_t *last_reported; /* pages of R of the last harvest, ascending; kept under no_clear */
    size_t last_reported_count;
};

/* A set-associative cache with every entry spelled out: the IOTLB, and one per level for table pointers. */
struct reference_entry {
    bool valid;
    unsigned domain;
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
    enum reference_source source;
    struct reference_geometry geometry;

    struct reference_domain *domains; /* ascending by device id */
    unsigned domain_count;
    unsigned domain_of_device[TRACE_DEVICES];

    struct reference_cache iotlb;
    struct reference_cache walk_caches[REFERENCE_LEVELS_MAX]; /* [0] is not used */
    uint64_t random_state;

    uint16_t device; /* of the record under way */
    struct reference_cache *atcs; /* by device id (10); NULL without ATS */
    struct reference_block_log {
        uint64_t *blocks; /* numbers, in the order of their first writes */
        size_t count, capacity;
    } *device_logs; /* by device id */

    bool started, stopped;       /* the run has passed tracking.start, tracking.stop */
    bool hardware_on;            /* between the enable and the disable row; riscv: since the enable row */
    bool harvested_since_record; /* a harvest came at or after the record replayed last */

    struct reference_timed *timed; /* the timed harvest under way (13), or NULL */
    bool count_only;               /* invalidations: commands alone, nothing is dropped or counted */
    bool truth_closed;             /* timed: the stop has come, the disable row may not */
    uint64_t last_record_ns;       /* of the trace */
    reference_wide harvest_span_ps;

    bool source_stopped;      /* precopy (11) */
    reference_wide rounds_ns; /* of all rounds */

    struct metrics metrics;
    struct interval *intervals;
    size_t interval_count;
    uint64_t misses_at_last_row, written_at_last_row;

    enum reference_outcome outcome;
    char *why;
    size_t why_bytes;
};

/* ---- reference_tables.c: section 3's leaves and tables, and the bits of section 6 ---- */

void *reference_allocate(void *old, size_t bytes);
struct reference_geometry reference_geometry_of(const struct reference_machine *machine);
/** lg2 of what one entry at this level covers. */
unsigned reference_entry_lg2(const struct reference_geometry *geometry, unsigned level);
/** Table entries that the leaf takes: replicas, a contiguous group, NAPOT. */
uint64_t reference_leaf_entries(const struct reference_machine *machine, const struct reference_leaf *leaf);
bool reference_is_arm(const struct reference_machine *machine);
/** Is the address representable in the page table? */
bool reference_in_width(const struct reference_geometry *geometry, uint64_t address);
/** The leaf that holds `address`, or NULL. */
struct reference_leaf *reference_find_leaf(const struct reference_domain *domain, uint64_t address);
/** Index of the first leaf that ends at or after `address`. */
size_t reference_first_leaf(const struct reference_domain *domain, uint64_t address);
/** Is there a table at `level` that spans `address`? */
bool reference_table_exists(const struct reference_domain *domain, unsigned level, uint64_t address);
void reference_add_table(struct reference_machine *machine, struct reference_domain *domain, unsigned level,
                         uint64_t address);
struct reference_range reference_leaf_range(const struct reference_leaf *leaf);
bool reference_overlap(struct reference_range a, struct reference_range b);
struct reference_range reference_common(struct reference_range a, struct reference_range b);
void reference_add_range(struct reference_range_list *list, uint64_t first, uint64_t last);
/** The state of the page, all false at first. */
struct reference_page *reference_page(struct reference_leaf *leaf, uint64_t address);

/** The tracked ranges of the domain, taken now (7). The caller frees list.ranges. */
struct reference_range_list reference_take_ranges(const struct reference_machine *machine,
                                                  const struct reference_domain *domain);
/** Does the leaf overlap a tracked range? */
bool reference_overlaps_range(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Do steps (1) and (2) of the start and the disable row belong to the method? (9) */
bool reference_uses_hardware(const struct reference_machine *machine);
/** Is a mapped page inside a tracked range? */
bool reference_is_tracked(const struct reference_machine *machine, uint64_t address);

/** Does hardware manage the dirty state of this leaf now? (6) */
bool reference_managed(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Would a harvest report it? (6) */
bool reference_dirty(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Do the bits of the leaf alone allow a write? */
bool reference_writable(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** The bits of a leaf that a map makes now, with its cause. */
void reference_born(const struct reference_machine *machine, struct reference_leaf *leaf);
void reference_make_dirty(struct reference_machine *machine, struct reference_domain *domain,
                          struct reference_leaf *leaf, enum reference_cause cause);
void reference_make_clean(struct reference_machine *machine, struct reference_leaf *leaf);

/* ---- reference_mapping.c: how section 3 maps and unmaps ---- */

/** What the source maps before the first record. False: machine->outcome is set. */
bool reference_map_source(struct reference_machine *machine, const struct trace_store *store, size_t records);
/** A map, map_ro or unmap record under source: trace. False: it stops the cell. */
bool reference_map_record(struct reference_machine *machine, const struct trace_store *store, size_t record);
bool reference_unmap_record(struct reference_machine *machine, const struct trace_store *store,
                            size_t record);
/** The deferred flushes that are due before a record at this time. */
void reference_flush_deferred(struct reference_machine *machine, uint64_t time_ns);
void reference_note_peak(struct reference_machine *machine);
bool reference_fail(struct reference_machine *machine, enum reference_outcome outcome, const char *why);

/* ---- reference_caches.c: the replacement rules of section 4 ---- */

void reference_cache_make(struct reference_cache *cache, uint64_t entries, uint64_t ways,
                          enum replacement replacement, uint64_t *random_state);
void reference_cache_free(struct reference_cache *cache);
/** The valid entry for `address` among the domain's entries of size lg2, or NULL. Changes nothing. */
struct reference_entry *reference_cache_find(struct reference_cache *cache, unsigned domain, uint64_t address,
                                             unsigned lg2);
/** A hit on this entry: what the replacement policy remembers of it. */
void reference_cache_hit(struct reference_cache *cache, struct reference_entry *entry);
/** Insert by the rules of 4.2. Returns the entry; *evicted says whether a valid one had to go. */
struct reference_entry *reference_cache_insert(struct reference_cache *cache, unsigned domain,
                                               uint64_t address, unsigned lg2, bool *evicted);
/** Number of places, valid or not. */
uint64_t reference_cache_places(const struct reference_cache *cache);
struct reference_range reference_entry_range(const struct reference_entry *entry);

/* ---- reference_flush.c: what section 7 invalidates ---- */

/* Dirty leaves seen in one window, and what the window counted. */
struct reference_window {
    struct reference_leaf **dirty; /* ascending */
    size_t dirty_count, dirty_capacity;
    uint64_t entries, tables;
};

/* What invalidations cost and dropped; `window` (may be NULL) says which entries are no overreach. */
struct reference_flush {
    const struct reference_window *window;
    uint64_t commands, syncs, dropped, overreach;
};

enum reference_reason { REFERENCE_CLEANED, REFERENCE_LEAVES_GONE, REFERENCE_TABLES_GONE };

/** The vendor's `range` rule over the bytes; `unit_lg2`: the u of smmu without range invalidation. */
void reference_flush_range(struct reference_machine *machine, const struct reference_domain *domain,
                           struct reference_range range, enum reference_reason reason, unsigned unit_lg2,
                           struct reference_flush *flush);
/** Entries and pointers of the domain; `all`: of every domain. Counts no command. */
void reference_drop_domain(struct reference_machine *machine, const struct reference_domain *domain, bool all,
                           struct reference_flush *flush);
/** One flush over the dirty leaves of the window, as harvest.flush says. */
struct reference_flush reference_flush_dirty(struct reference_machine *machine,
                                             const struct reference_domain *domain,
                                             const struct reference_window *window);
/** Add to the columns of unmaps. */
void reference_count_unmap_flush(struct reference_machine *machine, const struct reference_flush *flush);
unsigned reference_smallest_lg2(const struct reference_machine *machine);

/* ---- reference_request.c: sections 4 and 5 ---- */

/* What the IOMMU is asked for, and how it answers. */
struct reference_translation {
    bool write;        /* write permission is asked for: NW=0, or a write */
    bool must_write;   /* a write record, which may fault for want of it */
    enum reference_cause cause; /* of the dirty state that the request makes */
    bool answered;     /* else it faulted */
    unsigned lg2;      /* of the entry */
    bool writes_pass;  /* of the entry, now */
    bool granted;      /* asked for write permission and got it */
};

/** "A write that succeeds through an entry with writes_pass (or an ATC entry that may write) on a leaf that this harvest has
 * cleaned, before its window's t_f" (13). */
void reference_note_sneak(struct reference_machine *machine, const struct reference_domain *domain,
                          uint64_t address);
/** Translate through the IOTLB and the tables (4.1 to 4.5). */
void reference_translate(struct reference_machine *machine, struct reference_domain *domain, uint64_t address,
                         struct reference_translation *translation);
/** One request for the page that holds `address`, without ATS. */
void reference_request(struct reference_machine *machine, struct reference_domain *domain, uint64_t address,
                       bool write);

/* ---- reference_methods.c: section 9 but for what hardware does ---- */

/** write-protect: the walk at the start (`protects`) and at the stop. */
void reference_protect_domain(struct reference_machine *machine, struct reference_domain *domain,
                              bool protects);
/** write-protect: a write meets this leaf (NULL: none) read-only. False: it is refused for good. True: it faulted
 * recoverably, the leaf lets writes pass now. */
bool reference_protection_fault(struct reference_machine *machine, struct reference_leaf *leaf);
/** device: the start; a successful write to a tracked page; what a harvest reads of a domain's logs (`pieces`: only there,
 * NULL: everywhere); their entries; emptying them. */
void reference_start_device_logs(struct reference_machine *machine);
void reference_log_write(struct reference_machine *machine, const struct reference_domain *domain,
                         uint64_t address);
void reference_report_device_logs(struct reference_machine *machine, unsigned domain,
                                  const struct reference_range_list *pieces);
uint64_t reference_device_log_entries(const struct reference_machine *machine);
void reference_drain_device_logs(struct reference_machine *machine);
/** log: a leaf became dirty; is a dirty leaf's address in the ring? */
void reference_append_to_ring(struct reference_machine *machine, struct reference_domain *domain,
                              const struct reference_leaf *leaf);
bool reference_in_ring(const struct reference_domain *domain, const struct reference_leaf *leaf);

/* ---- reference_split.c: section 14 ---- */

/** lg2 of tracking.split_size. */
unsigned reference_split_lg2(const struct reference_machine *machine);
/** Splits the leaf that holds this address, if it is larger. Pointers to leaves of the domain are void afterwards. */
bool reference_split_leaf(struct reference_machine *machine, struct reference_domain *domain,
                          uint64_t address);
/** split: start. */
void reference_split_at_start(struct reference_machine *machine, struct reference_domain *domain);

/* ---- reference_ats.c: section 10 ---- */

enum reference_access { REFERENCE_READ, REFERENCE_WRITE, REFERENCE_TRANSLATE, REFERENCE_TRANSLATE_W };

/** One request of the record's device for the page that holds `address`, ATC first. */
void reference_ats_request(struct reference_machine *machine, struct reference_domain *domain,
                           uint64_t address, enum reference_access access);
/** An invalidation of these bytes reaches the devices of the domain; `everything`: their ATCs are emptied. */
void reference_invalidate_atcs(struct reference_machine *machine, const struct reference_domain *domain,
                               struct reference_range range, bool everything);

/* ---- reference_timed.c: section 13 ---- */

/** A harvest begins at this time; `time_ns` is its row's. */
void reference_timed_begin(struct reference_machine *machine, reference_wide begin_ps, uint64_t time_ns);
/** Do the steps of the harvest under way that come at or before a time. True: it is over; *end_ps says since when. */
bool reference_timed_advance(struct reference_machine *machine, reference_wide until_ps,
                             reference_wide *end_ps);

/* ---- reference_harvest.c: section 7 ---- */

/** Rows of intervals, in order. */
void reference_add_row(struct reference_machine *machine, const struct interval *row);
/** Dirty leaves that overlap the range. */
void reference_find_dirty(const struct reference_machine *machine, const struct reference_domain *domain,
                          struct reference_range range, bool in_ring, struct reference_window *window);
/** A false page gets its cause. */
void reference_count_false(struct reference_machine *machine, const struct reference_domain *domain,
                           const struct reference_leaf *leaf, bool holds_truth);

/** Slots and tables that a visit of the range meets. */
void reference_scan_tables(const struct reference_machine *machine, const struct reference_domain *domain,
                           struct reference_range range, struct reference_window *window);

void reference_start(struct reference_machine *machine);
void reference_stop(struct reference_machine *machine);
/** One harvest, with its row; `time_ns` is relative to the first record. Returns the pages reported. */
uint64_t reference_harvest(struct reference_machine *machine, uint64_t time_ns);
/** harvest.before_unmap: read `range` before it is unmapped. */
void reference_read_before_unmap(struct reference_machine *machine, struct reference_domain *domain,
                                 struct reference_range range);

/* ---- reference_judge.c: section 8 ---- */

/** A write succeeded on this page. */
void reference_write_succeeds(struct reference_machine *machine, struct reference_domain *domain,
                              uint64_t address);
/** "a reported page reports all tracked pages of its granule-aligned block", but of those only pages in
 * `pieces` (NULL: all). */
void reference_spread_granule(const struct reference_machine *machine, struct reference_domain *domain,
                              const struct reference_range_list *pieces);
/** Compares R with T and W of the domain and adds to the row and the metrics; T, W and R become what the
 * harvest, or with `before_unmap` the read before an unmap, makes of them. */
void reference_judge(struct reference_machine *machine, struct reference_domain *domain, bool before_unmap,
                     struct interval *row);
/** T at the end of the run. */
void reference_lost(struct reference_machine *machine);

#endif
