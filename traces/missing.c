#include "traces/missing.h"

#include <stdio.h>
#include <string.h>

#include "traces/log/log_number.h"

void trace_missing_add(struct trace_missing *missing, uint64_t count, const char *what, const char *remedy)
{
    struct trace_missing_item item = {.count = count};
    snprintf(item.what, sizeof item.what, "%s", what);
    snprintf(item.remedy, sizeof item.remedy, "%s", remedy ? remedy : "");
    for (unsigned i = 0; i < missing->count; i++) {
        struct trace_missing_item *same = &missing->items[i];
        if (strcmp(same->what, item.what) != 0 || strcmp(same->remedy, item.remedy) != 0)
            continue;
        same->count += count > UINT64_MAX - same->count ? UINT64_MAX - same->count : count;
        return;
    }
    if (count > 0 && missing->count < TRACE_MISSING_KINDS)
        missing->items[missing->count++] = item;
}

void trace_missing_add_all(struct trace_missing *missing, const struct trace_missing *more)
{
    for (unsigned i = 0; i < more->count; i++)
        trace_missing_add(missing, more->items[i].count, more->items[i].what, more->items[i].remedy);
}

char *trace_missing_text(const struct trace_missing_item *item, char text[TRACE_MISSING_TEXT_BYTES])
{
    snprintf(text, TRACE_MISSING_TEXT_BYTES, "%llu %s%s%s", (unsigned long long)item->count, item->what,
             item->remedy[0] ? "; " : "", item->remedy);
    return text;
}

/* Behind the word, or NULL; the provenance of an input is indented. */
static const char *behind_word(const char *line)
{
    while (*line == ' ')
        line++;
    size_t length = strlen(TRACE_MISSING_WORD);
    return strncmp(line, TRACE_MISSING_WORD, length) == 0 ? line + length : NULL;
}

bool trace_missing_is_line(const char *line)
{
    return behind_word(line) != NULL;
}

static void add_line(struct trace_missing *missing, const char *p, size_t bytes)
{
    char text[TRACE_MISSING_TEXT_BYTES];
    uint64_t count;
    snprintf(text, sizeof text, "%.*s", (int)(bytes < sizeof text ? bytes : sizeof text - 1), p);
    const char *what = text;
    if (!log_decimal(&what, &count) || *what++ != ' ')
        return;
    char *remedy = strstr(text, "; ");
    if (remedy)
        *remedy = '\0';
    trace_missing_add(missing, count, what, remedy ? remedy + 2 : NULL);
}

void trace_missing_add_lines(struct trace_missing *missing, const char *provenance)
{
    for (const char *line = provenance; line && *line;) {
        size_t length = strcspn(line, "\n");
        const char *kind = behind_word(line);
        if (kind)
            add_line(missing, kind, length - (size_t)(kind - line));
        line += length + (line[length] == '\n');
    }
}
