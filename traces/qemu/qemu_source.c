#include "traces/qemu/qemu_source.h"

#include "sim/base/memory.h"
#include "traces/file/gz.h"
#include "traces/log/log_line.h"
#include "traces/qemu/qemu_line.h"
#include "traces/qemu/qemu_simple.h"

struct qemu_source {
    struct log_lines *lines; /* or */
    struct qemu_simple *simple;
    struct qemu_names names;
    bool cut;
};

static bool open_either(struct qemu_source *source, const char *path, struct error *error)
{
    struct gz_reader *file;
    uint8_t header[QEMU_SIMPLE_HEADER_BYTES];
    size_t got;
    bool simple = false;
    if (!gz_open_twice(path, &file, error))
        return false;
    if (!gz_read(file, header, sizeof header, &got, error) ||
        (got == sizeof header && !qemu_simple_header(header, &simple, error)) || !gz_rewind(file, error)) {
        gz_close(file);
        return false;
    }
    return simple ? qemu_simple_open(file, &source->simple, error)
                  : log_lines_open(file, &source->lines, error);
}

bool qemu_source_open(const char *path, struct qemu_source **source, struct error *error)
{
    struct qemu_source *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened)
        return false;
    if (!open_either(opened, path, error)) {
        memory_free(opened);
        return false;
    }
    *source = opened;
    return true;
}

void qemu_source_close(struct qemu_source *source)
{
    if (!source)
        return;
    log_lines_close(source->lines);
    qemu_simple_close(source->simple);
    memory_free(source);
}

bool qemu_source_rewind(struct qemu_source *source, struct error *error)
{
    source->cut = false;
    return source->simple ? qemu_simple_rewind(source->simple, error)
                          : log_lines_rewind(source->lines, error);
}

bool qemu_source_next(struct qemu_source *source, struct qemu_event *event, bool *end, struct error *error)
{
    *event = (struct qemu_event){0};
    *end = false;
    if (source->simple) {
        event->timed = true;
        return qemu_simple_next(source->simple, event, end, error);
    }
    char *line;
    if (!log_lines_next(source->lines, &line, error))
        return false;
    *end = line == NULL;
    if (!line)
        return true;
    struct error cause; /* setting all of it would take long */
    cause.kind = ERROR_NONE;
    if (qemu_line(&source->names, line, event, &cause))
        return true;
    *event = (struct qemu_event){0};
    source->cut = log_lines_cut(source->lines);
    return source->cut || error_set(error, cause.kind, "error: line %llu: %s",
                                    (unsigned long long)log_lines_number(source->lines), cause.text);
}

uint64_t qemu_source_number(const struct qemu_source *source)
{
    return source->simple ? qemu_simple_number(source->simple) : log_lines_number(source->lines);
}

const char *qemu_source_unit(const struct qemu_source *source)
{
    return source->simple ? "event" : "line";
}

bool qemu_source_cut(const struct qemu_source *source)
{
    return source->simple ? qemu_simple_cut(source->simple) : source->cut;
}

uint64_t qemu_source_dropped(const struct qemu_source *source)
{
    return source->simple ? qemu_simple_dropped(source->simple) : 0;
}
