/* Who may write in a results folder (results.h). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/claim.h"
#include "analysis/csv_reader.h"
#include "analysis/datapackage.h"
#include "analysis/outfile.h"
#include "analysis/results.h"
#include "sim/base/memory.h"

/* ---- the plan of a folder ---- */

/* Cell ids of a plan, sorted: an id says the cell, its trace and the model version. */
struct ids {
    char (*items)[PLAN_ID_BYTES];
    size_t count, capacity;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool add_id(struct ids *ids, const char *id, struct error *error)
{
    if (!memory_grow(&ids->items, &ids->capacity, ids->count + 1, sizeof *ids->items, error))
        return false;
    snprintf(ids->items[ids->count], PLAN_ID_BYTES, "%s", id);
    ids->count++;
    return true;
}

static bool ids_of_file(const char *path, struct ids *ids, struct error *error)
{
    struct csv_reader *plan = csv_open(path, error);
    bool end = false, good = plan != NULL;
    if (good && csv_column(plan, "cell") != 0)
        good = error_set(error, ERROR_RESULTS, "%s: error: has no column \"cell\" in front", path);
    while (good && (good = csv_next(plan, &end, error)) && !end)
        good = add_id(ids, csv_field(plan, 0), error);
    csv_close(plan);
    return good;
}

static bool ids_of_plan(const struct results *results, struct ids *ids, struct error *error)
{
    bool good = true;
    for (size_t r = 0; good && r < results->row_count; r++)
        good = add_id(ids, results->rows[r].id, error);
    return good;
}

static size_t count_common(struct ids *a, struct ids *b)
{
    size_t common = 0;
    if (a->count > 0)
        qsort(a->items, a->count, sizeof *a->items, compare_ids);
    if (b->count > 0)
        qsort(b->items, b->count, sizeof *b->items, compare_ids);
    for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
        int order = strcmp(a->items[i], b->items[k]);
        common += order == 0;
        i += order <= 0;
        k += order >= 0;
    }
    return common;
}

#define REMEDIES "choose another folder with -o DIR, or let the folder follow this plan with --update"

static bool refuse_plan(const char *folder, const char *name, const struct ids *theirs,
                        const struct ids *ours, size_t common, struct error *error)
{
    char *version = datapackage_model_version(folder);
    if (version && strcmp(version, MODEL_VERSION) != 0)
        error_set(error, ERROR_EXPERIMENT,
                  "%s: error: holds results of model version %s, this program computes version %s; " REMEDIES,
                  folder, version, MODEL_VERSION);
    else
        error_set(error, ERROR_EXPERIMENT,
                  "%s: error: holds the results of another plan, \"%s\" with %zu rows; this one has %zu, %zu "
                  "of them in both; " REMEDIES,
                  folder, name, theirs->count, ours->count, common);
    free(version);
    return false;
}

/* A folder that was claimed, but whose plan was never written, has no cells yet. */
static bool same_plan(const struct results *results, const char *folder, const char *name,
                      struct error *error)
{
    struct stat status;
    struct ids theirs = {0}, ours = {0};
    struct error damage = {0};
    char *path = outfile_join(folder, "plan.csv", error);
    bool good = path != NULL;
    if (good && (stat(path, &status) == 0 || errno != ENOENT)) {
        if (!ids_of_file(path, &theirs, &damage))
            good = error_set(error, damage.kind == ERROR_MEMORY ? ERROR_MEMORY : ERROR_EXPERIMENT,
                             "%s; whose results these are cannot be told: " REMEDIES, damage.text);
        good = good && ids_of_plan(results, &ours, error);
        size_t common = good ? count_common(&theirs, &ours) : 0;
        if (good && (common != theirs.count || common != ours.count))
            good = refuse_plan(folder, name, &theirs, &ours, common, error);
    }
    memory_free(theirs.items);
    memory_free(ours.items);
    free(path);
    return good;
}

/* ---- the folder ---- */

/* Empty but for what was being written: nobody's yet. */
static bool is_unclaimed(DIR *list)
{
    for (struct dirent *entry; (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, CLAIM_FILE) != 0 && !outfile_is_temporary(entry->d_name))
            return false;
    return true;
}

bool results_folder_fits(const struct results *results, const char *folder, bool update, bool *exists,
                         struct error *error)
{
    *exists = false;
    DIR *list = opendir(folder);
    if (!list) {
        if (errno == ENOENT)
            return true;
        if (errno == ENOTDIR)
            return error_set(error, ERROR_RESULTS,
                             "%s: error: is no folder; choose another folder with --output", folder);
        return outfile_error(error, folder, "read the folder");
    }
    bool unclaimed = is_unclaimed(list);
    closedir(list);
    if (unclaimed)
        return true;
    char *name = datapackage_experiment(folder);
    if (!name)
        return error_set(
            error, ERROR_EXPERIMENT,
            "%s: error: the folder is not empty and holds no results; choose another folder with -o DIR",
            folder);
    *exists = update || same_plan(results, folder, name, error);
    free(name);
    return *exists;
}

static void remove_leftovers(const char *folder)
{
    DIR *list = opendir(folder);
    if (!list)
        return;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (!outfile_is_leftover(entry->d_name))
            continue;
        char *path = outfile_join(folder, entry->d_name, NULL);
        if (path && unlink(path) != 0)
            outfile_remove_folder(path);
        free(path);
    }
    closedir(list);
}

bool results_open_folder(struct results *results, const char *folder, const struct results_terms *terms,
                         struct error *error)
{
    bool exists;
    /* Looked at before anything is changed, and again when nobody else can change it. */
    if (!results_folder_fits(results, folder, terms->update, &exists, error) ||
        !results_look_in_folder(results, folder, error) || !outfile_make_folder(folder, error) ||
        !claim_take(folder, terms->shard, &results->lock, error) ||
        !results_folder_fits(results, folder, terms->update, &exists, error))
        return false;
    /* For others to see whose folder it is; results_write_plan writes it once more, to last. */
    if (!exists && !datapackage_write(folder, results->experiment, results->plan, false, error))
        return false;
    if (!outfile_make_folder(results->cells_folder, error))
        return false;
    remove_leftovers(folder);
    remove_leftovers(results->cells_folder);
    return true;
}
