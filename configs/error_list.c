#include "configs/error_list.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

enum { ITEMS_KEPT = 1000, LINE_BYTES = 2048 };

/* File order; what has no line (the command line) comes last, in order of arrival. */
static bool comes_after(const struct error_item *a, const struct error_item *b)
{
    unsigned line_a = a->line == 0 ? UINT32_MAX : a->line, line_b = b->line == 0 ? UINT32_MAX : b->line;
    if (line_a != line_b)
        return line_a > line_b;
    if (a->column != b->column)
        return a->column > b->column;
    return a->order > b->order;
}

static char *line_text(struct place place, const char *severity, const char *key, const char *format,
                       va_list args)
{
    char line[LINE_BYTES];
    int used = place.line == 0
                   ? snprintf(line, sizeof line, "%s: ", place.file)
                   : snprintf(line, sizeof line, "%s:%u:%u: ", place.file, place.line, place.column);
    if (used < 0 || (size_t)used >= sizeof line)
        return NULL;
    size_t at = (size_t)used;
    used = snprintf(line + at, sizeof line - at, "%s: %s%s", severity, key ? key : "", key ? ": " : "");
    if (used < 0 || (size_t)used >= sizeof line - at)
        return NULL;
    at += (size_t)used;
    vsnprintf(line + at, sizeof line - at, format, args);
    return strdup(line);
}

/* Insert `text` (owned from here on) in file order. False: no room. */
static bool insert(struct error_item **items, size_t *count, size_t *capacity, struct place place, char *text)
{
    if (!text)
        return false;
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*items)[i].text, text) == 0) {
            free(text);
            return true;
        }
    }
    if (*count == ITEMS_KEPT || !memory_grow(items, capacity, *count + 1, sizeof **items, NULL)) {
        free(text);
        return false;
    }
    struct error_item item = {place.line, place.column, *count, text};
    size_t at = *count;
    for (; at > 0 && comes_after(&(*items)[at - 1], &item); at--)
        (*items)[at] = (*items)[at - 1];
    (*items)[at] = item;
    (*count)++;
    return true;
}

void error_list_add(struct error_list *list, struct place place, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = line_text(place, "error", key, format, args);
    va_end(args);
    if (!insert(&list->errors, &list->error_count, &list->error_capacity, place, text))
        list->dropped++;
}

void error_list_warn(struct error_list *list, struct place place, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = line_text(place, "warning", key, format, args);
    va_end(args);
    insert(&list->warnings, &list->warning_count, &list->warning_capacity, place, text);
}

size_t error_list_shown(const struct error_list *list)
{
    return list->error_count < ERROR_LIST_SHOWN ? list->error_count : ERROR_LIST_SHOWN;
}

bool error_list_any(const struct error_list *list)
{
    return list->error_count + list->dropped > 0;
}

bool error_list_first(const struct error_list *list, struct error *error)
{
    if (list->error_count == 0)
        return error_set(error, ERROR_MEMORY, "out of memory");
    size_t more = list->error_count + list->dropped - 1;
    if (more == 0)
        return error_set(error, ERROR_EXPERIMENT, "%s", list->errors[0].text);
    return error_set(error, ERROR_EXPERIMENT, "%.900s (and %zu more errors)", list->errors[0].text, more);
}

void error_list_free(struct error_list *list)
{
    for (size_t i = 0; i < list->error_count; i++)
        free(list->errors[i].text);
    for (size_t i = 0; i < list->warning_count; i++)
        free(list->warnings[i].text);
    memory_free(list->errors);
    memory_free(list->warnings);
    *list = (struct error_list){0};
}
