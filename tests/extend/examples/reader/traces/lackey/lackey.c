/* What Valgrind's lackey prints with --trace-mem=yes: a line for each access of a program, " L ADDRESS,BYTES"
 * for a load, " S" for a store, " M" for both; "I" lines are instructions, "==PID==" lines are talk. There
 * are no times: one access each ns. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/file/gz.h"
#include "traces/trace.h"

enum { LINE_BYTES = 256, CHUNK_BYTES = 65536 };

struct lackey {
    struct gz_reader *source;
    uint64_t records;
    size_t next, end; /* of what is in the chunk */
    bool store_due;   /* the second half of a line " M" */
    uint64_t iova, bytes;
    struct error pending; /* found behind records that were still to be returned */
    char chunk[CHUNK_BYTES];
};

/* The next line without its end; *got false at the end of the file. */
static bool next_line(struct lackey *lackey, char line[LINE_BYTES], bool *got, struct error *error)
{
    size_t length = 0;
    *got = false;
    for (;;) {
        if (lackey->next == lackey->end) {
            lackey->next = 0;
            if (!gz_read(lackey->source, lackey->chunk, CHUNK_BYTES, &lackey->end, error))
                return false;
        }
        if (lackey->end == 0)
            break;
        *got = true;
        char c = lackey->chunk[lackey->next++];
        if (c == '\n')
            break;
        if (length + 1 < LINE_BYTES) /* talk may be longer; an access is not */
            line[length++] = c;
    }
    line[length] = '\0';
    return true;
}

static bool is_access(const char *line)
{
    return line[0] == ' ' && line[1] != '\0' && strchr("LSM", line[1]) && line[2] == ' ';
}

/* "ADDRESS,BYTES" of an access: hexadecimal without 0x, and decimal. */
static bool parse_access(struct lackey *lackey, const char *text, struct error *error)
{
    char *comma, *end;
    lackey->iova = strtoull(text, &comma, 16);
    lackey->bytes = *comma == ',' ? strtoull(comma + 1, &end, 10) : 0;
    if (lackey->bytes > 0 && *end == '\0')
        return true;
    return error_set(error, ERROR_TRACE,
                     "record %llu: error: \"%.40s\" is not ADDRESS,BYTES as lackey writes them",
                     (unsigned long long)lackey->records + 1, text);
}

static void put(struct lackey *lackey, struct trace_batch *batch, enum trace_op op)
{
    size_t i = batch->count++;
    batch->time_ns[i] = lackey->records++;
    batch->device[i] = 0;
    batch->op[i] = (uint8_t)op;
    batch->iova[i] = lackey->iova;
    batch->bytes[i] = lackey->bytes;
    batch->address[i] = lackey->iova;
}

static bool fill(struct lackey *lackey, struct trace_batch *batch, struct error *error)
{
    char line[LINE_BYTES];
    bool got = true;
    while (batch->count < TRACE_BATCH_RECORDS) {
        if (lackey->store_due) {
            put(lackey, batch, TRACE_WRITE);
            lackey->store_due = false;
            continue;
        }
        if (!next_line(lackey, line, &got, error))
            return false;
        if (!got)
            return true;
        if (!is_access(line))
            continue;
        if (!parse_access(lackey, line + 3, error))
            return false;
        put(lackey, batch, line[1] == 'S' ? TRACE_WRITE : TRACE_READ);
        lackey->store_due = line[1] == 'M';
    }
    return true;
}

static bool lackey_read(void *state, struct trace_batch *batch, struct error *error)
{
    struct lackey *lackey = state;
    batch->count = 0;
    if (lackey->pending.kind == ERROR_NONE && !fill(lackey, batch, &lackey->pending) && batch->count > 0)
        return true;
    if (lackey->pending.kind == ERROR_NONE)
        return true;
    *error = lackey->pending;
    return false;
}

static void lackey_close(void *state)
{
    struct lackey *lackey = state;
    gz_close(lackey->source);
    memory_free(lackey);
}

static bool lackey_open(const char *path, void **state, struct error *error)
{
    struct lackey *lackey = memory_zeroed(1, sizeof *lackey, error);
    if (!lackey)
        return false;
    if (!gz_open(path, &lackey->source, error)) {
        memory_free(lackey);
        return false;
    }
    *state = lackey;
    return true;
}

static bool lackey_rewind(void *state, struct error *error)
{
    struct lackey *lackey = state;
    lackey->records = 0;
    lackey->next = lackey->end = 0;
    lackey->store_due = false;
    lackey->pending = (struct error){0};
    return gz_rewind(lackey->source, error);
}

static const char *const suffixes[] = {".lackey", ".lackey.gz", NULL};

const struct trace_format trace_lackey = {
    .name = "lackey",
    .summary = "memory accesses as Valgrind's lackey prints them",
    .suffixes = suffixes,
    .limits = "no times, no devices, no mappings",
    .open = lackey_open,
    .read = lackey_read,
    .rewind = lackey_rewind,
    .close = lackey_close,
};
