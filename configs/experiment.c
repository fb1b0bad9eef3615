#include "configs/experiment.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "configs/settings.h"
#include "sim/base/memory.h"
#include "sim/base/text_stream.h"
#include "traces/trace.h"

enum { TRACES_MAX = 65536 };

static const char *const own_keys[] = {"schema", "name", "question", "traces", "outputs"};

struct loading {
    struct experiment *experiment;
    struct error_list *messages;
    struct place start; /* for what is missing */
    size_t trace_capacity;
};

/* The text of a scalar that is not empty, or NULL with an error. */
static const char *word_of(const struct loading *loading, const struct node *node, const char *path,
                           const char *example)
{
    if (node->kind == NODE_SCALAR && *node->text != '\0')
        return node->text;
    error_list_add(loading->messages, node->place, path, "%s; write %s",
                   node->kind == NODE_SCALAR ? "has no value" : "one value is expected", example);
    return NULL;
}

/* The node of a required key, or NULL with an error. */
static const struct node *required(const struct loading *loading, const struct node *root, const char *key,
                                   const char *example)
{
    const struct node *node = node_get(root, key);
    if (!node)
        error_list_add(loading->messages, loading->start, key, "is required; write %s", example);
    return node;
}

static void read_schema(const struct loading *loading, const struct node *root)
{
    const struct node *node = required(loading, root, "schema", "schema: 1");
    const char *text = node ? word_of(loading, node, "schema", "schema: 1") : NULL;
    if (text && strcmp(text, "1") != 0)
        error_list_add(loading->messages, node->place, "schema",
                       "\"%.60s\" is not known to this version; write schema: 1", text);
}

static bool is_name(const char *text)
{
    if (strlen(text) > EXPERIMENT_NAME_BYTES || *text == '.' || *text == '-')
        return false;
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
            return false;
    }
    return true;
}

static char *copy_text(const struct loading *loading, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        error_list_add(loading->messages, loading->start, NULL, "out of memory");
    return copy;
}

static void read_name(const struct loading *loading, const struct node *root)
{
    const struct node *node = required(loading, root, "name", "name: my-experiment");
    const char *text = node ? word_of(loading, node, "name", "my-experiment") : NULL;
    if (text && !is_name(text))
        error_list_add(loading->messages, node->place, "name",
                       "\"%.140s\" cannot name a folder; write up to 128 letters, digits, \".\", \"_\" and "
                       "\"-\", the first no \".\" or \"-\"",
                       text);
    else if (text)
        loading->experiment->name = copy_text(loading, text);
    node = node_get(root, "question");
    text = node ? word_of(loading, node, "question", "one sentence") : NULL;
    if (text)
        loading->experiment->question = copy_text(loading, text);
}

static void read_outputs(const struct loading *loading, const struct node *root)
{
    loading->experiment->intervals = true;
    const struct node *node = node_get(root, "outputs");
    if (!node)
        return;
    if (node->kind != NODE_MAP) {
        error_list_add(loading->messages, node->place, "outputs",
                       "keys are expected under it; write {intervals: true}");
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        char path[160];
        snprintf(path, sizeof path, "outputs.%.100s", pair->key);
        if (strcmp(pair->key, "intervals") != 0) {
            error_list_add(loading->messages, pair->place, path, "unknown key; %s\"intervals\"%s",
                           key_nearest(pair->key, (const char *[]){"intervals"}, 1) ? "did you mean "
                                                                                    : "write ",
                           key_nearest(pair->key, (const char *[]){"intervals"}, 1) ? "?" : "");
            continue;
        }
        const char *text = word_of(loading, pair->value, path, "true");
        if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            error_list_add(loading->messages, pair->value->place, path,
                           "\"%.60s\" is no boolean; write true or false", text);
        loading->experiment->intervals = !text || strcmp(text, "false") != 0;
    }
}

/* ---- traces ---- */

static void read_format(const struct loading *loading, const struct node *node, const char *path,
                        const char **format)
{
    const char *text = word_of(loading, node, path, "csv"), *words[32];
    size_t count = 0;
    if (!text)
        return;
    for (; count < 32 && trace_formats[count]; count++) {
        words[count] = trace_formats[count]->name;
        if (strcmp(words[count], text) == 0) {
            *format = text;
            return;
        }
    }
    const char *nearest = key_nearest(text, words, count);
    error_list_add(loading->messages, node->place, path, "\"%.60s\" is no known format; %s\"%s\"%s", text,
                   nearest ? "did you mean " : "write ",
                   nearest     ? nearest
                   : count > 0 ? words[0]
                               : "csv",
                   nearest ? "?" : "");
}

static void read_sha256(const struct loading *loading, const struct node *node, const char *path,
                        char sha256[65])
{
    const char *text = word_of(loading, node, path, "64 hex digits");
    if (!text)
        return;
    bool good = strlen(text) == 64;
    for (size_t i = 0; good && i < 64; i++) {
        good = isxdigit((unsigned char)text[i]) != 0;
        sha256[i] = (char)tolower((unsigned char)text[i]);
    }
    sha256[64] = '\0';
    if (!good) {
        sha256[0] = '\0';
        error_list_add(loading->messages, node->place, path, "\"%.80s\" is no SHA-256; write 64 hex digits",
                       text);
    }
}

/* `pattern` as seen from the working directory: relative to the experiment file. */
static char *seen_from_here(const struct loading *loading, const char *pattern)
{
    const char *file = loading->experiment->file, *slash = strrchr(file, '/');
    char *path = NULL;
    if (*pattern == '/' || !slash)
        return copy_text(loading, pattern);
    int folder = (int)(slash - file) + 1;
    size_t bytes;
    FILE *out = text_open(&path, &bytes);
    if (!out)
        return NULL;
    for (int i = 0; i < folder; i++) /* the folder's own name is no pattern */
        fprintf(out, "%s%c", strchr("*?[\\", file[i]) ? "\\" : "", file[i]);
    fputs(pattern, out);
    return text_close(out, &path) ? path : NULL;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_trace(struct loading *loading, struct place place, const char *path, const char *trace,
                      const char *format, const char *sha256)
{
    struct experiment *experiment = loading->experiment;
    struct stat status;
    if (stat(trace, &status) == 0 && S_ISDIR(status.st_mode)) {
        error_list_add(loading->messages, place, path, "\"%.200s\" is a folder; write %.200s/*.csv.gz", trace,
                       trace);
        return;
    }
    for (size_t i = 0; i < experiment->trace_count; i++) {
        if (strcmp(experiment->traces[i].path, trace) == 0) {
            error_list_warn(loading->messages, place, path,
                            "\"%.200s\" is listed already; it is replayed once", trace);
            return;
        }
    }
    if (experiment->trace_count == TRACES_MAX) {
        error_list_add(loading->messages, place, path, "more than %d traces; use several experiments",
                       TRACES_MAX);
        return;
    }
    if (!memory_grow(&experiment->traces, &loading->trace_capacity, experiment->trace_count + 1,
                     sizeof *experiment->traces, NULL)) {
        error_list_add(loading->messages, place, NULL, "out of memory");
        return;
    }
    experiment->traces[experiment->trace_count++] = (struct experiment_trace){
        .path = copy_text(loading, trace),
        .format = format ? copy_text(loading, format) : NULL,
        .sha256 = *sha256 ? copy_text(loading, sha256) : NULL,
    };
}

static void expand(struct loading *loading, const struct node *node, const char *path, const char *format,
                   const char *sha256)
{
    const char *text = word_of(loading, node, path, "../traces/samples/*.csv.gz");
    char *pattern = text ? seen_from_here(loading, text) : NULL;
    if (!pattern)
        return;
    glob_t found;
    int result = glob(pattern, GLOB_NOSORT, NULL, &found);
    if (result != 0) {
        const char *slash = strrchr(loading->experiment->file, '/');
        if (result == GLOB_NOMATCH && slash && *text != '/')
            error_list_add(loading->messages, node->place, path,
                           "no file matches \"%.200s\"; it is looked for from %.*s", text,
                           (int)(slash - loading->experiment->file), loading->experiment->file);
        else if (result == GLOB_NOMATCH)
            error_list_add(loading->messages, node->place, path,
                           "no file matches \"%.200s\"; correct the path", text);
        else
            error_list_add(loading->messages, node->place, path,
                           "\"%.200s\" cannot be read; check the folder", text);
        free(pattern);
        return;
    }
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_paths);
    if (*sha256 && found.gl_pathc > 1)
        error_list_add(loading->messages, node->place, path,
                       "sha256 is for one file but %zu match \"%.200s\"; list them one by one",
                       (size_t)found.gl_pathc, text);
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_trace(loading, node->place, path, found.gl_pathv[i], format, sha256);
    globfree(&found);
    free(pattern);
}

static void read_trace(struct loading *loading, const struct node *item, size_t index)
{
    char path[64], key[192];
    const char *format = NULL;
    char sha256[65] = "";
    snprintf(path, sizeof path, "traces[%zu]", index);
    if (item->kind != NODE_MAP) {
        error_list_add(loading->messages, item->place, path, "a block is expected; write {path: %.200s}",
                       item->kind == NODE_SCALAR && *item->text ? item->text : "FILE");
        return;
    }
    const struct node *file = NULL;
    for (size_t i = 0; i < item->count; i++) {
        static const char *const words[] = {"path", "format", "sha256"};
        const struct node_pair *pair = &item->pairs[i];
        snprintf(key, sizeof key, "%s.%.100s", path, pair->key);
        if (strcmp(pair->key, "path") == 0) {
            file = pair->value;
        } else if (strcmp(pair->key, "format") == 0) {
            read_format(loading, pair->value, key, &format);
        } else if (strcmp(pair->key, "sha256") == 0) {
            read_sha256(loading, pair->value, key, sha256);
        } else {
            const char *nearest = key_nearest(pair->key, words, 3);
            if (nearest)
                error_list_add(loading->messages, pair->place, key, "unknown key; did you mean \"%s\"?",
                               nearest);
            else
                error_list_add(loading->messages, pair->place, key,
                               "unknown key; known here: path, format, sha256");
        }
    }
    snprintf(key, sizeof key, "%s.path", path);
    if (file)
        expand(loading, file, key, format, sha256);
    else
        error_list_add(loading->messages, item->place, key, "is required; write {path: FILE}");
}

static void read_traces(struct loading *loading, const struct node *root)
{
    const struct node *node = required(loading, root, "traces", "traces: [{path: FILE}]");
    if (!node)
        return;
    if (node->kind != NODE_LIST || node->count == 0) {
        error_list_add(loading->messages, node->place, "traces",
                       "a list of files is expected; write [{path: FILE}]");
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        read_trace(loading, node->items[i], i);
}

/* ---- the file ---- */

/* The bytes of `path`; one byte more than allowed is enough to say that it is too large. */
static bool read_bytes(const char *path, char **text, size_t *bytes, struct error_list *messages)
{
    struct place place = {path, 0, 0};
    FILE *in = fopen(path, "rb");
    if (!in) {
        error_list_add(messages, place, NULL, "cannot be opened: %s", strerror(errno));
        return false;
    }
    *text = malloc(YAML_BYTES_MAX + 2);
    *bytes = *text ? fread(*text, 1, YAML_BYTES_MAX + 1, in) : 0;
    bool failed = ferror(in) != 0;
    int cause = errno;
    fclose(in);
    if (!*text || failed) {
        error_list_add(messages, place, NULL, "cannot be read: %s",
                       *text ? strerror(cause) : "out of memory");
        return false;
    }
    (*text)[*bytes] = '\0';
    return true;
}

static struct node *read_tree(const struct loading *loading, const char *const sets[], char *const places[],
                              size_t set_count)
{
    struct experiment *experiment = loading->experiment;
    struct node *root =
        yaml_parse(experiment->text, experiment->text_bytes, loading->start, loading->messages);
    if (root && root->kind != NODE_MAP) {
        error_list_add(loading->messages, root->place, NULL,
                       "an experiment is expected; write keys such as schema: 1");
        node_free(root);
        return NULL;
    }
    for (size_t i = 0; root && i < set_count; i++)
        settings_override(root, sets[i], places[i], loading->messages);
    return root;
}

static bool load(struct loading *loading, const char *const sets[], size_t set_count)
{
    struct experiment *experiment = loading->experiment;
    for (size_t i = 0; i < set_count; i++) {
        size_t length = strcspn(sets[i], "=");
        char place[160];
        snprintf(place, sizeof place, "--set %.*s", (int)(length < 128 ? length : 128), sets[i]);
        experiment->set_places[i] = copy_text(loading, place);
        if (!experiment->set_places[i])
            return false;
    }
    if (!read_bytes(experiment->file, &experiment->text, &experiment->text_bytes, loading->messages))
        return false;
    struct node *root = read_tree(loading, sets, experiment->set_places, set_count);
    if (!root)
        return false;
    settings_read(experiment->settings, root, own_keys, sizeof own_keys / sizeof *own_keys,
                  loading->messages);
    read_schema(loading, root);
    read_name(loading, root);
    read_outputs(loading, root);
    read_traces(loading, root);
    return !error_list_any(loading->messages);
}

bool experiment_load(const char *path, const char *const sets[], size_t set_count,
                     struct experiment **experiment, struct error_list *messages)
{
    struct place place = {path, 0, 0};
    struct experiment *made = memory_zeroed(1, sizeof *made, NULL);
    bool done = false;
    *experiment = NULL;
    if (made) {
        made->file = strdup(path);
        made->settings = memory_zeroed(1, sizeof *made->settings, NULL);
        made->set_places = memory_zeroed(set_count, sizeof *made->set_places, NULL);
        made->set_count = set_count;
    }
    if (!made || !made->file || !made->settings || !made->set_places) {
        error_list_add(messages, place, NULL, "out of memory");
    } else {
        struct loading loading = {made, messages, {made->file, 1, 1}, 0};
        done = load(&loading, sets, set_count);
    }
    if (done)
        *experiment = made;
    else
        experiment_free(made);
    return done;
}

void experiment_free(struct experiment *experiment)
{
    if (!experiment)
        return;
    if (experiment->settings)
        settings_free(experiment->settings);
    memory_free(experiment->settings);
    for (size_t i = 0; i < experiment->trace_count; i++) {
        free(experiment->traces[i].path);
        free(experiment->traces[i].format);
        free(experiment->traces[i].sha256);
    }
    for (size_t i = 0; experiment->set_places && i < experiment->set_count; i++)
        free(experiment->set_places[i]);
    memory_free(experiment->traces);
    memory_free(experiment->set_places);
    free(experiment->file);
    free(experiment->text);
    free(experiment->name);
    free(experiment->question);
    memory_free(experiment);
}
