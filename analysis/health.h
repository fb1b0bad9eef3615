/* The health of results: what in an experiment's own set-up makes numbers mean less than they seem to, each in one sentence
 * with its remedy (interface.md 1). Nothing here is an error, and nothing is guessed: every line follows from counts. */
#ifndef ANALYSIS_HEALTH_H
#define ANALYSIS_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "analysis/cell_record.h"
#include "sim/config.h"
#include "traces/trace.h"

enum { HEALTH_KINDS_MAX = 24, HEALTH_NAMED = 3 };

/* One kind of trouble over all rows that have it. */
struct health_finding {
    size_t count;                                        /* rows; 0: none has it */
    struct health_row {
        char id[13], text[256]; /* "LABEL  TRACE" */
    } named[HEALTH_NAMED], worst_row; /* the first ones */
    double worst;                     /* larger is worse */
    char sentence[sizeof((struct cell_finding *)0)->sentence]; /* of the worst row */
};

struct health {
    struct health_finding findings[HEALTH_KINDS_MAX]; /* by kind; zeroed at first */
};

/** Look at a cell that finished and note in its record what makes it mean less. */
void health_look(const struct cell_config *config, struct cell_record *record);

/** The same beforehand, for a cell that will read these records: only what they and its keys tell already. Everything else
 *  in the record stays 0. */
void health_foresee(const struct cell_config *config, const struct trace_facts *facts, struct cell_record *record);

/** The same of a replay that went over the first records only: nothing that the rest could take back. */
void health_look_in_part(const struct cell_config *config, struct cell_record *record);

/** Take what a row's record has noted. */
void health_visit(struct health *health, const char *id, const char *label, const char *trace,
                  const struct cell_record *record);

/** Kinds that some row has. */
size_t health_count(const struct health *health);

/** For people, a paragraph for each kind: the sentence, the remedy, the first rows concerned. Without `notes` only what
 *  makes results mean less. */
void health_print(const struct health *health, bool notes, FILE *file);

/** As JSON, an array of {kind, sentence, remedy, cells, worst, examples}; to be freed with doc_free. NULL: memory. */
struct json_t *health_doc(const struct health *health);

#endif
