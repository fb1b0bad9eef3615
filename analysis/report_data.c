#include "analysis/report_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/csv_reader.h"
#include "analysis/doc.h"
#include "analysis/outfile.h"
#include "analysis/report_column.h"
#include "analysis/report_series.h"
#include "configs/key.h"
#include "sim/base/memory.h"
#include "sim/base/units.h"
#include "sim/pt/pt.h"

/* More rows than this make a page that nobody can open; results.csv has them. */
enum { ROWS_MOST = 20000, FAILED_MOST = 200 };

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "error: no memory for report.html");
}

/* ---- results.csv ---- */

struct table {
    struct csv_reader *reader;
    struct report_column *columns;
    char (*ids)[16]; /* of the rows, to find their intervals */
    size_t rows, id_capacity, left_out;
};

static enum report_column_kind kind_of(const char *name, const struct json_t *fields)
{
    if (strcmp(name, "cell") == 0)
        return REPORT_COLUMN_ID;
    if (strcmp(name, "label") == 0 || strcmp(name, "trace_sha256") == 0 || strcmp(name, "status") == 0)
        return REPORT_COLUMN_OUT;
    for (size_t f = 0; f < doc_length(fields); f++) {
        const char *field = doc_get_string(doc_at(fields, f), "name");
        if (field && strcmp(field, name) == 0 && doc_get_string(doc_at(fields, f), "section"))
            return REPORT_COLUMN_NUMBER;
    }
    return REPORT_COLUMN_WORD;
}

static bool take_row(struct table *table, struct error *error)
{
    if (table->rows == ROWS_MOST) {
        table->left_out++;
        return true;
    }
    if (!memory_grow(&table->ids, &table->id_capacity, table->rows + 1, sizeof *table->ids, error))
        return false;
    snprintf(table->ids[table->rows++], sizeof *table->ids, "%s",
             csv_field(table->reader, csv_column(table->reader, "cell")));
    for (size_t c = 0; c < csv_columns(table->reader); c++)
        if (table->columns[c].kind != REPORT_COLUMN_OUT &&
            !report_column_take(&table->columns[c], csv_field(table->reader, c), error))
            return false;
    return true;
}

static bool read_table(const struct folder *folder, const struct report_options *options, struct table *table,
                       struct error *error)
{
    char *path = outfile_join(folder->path, "results.csv", error);
    table->reader = path ? csv_open(path, error) : NULL;
    free(path);
    if (!table->reader)
        return false;
    const struct json_t *fields = folder_fields(folder, "results");
    table->columns = memory_zeroed(csv_columns(table->reader), sizeof *table->columns, error);
    if (!table->columns)
        return false;
    for (size_t c = 0; c < csv_columns(table->reader); c++)
        table->columns[c].kind = kind_of(csv_name(table->reader, c), fields);
    size_t label = csv_column(table->reader, "label"), status = csv_column(table->reader, "status");
    size_t seen = 0, kept = 0;
    for (bool end;; seen++) {
        if (!csv_next(table->reader, &end, error))
            return false;
        if (end)
            break;
        if (options->keep_pattern && !options->keeps(options->keep_pattern, csv_field(table->reader, label)))
            continue;
        kept++;
        if (strcmp(csv_field(table->reader, status), "ok") == 0 && !take_row(table, error))
            return false;
    }
    return kept > 0 || seen == 0 ||
           error_set(error, ERROR_EXPERIMENT, "--keep %s: error: matches no label of the %zu rows of %s/results.csv",
                     options->keep_pattern, seen, folder->path);
}

static struct json_t *columns_doc(struct table *table)
{
    struct json_t *object = doc_object();
    for (size_t c = 0; c < csv_columns(table->reader); c++)
        if (table->columns[c].kind != REPORT_COLUMN_OUT)
            object = doc_put(object, csv_name(table->reader, c), report_column_doc(&table->columns[c]));
    return object;
}

static void table_free(struct table *table)
{
    for (size_t c = 0; table->columns && c < csv_columns(table->reader); c++)
        report_column_free(&table->columns[c]);
    memory_free(table->columns);
    memory_free(table->ids);
    csv_close(table->reader);
}

/* ---- the other parts ---- */

/* Two trace files of the same bytes share a cell's folder, and so its series. */
static struct json_t *series_doc(const struct folder *folder, const struct table *table, struct error *error)
{
    struct report_series series = {.points = report_series_points(table->rows)};
    struct json_t *list = doc_array();
    for (size_t r = 0; r < table->rows; r++) {
        char *path;
        if (asprintf(&path, "%s/cells/%s/intervals.csv", folder->path, table->ids[r]) < 0)
            path = NULL;
        struct json_t *one = path ? report_series_read(&series, path, error) : NULL;
        free(path);
        list = doc_add(list, one);
        if (!list)
            break;
    }
    struct json_t *object = doc_put(doc_object(), "pool", list ? report_series_pool(&series) : NULL);
    object = doc_put(object, "rows", list);
    report_series_free(&series);
    return object;
}

static struct json_t *failed_doc(const struct folder *folder, struct error *error)
{
    char *path = outfile_join(folder->path, "failed.csv", error);
    struct csv_reader *reader = path ? csv_open(path, error) : NULL;
    free(path);
    struct json_t *list = doc_array();
    uint64_t count = 0;
    bool good = reader != NULL;
    for (bool end = false; good && (good = csv_next(reader, &end, error)) && !end; count++) {
        if (count >= FAILED_MOST)
            continue;
        struct json_t *row = doc_object();
        for (size_t c = 0; c < csv_columns(reader); c++)
            row = doc_put(row, csv_name(reader, c), doc_string(csv_field(reader, c)));
        list = doc_add(list, row);
    }
    csv_close(reader);
    if (!good) {
        doc_free(list);
        return NULL;
    }
    return doc_put(doc_put(doc_object(), "count", doc_integer(count)), "rows", list);
}

/* What an event costs unless a cell says otherwise, in ps, by vendor (semantics.md 12). */
static struct json_t *prices_doc(void)
{
    struct json_t *list = doc_array();
    for (size_t k = 0; k < key_count; k++) {
        const struct key *key = &key_table[k];
        if (!key_in_block(key, "cost"))
            continue;
        char column[64];
        key_column_name(key, column, sizeof column);
        struct json_t *ps = doc_object();
        for (size_t v = 0; v < KEY_VENDORS; v++) {
            uint64_t price = 0;
            units_parse_cost(key->fallback == KEY_DEFAULT_VENDOR ? key->vendor_text[v] : key->text, &price,
                             NULL);
            ps = doc_put(ps, key_vendors[v], doc_integer(price));
        }
        struct json_t *price = doc_put(doc_object(), "name", doc_string(key_word(key)));
        price = doc_put(price, "column", doc_string(column));
        price = doc_put(price, "help", doc_string(key->help));
        if (key->assumed)
            price = doc_put(price, "assumed", doc_string(key->assumed));
        list = doc_add(list, doc_put(price, "ps", ps));
    }
    return list;
}

static struct json_t *vendors_doc(void)
{
    struct json_t *object = doc_object();
    for (size_t m = 0; pt_formats[m]; m++)
        object = doc_put(object, pt_formats[m]->name, doc_string(pt_formats[m]->vendor));
    return object;
}

static struct json_t *experiment_doc(const struct folder *folder, struct error *error)
{
    char *path = outfile_join(folder->path, "experiment.yaml", error);
    FILE *file = path ? fopen(path, "re") : NULL;
    char *text = NULL;
    size_t capacity = 0;
    ssize_t bytes = file ? getdelim(&text, &capacity, '\0', file) : -1;
    bool good = file && (bytes >= 0 || feof(file));
    if (!good && path)
        error_set(error, ERROR_RESULTS, "%s: error: cannot read it: %s", path, strerror(errno));
    struct json_t *object = good ? doc_put(doc_object(), "yaml", doc_string(bytes >= 0 ? text : "")) : NULL;
    const char *name = doc_get_string(folder->package, "dirtywalk_experiment"),
               *question = doc_get_string(folder->package, "description");
    if (good && name)
        object = doc_put(object, "name", doc_string(name));
    if (good && question)
        object = doc_put(object, "question", doc_string(question));
    if (file)
        fclose(file);
    free(text);
    free(path);
    return object;
}

/* A run that was killed before its end has left none: the report says that. */
static struct json_t *provenance_doc(const struct folder *folder, struct error *error)
{
    char *path = outfile_join(folder->path, "provenance.json", error);
    if (!path)
        return NULL;
    FILE *file = fopen(path, "re");
    bool there = file || errno != ENOENT;
    if (file)
        fclose(file);
    struct json_t *provenance = there ? doc_read(path, error) : doc_null();
    free(path);
    return provenance;
}

struct json_t *report_data(const struct folder *folder, const struct report_options *options,
                           struct error *error)
{
    struct table table = {0};
    struct json_t *object = NULL;
    if (read_table(folder, options, &table, error)) {
        object = doc_put(doc_object(), "experiment", experiment_doc(folder, error));
        object = doc_put(object, "rows", doc_integer(table.rows));
        object = doc_put(object, "rows_left_out", doc_integer(table.left_out));
        object = doc_put(object, "planned", doc_integer(options->rows.planned));
        object = doc_put(object, "missing", doc_integer(options->rows.missing));
        object =
            doc_put(object, "keep", options->keep_pattern ? doc_string(options->keep_pattern) : doc_null());
        object = doc_put(object, "fields", doc_copy(folder_fields(folder, "results")));
        object = doc_put(object, "columns", columns_doc(&table));
        object =
            doc_put(object, "series", folder->intervals ? series_doc(folder, &table, error) : doc_null());
        object = doc_put(object, "failed", failed_doc(folder, error));
        object = doc_put(object, "prices", prices_doc());
        object = doc_put(object, "vendors", vendors_doc());
        object = doc_put(object, "provenance", provenance_doc(folder, error));
        if (!object)
            no_memory(error); /* unless one of the parts has said more */
    }
    table_free(&table);
    return object;
}
