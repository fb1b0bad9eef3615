/* What is missing from a trace: what its source admits to have lost, and what its reader could not make into
 * records. Every command that reads a trace says it; a native trace keeps it in its provenance. */
#ifndef TRACES_MISSING_H
#define TRACES_MISSING_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TRACE_MISSING_KINDS = 32, /* kinds that find no place are not told */
    TRACE_MISSING_WHAT_BYTES = 160,
    TRACE_MISSING_REMEDY_BYTES = 256,
    TRACE_MISSING_TEXT_BYTES = 32 + TRACE_MISSING_WHAT_BYTES + TRACE_MISSING_REMEDY_BYTES,
};

/* Zeroed at first. */
struct trace_missing {
    unsigned count;
    struct trace_missing_item {
        uint64_t count;
        char what[TRACE_MISSING_WHAT_BYTES];     /* reads on behind the count; has no "; " */
        char remedy[TRACE_MISSING_REMEDY_BYTES]; /* what helps, "" for nothing */
    } items[TRACE_MISSING_KINDS];
};

/** Add a kind; nothing when `count` is 0. `remedy` may be NULL. Where both texts are there already, the
 * counts are added. */
void trace_missing_add(struct trace_missing *missing, uint64_t count, const char *what, const char *remedy);
/** Add all kinds of `more`. */
void trace_missing_add_all(struct trace_missing *missing, const struct trace_missing *more);
/** "12 events were lost while recording; record with larger buffers"; returns `text`. */
char *trace_missing_text(const struct trace_missing_item *item, char text[TRACE_MISSING_TEXT_BYTES]);

/* In a provenance (FORMAT.md), each kind has a line of its own. */
#define TRACE_MISSING_WORD "missing: "
/** Whether the line at `line`, to a newline or the end, is of a kind. */
bool trace_missing_is_line(const char *line);
/** Add the kinds that a provenance names. */
void trace_missing_add_lines(struct trace_missing *missing, const char *provenance);

#endif
