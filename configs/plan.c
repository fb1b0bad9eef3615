#include "configs/plan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/check.h"
#include "configs/key.h"
#include "configs/settings.h"
#include "sim/base/memory.h"
#include "sim/base/text_stream.h"
#include "sim/base/units.h"
#include "sim/pt/pt.h"

enum { PROBLEMS_MAX = 64, PAGE_BYTES = 4096 };

/* One complaint of the cross-checks and how many cells have it. */
struct problem {
    const struct key *key;
    struct place place;
    char *text, *label;
    const void *model;
    char *exclude; /* the items of exclude that remove these cells, or NULL */
    size_t cells;
};

struct building {
    const struct experiment *experiment;
    const struct experiment_settings *settings;
    struct plan *plan;
    size_t capacity;
    struct error_list *messages;
    const char *label;              /* of the cell being checked */
    const struct cell_draft *draft; /* that cell if `exclude` can remove it, else NULL */
    struct problem problems[PROBLEMS_MAX];
    size_t problem_count;
    size_t reports;                           /* calls of report */
    size_t tried;                             /* cells that were not excluded */
    bool *exclude_matched;                    /* per item of exclude */
    bool used[KEY_COUNT_MAX];                 /* some cell looks at the key */
    bool differs[KEY_COUNT_MAX];              /* some cell has another value than the default */
    struct key_value defaults[KEY_COUNT_MAX]; /* of the keys whose default is a text */
};

static bool is_swept(const struct experiment_settings *settings, const struct key *key)
{
    for (size_t i = 0; i < settings->lane_count; i++) {
        for (size_t k = 0; k < settings->lanes[i].count; k++) {
            if (setting_find(&settings->lanes[i].values[k], key))
                return true;
        }
    }
    return false;
}

enum { EXCLUDE_MAX = 160, EXCLUDES_MAX = 700 };

/* In a sweep over models: the item of `exclude` that takes a combination away which the model cannot have.
 * NULL: there is none, or it would be too long to read. */
static char *exclude_of(const struct building *building, const struct key *key)
{
    const struct key *model = key_find("iommu.model");
    char *text = NULL;
    size_t bytes = 0;
    struct key_value value;
    if (!building->draft || key == model || !is_swept(building->settings, model) ||
        !is_swept(building->settings, key))
        return NULL;
    FILE *out = text_open(&text, &bytes);
    if (!out)
        return NULL;
    fprintf(out, "{iommu.model: %s, %s: ", building->draft->config.iommu.model->name, key->name);
    key_load(key, &building->draft->config, &value);
    key_print(key, &value, KEY_YAML, out);
    putc('}', out);
    if (text_close(out, &text) && bytes <= EXCLUDE_MAX)
        return text;
    free(text);
    return NULL;
}

/* The item joins those of the problem, if it is another one. */
static void add_exclude(struct problem *problem, char *item)
{
    char *both = NULL;
    if (!strstr(problem->exclude, item) && strlen(problem->exclude) + strlen(item) < EXCLUDES_MAX &&
        asprintf(&both, "%s, %s", problem->exclude, item) >= 0) {
        free(problem->exclude);
        problem->exclude = both;
    }
    free(item);
}

/* A problem is told once, and where a model cannot have several values of a key, so are they all. */
static void report(void *context, const struct key *key, struct place place, const char *text)
{
    struct building *building = context;
    const void *model = building->draft ? building->draft->config.iommu.model : NULL;
    char *exclude = exclude_of(building, key);
    building->reports++;
    for (size_t i = 0; i < building->problem_count; i++) {
        struct problem *problem = &building->problems[i];
        bool same = problem->key == key && problem->place.line == place.line &&
                    problem->place.column == place.column && strcmp(problem->place.file, place.file) == 0 &&
                    strcmp(problem->text, text) == 0;
        bool alike = problem->key == key && problem->model == model && problem->exclude && exclude;
        if (!same && !alike)
            continue;
        problem->cells++;
        if (alike)
            add_exclude(problem, exclude);
        else
            free(exclude);
        return;
    }
    if (building->problem_count == PROBLEMS_MAX) {
        free(exclude);
        return;
    }
    building->problems[building->problem_count++] =
        (struct problem){key, place, strdup(text), strdup(building->label), model, exclude, 1};
}

/* Problems of only some cells name the first of them. */
static void flush_problems(struct building *building)
{
    for (size_t i = 0; i < building->problem_count; i++) {
        struct problem *problem = &building->problems[i];
        if (problem->text && problem->label && problem->cells < building->tried)
            error_list_add(building->messages, problem->place, problem->key->name,
                           "%s (%zu of %zu cells, first: %.300s)%s%s%s", problem->text, problem->cells,
                           building->tried, problem->label,
                           problem->exclude ? "; or leave them out: exclude: [" : "",
                           problem->exclude ? problem->exclude : "", problem->exclude ? "]" : "");
        else
            error_list_add(building->messages, problem->place, problem->key->name, "%s",
                           problem->text ? problem->text : "out of memory");
        free(problem->text);
        free(problem->label);
        free(problem->exclude);
    }
    building->problem_count = 0;
}

/* ---- one cell ---- */

static void choose(struct cell_draft *draft, const struct setting_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        draft->chosen[key_index(group->settings[i].key)] = &group->settings[i];
}

/* Fill the config in table order, which has the keys that defaults depend on before these. False: memory is
 * short. Without a possible model the keys that depend on it stay zero. */
static bool resolve(const struct building *building, struct cell_draft *draft, struct error *error)
{
    draft->config = (struct cell_config){0};
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        struct key_value value;
        bool known = true;
        if (draft->chosen[i])
            value = draft->chosen[i]->value;
        else if (key->fallback == KEY_DEFAULT_TEXT || key->fallback == KEY_DEFAULT_NONE)
            value = building->defaults[i];
        else if (key->fallback == KEY_DEFAULT_PAGE_SIZES && !check_model(draft, NULL, NULL))
            known = false;
        else
            known = key_default_value(key, &draft->config, &value);
        if (known && !key_store(key, &value, &draft->config, error))
            return false;
    }
    return true;
}

static bool is_excluded(struct building *building, const struct cell_draft *draft)
{
    bool excluded = false;
    for (size_t i = 0; i < building->settings->exclude_count; i++) {
        const struct setting_group *group = &building->settings->exclude[i];
        bool all = true;
        for (size_t k = 0; all && k < group->count; k++) {
            const struct setting *setting = &group->settings[k];
            struct key_value value;
            key_load(setting->key, &draft->config, &value);
            all = key_equal(setting->key, &value, &setting->value);
        }
        if (all)
            building->exclude_matched[i] = excluded = true;
    }
    return excluded;
}

static void note_keys(struct building *building, const struct cell_draft *draft)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        struct key_value value, usual;
        if (!building->used[i])
            building->used[i] = !key->used || key->used(&draft->config);
        if (building->differs[i] || !draft->chosen[i])
            continue;
        if (key->fallback == KEY_DEFAULT_LEVELS && !key->used(&draft->config))
            continue; /* there is no default to differ from */
        building->differs[i] = !key_default_value(key, &draft->config, &usual) ||
                               (key_load(key, &draft->config, &value), !key_equal(key, &value, &usual));
    }
}

/* The cell joins the plan. False: memory is short, and the config is freed. */
static bool keep(struct building *building, struct cell_draft *draft, const char *label, struct error *error)
{
    struct plan *plan = building->plan;
    char *copy = strdup(label);
    if (!copy ||
        !memory_grow(&plan->cells, &building->capacity, plan->cell_count + 1, sizeof *plan->cells, error)) {
        free(copy);
        cell_config_free(&draft->config);
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    struct plan_cell *cell = &plan->cells[plan->cell_count];
    *cell = (struct plan_cell){.index = plan->cell_count,
                               .label = copy,
                               .config = draft->config,
                               .asked_levels = draft->config.iommu.levels,
                               .asked_granule_bytes = draft->config.iommu.granule_bytes};
    if (cell->config.iommu.model->levels_max == 0)
        cell->config.iommu.levels = 0;
    else
        cell->config.iommu.granule_bytes = PAGE_BYTES;
    plan->cell_count++;
    return true;
}

/* Resolve, check and keep one draft. False: memory is short. */
static bool add_cell(struct building *building, struct cell_draft *draft, const char *label,
                     bool may_be_excluded, struct error *error)
{
    size_t before = building->reports;
    building->label = label;
    building->draft = may_be_excluded ? draft : NULL;
    if (!resolve(building, draft, error)) {
        cell_config_free(&draft->config);
        return false;
    }
    if (may_be_excluded && is_excluded(building, draft)) {
        cell_config_free(&draft->config);
        return true;
    }
    building->tried++;
    if (!check_model(draft, report, building)) {
        cell_config_free(&draft->config);
        return true;
    }
    check_cell(draft, report, building);
    note_keys(building, draft);
    if (building->reports != before) {
        cell_config_free(&draft->config);
        return true;
    }
    return keep(building, draft, label, error);
}

/* ---- all cells ---- */

/* The cells of the cross product, or more than PLAN_CELLS_MAX. */
static size_t product(const struct experiment_settings *settings)
{
    size_t cells = 1;
    for (size_t i = 0; i < settings->axis_count && cells <= PLAN_CELLS_MAX; i++)
        cells *= settings->axes[i].length; /* a length is at most YAML_NODES_MAX */
    return cells;
}

static char *label_of(const struct building *building, const size_t positions[])
{
    const struct experiment_settings *settings = building->settings;
    char *label = NULL;
    size_t bytes;
    if (settings->axis_count == 0)
        return strdup(building->experiment->name);
    FILE *out = text_open(&label, &bytes);
    if (!out)
        return NULL;
    for (size_t i = 0; i < settings->axis_count; i++) {
        for (size_t k = 0; k < settings->axes[i].lane_count; k++)
            fprintf(out, "%s%s", i + k > 0 ? " " : "", settings->axes[i].lanes[k].values[positions[i]].label);
    }
    return text_close(out, &label) ? label : NULL;
}

static bool add_product(struct building *building, size_t cells, size_t positions[], struct error *error)
{
    const struct experiment_settings *settings = building->settings;
    for (size_t cell = 0; cell < cells; cell++) {
        struct cell_draft draft = {.place = settings->place};
        choose(&draft, &settings->base);
        size_t rest = cell;
        for (size_t i = settings->axis_count; i-- > 0;) { /* the last varies fastest */
            positions[i] = rest % settings->axes[i].length;
            rest /= settings->axes[i].length;
        }
        for (size_t i = 0; i < settings->axis_count; i++) {
            for (size_t k = 0; k < settings->axes[i].lane_count; k++)
                choose(&draft, &settings->axes[i].lanes[k].values[positions[i]]);
        }
        char *label = label_of(building, positions);
        bool done = label ? add_cell(building, &draft, label, true, error)
                          : error_set(error, ERROR_MEMORY, "out of memory");
        free(label);
        if (!done)
            return false;
    }
    return true;
}

static bool add_includes(struct building *building, struct error *error)
{
    const struct experiment_settings *settings = building->settings;
    for (size_t i = 0; i < settings->include_count; i++) {
        struct cell_draft draft = {.place = settings->place};
        choose(&draft, &settings->base);
        choose(&draft, &settings->include[i]);
        if (!add_cell(building, &draft, settings->include[i].label, false, error))
            return false;
    }
    return true;
}

static struct place place_of_section(const struct building *building, const char *section)
{
    const struct node *root = building->settings->root;
    for (size_t i = 0; i < root->count; i++) {
        if (strcmp(root->pairs[i].key, section) == 0)
            return root->pairs[i].place;
    }
    return building->settings->place;
}

static bool add_all(struct building *building, struct error *error)
{
    const struct experiment_settings *settings = building->settings;
    size_t cells = product(settings);
    if (cells > PLAN_CELLS_MAX || cells + settings->include_count > PLAN_CELLS_MAX) {
        const char *section = settings->lane_count > 0 ? settings->lanes[0].section : "include";
        error_list_add(building->messages, place_of_section(building, section), section,
                       "more than %d cells; split the experiment", PLAN_CELLS_MAX);
        return true;
    }
    size_t *positions = memory_zeroed(settings->axis_count, sizeof *positions, error);
    bool done = positions && add_product(building, cells, positions, error) && add_includes(building, error);
    memory_free(positions);
    return done;
}

/* ---- cells that are the same ---- */

struct fingerprint {
    uint64_t hash;
    size_t index;
};

static int compare_fingerprints(const void *a, const void *b)
{
    const struct fingerprint *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* FNV-1a over 64-bit words. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * UINT64_C(0x100000001b3);
}

static uint64_t hash_cell(const struct plan_cell *cell)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key_count; i++) {
        struct key_value value;
        plan_load(cell, &key_table[i], &value);
        hash = mix(mix(mix(hash, value.none), value.number), value.count);
        for (size_t k = 0; k < value.count && !value.none; k++)
            hash =
                mix(mix(mix(hash, value.regions[k].iova), value.regions[k].bytes), value.regions[k].address);
        hash ^= hash >> 29;
    }
    return hash;
}

static bool same_cell(const struct plan_cell *a, const struct plan_cell *b)
{
    for (size_t i = 0; i < key_count; i++) {
        struct key_value x, y;
        plan_load(a, &key_table[i], &x);
        plan_load(b, &key_table[i], &y);
        if (!key_equal(&key_table[i], &x, &y))
            return false;
    }
    return true;
}

static void free_cell(struct plan_cell *cell)
{
    free(cell->label);
    cell_config_free(&cell->config);
}

/* Leave out every cell that repeats an earlier one: it would have the same id and the same results. */
static bool drop_repeats(struct building *building, struct error *error)
{
    struct plan *plan = building->plan;
    size_t count = plan->cell_count, dropped = 0, first_repeat = SIZE_MAX, first_original = 0;
    struct fingerprint *prints = memory_zeroed(count, sizeof *prints, error);
    bool *repeats = memory_zeroed(count, sizeof *repeats, error);
    for (size_t i = 0; prints && i < count; i++)
        prints[i] = (struct fingerprint){hash_cell(&plan->cells[i]), i};
    if (prints && repeats) {
        qsort(prints, count, sizeof *prints, compare_fingerprints);
        for (size_t i = 1, first = 0; i < count; i++) {
            if (prints[i].hash != prints[first].hash ||
                !same_cell(&plan->cells[prints[first].index], &plan->cells[prints[i].index])) {
                first = i;
                continue;
            }
            repeats[prints[i].index] = true;
            if (prints[i].index < first_repeat) {
                first_repeat = prints[i].index;
                first_original = prints[first].index;
            }
        }
    }
    if (first_repeat != SIZE_MAX) {
        size_t kept = 0;
        char *repeat = strdup(plan->cells[first_repeat].label);
        char *original = strdup(plan->cells[first_original].label);
        for (size_t i = 0; i < count; i++) {
            if (repeats[i]) {
                free_cell(&plan->cells[i]);
                dropped++;
                continue;
            }
            plan->cells[kept] = plan->cells[i];
            plan->cells[kept].index = kept;
            kept++;
        }
        plan->cell_count = kept;
        error_list_warn(building->messages, building->settings->place, NULL,
                        "%zu cells repeat others and are left out, first: \"%.300s\" is \"%.300s\"", dropped,
                        repeat ? repeat : "", original ? original : "");
        free(repeat);
        free(original);
    }
    bool done = prints && repeats;
    memory_free(prints);
    memory_free(repeats);
    return done;
}

/* ---- warnings and columns ---- */

static void warn_unused(const struct building *building, const struct setting *setting, const char *section)
{
    const struct key *key = setting->key;
    char path[160];
    struct key_value usual;
    if (building->used[key_index(key)])
        return;
    /* A file that `check --resolved` printed names every key; only what was changed is worth a word. */
    if (*section == '\0' && key_default_value(key, &building->plan->cells[0].config, &usual) &&
        key_equal(key, &setting->value, &usual))
        return;
    snprintf(path, sizeof path, "%s%s", section, key->name);
    error_list_warn(building->messages, setting->place, path, "has no effect in any cell; it belongs to %s",
                    key->belongs_to);
}

static void warn(const struct building *building)
{
    const struct experiment_settings *settings = building->settings;
    for (size_t i = 0; i < settings->base.count; i++)
        warn_unused(building, &settings->base.settings[i], "");
    for (size_t i = 0; i < settings->lane_count; i++) {
        const struct lane *lane = &settings->lanes[i];
        char section[16];
        snprintf(section, sizeof section, "%s.", lane->section);
        for (size_t k = 0; k < lane->count; k++) {
            for (size_t m = 0; m < lane->values[k].count; m++)
                warn_unused(building, &lane->values[k].settings[m], section);
        }
    }
    for (size_t i = 0; i < settings->include_count; i++) {
        for (size_t k = 0; k < settings->include[i].count; k++)
            warn_unused(building, &settings->include[i].settings[k], "include.");
    }
    for (size_t i = 0; i < settings->exclude_count; i++) {
        if (!building->exclude_matched[i])
            error_list_warn(building->messages, settings->exclude[i].place, "exclude",
                            "matches no cell: %.300s", settings->exclude[i].label);
    }
}

static bool make_columns(struct building *building, struct error *error)
{
    struct plan *plan = building->plan;
    plan->columns = memory_zeroed(key_count + 1, sizeof *plan->columns, error);
    if (!plan->columns)
        return false;
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        if (key->fallback != KEY_DEFAULT_REQUIRED && !building->differs[i] &&
            !is_swept(building->settings, key))
            continue;
        struct plan_column *column = &plan->columns[plan->column_count++];
        *column = (struct plan_column){.key = key, .unit = key_unit(key), .help = key->help};
        key_column_name(key, column->name, sizeof column->name);
        if (key->type != KEY_REGIONS)
            continue;
        plan->columns[plan->column_count++] = (struct plan_column){.key = key,
                                                                   .sum = true,
                                                                   .name = "mapped_bytes",
                                                                   .unit = "bytes",
                                                                   .help = "sum of mapping.regions"};
    }
    return true;
}

bool plan_build(const struct experiment *experiment, struct plan **plan, struct error_list *messages)
{
    struct error error = {0};
    struct place place = experiment->settings->place;
    struct building *building = memory_zeroed(1, sizeof *building, &error);
    struct plan *made = memory_zeroed(1, sizeof *made, &error);
    size_t errors = messages->error_count;
    bool done = false;
    *plan = NULL;
    if (building && made) {
        building->experiment = experiment;
        building->settings = experiment->settings;
        building->plan = made;
        building->messages = messages;
        building->exclude_matched = memory_zeroed(building->settings->exclude_count, sizeof(bool), &error);
        for (size_t i = 0; i < key_count; i++) {
            if (key_table[i].fallback == KEY_DEFAULT_TEXT || key_table[i].fallback == KEY_DEFAULT_NONE)
                key_default_value(&key_table[i], NULL, &building->defaults[i]);
        }
        done = building->exclude_matched && add_all(building, &error);
        flush_problems(building);
        done = done && messages->error_count == errors;
        if (done && made->cell_count == 0) {
            error_list_add(messages, place_of_section(building, "exclude"), "exclude",
                           "leaves no cell; exclude fewer");
            done = false;
        }
        done = done && drop_repeats(building, &error) && make_columns(building, &error);
        if (done)
            warn(building);
        memory_free(building->exclude_matched);
    }
    if (error.kind != ERROR_NONE)
        error_list_add(messages, place, NULL, "%s", error.text);
    memory_free(building);
    if (done)
        *plan = made;
    else
        plan_free(made);
    return done;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->cell_count; i++)
        free_cell(&plan->cells[i]);
    memory_free(plan->cells);
    memory_free(plan->columns);
    memory_free(plan);
}
