#include "analysis/report_column.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/doc.h"
#include "sim/base/memory.h"

#define INTEGER_MOST (UINT64_C(1) << 53) /* of a double */

static struct json_t *number_doc(const char *text)
{
    if (text[0] == '\0')
        return doc_null();
    if (strpbrk(text, ".e"))
        return doc_real(strtod(text, NULL));
    uint64_t integer = strtoull(text, NULL, 10);
    return integer <= INTEGER_MOST ? doc_integer(integer) : doc_string(text);
}

static struct json_t *word_doc(struct report_column *column, const char *text)
{
    size_t w = 0;
    while (w < column->word_count && strcmp(column->words[w], text) != 0)
        w++;
    if (w == column->word_count) {
        char *copy = strdup(text);
        if (!copy ||
            !memory_grow(&column->words, &column->word_capacity, w + 1, sizeof *column->words, NULL)) {
            free(copy);
            return NULL;
        }
        column->words[column->word_count++] = copy;
    }
    return doc_integer(w);
}

static struct json_t *value_doc(struct report_column *column, const char *text)
{
    switch (column->kind) {
    case REPORT_COLUMN_NUMBER:
        return number_doc(text);
    case REPORT_COLUMN_WORD:
        return word_doc(column, text);
    case REPORT_COLUMN_ID:
    case REPORT_COLUMN_OUT:
        break;
    }
    return doc_string(text);
}

bool report_column_take(struct report_column *column, const char *text, struct error *error)
{
    bool good = true;
    if (column->rows == 0) {
        column->first = strdup(text);
        good = column->first != NULL;
    } else if (!column->values && strcmp(column->first, text) != 0) {
        column->values = doc_array();
        for (size_t r = 0; r < column->rows && column->values; r++)
            column->values = doc_add(column->values, value_doc(column, column->first));
        good = column->values != NULL;
    }
    if (good && column->values)
        good = (column->values = doc_add(column->values, value_doc(column, text))) != NULL;
    column->rows++;
    return good || error_set(error, ERROR_MEMORY, "error: no memory for report.html");
}

struct json_t *report_column_doc(struct report_column *column)
{
    const char *first = column->first ? column->first : "";
    struct json_t *values = column->values;
    column->values = NULL;
    if (!values)
        return doc_put(doc_object(), "all",
                       column->kind == REPORT_COLUMN_NUMBER ? number_doc(first) : doc_string(first));
    if (column->kind != REPORT_COLUMN_WORD)
        return doc_put(doc_object(), "values", values);
    struct json_t *words = doc_array();
    for (size_t w = 0; w < column->word_count; w++)
        words = doc_add(words, doc_string(column->words[w]));
    return doc_put(doc_put(doc_object(), "at", values), "words", words);
}

void report_column_free(struct report_column *column)
{
    for (size_t w = 0; w < column->word_count; w++)
        free(column->words[w]);
    memory_free(column->words);
    free(column->first);
    doc_free(column->values);
    *column = (struct report_column){0};
}
