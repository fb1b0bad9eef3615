#include "configs/list.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "configs/experiment.h"
#include "configs/key.h"
#include "configs/list_rows.h"
#include "configs/plan.h"
#include "configs/yaml.h"
#include "sim/base/memory.h"
#include "sim/base/units.h"
#include "sim/engine/cost.h"
#include "sim/engine/result.h"
#include "sim/iommu/iommu.h"
#include "sim/pt/pt.h"
#include "traces/trace.h"

static const struct {
    const char *name, *summary;
} kinds[] = {{"models", "iommu.model: page-table formats and their hardware"},
             {"vendors", "who makes the commands: toggling and range invalidation"},
             {"sources", "mapping.source: what software maps"},
             {"methods", "tracking.method: who knows which pages were written"},
             {"policies", "harvest.policy: when dirty state is collected"},
             {"flushes", "harvest.flush: what a harvest invalidates"},
             {"formats", "formats of traces"},
             {"keys", "keys of an experiment file"},
             {"cost", "cost: what the cost model charges, where the defaults come from, and which are assumed"},
             {"columns", "columns of results.csv after the parameters"},
             {"limits", "limits of experiments"}};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

/* ---- rows ---- */

/* A new row, or a scratch row and an error when memory is short. */
static struct list_row *add_row(struct list_rows *rows, const char *kind, const char *name,
                                const char *summary, struct error *error)
{
    static _Thread_local struct list_row scratch;
    struct list_row *row = &scratch;
    if (memory_grow(&rows->rows, &rows->capacity, rows->count + 1, sizeof *rows->rows, error))
        row = &rows->rows[rows->count++];
    *row = (struct list_row){.kind = kind, .name = name, .summary = summary};
    return row;
}

static void add_field(struct list_row *row, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add_field(struct list_row *row, const char *name, const char *format, ...)
{
    va_list args;
    if (row->field_count == LIST_FIELDS_MAX)
        return;
    struct list_field *field = &row->fields[row->field_count++];
    field->name = name;
    va_start(args, format);
    vsnprintf(field->value, sizeof field->value, format, args);
    va_end(args);
}

/* Leaf sizes with the default levels or width: plain ones, and those that take several entries. */
static void describe_sizes(struct list_row *row, const char *field, const struct pt_format *model, bool plain)
{
    static const uint64_t granules[] = {4096, 16384, 65536};
    char sizes[LIST_VALUE_BYTES] = "", text[UNITS_TEXT_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < (model->levels_max > 0 ? 1 : 3); i++) {
        struct cell_config config = {0};
        config.iommu.model = model;
        config.iommu.levels = model->levels_default;
        config.iommu.granule_bytes = granules[i];
        config.iommu.address_bits = 48;
        struct pt_geometry geometry = model->geometry(&config);
        uint64_t left = plain ? geometry.plain_sizes : geometry.sizes & ~geometry.plain_sizes;
        for (bool first = true; left != 0 && used < sizeof sizes; left &= left - 1, first = false)
            used += (size_t)snprintf(sizes + used, sizeof sizes - used, "%s%s",
                                     !first     ? " "
                                     : used > 0 ? "; "
                                                : "",
                                     units_format_size(left & -left, text));
    }
    if (*sizes)
        add_field(row, field, "%s", sizes);
}

static void describe_model(struct list_row *row, const struct pt_format *model)
{
    if (model->levels_max > 0)
        add_field(row, "levels", "%u to %u, default %u", model->levels_min, model->levels_max,
                  model->levels_default);
    else
        add_field(row, "levels", "by granule and address_bits");
    describe_sizes(row, "leaf_sizes", model, true);
    describe_sizes(row, "more_leaf_sizes", model, false);
    add_field(row, "vendor", "%s", model->vendor);
    add_field(row, "source", "%s", model->source);
}

/* The choices of a key as rows of `kind`. */
static void add_choices(struct list_rows *rows, const char *kind, const char *key_name, struct error *error)
{
    const struct key *key = key_find(key_name);
    struct choice choice;
    for (size_t i = 0; choice_get(key->choices, i, &choice); i++) {
        struct list_row *row = add_row(rows, kind, choice.name, choice.summary, error);
        if (choice.item && strcmp(kind, "models") == 0)
            describe_model(row, choice.item);
    }
}

static const char *const type_names[] = {[KEY_BOOLEAN] = "boolean",
                                         [KEY_INTEGER] = "integer",
                                         [KEY_SIZE] = "size",
                                         [KEY_TIME] = "time",
                                         [KEY_COST] = "time down to 1 ps",
                                         [KEY_RATE] = "rate",
                                         [KEY_CHOICE] = "choice",
                                         [KEY_SIZES] = "list of sizes",
                                         [KEY_REGIONS] = "list of regions",
                                         [KEY_RANGES] = "list of ranges"};

static char *bound_text(const struct key *key, uint64_t bound, char text[UNITS_TEXT_BYTES])
{
    if (key->type == KEY_SIZE)
        return units_format_size(bound, text);
    if (key->type == KEY_TIME)
        return units_format_time(bound, text);
    if (key->type == KEY_RATE)
        return units_format_rate(bound, text);
    snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64, bound);
    return text;
}

/* What may be written: choices, a range, a condition. */
static void describe_values(struct list_row *row, const struct key *key)
{
    char text[LIST_VALUE_BYTES] = "", bound[UNITS_TEXT_BYTES];
    size_t used = 0;
    struct choice choice;
    for (size_t i = 0; key->choices && choice_get(key->choices, i, &choice) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? " " : "", choice.name);
    for (const uint64_t *allowed = key->allowed; allowed && *allowed; allowed++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? " " : "",
                                 bound_text(key, *allowed, bound));
    if (key->min != 0)
        used += (size_t)snprintf(text + used, sizeof text - used, "at least %s",
                                 bound_text(key, key->min, bound));
    if (key->max != 0 && key->max < UINT64_MAX - 1)
        used += (size_t)snprintf(text + used, sizeof text - used, "%sat most %s", used > 0 ? ", " : "",
                                 bound_text(key, key->max, bound));
    if (key->power_of_two)
        used += (size_t)snprintf(text + used, sizeof text - used, ", a power of two");
    if (key->multiple != 0)
        snprintf(text + used, sizeof text - used, ", a multiple of %s", bound_text(key, key->multiple, bound));
    if (*text)
        add_field(row, "values", "%s", text);
}

static void add_keys(struct list_rows *rows, struct error *error)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        char text[LIST_VALUE_BYTES], column[96];
        struct list_row *row = add_row(rows, "keys", key->name, key->help, error);
        add_field(row, "type", "%s", type_names[key->type]);
        key_default_text(key, text, sizeof text);
        add_field(row, "default", "%s", text);
        describe_values(row, key);
        if (key->belongs_to)
            add_field(row, "used_by", "%s", key->belongs_to);
        key_column_name(key, column, sizeof column);
        add_field(row, "column", "%s", column);
        add_field(row, "section", "%s", key->section);
    }
}

/* Cost keys once more, with what they charge. */
static void add_costs(struct list_rows *rows, struct error *error)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        char text[LIST_VALUE_BYTES] = "";
        size_t used = 0;
        if (key->type != KEY_COST)
            continue;
        struct list_row *row = add_row(rows, "cost", key_word(key), key->help, error);
        for (size_t t = 0; t < cost_term_count && used < sizeof text; t++)
            if (strcmp(cost_terms[t].price, key_word(key)) == 0)
                used += (size_t)snprintf(text + used, sizeof text - used, "%s%s in %s", used > 0 ? ", " : "",
                                         cost_terms[t].counter, cost_terms[t].column);
        add_field(row, "charged_for", "%s", text);
        key_default_text(key, text, sizeof text);
        add_field(row, "default", "%s", text);
        add_field(row, "assumed", "%s", !key->assumed ? "none" : *key->assumed ? key->assumed : "all");
        add_field(row, "source", "%s", key->source);
        add_field(row, "section", "%s", key->section);
    }
}

static void add_columns(struct list_rows *rows, struct error *error)
{
    struct list_row *row;
    char formula[LIST_VALUE_BYTES];
#define COLUMN(name_, unit_, section_, meaning_)                                                             \
    row = add_row(rows, "columns", #name_, meaning_, error);                                                 \
    add_field(row, "unit", "%s", unit_);                                                                     \
    cost_formula(#name_, formula, sizeof formula);                                                           \
    if (*formula)                                                                                            \
        add_field(row, "formula", "%s", formula);                                                            \
    add_field(row, "section", "%s", section_);
    METRICS_COUNTERS(COLUMN)
    COLUMN(amplification, "ratio", "8", "reported_pages / written_pages")
    COLUMN(precision, "ratio", "8", "true_pages / reported_pages")
    COLUMN(recall, "ratio", "8", "caught_pages / written_pages")
    METRICS_MIGRATION(COLUMN)
    METRICS_COST(COLUMN)
#undef COLUMN
}

static void add_limits(struct list_rows *rows, struct error *error)
{
    static const struct {
        const char *name, *summary;
        uint64_t value;
    } limits[] = {{"yaml_bytes", "bytes of an experiment file", YAML_BYTES_MAX},
                  {"yaml_depth", "levels of nesting", YAML_DEPTH_MAX},
                  {"yaml_nodes", "nodes, counting what aliases repeat", YAML_NODES_MAX},
                  {"cells", "cells of a plan", PLAN_CELLS_MAX},
                  {"name_bytes", "bytes of an experiment's name", EXPERIMENT_NAME_BYTES},
                  {"errors", "errors shown of one experiment", ERROR_LIST_SHOWN},
                  {"regions", "regions or ranges of a cell", CONFIG_REGIONS_MAX},
                  {"devices", "device ids of a trace", TRACE_DEVICES}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        add_field(add_row(rows, "limits", limits[i].name, limits[i].summary, error), "value", "%" PRIu64,
                  limits[i].value);
}

static void add_all(struct list_rows *rows, struct error *error)
{
    add_choices(rows, "models", "iommu.model", error);
    for (size_t i = 0; iommu_vendors[i]; i++)
        add_row(rows, "vendors", iommu_vendors[i]->name, iommu_vendors[i]->summary, error);
    add_choices(rows, "sources", "mapping.source", error);
    add_choices(rows, "methods", "tracking.method", error);
    add_choices(rows, "policies", "harvest.policy", error);
    add_choices(rows, "flushes", "harvest.flush", error);
    for (size_t i = 0; trace_formats[i]; i++) {
        struct list_row *row =
            add_row(rows, "formats", trace_formats[i]->name, trace_formats[i]->summary, error);
        char text[LIST_VALUE_BYTES] = "";
        size_t used = 0;
        for (const char *const *suffix = trace_formats[i]->suffixes; suffix && *suffix && used < sizeof text;
             suffix++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? " " : "", *suffix);
        add_field(row, "suffixes", "%s", text);
    }
    add_keys(rows, error);
    add_costs(rows, error);
    add_columns(rows, error);
    add_limits(rows, error);
}

/* ---- rendering ---- */

static const char *kind_summary(const char *kind)
{
    size_t i = 0;
    while (i < KIND_COUNT && strcmp(kinds[i].name, kind) != 0)
        i++;
    return i < KIND_COUNT ? kinds[i].summary : "";
}

static const char *field_of(const struct list_row *row, const char *name)
{
    for (size_t k = 0; k < row->field_count; k++)
        if (strcmp(row->fields[k].name, name) == 0)
            return row->fields[k].value;
    return NULL;
}

/* A line is a summary and what a reader of many lines looks for: defaults, what a key acts on, whether
 * anybody measured a price, units and formulas. */
static void write_line(FILE *out, const struct list_row *row)
{
    static const struct {
        const char *field, *before;
    } parts[] = {{"default", "default "},
                 {"assumed", "assumed: "},
                 {"used_by", "for "},
                 {"unit", ""},
                 {"formula", "= "}};
    fprintf(out, "  %-24s %s", row->name, row->summary);
    const char *between = " (";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *value = field_of(row, parts[i].field);
        bool says_itself = value && strcmp(value, "required") == 0;
        if (value)
            fprintf(out, "%s%s%s", between, says_itself ? "" : parts[i].before, value);
        between = value ? "; " : between;
    }
    fputs(strcmp(between, "; ") == 0 ? ")\n" : "\n", out);
}

/* Rows of one kind share a heading; a single row shows its fields too. */
static void write_plain(FILE *out, const struct list_row *const rows[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct list_row *row = rows[i];
        if (count > 1 && (i == 0 || strcmp(rows[i - 1]->kind, row->kind) != 0))
            fprintf(out, "%s%s: %s\n", i > 0 ? "\n" : "", row->kind, kind_summary(row->kind));
        if (count > 1)
            write_line(out, row);
        else
            fprintf(out, "%s: %s\n", row->name, row->summary);
        for (size_t k = 0; count == 1 && k < row->field_count; k++)
            fprintf(out, "  %s: %s\n", row->fields[k].name, row->fields[k].value);
    }
}

/* Field names of the rows of a kind, in the order of first use. */
static size_t field_names(const struct list_row *const rows[], size_t count,
                          const char *names[LIST_FIELDS_MAX])
{
    size_t known = 0;
    for (size_t i = 0; i < count && strcmp(rows[i]->kind, rows[0]->kind) == 0; i++) {
        for (size_t k = 0; k < rows[i]->field_count; k++) {
            size_t at = 0;
            while (at < known && strcmp(names[at], rows[i]->fields[k].name) != 0)
                at++;
            if (at == known && known < LIST_FIELDS_MAX)
                names[known++] = rows[i]->fields[k].name;
        }
    }
    return known;
}

static void write_cell(FILE *out, const char *text)
{
    fputs(" ", out);
    for (; *text; text++)
        fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
    fputs(" |", out);
}

static void write_markdown(FILE *out, const struct list_row *const rows[], size_t count)
{
    const char *names[LIST_FIELDS_MAX];
    size_t fields = 0;
    for (size_t i = 0; i < count; i++) {
        const struct list_row *row = rows[i];
        if (i == 0 || strcmp(rows[i - 1]->kind, row->kind) != 0) {
            fields = field_names(rows + i, count - i, names);
            fprintf(out, "%s## %s\n\n%s\n\n| name | meaning |", i > 0 ? "\n" : "", row->kind,
                    kind_summary(row->kind));
            for (size_t k = 0; k < fields; k++)
                write_cell(out, names[k]);
            fputs("\n|---|---|", out);
            for (size_t k = 0; k < fields; k++)
                fputs("---|", out);
            fputc('\n', out);
        }
        fprintf(out, "| `%s` |", row->name);
        write_cell(out, row->summary);
        for (size_t k = 0; k < fields; k++) {
            const char *value = "";
            for (size_t m = 0; m < row->field_count; m++) {
                if (strcmp(row->fields[m].name, names[k]) == 0)
                    value = row->fields[m].value;
            }
            write_cell(out, value);
        }
        fputc('\n', out);
    }
}

/* ---- selection ---- */

static bool unknown(const struct list_rows *rows, const char *what, struct error *error)
{
    const char *slash = strchr(what, '/'), *names[KIND_COUNT];
    size_t kind_length = slash ? (size_t)(slash - what) : strlen(what);
    for (size_t i = 0; i < KIND_COUNT; i++)
        names[i] = kinds[i].name;
    char kind[64];
    snprintf(kind, sizeof kind, "%.*s", (int)(kind_length < 60 ? kind_length : 60), what);
    if (*kind_summary(kind) == '\0') {
        const char *nearest = key_nearest(kind, names, KIND_COUNT);
        return error_set(error, ERROR_EXPERIMENT, "list: \"%s\" is no known kind; %s%s%s", kind,
                         nearest ? "did you mean \""
                                 : "write models, vendors, sources, methods, policies, flushes, ",
                         nearest ? nearest : "formats, keys, columns or limits", nearest ? "\"?" : "");
    }
    const char *words[512] = {0};
    size_t count = 0;
    for (size_t i = 0; i < rows->count && count < 512; i++) {
        if (strcmp(rows->rows[i].kind, kind) == 0)
            words[count++] = rows->rows[i].name;
    }
    const char *nearest = key_nearest(slash + 1, words, count);
    return error_set(error, ERROR_EXPERIMENT, "list: there is no \"%.60s\" in %s; %s%s%s", slash + 1, kind,
                     nearest ? "did you mean \"" : "see dirtywalk list ", nearest ? nearest : kind,
                     nearest ? "\"?" : "");
}

static bool matches(const struct list_row *row, const char *what)
{
    size_t length = strlen(row->kind);
    if (!what)
        return true;
    return strncmp(what, row->kind, length) == 0 &&
           (what[length] == '\0' || (what[length] == '/' && strcmp(what + length + 1, row->name) == 0));
}

bool list_write(FILE *out, const char *what, enum list_format format, struct error *error)
{
    struct list_rows rows = {0};
    struct error inner = {0};
    add_all(&rows, &inner);
    const struct list_row **chosen = memory_zeroed(rows.count, sizeof *chosen, &inner);
    size_t count = 0;
    for (size_t i = 0; chosen && i < rows.count; i++) {
        if (matches(&rows.rows[i], what))
            chosen[count++] = &rows.rows[i];
    }
    if (inner.kind == ERROR_NONE && count == 0)
        unknown(&rows, what, &inner);
    else if (inner.kind == ERROR_NONE && format == LIST_JSON)
        list_write_json(out, chosen, count, &inner);
    else if (inner.kind == ERROR_NONE && format == LIST_MARKDOWN)
        write_markdown(out, chosen, count);
    else if (inner.kind == ERROR_NONE)
        write_plain(out, chosen, count);
    if (inner.kind == ERROR_NONE && (fflush(out) != 0 || ferror(out)))
        error_set(&inner, ERROR_RESULTS, "list: the output cannot be written; check the disk or pipe");
    memory_free(chosen);
    memory_free(rows.rows);
    return inner.kind == ERROR_NONE || error_set(error, inner.kind, "%s", inner.text);
}
