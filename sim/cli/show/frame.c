#include "sim/cli/show/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/csv_reader.h"
#include "analysis/datapackage.h"
#include "analysis/outfile.h"
#include "configs/key.h"
#include "configs/plan.h"
#include "sim/base/memory.h"
#include "sim/base/number_map.h"
#include "sim/cli/human.h"

/* A file of rows: plan.csv, whose metrics are in cells/, or results.csv, which has them itself. */
struct reading {
    struct frame *frame;
    const struct frame_options *options;
    struct csv_reader *file;
    char *cells; /* folder; NULL: the file has the metrics */
    size_t *key_columns, label, trace, status;
    size_t *metric_columns; /* by metrics_table, SIZE_MAX: not there */
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "error: no memory to read the results");
}

/* ---- keys ---- */

static void describe(struct frame_key *key, const char *column)
{
    char name[64];
    key->unit = strcmp(column, "mapped_bytes") == 0 ? "bytes" : "";
    for (size_t k = 0; k < key_count; k++) {
        key_column_name(&key_table[k], name, sizeof name);
        if (strcmp(name, column) != 0)
            continue;
        key->name = strdup(key_table[k].name);
        key->unit = key_table[k].type == KEY_SIZES ? "bytes" : key_unit(&key_table[k]);
        return;
    }
    key->name = strdup(column);
}

/* Everything between the identity and the metrics is a parameter; the trace counts as one. */
static bool find_keys(struct reading *reading, struct error *error)
{
    struct frame *frame = reading->frame;
    size_t columns = csv_columns(reading->file);
    frame->keys = memory_zeroed(columns, sizeof *frame->keys, error);
    reading->key_columns = memory_zeroed(columns, sizeof *reading->key_columns, error);
    reading->metric_columns = memory_zeroed(metrics_table_count, sizeof *reading->metric_columns, error);
    if (!frame->keys || !reading->key_columns || !reading->metric_columns)
        return false;
    for (size_t m = 0; m < metrics_table_count; m++)
        reading->metric_columns[m] = csv_column(reading->file, metrics_table[m].name);
    for (size_t c = 0; c < columns; c++) {
        static const char *const others[] = {"cell", "label", "trace_sha256", "status"};
        const char *name = csv_name(reading->file, c);
        bool other = false;
        for (size_t o = 0; o < sizeof others / sizeof *others; o++)
            other |= strcmp(others[o], name) == 0;
        for (size_t m = 0; m < metrics_table_count && !reading->cells; m++)
            other |= reading->metric_columns[m] == c;
        if (other)
            continue;
        struct frame_key *key = &frame->keys[frame->key_count];
        describe(key, name);
        key->column = strdup(name);
        reading->key_columns[frame->key_count++] = c;
        if (!key->name || !key->column)
            return no_memory(error);
    }
    reading->label = csv_column(reading->file, "label");
    reading->trace = csv_column(reading->file, "trace");
    reading->status = csv_column(reading->file, "status");
    if (csv_column(reading->file, "cell") != 0 || reading->label == SIZE_MAX || reading->trace == SIZE_MAX)
        return error_set(error, ERROR_RESULTS, "error: has no columns cell, label and trace");
    return true;
}

static bool take_word(struct frame_key *key, size_t row, const char *text, struct error *error)
{
    size_t w = 0;
    while (w < key->word_count && strcmp(key->words[w], text) != 0)
        w++;
    if (w == key->word_count) {
        if (!memory_grow(&key->words, &key->word_capacity, w + 1, sizeof *key->words, error))
            return false;
        if (!(key->words[w] = strdup(text)))
            return no_memory(error);
        key->word_count++;
    }
    if (!memory_grow(&key->at, &key->at_capacity, row + 1, sizeof *key->at, error))
        return false;
    key->at[row] = (uint32_t)w;
    return true;
}

void frame_word(const struct frame_key *key, uint32_t word, char text[FRAME_WORD_BYTES])
{
    if (key->words[word][0] == '\0')
        snprintf(text, FRAME_WORD_BYTES, "-");
    else
        human_parameter(key->words[word], key->unit, text, FRAME_WORD_BYTES);
}

/* ---- rows ---- */

static void number_groups(struct frame *frame)
{
    for (size_t m = 0; m < metrics_table_count; m++) {
        size_t g = 0;
        while (g < frame->group_count && strcmp(frame->groups[g], metrics_table[m].group) != 0)
            g++;
        if (g == frame->group_count && g < FRAME_GROUPS_MAX)
            frame->groups[frame->group_count++] = metrics_table[m].group;
    }
}

static void take_prints(const struct frame *frame, const struct metrics *metrics, struct frame_row *row)
{
    for (size_t g = 0; g < frame->group_count; g++) {
        uint64_t print = UINT64_C(0xcbf29ce484222325);
        for (size_t m = 0; m < metrics_table_count; m++) {
            if (metrics_table[m].kind == METRIC_RATIO ||
                strcmp(metrics_table[m].group, frame->groups[g]) != 0)
                continue;
            print = (print ^ metric_count(&metrics_table[m], metrics)) * UINT64_C(0x9e3779b97f4a7c15);
            print ^= print >> 29;
        }
        row->prints[g] = print;
    }
}

/* The metrics as results.csv has them. */
static void read_metrics(const struct reading *reading, struct cell_record *record)
{
    const struct csv_reader *file = reading->file;
    *record = (struct cell_record){0};
    record->failed = reading->status != SIZE_MAX && strcmp(csv_field(file, reading->status), "ok") != 0;
    for (size_t m = 0; m < metrics_table_count; m++) {
        uint64_t count;
        if (metrics_table[m].kind == METRIC_RATIO || reading->metric_columns[m] == SIZE_MAX ||
            !csv_number(file, reading->metric_columns[m], &count))
            continue;
        metric_store(&metrics_table[m], &record->metrics, count);
        record->metrics.migrates |= metrics_table[m].kind == METRIC_MIGRATION;
    }
}

static bool add_row(const struct reading *reading, const struct cell_record *record, struct error *error)
{
    struct frame *frame = reading->frame;
    size_t r = frame->row_count;
    if (!memory_grow(&frame->rows, &frame->row_capacity, r + 1, sizeof *frame->rows, error) ||
        !memory_grow(&frame->values, &frame->value_capacity, (r + 1) * frame->column_count,
                     sizeof *frame->values, error))
        return false;
    struct frame_row *row = &frame->rows[r];
    *row = (struct frame_row){.label = strdup(csv_field(reading->file, reading->label)),
                              .failed = record->failed};
    snprintf(row->id, sizeof row->id, "%s", csv_field(reading->file, 0));
    frame->row_count++;
    if (!row->label)
        return no_memory(error);
    for (size_t k = 0; k < frame->key_count; k++)
        if (!take_word(&frame->keys[k], r, csv_field(reading->file, reading->key_columns[k]), error))
            return false;
    for (size_t c = 0; c < frame->column_count; c++)
        frame->values[r * frame->column_count + c] =
            record->failed ? (struct show_value){0} : show_value_of(&frame->columns[c], &record->metrics);
    take_prints(frame, &record->metrics, row);
    frame->failed += record->failed;
    return true;
}

static bool read_rows(struct reading *reading, struct error *error)
{
    struct frame *frame = reading->frame;
    const struct frame_options *options = reading->options;
    for (bool end;; frame->planned++) {
        if (!csv_next(reading->file, &end, error))
            return false;
        if (end)
            return true;
        const char *id = csv_field(reading->file, 0), *label = csv_field(reading->file, reading->label);
        struct cell_record record;
        if (options->keeps && !options->keeps(options->context, frame->planned, label))
            continue;
        if (!reading->cells) {
            read_metrics(reading, &record);
        } else if (!cell_record_read(reading->cells, id, &record)) {
            if (record.kind == ERROR_MEMORY)
                return no_memory(error);
            frame->missing++;
            continue;
        }
        if (options->visit)
            options->visit(options->context, id, label, csv_field(reading->file, reading->trace), &record);
        if (!add_row(reading, &record, error))
            return false;
    }
}

/* ---- the folder ---- */

static bool is_there(const char *folder, const char *name)
{
    struct stat status;
    char *path = outfile_join(folder, name, NULL);
    bool there = path && stat(path, &status) == 0;
    free(path);
    return there;
}

static void forget_rows(struct frame *frame)
{
    struct frame kept = {
        .columns = frame->columns, .column_count = frame->column_count, .group_count = frame->group_count};
    memcpy(kept.groups, frame->groups, sizeof kept.groups);
    memcpy(kept.note, frame->note, sizeof kept.note);
    frame_free(frame);
    *frame = kept;
}

static bool read_file(struct frame *frame, const char *folder, const char *name, bool cells,
                      const struct frame_options *options, struct error *error)
{
    struct reading reading = {.frame = frame, .options = options};
    char *path = outfile_join(folder, name, error);
    bool good = path != NULL;
    if (good && cells)
        good = (reading.cells = outfile_join(folder, "cells", error)) != NULL;
    good = good && (reading.file = csv_open(path, error)) != NULL && find_keys(&reading, error) &&
           read_rows(&reading, error);
    csv_close(reading.file);
    memory_free(reading.key_columns);
    memory_free(reading.metric_columns);
    free(reading.cells);
    free(path);
    return good;
}

/* Of a path the file's name, and of that what stands before its endings. */
static const char *part_of(const char *path, int part, size_t *length)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    *length = part == 0 || *name == '.' ? strlen(name) : strcspn(name, ".");
    return name;
}

static bool same_part(const char *a, const char *b, int part)
{
    size_t length_a, length_b;
    const char *part_a = part_of(a, part, &length_a), *part_b = part_of(b, part, &length_b);
    return length_a == length_b && memcmp(part_a, part_b, length_a) == 0;
}

/* Traces are told apart by their file names, or by less, where these are enough. */
static void shorten_traces(struct frame *frame)
{
    size_t k = frame_find_key(frame, "trace");
    struct frame_key *key = k != SIZE_MAX ? &frame->keys[k] : NULL;
    for (int part = 0; key && part < 2; part++) {
        bool unique = true;
        for (size_t a = 0; a < key->word_count; a++)
            for (size_t b = 0; b < a; b++)
                unique = unique && !same_part(key->words[a], key->words[b], part);
        for (size_t w = 0; unique && w < key->word_count; w++) {
            size_t length;
            const char *text = part_of(key->words[w], part, &length);
            memmove(key->words[w], text, length);
            key->words[w][length] = '\0';
        }
    }
}

bool frame_load(struct frame *frame, const char *folder, const struct frame_options *options,
                struct error *error)
{
    *frame = (struct frame){.columns = options->columns, .column_count = options->column_count};
    number_groups(frame);
    struct stat status;
    if (stat(folder, &status) != 0)
        return error_set(error, errno == ENOENT ? ERROR_EXPERIMENT : ERROR_RESULTS,
                         "%s: error: %s; name a folder that `dirtywalk run' wrote", folder, strerror(errno));
    if (access(folder, X_OK) != 0)
        return error_set(error, ERROR_RESULTS, "%s: error: cannot be read: %s", folder, strerror(errno));
    bool table = is_there(folder, "results.csv"),
         plan = is_there(folder, "plan.csv") && is_there(folder, "cells");
    if (!table && !plan)
        return error_set(
            error, ERROR_EXPERIMENT,
            "%s: error: holds no results (neither plan.csv with cells/ nor results.csv); name a folder that "
            "`dirtywalk run' wrote",
            folder);
    struct error damage = {0};
    char *version = datapackage_model_version(folder);
    if (version && strcmp(version, MODEL_VERSION) != 0 && table) {
        snprintf(frame->note, sizeof frame->note,
                 "%s holds results of model version %s, this program computes version %s: shown as its "
                 "results.csv has them",
                 folder, version, MODEL_VERSION);
        plan = false;
    }
    free(version);
    bool good = plan && read_file(frame, folder, "plan.csv", true, options, &damage);
    if (plan && !good && damage.kind == ERROR_MEMORY)
        return error_set(error, ERROR_MEMORY, "%s", damage.text);
    if (plan && !good && table) {
        const char *word = strstr(damage.text, "error: "); /* it is none: the rest is shown */
        snprintf(frame->note, sizeof frame->note, "%.*s%.300s; shown as results.csv has them",
                 word ? (int)(word - damage.text) : 0, damage.text, word ? word + strlen("error: ") : damage.text);
    }
    if (good && frame->row_count == 0 && frame->missing > 0 && table) {
        snprintf(frame->note, sizeof frame->note, "%s: none of its cells can be read: shown as its results.csv has them",
                 folder);
        good = false;
    }
    if (!good && table) {
        forget_rows(frame);
        frame->from_table = true;
        good = read_file(frame, folder, "results.csv", false, options, error);
    } else if (!good) {
        error_set(error, ERROR_RESULTS, "%s", damage.text);
    } else if (frame->missing > 0) {
        snprintf(frame->note, sizeof frame->note,
                 "%s: %zu of the plan's %zu rows are not there yet or cannot be read; run the experiment "
                 "again to complete them",
                 folder, frame->missing, frame->planned);
    }
    shorten_traces(frame);
    return good;
}

void frame_free(struct frame *frame)
{
    for (size_t k = 0; frame->keys && k < frame->key_count; k++) {
        struct frame_key *key = &frame->keys[k];
        for (size_t w = 0; w < key->word_count; w++)
            free(key->words[w]);
        memory_free(key->words);
        memory_free(key->at);
        free(key->name);
        free(key->column);
    }
    for (size_t r = 0; r < frame->row_count; r++)
        free(frame->rows[r].label);
    memory_free(frame->keys);
    memory_free(frame->rows);
    memory_free(frame->values);
    *frame = (struct frame){0};
}

size_t frame_find_key(const struct frame *frame, const char *name)
{
    for (size_t k = 0; k < frame->key_count; k++)
        if (strcmp(frame->keys[k].name, name) == 0 || strcmp(frame->keys[k].column, name) == 0)
            return k;
    return SIZE_MAX;
}

uint32_t *frame_partition(const struct frame *frame, const size_t keys[], size_t count, size_t *groups,
                          struct error *error)
{
    uint32_t *group = memory_zeroed(frame->row_count + 1, sizeof *group, error);
    *groups = frame->row_count > 0;
    for (size_t k = 0; group && k < count; k++) {
        /* Group so far and word make the new group. */
        struct number_map map = {0};
        uint32_t found = 0;
        bool good = true;
        for (size_t r = 0; good && r < frame->row_count; r++) {
            bool is_new;
            uint64_t pair = (uint64_t)group[r] << 32 | frame->keys[keys[k]].at[r];
            good = number_map_intern(&map, pair, found, &group[r], &is_new, error);
            found += is_new;
        }
        number_map_free(&map);
        if (!good) {
            memory_free(group);
            return NULL;
        }
        *groups = found;
    }
    return group;
}
