/* One cell in motion: its caches, its vendor's commands, its counters. Cells whose tables and pages provably go the
 * same way run as one cohort (sim/engine/cohort.h), which tells each cell what happens. */
#ifndef SIM_ENGINE_CELL_H
#define SIM_ENGINE_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/cache/atcs.h"
#include "sim/cache/ghosts.h"
#include "sim/cache/iotlb.h"
#include "sim/cache/walk_cache.h"
#include "sim/engine/pass.h"
#include "sim/engine/requests.h"
#include "sim/iommu/iommu.h"
#include "sim/state/leaves.h"

/* What a row of intervals counts from. */
struct leaves_marks {
    uint64_t records;       /* replayed so far */
    uint64_t written_pages; /* since the previous row */
};

/* What an IOTLB entry holds besides its translation (semantics.md 4.4). */
enum {
    ENTRY_WRITES_PASS = 1 << 0,
    ENTRY_MANAGED = 1 << 1 /* hardware managed the leaf when the entry was filled */
};

struct cell {
    const struct cell_config *config;
    const struct iommu_vendor *vendor;
    struct iommu_config iommu;
    struct leaves *leaves;    /* shared by the cohort */
    struct tile_index *tiles; /* the same */
    struct iotlb iotlb;
    struct walk_cache walk_cache;
    struct metrics metrics;
    struct pass_result *result;
    uint64_t misses_at_interval; /* iotlb_misses at the previous row of intervals.csv */
    uint64_t interval_misses;    /* of the row that its harvest will add */
    uint64_t interval_commands;  /* flush commands of the harvest under way */
    bool keeps_intervals;

    /* Only where entries can differ from what their leaves say now (leaves_depend_on_caches). */
    bool keeps_contents;
    uint8_t *contents; /* ENTRY_ bits per head */
    size_t contents_capacity;
    struct ghosts ghosts;

    const struct window_marks *marks; /* per tile, of the timed harvest under way; NULL: none is */
    struct atcs *atcs;  /* with ATS; else NULL */
    bool keeps_outputs; /* ATCs remember output addresses: somebody will look */

    uint64_t hits[REQUESTS_MAX / 64];
    uint32_t misses[2 * REQUESTS_MAX]; /* those that fault miss once more */
};

/* Requests that all meet a leaf that lets them pass. */
struct cell_requests {
    const uint32_t *page_keys; /* dense page << 1 | write */
    const uint32_t *leaf_keys; /* head << 1 | write */
    const uint32_t *numbers;   /* low bits of iova >> lg2 of the leaf */
    size_t count;
};

bool cell_init(struct cell *cell, const struct cell_config *config, struct leaves *leaves,
               struct tile_index *tiles, bool keeps_contents, struct pass_result *result,
               bool keeps_intervals, struct error *error);
/** With ATS: `devices` are attached to each domain. */
bool cell_init_atcs(struct cell *cell, uint64_t devices, struct error *error);
void cell_free(struct cell *cell);

/** Make room for the tiles and nodes that there are now. */
bool cell_reserve(struct cell *cell, struct error *error);

/** Translate requests through IOTLB and walk caches (semantics.md 4.1-4.3, 5); only where no entry or pointer
 *  can be stale. `hits` of the cell says which hit. `faulted` (may be NULL): bits of writes that found their leaf
 *  protected, fault recoverably and miss once more (9). */
void cell_translate(struct cell *cell, const struct cell_requests *requests, const uint64_t *faulted);

/** Count the rechecks among writes that found their leaf managed and clean: those that hit (4.4). */
void cell_recheck(struct cell *cell, const uint64_t *dirtied, size_t count);

/* What an entry of a cell's IOTLB translates. */
struct identity {
    uint32_t domain;
    struct span span;
    unsigned lg2; /* of its bytes */
};
struct identity cell_identity(const struct cell *cell, uint32_t tag);

/** Fill `contents` of what is cached from what the leaves say, where nothing can differ yet, and keep it from now on. */
bool cell_keep_contents(struct cell *cell, struct error *error);

/** One request, in order, by the letter of semantics.md 4 and 5, on the same state (sim/engine/request.c). `key`:
 *  dense page << 1 | write. */
void cell_request(struct cell *cell, uint32_t key);

/** The same for a request of a device with an ATC (semantics.md 10, sim/engine/cell_ats.c); `op`: of its record. */
void cell_request_ats(struct cell *cell, uint32_t key, uint16_t device, enum trace_op op);
/** What invalidations do to the ATCs of a domain, if there are any and software tells them: drop what overlaps a span,
 *  or everything; `commands` to each device of one domain. */
void cell_ats_drop(struct cell *cell, uint32_t domain, struct span span);
void cell_ats_drop_all(struct cell *cell, uint32_t domain);
uint64_t cell_ats_commands(const struct cell *cell, uint64_t to_each);
void cell_ats_count(struct cell *cell, uint64_t to_each);

/* A harvest window in which leaves were dirty (sim/engine/harvest.h). */
struct window;

/* What flushing after it issues. */
struct flush_size {
    uint64_t commands, syncs, atc_commands;
};
struct flush_size cell_flush_size(const struct cell *cell, const struct window *window);

/** Flush after a harvest window, or after the clear at start (semantics.md 7), before its leaves are cleaned. */
void cell_flush(struct cell *cell, const struct window *window, bool at_start);

/** The flush after leaves of a domain were split at the start (semantics.md 14). */
void cell_flush_split(struct cell *cell, uint32_t domain);

/** After an unmap or a map that freed tables, before the leaves are forgotten: flush at once; or keep what the
 *  caches hold of them as ghosts; this also where leaves are split. */
void cell_flush_change(struct cell *cell, uint32_t domain, const struct iommu_change *change);
bool cell_keep_ghosts(struct cell *cell, uint32_t domain, const struct tables_change *change,
                      struct error *error);
/** The flush that deferred unmaps of a domain wait for. */
void cell_flush_deferred(struct cell *cell, uint32_t domain);

/** Switch tracking by hardware on or off for `devices` devices in each of `domains` domains, or flush these after
 *  leaves were made read-only or writable. */
void cell_toggle(struct cell *cell, uint64_t devices, uint64_t domains, bool enable);

/** A harvest begins: what the row of intervals counts since the previous one ends here. */
void cell_begin_row(struct cell *cell);
/** It is over: its counts, and the row. */
struct harvest_report;
void cell_count_report(struct cell *cell, const struct harvest_report *report);
bool cell_harvested(struct cell *cell, const struct harvest_report *report, uint64_t time_ns,
                    const struct leaves_marks *since, struct error *error);

/** Everything that is known only at the end: counters of the leaves, evictions, costs (semantics.md 12). */
void cell_finish(struct cell *cell, uint64_t lost_pages);

#endif
