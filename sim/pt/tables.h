/* The tables of one domain: which leaves and tables exist, how they change, and what a scan of them counts
 * (semantics.md 3 and 7).
 *
 * Leaves are kept as runs of equal neighbours in an ordered map, so that 64 TiB of 4 KiB leaves are one node and
 * a map or unmap costs O(log runs + levels). A table exists because leaves lie below it, which the runs say, or
 * although none does any more, which a set of spans per level says. Nothing here knows the trace. */
#ifndef SIM_PT_TABLES_H
#define SIM_PT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/span.h"
#include "sim/config.h"
#include "sim/iommu/iommu.h"
#include "sim/pt/pt.h"

struct tables;

/* Leaves of 2^lg2 bytes, side by side, mapped to iova + shift (mod 2^64). */
struct leaf_run {
    struct span span;
    uint64_t shift;
    uint8_t lg2;
    uint8_t level;
    uint8_t leaf; /* LEAF_ bits with cause: of its leaves, as long as nobody keeps them elsewhere */
};

/* How tables_map lets leaves be born. */
struct tables_birth {
    uint8_t leaf[2];                /* LEAF_ bits: of a leaf that overlaps no tracked range, of one that does */
    const struct span_list *ranges; /* tracked ranges (they may touch); NULL: every leaf is tracked */
};

/* What a map or unmap did. The arrays are reused from call to call; tables_change_free. */
struct tables_change {
    struct leaf_run *runs; /* leaves installed or removed, ascending, as they were born or last known here */
    size_t run_count, run_capacity;
    struct iommu_gone *leaves; /* unmap: maximal runs of adjacent removed blocks, one entry size each; what a
                                  topmost freed table covered is one block of its span (semantics.md 7) */
    size_t leaf_count, leaf_capacity;
    struct iommu_gone *tables; /* freed ones that lie in no other freed one, ascending */
    size_t table_count, table_capacity;
    struct span hull;      /* unmap: of the request, the leaves removed and, under free_tables: empty, the
                              spans of the tables freed; map: of the spans of the tables freed */
    uint64_t leaves_count; /* leaves installed or removed */
    uint64_t overreach;    /* unmap: leaves that the request cut */
};

/* What splits did. */
struct split_count {
    uint64_t leaves, parts; /* split, and what they became */
    uint64_t tables;        /* made for that */
    uint64_t entries;       /* written: all slots of those, and the entries that the leaves had */
};

/* Counts that are kept up with every change. */
struct tables_count {
    uint64_t leaves;                        /* now */
    uint64_t tables, table_bytes;           /* now; the root counts from the beginning */
    uint64_t scan_entries, scan_tables;     /* what visiting every maximal run of mapped pages once, each as one
                                               window, counts: slots and tables */
    uint64_t sizes_used;                    /* bit n: leaves of 2^n bytes have ever been mapped */
};

/** Empty tables: a root. `sizes`: bit n, leaves of 2^n bytes may be used. `frees_blocks_only`: no table is freed
 *  whose span is no plain leaf size (smmu, semantics.md 3). NULL: memory. */
struct tables *tables_new(const struct pt_geometry *geometry, uint64_t sizes, enum free_tables free_tables,
                          bool frees_blocks_only, struct error *error);
struct tables *tables_copy(const struct tables *tables, struct error *error);
void tables_free(struct tables *tables);
void tables_change_free(struct tables_change *change);
const struct tables_count *tables_count(const struct tables *tables);

/** One map call of a free span to `address`: both multiples of the smallest size, output and IOVA checked by the
 *  caller. False: memory; the tables may then only be freed. */
bool tables_map(struct tables *tables, struct span span, uint64_t address, const struct tables_birth *birth,
                struct tables_change *change, struct error *error);
/** Remove every leaf that overlaps the span, whole, and free tables by the policy. Without such a leaf nothing
 *  happens and change->leaves_count is 0. */
bool tables_unmap(struct tables *tables, struct span span, struct tables_change *change, struct error *error);

/** Replace every leaf larger than 2^lg2 bytes, a plain size, that overlaps one of the spans by leaves of that size, in
 *  new tables where it takes some, with the same outputs and LEAF_ bits. What was split is in change->runs; adds to
 *  *split. Costs O(runs * log runs), however many leaves they are. */
bool tables_split(struct tables *tables, const struct span_list *spans, unsigned lg2,
                  struct tables_change *change, struct split_count *split, struct error *error);
/** What visiting the tables made for the leaves `whole`, split to 2^lg2 bytes, counts in a window that overlaps them.
 *  Adds to both. */
void tables_split_scan(const struct pt_geometry *geometry, const struct leaf_run *whole, unsigned lg2,
                       struct span window, uint64_t *entries, uint64_t *table_count);

/** The run that maps `iova`, or NULL. Runs stay where they are until the next change. */
const struct leaf_run *tables_find(const struct tables *tables, uint64_t iova);
/** The first run that ends at or after `iova`, or NULL; the run after another, or NULL. */
const struct leaf_run *tables_lower(const struct tables *tables, uint64_t iova);
const struct leaf_run *tables_next(const struct leaf_run *run);
/** The first maximal run of mapped pages that ends at or after `iova`. False: there is none. */
bool tables_mapped_lower(const struct tables *tables, uint64_t iova, struct span *mapped);
/** Number of maximal runs of mapped pages, and of pages in them. */
uint64_t tables_mapped_runs(const struct tables *tables);
uint64_t tables_mapped_pages(const struct tables *tables);

/** The level of the entry at which a walk for `iova` ends: the leaf's, or that of the absent entry. */
unsigned tables_terminal_level(const struct tables *tables, uint64_t iova);
/** Is there a table at `level` whose span holds `iova`? */
bool tables_exists(const struct tables *tables, unsigned level, uint64_t iova);

/** Tables at `level`, below the root, that have no leaves below them: the span of the first of them that ends at or
 *  after `iova`, and of those right behind it. False: there is none. */
bool tables_empty_lower(const struct tables *tables, unsigned level, uint64_t iova, struct span *empty);

/** What visiting every table that overlaps the window counts: entry slots and tables. Adds to both. Costs
 *  O(runs in the window * levels + log runs). */
void tables_scan(const struct tables *tables, struct span window, uint64_t *entries, uint64_t *table_count);
/** Entries that leaves overlapping any of the spans take, each leaf counted once; `leaves` (may be NULL) gets
 *  their number. Only writable leaves if `writable_only`. */
uint64_t tables_entries_in(const struct tables *tables, const struct span_list *spans, bool writable_only,
                           uint64_t *leaves);

/** The first run that has LEAF_DIRTY set, in no particular order, and the next; NULL at the end. */
const struct leaf_run *tables_first_dirty(const struct tables *tables);
const struct leaf_run *tables_next_dirty(const struct leaf_run *run);
/** Clear and set LEAF_ bits of all leaves that overlap the span; with `writable_only` of those that have
 *  LEAF_WRITABLE. Runs are split and joined as needed. */
bool tables_change_leaves(struct tables *tables, struct span span, uint8_t clear, uint8_t set,
                          bool writable_only, struct error *error);

#endif
