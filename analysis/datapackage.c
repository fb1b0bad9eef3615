#include "analysis/datapackage.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/doc.h"
#include "analysis/metrics_table.h"
#include "analysis/outfile.h"
#include "configs/key.h"
#include "sim/engine/cost.h"

/* A column that is no metric and no parameter. */
struct named_column {
    const char *name, *type, *unit, *description;
};

static const struct named_column identity_columns[] = {
    {"cell", "string", "", "id of the cell on this trace: names its folder in cells/"},
    {"label", "string", "", "the swept keys and their values"},
    {"trace", "string", "", "path of the trace, relative to the experiment file"},
    {"trace_sha256", "string", "", "SHA-256 of the trace file"},
};
static const struct named_column status_column = {
    "status", "string", "", "ok, or failed: the metrics are then empty, see failed.csv"};
static const struct named_column interval_columns[] = {
    {"cell", "string", "", "id of the cell on this trace, as in results.csv"},
    {"trace", "string", "", "path of the trace, relative to the experiment file"},
    {"interval", "integer", "", "number of the harvest, from 1 per cell and trace"},
};
static const struct named_column timing_columns[] = {
    {"cell", "string", "", "id of the cell on this trace, as in results.csv"},
    {"label", "string", "", "the swept keys and their values"},
    {"trace", "string", "", "path of the trace, relative to the experiment file"},
    {"wall_s", "number", "s", "time that stepping this cell took, without decoding the trace; see cells_sharing"},
    {"cells_sharing", "integer", "cells",
     "cells that had their tables and pages computed once for all: wall_s is an equal part of their time; 1 is a cell alone"},
    {"records_per_s", "number", "records/s", "records of the cell / wall_s"},
    {"peak_rss_bytes", "integer", "bytes",
     "largest resident memory of the whole process when the cell ended"},
    {"host", "string", "", "where it ran"},
    {"threads", "integer", "threads", "threads of the pass that the cell ran in"},
};
static const struct named_column failed_columns[] = {
    {"cell", "string", "", "id of the cell on this trace, as in results.csv"},
    {"label", "string", "", "the swept keys and their values"},
    {"trace", "string", "", "path of the trace, relative to the experiment file"},
    {"message", "string", "", "why the cell failed"},
};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static struct json_t *field_doc(const char *name, const char *type, const char *unit, const char *description)
{
    struct json_t *field = doc_put(doc_object(), "name", doc_string(name));
    field = doc_put(field, "type", doc_string(type));
    if (unit[0])
        field = doc_put(field, "unit", doc_string(unit));
    return doc_put(field, "description", doc_string(description));
}

static struct json_t *add_named(struct json_t *fields, const struct named_column *columns, size_t count)
{
    for (size_t c = 0; c < count; c++)
        fields = doc_add(
            fields, field_doc(columns[c].name, columns[c].type, columns[c].unit, columns[c].description));
    return fields;
}

/* A key that may be unset prints "none", so its column is text. */
static const char *parameter_type(const struct plan_column *column)
{
    const struct key *key = column->key;
    if (column->sum)
        return "integer";
    if (key->fallback == KEY_DEFAULT_NONE)
        return "string";
    switch (key->type) {
    case KEY_BOOLEAN:
        return "boolean";
    case KEY_INTEGER:
    case KEY_SIZE:
    case KEY_TIME:
    case KEY_RATE:
        return "integer";
    case KEY_COST:
        return "number";
    case KEY_CHOICE:
    case KEY_SIZES:
    case KEY_REGIONS:
    case KEY_RANGES:
        break;
    }
    return "string";
}

static struct json_t *add_parameters(struct json_t *fields, const struct plan *plan)
{
    for (size_t c = 0; c < plan->column_count; c++) {
        const struct plan_column *column = &plan->columns[c];
        fields = doc_add(fields, field_doc(column->name, parameter_type(column),
                                           column->key->type == KEY_SIZES ? "bytes" : column->unit, column->help));
    }
    return fields;
}

static struct json_t *add_metrics(struct json_t *fields, const struct metric_column *columns, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        const struct metric_column *column = &columns[c];
        char formula[512];
        struct json_t *field = field_doc(column->name, column->kind == METRIC_RATIO ? "number" : "integer",
                                         column->unit, column->meaning);
        field = doc_put(field, "group", doc_string(column->group));
        cost_formula(column->name, formula, sizeof formula);
        if (*formula)
            field = doc_put(field, "formula", doc_string(formula));
        fields = doc_add(fields, doc_put(field, "section", doc_string(column->section)));
    }
    return fields;
}

static struct json_t *resource_doc(const char *name, const char *path, struct json_t *fields)
{
    struct json_t *missing = doc_add(doc_array(), doc_string(""));
    struct json_t *schema = doc_put(doc_object(), "fields", fields);
    schema = doc_put(schema, "missingValues", missing);
    struct json_t *resource = doc_put(doc_object(), "name", doc_string(name));
    resource = doc_put(resource, "path", doc_string(path));
    resource = doc_put(resource, "profile", doc_string("tabular-data-resource"));
    resource = doc_put(resource, "format", doc_string("csv"));
    resource = doc_put(resource, "encoding", doc_string("utf-8"));
    return doc_put(resource, "schema", schema);
}

static struct json_t *resources_doc(const struct experiment *experiment, const struct plan *plan)
{
    struct json_t *list = doc_array();
    struct json_t *fields = add_named(doc_array(), identity_columns, COUNT_OF(identity_columns));
    fields = add_named(fields, &status_column, 1);
    fields = add_parameters(fields, plan);
    fields = add_metrics(fields, metrics_table, metrics_table_count);
    list = doc_add(list, resource_doc("results", "results.csv", fields));
    if (experiment->intervals) {
        fields = add_named(doc_array(), interval_columns, COUNT_OF(interval_columns));
        fields = add_metrics(fields, intervals_table, intervals_table_count);
        list = doc_add(list, resource_doc("intervals", "intervals.csv", fields));
    }
    fields = add_named(doc_array(), identity_columns, COUNT_OF(identity_columns));
    list = doc_add(list, resource_doc("plan", "plan.csv", add_parameters(fields, plan)));
    fields = add_named(doc_array(), timing_columns, COUNT_OF(timing_columns));
    list = doc_add(list, resource_doc("timing", "timing.csv", fields));
    fields = add_named(doc_array(), failed_columns, COUNT_OF(failed_columns));
    return doc_add(list, resource_doc("failed", "failed.csv", fields));
}

/* The prices that costs are assumed or known to have, by default. */
static struct json_t *prices_doc(void)
{
    struct json_t *list = doc_array();
    char usual[256];
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        if (key->type != KEY_COST)
            continue;
        struct json_t *price = doc_put(doc_object(), "name", doc_string(key_word(key)));
        key_default_text(key, usual, sizeof usual);
        price = doc_put(price, "description", doc_string(key->help));
        price = doc_put(price, "default", doc_string(usual));
        price = doc_put(price, "assumed_for", doc_string(!key->assumed ? "none" : *key->assumed ? key->assumed : "all"));
        list = doc_add(list, doc_put(price, "source", doc_string(key->source)));
    }
    return list;
}

bool datapackage_write(const char *folder, const struct experiment *experiment, const struct plan *plan, bool durable,
                       struct error *error)
{
    struct json_t *package = doc_put(doc_object(), "profile", doc_string("tabular-data-package"));
    package = doc_put(package, "title", doc_string(experiment->name));
    if (experiment->question)
        package = doc_put(package, "description", doc_string(experiment->question));
    /* Not a key of Frictionless: by it a later run knows its own folder. */
    package = doc_put(package, "dirtywalk_experiment", doc_string(experiment->name));
    package = doc_put(package, "dirtywalk_model_version", doc_string(MODEL_VERSION));
    package = doc_put(package, "dirtywalk_prices", prices_doc());
    package = doc_put(package, "resources", resources_doc(experiment, plan));
    if (!package)
        return error_set(error, ERROR_MEMORY, "error: no memory for datapackage.json");
    struct outfile out;
    if (!outfile_open(&out, folder, "datapackage.json", error)) {
        doc_free(package);
        return false;
    }
    if (!doc_write(package, true, out.file) && !ferror(out.file)) {
        outfile_abort(&out);
        return error_set(error, ERROR_MEMORY, "error: no memory for datapackage.json");
    }
    return outfile_commit(&out, durable, error);
}

static char *string_of(const char *folder, const char *key)
{
    char *path = outfile_join(folder, "datapackage.json", NULL);
    struct json_t *package = path ? doc_read(path, NULL) : NULL;
    const char *text = doc_get_string(package, key);
    char *copy = text ? strdup(text) : NULL;
    doc_free(package);
    free(path);
    return copy;
}

char *datapackage_experiment(const char *folder)
{
    return string_of(folder, "dirtywalk_experiment");
}

char *datapackage_model_version(const char *folder)
{
    return string_of(folder, "dirtywalk_model_version");
}
