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

/* For "sums exact", and for deadlines that pass 2^64. */
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
    /* timed harvests: when the window began */
    bool truth_at_begin, written_at_begin;
};

enum reference_cause { REFERENCE_WRITTEN, REFERENCE_TRANSLATED, REFERENCE_RESIDUE, REFERENCE_BORN };

/* One leaf: on AMD, Intel and RISC-V the bits A and D say what hardware did; on ARM the bits are DBM and the
 * write permission (AP[2]=0, or S2AP[1]=1), which together are "dirty" (6). */
struct reference_leaf {
    uint64_t iova, output;
    unsigned lg2, level;
    bool granted;                 /* mapped read-write */
    bool accessed, dirty_bit;     /* amd-v1, intel-ss, riscv-g */
    bool dbm, write_permission;   /* smmu */
    bool write_protected, marked; /* write-protect: software took the right away; a write faulted since */
    enum reference_cause cause;   /* what made it dirty */
    bool seen_dirty;              /* by the harvest under way */
    bool held_truth;              /* then, as a whole */
    enum reference_cause seen_cause;
    bool cleaned;                 /* by the window under way */
    bool gave_truth;              /* pages of it have left T in the harvest under way */
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
    struct reference_range_list mapped_at_start;
    uint64_t *ring; /* method log: leaf addresses, oldest first */
    size_t ring_count;
    bool ring_overflowed;
    bool reports_everything; /* the harvest under way: every tracked page, whatever is dirty */
    uint64_t sizes_used;     /* bit n: leaves of 2^n bytes were ever mapped */
    uint64_t pending_unmaps, oldest_pending_ns;
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
    bool may_write; /* of an ATC entry */
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

/* One requester. */
struct reference_device {
    unsigned domain;
    uint64_t *log; /* method device: numbers of the blocks that it wrote, ascending */
    size_t log_count;
    struct reference_cache atc;
};

/* What one request is. */
struct reference_access {
    struct reference_device *device;
    struct reference_domain *domain;
    uint64_t address;
    bool write;       /* of a write record: DMA, not a translation alone */
    bool needs_right; /* the ATC has to grant writes: write records and translate_w */
    bool asks_write;  /* the IOMMU is asked for it: NW=0 */
};

/* What the IOMMU answers. */
struct reference_answer {
    bool given;       /* false: a fault */
    bool passed_once; /* an entry in the IOTLB had writes_pass already */
    unsigned lg2;
    bool may_write;
};

struct reference_machine {
    const struct cell_config *config;
    const struct trace_store *store;
    size_t record_count, next_record;
    enum reference_model model;
    enum reference_method method;
    enum reference_policy policy;
    enum reference_source source;
    struct reference_geometry geometry;

    struct reference_domain *domains; /* ascending by device id */
    unsigned domain_count;
    struct reference_device *devices; /* ascending by id */
    unsigned device_count;
    unsigned device_of_id[TRACE_DEVICES];

    struct reference_cache iotlb;
    struct reference_cache walk_caches[REFERENCE_LEVELS_MAX]; /* [0] is not used */
    uint64_t random_state;

    bool started, stopped;       /* the run has passed tracking.start, tracking.stop */
    bool hardware_on;            /* between the enable and the disable row; riscv: since the enable row */
    bool harvested_since_record; /* a harvest came (timed: began) at or after the record replayed last */
    uint64_t records_since_start;

    reference_wide deadline_ns; /* of the next harvest by time */
    bool source_stopped;        /* precopy: no more records */

    /* timed harvests; times in ps after the first record */
    reference_wide harvest_end_ps, harvest_span_ps;
    bool disable_waits, final_waits; /* the stop came while a harvest was under way */

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
/** The maximal runs of mapped pages. */
struct reference_range_list reference_mapped_runs(const struct reference_domain *domain);
/** Is a mapped page inside a tracked range? */
bool reference_is_tracked(const struct reference_machine *machine, uint64_t address);

/** "Only `hardware` and `log` let hardware set A or D" (9). */
bool reference_uses_hardware(const struct reference_machine *machine);
/** Does hardware manage the dirty state of this leaf now? (6) */
bool reference_managed(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Is it dirty by its bits? (6) */
bool reference_dirty(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Do the bits of the leaf alone allow a write? */
bool reference_writable(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Is it dirty for a harvest of this method? (6, 9) */
bool reference_reportable(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** Does the leaf overlap a tracked range, were it mapped? */
bool reference_overlaps_ranges(const struct reference_machine *machine, const struct reference_leaf *leaf);
/** The bits of a leaf that a map makes now, with its cause. */
void reference_born(const struct reference_machine *machine, struct reference_leaf *leaf);
/** The clean -> dirty step by hardware. */
void reference_make_dirty(struct reference_machine *machine, struct reference_domain *domain,
                          struct reference_leaf *leaf, enum reference_cause cause);
void reference_make_clean(struct reference_machine *machine, struct reference_leaf *leaf);

/* ---- reference_mapping.c: how section 3 maps and unmaps ---- */

struct reference_domain *reference_domain_of(const struct reference_machine *machine, uint16_t device_id);
/** What the source maps before the first record. False: machine->outcome is set. */
bool reference_map_source(struct reference_machine *machine, const struct trace_store *store, size_t records);
/** A map, map_ro or unmap record under source: trace. False: it stops the cell. */
bool reference_map_record(struct reference_machine *machine, const struct trace_store *store, size_t record);
bool reference_unmap_record(struct reference_machine *machine, const struct trace_store *store,
                            size_t record);
/** The table bytes have grown. */
void reference_note_peak(struct reference_machine *machine);
/** Level of a leaf of this size. */
unsigned reference_leaf_level(const struct reference_machine *machine, unsigned lg2);
/** The deferred flushes that are due before a record at this time. */
void reference_flush_deferred(struct reference_machine *machine, uint64_t time_ns);
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
    bool count_only;
    uint64_t commands, syncs, atc_commands, dropped, overreach;
};

enum reference_reason { REFERENCE_CLEANED, REFERENCE_LEAVES_GONE, REFERENCE_TABLES_GONE };

/** The vendor's `range` rule over the bytes; `unit_lg2`: the u of smmu without range invalidation. */
void reference_flush_range(struct reference_machine *machine, const struct reference_domain *domain,
                           struct reference_range range, enum reference_reason reason, unsigned unit_lg2,
                           struct reference_flush *flush);
/** Entries and pointers of the domain; `all`: of every domain. Counts no command. */
void reference_drop_domain(struct reference_machine *machine, const struct reference_domain *domain, bool all,
                           struct reference_flush *flush);
/** One flush over the dirty leaves of the window, as harvest.flush says; `count_only`: what it would send,
 * nothing happens. */
struct reference_flush reference_flush_dirty(struct reference_machine *machine,
                                             const struct reference_domain *domain,
                                             const struct reference_window *window, bool count_only);
/** "the smallest naturally aligned power-of-two block holding the range"; *lg2 is 64 for everything. */
struct reference_range reference_power_of_two_cover(struct reference_range range, unsigned *lg2);
/** Add to the columns of unmaps. */
void reference_count_unmap_flush(struct reference_machine *machine, const struct reference_flush *flush);
unsigned reference_smallest_lg2(const struct reference_machine *machine);

/* ---- reference_request.c: sections 4 and 5 ---- */

struct reference_answer reference_ask(struct reference_machine *machine,
                                      const struct reference_access *access);

/* ---- reference_ats.c: section 10 ---- */

/** One request for the page that holds the address, with ATS or without. */
void reference_request(struct reference_machine *machine, const struct reference_access *access);
/** "Every invalidation also sends each device of the domain one command for the power-of-two cover of its
 * range"; [0, UINT64_MAX] empties the ATCs. */
void reference_atc_invalidate(struct reference_machine *machine, const struct reference_domain *domain,
                              struct reference_range range, struct reference_flush *flush);

/* ---- reference_harvest.c: section 7 ---- */

void reference_start(struct reference_machine *machine);
void reference_stop(struct reference_machine *machine);
void reference_disable(struct reference_machine *machine);
/** The row of a harvest that begins now, and its end. */
struct interval reference_begin_row(struct reference_machine *machine, uint64_t time_ns);
void reference_end_row(struct reference_machine *machine, const struct interval *row);
/** Visit the tables and slots of a window. */
void reference_scan_tables(const struct reference_machine *machine, const struct reference_domain *domain,
                           struct reference_range range, struct reference_window *window);
void reference_add_dirty(struct reference_window *window, struct reference_leaf *leaf);
/** The windows of a range, one after another: true and the next one, or false. Start with *window empty:
 * first > last. */
bool reference_next_window(const struct reference_machine *machine, struct reference_range range,
                           struct reference_range *window);
void reference_count_harvest_flush(struct reference_machine *machine, const struct reference_flush *flush,
                                   struct interval *row);
/** One harvest, with its row; `time_ns` is relative to the first record. */
void reference_harvest(struct reference_machine *machine, uint64_t time_ns);
/** harvest.before_unmap: read `range` before it is unmapped. */
void reference_read_before_unmap(struct reference_machine *machine, struct reference_domain *domain,
                                 struct reference_range range);

/** "visits each tracked range once": toggle_scanned_entries. */
void reference_toggle_scan(struct reference_machine *machine, const struct reference_domain *domain);
void reference_count_toggle_flush(struct reference_machine *machine, const struct reference_flush *flush);

/* ---- reference_protect.c: write-protect (9) ---- */

/** The start, or the stop, of one domain. */
void reference_protect(struct reference_machine *machine, struct reference_domain *domain, bool enable);
/** Software takes the right to write away, or gives it back. */
void reference_set_protection(const struct reference_machine *machine, struct reference_leaf *leaf,
                              bool enable);
/** A write met this leaf and may not pass: false if the fault is no recoverable one, else the request must
 * restart. */
bool reference_recover(struct reference_machine *machine, struct reference_leaf *leaf);

/* ---- reference_device_log.c: method device (9) ---- */

/** Tracking starts: what is mapped now. */
void reference_device_logs_start(struct reference_machine *machine, struct reference_domain *domain);
/** A write succeeded on a tracked page. */
void reference_device_log_write(struct reference_machine *machine, const struct reference_access *access);
/** Reports the logged blocks' pages in these ranges. */
void reference_device_logs_read(const struct reference_machine *machine, struct reference_domain *domain,
                                const struct reference_range_list *ranges);
/** A harvest has read the logs of the domain: counts them, empties them. */
void reference_device_logs_drain(struct reference_machine *machine, const struct reference_domain *domain);

/* ---- reference_ring.c: method log (9) ---- */

/* How a harvest finds dirty leaves. */
enum reference_reading {
    REFERENCE_SCAN,   /* in the tables */
    REFERENCE_RING,   /* in the ring */
    REFERENCE_UNREAD, /* software knows them */
    REFERENCE_NO_LEAVES
};

enum reference_reading reference_reading_of(const struct reference_machine *machine,
                                            const struct reference_domain *domain);
/** Hardware has made a leaf dirty. */
void reference_ring_append(struct reference_machine *machine, struct reference_domain *domain, uint64_t iova);
bool reference_ring_holds(const struct reference_domain *domain, uint64_t iova);
/** A harvest has read the ring of the domain: counts it, empties it. */
void reference_ring_drain(struct reference_machine *machine, struct reference_domain *domain);

/* ---- reference_split.c: section 14 ---- */

/** lg2 of tracking.split_size. */
unsigned reference_split_lg2(const struct reference_machine *machine);
/** `start`: the leaves of the domain, and its flush. */
void reference_split_at_start(struct reference_machine *machine, struct reference_domain *domain);
/** `dirty`: the leaves harvested in the window. Its pointers to leaves end. */
void reference_split_harvested(struct reference_machine *machine, struct reference_domain *domain,
                               struct reference_window *window);

/* ---- reference.c ---- */

/** While a harvest is under way: the records before a step at this time. */
void reference_replay_before(struct reference_machine *machine, reference_wide ps);

/* ---- reference_timed.c: section 13 ---- */

/** A harvest that begins at a deadline or trigger, or at the end of the one before if later, to its end; with
 * what a stop that came meanwhile left to do. */
void reference_timed_harvest(struct reference_machine *machine, uint64_t time_ns);
/** The stop, when no harvest is under way, or when one is. */
void reference_timed_stop(struct reference_machine *machine);
void reference_timed_stop_meanwhile(struct reference_machine *machine);

/* ---- reference_migration.c: section 11 ---- */

/** Round 0 begins: the first deadline. */
void reference_migration_start(struct reference_machine *machine);
/** The harvest at the deadline has reported so many pages: another round, or the stop. */
void reference_migration_next(struct reference_machine *machine, uint64_t reported_pages);

/* ---- reference_judge.c: section 8 ---- */

/** A write succeeded on this page. */
void reference_write_succeeds(struct reference_machine *machine, const struct reference_access *access);
bool reference_holds_truth(const struct reference_leaf *leaf);
/** The leaf's pages in this range are in R. */
void reference_report(struct reference_leaf *leaf, struct reference_range range);
/** All mapped pages in this range are in R. */
void reference_report_mapped(struct reference_domain *domain, struct reference_range range);
/** "a reported page reports all tracked pages of its granule-aligned block", but of those only pages in
 * `pieces` (NULL: all). */
void reference_spread_granule(const struct reference_machine *machine, struct reference_domain *domain,
                              const struct reference_range_list *pieces);
/** Compares R with T and W of the domain and adds to the row and the metrics; T, W and R become what the
 * harvest, or with `before_unmap` the read before an unmap, makes of them. */
void reference_count_false(struct reference_machine *machine, const struct reference_domain *domain,
                           const struct reference_leaf *leaf);
void reference_judge(struct reference_machine *machine, struct reference_domain *domain, bool before_unmap,
                     struct interval *row);
/** T at the end of the run. */
void reference_lost(struct reference_machine *machine);

#endif
