/* Running the rows of a plan: which are done already, which share a pass over their trace, and what becomes
 * of each. Nothing is printed but progress. */
#ifndef SIM_CLI_RUN_PLAN_H
#define SIM_CLI_RUN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/results.h"
#include "sim/base/error.h"
#include "sim/cli/progress.h"

struct run_settings {
    unsigned jobs;        /* >= 1 */
    size_t batch_records; /* 1 ... TRACE_BATCH_RECORDS */
    bool fresh;           /* run finished cells again */
    bool stop_on_error;
    enum progress_mode progress;
    double pass_seconds; /* how long a pass may take if it could have fewer cells */
};

enum row_state {
    ROW_LEFT_OUT, /* by --keep or --shard */
    ROW_TWIN,     /* has the id of an earlier row, which stands for it */
    ROW_RESUMED,  /* was finished before */
    ROW_WAITING,
    ROW_DONE,
    ROW_FAILED
};

struct run_outcome {
    uint8_t *states; /* enum row_state by row; owned */
    size_t cells;    /* rows that this run is about: resumed + the others */
    size_t resumed, done, failed, passes;
    bool trace_failed;
    uint64_t *trace_records; /* by trace; 0: not known yet; owned */
    double seconds, cell_records;
    size_t traces;
    char **remarks; /* of each trace's reader, lines for people, or NULL; owned */
};

/** Find out what is done already: fills `states` and the counts. */
bool run_plan_look(const struct results *results, const bool *selected, bool fresh,
                   struct run_outcome *outcome, struct error *error);

/** Run the waiting rows and write each cell as its pass ends, under the ceiling of memory_limit_get(). Cells
 * that fail are recorded. False: results cannot be written (ERROR_RESULTS), or there is no memory to begin
 * with. An interrupt (interrupt_flag) returns true and leaves rows waiting. */
bool run_plan(const struct run_settings *settings, const struct results *results, struct run_outcome *outcome,
              struct error *error);

void run_outcome_free(struct run_outcome *outcome);

/* How waiting rows are dealt into passes; also what `check` shows. */
struct run_pass {
    size_t trace, first, count; /* rows order[first ... first + count) */
    uint64_t limit_records, cell_bytes;
    bool ended;
};
struct run_passes {
    size_t *order; /* waiting rows by trace, way of splitting its records, plan order */
    size_t order_count;
    struct run_pass *items;
    size_t count, capacity;
    unsigned concurrent, threads; /* passes at a time, and threads in each */
    uint64_t budget_bytes;        /* for one pass; UINT64_MAX without a ceiling */
};
/** `cells_most`: no pass has more cells than this, nor than `most_of_trace` (NULL: no more limits) has for its trace. */
bool run_passes_deal(const struct results *results, const struct run_outcome *outcome, unsigned jobs,
                     size_t cells_most, const size_t most_of_trace[], struct run_passes *passes,
                     struct error *error);
void run_passes_free(struct run_passes *passes);

/* A pass is lost when the run is interrupted in it, so it is kept short although longer ones would decode
 * less: so many cells, or as many as take about so long once that can be told. */
enum { RUN_PASS_CELLS = 64, RUN_PASS_SECONDS = 30 };

#endif
