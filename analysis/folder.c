#include "analysis/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/doc.h"
#include "analysis/outfile.h"
#include "configs/plan.h"

static bool read_package(struct folder *folder, struct error *error)
{
    struct stat status;
    if (stat(folder->path, &status) != 0 && errno == ENOENT)
        return error_set(error, ERROR_EXPERIMENT,
                         "%s: error: there is no such folder; name one that `dirtywalk run' wrote",
                         folder->path);
    char *path = outfile_join(folder->path, "datapackage.json", error);
    if (!path)
        return false;
    bool there = stat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
    folder->package = there ? doc_read(path, error) : NULL;
    free(path);
    if (!there)
        return error_set(
            error, ERROR_EXPERIMENT,
            "%s: error: holds no results (no datapackage.json); name a folder that `dirtywalk run' wrote",
            folder->path);
    return folder->package != NULL;
}

bool folder_open(struct folder *folder, const char *path, struct error *error)
{
    *folder = (struct folder){.path = strdup(path)};
    if (!folder->path)
        return error_set(error, ERROR_MEMORY, "error: no memory to open %s", path);
    size_t length = strlen(folder->path);
    while (length > 1 && folder->path[length - 1] == '/')
        folder->path[--length] = '\0';
    if (!read_package(folder, error))
        return false;
    const char *version = doc_get_string(folder->package, "dirtywalk_model_version");
    if (!version || strcmp(version, MODEL_VERSION) != 0)
        return error_set(error, ERROR_EXPERIMENT,
                         "%s: error: holds results of model version %s, this program computes version %s; "
                         "run the experiment again, or use the program that wrote them",
                         folder->path, version ? version : "unknown", MODEL_VERSION);
    folder->intervals = folder_fields(folder, "intervals") != NULL;
    return true;
}

void folder_close(struct folder *folder)
{
    doc_free(folder->package);
    free(folder->path);
    *folder = (struct folder){0};
}

const struct json_t *folder_fields(const struct folder *folder, const char *table)
{
    const struct json_t *resources = doc_get(folder->package, "resources");
    for (size_t r = 0; r < doc_length(resources); r++) {
        const char *name = doc_get_string(doc_at(resources, r), "name");
        if (name && strcmp(name, table) == 0)
            return doc_get(doc_get(doc_at(resources, r), "schema"), "fields");
    }
    return NULL;
}
