#include "analysis/doc.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Where memory is short, jansson names many causes, a wrong syntax among them: whether it was short is noted
 * here. */
static _Thread_local bool memory_short;

static void *allocate(size_t bytes)
{
    void *block = malloc(bytes);
    memory_short |= !block;
    return block;
}

__attribute__((constructor)) static void watch_memory(void)
{
    json_set_alloc_funcs(allocate, free);
}

struct json_t *doc_object(void)
{
    return json_object();
}

struct json_t *doc_array(void)
{
    return json_array();
}

struct json_t *doc_string(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    size_t length = strlen(text);
    char *copy = calloc(length, 3);
    if (!copy)
        return NULL;
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x80) {
            copy[used++] = text[i];
        } else {
            memcpy(copy + used, "\xef\xbf\xbd", 3);
            used += 3;
        }
    }
    value = json_stringn(copy, used);
    free(copy);
    return value;
}

/* What a signed integer cannot hold is written as a decimal string. */
struct json_t *doc_integer(uint64_t value)
{
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

struct json_t *doc_real(double value)
{
    return json_real(value);
}

struct json_t *doc_boolean(bool value)
{
    return json_boolean(value);
}

struct json_t *doc_null(void)
{
    return json_null();
}

struct json_t *doc_put(struct json_t *object, const char *key, struct json_t *value)
{
    if (!object || !value || json_object_set(object, key, value)) {
        json_decref(value);
        json_decref(object);
        return NULL;
    }
    json_decref(value);
    return object;
}

struct json_t *doc_add(struct json_t *array, struct json_t *value)
{
    if (!array || !value || json_array_append(array, value)) {
        json_decref(value);
        json_decref(array);
        return NULL;
    }
    json_decref(value);
    return array;
}

void doc_free(struct json_t *value)
{
    json_decref(value);
}

bool doc_write(struct json_t *value, bool indented, FILE *file)
{
    if (!value)
        return false;
    int failed = json_dumpf(value, file, indented ? JSON_INDENT(2) : JSON_COMPACT);
    json_decref(value);
    return !failed && putc('\n', file) != EOF;
}

/* "<" can stand only inside a string, where its escape means the same. */
static int write_escaped(const char *text, size_t bytes, void *context)
{
    FILE *file = context;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == '<')
            fputs("\\u003c", file);
        else
            putc(text[i], file);
    return ferror(file) ? -1 : 0;
}

bool doc_write_in_html(struct json_t *value, FILE *file)
{
    if (!value)
        return false;
    int failed = json_dump_callback(value, write_escaped, file, JSON_COMPACT);
    json_decref(value);
    return !failed;
}

struct json_t *doc_read(const char *path, struct error *error)
{
    json_error_t cause;
    memory_short = false;
    errno = 0;
    json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, &cause);
    if (value)
        return value;
    if (memory_short || errno == ENOMEM)
        error_set(error, ERROR_MEMORY, "error: no memory to read %s", path);
    else if (cause.line < 0)
        error_set(error, ERROR_RESULTS, "%s: error: cannot be read: %s", path, strerror(errno));
    else
        error_set(error, ERROR_RESULTS, "%s:%d:%d: error: %s", path, cause.line, cause.column, cause.text);
    return NULL;
}

const struct json_t *doc_get(const struct json_t *object, const char *key)
{
    return json_object_get(object, key);
}

const char *doc_get_string(const struct json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

bool doc_get_integer(const struct json_t *object, const char *key, uint64_t *value)
{
    const json_t *found = json_object_get(object, key);
    if (json_is_integer(found) && json_integer_value(found) >= 0) {
        *value = (uint64_t)json_integer_value(found);
        return true;
    }
    if (!json_is_string(found))
        return false;
    const char *text = json_string_value(found);
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0;
}

bool doc_get_real(const struct json_t *object, const char *key, double *value)
{
    const json_t *found = json_object_get(object, key);
    *value = json_number_value(found);
    return json_is_number(found);
}

bool doc_get_boolean(const struct json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

size_t doc_length(const struct json_t *array)
{
    return json_array_size(array);
}

const struct json_t *doc_at(const struct json_t *array, size_t index)
{
    return json_array_get(array, index);
}

struct json_t *doc_copy(const struct json_t *value)
{
    return json_deep_copy(value);
}
