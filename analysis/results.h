/* A results folder (interface.md 4): who may write in it, and which cells it holds.
 *
 * A row is one cell of the plan on one trace. The tables are built from the finished cells' folders alone, in
 * plan order (folder.h), so they come out the same for any job count, batch size, shard split or resume. */
#ifndef ANALYSIS_RESULTS_H
#define ANALYSIS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/cell_record.h"
#include "configs/experiment.h"
#include "configs/plan.h"
#include "sim/base/error.h"

/* One trace of the experiment, looked at before anything runs. */
struct results_trace {
    const char *path; /* borrowed; can be opened from the working directory */
    char *name;       /* owned; relative to the experiment file: the `trace` column */
    char sha256[65];
    uint64_t bytes; /* of the file */
};

struct results_row {
    size_t cell, trace; /* indices into the plan's cells and the traces */
    char id[PLAN_ID_BYTES];
    size_t same_as; /* the first row with this id: itself, unless two trace files have the same bytes */
};

struct results {
    const struct experiment *experiment;
    const struct plan *plan;
    struct results_trace *traces; /* as many as the experiment has */
    struct results_row *rows;     /* cells outside, traces inside: plan order */
    size_t row_count;
    char *folder, *cells_folder; /* owned; NULL until results_open_folder */
    int lock;                    /* on the folder (analysis/claim.h), CLAIM_NONE before */
};

/** Hash the traces and give every row its id. Nothing is written. The experiment and the plan must outlive
 * the results; results_free in any case. Errors: ERROR_TRACE for a trace that cannot be read or has another
 *  SHA-256 than the experiment says, ERROR_MEMORY, ERROR_EXPERIMENT for two cells with one id. */
bool results_init(struct results *results, const struct experiment *experiment, const struct plan *plan,
                  struct error *error);
void results_free(struct results *results);

/* How a run takes its folder (interface.md 1). */
struct results_terms {
    bool shard;  /* shares the folder with other shards of its plan */
    bool update; /* the folder's plan may change to this one */
};

/** Make the folder, or take it if it is empty or holds results of this plan; remove what dead processes left half
 * written. Until results_free nobody else may write there, but shards beside shards. Errors: ERROR_EXPERIMENT, with the
 * remedies, for a folder of another plan or of somebody else, or in use; ERROR_RESULTS. */
bool results_open_folder(struct results *results, const char *folder, const struct results_terms *terms,
                         struct error *error);

/** Whether a folder that may not exist could be opened; looks, and changes nothing. `exists`: there are
 * results. */
bool results_folder_fits(const struct results *results, const char *folder, bool update, bool *exists,
                         struct error *error);
/** Point at a folder for reading, after results_folder_fits. */
bool results_look_in_folder(struct results *results, const char *folder, struct error *error);

/** Folders in cells/ that belong to no row: what a changed experiment left. */
size_t results_stray_cells(const struct results *results);

/** Read a row's record; false when it has none, or none with the intervals that the experiment asks for. */
bool results_read_row(const struct results *results, size_t row, struct cell_record *record);
/** Write a row's record. id, label and trace are filled in here. */
bool results_write_row(const struct results *results, size_t row, struct cell_record *record,
                       const struct interval *intervals, struct error *error);

/** datapackage.json, experiment.yaml and plan.csv: before the first cell runs. */
bool results_write_plan(const struct results *results, struct error *error);
/** The plan as CSV: the rows with keep[row], or all when keep is NULL. */
bool results_print_plan(const struct results *results, const bool *keep, FILE *file, struct error *error);

#endif
