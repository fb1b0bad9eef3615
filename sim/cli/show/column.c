#include "sim/cli/show/column.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "configs/key.h"
#include "sim/cli/human.h"

/* ---- columns that are made of others ---- */

static struct show_value ratio(double over, double under)
{
    return (struct show_value){.there = under > 0, .number = under > 0 ? over / under : 0};
}

static struct show_value iotlb_miss_rate(const struct metrics *m)
{
    return ratio(100 * (double)m->iotlb_misses, (double)m->iotlb_hits + (double)m->iotlb_misses);
}

static struct show_value scanned_per_harvest(const struct metrics *m)
{
    return ratio((double)m->scanned_entries, (double)m->harvests);
}

static struct show_value cost_ns(const struct metrics *m)
{
    uint64_t sum = m->walk_ns + m->dirty_update_ns + m->harvest_ns + m->flush_ns + m->unmap_ns +
                   m->toggle_ns + m->fault_ns + m->split_ns;
    return (struct show_value){true, sum, (double)sum};
}

static const struct show_column made[] = {
    {"iotlb_miss_rate", {"iotlb", "miss"}, NULL, iotlb_miss_rate, "%", 0},
    {"scanned_per_harvest", {"scanned", "/ harvest"}, NULL, scanned_per_harvest, "entries", 0},
    {"cost_ns", {"sum of", "costs"}, NULL, cost_ns, "ns", 0},
};
enum { MADE = sizeof made / sizeof *made };

/* What a table has when nobody chooses; `rank` says what goes first when it would be too wide. */
static const struct {
    const char *name, *head[2];
    unsigned rank;
} defaults[] = {
    {"amplification", {"reported", "/ written"}, 0},
    {"missed_pages", {"missed", "pages"}, 1},
    {"lost_pages", {"lost", "pages"}, 2},
    {"rounds", {NULL, NULL}, 3},
    {"downtime_ns", {NULL, NULL}, 3},
    {"iotlb_miss_rate", {NULL, NULL}, 4},
    {"scanned_per_harvest", {NULL, NULL}, 9},
    {"toggle_ns", {"toggle", "cost"}, 7},
    {"harvest_ns", {"harvest", "cost"}, 5},
    {"flush_ns", {"flush", "cost"}, 6},
    {"unmap_ns", {"unmap", "cost"}, 8},
    {"unmapped_dirty_pages", {"unmapped", "dirty pages"}, 10},
};
enum { DEFAULTS = sizeof defaults / sizeof *defaults };

/* "flush_commands", counted in commands, is headed by "flush" and "commands". */
static void head_of(struct show_column *column)
{
    const char *unit = column->unit;
    char *first = column->head[0], *second = column->head[1];
    snprintf(first, COLUMN_HEAD_BYTES, "%s", column->name);
    size_t length = strlen(first), tail = strlen(unit);
    bool ends_with_unit =
        length > tail + 1 && first[length - tail - 1] == '_' && strcmp(first + length - tail, unit) == 0;
    if (ends_with_unit)
        first[length - tail - 1] = '\0';
    bool says_unit = strcmp(unit, "ns") == 0 || strcmp(unit, "bytes") == 0 || strcmp(unit, "x") == 0 ||
                     strcmp(unit, "%") == 0;
    snprintf(second, COLUMN_HEAD_BYTES, "%s", says_unit || strcmp(first, unit) == 0 ? "" : unit);
    for (char *p = first; *p; p++)
        if (*p == '_')
            *p = ' ';
    if (strcmp(unit, "ns") == 0 || strcmp(unit, "bytes") == 0)
        snprintf(second, COLUMN_HEAD_BYTES, "%s",
                 *unit != 'n'                                 ? unit
                 : strcmp(column->metric->group, "cost") == 0 ? "cost"
                                                              : "time");
    char *blank = strrchr(first, ' ');
    if (!*second && blank) {
        snprintf(second, COLUMN_HEAD_BYTES, "%s", blank + 1);
        *blank = '\0';
    }
}

static bool find(const char *name, struct show_column *column)
{
    for (size_t c = 0; c < MADE; c++)
        if (strcmp(made[c].name, name) == 0) {
            *column = made[c];
            return true;
        }
    for (size_t c = 0; c < metrics_table_count; c++) {
        const struct metric_column *metric = &metrics_table[c];
        if (strcmp(metric->name, name) != 0)
            continue;
        bool times = strcmp(metric->name, "amplification") == 0;
        *column = (struct show_column){.name = metric->name, .metric = metric, .unit = metric->unit};
        if (metric->kind == METRIC_RATIO)
            column->unit = times ? "x" : "%";
        head_of(column);
        return true;
    }
    return false;
}

bool show_find_column(const char *name, struct show_column *column)
{
    if (!find(name, column))
        return false;
    for (size_t d = 0; d < DEFAULTS; d++) {
        if (strcmp(defaults[d].name, name) != 0)
            continue;
        column->rank = defaults[d].rank;
        for (unsigned line = 0; line < 2 && defaults[d].head[0]; line++)
            snprintf(column->head[line], COLUMN_HEAD_BYTES, "%s", defaults[d].head[line]);
    }
    return true;
}

const char *show_nearest_column(const char *name)
{
    const char *names[512];
    size_t count = 0;
    for (size_t c = 0; c < MADE; c++)
        names[count++] = made[c].name;
    for (size_t c = 0; c < metrics_table_count && count < sizeof names / sizeof *names; c++)
        names[count++] = metrics_table[c].name;
    return key_nearest(name, names, count);
}

size_t show_default_count(void)
{
    return DEFAULTS;
}

void show_default_column(size_t index, struct show_column *column)
{
    show_find_column(defaults[index].name, column);
}

/* ---- values ---- */

struct show_value show_value_of(const struct show_column *column, const struct metrics *metrics)
{
    const struct metric_column *metric = column->metric;
    if (!metric)
        return column->value(metrics);
    if (metric->kind == METRIC_RATIO)
        return ratio((double)metric_count(metric, metrics) * (strcmp(column->unit, "%") == 0 ? 100 : 1),
                     (double)*(const uint64_t *)(const void *)((const char *)metrics + metric->denominator));
    struct show_value value = {.there = metric_is_counted(metric, metrics),
                               .count = metric_count(metric, metrics)};
    value.number = (double)value.count;
    return value;
}

static bool is_counted(const struct show_column *column)
{
    return column->metric ? column->metric->kind != METRIC_RATIO : column->value == cost_ns;
}

void show_value_text(const struct show_column *column, const struct show_value *value,
                     char text[COLUMN_TEXT_BYTES])
{
    char human[HUMAN_BYTES];
    if (!value->there)
        snprintf(human, sizeof human, "-");
    else if (strcmp(column->unit, "ns") == 0)
        human_ns(value->count, human);
    else if (strcmp(column->unit, "bytes") == 0)
        human_bytes(value->count, human);
    else if (strcmp(column->unit, "x") == 0 || strcmp(column->unit, "%") == 0)
        snprintf(human, sizeof human, "%.2f %s", value->number, column->unit);
    else if (is_counted(column) && value->count < 1000000)
        snprintf(human, sizeof human, "%" PRIu64, value->count);
    else
        human_count(value->number, human);
    snprintf(text, COLUMN_TEXT_BYTES, "%s", human);
}

void show_range_text(const struct show_column *column, const struct show_value *least,
                     const struct show_value *most, char text[COLUMN_TEXT_BYTES])
{
    char low[COLUMN_TEXT_BYTES], high[COLUMN_TEXT_BYTES];
    show_value_text(column, least, low);
    show_value_text(column, most, high);
    if (strcmp(low, high) == 0) {
        snprintf(text, COLUMN_TEXT_BYTES, "%s", low);
        return;
    }
    /* A unit that both have is said once. */
    size_t unit = strcspn(low, " nums%KMGTPB"), other = strcspn(high, " nums%KMGTPB");
    if (strcmp(low + unit, high + other) == 0)
        low[unit] = '\0';
    snprintf(text, COLUMN_TEXT_BYTES, "%.*s..%.*s", COLUMN_TEXT_BYTES / 2 - 2, low, COLUMN_TEXT_BYTES / 2 - 2,
             high);
}

void show_value_csv(const struct show_column *column, const struct show_value *value,
                    char text[COLUMN_TEXT_BYTES])
{
    text[0] = '\0';
    if (value->there && is_counted(column))
        snprintf(text, COLUMN_TEXT_BYTES, "%" PRIu64, value->count);
    else if (value->there)
        snprintf(text, COLUMN_TEXT_BYTES, "%.6f", value->number);
}
