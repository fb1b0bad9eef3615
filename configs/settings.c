#include "configs/settings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/text_stream.h"

enum { PATH_BYTES = 256, WORDS_MAX = KEY_COUNT_MAX + 32 };

/* One reading of a tree. */
struct reading {
    struct experiment_settings *settings;
    struct error_list *messages;
    const char *const *others;
    size_t other_count;
};

static const char *const axis_words[] = {"sweep", "zip", "exclude", "include"};

static void out_of_memory(const struct reading *reading, struct place place)
{
    error_list_add(reading->messages, place, NULL, "out of memory");
}

/* ---- suggestions ---- */

static size_t add_word(const char *words[], size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0)
            return count;
    }
    if (count < WORDS_MAX)
        words[count++] = word;
    return count;
}

/* The words that may stand in `block`; "" is the top of a file. */
static size_t words_of_block(const struct reading *reading, const char *block, const char *words[],
                             char blocks[][PATH_BYTES])
{
    size_t count = 0, block_count = 0;
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        if (key_in_block(key, block)) {
            count = add_word(words, count, key_word(key));
        } else if (*block == '\0') {
            char *name = blocks[block_count];
            snprintf(name, PATH_BYTES, "%.*s", (int)(key_word(key) - key->name) - 1, key->name);
            size_t before = count;
            count = add_word(words, count, name);
            block_count += count > before;
        }
    }
    for (size_t i = 0; *block == '\0' && i < sizeof axis_words / sizeof *axis_words; i++)
        count = add_word(words, count, axis_words[i]);
    for (size_t i = 0; *block == '\0' && i < reading->other_count; i++)
        count = add_word(words, count, reading->others[i]);
    return count;
}

/* The key that somebody meant who wrote `word` in the wrong block: the same word elsewhere. */
static const struct key *same_word_elsewhere(const char *word)
{
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(key_word(&key_table[i]), word) == 0)
            return &key_table[i];
    }
    return NULL;
}

static void unknown_in_block(const struct reading *reading, const struct node_pair *pair, const char *block,
                             const char *path)
{
    const char *words[WORDS_MAX] = {0};
    char blocks[KEY_COUNT_MAX][PATH_BYTES];
    size_t count = words_of_block(reading, block, words, blocks);
    const struct key *dotted = key_find(pair->key);
    if (dotted) {
        error_list_add(
            reading->messages, pair->place, path,
            "dotted keys stand under sweep, zip, exclude and include only; write \"%s\" under \"%.*s\"",
            key_word(dotted), (int)(key_word(dotted) - dotted->name) - 1, dotted->name);
        return;
    }
    const struct key *elsewhere = same_word_elsewhere(pair->key);
    const char *nearest = elsewhere ? elsewhere->name : key_nearest(pair->key, words, count);
    if (nearest) {
        error_list_add(reading->messages, pair->place, path, "unknown key; did you mean \"%s\"?", nearest);
        return;
    }
    char list[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", words[i]);
    error_list_add(reading->messages, pair->place, path, "unknown key; known here: %s", list);
}

/* A name of sweep, zip, exclude or include that is neither a key nor a block. */
static void unknown_dotted(const struct reading *reading, struct place place, const char *name,
                           const char *path)
{
    const char *words[WORDS_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < key_count; i++)
        count = add_word(words, count, key_table[i].name);
    const struct key *elsewhere = same_word_elsewhere(name);
    const char *nearest = elsewhere ? elsewhere->name : key_nearest(name, words, count);
    for (size_t i = 0; i < reading->other_count; i++) {
        size_t length = strlen(reading->others[i]);
        if (strncmp(name, reading->others[i], length) == 0 && (name[length] == '\0' || name[length] == '.')) {
            error_list_add(reading->messages, place, path, "is the same for all cells; write it outside");
            return;
        }
    }
    if (nearest)
        error_list_add(reading->messages, place, path, "unknown key; did you mean \"%s\"?", nearest);
    else
        error_list_add(reading->messages, place, path,
                       "unknown key; write a dotted key such as harvest.interval");
}

/* ---- groups ---- */

const struct setting *setting_find(const struct setting_group *group, const struct key *key)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->settings[i].key == key)
            return &group->settings[i];
    }
    return NULL;
}

static void add_setting(const struct reading *reading, struct setting_group *group, const struct key *key,
                        struct place place, const struct node *node, const char *path)
{
    const struct setting *before = setting_find(group, key);
    if (before) {
        error_list_add(reading->messages, place, path, "is set twice, already at line %u; keep one",
                       before->place.line);
        return;
    }
    if (!memory_grow(&group->settings, &group->capacity, group->count + 1, sizeof *group->settings, NULL)) {
        out_of_memory(reading, place);
        return;
    }
    struct setting *setting = &group->settings[group->count];
    *setting = (struct setting){key, node, place, {0}};
    if (key_parse(key, node, path, &setting->value, reading->messages))
        group->count++;
}

/* The keys of one block ("harvest") into the group. */
static void read_block(const struct reading *reading, const char *block, const struct node *node,
                       const char *prefix, struct setting_group *group)
{
    char path[PATH_BYTES];
    if (node->kind != NODE_MAP) {
        snprintf(path, sizeof path, "%s%s", prefix, block);
        size_t first = 0;
        while (!key_in_block(&key_table[first], block))
            first++;
        error_list_add(reading->messages, node->place, path, "keys are expected under it; write {%s: ...}",
                       key_word(&key_table[first]));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        char name[PATH_BYTES];
        snprintf(name, sizeof name, "%s.%.100s", block, pair->key);
        snprintf(path, sizeof path, "%s%.200s", prefix, name);
        const struct key *key = key_find(name);
        if (key)
            add_setting(reading, group, key, pair->place, pair->value, path);
        else
            unknown_in_block(reading, pair, block, path);
    }
}

/* Dotted keys and blocks, as include and exclude hold them. */
static void read_group(const struct reading *reading, const struct node *node, const char *prefix,
                       struct setting_group *group)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s%.100s", prefix, pair->key);
        const struct key *key = key_find(pair->key);
        if (key)
            add_setting(reading, group, key, pair->place, pair->value, path);
        else if (key_is_block(pair->key))
            read_block(reading, pair->key, pair->value, prefix, group);
        else
            unknown_dotted(reading, pair->place, pair->key, path);
    }
}

/* "key=value key=value" in the order written. */
static bool label_group(struct setting_group *group, const char *name)
{
    size_t bytes;
    FILE *out = text_open(&group->label, &bytes);
    if (!out)
        return false;
    for (size_t i = 0; i < group->count; i++) {
        fprintf(out, "%s%s=", i > 0 ? " " : "", group->settings[i].key->name);
        key_print(group->settings[i].key, &group->settings[i].value, KEY_LABEL, out);
    }
    if (group->count == 0)
        fprintf(out, "%s={}", name);
    return text_close(out, &group->label);
}

static void free_group(struct setting_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        key_value_free(&group->settings[i].value);
    memory_free(group->settings);
    free(group->label);
}

/* ---- base ---- */

static void read_base(const struct reading *reading, const struct node *root)
{
    struct setting_group *base = &reading->settings->base;
    for (size_t i = 0; i < root->count; i++) {
        const struct node_pair *pair = &root->pairs[i];
        const struct key *key = key_find(pair->key);
        bool other = false;
        for (size_t k = 0; k < sizeof axis_words / sizeof *axis_words; k++)
            other |= strcmp(axis_words[k], pair->key) == 0;
        for (size_t k = 0; k < reading->other_count; k++)
            other |= strcmp(reading->others[k], pair->key) == 0;
        if (other)
            continue;
        if (key && strchr(key->name, '.') == NULL)
            add_setting(reading, base, key, pair->place, pair->value, pair->key);
        else if (key_is_block(pair->key))
            read_block(reading, pair->key, pair->value, "", base);
        else
            unknown_in_block(reading, pair, "", pair->key);
    }
}

/* ---- axes ---- */

/* A value as YAML would have it on one line. */
static void print_node(const struct node *node, FILE *out)
{
    if (node->kind == NODE_SCALAR)
        fputs(node->text, out);
    for (size_t i = 0; i < node->count && node->kind == NODE_LIST; i++) {
        fputs(i == 0 ? "[" : ", ", out);
        print_node(node->items[i], out);
    }
    for (size_t i = 0; i < node->count && node->kind == NODE_MAP; i++) {
        fprintf(out, "%s%s: ", i == 0 ? "{" : ", ", node->pairs[i].key);
        print_node(node->pairs[i].value, out);
    }
    if (node->kind != NODE_SCALAR)
        fputs(node->kind == NODE_LIST ? "]" : "}", out);
}

/* sweep: {iotlb: {entries: [16, 64]}} means sweep: {iotlb.entries: [16, 64]}. */
static void lists_under_block(const struct reading *reading, const struct node_pair *pair,
                              const char *section, const char *path)
{
    char *line = NULL;
    size_t bytes;
    FILE *out = text_open(&line, &bytes);
    const struct node *block = pair->value;
    for (size_t i = 0; out && i < block->count; i++) {
        const struct node *value = block->pairs[i].value;
        const char *name = block->pairs[i].key;
        bool of_lists = value->kind == NODE_LIST && value->count > 0 && value->items[0]->kind == NODE_LIST;
        char full[PATH_BYTES];
        snprintf(full, sizeof full, "%.100s.%.100s", pair->key, name);
        const struct key *key = key_find(full);
        bool is_list = value->kind == NODE_LIST && (of_lists || !key || !key_holds_list(key));
        fprintf(out, "%s%s: %s", i > 0 ? ", " : "", full, is_list ? "" : "[");
        print_node(value, out);
        fputs(is_list ? "" : "]", out);
    }
    if (!out || !text_close(out, &line)) {
        out_of_memory(reading, pair->place);
        return;
    }
    error_list_add(reading->messages, block->place, path,
                   "the lists of a block stand under dotted keys; write %s: {%.400s}", section, line);
    free(line);
}

static bool read_lane(const struct reading *reading, const struct node_pair *pair, const char *section,
                      struct lane *lane)
{
    char prefix[32], path[PATH_BYTES];
    snprintf(prefix, sizeof prefix, "%s.", section);
    snprintf(path, sizeof path, "%s%.100s", prefix, pair->key);
    const struct key *key = key_find(pair->key);
    if (!key && !key_is_block(pair->key)) {
        unknown_dotted(reading, pair->place, pair->key, path);
        return false;
    }
    const struct node *list = pair->value;
    if (list->kind == NODE_MAP && !key && list->count > 0) {
        lists_under_block(reading, pair, section, path);
        return false;
    }
    if (list->kind != NODE_LIST || list->count == 0) {
        error_list_add(reading->messages, list->place, path, "a list of values is expected; write [A, B]");
        return false;
    }
    *lane = (struct lane){.name = pair->key, .section = section, .place = pair->place};
    lane->values = memory_zeroed(list->count, sizeof *lane->values, NULL);
    if (!lane->values) {
        out_of_memory(reading, pair->place);
        return false;
    }
    lane->count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        struct setting_group *group = &lane->values[i];
        group->place = list->items[i]->place;
        if (key)
            add_setting(reading, group, key, pair->place, list->items[i], path);
        else
            read_block(reading, pair->key, list->items[i], prefix, group);
        if (!label_group(group, pair->key))
            out_of_memory(reading, group->place);
    }
    return true;
}

static void read_zip_lengths(const struct reading *reading, const struct axis *axis)
{
    for (size_t i = 1; i < axis->lane_count; i++) {
        const struct lane *first = &axis->lanes[0], *lane = &axis->lanes[i];
        char path[PATH_BYTES];
        if (lane->count == first->count)
            continue;
        snprintf(path, sizeof path, "zip.%.100s", lane->name);
        error_list_add(reading->messages, lane->place, path,
                       "has %zu values but \"%s\" has %zu; lists that walk together have equal lengths",
                       lane->count, first->name, first->count);
    }
}

static void read_axes(const struct reading *reading, const char *section, const struct node *node)
{
    struct experiment_settings *settings = reading->settings;
    bool zip = strcmp(section, "zip") == 0;
    if (node->kind != NODE_MAP) {
        error_list_add(reading->messages, node->place, section,
                       "keys with lists are expected under it; write {harvest.interval: [10ms, 100ms]}");
        return;
    }
    struct axis *zipped = NULL;
    for (size_t i = 0; i < node->count; i++) {
        struct lane *lane = &settings->lanes[settings->lane_count];
        if (!read_lane(reading, &node->pairs[i], section, lane))
            continue;
        settings->lane_count++;
        if (zip && zipped) {
            zipped->lane_count++;
            continue;
        }
        zipped = &settings->axes[settings->axis_count++];
        *zipped = (struct axis){lane, 1, lane->count};
    }
    if (zip && zipped)
        read_zip_lengths(reading, zipped);
}

/* No key may get its value from two lanes. */
static void check_lanes(const struct reading *reading)
{
    const struct lane *owner[KEY_COUNT_MAX] = {0};
    const struct experiment_settings *settings = reading->settings;
    for (size_t i = 0; i < settings->lane_count; i++) {
        const struct lane *lane = &settings->lanes[i];
        for (size_t k = 0; k < lane->count; k++) {
            for (size_t m = 0; m < lane->values[k].count; m++) {
                const struct setting *setting = &lane->values[k].settings[m];
                const struct lane **before = &owner[key_index(setting->key)];
                if (*before && *before != lane) {
                    char path[PATH_BYTES];
                    snprintf(path, sizeof path, "%s.%s", lane->section, setting->key->name);
                    error_list_add(reading->messages, setting->place, path,
                                   "%s.%s sets the same key; vary it in one place", (*before)->section,
                                   (*before)->name);
                }
                *before = lane;
            }
        }
    }
    for (size_t i = 0; i < settings->base.count; i++) {
        const struct setting *setting = &settings->base.settings[i];
        const struct lane *lane = owner[key_index(setting->key)];
        if (lane && setting->place.line == 0)
            error_list_add(reading->messages, setting->place, setting->key->name,
                           "%s.%s sets this key too; override that with --set '%s.%s=[...]'", lane->section,
                           lane->name, lane->section, lane->name);
    }
}

static void read_groups(const struct reading *reading, const char *section, const struct node *node,
                        struct setting_group **groups, size_t *count)
{
    if (node->kind != NODE_LIST) {
        error_list_add(reading->messages, node->place, section,
                       "a list of blocks is expected; write [{harvest.interval: 10ms}]");
        return;
    }
    *groups = memory_zeroed(node->count, sizeof **groups, NULL);
    if (!*groups) {
        out_of_memory(reading, node->place);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];
        char prefix[72], path[64];
        snprintf(path, sizeof path, "%s[%zu]", section, i);
        snprintf(prefix, sizeof prefix, "%s.", path);
        if (item->kind != NODE_MAP || item->count == 0) {
            error_list_add(reading->messages, item->place, path,
                           "keys are expected; write {harvest.interval: 10ms}");
            continue;
        }
        struct setting_group *group = &(*groups)[(*count)++];
        group->place = item->place;
        read_group(reading, item, prefix, group);
        if (!label_group(group, section))
            out_of_memory(reading, group->place);
    }
}

bool settings_read(struct experiment_settings *settings, struct node *root, const char *const others[],
                   size_t other_count, struct error_list *messages)
{
    struct reading reading = {settings, messages, others, other_count};
    *settings = (struct experiment_settings){.root = root, .place = root->place};
    size_t lanes = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct node *axes = node_get(root, axis_words[i]);
        lanes += axes ? axes->count : 0;
    }
    settings->lanes = memory_zeroed(lanes, sizeof *settings->lanes, NULL);
    settings->axes = memory_zeroed(lanes, sizeof *settings->axes, NULL);
    if (!settings->lanes || !settings->axes) {
        out_of_memory(&reading, root->place);
        return false;
    }
    read_base(&reading, root);
    for (size_t i = 0; i < root->count; i++) {
        const struct node_pair *pair = &root->pairs[i];
        if (strcmp(pair->key, "sweep") == 0 || strcmp(pair->key, "zip") == 0)
            read_axes(&reading, pair->key, pair->value);
        else if (strcmp(pair->key, "exclude") == 0)
            read_groups(&reading, pair->key, pair->value, &settings->exclude, &settings->exclude_count);
        else if (strcmp(pair->key, "include") == 0)
            read_groups(&reading, pair->key, pair->value, &settings->include, &settings->include_count);
    }
    check_lanes(&reading);
    return !error_list_any(messages);
}

void settings_free(struct experiment_settings *settings)
{
    free_group(&settings->base);
    for (size_t i = 0; i < settings->lane_count; i++) {
        for (size_t k = 0; k < settings->lanes[i].count; k++)
            free_group(&settings->lanes[i].values[k]);
        memory_free(settings->lanes[i].values);
    }
    for (size_t i = 0; i < settings->exclude_count; i++)
        free_group(&settings->exclude[i]);
    for (size_t i = 0; i < settings->include_count; i++)
        free_group(&settings->include[i]);
    memory_free(settings->lanes);
    memory_free(settings->axes);
    memory_free(settings->exclude);
    memory_free(settings->include);
    node_free(settings->root);
    *settings = (struct experiment_settings){0};
}

/* ---- overrides ---- */

/* Put `value` under `key`; two maps become one. Owns `value`. */
static bool merge(struct node *map, const char *key, struct place place, struct node *value)
{
    struct node *old = node_get(map, key);
    if (!old || old->kind != NODE_MAP || value->kind != NODE_MAP)
        return node_put(map, key, place, value);
    bool done = true;
    while (done && value->count > 0) {
        struct node *child = value->pairs[0].value;
        value->pairs[0].value = NULL; /* node_free takes NULL */
        done = merge(old, value->pairs[0].key, place, child);
        node_remove(value, value->pairs[0].key);
    }
    node_free(value);
    return done;
}

/* The map under `name`, made when it is missing; NULL when something else stands there. */
static struct node *submap(struct node *root, const char *name, struct place place)
{
    struct node *map = node_get(root, name);
    if (!map) {
        struct node *made = node_map(place);
        if (!made || !node_put(root, name, place, made))
            return NULL;
        map = made;
    }
    return map->kind == NODE_MAP ? map : NULL;
}

bool settings_override(struct node *root, const char *set, const char *place_text,
                       struct error_list *messages)
{
    struct place place = {place_text, 0, 0};
    const char *equals = strchr(set, '=');
    char name[PATH_BYTES];
    if (!equals || equals == set || (size_t)(equals - set) >= sizeof name) {
        error_list_add(messages, place, NULL, "no KEY=VALUE; write e.g. --set harvest.interval=10ms");
        return false;
    }
    memcpy(name, set, (size_t)(equals - set));
    name[equals - set] = '\0';
    struct node *value = yaml_parse(equals + 1, strlen(equals + 1), place, messages);
    if (!value)
        return false;
    /* A key that was swept is fixed now. */
    for (size_t i = 0; i < 2; i++) {
        struct node *axes = node_get(root, axis_words[i]);
        if (axes && axes->kind == NODE_MAP && (key_find(name) || key_is_block(name)))
            node_remove(axes, name);
    }
    char *dot = strchr(name, '.');
    struct node *map = root;
    const char *word = name;
    if (dot) {
        *dot = '\0';
        word = dot + 1;
        map = submap(root, name, place);
        if (!map) {
            node_free(value);
            error_list_add(messages, place, name,
                           "keys are expected under it in the file; nothing can be set there");
            return false;
        }
    }
    if (merge(map, word, place, value))
        return true;
    error_list_add(messages, place, NULL, "out of memory");
    return false;
}
