/* One cell in motion: its caches, its vendor's commands, its counters. Cells that may share a ledger run as
 * one group (sim/engine/group.h), which tells each cell what happens. */
#ifndef SIM_ENGINE_CELL_H
#define SIM_ENGINE_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/iommu/iommu.h"
#include "sim/cache/iotlb.h"
#include "sim/engine/judge.h"
#include "sim/state/ledger.h"
#include "sim/engine/pass.h"
#include "sim/engine/requests.h"
#include "sim/cache/walk_cache.h"

struct cell {
    const struct cell_config *config;
    const struct iommu_vendor *vendor;
    struct iommu_config iommu;
    struct ledger *ledger; /* shared by the group */
    struct iotlb iotlb;
    struct walk_cache walk_cache;
    struct metrics metrics;
    struct pass_result *result;
    uint64_t misses_at_interval; /* iotlb_misses at the previous row of intervals.csv */
    uint64_t interval_commands;  /* flush commands of the harvest under way */
    bool keeps_intervals;
    uint64_t hits[REQUESTS_MAX / 64];
    uint32_t misses[REQUESTS_MAX];
};

/* Requests on mapped pages, and where among them those stand that meet no leaf. */
struct cell_requests {
    const uint32_t *page_keys; /* dense page << 1 | write */
    const uint32_t *leaf_keys; /* head << 1 | write */
    const uint32_t *numbers;   /* low bits of iova >> lg2 of the leaf */
    size_t count;
    const uint64_t *no_insert;  /* writes that the leaf forbids; NULL: none */
    const uint32_t *fault_keys; /* page keys of requests without a leaf */
    const uint32_t *fault_at;   /* how many of the requests above came before */
    size_t fault_count;
};

bool cell_init(struct cell *cell, const struct cell_config *config, struct ledger *ledger,
               struct pass_result *result, bool keeps_intervals, struct error *error);
void cell_free(struct cell *cell);

/** Make room for the tiles and nodes that the ledger has now. */
bool cell_reserve(struct cell *cell, struct error *error);

/** Translate requests through IOTLB and walk caches (semantics.md 4.1-4.3, 5). `hits` of the cell says which
 * hit. */
void cell_translate(struct cell *cell, const struct cell_requests *requests);

/** Count the rechecks among writes that found their leaf managed and clean: those that hit (4.4). */
void cell_recheck(struct cell *cell, const uint64_t *dirtied, size_t count);

/** Flush after a harvest window, or after the clear at start (semantics.md 7). */
void cell_flush(struct cell *cell, const struct window *window, bool at_start);

/** Switch hardware tracking on or off for `devices` devices: the enable row, and for ARM dynamic the DBM
 * walk. */
void cell_toggle(struct cell *cell, uint64_t devices);

/** A harvest is over. */
bool cell_harvested(struct cell *cell, const struct harvest_report *report, uint64_t time_ns,
                    uint64_t records, struct error *error);

/** Everything that is known only at the end: ledger's counters, evictions, costs (semantics.md 12). */
void cell_finish(struct cell *cell, uint64_t lost_pages);

#endif
