#include "analysis/cell_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/doc.h"
#include "analysis/metrics_table.h"
#include "analysis/outfile.h"
#include "configs/plan.h"

enum { RECORD_FORMAT = 3 };

static const char *const kind_names[] = {
    [ERROR_NONE] = "none",
    [ERROR_EXPERIMENT] = "experiment",
    [ERROR_TRACE] = "trace",
    [ERROR_RESULTS] = "results",
    [ERROR_CELL] = "cell",
    [ERROR_MEMORY] = "memory",
    [ERROR_INTERRUPTED] = "interrupted",
};

static bool write_yaml(const char *folder, const char *yaml, struct error *error)
{
    struct outfile out;
    if (!outfile_open(&out, folder, "cell.yaml", error))
        return false;
    fputs(yaml, out.file);
    return outfile_commit(&out, false, error);
}

void cell_record_print_intervals(const struct interval *intervals, size_t count, FILE *file)
{
    fputs("interval", file);
    for (size_t c = 0; c < intervals_table_count; c++)
        fprintf(file, ",%s", intervals_table[c].name);
    putc('\n', file);
    for (size_t i = 0; i < count; i++) {
        fprintf(file, "%zu", i + 1);
        for (size_t c = 0; c < intervals_table_count; c++) {
            char text[METRIC_TEXT_BYTES];
            metric_text(&intervals_table[c], &intervals[i], text);
            fprintf(file, ",%s", text);
        }
        putc('\n', file);
    }
}

static bool write_intervals(const char *folder, struct cell_record *record, const struct interval *intervals,
                            struct error *error)
{
    struct outfile out;
    if (!outfile_open(&out, folder, "intervals.csv", error))
        return false;
    cell_record_print_intervals(intervals, record->interval_count, out.file);
    off_t bytes = ftello(out.file);
    record->interval_bytes = bytes > 0 ? (uint64_t)bytes : 0;
    return outfile_commit(&out, false, error);
}

static struct json_t *metrics_doc(const struct metrics *metrics)
{
    struct json_t *object = doc_object();
    for (size_t c = 0; c < metrics_table_count; c++)
        if (metric_is_counted(&metrics_table[c], metrics))
            object =
                doc_put(object, metrics_table[c].name, doc_integer(metric_count(&metrics_table[c], metrics)));
    return object;
}

/* Only what is not 0. */
static struct json_t *observations_doc(const struct observations *seen)
{
    struct json_t *object = doc_object();
#define PUT(name)                                                                                            \
    if (seen->name != 0)                                                                                     \
        object = doc_put(object, #name, doc_integer(seen->name));
    OBSERVATIONS(PUT)
#undef PUT
    return object;
}

static void read_observations(const struct json_t *object, struct observations *seen)
{
#define GET(name) (void)doc_get_integer(object, #name, &seen->name);
    OBSERVATIONS(GET)
#undef GET
}

static struct json_t *findings_doc(const struct cell_record *record)
{
    struct json_t *list = doc_array();
    for (size_t f = 0; f < record->finding_count; f++) {
        const struct cell_finding *finding = &record->findings[f];
        struct json_t *object = doc_put(doc_object(), "kind", doc_string(finding->kind));
        object = doc_put(object, "grade", doc_real(finding->grade));
        list = doc_add(list, doc_put(object, "sentence", doc_string(finding->sentence)));
    }
    return list;
}

static bool read_findings(const struct json_t *list, struct cell_record *record)
{
    for (size_t f = 0; f < doc_length(list) && f < sizeof record->findings / sizeof *record->findings; f++) {
        struct cell_finding *finding = &record->findings[record->finding_count++];
        const struct json_t *object = doc_at(list, f);
        const char *kind = doc_get_string(object, "kind"), *sentence = doc_get_string(object, "sentence");
        if (!kind || !sentence || !doc_get_real(object, "grade", &finding->grade))
            return false;
        snprintf(finding->kind, sizeof finding->kind, "%s", kind);
        snprintf(finding->sentence, sizeof finding->sentence, "%s", sentence);
    }
    return list != NULL;
}

static struct json_t *record_doc(const struct cell_record *record)
{
    struct json_t *object = doc_object();
    object = doc_put(object, "format", doc_integer(RECORD_FORMAT));
    object = doc_put(object, "cell", doc_string(record->id));
    object = doc_put(object, "label", doc_string(record->label));
    object = doc_put(object, "trace", doc_string(record->trace));
    object = doc_put(object, "trace_sha256", doc_string(record->trace_sha256));
    object = doc_put(object, "model_version", doc_string(MODEL_VERSION));
    object = doc_put(object, "status", doc_string(record->failed ? "failed" : "ok"));
    if (record->failed) {
        object = doc_put(object, "kind", doc_string(kind_names[record->kind]));
        object = doc_put(object, "message", doc_string(record->message));
    } else {
        object = doc_put(object, "metrics", metrics_doc(&record->metrics));
        object = doc_put(object, "trace_records", doc_integer(record->trace_records));
        object = doc_put(object, "seen", observations_doc(&record->seen));
        object = doc_put(object, "health", findings_doc(record));
    }
    if (record->has_intervals) {
        struct json_t *intervals = doc_put(doc_object(), "rows", doc_integer(record->interval_count));
        intervals = doc_put(intervals, "bytes", doc_integer(record->interval_bytes));
        object = doc_put(object, "intervals", intervals);
    }
    struct json_t *timing = doc_put(doc_object(), "wall_s", doc_real(record->timing.wall_s));
    timing = doc_put(timing, "sharing", doc_integer(record->timing.sharing));
    timing = doc_put(timing, "peak_rss_bytes", doc_integer(record->timing.peak_rss_bytes));
    timing = doc_put(timing, "host", doc_string(record->timing.host));
    timing = doc_put(timing, "threads", doc_integer(record->timing.threads));
    return doc_put(object, "timing", timing);
}

static bool write_result(const char *folder, const struct cell_record *record, struct error *error)
{
    struct outfile out;
    if (!outfile_open(&out, folder, "result.json", error))
        return false;
    if (!doc_write(record_doc(record), true, out.file) && !ferror(out.file)) {
        outfile_abort(&out);
        return error_set(error, ERROR_MEMORY, "error: no memory to write the result of cell %s", record->id);
    }
    return outfile_commit(&out, false, error);
}

bool cell_record_write(const char *cells_folder, struct cell_record *record, const char *yaml,
                       const struct interval *intervals, struct error *error)
{
    char *folder = outfile_join(cells_folder, record->id, error);
    char *temporary = outfile_temporary(cells_folder, record->id, error);
    record->has_intervals = record->has_intervals && !record->failed;
    /* result.json comes last and names the size of intervals.csv: after a crash of the machine, a record that
     * reads well is complete, so nothing here has to wait for the disk. */
    bool good = folder && temporary && outfile_make_folder(temporary, error) &&
                write_yaml(temporary, yaml, error) &&
                (!record->has_intervals || write_intervals(temporary, record, intervals, error)) &&
                write_result(temporary, record, error) && outfile_replace_folder(temporary, folder, error);
    if (!good && temporary)
        outfile_remove_folder(temporary);
    free(temporary);
    free(folder);
    return good;
}

static bool read_metrics(const struct json_t *object, struct metrics *metrics)
{
    for (size_t c = 0; c < metrics_table_count; c++) {
        uint64_t count;
        enum metric_kind kind = metrics_table[c].kind;
        if (kind == METRIC_RATIO)
            continue;
        bool found = doc_get_integer(object, metrics_table[c].name, &count);
        if (!found && kind == METRIC_COUNT)
            return false;
        if (!found)
            continue;
        metrics->migrates |= kind == METRIC_MIGRATION;
        metric_store(&metrics_table[c], metrics, count);
    }
    return true;
}

static bool is_text(const struct json_t *object, const char *key, const char *expected)
{
    const char *text = doc_get_string(object, key);
    return text && strcmp(text, expected) == 0;
}

static bool read_failure(const struct json_t *object, struct cell_record *record)
{
    const char *kind = doc_get_string(object, "kind"), *message = doc_get_string(object, "message");
    if (!kind || !message)
        return false;
    record->kind = ERROR_CELL;
    for (size_t k = 0; k < sizeof kind_names / sizeof *kind_names; k++)
        if (strcmp(kind, kind_names[k]) == 0)
            record->kind = (enum error_kind)k;
    snprintf(record->message, sizeof record->message, "%s", message);
    return true;
}

static bool read_timing(const struct json_t *timing, struct cell_record *record)
{
    const char *host = doc_get_string(timing, "host");
    if (!host || !doc_get_real(timing, "wall_s", &record->timing.wall_s) ||
        !doc_get_integer(timing, "sharing", &record->timing.sharing) ||
        !doc_get_integer(timing, "peak_rss_bytes", &record->timing.peak_rss_bytes) ||
        !doc_get_integer(timing, "threads", &record->timing.threads))
        return false;
    snprintf(record->timing.host, sizeof record->timing.host, "%s", host);
    return true;
}

static bool read_intervals(const char *folder, const struct json_t *intervals, struct cell_record *record)
{
    uint64_t rows;
    if (!doc_get_integer(intervals, "rows", &rows) ||
        !doc_get_integer(intervals, "bytes", &record->interval_bytes))
        return false;
    record->has_intervals = true;
    record->interval_count = (size_t)rows;
    char *path = outfile_join(folder, "intervals.csv", NULL);
    struct stat status;
    if (!path)
        record->kind = ERROR_MEMORY;
    bool good = path && stat(path, &status) == 0 && (uint64_t)status.st_size == record->interval_bytes;
    free(path);
    return good;
}

static bool read_result(const char *folder, const struct json_t *object, struct cell_record *record)
{
    uint64_t format;
    if (!doc_get_integer(object, "format", &format) || format != RECORD_FORMAT ||
        !is_text(object, "cell", record->id) || !is_text(object, "model_version", MODEL_VERSION) ||
        !read_timing(doc_get(object, "timing"), record))
        return false;
    record->failed = is_text(object, "status", "failed");
    if (record->failed)
        return read_failure(object, record);
    read_observations(doc_get(object, "seen"), &record->seen);
    const struct json_t *intervals = doc_get(object, "intervals");
    return is_text(object, "status", "ok") && read_metrics(doc_get(object, "metrics"), &record->metrics) &&
           doc_get_integer(object, "trace_records", &record->trace_records) &&
           read_findings(doc_get(object, "health"), record) &&
           (!intervals || read_intervals(folder, intervals, record));
}

bool cell_record_read(const char *cells_folder, const char *id, struct cell_record *record)
{
    *record = (struct cell_record){0};
    snprintf(record->id, sizeof record->id, "%s", id);
    char *folder = outfile_join(cells_folder, id, NULL);
    char *path = folder ? outfile_join(folder, "result.json", NULL) : NULL;
    struct error error = {.kind = path ? ERROR_NONE : ERROR_MEMORY};
    struct json_t *object = path ? doc_read(path, &error) : NULL;
    if (!object)
        record->kind = error.kind == ERROR_MEMORY ? ERROR_MEMORY : ERROR_NONE;
    bool good = object && read_result(folder, object, record);
    doc_free(object);
    free(path);
    free(folder);
    return good;
}
