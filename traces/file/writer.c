#include "traces/file/writer.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/native/native.h"

struct trace_writer {
    const struct trace_writer_format *format;
    void *state;
};

/* ---- the native format ---- */

static bool native_open(const char *path, void **state, struct error *error)
{
    struct native_writer *writer;
    if (!native_writer_open(path, &writer, error))
        return false;
    *state = writer;
    return true;
}

static bool native_add(void *state, const struct trace_batch *batch, struct error *error)
{
    return native_writer_add(state, batch, error);
}

static bool native_close(void *state, const char *provenance, struct error *error)
{
    return native_writer_close(state, provenance, error);
}

static void native_abandon(void *state)
{
    native_writer_abandon(state);
}

static const char *native_part(const void *state)
{
    return native_writer_part(state);
}

static uint64_t native_reused(const void *state)
{
    return native_writer_reused(state);
}

static const struct trace_writer_format trace_writer_native = {
    .name = "native",
    .suffix = ".dwt",
    .open = native_open,
    .add = native_add,
    .close = native_close,
    .abandon = native_abandon,
    .part = native_part,
    .reused = native_reused,
};

/* ---- the choice ---- */

const struct trace_writer_format *const trace_writer_formats[] = {
    &trace_writer_native,
    &trace_writer_csv,
    &trace_writer_csv_gz,
    NULL,
};

static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path), suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(path + length - suffix_length, suffix) == 0;
}

static const struct trace_writer_format *choose(const char *path, const char *format, struct error *error)
{
    if (!format && strcmp(path, "-") == 0)
        return &trace_writer_csv;
    char known[128] = "";
    for (size_t i = 0; trace_writer_formats[i]; i++) {
        const struct trace_writer_format *each = trace_writer_formats[i];
        if (format ? strcmp(each->name, format) == 0 : ends_with(path, each->suffix))
            return each;
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                 format ? each->name : each->suffix);
    }
    if (format)
        error_set(error, ERROR_EXPERIMENT,
                  "error: \"%.60s\" is no trace format that can be written; use one of %s", format, known);
    else
        error_set(error, ERROR_EXPERIMENT,
                  "%s: error: the file name does not tell the format to write; end it in one of %s, or say "
                  "which with --to",
                  path, known);
    return NULL;
}

bool trace_writer_open(const char *path, const char *format, struct trace_writer **writer,
                       struct error *error)
{
    const struct trace_writer_format *chosen = choose(path, format, error);
    if (!chosen)
        return false;
    struct trace_writer *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened)
        return false;
    opened->format = chosen;
    if (!chosen->open(path, &opened->state, error)) {
        memory_free(opened);
        return false;
    }
    *writer = opened;
    return true;
}

bool trace_writer_add(struct trace_writer *writer, const struct trace_batch *batch, struct error *error)
{
    return writer->format->add(writer->state, batch, error);
}

bool trace_writer_close(struct trace_writer *writer, const char *provenance, struct error *error)
{
    bool good = writer->format->close(writer->state, provenance, error);
    memory_free(writer);
    return good;
}

void trace_writer_abandon(struct trace_writer *writer)
{
    if (!writer)
        return;
    writer->format->abandon(writer->state);
    memory_free(writer);
}

const char *trace_writer_part(const struct trace_writer *writer)
{
    return writer->format->part ? writer->format->part(writer->state) : NULL;
}

uint64_t trace_writer_reused(const struct trace_writer *writer)
{
    return writer->format->reused ? writer->format->reused(writer->state) : 0;
}
