/* The ledger: what the page tables of a cell say about every page that the trace touches, and the truth
 * (semantics.md 3, 4, 6, 8).
 *
 * One byte per touched 4 KiB page in tiles (sim/state/tile.h). Page bits stand in the page's own byte; leaf bits in
 * the byte of the leaf's *head*: its first page, or page 0 of the first touched tile of a leaf of 2 MiB and
 * more. The head's dense page number also names the leaf in IOTLBs. Entry images are made from these bits on
 * demand.
 *
 * Nothing here depends on what an IOTLB caches as long as every cleaned leaf is flushed: then the first write
 * since the last clean sets D, whether it hits or misses, and the first access since the start sets A. So
 * cells that differ only in caches, flush commands and costs share one ledger (sim/engine/group.h), and only `flush:
 * none` needs to know hits (bit PAGE_PASS). */
#ifndef SIM_STATE_LEDGER_H
#define SIM_STATE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/state/layout.h"
#include "sim/base/number_map.h"
#include "sim/state/page_mask.h"
#include "sim/state/tile.h"

enum {
    PAGE_TRUE = 1 << 0,     /* page: in T; set for ever on untracked pages, which cannot enter T */
    PAGE_MISSED = 1 << 1,   /* page: in T and missed by a harvest since it entered */
    PAGE_DIRTY = 1 << 2,    /* leaf: dirty in the table; set for ever where hardware does not manage a leaf */
    PAGE_PASS = 1 << 3,     /* leaf: writes_pass of its IOTLB entry, if one is cached; with needs_hits only */
    PAGE_ACCESSED = 1 << 4, /* leaf: A */
    PAGE_BORN = 1 << 5,     /* leaf: dirty since its map */
    PAGE_MAPPED = 1 << 6,   /* page: mapped */
    PAGE_UNTRACKED = 1 << 7 /* page: outside the tracked ranges */
};

#define LEDGER_NO_NODE UINT32_MAX

/* Where a walk starts looking, packed for the hot path: level of the first pointer, and its node. */
enum { WALK_NODE_BITS = 28, WALK_NODE_NONE = (1 << WALK_NODE_BITS) - 1, WALK_BEYOND = 15 };

/* Table pointers that walks over touched tiles read, per level of the entry that holds them. */
struct ledger_nodes {
    uint64_t *key;    /* iova >> bits covered by one entry at this level */
    uint32_t *parent; /* index one level up, LEDGER_NO_NODE above the root */
    size_t count, key_capacity, parent_capacity;
};

enum ledger_phase { PHASE_BEFORE, PHASE_TRACKING, PHASE_AFTER };

/* A tile by address. */
struct ledger_place {
    uint64_t number; /* iova >> TILE_LG2 */
    uint32_t id;
};

struct ledger_tile {
    uint64_t number;    /* iova >> TILE_LG2 */
    uint32_t head_base; /* head of page p of the tile = head_base + (p & head_mask) */
    uint16_t head_mask; /* 0 for a leaf of 2 MiB and more */
    uint8_t leaf_lg2;   /* 0: no leaf */
    uint8_t level;      /* of the entry at which a walk ends; walks start one above */
    uint32_t node;      /* pointer at level + 1, LEDGER_NO_NODE if that is above the root */
    bool plain;         /* every page is mapped */
    bool beyond;        /* beyond the IOVA width: no walk */
};

struct ledger {
    const struct cell_config *config;
    struct layout layout;
    struct span_list ranges;  /* tracked ranges, cut at the IOVA width, or the mapped runs */
    struct span_list tracked; /* ranges ∩ mapped */
    uint64_t tracked_pages;
    uint64_t visit_entries, visit_tables; /* slots and tables that visiting each range once counts */
    uint64_t scan_entries, scan_tables;   /* the same in harvest.chunk windows */
    uint64_t covered_leaves;              /* leaves that overlap a range */

    /* Decided by probing the format (semantics.md 6). */
    bool managed;        /* hardware sets D while tracking is on */
    bool static_dbm;     /* ARM static: leaves have DBM=1 and are dirty from birth, HTTU is never switched */
    bool sets_accessed;  /* hardware sets A while tracking is on */
    bool forbids_writes; /* DBM=1 without HTTU: a write to a clean leaf faults */

    enum ledger_phase phase;
    uint8_t touch_mask[2];  /* bits that a read, a write sets now */
    bool steps;             /* whether the masks can change anything in this phase */
    bool needs_hits;        /* flush: none, or forbids_writes: what is cached matters */
    bool born_dirty_inside; /* covered untouched leaves are still dirty since their map */
    bool harvested;         /* at least one harvest has been */

    uint32_t tile_count;
    struct ledger_tile *tiles;
    uint8_t *state;             /* TILE_PAGES bytes per tile */
    uint8_t *active;            /* per tile: may hold T pages or dirty heads */
    struct page_mask *snapshot; /* no_clear: heads dirty at the last harvest */
    uint32_t *walk_start;       /* per tile: level << WALK_NODE_BITS | node */
    uint32_t *order;            /* tiles in ascending address order */
    uint32_t ordered;
    struct ledger_place *listed; /* by ledger_list_active */
    size_t listed_count, listed_capacity;
    size_t tiles_capacity, state_capacity, active_capacity, snapshot_capacity, order_capacity,
        walk_start_capacity;
    bool all_plain;       /* no touched tile has an unmapped page */
    bool one_page_leaves; /* every touched tile maps 4 KiB leaves: a page is its own head */
    struct ledger_nodes nodes[PT_LEVELS_MAX];
    struct number_map node_index[PT_LEVELS_MAX]; /* key → index into nodes */
    struct number_map leaf_tile;                 /* leaf above 2 MiB (its iova) → first touched tile */

    uint64_t true_count; /* |T| */
    uint64_t truth_pages, dirty_updates, access_updates;
    uint64_t reported_truth; /* |T| at the last harvest, for `exact` with no_clear */
};

/** Lay out the map calls and compute what harvests will count. `config` must outlive the ledger. */
bool ledger_init(struct ledger *ledger, const struct cell_config *config, const struct config_region *calls,
                 size_t call_count, struct error *error);
void ledger_free(struct ledger *ledger);

/** Whether two cells can share a ledger whatever their caches do. */
bool ledger_shareable(const struct cell_config *a, const struct cell_config *b);

/** Take in tiles that the trace touches for the first time: ids from tile_count on. */
bool ledger_add_tiles(struct ledger *ledger, const uint64_t *numbers, size_t count, struct error *error);

/** Tracking starts or stops: the masks change, and for ARM dynamic the entries. */
void ledger_enter(struct ledger *ledger, enum ledger_phase phase);

/** Apply requests: page keys (dense page << 1 | write) and leaf keys (head << 1 | write; may be the same
 * array). `hits` is a bit per request, needed with needs_hits only. Sets the bits of `dirtied`, zeroed by the
 * caller, of writes that recheck the leaf entry if they hit (semantics.md 4.4). */
void ledger_step(struct ledger *ledger, const uint32_t *page_keys, const uint32_t *leaf_keys, size_t count,
                 const uint64_t *hits, uint64_t *dirtied);

/** Whether writes to clean leaves fault now (facts of ARM: HD off, DBM=1, read-only "writable clean"). */
bool ledger_forbids(const struct ledger *ledger);

/** Instead of ledger_step while ledger_forbids: returns how many of the writes fault. */
uint64_t ledger_step_forbidding(struct ledger *ledger, const uint32_t *page_keys, const uint32_t *leaf_keys,
                                size_t count, const uint64_t *hits);

/** Tiles in ascending address order (ledger->order). */
bool ledger_sort_tiles(struct ledger *ledger, struct error *error);

/** Active tiles in ascending address order (ledger->listed); the flags stay as they are. */
bool ledger_list_active(struct ledger *ledger, struct error *error);

/** First and last byte of the leaf with this head. */
static inline struct span ledger_leaf_span(const struct ledger *ledger, uint32_t head)
{
    const struct ledger_tile *tile = &ledger->tiles[head >> TILE_PAGES_LG2];
    uint64_t mask = (UINT64_C(1) << tile->leaf_lg2) - 1;
    uint64_t address = tile->number << TILE_LG2 | (uint64_t)(head & (TILE_PAGES - 1)) << PAGE_LG2;
    return (struct span){address & ~mask, address | mask};
}

/** The image of the leaf entry that maps `iova`, as the tables hold it now. False: no leaf there. */
bool ledger_leaf_entry(const struct ledger *ledger, uint64_t iova, uint64_t *entry);

#endif
