/* What the page tables of all domains say of the pages that the trace touches, and which of these pages DMA wrote
 * (semantics.md 3, 4, 6, 8).
 *
 * A state word per touched 4 KiB page, in tiles (sim/state/tile.h): PAGE_ bits are about the page and stand in its
 * own word; LEAF_ bits (sim/pt/pt.h) are about its leaf and stand, shifted by STATE_LEAF, in the word of the leaf's
 * *head*: its first page, or page 0 of one of the touched tiles of a leaf above 2 MiB. The head's dense page
 * number also names the leaf in IOTLBs. Of leaves that no touched tile stands for, the runs of sim/pt/tables.h hold
 * the LEAF_ bits. Entry images are made from these bits on demand. */
#ifndef SIM_STATE_LEAVES_H
#define SIM_STATE_LEAVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/number_map.h"
#include "sim/base/span.h"
#include "sim/config.h"
#include "sim/pt/pt.h"
#include "sim/pt/tables.h"
#include "sim/state/device_log.h"
#include "sim/state/page_mask.h"
#include "sim/state/tile.h"

/* A request shifts TRACKED and LEAF_MANAGED down to the bits that a write sets (leaves_step.c). */
enum {
    PAGE_MAPPED = 1 << 0,
    PAGE_IN_W = 1 << 1,     /* written since the last harvest */
    PAGE_IN_T = 1 << 2,     /* written and not reported since */
    PAGE_TRACKED = 3 << 3,  /* mapped and inside a tracked range: both bits or none, for what a write then sets */
    PAGE_MISSED = 1 << 5,   /* in T, and a harvest has missed it since it entered */
    PAGE_REPORTED = 1 << 6, /* by the last harvest; kept with no_clear only */
    PAGE_AT_START = 1 << 7, /* its address was mapped when tracking started; kept with device.ranges: start only */
    STATE_LEAF = 8          /* LEAF_ bits are shifted by this */
};
enum {
    STATE_DIRTY = LEAF_DIRTY << STATE_LEAF,
    STATE_MANAGED = LEAF_MANAGED << STATE_LEAF,
    STATE_ACCESSED = LEAF_ACCESSED << STATE_LEAF,
    STATE_WRITABLE = LEAF_WRITABLE << STATE_LEAF,
    STATE_CAUSE = LEAF_CAUSE << STATE_LEAF,
    STATE_OF_LEAF = 0xff << STATE_LEAF
};

/* Where a walk starts looking, packed for the hot path: level of the first pointer, and its node. */
enum { WALK_NODE_BITS = 28, WALK_NODE_NONE = (1 << WALK_NODE_BITS) - 1 };
#define NODE_NONE UINT32_MAX

/* Places of table pointers above touched tiles, per level of the entry that holds them; a table need not stand
 * there. */
struct nodes {
    uint64_t *key;    /* domain << (64 - TILE_LG2) | iova >> bits covered by one entry at this level */
    uint32_t *parent; /* index one level up, NODE_NONE above the root */
    size_t count, key_capacity, parent_capacity;
};

struct tile {
    uint64_t number;    /* iova >> TILE_LG2 */
    uint32_t domain;
    uint32_t head_base; /* head of page p of the tile = head_base + (p & head_mask), unless mixed */
    uint16_t head_mask; /* 0 for leaves of 2 MiB and more */
    uint16_t mapped;    /* pages */
    uint8_t leaf_lg2;   /* of its leaves; 0: none, or mixed */
    uint8_t level;      /* of its leaves' entries, where walks end; meaningless while nothing is mapped */
    bool beyond;        /* beyond the IOVA width: no walk */
    uint32_t node;      /* pointer place at level 1, NODE_NONE for a root alone */
    uint32_t mixed;     /* leaves of several sizes: index + 1 into mixed tables, else 0 */
};

/* A tile by address: ascending order is that of domains, then of addresses. */
struct tile_place {
    uint64_t key; /* domain << (64 - TILE_LG2) | number */
    uint32_t id;
};

struct domain {
    struct tables *tables;
    bool owns; /* else they are those of leaves->base, which domains share until they change them */
    uint64_t appended; /* method log: leaves that hardware appended to the domain's ring since it was drained, or would
                          have, had it not been full */
};

/* What visiting every tracked range of every domain once counts. */
struct leaves_scan {
    uint64_t entries, tables; /* slots and tables, in windows */
    bool valid;
};

struct leaves {
    const struct cell_config *config;
    const struct pt_format *format;
    struct pt_geometry geometry;
    bool hardware;      /* the method uses dirty tracking by hardware */
    bool keeps_rings;   /* and reads rings instead of tables */
    bool protection;    /* the method makes leaves read-only: those with LEAF_MANAGED, while they are clean */
    unsigned split_lg2; /* of the parts that leaves are split into; 0: none is */
    bool follows_trace;

    struct tables *base; /* shared by domains that own none; NULL with per-domain mappings */
    struct domain *domains;
    uint32_t domain_count;
    struct span_list ranges; /* tracked ranges cut at the IOVA width; touching ones stay apart */
    bool ranges_given;       /* else every mapped page is tracked */

    enum phase phase;
    struct pt_switches switches; /* now */
    uint16_t touch_bits;         /* set by every access: accessed bits */
    uint16_t write_bits;         /* TRACKED and MANAGED as far as a write now acts on them */
    uint8_t born[2][2];          /* LEAF_ bits of leaves mapped now: [writable][overlaps a tracked range] */

    uint32_t tile_count;
    struct tile *tiles;
    uint16_t *state;      /* TILE_PAGES words per tile */
    uint8_t *active;      /* [tile + 1]: written, dirtied or changed since the last harvest; [0] is a dummy */
    uint32_t *walk_start; /* per tile: level << WALK_NODE_BITS | node, while something is mapped */
    uint32_t *order;      /* tiles in ascending order */
    uint32_t ordered;
    uint8_t *mixed; /* TILE_PAGES sizes (lg2, 0: no leaf) per mixed tile */
    uint32_t *mixed_free;
    uint32_t mixed_count, mixed_free_count;
    size_t tiles_capacity, state_capacity, active_capacity, walk_start_capacity, order_capacity,
        mixed_capacity, mixed_free_capacity;
    bool all_plain;       /* every page of every touched tile is mapped read-write, no tile is mixed */
    bool one_page_leaves; /* every touched tile maps 4 KiB leaves only: a page is its own head */
    struct nodes nodes[PT_LEVELS_MAX];
    struct number_map node_index[PT_LEVELS_MAX]; /* key → index into nodes */
    struct number_map leaf_tile; /* domain and iova >> TILE_LG2 of a leaf above 2 MiB → tile of its head */

    struct tile_place *listed; /* by leaves_list_active */
    size_t listed_count, listed_capacity;
    struct span_list *last_reported; /* no_clear: spans of the last harvest outside tiles, per domain, or NULL */
    struct span_list *at_start; /* device.ranges: start: what was mapped then, per domain, or NULL */

    struct device_log *device_log; /* method device: what devices logged; else NULL */
    uint16_t device;               /* of the request under way, where somebody asks */

    /* What requests and changes count. */
    uint64_t true_count; /* |T| */
    uint64_t truth_pages, written_pages, dirty_updates, access_updates;
    uint64_t leaves_mapped, born_dirty_leaves, map_conflicts, unmap_overreach, unmapped_dirty_pages;
    struct split_count split;
    uint64_t table_bytes, table_bytes_peak; /* of all domains */
    struct leaves_scan scans[2];            /* as last computed: in windows, whole */
};

/* Map calls made before the first record. */
struct map_calls {
    struct config_region *calls;
    size_t count;
};
/** Map what is mapped before the first record: `calls[0]` in every domain, or with `call_lists` equal to
 *  `domain_count` a list for each. `config` must outlive the leaves. */
bool leaves_init(struct leaves *leaves, const struct cell_config *config, const struct map_calls *calls,
                 size_t call_lists, uint32_t domain_count, struct error *error);
void leaves_free(struct leaves *leaves);

/** Take in tiles that the trace touches for the first time: ids from tile_count on. */
bool leaves_add_tile(struct leaves *leaves, uint64_t number, uint32_t domain, struct error *error);

/** Tracking starts or stops: switches change, and entries if leaves_walks_entries. */
bool leaves_enter(struct leaves *leaves, enum phase phase, struct error *error);
/** Do start and stop rewrite every writable leaf that overlaps a tracked range (semantics.md 7, DBM walk, and 9)? */
bool leaves_walks_entries(const struct leaves *leaves);

/** Can what IOTLBs hold matter for anything but their own hits and misses? If not, the first write to a leaf since
 *  it was cleaned sets D whether it hits or misses, so cells that differ only in caches can share leaves, and
 *  requests may be taken in passes (leaves_step). It holds as long as every cleaned or removed leaf is flushed at
 *  once, and no clean leaf refuses writes. Write protection makes the first write fault whether it hits or misses;
 *  passes know what `lru` remembers of that. */
bool leaves_depend_on_caches(const struct cell_config *config);

/** Apply requests that all meet a leaf that lets them pass, without regard to caches: page keys (dense page << 1
 *  | write) and leaf keys (head << 1 | write; may be the same array). Sets the bits of `dirtied` (count bits) for
 *  writes that found their leaf managed and clean. */
void leaves_step(struct leaves *leaves, const uint32_t *page_keys, const uint32_t *leaf_keys, size_t count,
                 uint64_t *dirtied);
/** Whether leaves_step can change or count anything now. */
static inline bool leaves_steps(const struct leaves *leaves)
{
    return (leaves->touch_bits | leaves->write_bits) != 0;
}

/** A write succeeded on this dense page: it enters W and T if it is tracked. */
void leaves_written(struct leaves *leaves, uint32_t page);
/** The same for the device log: writes that all succeed, one device for each. */
void leaves_log_writes(struct leaves *leaves, const uint32_t *page_keys, const uint16_t *devices, size_t count);
/** Tracking starts: remember what is mapped, for logs whose ranges are fixed then. */
bool leaves_fix_log_ranges(struct leaves *leaves, struct error *error);
/** The leaf with this head becomes dirty by a request, and accessed where hardware sets that. */
void leaves_dirtied(struct leaves *leaves, uint32_t head, uint8_t cause);

/** The place of a tile number (or of a larger block's, as nodes name them) among those of all domains. */
static inline uint64_t tile_key(uint32_t domain, uint64_t number)
{
    return (uint64_t)domain << (64 - TILE_LG2) | number;
}

static inline struct span tile_span(const struct tile *tile)
{
    uint64_t first = tile->number << TILE_LG2;
    return (struct span){first, first | ((UINT64_C(1) << TILE_LG2) - 1)};
}

/** Index in its tile of the page that holds an address. */
static inline unsigned tile_page(uint64_t address)
{
    return (unsigned)(address >> PAGE_LG2) & (TILE_PAGES - 1);
}

/** The TILE_PAGES state words of a tile. */
static inline uint16_t *leaves_tile_state(const struct leaves *leaves, uint32_t tile)
{
    return &leaves->state[(size_t)tile * TILE_PAGES];
}

/** Head of a mapped page. */
static inline uint32_t leaves_head(const struct leaves *leaves, uint32_t page)
{
    const struct tile *tile = &leaves->tiles[page >> TILE_PAGES_LG2];
    if (__builtin_expect(tile->mixed != 0, false)) {
        unsigned lg2 = leaves->mixed[(size_t)(tile->mixed - 1) * TILE_PAGES + (page & (TILE_PAGES - 1))];
        return page & ~((1u << (lg2 - PAGE_LG2)) - 1);
    }
    return tile->head_base + (page & tile->head_mask);
}

/** lg2 of the bytes of the leaf that maps a page; 0: none. */
static inline unsigned leaves_lg2(const struct leaves *leaves, uint32_t page)
{
    const struct tile *tile = &leaves->tiles[page >> TILE_PAGES_LG2];
    if (tile->mixed != 0)
        return leaves->mixed[(size_t)(tile->mixed - 1) * TILE_PAGES + (page & (TILE_PAGES - 1))];
    return leaves->state[page] & PAGE_MAPPED ? tile->leaf_lg2 : 0;
}

/** Has software made the leaf with these LEAF_ bits read-only (semantics.md 9)? */
static inline bool leaves_protects(const struct leaves *leaves, uint8_t leaf)
{
    return leaves->protection && (leaf & (LEAF_MANAGED | LEAF_DIRTY)) == LEAF_MANAGED;
}

/** First and last byte of the leaf of 2^lg2 bytes that holds a page. */
static inline struct span leaves_span(const struct leaves *leaves, uint32_t page, unsigned lg2)
{
    uint64_t mask = (UINT64_C(1) << lg2) - 1;
    uint64_t address = leaves->tiles[page >> TILE_PAGES_LG2].number << TILE_LG2 |
                       (uint64_t)(page & (TILE_PAGES - 1)) << PAGE_LG2;
    return (struct span){address & ~mask, address | mask};
}

/** Pages of the tile that belong to leaves with any page of `pages`; heads of these leaves (below 4 MiB). */
struct page_mask leaves_mask_heads(const struct leaves *leaves, uint32_t tile, struct page_mask pages);
struct page_mask leaves_mask_pages(const struct leaves *leaves, uint32_t tile, struct page_mask heads);
/** Entries of the leaves with these heads. */
uint64_t leaves_mask_entries(const struct leaves *leaves, uint32_t tile, const struct page_mask *heads);

/* ---- changes ---- */

/** The tables of the domain, its own from now on. NULL: memory. */
struct tables *leaves_own_tables(struct leaves *leaves, uint32_t domain, struct error *error);

/** One map call of a free span, checked; what happened is in `change`. `tiles` knows the tiles added so far. */
bool leaves_map(struct leaves *leaves, struct tile_index *tiles, uint32_t domain, struct span span,
                uint64_t address, bool writable, struct tables_change *change, struct error *error);
/** Remove leaves: first from the tables alone, so that caches can still ask what their tags name, */
bool leaves_unmap(struct leaves *leaves, uint32_t domain, struct span span, struct tables_change *change,
                  struct error *error);
/** then from tiles, T and W. */
bool leaves_forget(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                   const struct tables_change *change, struct error *error);

/** Split the leaves that overlap the spans (semantics.md 14): first in tables alone, which `domains` domains use, so that
 *  caches can still ask what their tags name, */
bool leaves_split(struct leaves *leaves, struct tables *tables, uint64_t domains, const struct span_list *spans,
                  struct tables_change *change, struct error *error);
/** then in the touched tiles of each of these domains, which hold what leaves became there. */
bool leaves_split_tiles(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                        const struct tables_change *change, struct error *error);
/** After the last of them: what all touched tiles have in common now. Every leaf must be writable. */
void leaves_split_end(struct leaves *leaves);

/* The touched tiles of a domain that overlap a span, ascending: looked up one by one or taken from the sorted ones,
 * whichever is less. */
struct tile_walk {
    struct leaves *leaves;
    struct tile_index *tiles;
    uint32_t domain;
    struct span span;
    uint64_t number, last; /* next tile number to look at */
    bool sorted;
    uint32_t at; /* next index into leaves->order */
};

/** For walks of sorted tiles: where to begin; the tile there, TILE_NONE behind those of the domain up to `last`. */
bool leaves_order_begin(struct leaves *leaves, uint32_t domain, uint64_t number, uint32_t *at, struct error *error);
uint32_t leaves_order_at(const struct leaves *leaves, uint32_t at, uint32_t domain, uint64_t last);

/** `error` may be NULL. Inline, because most spans are a few pages of one tile. */
static inline bool leaves_walk_begin(struct tile_walk *walk, struct leaves *leaves, struct tile_index *tiles,
                                     uint32_t domain, struct span span, struct error *error)
{
    uint32_t at = 0;
    uint64_t number = span.first >> TILE_LG2, last = span.last >> TILE_LG2;
    bool sorted = last - number >= leaves->tile_count;
    if (__builtin_expect(sorted, false) && !leaves_order_begin(leaves, domain, number, &at, error))
        return false;
    *walk = (struct tile_walk){leaves, tiles, domain, span, number, last, sorted, at};
    return true;
}

/** The next tile and the part of the span in it. False: no more. */
static inline bool leaves_walk_next(struct tile_walk *walk, uint32_t *tile, struct span *part)
{
    const struct leaves *leaves = walk->leaves;
    uint32_t id = TILE_NONE;
    if (__builtin_expect(walk->sorted, false))
        id = leaves_order_at(leaves, walk->at++, walk->domain, walk->last);
    else
        while (walk->number <= walk->last && id >= leaves->tile_count)
            id = tile_find(walk->tiles, walk->domain, walk->number++);
    if (id >= leaves->tile_count)
        return false;
    *tile = id;
    *part = span_common(tile_span(&leaves->tiles[id]), walk->span);
    return true;
}

/* ---- for the files of this room ---- */

/** Put leaves that the tables have now into touched tiles; take removed ones out, with T and W. */
bool leaves_install(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                    const struct leaf_run *run, struct error *error);
bool leaves_remove(struct leaves *leaves, struct tile_index *tiles, uint32_t domain,
                   const struct leaf_run *run, struct error *error);
/** A tile that some leaf of 2^lg2 bytes, above 2 MiB, covers now: the first one stands for the leaf. */
bool leaves_join_large(struct leaves *leaves, uint32_t id, unsigned lg2, unsigned level, bool *stands,
                       struct error *error);
/** No tile stands for the leaf of 2^lg2 bytes, above 2 MiB, that covers this one any more. */
void leaves_part_large(struct leaves *leaves, uint32_t id, unsigned lg2);
/** The pages of a part of a tile have leaves of 2^lg2 bytes, at most 2 MiB, now; their state words do not change. */
bool leaves_resize(struct leaves *leaves, uint32_t id, struct span part, unsigned lg2, unsigned level,
                   struct error *error);
/** Tables have changed. */
void leaves_tables_changed(struct leaves *leaves, uint64_t bytes_before, uint64_t bytes_now);
/** The tile that stands for the leaf of 2^lg2 bytes, above 2 MiB, at `address`; TILE_NONE: none does. */
uint32_t leaves_large_tile(const struct leaves *leaves, uint32_t domain, uint64_t address, unsigned lg2);
/** Clear and set LEAF_ bits of the writable leaves of touched tiles that overlap tracked ranges. */
void leaves_change_tiles(struct leaves *leaves, uint8_t clear, uint8_t set);

/* ---- looking ---- */

/** Tracked ranges of a domain: the first that ends at or after `address`. False: there is none. */
bool leaves_range_lower(const struct leaves *leaves, uint32_t domain, uint64_t address, struct span *range);
/** Tracked memory of a domain: the first stretch that ends at or after `address`, mapped and inside one tracked range.
 *  False: there is none. */
bool leaves_tracked_lower(const struct leaves *leaves, uint32_t domain, uint64_t address, struct span *tracked);
/** Does the span overlap a tracked range of the domain (default ranges: is it mapped)? */
bool leaves_tracked(const struct leaves *leaves, uint32_t domain, struct span span);
/** In windows of harvest.chunk, or with `whole` a range at a time. */
struct leaves_scan leaves_scan(struct leaves *leaves, bool whole);
/** One domain's share of that, in windows. */
struct leaves_scan leaves_scan_domain(struct leaves *leaves, uint32_t domain);
/** Entries that the walk at the start or stop rewrites: of the writable leaves that overlap a tracked range; what
 *  protection has let through is writable again already. */
bool leaves_rewritten_entries(const struct leaves *leaves, uint64_t *entries, struct error *error);
/** Tracked pages of all domains. */
uint64_t leaves_tracked_pages(const struct leaves *leaves);

/** What the tables say now of the leaf that maps an IOVA. False: nothing does. */
bool leaves_leaf(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain, uint64_t iova,
                 struct pt_leaf *leaf);
/** The LEAF_ bits of that leaf. */
bool leaves_leaf_bits(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain, uint64_t iova,
                      uint8_t *bits);
/** The image in memory of the entry of that leaf which covers the IOVA (semantics.md 3): of a leaf of several
 *  entries the one with its index. False: nothing is mapped there. */
bool leaves_entry(const struct leaves *leaves, struct tile_index *tiles, uint32_t domain, uint64_t iova,
                  uint64_t *entry);

/** Tiles in ascending order (leaves->order). */
bool leaves_sort_tiles(struct leaves *leaves, struct error *error);
/** Active tiles in ascending order (leaves->listed); their flags are reset. */
bool leaves_list_active(struct leaves *leaves, struct error *error);
static inline uint64_t leaves_tile_key(const struct tile *tile)
{
    return tile_key(tile->domain, tile->number);
}
/** For qsort of struct tile_place. */
int tile_place_compare(const void *a, const void *b);
/** Index into leaves->order of the first tile at or after this place. */
uint32_t leaves_order_lower(const struct leaves *leaves, uint32_t domain, uint64_t number);

#endif
