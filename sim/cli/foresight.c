#include "sim/cli/foresight.h"

#include <stdlib.h>

#include "analysis/health.h"
#include "sim/base/memory.h"
#include "sim/cli/human.h"

/* Records behind which a limit is not looked for: what they hold would have to be read again. */
static const uint64_t limit_most_records = 20000000;

struct foresight {
    const struct results *results;
    struct cell_record **tried; /* by row; NULL: it was not */
    struct health whole, part;  /* of all the records that a cell reads, of those that trials went over */
    uint64_t part_records;      /* at most */
    struct {                    /* what a trace holds up to a limit, looked at last */
        size_t trace;
        uint64_t records;
        struct trace_scan scan;
    } limited;
};

struct foresight *foresight_new(const struct results *results)
{
    struct foresight *foresight = memory_zeroed(1, sizeof *foresight, NULL);
    if (!foresight)
        return NULL;
    foresight->results = results;
    foresight->limited.trace = SIZE_MAX;
    foresight->tried = memory_zeroed(results->row_count, sizeof *foresight->tried, NULL);
    if (foresight->tried)
        return foresight;
    memory_free(foresight);
    return NULL;
}

void foresight_free(struct foresight *foresight)
{
    if (!foresight)
        return;
    for (size_t r = 0; r < foresight->results->row_count; r++)
        memory_free(foresight->tried[r]);
    memory_free(foresight->tried);
    memory_free(foresight);
}

void foresight_tried(void *context, size_t row, uint64_t records, const struct pass_result *result)
{
    struct foresight *foresight = context;
    if (!foresight)
        return;
    if (!foresight->tried[row])
        foresight->tried[row] = memory_zeroed(1, sizeof(struct cell_record), NULL);
    if (foresight->tried[row])
        *foresight->tried[row] =
            (struct cell_record){.metrics = result->metrics, .seen = result->seen, .trace_records = records};
}

/* NULL: it cannot be told. */
static const struct trace_facts *look_up_to(struct foresight *foresight, size_t index, uint64_t records)
{
    struct trace_scan *scan = &foresight->limited.scan;
    if (records > limit_most_records)
        return NULL;
    if (foresight->limited.trace != index || foresight->limited.records != records) {
        foresight->limited.trace = index;
        foresight->limited.records = records;
        if (!trace_scan(&foresight->results->experiment->traces[index], records, scan, NULL))
            scan->counted = false;
        free(scan->remarks); /* the whole trace's have been told */
    }
    return scan->counted ? &scan->facts : NULL;
}

static void visit(struct foresight *foresight, struct health *health, size_t row,
                  const struct cell_record *record)
{
    const struct results_row *of = &foresight->results->rows[row];
    health_visit(health, of->id, foresight->results->plan->cells[of->cell].label,
                 foresight->results->traces[of->trace].name, record);
}

/* `facts`: what the cell will read, NULL if that is not known. */
static void look_at_row(struct foresight *foresight, size_t row, const struct trace_facts *facts)
{
    const struct cell_config *config =
        &foresight->results->plan->cells[foresight->results->rows[row].cell].config;
    struct cell_record *tried = foresight->tried[row];
    if (tried && facts && tried->trace_records == facts->records) {
        health_look(config, tried);
        visit(foresight, &foresight->whole, row, tried);
        return;
    }
    struct cell_record *seen = facts ? memory_zeroed(1, sizeof *seen, NULL) : NULL;
    if (seen) {
        health_foresee(config, facts, seen);
        visit(foresight, &foresight->whole, row, seen);
        memory_free(seen);
    }
    if (tried) {
        health_look_in_part(config, tried);
        visit(foresight, &foresight->part, row, tried);
        if (tried->trace_records > foresight->part_records)
            foresight->part_records = tried->trace_records;
    }
}

void foresight_print(struct foresight *foresight, const struct run_passes *passes,
                     const struct trace_scan scans[], FILE *file)
{
    if (!foresight)
        return;
    for (size_t p = 0; p < passes->count; p++) {
        const struct run_pass *pass = &passes->items[p];
        const struct trace_scan *scan = &scans[pass->trace];
        const struct trace_facts *known = scan->counted && scan->facts.records <= pass->limit_records
                                              ? &scan->facts
                                              : look_up_to(foresight, pass->trace, pass->limit_records);
        for (size_t c = 0; c < pass->count; c++)
            look_at_row(foresight, passes->order[pass->first + c], known);
    }
    health_print(&foresight->whole, false, file);
    if (health_count(&foresight->part) == 0)
        return;
    char records[HUMAN_BYTES];
    human_count((double)foresight->part_records, records);
    fprintf(file, "tried     so far as cells were tried, up to %s records:\n", records);
    health_print(&foresight->part, false, file);
}
