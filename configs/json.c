/* What this room writes as JSON: the schema of an experiment file and `list --json`. The only file of the
 * room that knows jansson. */
#include <jansson.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "configs/key.h"
#include "configs/list_rows.h"
#include "configs/schema.h"
#include "sim/base/units.h"
#include "traces/trace.h"

#define SIZE_PATTERN "^(0|0x[0-9a-fA-F]+|[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|TiB))$"
#define ADDRESS_PATTERN "^([0-9]+|0x[0-9a-fA-F]+|[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|TiB))$"
#define TIME_PATTERN "^(0|[0-9]+(\\.[0-9]+)?(ns|us|ms|s))$"
#define RATE_PATTERN "^[0-9]+(\\.[0-9]+)?(B/s|MB/s|GB/s|MiB/s|GiB/s|Gbit/s)$"
#define NAME_PATTERN "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"

/* Set a member and own it; a NULL value (memory is short) shows when the whole is written. */
static void set(json_t *object, const char *key, json_t *value, bool *failed)
{
    if (!value || json_object_set_new(object, key, value) != 0)
        *failed = true;
}

static void append(json_t *array, json_t *value, bool *failed)
{
    if (!value || json_array_append_new(array, value) != 0)
        *failed = true;
}

static bool write_json(FILE *out, json_t *value, bool failed, const char *what, struct error *error)
{
    bool good = !failed && value;
    if (!good)
        error_set(error, ERROR_MEMORY, "out of memory");
    else if (json_dumpf(value, out, JSON_INDENT(2)) != 0 || fputc('\n', out) == EOF || fflush(out) != 0)
        good =
            error_set(error, ERROR_RESULTS, "%s: the output cannot be written; check the disk or pipe", what);
    json_decref(value);
    return good;
}

/* ---- list ---- */

bool list_write_json(FILE *out, const struct list_row *const rows[], size_t count, struct error *error)
{
    bool failed = false;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();
        set(row, "kind", json_string(rows[i]->kind), &failed);
        set(row, "name", json_string(rows[i]->name), &failed);
        set(row, "summary", json_string(rows[i]->summary), &failed);
        for (size_t k = 0; k < rows[i]->field_count; k++)
            set(row, rows[i]->fields[k].name, json_string(rows[i]->fields[k].value), &failed);
        append(list, row, &failed);
    }
    return write_json(out, list, failed, "list", error);
}

/* ---- schema ---- */

/* A quantity: a string with a unit, or the integer 0. */
static json_t *quantity(const char *pattern)
{
    return json_pack("{s[ss] ss si si}", "type", "string", "integer", "pattern", pattern, "minimum", 0,
                     "maximum", 0);
}

/* Whoever reads YAML for a schema takes 0x1000 for the integer 4096, so no integer can be refused here. */
static json_t *integer_or(const char *pattern)
{
    return json_pack("{s[ss] ss si}", "type", "string", "integer", "pattern", pattern, "minimum", 0);
}

static json_t *address(void)
{
    return integer_or(ADDRESS_PATTERN);
}

static json_t *integer_value(const struct key *key)
{
    bool failed = false;
    json_t *value = json_pack("{ss sI}", "type", "integer", "minimum", (json_int_t)key->min);
    /* Bounds beyond JSON's integers are left to the program. */
    if (value && key->max != 0 && key->max < INT64_MAX)
        set(value, "maximum", json_integer((json_int_t)key->max), &failed);
    return value;
}

static json_t *choices_value(const struct key *key)
{
    bool failed = false;
    json_t *words = json_array();
    struct choice choice;
    for (size_t i = 0; choice_get(key->choices, i, &choice); i++)
        append(words, json_string(choice.name), &failed);
    return json_pack("{so}", "enum", words);
}

static json_t *allowed_value(const struct key *key)
{
    bool failed = false;
    json_t *words = json_array();
    for (const uint64_t *allowed = key->allowed; *allowed; allowed++) {
        char text[UNITS_TEXT_BYTES];
        append(words,
               key->type == KEY_SIZE ? json_string(units_format_size(*allowed, text))
                                     : json_integer((json_int_t)*allowed),
               &failed);
    }
    return json_pack("{so}", "enum", words);
}

static json_t *regions_value(bool has_address)
{
    json_t *properties = json_pack("{so so}", "iova", address(), "size", integer_or(SIZE_PATTERN));
    bool failed = false;
    if (properties && has_address)
        set(properties, "address", address(), &failed);
    return json_pack("{ss si s{ss so s[ss] sb}}", "type", "array", "minItems", 1, "items", "type", "object",
                     "properties", properties, "required", "iova", "size", "additionalProperties", 0);
}

static json_t *typed_value(const struct key *key)
{
    if (key->allowed)
        return allowed_value(key);
    switch (key->type) {
    case KEY_BOOLEAN:
        return json_pack("{ss}", "type", "boolean");
    case KEY_INTEGER:
        return integer_value(key);
    case KEY_SIZE:
        return integer_or(SIZE_PATTERN);
    case KEY_TIME:
    case KEY_COST:
        return quantity(TIME_PATTERN);
    case KEY_RATE:
        return json_pack("{ss ss}", "type", "string", "pattern", RATE_PATTERN);
    case KEY_CHOICE:
        return choices_value(key);
    case KEY_SIZES:
        return json_pack("{ss si so}", "type", "array", "minItems", 1, "items", integer_or(SIZE_PATTERN));
    case KEY_REGIONS:
    case KEY_RANGES:
        return regions_value(key->type == KEY_REGIONS);
    }
    return NULL;
}

static json_t *key_schema(const struct key *key)
{
    bool failed = false;
    char text[512], usual[256];
    json_t *value = typed_value(key);
    if (value && key->fallback == KEY_DEFAULT_NONE)
        value = json_pack("{s[o{s[sn]}]}", "anyOf", value, "enum", "none");
    if (!value)
        return NULL;
    key_default_text(key, usual, sizeof usual);
    snprintf(text, sizeof text, "%s (default: %s)", key->help, usual);
    set(value, "description", json_string(text), &failed);
    return failed ? (json_decref(value), NULL) : value;
}

static json_t *reference(const char *name)
{
    return json_pack("{ss+}", "$ref", "#/definitions/", name);
}

/* Name of the block that key `index` opens, or NULL when it opens none. */
static const char *opened_block(size_t index, char block[64])
{
    const struct key *key = &key_table[index];
    size_t length = (size_t)(key_word(key) - key->name);
    if (length == 0 || (index > 0 && strncmp(key_table[index - 1].name, key->name, length) == 0))
        return NULL;
    snprintf(block, 64, "%.*s", (int)length - 1, key->name);
    return block;
}

static json_t *block_schema(const char *block, bool *failed)
{
    json_t *properties = json_object();
    for (size_t i = 0; i < key_count; i++) {
        if (key_in_block(&key_table[i], block))
            set(properties, key_word(&key_table[i]), reference(key_table[i].name), failed);
    }
    return json_pack("{ss so sb}", "type", "object", "properties", properties, "additionalProperties", 0);
}

static json_t *definitions(bool *failed)
{
    json_t *all = json_object();
    char block[64];
    for (size_t i = 0; i < key_count; i++) {
        if (opened_block(i, block))
            set(all, block, block_schema(block, failed), failed);
        set(all, key_table[i].name, key_schema(&key_table[i]), failed);
    }
    return all;
}

/* All dotted keys and blocks: each a value, or a list of values. */
static json_t *dotted_schema(bool lists, bool *failed)
{
    json_t *properties = json_object();
    char block[64];
    for (size_t i = 0; i < key_count; i++) {
        const char *const names[] = {opened_block(i, block), key_table[i].name};
        for (size_t k = 0; k < 2; k++) {
            if (!names[k])
                continue;
            json_t *value = reference(names[k]);
            if (lists)
                value = json_pack("{ss si so}", "type", "array", "minItems", 1, "items", value);
            set(properties, names[k], value, failed);
        }
    }
    json_t *schema =
        json_pack("{ss so sb}", "type", "object", "properties", properties, "additionalProperties", 0);
    if (!lists && schema)
        set(schema, "minProperties", json_integer(1), failed);
    return schema;
}

static json_t *traces_schema(bool *failed)
{
    json_t *formats = json_array();
    for (size_t i = 0; trace_formats[i]; i++)
        append(formats, json_string(trace_formats[i]->name), failed);
    return json_pack("{ss si ss s{ss s{s{ss si ss} so s{ss ss}} s[s] sb}}", "type", "array", "minItems", 1,
                     "description", "files that every cell replays", "items", "type", "object", "properties",
                     "path", "type", "string", "minLength", 1, "description", "glob, relative to this file",
                     "format", json_pack("{so}", "enum", formats), "sha256", "type", "string", "pattern",
                     "^[0-9a-fA-F]{64}$", "required", "path", "additionalProperties", 0);
}

bool schema_write(FILE *out, struct error *error)
{
    bool failed = false;
    char block[64];
    json_t *properties = json_object();
    set(properties, "schema", json_pack("{si}", "const", 1), &failed);
    set(properties, "name",
        json_pack("{ss ss ss}", "type", "string", "pattern", NAME_PATTERN, "description",
                  "names the results folder"),
        &failed);
    set(properties, "question",
        json_pack("{ss ss}", "type", "string", "description", "what the experiment is to answer"), &failed);
    set(properties, "traces", traces_schema(&failed), &failed);
    for (size_t i = 0; i < key_count; i++) {
        if (opened_block(i, block))
            set(properties, block, reference(block), &failed);
        else if (key_word(&key_table[i]) == key_table[i].name)
            set(properties, key_table[i].name, reference(key_table[i].name), &failed);
    }
    set(properties, "sweep", dotted_schema(true, &failed), &failed);
    set(properties, "zip", dotted_schema(true, &failed), &failed);
    set(properties, "exclude", json_pack("{ss so}", "type", "array", "items", dotted_schema(false, &failed)),
        &failed);
    set(properties, "include", json_pack("{ss so}", "type", "array", "items", dotted_schema(false, &failed)),
        &failed);
    set(properties, "outputs",
        json_pack("{ss s{s{ss ss}} sb}", "type", "object", "properties", "intervals", "type", "boolean",
                  "description", "keep a row per harvest (default: true)", "additionalProperties", 0),
        &failed);
    json_t *schema =
        json_pack("{ss ss ss s[sss] sb so so}", "$schema", "http://json-schema.org/draft-07/schema#", "title",
                  "dirtywalk experiment", "type", "object", "required", "schema", "name", "traces",
                  "additionalProperties", 0, "properties", properties, "definitions", definitions(&failed));
    return write_json(out, schema, failed, "schema", error);
}
