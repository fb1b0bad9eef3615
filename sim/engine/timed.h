/* A harvest that takes time (semantics.md 13): records are replayed between its steps. Before a record every
 * step of an earlier or the same time is done; requests then go in order and may dirty leaves that are still
 * to be read.
 *
 * Only reads of dirty leaves are steps. When a leaf is read follows from the slots and cleaned entries before
 * it, so that clean leaves cost nothing, and leaves that are dirty since their map and untouched are only
 * counted. */
#ifndef SIM_ENGINE_TIMED_H
#define SIM_ENGINE_TIMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/engine/cell.h"
#include "sim/engine/cost.h"
#include "sim/engine/harvest.h"
#include "sim/engine/score.h"
#include "sim/pt/slot_order.h"

struct cohort;

enum timed_stage { TIMED_IDLE, TIMED_READING, TIMED_FLUSHING, TIMED_COPYING };

/* A leaf above 2 MiB that the window has harvested. */
struct timed_large {
    uint32_t head;
    unsigned lg2;
    uint8_t cause;
};

/* Untouched dirty leaves of a window. */
struct timed_untouched {
    uint64_t leaves, entries;
    uint64_t pages[4]; /* inside the window, by LEAF_CAUSE >> 4 */
    struct span hull;  /* of whole leaves */
};

struct timed {
    enum timed_stage stage;
    bool stops;          /* tracking.stop has come: the end of the harvest switches off, */
    bool final_due;      /* after one more */
    picoseconds next_ps; /* when the next step comes */
    picoseconds done_ps; /* all steps before this time are done */
    picoseconds begin_ps, end_ps, span_ps;

    struct slot_order *orders; /* of each domain, or one for all */
    size_t order_count;

    /* the harvest */
    uint64_t row_ns;
    struct leaves_marks since;
    struct harvest_report report;
    uint32_t domain;
    uint64_t untouched_from;  /* untouched leaves of the domain from here on have not been read */
    uint64_t *untouched_sums; /* entries of the harvest's pieces before each one */
    size_t untouched_capacity;

    /* the window */
    struct span window;
    uint64_t reach_last; /* its end, or that of the leaf above 2 MiB that it cuts there */
    picoseconds window_ps;
    struct slot_window slots;
    uint64_t slot_count;
    uint64_t cursor;                  /* leaves of touched tiles that end before it have been looked at */
    bool walked;                      /* the last one has been */
    uint64_t leaves, cleared, copied; /* touched ones harvested, their entries, pages reported */
    struct dirty_tile *tiles;         /* harvested leaves; one tile may stand here several times */
    struct timed_large *large;
    struct window_clear *clears;
    uint32_t *entered; /* tiles with pages that entered T or W */
    size_t tile_count, large_count, clear_count, entered_count;
    size_t tile_capacity, large_capacity, clear_capacity, entered_capacity;
    struct window_marks *marks; /* per tile */
    struct page_mask *taken;    /* per tile: pages that this harvest has taken out of T; with ATS only, else nothing but a
                                   write can make a leaf dirty again */
    size_t marks_count, marks_capacity, taken_capacity;
};

/** For harvest.timing: timed; else NULL without an error. */
bool timed_new(struct timed **timed, const struct cell_config *config, struct error *error);
void timed_free(struct timed *timed);

static inline bool timed_is_under_way(const struct timed *timed)
{
    return timed && timed->stage != TIMED_IDLE;
}

/** A deadline, mark or count has come: a harvest begins, or is dropped because one is under way. */
bool timed_trigger(struct cohort *cohort, uint64_t time_ns, struct error *error);
/** tracking.stop has come. */
void timed_stop(struct cohort *cohort);
/** Do the steps up to a time, and what follows the end of a harvest. Nothing is done where nothing is under
 * way. */
bool timed_go_on(struct cohort *cohort, uint64_t time_ns, struct error *error);
/** After the last record: to the end of what is under way, and the final harvest. */
bool timed_finish(struct cohort *cohort, struct error *error);
/** A request while a harvest is under way. */
void timed_request(struct cohort *cohort, const struct requests *piece, size_t request);
/** Tiles from this id on are new: leaves in them may have been read already. */
bool timed_add_tiles(struct cohort *cohort, uint32_t first, struct error *error);

/* ---- for the files timed*.c ---- */

/** Room for the tiles that there are now. */
bool timed_reserve(struct cohort *cohort, struct error *error);
/** When the leaf, which overlaps the window and whose entries are at `level`, is read. */
picoseconds timed_read_ps(const struct cohort *cohort, struct span leaf, unsigned level);
/** A touched leaf is dirty now: it may be the next to be read. */
void timed_dirtied(struct cohort *cohort, uint32_t head);
/** Leaves are read, now: they are harvested and cleaned. */
bool timed_harvest_heads(struct cohort *cohort, uint32_t tile, const struct page_mask *heads,
                         struct error *error);
bool timed_harvest_large(struct cohort *cohort, uint32_t head, struct error *error);
/** Pages of a tile inside the window. */
struct page_mask timed_inside(const struct timed *timed, const struct tile *tile);

/* sim/engine/timed_untouched.c */

/** Collect the domain's untouched dirty leaves. */
bool timed_collect_untouched(struct cohort *cohort, struct error *error);
/** Entries of those in the window that come before the leaf at an address. */
uint64_t timed_untouched_before(const struct cohort *cohort, uint64_t address);
struct timed_untouched timed_untouched_in_window(const struct cohort *cohort);

/* sim/engine/timed_copy.c */

/** Pages are copied: judged, and out of T and W. */
void timed_copy_tile(struct cohort *cohort, const struct dirty_tile *dirty);
void timed_copy_large(struct cohort *cohort, const struct timed_large *large);
/** All leaves of the window are read and flushed: what is still to be copied, what was missed, what leaves W.
 * Returns the pages that the window reported. */
uint64_t timed_end_copy(struct cohort *cohort, const struct timed_untouched *untouched);

#endif
