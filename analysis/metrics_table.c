#include "analysis/metrics_table.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNT_ROW(group, name, unit, section, meaning)                                                       \
    {#name, unit, section, meaning, group, METRIC_COUNT, offsetof(struct metrics, name), 0},
#define VOLUME_ROW(...) COUNT_ROW("volume", __VA_ARGS__)
#define TABLES_ROW(...) COUNT_ROW("tables", __VA_ARGS__)
#define TRANSLATION_ROW(...) COUNT_ROW("translation", __VA_ARGS__)
#define DIRTY_ROW(...) COUNT_ROW("dirty", __VA_ARGS__)
#define TOGGLE_ROW(...) COUNT_ROW("toggle", __VA_ARGS__)
#define HARVEST_ROW(...) COUNT_ROW("harvest", __VA_ARGS__)
#define JUDGEMENT_ROW(...) COUNT_ROW("judgement", __VA_ARGS__)
#define COST_ROW(...) COUNT_ROW("cost", __VA_ARGS__)
#define RATIO_ROW(name, meaning, over, under)                                                                \
    {#name,                                                                                                  \
     "ratio",                                                                                                \
     "8",                                                                                                    \
     meaning,                                                                                                \
     "judgement",                                                                                            \
     METRIC_RATIO,                                                                                           \
     offsetof(struct metrics, over),                                                                         \
     offsetof(struct metrics, under)},
#define MIGRATION_ROW(name, unit, section, meaning)                                                          \
    {#name, unit, section, meaning, "migration", METRIC_MIGRATION, offsetof(struct metrics, name), 0},
#define INTERVAL_ROW(name, unit, section, meaning)                                                           \
    {#name, unit, section, meaning, "interval", METRIC_COUNT, offsetof(struct interval, name), 0},

/* clang-format off */
const struct metric_column metrics_table[] = {
    METRICS_VOLUME(VOLUME_ROW)
    METRICS_TABLES(TABLES_ROW)
    METRICS_TRANSLATION(TRANSLATION_ROW)
    METRICS_DIRTY(DIRTY_ROW)
    METRICS_TOGGLE(TOGGLE_ROW)
    METRICS_HARVEST(HARVEST_ROW)
    METRICS_JUDGEMENT(JUDGEMENT_ROW)
    RATIO_ROW(amplification, "reported_pages / written_pages", reported_pages, written_pages)
    RATIO_ROW(precision, "true_pages / reported_pages", true_pages, reported_pages)
    RATIO_ROW(recall, "caught_pages / written_pages", caught_pages, written_pages)
    METRICS_MIGRATION(MIGRATION_ROW)
    METRICS_COST(COST_ROW)
};
const struct metric_column intervals_table[] = {
    METRICS_INTERVAL(INTERVAL_ROW)
};
/* clang-format on */

const size_t metrics_table_count = sizeof metrics_table / sizeof *metrics_table;
const size_t intervals_table_count = sizeof intervals_table / sizeof *intervals_table;

void metric_text(const struct metric_column *column, const void *values, char text[METRIC_TEXT_BYTES])
{
    text[0] = '\0';
    if (column->kind == METRIC_COUNT ||
        (column->kind == METRIC_MIGRATION && metric_is_counted(column, values))) {
        snprintf(text, METRIC_TEXT_BYTES, "%" PRIu64, metric_count(column, values));
    } else if (column->kind == METRIC_RATIO) {
        uint64_t over = metric_count(column, values);
        uint64_t under = *(const uint64_t *)(const void *)((const char *)values + column->denominator);
        if (under != 0)
            snprintf(text, METRIC_TEXT_BYTES, "%.6f", (double)over / (double)under);
    }
}
