#include "sim/cli/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "configs/key.h"
#include "sim/cli/human.h"
#include "sim/mapping/mapping.h"

enum { COLUMNS_MAX = 24, TEXT_BYTES = 64 };

void summary_visit(void *context, size_t row, const struct cell_record *record)
{
    struct summary *summary = context;
    if (!summary->selected[row])
        return;
    if (summary->rows < SUMMARY_ROWS) {
        summary->shown[summary->rows].row = row;
        summary->shown[summary->rows].record = *record;
    }
    summary->rows++;
    if (record->failed) {
        if (summary->failed < SUMMARY_NAMED) {
            summary->failed_named[summary->failed] = row;
            snprintf(summary->failed_messages[summary->failed], sizeof summary->failed_messages[0], "%s",
                     record->message);
        }
        summary->failed++;
        return;
    }
    const struct results *results = summary->results;
    const struct cell_config *config = &results->plan->cells[results->rows[row].cell].config;
    const bool met[SUMMARY_WARNING_COUNT] = {
        [SUMMARY_SHORT_TRACE] = record->short_trace,
        [SUMMARY_IGNORED_MAPS] = record->ignored_map_records,
        [SUMMARY_NOTHING_MAPPED] = config->mapping.source->follows_trace &&
                                   config->mapping.region_count == 0 && record->metrics.maps == 0,
        [SUMMARY_IGNORED_TRANSLATES] = record->ignored_translates,
        [SUMMARY_BEYOND_WIDTH] = record->beyond_width,
    };
    for (unsigned w = 0; w < SUMMARY_WARNING_COUNT; w++) {
        if (!met[w])
            continue;
        if (summary->warnings[w].count < SUMMARY_NAMED)
            summary->warnings[w].named[summary->warnings[w].count] = row;
        summary->warnings[w].count++;
    }
}

/* ---- the table ---- */

struct table {
    unsigned columns;
    char heads[COLUMNS_MAX][TEXT_BYTES];
    bool left[COLUMNS_MAX]; /* words left, numbers right */
    char (*cells)[COLUMNS_MAX][TEXT_BYTES];
};

static void add_column(struct table *table, const char *head, bool left)
{
    snprintf(table->heads[table->columns], TEXT_BYTES, "%s", head);
    table->left[table->columns++] = left;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "iommu_page_sizes_bytes" heads a column as "iommu page sizes": its values have units. */
static void head_of(const struct plan_column *column, char head[TEXT_BYTES])
{
    snprintf(head, TEXT_BYTES, "%s", column->name);
    size_t length = strlen(head), unit = strlen(column->unit);
    if (unit > 0 && length > unit + 1 && strcmp(head + length - unit, column->unit) == 0)
        head[length - unit - 1] = '\0';
    for (char *p = head; *p; p++)
        if (*p == '_')
            *p = ' ';
}

/* A parameter column is shown when its value differs among the rows shown, and the model always. */
static bool add_parameter(const struct summary *summary, size_t rows, const struct plan_column *column,
                          struct table *table)
{
    const struct results *results = summary->results;
    const char *unit = column->key->type == KEY_SIZES ? "bytes" : column->unit;
    bool varies = strcmp(column->name, "iommu_model") == 0;
    char *first = NULL;
    for (size_t r = 0; r < rows; r++) {
        const struct plan_cell *cell = &results->plan->cells[results->rows[summary->shown[r].row].cell];
        char *value = plan_value(cell, column);
        if (!value)
            break;
        if (value[0] == '\0')
            snprintf(table->cells[r][table->columns], TEXT_BYTES, "-"); /* this design does not look at it */
        else
            human_parameter(value, unit, table->cells[r][table->columns], TEXT_BYTES);
        varies |= first && strcmp(first, value) != 0;
        if (first)
            free(value);
        else
            first = value;
    }
    free(first);
    return varies;
}

static void ratio(char text[TEXT_BYTES], double over, double under, const char *format)
{
    if (under > 0)
        snprintf(text, TEXT_BYTES, format, over / under);
    else
        snprintf(text, TEXT_BYTES, "-");
}

static void add_metrics(const struct cell_record *record, char (*cells)[TEXT_BYTES])
{
    const struct metrics *m = &record->metrics;
    char human[HUMAN_BYTES];
    if (record->failed) {
        snprintf(cells[0], TEXT_BYTES, "failed");
        return;
    }
    ratio(cells[0], (double)m->reported_pages, (double)m->written_pages, "%.2f x");
    snprintf(cells[1], TEXT_BYTES, "%" PRIu64, m->missed_pages);
    snprintf(cells[2], TEXT_BYTES, "%" PRIu64, m->lost_pages);
    double lookups = (double)m->iotlb_hits + (double)m->iotlb_misses;
    ratio(cells[3], 100 * (double)m->iotlb_misses, lookups, "%.2f %%");
    if (m->harvests > 0)
        human_count((double)m->scanned_entries / (double)m->harvests, human);
    snprintf(cells[4], TEXT_BYTES, "%s", m->harvests > 0 ? human : "-");
    const uint64_t costs[] = {m->toggle_ns, m->harvest_ns, m->flush_ns, m->unmap_ns};
    for (unsigned c = 0; c < 4; c++) {
        human_ns(costs[c], human);
        snprintf(cells[5 + c], TEXT_BYTES, "%s", human);
    }
    snprintf(cells[9], TEXT_BYTES, "%" PRIu64, m->unmapped_dirty_pages);
}

static void print_cell(const char *text, size_t width, bool left, bool last, FILE *file)
{
    if (left && last)
        fprintf(file, "  %s", text);
    else
        fprintf(file, left ? "  %-*s" : "  %*s", (int)width, text);
}

static void print_table(const struct table *table, size_t rows, FILE *file)
{
    size_t widths[COLUMNS_MAX];
    for (unsigned c = 0; c < table->columns; c++) {
        widths[c] = strlen(table->heads[c]);
        for (size_t r = 0; r < rows; r++)
            if (strlen(table->cells[r][c]) > widths[c])
                widths[c] = strlen(table->cells[r][c]);
    }
    for (unsigned c = 0; c < table->columns; c++)
        print_cell(table->heads[c], widths[c], table->left[c], c + 1 == table->columns, file);
    putc('\n', file);
    for (size_t r = 0; r < rows; r++) {
        for (unsigned c = 0; c < table->columns; c++)
            print_cell(table->cells[r][c], widths[c], table->left[c], c + 1 == table->columns, file);
        putc('\n', file);
    }
}

/* Did unmap records change tables in any of the rows shown? */
static bool any_unmaps(const struct summary *summary, size_t rows)
{
    bool any = false;
    for (size_t r = 0; r < rows; r++) {
        const struct metrics *m = &summary->shown[r].record.metrics;
        any |= m->unmap_commands > 0 || m->unmapped_dirty_pages > 0;
    }
    return any;
}

void summary_print_table(const struct summary *summary, FILE *file)
{
    static const char *const heads[] = {"amplification", "missed",       "lost",       "iotlb miss", "scanned/harvest",
                                        "toggle cost",   "harvest cost", "flush cost", "unmap cost", "unmapped dirty"};
    enum { HEADS = sizeof heads / sizeof *heads, HEADS_OF_UNMAPS = 2 }; /* the last ones */
    size_t rows = summary->rows < SUMMARY_ROWS ? summary->rows : SUMMARY_ROWS;
    struct table table = {.cells = calloc(SUMMARY_ROWS, sizeof *table.cells)};
    const struct results *results = summary->results;
    if (!table.cells || rows == 0) {
        free(table.cells);
        return;
    }
    if (results->experiment->trace_count > 1) {
        for (size_t r = 0; r < rows; r++)
            snprintf(table.cells[r][0], TEXT_BYTES, "%s",
                     base_name(results->traces[results->rows[summary->shown[r].row].trace].name));
        add_column(&table, "trace", true);
    }
    for (size_t c = 0; c < results->plan->column_count && table.columns + HEADS < COLUMNS_MAX; c++) {
        char head[TEXT_BYTES];
        if (!add_parameter(summary, rows, &results->plan->columns[c], &table))
            continue;
        head_of(&results->plan->columns[c], head);
        add_column(&table, head, true);
    }
    for (size_t r = 0; r < rows; r++)
        for (unsigned c = 0; c < HEADS; c++)
            table.cells[r][table.columns + c][0] = '\0';
    for (size_t r = 0; r < rows; r++)
        add_metrics(&summary->shown[r].record, &table.cells[r][table.columns]);
    for (unsigned c = 0; c < HEADS - (any_unmaps(summary, rows) ? 0 : HEADS_OF_UNMAPS); c++)
        add_column(&table, heads[c], false);
    print_table(&table, rows, file);
    if (summary->rows > rows)
        fprintf(file, "  (%zu of %zu rows; results.csv has them all)\n", rows, summary->rows);
    free(table.cells);
}

/* ---- warnings ---- */

static void print_named(const struct results *results, size_t count, const size_t named[SUMMARY_NAMED],
                        FILE *file)
{
    for (size_t n = 0; n < count && n < SUMMARY_NAMED; n++) {
        const struct results_row *row = &results->rows[named[n]];
        fprintf(file, "            %s  %s  %s\n", row->id, results->plan->cells[row->cell].label,
                results->traces[row->trace].name);
    }
    if (count > SUMMARY_NAMED)
        fprintf(file, "            and %zu more\n", count - SUMMARY_NAMED);
}

void summary_print_warnings(const struct summary *summary, FILE *file)
{
    static const char *const texts[SUMMARY_WARNING_COUNT] = {
        [SUMMARY_SHORT_TRACE] = "the trace ended before limits.records: these are shorter",
        [SUMMARY_IGNORED_MAPS] =
            "the trace has map or unmap records; static and touched mappings count them and do nothing",
        [SUMMARY_NOTHING_MAPPED] = SUMMARY_NOTHING_MAPPED_TEXT,
        [SUMMARY_IGNORED_TRANSLATES] =
            "the trace has translate records; without ATS they are counted and do nothing",
        [SUMMARY_BEYOND_WIDTH] =
            "touched addresses lie beyond the IOVA width and fault; raise iommu.levels or iommu.address_bits",
    };
    for (unsigned w = 0; w < SUMMARY_WARNING_COUNT; w++) {
        size_t count = summary->warnings[w].count;
        if (count == 0)
            continue;
        fprintf(file, "warning   %zu cell%s: %s\n", count, count == 1 ? "" : "s", texts[w]);
        print_named(summary->results, count, summary->warnings[w].named, file);
    }
    for (size_t n = 0; n < summary->failed && n < SUMMARY_NAMED; n++) {
        fprintf(file, "failed    %s\n", summary->failed_messages[n]);
        print_named(summary->results, 1, &summary->failed_named[n], file);
    }
    if (summary->failed > SUMMARY_NAMED)
        fprintf(file, "failed    and %zu more: see failed.csv\n", summary->failed - SUMMARY_NAMED);
}
