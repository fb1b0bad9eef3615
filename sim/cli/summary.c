#include "sim/cli/summary.h"

#include <stdlib.h>

#include "sim/cli/show/show.h"

void summary_visit(void *context, size_t row, const struct cell_record *record)
{
    struct summary *summary = context;
    const struct results_row *at = &summary->results->rows[row];
    const char *label = summary->results->plan->cells[at->cell].label,
               *trace = summary->results->traces[at->trace].name;
    health_visit(&summary->everything, at->id, label, trace, record);
    if (!summary->selected[row])
        return;
    health_visit(&summary->health, at->id, label, trace, record);
    if (!record->failed)
        return;
    if (summary->failed < SUMMARY_NAMED) {
        summary->failed_named[summary->failed] = row;
        snprintf(summary->failed_messages[summary->failed], sizeof summary->failed_messages[0], "%s",
                 record->message);
    }
    summary->failed++;
}

/* ---- the table ---- */

static bool is_selected(void *context, size_t row, const char *label)
{
    const struct summary *summary = context;
    (void)label;
    return summary->selected[row];
}

bool summary_print_table(const struct summary *summary, FILE *file, struct error *error)
{
    struct frame frame = {0};
    struct show_options table = {0};
    struct summary copy = *summary; /* a context is not const */
    struct frame_options how = {.column_count = show_default_count(), .keeps = is_selected, .context = &copy};
    struct show_column *columns = calloc(how.column_count, sizeof *columns);
    for (size_t c = 0; columns && c < how.column_count; c++)
        show_default_column(c, &columns[c]);
    how.columns = columns;
    bool good = (columns || error_set(error, ERROR_MEMORY, "error: no memory for the table")) &&
                frame_load(&frame, summary->results->folder, &how, error) &&
                show_print(&frame, &table, file, error);
    frame_free(&frame);
    free(columns);
    return good;
}

/* ---- warnings ---- */

static void print_row(const struct results *results, size_t index, FILE *file)
{
    const struct results_row *row = &results->rows[index];
    fprintf(file, "            %s  %s  %s\n", row->id, results->plan->cells[row->cell].label,
            results->traces[row->trace].name);
}

void summary_print_warnings(const struct summary *summary, bool quiet, FILE *file)
{
    health_print(&summary->health, !quiet, file);
    for (size_t n = 0; n < summary->failed && n < SUMMARY_NAMED; n++) {
        fprintf(file, "failed    %s\n", summary->failed_messages[n]);
        print_row(summary->results, summary->failed_named[n], file);
    }
    if (summary->failed > SUMMARY_NAMED)
        fprintf(file, "failed    and %zu more: see failed.csv\n", summary->failed - SUMMARY_NAMED);
}
