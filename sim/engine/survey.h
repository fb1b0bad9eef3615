/* What a replay must know of the whole trace before it begins: what the trace contains, the pages it touches
 * where a mapping source asks for them, and which device belongs to which domain (semantics.md 2 and 3). */
#ifndef SIM_ENGINE_SURVEY_H
#define SIM_ENGINE_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/number_map.h"
#include "sim/config.h"
#include "sim/engine/cohort.h"
#include "sim/state/page_set.h"
#include "traces/trace.h"

/* Maps at an IOVA where another device maps another address: certain only of maps that begin there. */
struct map_aliases {
    struct number_map owners; /* iova >> 12 → row */
    struct map_owner *rows;
    size_t row_count, row_capacity;
    uint64_t count, first; /* maps; IOVA of the first */
};

struct survey {
    struct trace_facts facts;
    bool looks_for_aliases; /* some cell puts all devices into one domain */
    struct map_aliases aliases;
    bool wants[2];              /* which of the next, by enum domains */
    struct page_set touched[2]; /* of all devices, of each */
};

/** survey_free in any case; survey_finish after the last batch. */
bool survey_init(struct survey *survey, const struct cell_config *const cells[], size_t count,
                 struct error *error);
bool survey_add(struct survey *survey, const struct trace_batch *batch, struct error *error);
void survey_finish(struct survey *survey);
/** Instead of all batches: take what the trace says of itself, if that is all that these cells need to know. *told is
 *  whether it was; then survey_as_told must hold of a replay, or what is known is wrong. False: memory. */
bool survey_told(struct survey *survey, const struct trace *trace, const struct cell_config *const cells[], size_t count,
                 bool *told, struct error *error);
/** Whether records with these facts, whose requests are in these tiles, are what a survey_told expects. */
bool survey_as_told(const struct survey *survey, const struct trace_facts *facts, struct tile_index *tiles);
void survey_free(struct survey *survey);

/** Whether `touched` leaves out pages because the model's IOVAs are not wide enough for them. */
bool survey_beyond_width(const struct survey *survey, const struct cell_config *config);

/* How a replay sees the devices of the trace. */
struct attachment {
    struct cohort_trace trace;
    uint32_t *domain_of; /* per device id; NULL: one domain */
    uint16_t *devices;   /* per domain, ascending; NULL: one domain */
};

/** An empty trace has device 0. attachment_free in any case. */
bool attachment_init(struct attachment *attachment, const struct trace_facts *facts, enum domains domains,
                     struct error *error);
void attachment_free(struct attachment *attachment);

/** A cohort (cohort_init) without cells, with what is mapped before the first record. `tiles` stay the
 * caller's. NULL: why it cannot be is in `error`. */
struct cohort *survey_cohort(const struct survey *survey, const struct attachment *attachment,
                             const struct cell_config *config, bool one_by_one, struct tile_index *tiles,
                             struct error *error);
void survey_cohort_free(struct cohort *cohort);

#endif
