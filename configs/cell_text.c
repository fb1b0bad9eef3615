/* A resolved cell as text: canonical lines, a column's value, a full experiment file. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/key.h"
#include "configs/plan.h"
#include "sim/base/text_stream.h"

void plan_load(const struct plan_cell *cell, const struct key *key, struct key_value *value)
{
    key_load(key, &cell->config, value);
    if (key->field_bytes == 0)
        return;
    if (key->offset == offsetof(struct cell_config, iommu.levels)) {
        value->number = cell->asked_levels;
        value->none = cell->asked_levels == 0; /* an SMMU whose granule decides */
    } else if (key->offset == offsetof(struct cell_config, iommu.granule_bytes)) {
        value->number = cell->asked_granule_bytes;
    }
}

static char *finish(FILE *out, char **text)
{
    return text_close(out, text) ? *text : NULL;
}

static uint64_t sum_of(const struct key_value *value)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < value->count; i++)
        bytes += value->regions[i].bytes;
    return bytes;
}

char *plan_value(const struct plan_cell *cell, const struct plan_column *column)
{
    char *text = NULL;
    size_t bytes;
    struct key_value value;
    FILE *out = text_open(&text, &bytes);
    if (!out)
        return NULL;
    plan_load(cell, column->key, &value);
    if (column->key->used && !column->key->used(&cell->config)) {
        /* Nothing: a number would say that it had an effect. */
    } else if (column->sum) {
        fprintf(out, "%" PRIu64, sum_of(&value));
    } else {
        key_print(column->key, &value, KEY_COLUMN, out);
    }
    return finish(out, &text);
}

char *plan_canonical(const struct plan_cell *cell)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = text_open(&text, &bytes);
    if (!out)
        return NULL;
    for (size_t i = 0; i < key_count; i++) {
        struct key_value value;
        plan_load(cell, &key_table[i], &value);
        fprintf(out, "%s=", key_table[i].name);
        key_print(&key_table[i], &value, KEY_LABEL, out);
        fputc('\n', out);
    }
    return finish(out, &text);
}

/* One of a double-quoted YAML scalar. */
static void print_character(FILE *out, char character)
{
    unsigned char c = (unsigned char)character;
    if (c == '"' || c == '\\')
        fprintf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7f)
        fprintf(out, "\\x%02x", c);
    else
        fputc(c, out);
}

/* A double-quoted YAML scalar; bytes above ASCII are UTF-8 already or, in a path, kept as they are. */
static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++)
        print_character(out, *text);
    fputc('"', out);
}

/* A path that glob takes literally. */
static void print_path(FILE *out, const char *path)
{
    fputc('"', out);
    for (; *path; path++) {
        if (strchr("*?[\\", *path))
            print_character(out, '\\');
        print_character(out, *path);
    }
    fputc('"', out);
}

static void print_head(const struct experiment *experiment, const struct plan_cell *cell, size_t trace,
                       FILE *out)
{
    fprintf(out, "# %s\nschema: %d\nname: ", cell->label, EXPERIMENT_SCHEMA);
    print_quoted(out, experiment->name);
    if (experiment->question) {
        fputs("\nquestion: ", out);
        print_quoted(out, experiment->question);
    }
    fputs("\ntraces:\n", out);
    for (size_t i = 0; i < experiment->trace_count; i++) {
        const struct experiment_trace *file = &experiment->traces[i];
        if (trace != SIZE_MAX && trace != i)
            continue;
        fputs("  - {path: ", out);
        /* The cell's file is read from elsewhere: from a results folder. */
        char *whole = realpath(file->path, NULL);
        print_path(out, whole ? whole : file->path);
        free(whole);
        if (file->format)
            fprintf(out, ", format: %s", file->format);
        if (file->sha256)
            fprintf(out, ", sha256: \"%s\"", file->sha256);
        fputs("}\n", out);
    }
}

char *plan_resolved_yaml(const struct experiment *experiment, const struct plan_cell *cell, size_t trace)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = text_open(&text, &bytes);
    const char *block = "";
    size_t block_length = 0;
    if (!out)
        return NULL;
    print_head(experiment, cell, trace, out);
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        const char *word = key_word(key);
        size_t length = (size_t)(word - key->name);
        struct key_value value;
        plan_load(cell, key, &value);
        if (value.none && key->fallback != KEY_DEFAULT_NONE)
            continue;
        if (length > 0 && (length != block_length || strncmp(block, key->name, length) != 0))
            fprintf(out, "%.*s:\n", (int)length - 1, key->name);
        block = key->name;
        block_length = length;
        fprintf(out, "%s%s: ", length > 0 ? "  " : "", word);
        key_print(key, &value, KEY_YAML, out);
        fputc('\n', out);
    }
    fprintf(out, "outputs:\n  intervals: %s\n", experiment->intervals ? "true" : "false");
    return finish(out, &text);
}
