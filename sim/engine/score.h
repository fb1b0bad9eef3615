/* What a harvest reports against what DMA wrote (semantics.md 8).
 *
 * T and W are bits of the pages' state words. A tile that nothing has touched since it was last scored would give
 * the same again: it *stands*, and its share is remembered, so that work grows with what was written or reported
 * since the last harvest and never with pages missed long ago. */
#ifndef SIM_ENGINE_SCORE_H
#define SIM_ENGINE_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/engine/harvest.h"
#include "sim/state/leaves.h"

/* What one harvest counts. */
struct harvest_report {
    uint64_t scanned_entries, scanned_tables, harvested_leaves, cleared_entries;
    uint64_t reported_pages, true_pages, false_pages, missed_pages, missed_new_pages, late_pages, caught_pages;
    uint64_t device_log_entries;
    uint64_t log_drained, log_overflows;
    uint64_t duration_ns; /* 0 where a harvest takes no time */
    uint64_t false_untracked, false_granule, false_leaf, false_ats, false_residue, false_born;
};

/* The share of a standing tile. */
struct standing {
    uint16_t harvested, reported, correct, missed, late; /* leaves; pages */
    uint16_t by_leaf, by_ats, by_residue, by_born;       /* false pages by cause */
};

struct score {
    struct standing *standing; /* per tile */
    uint32_t standing_count;
    size_t standing_capacity;
    struct {
        uint64_t harvested, reported, correct, missed, late, by_leaf, by_ats, by_residue, by_born;
    } sum;
    struct span_list blocks; /* with a granule: reported tracked bytes of the domain */
    struct tile_place *woken; /* standing tiles that a report reaches */
    size_t woken_count, woken_capacity;
    bool harvested; /* at least one harvest has been */
};

/** Room for tiles added since. */
bool score_reserve(struct score *score, uint32_t tile_count, struct error *error);
void score_free(struct score *score);

/** A harvest begins: what the one before reported is forgotten, and the listed tiles are scored anew. */
void score_begin(struct score *score, struct leaves *leaves);
/** Take tiles out of what stands: they are scored anew. */
void score_wake(struct score *score, const struct tile_place *tiles, size_t count);
/** Score the domain whose windows have all been visited: the given tiles (woken already), and standing ones that
 *  its reports reach. */
bool score_domain(struct score *score, struct harvest *harvest, const struct tile_place *tiles, size_t count,
                  struct harvest_report *report, struct error *error);
/** Methods that know without the tables (all, exact, none): score the given tiles of any domains. */
bool score_by_method(struct score *score, struct leaves *leaves, const struct tile_place *tiles, size_t count,
                     struct harvest_report *report, struct error *error);
/** The share of standing tiles, and the sums that follow from others. */
void score_end(struct score *score, struct harvest_report *report);

/** Causes of the false pages among those that dirty leaves of a tile report, with T as given, and as it was before the
 *  harvest took pages out: the ordered list of semantics.md 8, from false_leaf on. Fills by_ of the share. */
void score_blame(const struct leaves *leaves, const struct dirty_tile *dirty, const struct page_mask *truth,
                 const struct page_mask *held_truth, const struct page_mask *reported, struct standing *share);
void score_add_share(const struct standing *share, struct harvest_report *report);

/** What follows from the other counts: false pages, and for methods without tables what they report. */
void score_finish_report(const struct leaves *leaves, struct harvest_report *report);

/** A read before an unmap (harvest.before_unmap): `limits` are its windows, `tiles` all touched tiles that overlap
 *  them. Counts reported, true, late, false and caught; what it reports leaves T and W. */
bool score_before_unmap(struct score *score, struct harvest *harvest, const struct span_list *limits,
                        const struct tile_place *tiles, size_t count, struct harvest_report *report,
                        struct error *error);

/** |T| at the end of the run; with no_clear without what the last harvest reported. */
uint64_t score_lost(const struct score *score, const struct leaves *leaves);

#endif
