#include "analysis/provenance.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/doc.h"
#include "analysis/machine.h"
#include "analysis/outfile.h"
#include "dirtywalk_version.h"
#include "traces/trace.h"

enum { RUNS_KEPT = 1000 };

static struct json_t *time_doc(time_t when)
{
    struct tm parts;
    char text[32] = "";
    if (gmtime_r(&when, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return doc_string(text);
}

static struct json_t *program_doc(void)
{
    struct json_t *program = doc_put(doc_object(), "version", doc_string(DIRTYWALK_VERSION));
    program = doc_put(program, "commit", doc_string(DIRTYWALK_COMMIT));
    program = doc_put(program, "commit_dirty", doc_boolean(DIRTYWALK_COMMIT_DIRTY));
    program = doc_put(program, "model_version", doc_string(MODEL_VERSION));
    program = doc_put(program, "compiler", doc_string(DIRTYWALK_COMPILER));
    return doc_put(program, "build_type", doc_string(DIRTYWALK_BUILD_TYPE));
}

static struct json_t *libraries_doc(void)
{
    static const char *const built_with[] = DIRTYWALK_LIBRARIES;
    struct json_t *list = doc_array();
    for (size_t i = 0; i < sizeof built_with / sizeof *built_with; i++)
        list = doc_add(list, doc_string(built_with[i]));
    char libc[64];
    snprintf(libc, sizeof libc, "glibc %s", gnu_get_libc_version());
    return doc_add(list, doc_string(libc));
}

static struct json_t *host_doc(void)
{
    struct machine machine;
    machine_look(&machine);
    struct json_t *host = doc_put(doc_object(), "name", doc_string(machine.host));
    host = doc_put(host, "cpu", doc_string(machine.cpu));
    host = doc_put(host, "cores", doc_integer(machine.cores));
    host = doc_put(host, "kernel", doc_string(machine.kernel));
    return doc_put(host, "memory_bytes", doc_integer(machine.memory_bytes));
}

/* Known once a cell without a limit has seen the whole trace; with a limit, the records inside it. */
static uint64_t trace_records(const struct results *results, size_t trace)
{
    for (size_t r = trace; r < results->row_count; r += results->experiment->trace_count) {
        struct cell_record record;
        if (results_read_row(results, r, &record) && !record.failed)
            return record.trace_records;
    }
    return 0;
}

static struct json_t *traces_doc(const struct results *results)
{
    struct json_t *list = doc_array();
    for (size_t t = 0; t < results->experiment->trace_count; t++) {
        const struct results_trace *trace = &results->traces[t];
        struct json_t *object = doc_put(doc_object(), "path", doc_string(trace->name));
        object = doc_put(object, "sha256", doc_string(trace->sha256));
        object = doc_put(object, "bytes", doc_integer(trace->bytes));
        object = doc_put(object, "records", doc_integer(trace_records(results, t)));
        list = doc_add(list, object);
    }
    return list;
}

static struct json_t *run_doc(const struct provenance_run *run)
{
    struct json_t *argv = doc_array();
    for (int a = 0; a < run->argc; a++)
        argv = doc_add(argv, doc_string(run->argv[a]));
    char *folder = getcwd(NULL, 0);
    struct json_t *object = doc_put(doc_object(), "argv", argv);
    object = doc_put(object, "working_folder", doc_string(folder ? folder : ""));
    free(folder);
    object = doc_put(object, "start", time_doc(run->start));
    object = doc_put(object, "end", time_doc(run->end));
    object = doc_put(object, "jobs", doc_integer(run->jobs));
    object = doc_put(object, "memory_ceiling_bytes", doc_integer(run->memory_ceiling_bytes));
    object = doc_put(object, "cells_run", doc_integer(run->cells_run));
    object = doc_put(object, "cells_resumed", doc_integer(run->cells_resumed));
    object = doc_put(object, "cells_failed", doc_integer(run->cells_failed));
    object = doc_put(object, "program", program_doc());
    object = doc_put(object, "libraries", libraries_doc());
    return doc_put(object, "host", host_doc());
}

/* Shards and resumed runs share a folder: each keeps what the others said. */
static struct json_t *runs_doc(const struct results *results, const struct provenance_run *run)
{
    char *path = outfile_join(results->folder, "provenance.json", NULL);
    struct json_t *before = path ? doc_read(path, NULL) : NULL;
    const struct json_t *runs = doc_get(before, "runs");
    struct json_t *list = doc_array();
    size_t count = doc_length(runs);
    for (size_t r = count >= RUNS_KEPT ? count - RUNS_KEPT + 1 : 0; r < count; r++)
        list = doc_add(list, doc_copy(doc_at(runs, r)));
    doc_free(before);
    free(path);
    return doc_add(list, run_doc(run));
}

bool provenance_write(const struct results *results, const struct provenance_run *run, struct error *error)
{
    char *copy = outfile_join(results->folder, "experiment.yaml", error);
    char sha256[65] = "";
    bool hashed = copy && trace_file_sha256(copy, sha256, error);
    free(copy);
    if (!hashed)
        return false;
    struct json_t *experiment = doc_put(doc_object(), "name", doc_string(results->experiment->name));
    experiment = doc_put(experiment, "file", doc_string(results->experiment->file));
    experiment = doc_put(experiment, "sha256", doc_string(sha256));
    experiment = doc_put(experiment, "cells", doc_integer(results->row_count));
    struct json_t *object = doc_put(doc_object(), "experiment", experiment);
    object = doc_put(object, "traces", traces_doc(results));
    object = doc_put(object, "program", program_doc());
    object = doc_put(object, "health", health_doc(run->health));
    object = doc_put(object, "runs", runs_doc(results, run));
    if (!object)
        return error_set(error, ERROR_MEMORY, "error: no memory for provenance.json");
    struct outfile out;
    if (!outfile_open(&out, results->folder, "provenance.json", error)) {
        doc_free(object);
        return false;
    }
    if (!doc_write(object, true, out.file) && !ferror(out.file)) {
        outfile_abort(&out);
        return error_set(error, ERROR_MEMORY, "error: no memory for provenance.json");
    }
    return outfile_commit(&out, true, error);
}
