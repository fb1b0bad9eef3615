#include "sim/cli/remarks.h"

#include "analysis/doc.h"

void remarks_print_missing(const struct trace_missing *missing, const char *lead, FILE *file)
{
    char text[TRACE_MISSING_TEXT_BYTES];
    for (unsigned i = 0; i < missing->count; i++)
        fprintf(file, "%s%s\n", lead, trace_missing_text(&missing->items[i], text));
}

void remarks_print(const struct trace *trace, const char *lead, FILE *file)
{
    struct trace_missing missing = {0};
    const char *warning = trace_warning(trace);
    if (warning)
        fprintf(file, "%s%s\n", lead, warning);
    trace_add_missing(trace, &missing);
    char text[TRACE_MISSING_TEXT_BYTES];
    for (unsigned i = 0; i < missing.count; i++)
        fprintf(file, "%s%s%s\n", lead, TRACE_MISSING_WORD, trace_missing_text(&missing.items[i], text));
}

struct json_t *remarks_missing_doc(const struct trace_missing *missing)
{
    struct json_t *array = doc_array();
    for (unsigned i = 0; i < missing->count; i++) {
        const struct trace_missing_item *item = &missing->items[i];
        struct json_t *object = doc_put(doc_object(), "count", doc_integer(item->count));
        object = doc_put(object, "what", doc_string(item->what));
        object = doc_put(object, "remedy", item->remedy[0] ? doc_string(item->remedy) : doc_null());
        array = doc_add(array, object);
    }
    return array;
}
