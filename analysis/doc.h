/* JSON documents. The only file of this room that knows jansson is doc.c: counters are unsigned 64-bit, which
 * jansson's signed integers do not hold, and memory that is short must not become a missing key. */
#ifndef ANALYSIS_DOC_H
#define ANALYSIS_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/error.h"

/* A value; opaque outside doc.c. Functions that build take NULL for "out of memory before" and pass it on, so
 * only the end must be checked (doc_write, doc_text). */
struct json_t;

struct json_t *doc_object(void);
struct json_t *doc_array(void);
/** Text that is not UTF-8 (a file name may be anything) is kept with each wrong byte as U+FFFD. */
struct json_t *doc_string(const char *text);
struct json_t *doc_integer(uint64_t value);
struct json_t *doc_real(double value);
struct json_t *doc_boolean(bool value);
struct json_t *doc_null(void);
/** Put `value` (taken over) into `object` under `key`; returns `object`, or NULL (all freed) without memory.
 */
struct json_t *doc_put(struct json_t *object, const char *key, struct json_t *value);
/** Append `value` (taken over) to `array`; the same rule. */
struct json_t *doc_add(struct json_t *array, struct json_t *value);
void doc_free(struct json_t *value);

/** Print and free `value`: indented with a newline at the end, or on one line. False: no memory or a failed
 * write (ferror of `file`). */
bool doc_write(struct json_t *value, bool indented, FILE *file);

/** Print and free `value` on one line, so that it can stand in a script element: no "<" in it. False as above. */
bool doc_write_in_html(struct json_t *value, FILE *file);

/** Parse a file. Errors: ERROR_RESULTS "PATH: error: ...", ERROR_MEMORY. */
struct json_t *doc_read(const char *path, struct error *error);
/** The value under `key`, borrowed; NULL when `object` is no object or has no such key. */
const struct json_t *doc_get(const struct json_t *object, const char *key);
/** The string under `key`, borrowed; NULL when there is none. */
const char *doc_get_string(const struct json_t *object, const char *key);
bool doc_get_integer(const struct json_t *object, const char *key, uint64_t *value);
bool doc_get_real(const struct json_t *object, const char *key, double *value);
bool doc_get_boolean(const struct json_t *object, const char *key);
size_t doc_length(const struct json_t *array);
const struct json_t *doc_at(const struct json_t *array, size_t index);
struct json_t *doc_copy(const struct json_t *value);

#endif
