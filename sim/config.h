/* One fully resolved cell: what every key of interface.md 2 is after parsing. Names have become pointers and
 * integers, sizes are bytes, times nanoseconds, costs picoseconds. Whoever fills it (configs/) has checked
 * ranges; sim/ relies on that and asserts. */
#ifndef SIM_CONFIG_H
#define SIM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pt_format;
struct mapping_source;
struct tracking_method;
struct harvest_policy;

enum { CONFIG_REGIONS_MAX = 65536 };

struct config_region {
    uint64_t iova, bytes, address;
};

enum domains { DOMAINS_SHARED, DOMAINS_PER_DEVICE };
enum pde { PDE_FREED, PDE_ALWAYS };
enum ril_cut { RIL_LOOP, RIL_PAIR };
enum conflicts { CONFLICTS_ERROR, CONFLICTS_COUNT };
enum unmap_flush { UNMAP_STRICT, UNMAP_DEFERRED, UNMAP_NONE };
enum free_tables { FREE_COVERED, FREE_EMPTY };
enum dbm { DBM_STATIC, DBM_DYNAMIC, DBM_OFF };
enum replacement { REPLACEMENT_LRU, REPLACEMENT_FIFO, REPLACEMENT_PLRU, REPLACEMENT_RANDOM };
enum flush_mode { FLUSH_NONE, FLUSH_RANGE, FLUSH_LEAF, FLUSH_DOMAIN, FLUSH_GLOBAL };
enum split { SPLIT_NONE, SPLIT_START, SPLIT_DIRTY };
enum timing { TIMING_INSTANT, TIMING_TIMED };
enum copy { COPY_AFTER_FLUSH, COPY_AT_READ };
enum device_ranges { DEVICE_LIVE, DEVICE_START };
enum log_overflow { LOG_SCAN, LOG_ALL };

/* Picoseconds per event (semantics.md 12). */
#define COST_KEYS(X)                                                                                         \
    X(walk_read)                                                                                             \
    X(walk_cache_hit) X(iotlb_hit) X(atc_miss) X(ad_update) X(scan_entry) X(clear_entry) X(report_page)      \
        X(command) X(sync) X(context_update) X(atc_command) X(fault) X(log_read) X(split_entry)
#define COST_MEMBER(name) uint64_t name##_ps;
struct cost_model {
    COST_KEYS(COST_MEMBER)
};

struct cell_config {
    uint64_t limit_records;     /* UINT64_MAX: none */
    enum domains domains;
    uint64_t max_payload_bytes; /* power of two, 128 ... 4096 */

    struct {
        const struct pt_format *model;
        unsigned levels; /* 0 where the granule decides */
        uint64_t granule_bytes;
        enum dbm dbm;
        bool ha, hd, ril;
        enum ril_cut ril_cut;
        unsigned address_bits; /* smmu: of IOVAs, 32 ... 48 */
        enum pde pde;
        unsigned mamv;
    } iommu;

    struct {
        const struct mapping_source *source;
        struct config_region *regions; /* owned; ascending after resolving, disjoint */
        size_t region_count;
        uint64_t page_sizes; /* bit n: leaves of 2^n bytes may be used; not 0 */
        uint64_t extent_bytes;
        enum conflicts conflicts;
        enum unmap_flush unmap_flush;
        enum free_tables free_tables;
    } mapping;

    struct {
        uint64_t entries, ways; /* ways 0: fully associative; entries 0: no IOTLB */
        enum replacement replacement;
    } iotlb;

    struct {
        uint64_t entries, ways; /* per level; entries 0: off; ways 0: fully associative */
    } walk_cache;

    struct {
        bool enabled;
        uint64_t entries, ways; /* of each device; ways 0: fully associative; entries 0: nothing is kept */
        bool no_write, invalidate;
    } ats;

    struct {
        const struct tracking_method *method;
        uint64_t start_ns;
        bool has_stop;
        uint64_t stop_ns;
        struct config_region *ranges; /* owned; iova and bytes only; NULL: every mapped page */
        size_t range_count;
        bool clear_on_start;
        enum split split;
        uint64_t split_size_bytes; /* 0: the smallest plain size */
    } tracking;

    struct {
        const struct harvest_policy *policy;
        uint64_t interval_ns, count;
        enum flush_mode flush;
        uint64_t granule_bytes;
        uint64_t chunk_bytes; /* 0: the whole range */
        bool no_clear, before_unmap, final;
        enum timing timing;
        enum copy copy;
        uint64_t link_rate; /* bytes/s */
        uint64_t downtime_limit_ns, downtime_fixed_ns;
        uint64_t max_rounds;
    } harvest;

    struct {
        uint64_t granule_bytes;
        enum device_ranges ranges;
    } device;

    struct {
        uint64_t entries;
        enum log_overflow overflow;
    } log;

    struct cost_model cost;
    uint64_t seed;
};

/** Free what the config owns. */
void cell_config_free(struct cell_config *config);

/** May the cells share page tables, leaf state, truth and schedule? True if all keys are equal that are not
 *  marked private to a cell (sim/base/key_row.h); regions and ranges are compared by content. It looks at keys
 *  alone: caches can tell cells apart as well where stale entries matter, which the engine has to know. */
bool config_same_tables(const struct cell_config *a, const struct cell_config *b);

/** The same, and do the same requests and invalidations reach their IOTLBs at the same times? True if all keys are equal
 *  but sizes and prices (KEY_PRIVATE_SAME_TRAFFIC). */
bool config_same_traffic(const struct cell_config *a, const struct cell_config *b);

/** Is the model one of that vendor ("amd")? For rows of keys. */
bool config_vendor_is(const struct cell_config *config, const char *vendor);

#endif
